"""Permalinks of posts that have pages: under /posts/, and fit to be names of files everywhere."""

import hashlib
import re
from urllib.parse import quote, unquote

FOLDER = "posts/"
"""Where pages of posts stand under public/."""

LONGEST_NAME, LONGEST_PATH = 120, 1000
"""Bytes of UTF-8, of one name and of the whole path."""

_UNFIT = re.compile("[\x00-\x1f\x7f/\\\\\ud800-\udfff]")
_SAFE = "!$'()*+,:;=@~&"


def under_posts(permalink: str) -> str:
    """`permalink` below /posts/, whatever it was, so that no post takes the place of a feed; names that a
    file system or the web server refuses are made fit. What is fit already stays as it is.
    """
    inner = permalink.strip("/").removeprefix("posts/") if permalink.strip("/") != "posts" else ""
    names = [_fitting(part) for part in inner.split("/") if part]
    slash = "/" if permalink.endswith("/") or not names else ""
    whole = "/".join(names)
    if len(unquote(whole).encode()) > LONGEST_PATH:
        whole, slash = _digest(whole), "/"
    return f"/{FOLDER}{whole}{slash if whole else ''}"


def document_path(permalink: str) -> str:
    """Where under public/ the page of a post stands: a name in .html is the file itself, else a folder's
    index.html. Never outside posts/.
    """
    fit = under_posts(permalink)
    path = unquote(fit).strip("/")
    is_file = fit.lower().endswith((".html", ".htm"))
    return path if is_file else f"{path}/index.html"


def _fitting(part: str) -> str:
    """One percent-encoded name: no control character, nothing hidden, not too long."""
    name = unquote(part)
    fit = _UNFIT.sub("-", name)
    if fit.startswith("."):
        fit = "-" + fit[1:]
    if fit.endswith(".part"):
        fit += "-"
    if len(fit.encode()) > LONGEST_NAME:
        suffix = ".html" if fit.lower().endswith(".html") else ""
        fit = f"{fit.encode()[: LONGEST_NAME - 20].decode(errors='ignore')}-{_digest(fit)[:8]}{suffix}"
    return part if fit == name else quote(fit, safe=_SAFE)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
