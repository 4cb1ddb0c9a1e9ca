"""What output looks like: tables, colors, and how much a command says.

A terminal gets a table with a header, its columns lined up and cut to the window. A pipe gets the same rows
without a header, the cells whole and separated by tabs, for `cut`, `awk` and `sort`. Colors only repeat what
the words say: the label that begins a line, headers, headings.
"""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, islice
from typing import TextIO

MEASURED = 500
"""Rows whose cells decide how wide the columns are: there may be very many rows."""

NARROWEST = 12
"""Cells to which a column that may be cut is cut at most."""

GAP = 2
"""Spaces between two columns."""

ROW_MARKS = re.compile(r"[\t\n]+")
"""What in a cell would begin another cell or row."""


class ColorWhen(StrEnum):
    """The values of --color."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class OutputStyle:
    """What --color, --quiet and --verbose ask for. One for the process, set as each command starts."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """What a command has that asks for nothing."""
        self.color, self.quiet, self.verbose = ColorWhen.AUTO, False, 0


STYLE = OutputStyle()

BOLD, DIM, RED, GREEN, YELLOW, CYAN = "1", "2", "31", "32", "33", "36"

LABELS = {
    "publisher": RED,
    "error": RED,
    "bad post": RED,
    "broken template": RED,
    "stop": RED,
    "stopped": RED,
    "problem": RED,
    "withdrawn": RED,
    "bad": RED,
    "warning": YELLOW,
    "held": YELLOW,
    "in doubt": YELLOW,
    "skipped": YELLOW,
    "no date": YELLOW,
    "updated": YELLOW,
    "hidden": YELLOW,
    "note": CYAN,
    "waits": CYAN,
    "waiting": CYAN,
    "next": CYAN,
    "published": GREEN,
    "restored": GREEN,
    "served": GREEN,
    "delivered": GREEN,
}
"""The colors of the labels that lines begin with: "warning: ...", or "published  hello.md"."""

_LABEL = re.compile(
    r"(?:\S+?: )??(?P<label>{})(?=: |  |;)".format("|".join(sorted(LABELS, key=len, reverse=True)))
)

URGENT = frozenset(("publisher", "error", "bad post", "broken template", "warning", "held", "in doubt"))
"""The labels of messages that --quiet still shows."""


def colored(stream: TextIO) -> bool:
    """Whether what is written there has colors: by --color, else NO_COLOR (any value) and TERM=dumb forbid
    them, else a terminal has them.
    """
    if STYLE.color is not ColorWhen.AUTO:
        return STYLE.color is ColorWhen.ALWAYS
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def paint(text: str, *codes: str) -> str:
    """`text` with these SGR codes (ECMA-48 8.3.117)."""
    return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if text else text


def paint_labels(text: str, stream: TextIO) -> str:
    """`text` with the labels colored that its lines begin with, if `stream` has colors."""
    if not colored(stream):
        return text
    return "\n".join(
        line[: found.start("label")]
        + paint(found["label"], LABELS[found["label"]])
        + line[found.end("label") :]
        if (found := _LABEL.match(line))
        else line
        for line in text.split("\n")
    )


def is_urgent(text: str) -> bool:
    """Whether --quiet still shows this message: an error, a warning, something held back."""
    found = _LABEL.match(text)
    return found is not None and found["label"] in URGENT


def table_lines(
    headers: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    cut: Sequence[str] = (),
    out: TextIO | None = None,
) -> Iterator[str]:
    """The lines of a table for `out` (stdout). If the window of a terminal is too narrow, the columns named
    in `cut` are cut, the last of them first; if that is not enough, lines are longer than the window.
    """
    stream = out or sys.stdout
    cells = ([ROW_MARKS.sub(" ", str(cell)) for cell in row] for row in rows)
    if not stream.isatty():
        yield from ("\t".join(row) for row in cells)
        return
    first = list(islice(cells, MEASURED))
    if not first:
        return
    widths = [max(map(width_of, column)) for column in zip(headers, *first, strict=True)]
    room = columns() - 1 - GAP * (len(widths) - 1)
    for name in reversed(cut):
        place = headers.index(name)
        spare = sum(widths) - room
        if spare > 0:
            widths[place] = max(widths[place] - spare, min(widths[place], NARROWEST))
    head = _aligned([name.upper() for name in headers], widths)
    yield paint(head, BOLD) if colored(stream) else head
    for row in chain(first, cells):
        yield _aligned(row, widths)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    fitted = [
        fit(cell, width) if width_of(cell) > width else cell for cell, width in zip(row, widths, strict=True)
    ]
    padded = [cell + " " * (width - width_of(cell)) for cell, width in zip(fitted, widths, strict=True)]
    return (" " * GAP).join(padded).rstrip()


def columns() -> int:
    """How many columns the window has; 80 where nobody says."""
    from shutil import get_terminal_size  # loaded when something is laid out

    return get_terminal_size().columns


def width_of(text: str) -> int:
    """How many cells of a terminal `text` takes: letters of East Asia two, marks on other letters none."""
    if text.isascii():
        return len(text)
    return sum(_cells(letter) for letter in text)


def _cells(letter: str) -> int:
    import unicodedata  # loaded when there is such a letter

    if unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def fit(text: str, width: int) -> str:
    """`text` cut to `width` cells, with an ellipsis where something was cut."""
    if width_of(text) <= width:
        return text
    kept, used = "", 0
    for letter in text:
        if used + _cells(letter) > width - 1:
            break
        kept, used = kept + letter, used + _cells(letter)
    return f"{kept.rstrip()}…"
