"""What of safe HTML must be known before it can be written as text: whether a table holds data, how long a
list is, what a figure's caption says.
"""

import re
from collections.abc import Sequence

from publisher.markup.html.fragments import Piece, names, words

_NO_CELL = names("audio blockquote dl figure h1 h2 h3 h4 h5 h6 pre table video")
"""What a table for data does not hold: with one of these it lays out a page."""


def is_data_table(found: Sequence[Piece], at: int) -> bool:
    """Whether the table that begins at `at` has rows of cells with words, and lays out nothing else."""
    cells, most, paragraphs = 0, 0, 0
    for n in range(at + 1, len(found)):
        piece = found[n]
        if piece.tag == "table" and piece.closing:
            return most > 1
        if piece.tag in _NO_CELL and piece.tag != "figure":
            return False
        if piece.closing:
            continue
        if piece.tag == "tr":
            cells = 0
        elif piece.tag in ("td", "th"):
            cells, paragraphs = cells + 1, 0
            most = max(most, cells)
        elif piece.tag == "p":
            paragraphs += 1
            if paragraphs > 3:
                return False
    return False


def caption_of(found: Sequence[Piece], at: int) -> str:
    """What the figure that begins at `at` says below its picture."""
    begin = -1
    for n in range(at + 1, min(at + 100, len(found))):
        if found[n].tag == "figcaption":
            if found[n].closing:
                return words("".join(piece.raw for piece in found[begin:n])).casefold() if begin >= 0 else ""
            begin = n
        elif found[n].tag == "figure":
            return ""
    return ""


def list_length(found: Sequence[Piece], at: int) -> int:
    """How many items the list that begins at `at` has."""
    depth = items = 0
    for n in range(at, len(found)):
        tag, closing = found[n].tag, found[n].closing
        if tag in ("ul", "ol"):
            depth += -1 if closing else 1
            if depth == 0:
                break
        elif tag == "li" and depth == 1 and not closing:
            items += 1
    return items


def whole_number(given: str) -> int | None:
    """A whole number of an attribute; None where there is none, or one that no list has."""
    return int(given) if re.fullmatch(r"-?[0-9]{1,8}", given.strip()) else None


def counted(number: int, kind: str) -> str:
    """A number as a list of that type shows it (HTML 4.4.5): 3, c, C, iii or III."""
    if number < 1 or number > 3999 or kind not in ("a", "A", "i", "I"):
        return str(number)
    if kind in "aA":
        shown = ""
        while number:
            number, rest = divmod(number - 1, 26)
            shown = chr(ord("a") + rest) + shown
    else:
        shown = ""
        for value, letters in _ROMAN:
            shown += letters * (number // value)
            number %= value
    return shown.upper() if kind.isupper() else shown


_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
    (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
