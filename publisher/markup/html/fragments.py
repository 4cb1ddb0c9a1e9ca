"""Safe HTML as a stream of pieces: headings, blocks, excerpts, sizes of pictures. Only for the output of
`sanitize`, whose form is regular. And placeholders for punctuation that no parser may see before that.

A placeholder is a noncharacter: ASCII has 32 punctuation characters, and Unicode as many noncharacters in a
row (U+FDD0 to U+FDEF), which no text may contain.
"""

import html
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from publisher.core.posts.post import AssetLocation

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
VOID = frozenset({"br", "col", "hr", "img", "source", "wbr"})
_PIECE = re.compile(r"<(/?)([a-z][a-z0-9]*)((?:\s+[^\s=<>\"]+=\"[^\"]*\")*)\s*/?>|[^<]+|<")
_PICTURE_ALONE = re.compile(
    r'<p>((?:<a(?: [^\s=<>"]+="[^"]*")*>)?)(<img(?: [^\s=<>"]+="[^"]*")*>)((?:</a>)?)</p>'
)
_IMG_TITLE = re.compile(r' title="([^"]*)"')
_HEADING = re.compile(r"<h[1-6][\s>]")
_ATTRIBUTE = re.compile(r'([^\s="]+)="([^"]*)"')
_PUNCTUATION = "{}!\"#$%&'()*+,-./:;<=>?@[\\]^_`|~"
_FIRST = 0xFDD0
_HIDE = {ord(sign): _FIRST + number for number, sign in enumerate(_PUNCTUATION)}

_REVEAL: dict[int, int | str] = {number: sign for sign, number in _HIDE.items()}

_REVEAL_HTML = _REVEAL | {_HIDE[ord(sign)]: html.escape(sign) for sign in '&<>"'}
_PERCENT_ENCODED = re.compile(r"%EF%B7%(9[0-9A-F]|A[0-9A-F])", re.IGNORECASE)
_REMOVE = dict.fromkeys(_REVEAL)
_ANY = re.compile(f"[{chr(_FIRST)}-{chr(_FIRST + 31)}]")  # most texts have none, and to look is quick


def names(text: str) -> frozenset[str]:
    """Element names, as a set."""
    return frozenset(text.split())


BLOCKS = names(
    "address article aside audio blockquote caption details dd div dl dt figcaption figure footer h1 h2 h3 h4"
    " h5 h6 header hr li main ol p picture pre section summary table tbody td tfoot th thead tr ul video"
)


_SPLITTABLE = names("article blockquote details div dl main ol section table tbody ul")


def replace_spans(text: str, spans: Iterable[tuple[int, int, str]]) -> str:
    """`text` with what is between each `start` and `end` replaced; spans (start, end, new) are in order."""
    parts: list[str] = []
    at = 0
    for start, end, new in spans:
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


class Piece(NamedTuple):
    """A tag (`tag` is its name, `closing` whether it ends) or a text (`tag` is ""). `raw` is its HTML."""

    raw: str
    tag: str
    closing: bool
    start: int

    def get(self, name: str) -> str:
        """An attribute's value, entities decoded; "" without the attribute."""
        for found in _ATTRIBUTE.finditer(self.raw):
            if found[1] == name:
                return html.unescape(found[2])
        return ""


def pieces(source: str, start: int = 0) -> Iterator[Piece]:
    """The pieces from `start` on, in order; their `raw` joined is `source`. A piece begins at `start`."""
    for match in _PIECE.finditer(source, start):
        yield Piece(match[0], match[2] or "", bool(match[1]), match.start())


def words(source: str) -> str:
    """All the text of safe HTML on one line."""
    return " ".join(html.unescape("".join(p.raw for p in pieces(source) if not p.tag)).split())


def map_prose(source: str, change: Callable[[str], str]) -> str:
    """`source` with `change` applied to its text outside code."""
    inside = 0
    parts: list[str] = []
    for piece in pieces(source):
        if piece.tag in ("code", "pre", "kbd", "samp"):
            inside += -1 if piece.closing else 1
        parts.append(change(piece.raw) if not piece.tag and not inside else piece.raw)
    return "".join(parts)


def first_heading(source: str) -> tuple[int, int, str] | None:
    """(start, end, words) of the first heading; None without one."""
    begin: Piece | None = None
    at = _HEADING.search(source)
    if at is None:
        return None
    for piece in pieces(source, at.start()):
        if piece.tag not in HEADINGS:
            continue
        if begin is None and not piece.closing:
            begin = piece
        elif begin is not None and piece.closing and piece.tag == begin.tag:
            end = piece.start + len(piece.raw)
            return begin.start, end, words(source[begin.start : end])
    return None


def outermost_blocks(source: str) -> Iterator[tuple[int, int]]:
    """(start, end) of each outermost block; text and inline elements between two blocks count as one."""
    depth, start = 0, 0
    for piece in pieces(source):
        if piece.tag and piece.tag not in VOID:
            if depth == 0 and not piece.closing and piece.tag in BLOCKS and piece.start > start:
                yield start, piece.start
                start = piece.start
            depth += -1 if piece.closing else 1
        end = piece.start + len(piece.raw)
        if depth == 0 and piece.tag in BLOCKS and (piece.closing or piece.tag in VOID):
            yield start, end
            start = end
    if start < len(source):
        yield start, len(source)


