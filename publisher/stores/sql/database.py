"""Databases and transactions, whichever kind the database is: `sqlite.SqliteDatabase`, or
`postgresql.PostgresqlDatabase`.

Statements are written once, in SQLAlchemy's words for SQLite; `stores.sql.postgresql` says what PostgreSQL
calls the few that differ.

Hot paths do without most of SQLAlchemy. What it does for each statement (building it, looking up its compiled
form, wrapping rows) takes ten times as long as the database takes to carry it out, and two statements run
between one message and the next. So a `PreparedStatement` is compiled once and its rows go to the driver, and
`insert_many` inserts thousands of rows.
"""

import json
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Protocol, TypeVar, runtime_checkable

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    Insert,
    Table,
    bindparam,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.sql.expression import UpdateBase
from sqlalchemy.types import TypeEngine

from publisher.core.errors import OutputError, PublisherError, StoreError

T = TypeVar("T")

LOCK_SECONDS = 60
"""How long a writer waits for another before it gives up."""

IN_LIST = 5_000
"""Values in one IN list: well under SQLite's 32,766 variables."""

ROWS_PER_INSERT = 100
"""Rows of one INSERT among many, a third faster than one by one. SQLite takes 32,766 values: 327 columns."""


class Database:
    """A database and its pool of connections; safe to share between threads. `name` tells people which: a
    file, or a host and a database, without a password.
    """

    def __init__(self, name: str, engine: Engine) -> None:
        self.name, self._engine = name, engine
        self._writer: Connection | None = None
        # A database has no queue for its writers, or one that is slower: threads of one process wait here.
        self._turn = threading.Lock()
        self.dialect = engine.dialect

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
            connection = self._writer
            if connection is None or self._is_lost(connection):
                connection = self._writer = self._connect_to_write()
            with connection.begin():
                if wide:
                    self._prepare_wide(connection)
                yield connection

    @contextmanager
    def rebuild(self) -> Generator[Connection, None, None]:
        """`write` for a migration, which may replace tables."""
        with self.write() as connection:
            yield connection

    def check(self, connection: Connection) -> None:
        """Raises StoreError if no store can be in this database."""

    def id_taken(self, connection: Connection, table: Table, id: int) -> None:
        """Says that a row was given an id of those that the database generates."""

    def check_references(self, connection: Connection) -> None:
        """Raises StoreError if a migration left rows that refer to nothing."""

    def begun(self) -> None:
        """The log has begun: others may read from now on while this process writes."""

    def identity(self) -> int:
        """A number that no copy of this database has, and that it keeps wherever it is seen from."""
        raise NotImplementedError

    def size(self) -> int:
        """Its size in bytes."""
        raise NotImplementedError

    def reserve_ids(self, connection: Connection, table: Table, last: int) -> None:
        """Ids that `table` generates are above `last` from now on."""
        raise NotImplementedError

    def close(self) -> None:
        """Closes its connections; it may be used again."""
        with self._turn:
            writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()
        self._engine.dispose()

    def _connect_to_write(self) -> Connection:
        return self._engine.connect().execution_options(writes=True)

    def _is_lost(self, connection: Connection) -> bool:
        """Whether the connection that is kept for writing ended meanwhile."""
        return False

    def _prepare_wide(self, connection: Connection) -> None:
        """Prepares a transaction that writes many rows in random order."""

    def _error(self, error: BaseException) -> StoreError | OutputError:
        """An error of the driver as one line that tells a person what to do."""
        raise NotImplementedError

    @contextmanager
    def _errors(self) -> Generator[None, None, None]:
        try:
            yield
        except PublisherError:
            raise
        except DBAPIError as error:
            raise self._error(error.orig or error) from error
        except StatementError as error:  # a value that no column accepts: our bug, not the database's
            raise (error.orig or error) from error
        except (PoolTimeout, UnicodeEncodeError) as error:
            raise self._error(error) from error


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
    if not isinstance(connection.dialect, SQLiteDialect):
        columns: dict[str, Sequence[Any]] = dict(zip(varying, zip(*rows, strict=True), strict=True))
        repeated = {name: [value] * len(rows) for name, value in same.items()}
        insert_columns(connection, insert(table), columns | repeated)
        return
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


def row_value(name: str, type_: Any = None) -> BindParameter[Any]:
    """Where a value of each row goes in a prepared statement."""
    return bindparam(name, required=False, type_=type_)


class Cursor(Protocol):
    """A cursor of the driver (PEP 249)."""

    @property
    def rowcount(self) -> int: ...
    def execute(self, operation: str, parameters: Any, /) -> object: ...


Row = Sequence[Any]
"""The values of a row."""

Parameters = Callable[[Row], Sequence[Any] | Mapping[str, Any]]
"""Makes the parameters of a statement from the values of a row."""


