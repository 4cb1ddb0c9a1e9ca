"""What a post's HTML needs to stand inside a mail. Works on the output of a sanitiser: tags are whole.

Headings are lowered to follow the post's own title (h2) without a gap; tables get a box that scrolls;
pictures get an alt and never more width than the column; videos and recordings become links; a link that no
mailbox follows becomes its words. Styles, classes and elements that no mail may carry are taken out once
more: what an author writes never meets our own style rules.

What a mail cannot play, and pictures of unknown size: made fit for mailboxes.

Gmail and Outlook drop <video> and <audio>: a link takes their place, with the poster as its picture. Outlook
knows nothing of max-width: a picture whose size nobody knows, alone in its block, gets the column's width
there.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from html import escape, unescape

from publisher.core.digests.digest import DigestPost
from publisher.core.mail.lint.html import PICTURE_PREFIXES, why_unusable
from publisher.core.mail.message import LISTEN_TEXT, WATCH_TEXT
from publisher.core.posts.post import Image

COLUMN = 536
"""Pixels between the margins of the 600 px container."""

_INDENT = 40
_NARROWEST = 200

_REST = r"((?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)"
_FILM = re.compile(rf"<(video|audio)\b{_REST}>(.*?)</\1\s*>", re.DOTALL | re.IGNORECASE)
_SOURCE = re.compile(rf"<source\b{_REST}>", re.IGNORECASE)
_NUMBER = re.compile(r"[1-9]\d{0,4}")
_TOKEN = re.compile(rf"<(/?)([a-zA-Z][a-zA-Z0-9]*){_REST}>|([^<]+|<)")
_MEDIA_ATTRIBUTE = re.compile(r"""\s([a-zA-Z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_SETS = re.compile(r"""\s(?:srcset|sizes)\s*=\s*(?:"[^"]*"|'[^']*')""", re.IGNORECASE)
_BLANK = re.compile(r"(?:\s|&nbsp;|&#160;)*")
_INLINE = re.compile(
    "a|abbr|b|bd[io]|br|cite|code|em|i|img|ins|kbd|mark|picture|q|s|samp|small|source|span|strong|su[bp]|u|wbr"
)
"""Elements that do not end the block that holds them."""

Labels = tuple[str, str]
"""What the links to videos and to recordings say."""


def attribute(rest: str, name: str) -> str:
    """The value of an attribute of a tag, decoded; "" where it has none."""
    for found in _MEDIA_ATTRIBUTE.finditer(f" {rest}"):
        if found[1].lower() == name:
            return unescape(found[2] or found[3] or found[4] or "")
    return ""


def with_links(html: str, labels: Labels = (WATCH_TEXT, LISTEN_TEXT)) -> str:
    """Safe HTML with links in place of what a mail cannot play. Each has words of its own."""
    if "<video" not in html and "<audio" not in html:
        return html
    said: dict[str, int] = {}

    def link(match: re.Match[str]) -> str:
        tag, rest, inside = match[1].lower(), match[2], match[3]
        sources = (attribute(source[1], "src") for source in _SOURCE.finditer(inside))
        url = attribute(rest, "src") or next(filter(None, sources), "")
        picture = _poster(rest) if tag == "video" else ""
        if not url:
            return picture + _SOURCE.sub("", inside)
        words = labels[tag == "audio"]
        if title := " ".join(attribute(rest, "title").split()):
            words = f"{words}: {title}"
        said[words] = said.get(words, 0) + 1
        words += f" ({said[words]})" if said[words] > 1 else ""
        made = f'<a href="{escape(url)}">{picture}{"<br>" if picture else ""}{escape(words)}</a>'
        return made if _inside(html, match.start(), "p") else f"<p>{made}</p>"

    return _FILM.sub(link, html)


def _poster(rest: str) -> str:
    source = attribute(rest, "poster")
    if not source:
        return ""
    size = [(name, attribute(rest, name)) for name in ("width", "height")]
    known = "".join(f' {name}="{value}"' for name, value in size if _NUMBER.fullmatch(value))
    rest = f' src="{escape(source)}" alt=""{known}'
    return f"<img{rest}>" if "width" in known else for_outlook(rest, COLUMN)


def _inside(html: str, at: int, tag: str) -> bool:
    """Whether an element of that name is open at `at`."""
    opened = max(html.rfind(f"<{tag}>", 0, at), html.rfind(f"<{tag} ", 0, at))
    return opened > html.rfind(f"</{tag}>", 0, at)


def alone(html: str) -> dict[int, int]:
    """Where each picture begins that has a block to itself, outside tables, and how wide that block is."""
    found: dict[int, int] = {}
    if "<img" not in html:
        return found
    for pictures, words, tables, deep in _blocks(html):
        if len(pictures) == 1 and not words and not tables:
            found[pictures[0]] = max(COLUMN - _INDENT * deep, _NARROWEST)
    return found


def _blocks(html: str) -> Iterator[tuple[list[int], bool, int, int]]:
    """What stands between the ends of blocks: its pictures, whether it has words, how many tables and how
    many lists and quotations are around it."""
    pictures: list[int] = []
    words, tables, deep = False, 0, 0
    for token in _TOKEN.finditer(html):
        slash, name, _, text = token.groups()
        if name is None:
            words = words or not _BLANK.fullmatch(text)
            continue
        name = name.lower()
        if name == "img":
            pictures.append(token.start())
        if _INLINE.fullmatch(name):
            continue
        yield pictures, words, tables, deep
        pictures, words = [], False
        step = -1 if slash else 1
        tables += step if name == "table" else 0
        deep += step if name in ("li", "blockquote", "dd") else 0
    yield pictures, words, tables, deep


def for_outlook(rest: str, width: int) -> str:
    """An img tag with attributes `rest`, `width` pixels wide in Outlook and as wide as it is elsewhere."""
    # The copy stands in a comment, which nothing in it may end.
    copy = _SETS.sub("", rest).rstrip(" /").replace("<", "&lt;").replace(">", "&gt;")
    return (
        f'<!--[if mso]><img{copy} width="{width}"><![endif]--><!--[if !mso]><!--><img{rest}><!--<![endif]-->'
    )


Attributes = dict[str, str]
"""Of a tag, by name: values as HTML has them between double quotes."""

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*+)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)>")
_FORBIDDEN = re.compile(
    r"(?is)<(script|style|iframe|object|template|noscript)\b.*?(?:</\1\s*>|$)"
    r"|</?(?:form|input|button|select|textarea|link|meta|base|embed|frame|frameset|html|head|body|title)\b[^>]*>"
    r"|<!--.*?(?:-->|$)"
)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_AUTHOR_STYLE = re.compile(r"style|class|bgcolor|background|valign|on\w+")
_PIXELS = re.compile(r"(\d{1,5})(?:px)?")
_PICTURE_FIRST = re.compile(r"\s*(?:<(?:p|figure|div|a|picture)\b[^>]*>\s*)*<img\b", re.IGNORECASE)


