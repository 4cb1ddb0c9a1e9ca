"""URLs in bodies, made absolute against the post's own URL."""

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from publisher.core.posts.assets import Placed, placed

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\ufdd0-\ufdef]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_GOOD = re.compile(r"https?://[^/?#\s\\]+[!-~]*", re.IGNORECASE)
_PLAIN = re.compile(r"/?(?:[\w~-][\w.~-]*/)*[\w~-][\w.~-]*/?(?:#[\w-]*)?", re.ASCII)
_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SAFE = "%/!$'()*+,:;=@~&?#[]-._"
_DATA_IMAGE = re.compile(r"data:image/(?:png|gif|jpe?g|webp|avif|bmp|x-icon|svg\+xml)[;,]", re.IGNORECASE)
LINK_SCHEMES = frozenset({"mailto", "tel", "sms", "xmpp", "geo", "ftp"})


@lru_cache(maxsize=4096)
def absolute(url: str, base: str, *, image: bool = False) -> str | None:
    """`url` as an absolute URL; None where it has no place in a feed or mail (javascript:, file:, ...).

    http and https always; mailto: and its kind for links; data: for images. A pure "#fragment" is a
    place in the post's own page.
    """
    url = _CONTROLS.sub("", url).strip()
    if not url:
        return None
    if _GOOD.fullmatch(url):
        return url if "[" not in url or _parts_of(url) else None
    if _PLAIN.fullmatch(url):  # joined by hand: a body may hold 30,000 links, and urljoin takes its time
        origin, folder = _ends(base)
        return (origin if url[0] == "/" else folder) + url
    scheme = _SCHEME.match(url)
    kind = scheme[1].lower() if scheme else ""
    if kind == "data":
        return url.replace(" ", "") if image and _DATA_IMAGE.match(url) else None
    if kind in LINK_SCHEMES:
        return None if image else _encoded(url)
    if kind in ("http", "https"):
        url = kind + "://" + url[len(kind) + 1 :].lstrip("/\\")
    elif kind:
        return None
    return _joined(url.replace("\\", "/"), base)


def _parts_of(url: str) -> SplitResult | None:
    """None: its host is no host ("http://[x")."""
    try:
        return urlsplit(url)
    except ValueError:
        return None


@lru_cache(maxsize=64)
def _ends(base: str) -> tuple[str, str]:
    """Of a base URL: scheme and host, and all up to the last slash of its path."""
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}", urljoin(base, ".")


def resolved(url: str, base: str, files: Mapping[str, Placed], *, image: bool = False) -> str | None:
    """Where `url` leads: to one of the post's own `files`, else as `absolute` has it."""
    found = placed(url, files) if files else None
    return found.url if found else absolute(url, base, image=image)


def absolute_set(srcset: str, base: str, files: Mapping[str, Placed]) -> str | None:
    """A srcset with every candidate absolute (HTML 4.8.4.2.1); None where none is left."""
    found: list[str] = []
    for part in _parts(_CONTROLS.sub(" ", srcset)):
        words = part.split()
        url = resolved(words[0], base, files, image=True) if words else None
        if url:
            found.append(
                " ".join([url.replace(",", "%2C") if not url.startswith("data:") else url, *words[1:2]])
            )
    return ", ".join(found) or None


def _parts(srcset: str) -> list[str]:
    """Candidates: apart by a comma with a space, or after a descriptor; URLs themselves may hold commas."""
    return re.split(r",\s+|(?<=[wxh]),|\s+,", srcset.strip())


def _joined(url: str, base: str) -> str | None:
    try:
        joined = _encoded(urljoin(base, url))
    except ValueError:
        return None
    return joined if _GOOD.fullmatch(joined) else None


def _encoded(url: str) -> str:
    """Percent-encoded once: what is already encoded stays."""
    return quote(_ESCAPE.sub("%25", url), safe=_SAFE)