class PreparedStatement:
    """A statement whose bindparams are `names`; all other values in it never change, and are written out.

    They must be: SQLite looks at bound values when it plans around a partial index, and then plans anew at
    each call, which took fifteen times as long as the update itself. Values of rows are the driver's own:
    integers, text, and instants as milliseconds. They are in the statement as `row_value(name)`.
    """

    def __init__(self, statement: UpdateBase, names: Sequence[str]) -> None:
        self._statement, self._names = statement, tuple(names)
        self._compiled: dict[str, tuple[str, Parameters]] = {}

    def execute(self, cursor: Cursor, dialect: Dialect, row: Sequence[Any]) -> bool:
        """Executes it with one row of values, in the order of `names`; returns whether it changed a row."""
        sql, in_order = self._compiled.get(dialect.name) or self._compile(dialect)
        cursor.execute(sql, in_order(row))
        return cursor.rowcount == 1

    def execute_together(self, cursor: Cursor, dialect: Dialect, rows: Sequence[Row]) -> list[bool]:
        """The same with many rows, as one statement of a `BulkDialect`; whether each changed a row."""
        sql, _ = self._compiled.get(dialect.name) or self._compile(dialect)
        bulk: Any = dialect
        changed: list[bool] = bulk.update_rows(cursor, sql, self._names, rows)
        return changed

    def each(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> None:
        """Executes it for each row of values."""
        cursor = connection.connection.cursor()
        try:
            for row in rows:
                self.execute(cursor, connection.dialect, row)
        finally:
            cursor.close()

    def _compile(self, dialect: Dialect) -> tuple[str, "Parameters"]:
        """The SQL text, and what puts a row's values (at least two) in the form that the driver takes."""
        compiled = self._statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        order = compiled.positiontup
        if order is None:
            text = str(compiled)
            for name in compiled.params.keys() - set(self._names):
                text = text.replace(f"%({name})s", _sql_literal(compiled.params[name]).replace("%", "%%"))
            made: tuple[str, Parameters] = text, lambda row: dict(zip(self._names, row, strict=True))
        else:
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


def execute_each(connection: Connection, steps: Sequence[tuple[PreparedStatement, Row]]) -> list[bool]:
    """Executes statements, each with a row of values; whether each changed a row. They are about different
    rows of the table, so that their order does not matter.
    """
    dialect, cursor = connection.dialect, connection.connection.cursor()
    try:
        if isinstance(dialect, SQLiteDialect):
            return [statement.execute(cursor, dialect, row) for statement, row in steps]
        places: dict[PreparedStatement, list[int]] = {}
        for place, (statement, _) in enumerate(steps):
            places.setdefault(statement, []).append(place)
        changed = [False] * len(steps)
        for statement, its in places.items():
            done = statement.execute_together(cursor, dialect, [steps[place][1] for place in its])
            for place, was_changed in zip(its, done, strict=True):
                changed[place] = was_changed
        return changed
    finally:
        cursor.close()


@runtime_checkable
class BulkDialect(Protocol):
    """A dialect that has ways of its own to insert and to update many rows."""

    def insert_rows(
        self, connection: Connection, statement: Insert, names: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Inserts rows of values, as the driver takes them, for the columns `names`."""

    def update_rows(
        self, cursor: Cursor, update: str, names: Sequence[str], rows: Sequence[Row]
    ) -> list[bool]:
        """Executes an UPDATE of one row, whose parameters are `names`, for all of these at once; whether each
        changed a row.
        """
        ...


class RowsStatement:
    """A statement that is executed for many rows. Their values, for the parameters `names`, reach the driver
    unconverted, which is several times faster.
    """

    def __init__(self, statement: UpdateBase, *names: str) -> None:
        self._statement, self._names = statement, names
        self._text: dict[str, str] = {}

    def execute(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        if not rows:
            return
        dialect, statement = connection.dialect, self._statement
        if isinstance(statement, Insert) and isinstance(dialect, BulkDialect):
            dialect.insert_rows(connection, statement, self._names, rows)
            return
        text = self._text.get(dialect.name)
        if text is None:
            columns = self._names if isinstance(statement, Insert) else None
            text = self._text[dialect.name] = str(statement.compile(dialect=dialect, column_keys=columns))
        by_name = isinstance(dialect, BulkDialect)
        given: Any = [dict(zip(self._names, row, strict=True)) for row in rows] if by_name else [*rows]
        connection.exec_driver_sql(text, given)


def insert_many(connection: Connection, statement: Insert, rows: Sequence[Mapping[str, Any]]) -> None:
    """`connection.execute(statement, rows)` for thousands of rows with the same columns, but faster:
    SQLAlchemy processes each row by itself, which takes longer than the database.
    """
    if rows:
        insert_columns(connection, statement, {name: [row[name] for row in rows] for name in rows[0]})


def insert_columns(connection: Connection, statement: Insert, columns: Mapping[str, Sequence[Any]]) -> None:
    """`insert_many` of rows given as columns, all of the same length."""
    dialect = connection.dialect
    if isinstance(dialect, BulkDialect):
        if any(columns.values()):
            bound = [_bound_values(dialect, statement.table.c[name].type, of) for name, of in columns.items()]
            dialect.insert_rows(connection, statement, list(columns), [*zip(*bound, strict=True)])
        return
    compiled = statement.compile(dialect=dialect, column_keys=list(columns))
    names = compiled.positiontup
    if names is None:  # a driver that takes its values by name
        rows = zip(*columns.values(), strict=True)
        connection.execute(statement, [dict(zip(columns, row, strict=True)) for row in rows])
        return
    bound = [_bound_values(dialect, compiled.binds[name].type, columns[name]) for name in names]
    values = zip(*bound, strict=True)
    one = f"({', '.join('?' * len(names))})"
    times = len(bound[0]) // ROWS_PER_INSERT if one in compiled.string else 0
    many = compiled.string.replace(one, ", ".join([one] * ROWS_PER_INSERT))
    for _ in range(times):
        connection.exec_driver_sql(many, tuple(chain.from_iterable(islice(values, ROWS_PER_INSERT))))
    if rest := list(values):
        connection.exec_driver_sql(compiled.string, rest)


def _bound_values(dialect: Dialect, kind: TypeEngine[Any], values: Sequence[Any]) -> Sequence[Any]:
    """A column of values as the driver takes them; if all are the same, it is converted once."""
    bound = kind.dialect_impl(dialect).bind_processor(dialect)
    if bound is None:
        return values
    first = values[0] if values else None
    if all(value is first for value in values):
        return [bound(first)] * len(values)
    return [*map(bound, values)]
