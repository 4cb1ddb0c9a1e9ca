"""Permalinks of posts that have pages: under /posts/, and valid as file names everywhere."""

import hashlib
import re
import unicodedata
from urllib.parse import quote, unquote

POSTS_FOLDER = "posts/"
"""The folder of post pages under public/."""

MAX_NAME_BYTES, MAX_PATH_BYTES = 120, 1000
"""Bytes of UTF-8, of one name and of the whole path."""

_UNFIT = re.compile("[\x00-\x1f\x7f/\\\\\ud800-\udfff]")
_SAFE = "!$'()*+,:;=@~&"


def public_permalink(permalink: str) -> str:
    """`permalink` under /posts/, so that no post takes the place of a feed. Names that a file system or the
    web server would refuse are changed; valid ones stay as they are.
    """
    inner = permalink.strip("/").removeprefix("posts/") if permalink.strip("/") != "posts" else ""
    names = [_valid_name(part) for part in inner.split("/") if part]
    slash = "/" if permalink.endswith("/") or not names else ""
    whole = "/".join(names)
    if len(unquote(whole).encode()) > MAX_PATH_BYTES:
        whole, slash = _digest(whole), "/"
    return f"/{POSTS_FOLDER}{whole}{slash if whole else ''}"


def page_path(permalink: str) -> str:
    """The path of a post's page under public/: a name in .html is the file itself, any other a folder with an
    index.html. Never outside posts/.
    """
    fit = public_permalink(permalink)
    path = unquote(fit).strip("/")
    is_file = fit.lower().endswith((".html", ".htm"))
    return path if is_file else f"{path}/index.html"


APP_NAMES = (
    *("subscribe", "confirm", "never-ask", "unsubscribe", "preferences", "account", "view", "share"),
    *("healthz", "readyz"),
)
"""First path segments of what the web server answers itself, whatever documents there are."""

APP_PATHS = (*APP_NAMES, "api", "hooks")
"""What `publisher run` answers itself."""

RESERVED_NAMES = frozenset({"assets", "archive", "digests", *APP_PATHS})
"""First path segments that no alias may take: documents have them, or the web server answers them itself."""


def alias_path(alias: str) -> str | None:
    """The path under public/ of the page that had the address `alias` (a path from local_path). None if it
    cannot be an alias: the start page, hidden paths, and paths of documents other than posts.
    """
    names = [part for part in alias.strip("/").split("/") if part]
    plain = [unquote(part) for part in names]
    if (
        not plain
        or plain in (["index.html"], ["posts", "index.html"])
        or plain[0] in RESERVED_NAMES
        or any(n.startswith(".") for n in plain)
    ):
        return None
    if plain[0] == POSTS_FOLDER.strip("/"):
        return page_path(alias) if len(plain) > 1 else None
    path = "/".join(unquote(_valid_name(part)) for part in names)
    if len(path.encode()) > MAX_PATH_BYTES:
        return None
    return path if path.lower().endswith((".html", ".htm")) else f"{path}/index.html"


def url_path(path: str) -> str:
    """The percent-encoded address of a page, relative to public/: an index.html has that of its folder."""
    return quote(path.removesuffix("index.html"), safe=_SAFE + "/")


def _valid_name(part: str) -> str:
    """A percent-encoded name that is valid everywhere: no control characters, not hidden, not too long."""
    name = unquote(part)
    fit = _UNFIT.sub("-", name)
    if fit.startswith("."):
        fit = "-" + fit[1:]
    if fit.endswith(".part"):
        fit += "-"
    if len(fit.encode()) > MAX_NAME_BYTES:
        suffix = ".html" if fit.lower().endswith(".html") else ""
        fit = f"{fit.encode()[: MAX_NAME_BYTES - 20].decode(errors='ignore')}-{_digest(fit)[:8]}{suffix}"
    return part if fit == name else quote(fit, safe=_SAFE)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def disk_key(path: str) -> str:
    """Equal for paths that are one file on a disk that ignores case or Unicode normalization."""
    return unicodedata.normalize("NFC", path).casefold()
