"""URLs in bodies, made absolute against the post's own URL."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote, urljoin, urlsplit

from publisher.core.posts.assets import AssetLocation, locate_asset

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\ufdd0-\ufdef]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_ABSOLUTE = re.compile(r"https?://[^/?#\s\\]+[!-~]*", re.IGNORECASE)
_SIMPLE_PATH = re.compile(r"/?(?:[\w~-][\w.~-]*/)*[\w~-][\w.~-]*/?(?:#[\w-]*)?", re.ASCII)
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNQUOTED = "%/!$'()*+,:;=@~&?#[]-._"
_DATA_IMAGE = re.compile(r"data:image/(?:png|gif|jpe?g|webp|avif|bmp|x-icon|svg\+xml)[;,]", re.IGNORECASE)
_BETWEEN_CANDIDATES = re.compile(r",\s+|(?<=[wxh]),|\s+,")  # URLs themselves may contain commas
LINK_SCHEMES = frozenset({"mailto", "tel", "sms", "xmpp", "geo", "ftp"})


@lru_cache(maxsize=4096)
def absolute(url: str, base: str, *, image: bool = False) -> str | None:
    """`url` as an absolute URL; None if it has no place in a feed or mail (javascript:, file:, ...).

     http and https always; mailto: and the like for links; data: for images. A bare "#fragment" is a place on
    the post's own page.
    """
    url = _CONTROLS.sub("", url).strip()
    if not url:
        return None
    if _ABSOLUTE.fullmatch(url):
        try:
            return url if "[" not in url or urlsplit(url) else None
        except ValueError:  # the host is not a host ("http://[x")
            return None
    if _SIMPLE_PATH.fullmatch(url):  # without urljoin, which is slow: a body may have 30,000 links
        origin, folder = _origin_and_folder(base)
        return (origin if url[0] == "/" else folder) + url
    match = _SCHEME.match(url)
    scheme = match[1].lower() if match else ""
    if scheme == "data":
        return url.replace(" ", "") if image and _DATA_IMAGE.match(url) else None
    if scheme in LINK_SCHEMES:
        return None if image else _percent_encoded(url)
    if scheme in ("http", "https"):
        url = scheme + "://" + url[len(scheme) + 1 :].lstrip("/\\")
    elif scheme:
        return None
    try:
        joined = _percent_encoded(urljoin(base, url.replace("\\", "/")))
    except ValueError:
        return None
    return joined if _ABSOLUTE.fullmatch(joined) else None


@lru_cache(maxsize=64)
def _origin_and_folder(base: str) -> tuple[str, str]:
    """The scheme and host of a base URL, and all of it up to the last slash of its path."""
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}", urljoin(base, ".")


def _percent_encoded(url: str) -> str:
    """Encoded once: what is encoded already stays."""
    return quote(_LONE_PERCENT.sub("%25", url), safe=_UNQUOTED)


def resolve(url: str, base: str, files: Mapping[str, AssetLocation], *, image: bool = False) -> str | None:
    """The URL of the post's own file if `url` names one of `files`, else the same as `absolute`."""
    found = locate_asset(url, files) if files else None
    return found.url if found else absolute(url, base, image=image)


def absolute_srcset(srcset: str, base: str, files: Mapping[str, AssetLocation]) -> str | None:
    """A srcset with every candidate absolute (HTML 4.8.4.2.1); None if none remains."""
    found: list[str] = []
    for part in _BETWEEN_CANDIDATES.split(_CONTROLS.sub(" ", srcset).strip()):
        words = part.split()
        url = resolve(words[0], base, files, image=True) if words else None
        if url:
            escaped = url if url.startswith("data:") else url.replace(",", "%2C")
            found.append(" ".join([escaped, *words[1:2]]))
    return ", ".join(found) or None
