"""SQLite: a file, its connections, and what its errors mean.

Writers begin with BEGIN IMMEDIATE (if two deferred ones meet, one fails with "database is locked" whatever
the timeout), readers with BEGIN, so each method of the store sees one state. WAL: readers and the writer do
not wait for each other. synchronous=FULL: what was committed survives a power cut. A first publish does
without the WAL until the log begins (see `SqliteDatabase.begun`).
"""

import os
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import (
    Connection,
    Engine,
    QueuePool,
    Table,
    column,
    create_engine,
    event,
    insert,
    make_url,
    select,
    table,
    update,
)
from sqlalchemy.exc import ArgumentError

from publisher.core.errors import OutputError, StoreError
from publisher.stores.files import output_error, private_folder
from publisher.stores.sql.database import LOCK_SECONDS, Database

MIN_FREE_BYTES = 256 * 1024
"""With less free space than this, an I/O error means that the disk is full: room for the WAL, its index and
some pages.
"""

_WAL_PRAGMAS = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL")

_FIRST_PUBLISH_PRAGMAS = ("PRAGMA synchronous = EXTRA",)
"""A new file has a rollback journal. EXTRA also flushes its deletion, which is the commit."""

_COMMON_PRAGMAS = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -8192",  # 8 MB for each of the connections that are in use at once
    "PRAGMA temp_store = MEMORY",
)

_LARGE_CACHE = "PRAGMA cache_size = -32768"
"""32 MB for this connection from now on: writes to the index of address keys are random."""

OLDEST_SQLITE = (3, 35)  # RETURNING


class SqliteDatabase(Database):
    """A database file. `first`: it is new, and for the first publish."""

    def __init__(self, path: Path, *, first: bool = False) -> None:
        self.path = path
        self._first = first
        super().__init__(str(path), _engine(lambda: _connect(path, first=self._first)))

    @contextmanager
    def rebuild(self) -> Generator[Connection, None, None]:
        """`write` with foreign keys off: replacing a table must not delete what refers to it."""
        with self._errors(), self._turn, self._connect_to_write() as connection:
            driver = connection.connection.driver_connection
            try:
                if driver is not None:  # outside any transaction: inside one the pragma does nothing
                    driver.execute("PRAGMA foreign_keys = OFF")
                with connection.begin():
                    yield connection
            finally:
                connection.invalidate()  # the next user gets a new one, with all pragmas

    def check_references(self, connection: Connection) -> None:
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if orphans:
            what = f"{len(orphans)} rows refer to nothing after the migration"
            first = f"the first in {orphans[0][0]}"
            raise StoreError(self.name, f"{what}, {first}", "nothing was changed: restore a backup")

    def begun(self) -> None:
        """The log has begun: from now on others may read while we write. Until then a rollback journal is
        faster: it saves only the few pages that existed before, while with the WAL every page is written
        twice.
        """
        if self._first:
            self._first = False
            self.close()  # the next connection turns the WAL on, for all

    def identity(self) -> int:
        return self.path.stat().st_ino

    def size(self) -> int:
        return self.path.stat().st_size

    def reserve_ids(self, connection: Connection, table: Table, last: int) -> None:
        """Raises SQLite's own counter of an AUTOINCREMENT key."""
        this = _COUNTERS.c.name == table.name
        if connection.execute(select(_COUNTERS.c.seq).where(this)).first() is None:
            connection.execute(insert(_COUNTERS).values(name=table.name, seq=last))
        connection.execute(update(_COUNTERS).where(this, _COUNTERS.c.seq < last).values(seq=last))

    def _prepare_wide(self, connection: Connection) -> None:
        connection.exec_driver_sql(_LARGE_CACHE)

    def _error(self, error: BaseException) -> StoreError | OutputError:
        return store_error(self.path, error)

    @contextmanager
    def _errors(self) -> Generator[None, None, None]:
        try:
            with super()._errors():
                yield
        except sqlite3.Error as error:  # of a connection that is being made
            raise self._error(error) from error


