"""Any HTML -> safe HTML (nh3): no script, style, form, frame or event handler; every URL absolute."""

import re
from collections.abc import Callable, Mapping
from html import escape, unescape

import nh3

from publisher.core.posts.assets import NO_ASSETS, AssetLocation
from publisher.markup.html.fragments import names
from publisher.markup.html.media_fallbacks import (
    FROM_NOSCRIPT,
    LAZY,
    LAZY_SETS,
    UnusableMedia,
    unusable_url,
    with_noscripts,
    with_usable_media,
)
from publisher.markup.html.placeholders import reveal_url
from publisher.markup.html.urls import LINK_SCHEMES, absolute, absolute_srcset, resolve
from publisher.markup.templating.templates import without_tags

TAGS = names(
    "a abbr address article aside audio b bdi bdo blockquote br caption cite code col colgroup dd del details"
    " dfn div dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p"
    " picture pre q rp rt ruby s samp section small source span strike strong sub summary sup table tbody td"
    " tfoot th thead time tr tt u ul var video wbr"
)
DROPPED = names(
    "applet button datalist frameset iframe math noembed noframes noscript object optgroup script select"
    " style svg template textarea title"
)
"""Elements that are removed with everything in them."""

ATTRIBUTES: dict[str, set[str]] = {
    "*": {"id", "lang", "dir", "title"},
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
    "td": {"colspan", "rowspan", "align", "headers"},
    "th": {"colspan", "rowspan", "align", "headers", "scope"},
    "time": {"datetime"},
    "video": {"src", "poster", "controls", "width", "height"},
}
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
_SOURCE = re.compile(r"""\bsrc\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)


def without_illegal(text: str) -> str:
    """`text` without what XML 1.0 cannot represent (2.2 Char) and without C1 controls."""
    return _ILLEGAL.sub("", text)


def sanitize(
    html: str,
    base_url: str,
    files: Mapping[str, AssetLocation] = NO_ASSETS,
    unusable: list[UnusableMedia] | None = None,
) -> str:
    """Safe HTML. An iframe becomes a link to what it would show; a name of `files` becomes its URL. Pictures
    and links without an address become their words and are added to `unusable`.
    """
    html = with_noscripts(html)
    replaced: list[str] = []
    # nh3 silently removes addresses of schemes it does not know, so a caller who wants to hear of them
    # allows them all: the attribute filter then sees and judges each.
    seen = () if unusable is None else map(str.lower, _SCHEMES.findall(html))
    if "<iframe" in html or "<IFRAME" in html:
        html = _IFRAME.sub(lambda match: _iframe_link(match, base_url), html)
    cleaner = nh3.Cleaner(
        tags=set(TAGS),
        clean_content_tags=set(DROPPED),
        attributes=ATTRIBUTES,
        attribute_filter=attribute_filter(base_url, files, replaced),
        link_rel=None,
        url_schemes={"http", "https", "data", *LINK_SCHEMES, *seen},
    )
    clean = without_illegal(cleaner.clean(html))
    safe = with_usable_media(_EMPTY_LINK.sub("", clean), replaced, unusable)
    return (
        _HEAVY_IMG.sub(lambda match: _heavy_img_link(match[0], base_url), safe)
        if _TOO_HEAVY in safe
        else safe
    )


def attribute_filter(
    base: str, files: Mapping[str, AssetLocation], replaced: list[str]
) -> Callable[[str, str, str], str | None]:
    """What nh3 calls for each attribute that ATTRIBUTES allows. Must not raise. Unusable addresses of
    pictures and links are added to `replaced`, and a numbered placeholder takes their place.
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
    """A link to what an iframe would show; "" if that has no address on the web."""
    for source in _SOURCE.finditer(match[1]):  # `data-src` too
        url = absolute(unescape(source[1] or source[2] or source[3] or ""), base, image=True)
        if url and url.startswith("http"):
            href = escape(url)
            return f'<p><a href="{href}">{href}</a></p>'
    return ""
