"""Any HTML -> safe HTML (nh3): no script, style, form, frame or event handler; every URL absolute, resolved
against the post's own.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from html import escape, unescape
from urllib.parse import quote, urljoin, urlsplit

import nh3

from publisher.core.posts.mathml import MATH_ATTRIBUTES, MATH_TAGS
from publisher.core.posts.post import NO_ASSETS, AssetLocation, locate_asset
from publisher.markup.html.fragments import VOID, names, pieces, reveal_url
from publisher.markup.html.media_fallbacks import (
    FROM_NOSCRIPT,
    LAZY,
    LAZY_SETS,
    UnusableMedia,
    unusable_url,
    with_noscripts,
    with_usable_media,
)
from publisher.markup.templating.templates import without_tags

_HIDDEN = re.compile(r' hidden="| class="katex-html"')
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\ufdd0-\ufdef]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_ABSOLUTE = re.compile(r"https?://[^/?#\s\\]+[!-~]*", re.IGNORECASE)
_SIMPLE_PATH = re.compile(r"/?(?:[\w~-][\w.~-]*/)*[\w~-][\w.~-]*/?(?:#[\w-]*)?", re.ASCII)
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_UNQUOTED = "%/!$'()*+,:;=@~&?#[]-._"
_DATA_IMAGE = re.compile(r"data:image/(?:png|gif|jpe?g|webp|avif|bmp|x-icon|svg\+xml)[;,]", re.IGNORECASE)
_BETWEEN_CANDIDATES = re.compile(r",\s+|(?<=[wxh]),|\s+,")  # URLs themselves may contain commas
LINK_SCHEMES = frozenset({"mailto", "tel", "sms", "xmpp", "geo", "ftp"})

TAGS = names(
    "a abbr address article aside audio b bdi bdo blockquote br caption cite code col colgroup dd del details"
    " dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p"
    " picture pre q rp rt ruby s samp section small source span strike strong sub summary sup table tbody td"
    " tfoot th thead time tr tt u ul var video wbr"
)

ALLOWED = {*TAGS, *MATH_TAGS}

DROPPED = names(
    "annotation annotation-xml applet button datalist frameset iframe noembed noframes noscript object"
    " optgroup script select style svg template textarea title"
)
"""Elements that are removed with everything in them."""

ATTRIBUTES: dict[str, set[str]] = {
    "*": {"id", "lang", "dir", "title", "hidden"},
    "a": {"href"},
    "audio": {"src", "controls"},
    "blockquote": {"cite"},
    "code": {"class"},
    "col": {"span"},
    "colgroup": {"span"},
    "del": {"cite", "datetime"},
    "details": {"open"},
    "img": {"src", "srcset", "sizes", "alt", "width", "height", *LAZY, *LAZY_SETS, FROM_NOSCRIPT},
    "ins": {"cite", "datetime"},
    "li": {"value"},
    "ol": {"start", "reversed", "type"},
    "q": {"cite"},
    "source": {"src", "srcset", "sizes", "type", "media", *LAZY_SETS},
    "span": {"class"},
    "td": {"colspan", "rowspan", "align", "headers"},
    "th": {"colspan", "rowspan", "align", "headers", "scope"},
    "time": {"datetime"},
    "video": {"src", "poster", "controls", "width", "height"},
    **{tag: set(names) for tag, names in MATH_ATTRIBUTES.items()},
}

_KATEX_COPY = "katex-html"
"""The class of a second copy that KaTeX makes of a formula, which only its style sheet can lay out."""

DATA_BUDGET = 100_000
"""Characters of data: URLs that a body may contain; pictures beyond that become links."""

_URLS = frozenset({"href", "src", "poster", "cite", *LAZY})
_MAY_BE_UNUSABLE = frozenset({("img", "src"), ("a", "href")})
_SETS = frozenset({"srcset", *LAZY_SETS})
_SCHEMES = re.compile(r"\b(?:src|href)\s*=\s*[\"']?\s*([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_ILLEGAL = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TOO_HEAVY = "https://data.invalid/heavy"
_HEAVY_IMG = re.compile(rf'<img [^<>]*src="{_TOO_HEAVY}"[^<>]*>')
_ALT = re.compile(r' alt="([^"]*)"')
_IFRAME = re.compile(r"<iframe\b([^<>]*)>(?:[^<]*</iframe\s*>)?", re.IGNORECASE)
_LANGUAGE = re.compile(r"language-[\w+#.-]+")  # "rust,ignore" and "bash:.profile" say more than that
_EMPTY_LINK = re.compile(r"<a [^<>]*></a>(?=<a )")  # left over from a link around an autolink
_TITLE = re.compile(r"""\stitle\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)
_SOURCE = re.compile(r"""\bsrc\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)


def without_illegal(text: str) -> str:
    """`text` without characters that XML 1.0 cannot represent (2.2 Char) and without C1 controls."""
    return _ILLEGAL.sub("", text)


def sanitize(
    html: str,
    base_url: str,
    files: Mapping[str, AssetLocation] = NO_ASSETS,
    unusable: list[UnusableMedia] | None = None,
) -> str:
    """Safe HTML. An iframe becomes a link to its content; a reference to one of `files` becomes its URL.
    Pictures and links without a usable address become their text and are added to `unusable`.
    """
    html = with_noscripts(html)
    replaced: list[str] = []
    # nh3 silently removes addresses of schemes it does not know, so a caller who wants to hear of them
    # allows them all: the attribute filter then sees and judges each.
    seen = () if unusable is None else map(str.lower, _SCHEMES.findall(html))
    if "<iframe" in html or "<IFRAME" in html:
        html = _IFRAME.sub(lambda match: _iframe_link(match, base_url), html)
    cleaner = nh3.Cleaner(
        tags=ALLOWED,
        clean_content_tags=set(DROPPED),
        attributes=ATTRIBUTES,
        attribute_filter=attribute_filter(base_url, files, replaced, has_math="<math" in html),
        link_rel=None,
        url_schemes={"http", "https", "data", *LINK_SCHEMES, *seen},
    )
    clean = without_illegal(cleaner.clean(html))
    if ' hidden="' in clean or _KATEX_COPY in clean:
        clean = _without_hidden(clean)
    safe = with_usable_media(_EMPTY_LINK.sub("", clean), replaced, unusable)
    return (
        _HEAVY_IMG.sub(lambda match: _heavy_img_link(match[0], base_url), safe)
        if _TOO_HEAVY in safe
        else safe
    )


def _without_hidden(html: str) -> str:
    """Safe HTML without elements that browsers do not show: those with `hidden`, and KaTeX's second copies of
    formulas.
    """
    kept: list[str] = []
    depth = 0  # of open elements inside a hidden one, itself included
    for piece in pieces(html):
        is_void = piece.tag in VOID
        if depth:
            depth += 0 if not piece.tag or is_void else -1 if piece.closing else 1
        elif piece.tag and not piece.closing and _HIDDEN.search(piece.raw):
            depth = 0 if is_void else 1
        else:
            kept.append(piece.raw)
    return "".join(kept)


def attribute_filter(
    base: str, files: Mapping[str, AssetLocation], replaced: list[str], *, has_math: bool
) -> Callable[[str, str, str], str | None]:
    """What nh3 calls for each attribute that ATTRIBUTES allows. Must not raise. Unusable addresses of
    pictures and links are added to `replaced`, and a numbered placeholder takes their place. With `has_math`,
    KaTeX's copies of formulas keep their class.
    """
    budget = DATA_BUDGET

    def keep(tag: str, name: str, value: str) -> str | None:
        nonlocal budget
        if name in _URLS:
            value = reveal_url(value)
            missing = unusable_url(replaced, value) if (tag, name) in _MAY_BE_UNUSABLE else None
            if "{{" in value or "{%" in value:
                return missing  # only the generator could have completed the address
            if len(value) > 1000 and value[:5].lower() == "data:":
                budget -= len(value)
                if budget < 0:
                    return _TOO_HEAVY if tag == "img" else None
            return resolve(value, base, files, image=tag == "img") or missing
        if name in _SETS:
            return absolute_srcset(value, base, files)
        if name == "class" and tag == "span":
            return _KATEX_COPY if has_math and _KATEX_COPY in value.split() else None
        if name == "class":
            language = _LANGUAGE.match(value)
            return language[0] if language and " " not in value else None
        return without_tags(value) if "{" in value else value

    return keep


def _heavy_img_link(image: str, base: str) -> str:
    """A link to the post in place of a picture that is too heavy to include."""
    alt = _ALT.search(image)
    words = alt[1] if alt and alt[1].strip() else "Picture"
    return f'<a href="{escape(base)}">{words}</a>'


def _iframe_link(match: re.Match[str], base: str) -> str:
    """A link to what an iframe would show, by its title; "" if that has no address on the web."""
    for source in _SOURCE.finditer(match[1]):  # `data-src` too
        url = absolute(unescape(source[1] or source[2] or source[3] or ""), base, image=True)
        if url and url.startswith("http"):
            href = escape(url)
            title = _TITLE.search(match[1])
            words = " ".join(unescape(title[1] or title[2] or "").split()) if title else ""
            return f'<p><a href="{href}">{escape(words) or href}</a></p>'
    return ""


@lru_cache(maxsize=4096)
def absolute(url: str, base: str, *, image: bool = False) -> str | None:
    """`url` as an absolute URL; None if a feed or mail must not have it (javascript:, file:, ...).

    http and https are always allowed, mailto: and the like for links, data: for images. A bare "#fragment" is
    resolved against the post's own page.
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
    if found is None:
        return absolute(url, base, image=image)
    return found.url if image or not found.original else found.original


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
