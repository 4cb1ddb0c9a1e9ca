"""Files of subscribers: CSV as spreadsheets and services write it, one address per line, or saved pages of
listmonk's API. The encoding, the separator and the header are detected.

The encoding is UTF-8, with or without a byte order mark, or UTF-16; anything else is read as Windows-1252,
which leaves ASCII addresses as they are. Cells are separated by commas, semicolons, tabs or bars, or by
what a first line such as `sep=;` names.

Unlike listmonk's CSV, the pages of `GET /api/subscribers` tell each subscriber's status on each list:
"unconfirmed", "confirmed" or "unsubscribed" (listmonk's models/subscribers.go and queries), and how the list
asks: `optin` is "single" or "double". A file holds a page, several pages one after another, a list of pages,
or subscribers alone.
"""

import codecs
import csv
import json
import re
import shutil
import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, cast

from publisher.core.errors import PublisherError, Refused, UsageError
from publisher.core.subscribers.csv_cells import normalized
from publisher.core.subscribers.import_columns import email_column
from publisher.core.subscribers.import_providers import LISTMONK_PAGE_COLUMNS

_SPACE = re.compile(r"\s*")

LISTMONK_FIX = "save the answers of /api/subscribers?list_id=N&per_page=1000&page=N as they are"

SEPARATORS = ",;\t|"

MAX_CELL = 1 << 20
"""Characters in one cell: a longer one means that a quotation mark was not closed."""

_BLOCK = 1 << 16

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class ListmonkPages:
    """A file of saved pages, called `name` in errors. Its rows are read like those of a CSV file, once
    `list_id` names the list that they are about.
    """

    head = LISTMONK_PAGE_COLUMNS
    guessed = False

    def __init__(self, path: Path, name: str) -> None:
        self.name = name
        self.list_id: int | None = None
        self.total = 0
        self._subscribers: list[Mapping[str, object]] = []
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise PublisherError(name, f"cannot be read ({error.strerror})", "name a file") from None
        except UnicodeDecodeError as error:
            raise PublisherError(name, f"not a text file ({error})", LISTMONK_FIX) from None
        for value in _json_values(text, name):
            self._add(value)

    def _add(self, value: object) -> None:
        """Adds the subscribers in a JSON value: a page, a list of either, or one subscriber."""
        if isinstance(value, list):
            for item in cast("list[object]", value):
                self._add(item)
            return
        fields = _object(value)
        if "results" in (page := _object(fields.get("data", value))):
            self.total = max(self.total, _integer(page.get("total")) or 0)
            self._add(page["results"] or [])
        elif "email" in fields:
            self._subscribers.append(fields)
        else:
            raise Refused(self.name, "JSON, but no page of listmonk's subscribers", LISTMONK_FIX)

    def __len__(self) -> int:
        return len(self._subscribers)

    def lists(self) -> dict[int, str]:
        """The names of all lists in the file, by id."""
        found: dict[int, str] = {}
        for subscriber in self._subscribers:
            for one in _lists_of(subscriber):
                if (number := _integer(one.get("id"))) is not None:
                    found[number] = str(one.get("name", ""))
        return found

    def shared_lists(self) -> set[int] | None:
        """The ids of the lists that all its subscribers are on, leaving out those on no list at all; None if
        nobody is on any.
        """
        shared: set[int] | None = None
        for subscriber in self._subscribers:
            theirs = {
                number for one in _lists_of(subscriber) if (number := _integer(one.get("id"))) is not None
            }
            if theirs:
                shared = theirs if shared is None else shared & theirs
        return shared

    def rows(self) -> Iterator[tuple[int, Sequence[str]]]:
        """(number of the subscriber in the file, cells by `head`) of each subscriber."""
        for number, subscriber in enumerate(self._subscribers, 1):
            there = (one for one in _lists_of(subscriber) if _integer(one.get("id")) == self.list_id)
            subscription: Mapping[str, object] = next(there, {"subscription_status": "none"})
            word = str(subscription.get("subscription_status") or "")
            if word == "unconfirmed":
                word += " (double opt-in)" if subscription.get("optin") == "double" else " (single opt-in)"
            since = str(subscription.get("subscription_updated_at") or "")
            email, account = (str(subscriber.get(name) or "") for name in ("email", "status"))
            yield number, (email, account, word, since)


def choose_list(pages: Sequence[ListmonkPages], wanted: str) -> None:
    """Sets the list that pages are about: the one with the id or name `wanted`, or else the only one that all
    their subscribers are on. Raises UsageError.
    """
    names = {number: name for page in pages for number, name in page.lists().items()}
    shown = ", ".join(f"{number} ({name})" for number, name in sorted(names.items())) or "none"
    if wanted:
        found = [number for number, name in names.items() if wanted in (str(number), name)]
        if len(found) != 1:
            what = f"{'no list' if not found else 'more than one list'} is called {wanted!r}"
            raise UsageError("--from-list", what, f"the lists are: {shown}")
    else:
        shared = [lists for page in pages if (lists := page.shared_lists()) is not None]
        found = [*set[int].intersection(*shared)] if shared else []
        if shared and len(found) != 1:
            where = pages[0].name if len(pages) == 1 else "subscribers import"
            what = f"these subscribers are on several lists: {shown}"
            raise UsageError(where, what, "name the one to import with --from-list ID")
    for page in pages:
        page.list_id = found[0] if found else None


def missing_pages(pages: Sequence[ListmonkPages]) -> str:
    """What to say if listmonk counted more subscribers than the files hold; "" if it did not."""
    have, total = sum(map(len, pages)), max((page.total for page in pages), default=0)
    if have >= total:
        return ""
    return f"listmonk has {total:,} subscribers, and these pages hold {have:,}; save the other pages too"


def _json_values(text: str, name: str) -> Iterator[object]:
    """The JSON values in a text, one after another. Raises PublisherError."""
    decoder, position = json.JSONDecoder(), 0
    while (position := _SPACE.match(text, position).end()) < len(text):  # type: ignore[union-attr]  # always matches
        try:
            value, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            line = text.count("\n", 0, getattr(error, "pos", position)) + 1
            what = f"not valid JSON ({getattr(error, 'msg', 'nested too deeply')})"
            raise PublisherError(f"{name}:{line}", what, LISTMONK_FIX) from None
        yield value


def _object(value: object) -> Mapping[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _lists_of(subscriber: Mapping[str, object]) -> list[Mapping[str, object]]:
    found = subscriber.get("lists")
    return [_object(one) for one in cast("list[object]", found)] if isinstance(found, list) else []


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


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
            name, "there is no column `email`", "name the column of addresses `email` in the first line"
        )
    return skipped, max(found, key=lambda mark: len(found[mark])), ()


def _first_row(text: str, separator: str) -> list[str]:
    """The first row of `text` that is not blank."""
    try:
        rows = csv.reader(text.splitlines(keepends=True), delimiter=separator)
        return next((cells for cells in rows if any(map(str.strip, cells))), [""])
    except csv.Error:
        return []
