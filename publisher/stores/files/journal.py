"""The journal: departures and mailings, one JSON object a line, in a file beside the store.

A store restored from a backup is compared with it: whatever is in the journal has happened.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from publisher.core.errors import OutputError
from publisher.stores.files import flush_folder, output_error

_BLOCK = 65_536


class FileJournal:
    """`ports.Journal`: an append-only file, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, event: str, fields: Mapping[str, object]) -> None:
        """Appends `{"event": event, ...fields}`, with instants in UTC; durable when it returns. Raises
        OutputError; ValueError for a field called "event"; TypeError for a value that is not JSON.
        """
        self.append_all([(event, fields)])

    def append_all(self, entries: Sequence[tuple[str, Mapping[str, object]]]) -> None:
        """Appends many events with one write and one sync. After a crash some of the first may be there."""
        lines: list[str] = []
        for event, fields in entries:
            if "event" in fields:
                raise ValueError("a journal's field cannot be called event")
            record = {"event": event, **fields}
            lines.append(json.dumps(record, default=_utc_text, separators=(",", ":")) + "\n")
        if not lines:
            return
        data = "".join(lines).encode("ascii")
        try:
            new = not self.path.exists()
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                size = os.fstat(handle).st_size
                if size > 0 and os.pread(handle, 1, size - 1) != b"\n":
                    data = b"\n" + data  # an incomplete line must not swallow the first event
                if os.write(handle, data) != len(data):
                    what, do = "does not fit on the disk", "free some space and run again"
                    raise OutputError(str(self.path), what, do)
                os.fsync(handle)
            finally:
                os.close(handle)
            if new:
                flush_folder(self.path.parent)
        except OSError as error:
            raise output_error(self.path, error) from error

    def read(self) -> list[tuple[str, dict[str, Any]]]:
        """Every event and its fields, oldest first; empty if there is no file.

        Skips lines that a crash cut short: nobody was told that they were written. Raises OutputError.
        """
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        except OSError as error:
            raise OutputError(str(self.path), f"cannot be read ({error.strerror})") from error
        return [entry for line in lines if (entry := _entry(line)) is not None]

    def since(self, position: int) -> tuple[Iterator[tuple[str, dict[str, Any]]], int]:
        """The events after byte `position`, read line by line, and the number of bytes there are now. A file
        shorter than `position` is a different one and is read from its beginning. Raises OutputError, also
        during iteration.
        """
        try:
            whole = self._complete_size()
        except FileNotFoundError:
            return iter(()), 0
        except OSError as error:
            raise OutputError(str(self.path), f"cannot be read ({error.strerror})") from error
        return self._between(position if position <= whole else 0, whole), whole

    def _complete_size(self) -> int:
        """The number of bytes up to the end of the last line: what follows is still being written."""
        with self.path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                start = max(0, end - _BLOCK)
                file.seek(start)
                newline = file.read(end - start).rfind(b"\n")
                if newline >= 0:
                    return start + newline + 1
                end = start
        return 0

    def _between(self, start: int, end: int) -> Iterator[tuple[str, dict[str, Any]]]:
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                while file.tell() < end:
                    if (entry := _entry(file.readline())) is not None:
                        yield entry
        except OSError as error:
            raise OutputError(str(self.path), f"cannot be read ({error.strerror})") from error


def _entry(line: bytes) -> tuple[str, dict[str, Any]] | None:
    try:
        read: object = json.loads(line)
    except ValueError:
        return None
    if not isinstance(read, dict):
        return None
    fields = cast("dict[str, Any]", read)
    event = fields.pop("event", None)
    return (event, fields) if isinstance(event, str) else None


def _utc_text(value: object) -> str:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"a journal cannot hold {value!r}")
