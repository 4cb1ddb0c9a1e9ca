"""Tables in plain text: a line a row, its columns aligned; where that is too wide, a list of what each row
says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from publisher.core.mail.message import HANG, VERBATIM, columns, plain

MANY = 200
"""Columns of one table that are told apart."""

_BETWEEN = " | "


@dataclass(frozen=True, slots=True)
class TableCell:
    """One cell: its words on one line, whether it heads others, how many columns and rows it takes."""

    words: str
    heads: bool = False
    across: int = 1
    down: int = 1
    to_right: bool = False


def lines_of(rows: Sequence[Sequence[TableCell]], width: int) -> list[str]:
    """The lines of a table within `width` columns. Rows may be of different lengths."""
    grid = _grid(rows)
    wide = max(map(len, grid), default=0)
    if wide == 0:
        return []
    grid = [[*row, *[TableCell("")] * (wide - len(row))] for row in grid]
    sizes = [max(columns(plain(row[at].words)) for row in grid) for at in range(wide)]
    if sum(sizes) + len(_BETWEEN) * (wide - 1) <= width:
        return [VERBATIM + _aligned(row, sizes) for row in grid]
    return _listed(grid)


def _grid(rows: Sequence[Sequence[TableCell]]) -> list[list[TableCell]]:
    """Cells by column: one over several columns is followed by empty ones, one over several rows repeated."""
    grid: list[list[TableCell]] = []
    hanging: dict[int, tuple[int, TableCell]] = {}
    for row in rows:
        made: list[TableCell] = []
        for cell in row:
            _hang(made, hanging)
            for n in range(min(cell.across, MANY - len(made))):
                shown = TableCell("" if n else cell.words, cell.heads, to_right=cell.to_right)
                if cell.down > 1:
                    hanging[len(made)] = cell.down - 1, shown
                made.append(shown)
        _hang(made, hanging)
        grid.append(made)
    return grid


def _hang(made: list[TableCell], hanging: dict[int, tuple[int, TableCell]]) -> None:
    """Adds the cells of rows above that reach down to the next columns of this one."""
    while (found := hanging.pop(len(made), None)) is not None:
        left, cell = found
        if left > 1:
            hanging[len(made)] = left - 1, cell
        made.append(cell)


def _aligned(row: Sequence[TableCell], sizes: Sequence[int]) -> str:
    shown: list[str] = []
    for cell, size in zip(row, sizes, strict=True):
        room = " " * (size - columns(plain(cell.words)))
        shown.append(room + cell.words if cell.to_right else cell.words + room)
    return _BETWEEN.join(shown).rstrip()


def _listed(grid: Sequence[Sequence[TableCell]]) -> list[str]:
    """Each row as an item: what its columns are called, and what stands in them."""
    heads = [cell.words for cell in grid[0]] if all(cell.heads or not cell.words for cell in grid[0]) else []
    rows = grid[1:] if heads and len(grid) > 1 else grid
    lines: list[str] = []
    for row in rows:
        if not heads or len(grid) == 1:
            entries = [_BETWEEN.join(cell.words for cell in row if cell.words)]
        else:
            entries = [_named(head, cell.words) for head, cell in zip(heads, row, strict=True)]
        entries = [entry for entry in entries if entry]
        lines += [("  " if n else "- ") + HANG + entry for n, entry in enumerate(entries)]
    return lines


def _named(head: str, words: str) -> str:
    if not head or head == words:
        return words
    return f"{head} {words or '-'}" if head.endswith((":", "?", "：", "？")) else f"{head}: {words or '-'}"
