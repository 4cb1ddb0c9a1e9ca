"""What a post's HTML needs to stand inside a mail. Works on the output of a sanitiser: tags are whole.

Headings are lowered to follow the post's own title (h2) without a gap; tables get a box that scrolls;
pictures get an alt and never more width than the column; videos and recordings become links; a link that no
mailbox follows becomes its words. Styles, classes and elements that no mail may carry are taken out once
more: what an author writes never meets our own style rules.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from html import unescape

from publisher.core.digests.digest import DigestPost
from publisher.core.mail.lint.links import PICTURES, unusable
from publisher.core.mail.plain_text import LISTEN, WATCH
from publisher.core.posts.post import Image
from publisher.rendering.media_fallbacks import COLUMN, Labels, alone, for_outlook, with_links

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
def body(html: str, top: int = 3, image: Image | None = None, labels: Labels = (WATCH, LISTEN)) -> str:
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
            was, dead = dead, not slash and target[:1] != "#" and bool(unusable(target))
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
    if not attrs.get("src", "").startswith(PICTURES) or attrs.get("width") == attrs.get("height") == "1":
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