_COUNTERS = table("sqlite_sequence", column("name"), column("seq"))


def existing_database(path: Path, *, first: bool = False) -> SqliteDatabase:
    """The database in an existing file that we may read and write. Raises StoreError, OutputError."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError("SQLite", f"version {sqlite3.sqlite_version} is too old", f"use {oldest} or later")
    if path.is_dir():
        raise StoreError(str(path), "a folder, not a store", "name a file in store.url")
    if not path.exists():
        raise missing(str(path))
    if not os.access(path, os.R_OK):
        raise StoreError(str(path), "the store cannot be read", "check its owner and permissions")
    for place in (path, path.parent):
        if not os.access(place, os.W_OK):
            raise OutputError(str(place), "cannot be written", "the store needs its file and folder writable")
    return SqliteDatabase(path, first=first)


def path_of(url: str) -> Path:
    """The file a "sqlite:///..." URL names. Raises StoreError for other URLs; shows no password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreError("store.url", f"{url!r} is not a URL", 'write "sqlite:///PATH"') from None
    if parsed.get_backend_name() != "sqlite":
        shown = parsed.render_as_string(hide_password=True)
        raise StoreError(
            "store.url", f"{shown!r} is not a kind of database that Publisher knows", 'write "sqlite:///PATH"'
        )
    if not parsed.database or parsed.database == ":memory:":
        raise StoreError("store.url", f"{url!r} names no file", 'write "sqlite:///PATH"')
    return Path(parsed.database)


def create_file(path: Path) -> None:
    """Creates an empty file that only its owner may read, since it will hold addresses. SQLite gives its side
    files the same permissions.
    """
    try:
        private_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except IsADirectoryError:
        return
    except OSError as error:
        if not path.exists():
            raise output_error(path, error) from error


def missing(name: str) -> StoreError:
    return StoreError(name, "there is no store here", "run `publisher publish` to make it")


def store_error(path: Path, error: BaseException) -> StoreError | OutputError:
    """A database error as one line that tells a person what to do."""
    what = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "disk is full" in what or ("disk I/O error" in what and _is_disk_full(path)):
        return OutputError(str(path), "does not fit on the disk", "free some space and run again")
    for words, answer, do in _KNOWN_ERRORS:
        if words in what:
            return StoreError(str(path), answer, do)
    if "readonly" in what or "unable to open" in what:
        return OutputError(str(path), f"cannot be written ({what})", "check permissions and free space")
    return StoreError(str(path), f"the database refused: {what}")


def _is_disk_full(path: Path) -> bool:
    """Whether there is too little room for SQLite's files beside `path`, which it reports as an I/O error."""
    try:
        found = os.statvfs(path.parent)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < MIN_FREE_BYTES


_KNOWN_ERRORS = (
    ("not a database", "not a Publisher store", "name another file in store.url, or restore a backup"),
    ("malformed", "the store is damaged", "restore a backup"),
    ("disk I/O error", "the disk does not answer", "check the disk, then restore a backup if need be"),
    ("locked", f"another process has held the store for {LOCK_SECONDS} s", "stop it, or try again"),
)


def _engine(connect: Callable[[], sqlite3.Connection]) -> Engine:
    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=8,
        pool_use_lifo=True,  # the last one used has the right pages in its cache; the others stay small
        hide_parameters=True,  # addresses and tokens stay out of tracebacks and logs
    )

    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("writes", False)
        driver = connection.connection.driver_connection
        if driver is not None:  # `exec_driver_sql` takes as long as the whole rest of a small transaction
            driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "begin", begin)
    return engine


def _connect(path: Path, *, first: bool = False) -> sqlite3.Connection:
    # "rw" makes no file: where the store was moved away, SQLite would begin an empty one in its place.
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=LOCK_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        for pragma in (*(_FIRST_PUBLISH_PRAGMAS if first else _WAL_PRAGMAS), *_COMMON_PRAGMAS):
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
