"""What a post's HTML needs to stand inside a mail. Works on the output of a sanitiser: tags are whole.

Headings are lowered to follow the post's own title (h2) without a gap; tables get a box that scrolls;
pictures get an alt and never more width than the column. Styles, classes and elements that no mail may
carry are taken out once more: what an author writes never meets our own style rules.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from html import unescape

from publisher.core.digests import DigestPost

COLUMN = 536
"""Pixels between the margins of the 600 px container."""

_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*+)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)>")
_FORBIDDEN = re.compile(
    r"(?is)<(script|style|iframe|object|template|noscript)\b.*?(?:</\1\s*>|$)"
    r"|</?(?:form|input|button|select|textarea|link|meta|base|embed|frame|frameset|html|head|body|title)\b[^>]*>"
    r"|<!--.*?(?:-->|$)"
)
_AUTHOR_STYLE = re.compile(
    r"""\s(?:style|class|bgcolor|background|on\w+)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE
)
_SIZE = re.compile(r"""\s(?:width|height)\s*=\s*["']?([^\s"'>]*)["']?""", re.IGNORECASE)
_WIDTH = re.compile(r"""\swidth\s*=\s*["']?(\d{1,5})(?:px)?["']?(?=[\s/]|$)""", re.IGNORECASE)
_HEIGHT = re.compile(r"""\sheight\s*=\s*["']?(\d{1,5})(?:px)?["']?(?=[\s/]|$)""", re.IGNORECASE)
_ALT = re.compile(r"\salt(?:\s*=|\s|$)", re.IGNORECASE)
_ALIGN = re.compile(r"""\s(?:align\s*=\s*["']?(\w*)["']?|valign\s*=\s*["']?\w*["']?)""", re.IGNORECASE)
_SCOPE = re.compile(r"\sscope\s*=", re.IGNORECASE)
_PICTURE_FIRST = re.compile(r"\s*(?:<(?:p|figure|div|a|picture)\b[^>]*>\s*)*<img\b", re.IGNORECASE)


@lru_cache(maxsize=512)
def body(html: str, top: int = 3) -> str:
    """`html` ready for a mail: headings from `top` down without a gap, fluid pictures, scrolling tables."""
    return _shifted(html, top=top, fluid=_fluid)


def page(html: str) -> str:
    """`html` ready for a page of its own: headings from h2 down without a gap, pictures with an alt; what
    scrolls sideways, tables and code, can be reached by the keyboard (WCAG 2.1.1).
    """
    return _shifted(
        html,
        top=2,
        fluid=lambda rest: f"<img{rest if _ALT.search(rest) else _no_alt(rest)}>",
        scrolls=' tabindex="0"',
    )


def _shifted(html: str, *, top: int, fluid: Callable[[str], str], scrolls: str = "") -> str:
    above: list[int] = []
    level = top

    def tag(match: re.Match[str]) -> str:
        nonlocal level
        slash, name, rest = match.group(1), match.group(2).lower(), _AUTHOR_STYLE.sub("", match.group(3))
        if len(name) == 2 and name[0] == "h" and name[1] in "123456":
            if not slash:
                level = _lowered(int(name[1]), above, top)
            return f"<{slash}h{level}{rest}>"
        if name == "table":
            return f"</{name}></div>" if slash else f'<div class="wide"{scrolls}><table{rest}>'
        if name == "pre" and not slash:
            return f"<pre{scrolls}{rest}>"
        if name in {"td", "th", "p", "div"} and not slash:
            rest = _ALIGN.sub(_side, rest)
            rest += ' scope="col"' if name == "th" and not _SCOPE.search(rest) else ""
        return fluid(rest) if name == "img" else f"<{slash}{name}{rest}>"

    return _TAG.sub(tag, _FORBIDDEN.sub("", html))


def _side(found: re.Match[str]) -> str:
    """A class in place of an attribute that HTML no longer has. Left and right are start and end."""
    side = {"right": "end", "center": "mid"}.get((found.group(1) or "").lower())
    return f' class="{side}"' if side else ""


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


def _fluid(rest: str) -> str:
    """An img tag: with an alt, and no wider than the column (Outlook knows nothing of max-width)."""
    said = _WIDTH.search(rest)
    if said and int(said.group(1)) > COLUMN:
        tall = _HEIGHT.search(rest)
        _, height = shown_size(int(said.group(1)), int(tall.group(1)) if tall else None)
        size = f' width="{COLUMN}"' + (f' height="{height}"' if height else "")
        rest = _SIZE.sub("", rest).rstrip(" /") + size
    return f"<img{rest if _ALT.search(rest) else _no_alt(rest)}>"


def _no_alt(rest: str) -> str:
    return f'{rest.rstrip(" /")} alt=""'
