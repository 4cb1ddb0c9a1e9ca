"""Files of subscribers: CSV as spreadsheets and services write it, or one address per line. The encoding,
the separator and the header are detected.

The encoding is UTF-8, with or without a byte order mark, or UTF-16; anything else is read as Windows-1252,
which leaves ASCII addresses as they are. Cells are separated by commas, semicolons, tabs or bars, or by
what a first line such as `sep=;` names.
"""

import codecs
import csv
import shutil
import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from publisher.core.errors import PublisherError, Refused
from publisher.core.subscribers.csv_cells import normalized
from publisher.core.subscribers.import_columns import email_column
from publisher.imports.listmonk_pages import ListmonkPages

SEPARATORS = ",;\t|"
MAX_CELL = 1 << 20
"""Characters in one cell: a longer one means that a quotation mark was not closed."""

_BLOCK = 1 << 16
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class SubscriberFile:
    """A file of subscribers, called `name` in errors. Its rows can be read more than once."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        try:
            with path.open("rb") as data:
                self.encoding = detect_encoding(data, name)
        except OSError as error:
            what = f"cannot be read ({error.strerror})"
            raise PublisherError(name, what, "name a CSV file") from None
        try:
            with self._open() as text:
                self._skipped, self.separator, self.head = detect_header(text, name)
        except UnicodeDecodeError as error:
            raise PublisherError(name, f"not a text file ({error})", "save it as CSV in UTF-8") from None

    @property
    def guessed(self) -> bool:
        """Whether the encoding is a guess."""
        return self.encoding == "cp1252"

    def rows(self) -> Iterator[tuple[int, Sequence[str]]]:
        """(line number, cells) of each row below the header that is not blank. Raises PublisherError."""
        csv.field_size_limit(MAX_CELL)
        with self._open() as text:
            for _ in range(self._skipped):
                text.readline()
            lines = csv.reader(text, delimiter=self.separator)
            begins, head = 1, bool(self.head)
            try:
                for cells in lines:
                    begun, begins = begins, lines.line_num + 1
                    if not any(map(str.strip, cells)):
                        continue
                    if head:
                        head = False
                        continue
                    yield begun + self._skipped, cells
            except csv.Error as error:
                where = f"{self.name}:{begins + self._skipped}"
                what = "a quotation mark is not closed" if "larger than" in str(error) else str(error)
                raise PublisherError(
                    where, f"not valid CSV ({what})", "fix that line, or export the file again"
                ) from None
            except UnicodeDecodeError as error:
                raise PublisherError(
                    self.name, f"not a text file ({error})", "save it as CSV in UTF-8"
                ) from None

    @contextmanager
    def _open(self) -> Generator[TextIOWrapper, None, None]:
        errors = "replace" if self.encoding == "cp1252" else "strict"
        with self.path.open(encoding=self.encoding, errors=errors, newline="") as text:
            yield text


AnySubscriberFile = SubscriberFile | ListmonkPages


def _read(path: Path, name: str) -> AnySubscriberFile:
    try:
        with path.open("rb") as data:
            start = data.read(_BLOCK).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    except OSError:
        start = b""  # SubscriberFile says why it cannot be read
    return ListmonkPages(path, name) if start in (b"{", b"[") else SubscriberFile(path, name)


@contextmanager
def opened(file: str, stdin: BinaryIO) -> Generator[AnySubscriberFile, None, None]:
    """The file of that name: CSV, or pages of listmonk's API. `-` is standard input, copied to a temporary
    file to be read twice.
    """
    if file != "-":
        yield _read(Path(file), file)
        return
    with tempfile.NamedTemporaryFile(prefix="readers.") as kept:
        shutil.copyfileobj(stdin, kept)
        kept.flush()
        yield _read(Path(kept.name), "-")


def detect_encoding(data: BinaryIO, name: str) -> str:
    """The encoding of a file; "cp1252" if it is a guess. Raises Refused: not a text file."""
    first = data.read(_BLOCK)
    if not first.strip():
        raise Refused(name, "the file is empty", "name a CSV file")
    if first.startswith(b"PK\x03\x04"):
        raise Refused(name, "a ZIP archive or an Excel workbook", "unpack it, or save the sheet as CSV")
    for mark, encoding in _BYTE_ORDER_MARKS:
        if first.startswith(mark):
            return encoding
    sample = first[:4096]
    if b"\0" in sample:
        even, odd = sample[::2].count(0), sample[1::2].count(0)
        if max(even, odd) * 4 < len(sample):
            raise Refused(name, "not a text file", "save it as CSV in UTF-8")
        return "utf-16-le" if odd > even else "utf-16-be"
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while first:
            decoder.decode(first)
            first = data.read(_BLOCK)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def detect_header(text: TextIOWrapper, name: str) -> tuple[int, str, tuple[str, ...]]:
    """(lines to skip, separator, header); the header is empty if the first row has addresses."""
    csv.field_size_limit(MAX_CELL)
    first = text.readline()
    first_words = first.strip().removeprefix("\ufeff").strip('"')
    skipped, given = 0, ""
    if first_words.casefold().startswith("sep=") and len(first_words) <= 5:
        skipped, given = 1, first_words[4:] or "\t"
        first = ""
    lines = [line for line in (first, text.read(_BLOCK)) if line]
    found = {separator: _first_row("".join(lines), separator) for separator in given or SEPARATORS}
    headed = {
        mark: cells
        for mark, cells in found.items()
        if email_column([normalized(c) for c in cells]) is not None
    }
    if headed:
        separator = max(headed, key=lambda mark: len(headed[mark]))
        return skipped, separator, tuple(cell.strip("\ufeff") for cell in headed[separator])
    if not any(map(any, found.values())):
        raise Refused(name, "the file is empty", "name a CSV file")
    if not any("@" in cell for cells in found.values() for cell in cells):
        raise Refused(
            name, "there is no column `email`", "call the column of addresses `email` in the first line"
        )
    return skipped, max(found, key=lambda mark: len(found[mark])), ()


def _first_row(text: str, separator: str) -> list[str]:
    """The first row of `text` that is not blank."""
    try:
        rows = csv.reader(text.splitlines(keepends=True), delimiter=separator)
        return next((cells for cells in rows if any(map(str.strip, cells))), [""])
    except csv.Error:
        return []
