"""Statements of the hot path: made and compiled once, then given to the driver row by row.

Between a message and the next there are two of them. What SQLAlchemy does for each call (building, looking up
the compiled form, results as rows) takes ten times as long as SQLite takes to carry them out.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import BindParameter, Connection, Dialect, bindparam
from sqlalchemy.sql.expression import UpdateBase


def of_row(name: str, type_: Any = None) -> BindParameter[Any]:
    """Where a row's own value goes in a statement that is prepared."""
    return bindparam(name, required=False, type_=type_)


class Cursor(Protocol):
    """What carries out a statement (PEP 249)."""

    @property
    def rowcount(self) -> int: ...
    def execute(self, operation: str, parameters: Any, /) -> object: ...


class Prepared:
    """A statement whose bindparams are `names`; all other values in it never change, and are written out.

    They must be: SQLite looks at bound values when it plans around a partial index, and then plans anew at
    each call, which took fifteen times as long as the update itself. Values of rows are the driver's own:
    integers, text, and instants as milliseconds. They stand in the statement as `of_row(name)`.
    """

    def __init__(self, statement: UpdateBase, names: Sequence[str]) -> None:
        self._statement, self._names = statement, tuple(names)
        self._made: dict[str, tuple[str, tuple[int, ...]]] = {}

    def each(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> list[bool]:
        """Carries it out for each row of values, in the order of `names`; whether each changed a row."""
        cursor = connection.connection.cursor()
        try:
            return self.by(cursor, connection.dialect, rows)
        finally:
            cursor.close()

    def by(self, cursor: Cursor, dialect: Dialect, rows: Iterable[Sequence[Any]]) -> list[bool]:
        """`each`, by a cursor of the driver's that is there already."""
        sql, at = self._made.get(dialect.name) or self._make(dialect)
        changed: list[bool] = []
        for row in rows:
            cursor.execute(sql, [row[n] for n in at])
            changed.append(cursor.rowcount == 1)
        return changed

    def _make(self, dialect: Dialect) -> tuple[str, tuple[int, ...]]:
        """The text of the statement, and which of a row's values it wants, in its order."""
        compiled = self._statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        order = compiled.positiontup
        if order is None:
            raise NotImplementedError(f"{dialect.name}: a driver that takes its values by name")
        first, *rest = str(compiled).split("?")
        own = ["?" if name in self._names else _written(compiled.params[name]) for name in order]
        text = first + "".join(mark + after for mark, after in zip(own, rest, strict=True))
        made = text, tuple(self._names.index(n) for n in order if n in self._names)
        self._made[dialect.name] = made
        return made


def _written(value: Any) -> str:
    """A constant as SQL writes it: members of closed sets, text, numbers."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            return "'" + str(value).replace("'", "''") + "'"
