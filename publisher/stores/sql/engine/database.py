"""Connections, transactions, and what the database's errors mean.

SQLite: writers begin with BEGIN IMMEDIATE (if two deferred ones meet, one fails with "database is locked"
whatever the timeout), readers with BEGIN, so each method of the store sees one state. WAL: readers and the
writer do not wait for each other. synchronous=FULL: what was committed survives a power cut. A first publish
does without the WAL until the log begins (see `Database.begun`).
"""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    QueuePool,
    Table,
    bindparam,
    create_engine,
    event,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from publisher.core.errors import OutputError, PublisherError, StoreError

T = TypeVar("T")

LOCK_SECONDS = 60
"""How long a writer waits for another before it gives up."""

MIN_FREE_BYTES = 256 * 1024
"""With less free space than this, an I/O error means that the disk is full: room for the WAL, its index and
some pages.
"""

IN_LIST = 5_000
"""Values in one IN list: well under SQLite's 32,766 variables."""

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


class Database:
    """A database file and its pool of connections; safe to share between threads. `first`: the file is new,
    and for the first publish.
    """

    def __init__(self, path: Path, *, first: bool = False) -> None:
        self.path = path
        self._first = first
        self._engine = _engine(lambda: _connect(path, first=self._first))
        self._writer = self._engine.execution_options(writes=True)
        # SQLite has no queue for its lock: a writer looks again after 1 to 100 ms. Threads of one process
        # wait here instead, and go on at once.
        self._turn = threading.Lock()
        self.dialect = self._engine.dialect

    @contextmanager
    def read(self) -> Generator[Connection, None, None]:
        """A connection that sees one state of the database. Raises StoreError, OutputError."""
        with self._errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, wide: bool = False) -> Generator[Connection, None, None]:
        """One transaction, whole or not at all, alone among writers. `wide` is for many rows in random order.
        Raises StoreError, OutputError.
        """
        with self._errors(), self._turn, self._writer.begin() as connection:
            if wide:
                connection.exec_driver_sql(_LARGE_CACHE)
            yield connection

    @contextmanager
    def rebuild(self) -> Generator[Connection, None, None]:
        """`write` with foreign keys off: replacing a table must not delete what refers to it (SQLite)."""
        with self._errors(), self._turn, self._writer.connect() as connection:
            driver = connection.connection.driver_connection
            try:
                if driver is not None:  # outside any transaction: inside one the pragma does nothing
                    driver.execute("PRAGMA foreign_keys = OFF")
                with connection.begin():
                    yield connection
            finally:
                connection.invalidate()  # the next user gets a new one, with all pragmas

    def begun(self) -> None:
        """The log has begun: from now on others may read while we write. Until then a rollback journal is
        faster: it saves only the few pages that existed before, while with the WAL every page is written
        twice.
        """
        if self._first:
            self._first = False
            self._engine.dispose()  # the next connection turns the WAL on, for all

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _errors(self) -> Generator[None, None, None]:
        try:
            yield
        except PublisherError:
            raise
        except DBAPIError as error:
            raise store_error(self.path, error.orig or error) from error
        except StatementError as error:  # a value that no column accepts: our bug, not the database's
            raise (error.orig or error) from error
        except (sqlite3.Error, PoolTimeout, UnicodeEncodeError) as error:
            raise store_error(self.path, error) from error


def insert_new(table: Table) -> sqlite.Insert:
    """INSERT that keeps existing rows as they are."""
    return sqlite.insert(table).on_conflict_do_nothing()


def upsert(table: Table) -> sqlite.Insert:
    """INSERT that replaces a row with the same primary key."""
    statement = sqlite.insert(table)
    key = [column.name for column in table.primary_key]
    rest = {c.name: statement.excluded[c.name] for c in table.columns if c.name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=rest)


def insert_with_shared_values(
    connection: Connection,
    table: Table,
    varying: Sequence[str],
    rows: Sequence[tuple[int, ...]],
    same: Mapping[str, Any],
) -> None:
    """Inserts `rows`, integers for the columns `varying`, each with the values `same` beside them. SQLite
    builds the rows itself from one JSON text, which is several times faster than binding every value.
    """
    # The text is a parameter: a statement is a reference cycle, and would keep it alive.
    given = func.json_each(bindparam("rows_")).table_valued("key", "value")
    values: dict[str, ColumnElement[Any]] = {
        name: func.json_extract(given.c.value, f"$[{place}]") for place, name in enumerate(varying)
    }
    values |= {name: literal(value, table.c[name].type) for name, value in same.items()}
    query = select(*values.values()).select_from(given).order_by(given.c.key)
    connection.execute(insert(table).from_select(list(values), query), {"rows_": json.dumps(rows)})


def slices(values: Sequence[T], size: int = IN_LIST) -> Iterator[Sequence[T]]:
    """`values` in slices that fit an IN list."""
    return (values[start : start + size] for start in range(0, len(values), size))


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
    connection = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (*(_FIRST_PUBLISH_PRAGMAS if first else _WAL_PRAGMAS), *_COMMON_PRAGMAS):
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection
