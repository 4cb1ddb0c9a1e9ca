"""Connections, transactions, and what the database's errors mean.

SQLite: writers begin with BEGIN IMMEDIATE (if two deferred ones meet, one fails with "database is locked"
whatever the timeout), readers with BEGIN, so each method of the store sees one state. WAL: readers and the
writer do not wait for each other. synchronous=FULL: what was committed survives a power cut. A first publish
does without the WAL until the log begins (see `Database.begun`).

Hot paths do without most of SQLAlchemy. What it does for each statement (building it, looking up its compiled
form, wrapping rows) takes ten times as long as SQLite takes to carry it out, and two statements run between
one message and the next. So a `PreparedStatement` is compiled once and its rows go to the driver, and
`insert_many` inserts thousands of rows.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    Insert,
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
from sqlalchemy.sql.expression import UpdateBase
from sqlalchemy.types import TypeEngine

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

ROWS_PER_INSERT = 100
"""Rows of one INSERT among many, a third faster than one by one. SQLite takes 32,766 values: 327 columns."""

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
        self._writer: Connection | None = None
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
        with self._errors(), self._turn:
            # Kept open: taking one from the pool takes longer than the small transactions of a delivery.
            connection = self._writer = self._writer or self._connect_to_write()
            with connection.begin():
                if wide:
                    connection.exec_driver_sql(_LARGE_CACHE)
                yield connection

    def _connect_to_write(self) -> Connection:
        return self._engine.connect().execution_options(writes=True)

    @contextmanager
    def rebuild(self) -> Generator[Connection, None, None]:
        """`write` with foreign keys off: replacing a table must not delete what refers to it (SQLite)."""
        with self._errors(), self._turn, self._connect_to_write() as connection:
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
            self.close()  # the next connection turns the WAL on, for all

    def close(self) -> None:
        """Closes its connections; it may be used again."""
        with self._turn:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
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


def row_value(name: str, type_: Any = None) -> BindParameter[Any]:
    """Where a value of each row goes in a prepared statement."""
    return bindparam(name, required=False, type_=type_)


class Cursor(Protocol):
    """A cursor of the driver (PEP 249)."""

    @property
    def rowcount(self) -> int: ...
    def execute(self, operation: str, parameters: Any, /) -> object: ...


class PreparedStatement:
    """A statement whose bindparams are `names`; all other values in it never change, and are written out.

    They must be: SQLite looks at bound values when it plans around a partial index, and then plans anew at
    each call, which took fifteen times as long as the update itself. Values of rows are the driver's own:
    integers, text, and instants as milliseconds. They are in the statement as `row_value(name)`.
    """

    def __init__(self, statement: UpdateBase, names: Sequence[str]) -> None:
        self._statement, self._names = statement, tuple(names)
        self._compiled: dict[str, tuple[str, Callable[[Sequence[Any]], Sequence[Any]]]] = {}

    def execute(self, cursor: Cursor, dialect: Dialect, row: Sequence[Any]) -> bool:
        """Executes it with one row of values, in the order of `names`; returns whether it changed a row."""
        sql, in_order = self._compiled.get(dialect.name) or self._compile(dialect)
        cursor.execute(sql, in_order(row))
        return cursor.rowcount == 1

    def each(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
        """Executes it for each row of values."""
        cursor = connection.connection.cursor()
        try:
            for row in rows:
                self.execute(cursor, connection.dialect, row)
        finally:
            cursor.close()

    def _compile(self, dialect: Dialect) -> tuple[str, Callable[[Sequence[Any]], Sequence[Any]]]:
        """The SQL text, and what puts a row's values (at least two) in the order it takes them."""
        compiled = self._statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        order = compiled.positiontup
        if order is None:
            raise NotImplementedError(f"{dialect.name}: a driver that takes its values by name")
        first, *rest = str(compiled).split("?")
        own = ["?" if name in self._names else _sql_literal(compiled.params[name]) for name in order]
        text = first + "".join(mark + after for mark, after in zip(own, rest, strict=True))
        made = text, itemgetter(*(self._names.index(n) for n in order if n in self._names))
        self._compiled[dialect.name] = made
        return made


def _sql_literal(value: Any) -> str:
    """A constant as SQL: a member of an enumeration, text, a number."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            return "'" + str(value).replace("'", "''") + "'"


def insert_many(connection: Connection, statement: Insert, rows: Sequence[Mapping[str, Any]]) -> None:
    """`connection.execute(statement, rows)` for thousands of rows with the same columns, but faster:
    SQLAlchemy processes each row by itself, which takes longer than the database.
    """
    if rows:
        insert_columns(connection, statement, {name: [row[name] for row in rows] for name in rows[0]})


def insert_columns(connection: Connection, statement: Insert, columns: Mapping[str, Sequence[Any]]) -> None:
    """`insert_many` of rows given as columns, all of the same length."""
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(columns))
    names = compiled.positiontup
    if names is None:  # a driver that takes its values by name
        rows = zip(*columns.values(), strict=True)
        connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in rows])
        return
    bound = [_bound_values(connection, compiled.binds[name].type, columns[name]) for name in names]
    values = zip(*bound, strict=True)
    one = f"({', '.join('?' * len(names))})"
    times = len(bound[0]) // ROWS_PER_INSERT if one in compiled.string else 0
    many = compiled.string.replace(one, ", ".join([one] * ROWS_PER_INSERT))
    for _ in range(times):
        connection.exec_driver_sql(many, tuple(chain.from_iterable(islice(values, ROWS_PER_INSERT))))
    if rest := list(values):
        connection.exec_driver_sql(compiled.string, rest)


def _bound_values(connection: Connection, kind: TypeEngine[Any], values: Sequence[Any]) -> Sequence[Any]:
    """A column of values as the driver takes them; if all are the same, it is converted once."""
    bound = kind.dialect_impl(connection.dialect).bind_processor(connection.dialect)
    if bound is None:
        return values
    first = values[0] if values else None
    if all(value is first for value in values):
        return [bound(first)] * len(values)
    return [*map(bound, values)]