@lru_cache(maxsize=512)
def body(
    html: str, top: int = 3, image: Image | None = None, labels: Labels = (WATCH_TEXT, LISTEN_TEXT)
) -> str:
    """`html` ready for a mail: headings from `top` down without a gap, fluid pictures, scrolling tables.
    `image` is the post's own: the body may show it too, and its size is known. `labels` are what links to
    videos and recordings say.
    """
    html = with_links(_FORBIDDEN.sub("", html), labels)
    single = alone(html)

    def picture(attrs: Attributes, at: int) -> str:
        return _fluid(_with_size(attrs, image), single.get(at, 0))

    return _shifted(html, top=top, picture=picture)


def page(html: str, image: Image | None = None) -> str:
    """`html` ready for a page of its own: headings from h2 down without a gap, pictures with an alt; what
    scrolls sideways, tables and code, can be reached by the keyboard (WCAG 2.1.1).
    """

    def picture(attrs: Attributes, _at: int) -> str:
        return f"<img{_written({**_with_size(attrs, image), **_alt(attrs)})}>"

    return _shifted(_FORBIDDEN.sub("", html), top=2, picture=picture, page=True)


def _shifted(html: str, *, top: int, picture: Callable[[Attributes, int], str], page: bool = False) -> str:
    """`picture` makes a picture of its attributes and the place where it begins."""
    above: list[int] = []
    level, dead = top, False
    scrolls = ' tabindex="0"' if page else ""

    def tag(match: re.Match[str]) -> str:
        nonlocal level, dead
        slash, name, attrs = match.group(1), match.group(2).lower(), _attributes(match.group(3))
        if len(name) == 2 and name[0] == "h" and name[1] in "123456":
            if not slash:
                level = _lowered(int(name[1]), above, top)
            return f"<{slash}h{level}{_written(attrs)}>"
        if name == "table":
            return f"</{name}></div>" if slash else f'<div class="wide"{scrolls}><table{_written(attrs)}>'
        if name == "pre" and not slash:
            return f"<pre{scrolls}{_written(attrs)}>"
        if name in {"td", "th", "p", "div"} and not slash:
            side = _SIDES.get(attrs.pop("align", "").lower())
            attrs |= {"class": side} if side else {}
            attrs |= {"scope": "col"} if name == "th" and "scope" not in attrs else {}
        if name == "a" and not page:
            target = unescape(attrs.get("href", "#"))
            was, dead = dead, not slash and target[:1] != "#" and bool(why_unusable(target))
            return "" if dead or (slash and was) else f"<{slash}a{_written(attrs)}>"
        return picture(attrs, match.start()) if name == "img" else f"<{slash}{name}{_written(attrs)}>"

    return _TAG.sub(tag, html)


