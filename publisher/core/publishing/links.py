"""Addresses: when two are the same page, whatever a generator, a host or a campaign made of them; and parts
of those that a person or a feed gave, which may be no addresses at all.
"""

import unicodedata
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit

from publisher.core.patterns import lazy

_TRACKING = lazy(r"utm_\w+|mc_(cid|eid)|fbclid|gclid|dclid|msclkid|igshid|yclid|_hsenc|_hsmi|ref|ref_src")
_INDEX = lazy(r"(?:^|/)index\.(?:html?|php)$")
_SUFFIX = lazy(r"\.html?$")


def host_of(url: str) -> str:
    """The host of a URL; "" where it has none, or is none (such as "http://[x")."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def joined(base: str, reference: str) -> str:
    """A reference as a URL, resolved against `base`; "" where it is none."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return ""


def page_key(url: str) -> str:
    """A name for the page at `url`, with its host; "" where it is no address of the web."""
    host, path = _parts(url)
    return f"{host}{path}" if host else ""


def path_key(url: str) -> str:
    """A name for the page at `url` on any host, or of a path; "" for a start page."""
    host, path = _parts(url)
    return path if host or url.startswith("/") else ""


def _parts(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").removeprefix("www."), parts.port
    except ValueError:
        return "", ""
    if parts.scheme not in ("http", "https", ""):
        return "", ""
    where = host if port in (None, 80, 443) else f"{host}:{port}"
    return where, _path(parts.path) + _query(parts.query)


def _path(path: str) -> str:
    plain = unicodedata.normalize("NFC", unquote(path))
    names = [name for name in _INDEX.sub("", plain).split("/") if name]
    return "".join(f"/{name}" for name in names[:-1]) + (f"/{_SUFFIX.sub('', names[-1])}" if names else "")


def _query(query: str) -> str:
    pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if not _TRACKING.fullmatch(pair[0])]
    return f"?{urlencode(sorted(pairs))}" if pairs else ""
