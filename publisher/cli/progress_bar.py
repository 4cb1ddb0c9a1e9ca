"""A bar on a terminal's stderr: how much is done, how fast, and how long it still takes.

    delivering  ━━━━━━━━━━━━━━━━━━━━━╸──────    1,140 of 1,500  312/s    2 s left

It fits the width the terminal has at the moment, is drawn ten times a second at most, and is wiped away when
the work is over: what is said then tells more. Colours are left out where NO_COLOR is set.
"""

import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

EVERY = 0.1
"""Seconds between two drawings."""

FINE, PLAIN = ("━", "╸", "─"), ("=", ">", "-")
"""A full cell, half a cell, an empty one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What a bar is drawn with."""

    marks: tuple[str, str, str] = FINE
    coloured: bool = False


@contextmanager
def bar(
    label: str, total: int | None, ticks: Callable[[], float], out: TextIO | None = None
) -> Generator[Callable[[int], None], None, None]:
    """Told how much of `total` (None: nobody knows) is done so far, it shows that; nothing where `out`
    (stderr) is no terminal that can. `ticks` are seconds that only go forward.
    """
    file = out or sys.stderr
    if not file.isatty() or os.environ.get("TERM") == "dumb":
        yield lambda _: None
        return
    style = Style(marks=_marks(file), coloured=not os.environ.get("NO_COLOR"))
    start, drawn = ticks(), float("-inf")

    def show(done: int) -> None:
        nonlocal drawn
        now = ticks()
        if now - drawn >= EVERY:
            drawn = now
            columns = os.get_terminal_size(file.fileno()).columns or 80
            file.write(f"\r{line(label, done, total, now - start, columns, style)}\x1b[K")
            file.flush()

    show(0)
    try:
        yield show
    finally:
        file.write("\r\x1b[K")
        file.flush()


def line(
    label: str,
    done: int,
    total: int | None,
    seconds: float,
    columns: int,
    style: Style = Style(),
) -> str:
    """What stands in a line of so many columns after so many seconds: the more room, the more of it."""
    rate = done / seconds if done and seconds >= 1 else 0.0
    per = f"{rate:,.0f}/s" if rate else ""
    if not total:
        return "  ".join(filter(None, (label, f"{done:,}", per)))[: columns - 1]
    share = min(done / total, 1.0)
    left = f"{_span((total - done) / rate)} left" if rate and done < total else ""
    number = f"{done:>{len(f'{total:,}')},} of {total:,}"
    percent = f"{share:>4.0%}"
    left, per = f"{left:>11}", f"{per:>8}"  # of one width, so that nothing moves but what changes
    for least, *words in ((14, number, per, left), (14, number, left), (8, percent, left), (8, percent)):
        right = "  ".join(words)
        room = columns - 1 - len(label) - len(right) - 4
        if room >= least:
            return f"{label}  {_filled(share, room, style)}  {right}".rstrip()
    return percent.strip()[: columns - 1]


def _filled(share: float, cells: int, style: Style) -> str:
    """In steps of half a cell: what is done in green, what is not faint."""
    full, half, empty = style.marks
    whole, odd = divmod(round(share * cells * 2), 2)
    done, rest = full * whole + half * odd, empty * (cells - whole - odd)
    return f"\x1b[32m{done}\x1b[0;2m{rest}\x1b[0m" if style.coloured else done + rest


def _span(seconds: float) -> str:
    """A length of time in its largest unit, never zero."""
    for size, unit in ((1, "s"), (60, "min")):
        if seconds / size < 99.5:
            return f"{max(round(seconds / size), 1)} {unit}"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 99.95 else f"{hours / 24:.0f} days"


def _marks(file: TextIO) -> tuple[str, str, str]:
    """Lines where the terminal's encoding has them."""
    try:
        "".join(FINE).encode(file.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return FINE
