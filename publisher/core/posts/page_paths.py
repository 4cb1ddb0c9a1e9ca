"""Permalinks of posts that have pages: valid as file names everywhere, and under /posts/ or, where the author
set posts.permalink, at the root beside Publisher's own addresses, which no post may take.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote, unquote

POSTS_FOLDER = "posts/"
"""The folder of post pages under public/."""

MAX_NAME_BYTES, MAX_PATH_BYTES = 120, 1000
"""Bytes of UTF-8, of one name and of the whole path."""

_UNFIT = re.compile("[\x00-\x1f\x7f/\\\\\ud800-\udfff]")
_SAFE = "!$'()*+,:;=@~&"


def public_permalink(permalink: str, *, at_root: bool = False) -> str:
    """`permalink` under /posts/, so that no post takes the place of a feed, or with `at_root` where it says.
    Names that a file system or the web server would refuse are changed; valid ones stay as they are.
    """
    plain = permalink.strip("/")
    inner = "" if plain == "posts" else plain.removeprefix(POSTS_FOLDER)
    folder = "" if at_root and inner == plain else POSTS_FOLDER
    names = [_valid_name(part) for part in inner.split("/") if part]
    slash = "/" if permalink.endswith("/") or not names else ""
    whole = "/".join(names)
    if len(unquote(whole).encode()) > MAX_PATH_BYTES:
        whole, slash = _digest(whole), "/"
    return f"/{folder}{whole}{slash if whole else ''}"


def page_path(permalink: str) -> str:
    """The path of a post's page under public/: a name in .html is the file itself, any other a folder with an
    index.html. `permalink` is one that `public_permalink` made.
    """
    fit = public_permalink(permalink, at_root=True)
    path = unquote(fit).strip("/")
    is_file = fit.lower().endswith((".html", ".htm"))
    return path if is_file else f"{path}/index.html".removeprefix("/")


APP_NAMES = (
    *("subscribe", "confirm", "never-ask", "unsubscribe", "preferences", "account", "view", "share"),
    *("hooks", "healthz", "readyz"),
)
"""First path segments of what the web server answers itself, whatever documents there are."""

APP_PATHS = (*APP_NAMES, "api")
"""What `publisher run` answers itself."""

RESERVED_NAMES = frozenset({"assets", "archive", "digests", *APP_PATHS})
"""First path segments that no alias may take: documents have them, or the web server answers them itself."""


def is_reserved(path: str) -> bool:
    """Whether a path under public/ belongs to Publisher itself, so that it is no former address of a post."""
    return disk_key(path).partition("/")[0] in RESERVED_NAMES


OUR_NAMES = ("index.html", "manifest.json", "feeds.opml")
"""Documents at the root that every site has."""


def document_pattern(paths: Iterable[str], placeholder: str) -> str:
    """A regular expression of the pages (their `disk_key`) that would stand where a document does, or hide
    it: the document itself, one that needs a folder of that name, or the index beside an index. `paths` are
    the documents' under public/; `placeholder` in one stands for any name.
    """
    any_name = re.escape(disk_key(placeholder))
    found: list[str] = []
    for path in (*paths, *OUR_NAMES):
        folder, _, name = disk_key(path).rpartition("/")
        found.append(rf"{re.escape(disk_key(path))}(?:\.(?:gz|br))?(?:/.*)?")
        if name.startswith("index.") and folder:
            found.append(re.escape(f"{folder}/index.html"))
    return "|".join(dict.fromkeys(found)).replace(any_name, "[^/]+")


def reserved_because(permalink: str, names: Iterable[str], documents: str) -> str:
    """Why no post can have the address `permalink` at the root, as `disk_key` compares it: its first part is
    one of `names`, which Publisher answers itself, or its page matches `documents`; "" if one can.
    """
    page = disk_key(page_path(permalink))
    first = page.partition("/")[0]
    if first in RESERVED_NAMES or first in names:
        return f"its address {permalink} is reserved: Publisher needs /{first}/; give the post another slug"
    if re.fullmatch(documents, page, re.DOTALL):
        return f"its address {permalink} is that of a feed or another document; give the post another slug"
    return ""


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
