"""Any HTML -> safe HTML (nh3): no script, style, form, frame or event handler; every URL absolute."""

import re
from collections.abc import Callable, Mapping
from html import escape, unescape

import nh3

from publisher.core.posts.assets import NO_FILES, Placed
from publisher.markup.html.fragments import names
from publisher.markup.html.media_fallbacks import (
    LAZY,
    LAZY_SETS,
    OF_NOSCRIPT,
    UnusableMedia,
    lost_mark,
    mended,
    with_noscripts,
)
from publisher.markup.html.placeholders import shown_url
from publisher.markup.html.urls import LINK_SCHEMES, absolute, absolute_set, resolved
from publisher.markup.templating.templates import without_marks

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
"""Elements that go with all that is in them."""

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
    "img": {"src", "srcset", "sizes", "alt", "width", "height", *LAZY, *LAZY_SETS, OF_NOSCRIPT},
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
_URLS = frozenset({"href", "src", "poster", "cite", *LAZY})
_SCHEMES = re.compile(r"\b(?:src|href)\s*=\s*[\"']?\s*([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_MENDED = frozenset({("img", "src"), ("a", "href")})
_SETS = frozenset({"srcset", *LAZY_SETS})
_ILLEGAL = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MARK = "https://data.invalid/heavy"
_HEAVY = re.compile(rf'<img [^<>]*src="{_MARK}"[^<>]*>')
_ALT = re.compile(r' alt="([^"]*)"')
DATA_BUDGET = 100_000
"""Characters of pictures written into a body (data: URLs) that are carried; more become links."""

_FRAME = re.compile(r"<iframe\b([^<>]*)>(?:[^<]*</iframe\s*>)?", re.IGNORECASE)
_LANGUAGE = re.compile(r"language-[\w+#.-]+")  # "rust,ignore" and "bash:.profile" say more than that
_NESTED = re.compile(r"<a [^<>]*></a>(?=<a )")  # what is left of a link around an autolink
_SOURCE = re.compile(r"""\bsrc\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)


def legal(text: str) -> str:
    """`text` without what XML 1.0 cannot carry (2.2 Char) and without C1 controls."""
    return _ILLEGAL.sub("", text)


def sanitised(
    html: str, base_url: str, files: Mapping[str, Placed] = NO_FILES, lost: list[UnusableMedia] | None = None
) -> str:
    """Safe HTML. An iframe becomes a link to what it would show; a name of `files` becomes its URL. Pictures
    and links without an address, which become their words, are added to `lost`.
    """
    html = with_noscripts(html)
    given: list[str] = []
    # nh3 itself takes away an address of a scheme it was not told: who asks what was lost sees it go here.
    asked = () if lost is None else map(str.lower, _SCHEMES.findall(html))
    if "<iframe" in html or "<IFRAME" in html:
        html = _FRAME.sub(lambda match: _frame_link(match, base_url), html)
    cleaner = nh3.Cleaner(
        tags=set(TAGS),
        clean_content_tags=set(DROPPED),
        attributes=ATTRIBUTES,
        attribute_filter=_filter(base_url, files, given),
        link_rel=None,
        url_schemes={"http", "https", "data", *LINK_SCHEMES, *asked},
    )
    safe = mended(_NESTED.sub("", legal(cleaner.clean(html))), given, lost)
    return _HEAVY.sub(lambda match: _picture_link(match[0], base_url), safe) if _MARK in safe else safe


def _filter(
    base: str, files: Mapping[str, Placed], given: list[str]
) -> Callable[[str, str, str], str | None]:
    """What nh3 asks of each attribute that ATTRIBUTES allows. Must not raise. Addresses of pictures and links
    that are none go to `given`, and a mark stands for them.
    """
    left = DATA_BUDGET

    def attribute(tag: str, name: str, value: str) -> str | None:
        nonlocal left
        if name in _URLS:
            value = shown_url(value)
            missing = lost_mark(given, value) if (tag, name) in _MENDED else None
            if "{{" in value or "{%" in value:
                return missing  # an address that only a generator could have completed
            if len(value) > 1000 and value[:5].lower() == "data:":
                left -= len(value)
                if left < 0:
                    return _MARK if tag == "img" else None
            return resolved(value, base, files, image=tag == "img") or missing
        if name in _SETS:
            return absolute_set(value, base, files)
        if name == "class":
            said = _LANGUAGE.match(value)
            return said[0] if said and " " not in value else None
        return without_marks(value) if "{" in value else value

    return attribute


def _picture_link(image: str, base: str) -> str:
    """A link to the post in place of a picture that is too heavy to be carried along."""
    alt = _ALT.search(image)
    words = alt[1] if alt and alt[1].strip() else "Picture"
    return f'<a href="{escape(base)}">{words}</a>'


def _frame_link(match: re.Match[str], base: str) -> str:
    for source in _SOURCE.finditer(match[1]):  # `data-src` too
        url = absolute(unescape(source[1] or source[2] or source[3] or ""), base, image=True)
        if url and url.startswith("http"):
            shown = escape(url)
            return f'<p><a href="{shown}">{shown}</a></p>'
    return ""
