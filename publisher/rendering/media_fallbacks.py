"""What a mail cannot play, and pictures of unknown size: made fit for mailboxes.

Gmail and Outlook drop <video> and <audio>: a link takes their place, with the poster as its picture. Outlook
knows nothing of max-width: a picture whose size nobody knows, alone in its block, gets the column's width
there.
"""

import re
from collections.abc import Iterator
from html import escape, unescape

from publisher.core.mail.plain_text import LISTEN, WATCH

COLUMN = 536
"""Pixels between the margins of the 600 px container."""

_INDENT = 40
_NARROWEST = 200

_REST = r"((?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)"
_FILM = re.compile(rf"<(video|audio)\b{_REST}>(.*?)</\1\s*>", re.DOTALL | re.IGNORECASE)
_SOURCE = re.compile(rf"<source\b{_REST}>", re.IGNORECASE)
_NUMBER = re.compile(r"[1-9]\d{0,4}")
_TOKEN = re.compile(rf"<(/?)([a-zA-Z][a-zA-Z0-9]*){_REST}>|([^<]+|<)")
_ATTRIBUTE = re.compile(r"""\s([a-zA-Z-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
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
    for found in _ATTRIBUTE.finditer(f" {rest}"):
        if found[1].lower() == name:
            return unescape(found[2] or found[3] or found[4] or "")
    return ""


def with_links(html: str, labels: Labels = (WATCH, LISTEN)) -> str:
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