def excerpt(html: str, limit: int) -> tuple[str, bool]:
    """The leading blocks of safe HTML that fit in `limit` bytes of UTF-8, and whether any were left out.

    Of a list, a table or a box that is too long the leading items, rows or blocks stay. Nothing else is
    shortened: if the first block alone is too long, the excerpt is empty.
    """
    if len(html) * 4 <= limit or len(html.encode()) <= limit:
        return html, False
    used = at = 0
    for start, end in outermost_blocks(html):
        size = len(html[start:end].encode())
        if used + size > limit:
            return html[:at].rstrip() + _excerpt_inside(html[start:end], limit - used), True
        used, at = used + size, end
    return html[:at].rstrip(), True


def _excerpt_inside(block: str, limit: int) -> str:
    """The beginning of a block that is too long; "" if it cannot be split, or nothing of it fits."""
    lead = len(block) - len(block.lstrip())
    opening = next(pieces(block, lead), None)
    if opening is None or opening.closing or opening.tag not in _SPLITTABLE:
        return ""
    closing = f"</{opening.tag}>"
    inside = block[lead + len(opening.raw) : block.rfind(closing)]
    room = limit - lead - len(opening.raw.encode()) - len(closing)
    begun, _ = excerpt(inside, room) if room > 0 else ("", True)
    return f"{block[:lead]}{opening.raw}{begun}{closing}" if begun.strip() else ""


def with_sizes(source: str, files: Sequence[AssetLocation]) -> str:
    """`source` with width and height on each picture among `files` that has neither and whose size is known,
    so that nothing jumps while a page or mail loads.
    """
    sizes = {file.url: (file.width, file.height) for file in files if file.width and file.height}
    if not sizes or "<img" not in source:
        return source
    parts: list[str] = []
    for piece in pieces(source):
        raw = piece.raw
        if piece.tag == "img" and not piece.get("width") and not piece.get("height"):
            width, height = sizes.get(piece.get("src"), (None, None))
            raw = raw[:-1].rstrip(" /") + f' width="{width}" height="{height}">' if width else raw
        parts.append(raw)
    return "".join(parts)


def with_originals(source: str, files: Sequence[AssetLocation]) -> str:
    """`source` in which a picture that was made smaller leads to the original, unless it is in a link."""
    originals = {file.url: file.original for file in files if file.original}
    if not originals or "<img" not in source:
        return source
    parts: list[str] = []
    links = 0
    for piece in pieces(source):
        raw = piece.raw
        if piece.tag == "a":
            links += -1 if piece.closing else 1
        if piece.tag == "img" and not links and (original := originals.get(piece.get("src"))):
            raw = f'<a href="{html.escape(original)}">{raw}</a>'
        parts.append(raw)
    return "".join(parts)


def with_captions(source: str) -> str:
    """Safe HTML in which a picture that has a paragraph for itself is a figure, its title the caption."""
    if "<img" not in source or 'title="' not in source:
        return source

    def figure(match: re.Match[str]) -> str:
        caption = _IMG_TITLE.search(match[2])
        if caption is None or not caption[1].strip():
            return match[0]
        picture = match[2].replace(caption[0], "")
        return f"<figure>{match[1]}{picture}{match[3]}<figcaption>{caption[1]}</figcaption></figure>"

    return _PICTURE_ALONE.sub(figure, source)


def hide(text: str) -> str:
    """`text` with its punctuation as placeholders."""
    return text.translate(_HIDE)


FOLDED, UNFOLDED = hide("-"), hide("+")
"""Before the title of a quotation that readers can fold: closed at first, or open."""

_FOLD = re.compile(rf"<blockquote>\s*<p><strong>([{FOLDED}{UNFOLDED}])(.*?)</strong></p>\n?")


def with_folds(source: str) -> str:
    """Safe HTML in which a quotation whose title is marked has its words in <details>, below the title."""
    if FOLDED not in source and UNFOLDED not in source:
        return source
    parts: list[str] = []
    folds: list[bool] = []  # of each open quotation: whether it folds
    at = 0  # what is before is written already
    for piece in pieces(source):
        if piece.tag != "blockquote" or piece.start < at:
            continue
        parts.append(source[at : piece.start])
        at = piece.start + len(piece.raw)
        title = None if piece.closing else _FOLD.match(source, piece.start)
        if title:
            state = ' open=""' if title[1] == UNFOLDED else ""
            parts.append(f"<blockquote>\n<details{state}>\n<summary><strong>{title[2]}</strong></summary>\n")
            at = title.end()
        elif piece.closing and folds and folds[-1]:
            parts.append("</details>\n</blockquote>")
        else:
            parts.append(piece.raw)
        if not piece.closing:
            folds.append(title is not None)
        elif folds:
            folds.pop()
    return "".join([*parts, source[at:]]).replace(FOLDED, "").replace(UNFOLDED, "")


def reveal_html(safe: str) -> str:
    """Safe HTML with hidden punctuation restored, escaped, in text and in attributes."""
    return safe.translate(_REVEAL_HTML) if _has_hidden(safe) else safe


def reveal_text(text: str) -> str:
    """Plain text with hidden punctuation restored."""
    return text.translate(_REVEAL) if _has_hidden(text) else text


def reveal_url(url: str) -> str:
    """An address with hidden punctuation restored: the Markdown parser has percent-encoded it."""
    return reveal_text(_PERCENT_ENCODED.sub(lambda match: chr(_FIRST - 0x90 + int(match[1], 16)), url))


def without_placeholders(text: str) -> str:
    """A text from outside, in which nothing can be hidden yet."""
    return text.translate(_REMOVE) if _has_hidden(text) else text


def _has_hidden(text: str) -> bool:
    return not text.isascii() and _ANY.search(text) is not None
