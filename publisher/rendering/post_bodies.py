"""A post's HTML made fit for a mail or for a page of its own. Works on sanitized HTML: tags are whole.

Headings are lowered to follow the post's own title (h2) without a gap; tables get a box that scrolls;
pictures get an alt text and never more width than the column; videos and recordings, which no mail program
plays, become links; a link that no mail program follows becomes its words. Styles, classes and elements
that no mail may contain are removed once more: what an author writes never meets our own style rules.

Outlook ignores max-width: a picture of unknown size that has a block to itself gets the column's width
there.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from html import escape, unescape
from urllib.parse import unquote

from publisher.core.digests.digest import DigestPost
from publisher.core.mail.lint.html import PICTURE_PREFIXES, why_unusable
from publisher.core.mail.message import BACK_URL, LISTEN_TEXT, WATCH_TEXT
from publisher.core.posts.mathml import mathml_as_marked_text
from publisher.core.posts.post import Image

COLUMN = 536
"""Pixels between the margins of the 600 px container."""

Labels = tuple[str, str]
"""The words of links to videos and to recordings."""

Attributes = dict[str, str]
"""Of a tag, by name: values as HTML has them between double quotes."""

_INDENT = 40  # pixels that a list or quotation takes from the column
_MIN_WIDTH = 200

_REST = r"((?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)"
_MEDIA = re.compile(rf"<(video|audio)\b{_REST}>(.*?)</\1\s*>", re.DOTALL | re.IGNORECASE)
_SOURCE = re.compile(rf"<source\b{_REST}>", re.IGNORECASE)
_NUMBER = re.compile(r"[1-9]\d{0,4}")
_TOKEN = re.compile(rf"<(/?)([a-zA-Z][a-zA-Z0-9]*){_REST}>|([^<]+|<)")
_ATTRIBUTE_OF_MEDIA = re.compile(r"""\s([a-zA-Z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_SRCSET = re.compile(r"""\s(?:srcset|sizes)\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
_BLANK = re.compile(r"(?:\s|&nbsp;|&#160;)*")
_INLINE = re.compile(
    "a|abbr|b|bd[io]|br|cite|code|em|i|img|ins|kbd|mark|picture|q|s|samp|small|source|span|strong|su[bp]|u|wbr"
)
"""Elements that do not end the block around them."""
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*+)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)>")
_FORBIDDEN = re.compile(
    r"(?is)<(script|style|iframe|object|template|noscript)\b.*?(?:</\1\s*>|$)"
    r"|</?(?:form|input|button|select|textarea|link|meta|base|embed|frame|frameset|html|head|body|title)\b[^>]*>"
    r"|<!--.*?(?:-->|$)"
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_AUTHOR_STYLE = re.compile(r"style|class|bgcolor|background|valign|on\w+")
_PIXELS = re.compile(r"(\d{1,5})(?:px)?")
_PLAYER = re.compile(rf"<(video|audio)\b{_REST}>")
_LINKED_HEADING = re.compile(r'<h([1-6])\b[^>]*\sid="([^"]+)"[^>]*>(.*?)</h\1>', re.DOTALL)
_OPENS_WITH_PICTURE = re.compile(r"\s*(?:<(?:p|figure|div|a|picture)\b[^>]*>\s*)*<img\b", re.IGNORECASE)
_BACK_URL = re.compile(BACK_URL)
_BACK_LINK = re.compile(
    rf'\s{{0,9}}<a\b(?P<attributes>[^<>]*\shref="[^"#]*(?P<target>{BACK_URL}[^"]*)"[^<>]*)>'
    r"(?P<inside>(?:[^<]|</?sup>){1,30})</a>"
)
_REFERENCE = re.compile(r'\sid="([^"]+)"[^<>]*>\s*(?:<a\b[^<>]*>)?\s*\[?(\d{1,4})\]?\s*</a>')
_ALIGNMENT_CLASSES = {"right": "end", "center": "mid"}
"""Classes in place of the `align` attribute that HTML no longer has."""


@lru_cache(maxsize=512)
def mail_body(
    html: str,
    top: int = 3,
    image: Image | None = None,
    labels: Labels = (WATCH_TEXT, LISTEN_TEXT),
    prefix: str = "",
) -> str:
    """`html` for a mail: headings from `top` down without a gap, fluid pictures, scrolling tables. `image` is
    the post's own: the body may show it too, and its size is known. `labels` are the words of links to videos
    and recordings. `prefix` is put before every id, for no two posts of a mail may share one.
    """
    html = mathml_as_marked_text(_without_back_links(_FORBIDDEN.sub("", html)))
    html = _with_media_links(html, labels)
    widths = _widths_of_single_pictures(html)

    def picture(attrs: Attributes, at: int) -> str:
        return _fluid_picture(_with_known_size(attrs, image), widths.get(at, 0))

    return _adapted(html, top=top, picture=picture, prefix=prefix)


def page_body(html: str, image: Image | None = None, named: Callable[[str], str] = lambda _: "") -> str:
    """`html` for a page: headings from h2 down without a gap, pictures with an alt text; what scrolls
    sideways, tables and code, can be reached by the keyboard (WCAG 2.1.1). `named` makes the attributes of a
    link from a footnote back to the text, of the number of its reference.
    """

    def picture(attrs: Attributes, _at: int) -> str:
        attrs = _with_known_size(attrs, image)
        attrs.setdefault("alt", "")
        return f"<img{_written(attrs)}>"

    if "<video" in html or "<audio" in html:  # without controls nobody could play it
        html = _PLAYER.sub(
            lambda tag: tag[0] if " controls" in tag[2] else f"<{tag[1]} controls{tag[2]}>", html
        )
    html = _with_named_back_links(_FORBIDDEN.sub("", html), named)
    return _adapted(html, top=2, picture=picture, page=True)


def _without_back_links(html: str) -> str:
    """Safe HTML without links from footnotes back to the text: a mail's would open the page of the post."""
    if not _BACK_URL.search(html):
        return html
    bare = _BACK_LINK.sub(lambda link: "" if _is_sign(link["inside"]) else link[0], html)
    return bare if len(bare) == len(html) else bare.replace("<p></p>\n", "")


def _with_named_back_links(html: str, named: Callable[[str], str]) -> str:
    """Safe HTML in which a link from a footnote back to the text that is only a sign, such as an arrow, has
    the attributes that `named` makes of the number of its reference.
    """
    if not _BACK_URL.search(html):
        return html
    numbers: dict[str, str] = {}  # of references, by their ids
    uses: Counter[str] = Counter()
    for id, number in _REFERENCE.findall(html):
        uses[number] += 1
        numbers.setdefault(id, number if uses[number] == 1 else f"{number}-{uses[number]}")

    def with_name(link: re.Match[str]) -> str:
        number = numbers.get(unquote(unescape(link["target"][1:])))
        if number is None or "aria-label" in link["attributes"] or not _is_sign(link["inside"]):
            return link[0]
        return link[0].replace("<a", f"<a{named(number)}", 1)

    return _BACK_LINK.sub(with_name, html)


def _is_sign(inside: str) -> bool:
    return not any(map(str.isalpha, unescape(_TAG.sub("", inside))))


def headings(html: str) -> list[tuple[int, str, str]]:
    """(level from 1, id, words) of each heading of safe HTML that can be linked to; the highest has level
    1.
    """
    found = [
        (int(match[1]), unescape(match[2]), " ".join(unescape(_TAG.sub("", match[3])).split()))
        for match in _LINKED_HEADING.finditer(html)
    ]
    top = min((level for level, _, _ in found), default=1)
    return [(level - top + 1, id, words) for level, id, words in found if words]


def id_prefix(post: DigestPost) -> str:
    """What the ids in a post's body begin with in a mail; "" if it has none. The same in every mail."""
    return f"p{hashlib.sha256(post.id.encode()).hexdigest()[:8]}-" if ' id="' in post.html else ""


def _with_prefix(attrs: Attributes, prefix: str) -> Attributes:
    """The attributes of a tag with `prefix` before its id and before what refers to ids."""
    changed = dict(attrs)
    if "id" in attrs:
        changed["id"] = prefix + attrs["id"]
    if attrs.get("href", "")[:1] == "#" and len(attrs["href"]) > 1:
        changed["href"] = f"#{prefix}{attrs['href'][1:]}"
    if "headers" in attrs:
        changed["headers"] = " ".join(prefix + name for name in attrs["headers"].split())
    return changed


def _adapted(
    html: str, *, top: int, picture: Callable[[Attributes, int], str], page: bool = False, prefix: str = ""
) -> str:
    """`html` with each tag adapted. `picture` makes a picture from its attributes and its position."""
    open_levels: list[int] = []  # the author's levels of the headings above the current position
    level, dropped = top, False
    scrolls = ' tabindex="0"' if page else ""
    seen: set[str] = set()

    def tag(match: re.Match[str]) -> str:
        nonlocal level, dropped
        slash, name, attrs = match.group(1), match.group(2).lower(), _attributes(match.group(3))
        if prefix and attrs:
            attrs = _with_prefix(attrs, prefix)
        if "id" in attrs:  # of several the first counts, and they must be unique (HTML 3.2.6)
            if attrs["id"] in seen:
                del attrs["id"]
            else:
                seen.add(attrs["id"])
        if len(name) == 2 and name[0] == "h" and name[1] in "123456":
            if not slash:
                while open_levels and open_levels[-1] >= int(name[1]):
                    open_levels.pop()
                open_levels.append(int(name[1]))
                level = min(top - 1 + len(open_levels), 6)
            return f"<{slash}h{level}{_written(attrs)}>"
        if name == "table":
            return f"</{name}></div>" if slash else f'<div class="wide"{scrolls}><table{_written(attrs)}>'
        if name == "pre" and not slash:
            return f"<pre{scrolls}{_written(attrs)}>"
        if name in {"td", "th", "p", "div"} and not slash:
            side = _ALIGNMENT_CLASSES.get(attrs.pop("align", "").lower())
            attrs |= {"class": side} if side else {}
            attrs |= {"scope": "col"} if name == "th" and "scope" not in attrs else {}
        if name == "a" and not page:
            target = unescape(attrs.get("href", "#"))
            was_dropped, dropped = dropped, not slash and target[:1] != "#" and bool(why_unusable(target))
            return "" if dropped or (slash and was_dropped) else f"<{slash}a{_written(attrs)}>"
        return picture(attrs, match.start()) if name == "img" else f"<{slash}{name}{_written(attrs)}>"

    return _TAG.sub(tag, html)


def _attributes(rest: str) -> Attributes:
    """The attributes of a tag by name, as they are written, without those that could affect our own styles.
    The first of a name counts (HTML 13.2.5.33).
    """
    found: Attributes = {}
    for match in _ATTRIBUTE.finditer(rest):
        name = match[1].lower()
        if not _AUTHOR_STYLE.fullmatch(name):
            value = match[2] or match[3] or match[4] or ""
            found.setdefault(name, value.replace('"', "&quot;"))
    return found


def _written(attrs: Attributes) -> str:
    return "".join(f' {name}="{value}"' for name, value in attrs.items())


def shows_picture(post: DigestPost) -> bool:
    """Whether the post's own picture belongs above its body: the body does not begin with a picture and does
    not contain this one."""
    if post.image is None or not post.image.url.startswith(("https://", "http://")):
        return False
    return not _OPENS_WITH_PICTURE.match(post.html) and post.image.url not in unescape(post.html)


def shown_size(width: int | None, height: int | None) -> tuple[int | None, int | None]:
    """The pixels that a picture takes in the column; None if unknown."""
    if not width or width <= COLUMN:
        return width, height
    return COLUMN, round(height * COLUMN / width) if height else None


def _with_known_size(attrs: Attributes, image: Image | None) -> Attributes:
    """The attributes of a picture; those of the post's own with the size that its front matter gives."""
    is_own = image is not None and unescape(attrs.get("src", "")) == image.url
    if image is None or not is_own or not image.width or "width" in attrs or "height" in attrs:
        return attrs
    return {**attrs, "width": str(image.width), **({"height": str(image.height)} if image.height else {})}


def _fluid_picture(attrs: Attributes, block_width: int) -> str:
    """A picture for a mail: with an alt text, and no wider than the column. One of unknown size in a block of
    its own, `block_width` pixels wide if not 0, fills that in Outlook. One that cannot be shown, or is only
    there to be counted, leaves its words.
    """
    if (
        not attrs.get("src", "").startswith(PICTURE_PREFIXES)
        or attrs.get("width") == attrs.get("height") == "1"
    ):
        return attrs.get("alt", "")
    width, height = (_PIXELS.fullmatch(attrs.get(name, "")) for name in ("width", "height"))
    if width and int(width[1]) > COLUMN:
        size = shown_size(int(width[1]), int(height[1]) if height else None)
        attrs = {name: value for name, value in attrs.items() if name not in {"width", "height"}}
        attrs |= {name: str(pixels) for name, pixels in zip(("width", "height"), size, strict=True) if pixels}
    attrs.setdefault("alt", "")
    written = _written(attrs)
    has_size = any(attrs.get(name, "")[:1].isdigit() for name in ("width", "height"))
    is_data = attrs["src"].startswith("data:")  # a copy of it for Outlook would be too heavy
    if block_width and not has_size and not is_data:
        return _img_for_outlook(written, block_width)
    return f"<img{written}>"


def _img_for_outlook(attributes: str, width: int) -> str:
    """An img tag that is `width` pixels wide in Outlook and has its own width elsewhere."""
    # The copy is in a comment, which nothing in it may end.
    copy = _SRCSET.sub("", attributes).rstrip(" /").replace("<", "&lt;").replace(">", "&gt;")
    outlook = f'<!--[if mso]><img{copy} width="{width}"><![endif]-->'
    return f"{outlook}<!--[if !mso]><!--><img{attributes}><!--<![endif]-->"


def _widths_of_single_pictures(html: str) -> dict[int, int]:
    """The width of the block, by the position of each picture that has a block to itself outside tables."""
    widths: dict[int, int] = {}
    if "<img" not in html:
        return widths
    for pictures, has_words, tables, indents in _blocks(html):
        if len(pictures) == 1 and not has_words and not tables:
            widths[pictures[0]] = max(COLUMN - _INDENT * indents, _MIN_WIDTH)
    return widths


def _blocks(html: str) -> Iterator[tuple[list[int], bool, int, int]]:
    """Of each stretch between the ends of blocks: the positions of its pictures, whether it has words, and
    how many tables, and lists or quotations, are around it."""
    pictures: list[int] = []
    has_words, tables, indents = False, 0, 0
    for token in _TOKEN.finditer(html):
        slash, name, _, text = token.groups()
        if name is None:
            has_words = has_words or not _BLANK.fullmatch(text)
            continue
        name = name.lower()
        if name == "img":
            pictures.append(token.start())
        if _INLINE.fullmatch(name):
            continue
        yield pictures, has_words, tables, indents
        pictures, has_words = [], False
        step = -1 if slash else 1
        tables += step if name == "table" else 0
        indents += step if name in ("li", "blockquote", "dd") else 0
    yield pictures, has_words, tables, indents


def _with_media_links(html: str, labels: Labels) -> str:
    """Safe HTML with links in place of videos and recordings. Links with the same words are numbered."""
    if "<video" not in html and "<audio" not in html:
        return html
    counts: dict[str, int] = {}

    def link(match: re.Match[str]) -> str:
        tag, attributes, inside = match[1].lower(), match[2], match[3]
        sources = (_media_attribute(source[1], "src") for source in _SOURCE.finditer(inside))
        url = _media_attribute(attributes, "src") or next(filter(None, sources), "")
        poster = _poster(attributes) if tag == "video" else ""
        if not url:
            return poster + _SOURCE.sub("", inside)
        words = labels[tag == "audio"]
        if title := " ".join(_media_attribute(attributes, "title").split()):
            words = f"{words}: {title}"
        counts[words] = counts.get(words, 0) + 1
        words += f" ({counts[words]})" if counts[words] > 1 else ""
        link = f'<a href="{escape(url)}">{poster}{"<br>" if poster else ""}{escape(words)}</a>'
        paragraph = max(html.rfind("<p>", 0, match.start()), html.rfind("<p ", 0, match.start()))
        in_paragraph = paragraph > html.rfind("</p>", 0, match.start())
        return link if in_paragraph else f"<p>{link}</p>"

    return _MEDIA.sub(link, html)


def _poster(attributes: str) -> str:
    """The picture of a video; "" if it has none."""
    url = _media_attribute(attributes, "poster")
    if not url:
        return ""
    size = [(name, _media_attribute(attributes, name)) for name in ("width", "height")]
    known = "".join(f' {name}="{value}"' for name, value in size if _NUMBER.fullmatch(value))
    attributes = f' src="{escape(url)}" alt=""{known}'
    return f"<img{attributes}>" if "width" in known else _img_for_outlook(attributes, COLUMN)


def _media_attribute(attributes: str, name: str) -> str:
    """The value of an attribute, decoded; "" without it."""
    for found in _ATTRIBUTE_OF_MEDIA.finditer(f" {attributes}"):
        if found[1].lower() == name:
            return unescape(found[2] or found[3] or found[4] or "")
    return ""
