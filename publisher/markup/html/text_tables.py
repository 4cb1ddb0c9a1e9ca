"""Tables in plain text: one line per row with aligned columns, or a list of the rows if that is too wide."""

from collections.abc import Sequence
from dataclasses import dataclass

from publisher.core.mail.message import HANGING_INDENT, VERBATIM, display_width, strip_marks
from publisher.markup.html.fragments import Piece, names

MAX_COLUMNS = 200
"""The most columns of a table; cells beyond them are dropped."""

_SEPARATOR = " | "
_NOT_IN_DATA = names("audio blockquote dl h1 h2 h3 h4 h5 h6 pre table video")
"""Elements that a data table does not contain: a table with one of these is a layout."""


@dataclass(frozen=True, slots=True)
class TableCell:
    """One cell: its words on one line."""

    words: str
    is_header: bool = False
    colspan: int = 1
    rowspan: int = 1
    right_aligned: bool = False


def is_data_table(pieces: Sequence[Piece], at: int) -> bool:
    """Whether the table that begins at `pieces[at]` has rows of cells with words and is not a layout."""
    cells, most_cells, paragraphs = 0, 0, 0
    for n in range(at + 1, len(pieces)):
        piece = pieces[n]
        if piece.tag == "table" and piece.closing:
            return most_cells > 1
        if piece.tag in _NOT_IN_DATA:
            return False
        if piece.closing:
            continue
        if piece.tag == "tr":
            cells = 0
        elif piece.tag in ("td", "th"):
            cells, paragraphs = cells + 1, 0
            most_cells = max(most_cells, cells)
        elif piece.tag == "p":
            paragraphs += 1
            if paragraphs > 3:
                return False
    return False


def table_lines(rows: Sequence[Sequence[TableCell]], width: int) -> list[str]:
    """The lines of a table within `width` columns of text. Rows may be of different lengths."""
    grid = _grid(rows)
    count = max(map(len, grid), default=0)
    if count == 0:
        return []
    grid = [[*row, *[TableCell("")] * (count - len(row))] for row in grid]
    widths = [max(display_width(strip_marks(row[at].words)) for row in grid) for at in range(count)]
    if sum(widths) + len(_SEPARATOR) * (count - 1) > width:
        return _as_list(grid)
    lines: list[str] = []
    for row in grid:
        cells: list[str] = []
        for cell, size in zip(row, widths, strict=True):
            padding = " " * (size - display_width(strip_marks(cell.words)))
            cells.append(padding + cell.words if cell.right_aligned else cell.words + padding)
        lines.append(VERBATIM + _SEPARATOR.join(cells).rstrip())
    return lines


def _grid(rows: Sequence[Sequence[TableCell]]) -> list[list[TableCell]]:
    """Cells by column: a cell over several columns is followed by empty ones, one over several rows is
    repeated.
    """
    grid: list[list[TableCell]] = []
    spanning: dict[int, tuple[int, TableCell]] = {}  # by column: how many rows it still covers, and the cell

    def add_spanning(line: list[TableCell]) -> None:
        while (found := spanning.pop(len(line), None)) is not None:
            left, cell = found
            if left > 1:
                spanning[len(line)] = left - 1, cell
            line.append(cell)

    for row in rows:
        line: list[TableCell] = []
        for cell in row:
            add_spanning(line)
            for n in range(min(cell.colspan, MAX_COLUMNS - len(line))):
                shown = TableCell("" if n else cell.words, cell.is_header, right_aligned=cell.right_aligned)
                if cell.rowspan > 1:
                    spanning[len(line)] = cell.rowspan - 1, shown
                line.append(shown)
        add_spanning(line)
        grid.append(line)
    return grid


def _as_list(grid: Sequence[Sequence[TableCell]]) -> list[str]:
    """Each row as a list item: "column: words" for each of its columns."""
    has_header = all(cell.is_header or not cell.words for cell in grid[0])
    header = [cell.words for cell in grid[0]] if has_header else []
    lines: list[str] = []
    for row in grid[1:] if header and len(grid) > 1 else grid:
        entries: list[str] = []
        if not header or len(grid) == 1:
            entries = [_SEPARATOR.join(cell.words for cell in row if cell.words)]
        else:
            for name, cell in zip(header, row, strict=True):
                if not name or name == cell.words:
                    entries.append(cell.words)
                else:
                    colon = "" if name.endswith((":", "?", "：", "？")) else ":"
                    entries.append(f"{name}{colon} {cell.words or '-'}")
        lines += [
            ("  " if n else "- ") + HANGING_INDENT + entry for n, entry in enumerate(filter(None, entries))
        ]
    return lines
