"""Statements of hot paths: compiled once, then given to the driver row by row; and INSERTs of thousands of
rows.

Between a message and the next there are two statements. What SQLAlchemy does for each call (building it,
looking up its compiled form, wrapping rows) takes ten times as long as SQLite takes to carry it out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Protocol

from sqlalchemy import BindParameter, Connection, Dialect, Insert, bindparam
from sqlalchemy.sql.expression import UpdateBase
from sqlalchemy.types import TypeEngine


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


ROWS_PER_INSERT = 100
"""Rows of one INSERT among many, a third faster than one by one. SQLite takes 32,766 values: 327 columns."""


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
