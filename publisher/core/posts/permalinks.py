"""Permalinks of posts that have pages: under /posts/, and fit to be names of files everywhere."""

import hashlib
import re
from urllib.parse import quote, unquote

POSTS_FOLDER = "posts/"
"""Where pages of posts stand under public/."""

MAX_NAME_BYTES, MAX_PATH_BYTES = 120, 1000
"""Bytes of UTF-8, of one name and of the whole path."""

_UNFIT = re.compile("[\x00-\x1f\x7f/\\\\\ud800-\udfff]")
_SAFE = "!$'()*+,:;=@~&"


def public_permalink(permalink: str) -> str:
    """`permalink` below /posts/, whatever it was, so that no post takes the place of a feed; names that a
    file system or the web server refuses are made fit. What is fit already stays as it is.
    """
    inner = permalink.strip("/").removeprefix("posts/") if permalink.strip("/") != "posts" else ""
    names = [_fitting(part) for part in inner.split("/") if part]
    slash = "/" if permalink.endswith("/") or not names else ""
    whole = "/".join(names)
    if len(unquote(whole).encode()) > MAX_PATH_BYTES:
        whole, slash = _digest(whole), "/"
    return f"/{POSTS_FOLDER}{whole}{slash if whole else ''}"


def page_path(permalink: str) -> str:
    """Where under public/ the page of a post stands: a name in .html is the file itself, else a folder's
    index.html. Never outside posts/.
    """
    fit = public_permalink(permalink)
    path = unquote(fit).strip("/")
    is_file = fit.lower().endswith((".html", ".htm"))
    return path if is_file else f"{path}/index.html"


RESERVED_NAMES = frozenset(
    {"assets", "archive", "digests", "subscribe", "confirm", "unsubscribe", "preferences", "account", "view"}
    | {"api", "hooks", "healthz", "readyz"}
)
"""First names under public/ that no alias takes: of documents, and of what the web answers by itself."""


def alias_path(alias: str) -> str | None:
    """Where under public/ a page stood that had the address `alias` (a path from local_path); None where none
    can have: the start page, what is hidden, and what others than posts have.
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
    path = "/".join(unquote(_fitting(part)) for part in names)
    if len(path.encode()) > MAX_PATH_BYTES:
        return None
    return path if path.lower().endswith((".html", ".htm")) else f"{path}/index.html"


def url_path(path: str) -> str:
    """The address of a page under public/, relative to it and percent-encoded: a folder where it is its
    index.html."""
    return quote(path.removesuffix("index.html"), safe=_SAFE + "/")


def _fitting(part: str) -> str:
    """One percent-encoded name: no control character, nothing hidden, not too long."""
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
