"""Statements of the hot path: made and compiled once, then given to the driver row by row.

Between a message and the next there are two of them. What SQLAlchemy does for each call (building, looking up
the compiled form, results as rows) takes ten times as long as SQLite takes to carry them out.
"""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam
from sqlalchemy.sql.expression import UpdateBase


def of_row(name: str, type_: Any = None) -> BindParameter[Any]:
    """Where a row's own value goes in a statement that is prepared."""
    return bindparam(name, required=False, type_=type_)


class Prepared:
    """An UPDATE whose bindparams are `names`; all other values in it never change.

    Values of rows are the driver's own: integers, text, and instants as milliseconds. They
    stand in the statement as `of_row(name)`.
    """

    def __init__(self, statement: UpdateBase, names: Sequence[str]) -> None:
        self._statement, self._names = statement, tuple(names)
        self._made: dict[str, tuple[str, list[tuple[str, int, Any]], bool]] = {}

    def each(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> list[bool]:
        """Carries it out for each row of values, in the order of `names`; whether each changed a row."""
        sql, places, positional = self._of(connection)
        cursor = connection.connection.cursor()
        try:
            return [self._one(cursor, sql, places, positional, row) for row in rows]
        finally:
            cursor.close()

    @staticmethod
    def _one(
        cursor: Any, sql: str, places: list[tuple[str, int, Any]], positional: bool, row: Sequence[Any]
    ) -> bool:
        values = [row[at] if at >= 0 else fixed for _, at, fixed in places]
        names = (name for name, _, _ in places)
        cursor.execute(sql, values if positional else dict(zip(names, values, strict=True)))
        changed: int = cursor.rowcount
        return changed == 1

    def _of(self, connection: Connection) -> tuple[str, list[tuple[str, int, Any]], bool]:
        """The text of the statement, and for each value in it its name, where in a row it stands (-1: it
        never changes), and what it is then.
        """
        dialect = connection.dialect
        if dialect.name not in self._made:
            compiled = self._statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
            names = compiled.positiontup or list(compiled.params)
            places = [(name, self._at(name), _plain(compiled.params[name])) for name in names]
            self._made[dialect.name] = (str(compiled), places, bool(compiled.positiontup))
        return self._made[dialect.name]

    def _at(self, name: str) -> int:
        return self._names.index(name) if name in self._names else -1


def _plain(value: Any) -> Any:
    """A constant as the driver takes it: members of closed sets are text."""
    return value.value if isinstance(value, StrEnum) else value