def _attributes(rest: str) -> Attributes:
    """The attributes of a tag by name, as they are written; without those that may meet our own styles. The
    first of a name counts (HTML 13.2.5.33).
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


_SIDES = {"right": "end", "center": "mid"}
"""A class in place of an attribute that HTML no longer has. Left and right are start and end."""


def shows_picture(post: DigestPost) -> bool:
    """Whether the post's own picture belongs above its body: the body neither opens with one nor has it."""
    if post.image is None or not post.image.url.startswith(("https://", "http://")):
        return False
    return not _PICTURE_FIRST.match(post.html) and post.image.url not in unescape(post.html)


def shown_size(width: int | None, height: int | None) -> tuple[int | None, int | None]:
    """The pixels a picture takes in the column; None where unknown."""
    if not width or width <= COLUMN:
        return width, height
    return COLUMN, round(height * COLUMN / width) if height else None


def _lowered(level: int, above: list[int], top: int) -> int:
    """The level of a heading from `top` down, given the author's levels still open `above` it."""
    while above and above[-1] >= level:
        above.pop()
    above.append(level)
    return min(top - 1 + len(above), 6)


def _with_size(attrs: Attributes, image: Image | None) -> Attributes:
    """The attributes of a picture; of the post's own, with the size that its front matter tells."""
    known = image is not None and unescape(attrs.get("src", "")) == image.url
    if image is None or not known or not image.width or "width" in attrs or "height" in attrs:
        return attrs
    return {**attrs, "width": str(image.width), **({"height": str(image.height)} if image.height else {})}


def _fluid(attrs: Attributes, room: int) -> str:
    """A picture for a mail: with an alt, and no wider than the column (Outlook knows nothing of max-width).
    One of unknown size has `room` pixels there, where that is not 0. One that cannot be shown, or is only
    there to be fetched, leaves its words.
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
        shown = dict(zip(("width", "height"), size, strict=True))
        attrs |= {name: str(pixels) for name, pixels in shown.items() if pixels}
    written = _written({**attrs, **_alt(attrs)})
    known = any(attrs.get(name, "")[:1].isdigit() for name in ("width", "height"))
    apart = (
        room and not known and not attrs["src"].startswith("data:")
    )  # a copy of which would weigh too much
    return for_outlook(written, room) if apart else f"<img{written}>"


def _alt(attrs: Attributes) -> Attributes:
    return {} if "alt" in attrs else {"alt": ""}
