"""Small transactions written at once, and made durable by whoever may wait for the disk.

There is one between any two messages. A commit with synchronous=FULL writes to the WAL and then waits for the
disk. Here these are two steps, so that a loop which sends mail does the first itself, and a thread waits in
the second. Everything written before `flush` began is durable after it: it is the same fdatasync of the WAL.
"""

import os
import sqlite3
import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from publisher.core.errors import OutputError

_PRAGMAS = (
    "PRAGMA busy_timeout = 0",
    "PRAGMA synchronous = NORMAL",  # `flush` does what FULL would do here
    "PRAGMA wal_autocheckpoint = 0",  # others, who may wait, checkpoint
)


class Rollback(Exception):
    """Raised inside `DeferredFsync.write` to undo what was written."""


class DeferredFsync:
    """One connection to a database for this. `connect` makes it, `errors` translates its errors."""

    def __init__(
        self,
        path: Path,
        connect: Callable[[Path], sqlite3.Connection],
        errors: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._path, self._connect, self._errors = path, connect, errors
        self._connection: sqlite3.Connection | None = None
        self._busy = threading.Lock()
        self._wal: int | None = None

    @contextmanager
    def write(self) -> Generator[sqlite3.Cursor | None, None, None]:
        """One transaction that is written but not yet durable: call `flush`. None if another writer is at
        work; it does not wait for one. `Rollback`, raised inside, undoes what was written and goes no
        further. Raises StoreError, OutputError.
        """
        if not self._busy.acquire(blocking=False):
            yield None
            return
        try:
            with self._errors():
                cursor = self._begin()
                try:
                    yield cursor
                    if cursor is not None:
                        cursor.execute("COMMIT")
                except Rollback:
                    pass
                finally:
                    if cursor is not None and cursor.connection.in_transaction:
                        cursor.execute("ROLLBACK")
        finally:
            self._busy.release()

    def flush(self) -> None:
        """Waits until everything written before is durable. Raises OutputError."""
        try:
            os.fdatasync(self._wal_file())
        except OSError as error:
            what = f"cannot be written ({error.strerror})"
            raise OutputError(str(self._path), what, "check the disk, and that it has room") from error

    def close(self) -> None:
        """Lets go of the connection."""
        with self._busy:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            if self._wal is not None:
                os.close(self._wal)
                self._wal = None

    def _begin(self) -> sqlite3.Cursor | None:
        """Begins a transaction; None if another writer holds the database."""
        if self._connection is None:
            self._connection = self._connect(self._path)
            for pragma in _PRAGMAS:
                self._connection.execute(pragma)
        try:
            return self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return None

    def _wal_file(self) -> int:
        """A handle of the current WAL, whose name is durable too. SQLite holds no locks on this file, so
        closing it releases none (POSIX locks belong to the whole process).
        """
        name = f"{self._path}-wal"
        there = os.stat(name) if self._wal is not None else None  # noqa: PTH116  # a Path takes as long again
        if self._wal is not None and there and not os.path.samestat(os.fstat(self._wal), there):
            os.close(self._wal)
            self._wal = None
        if self._wal is None:
            self._wal = os.open(name, os.O_RDWR | os.O_CLOEXEC)
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return self._wal
