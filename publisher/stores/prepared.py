"""Statements of the hot path: made and compiled once, then given to the driver row by row.

Between a message and the next there are two of them. What SQLAlchemy does for each call (building, looking up
the compiled form, results as rows) takes ten times as long as SQLite takes to carry them out.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam
from sqlalchemy.sql.expression import UpdateBase


def of_row(name: str, type_: Any = None) -> BindParameter[Any]:
    """Where a row's own value goes in a statement that is prepared."""
    return bindparam(name, required=False, type_=type_)


class Prepared:
    """A statement whose bindparams are `names`; all other values in it never change, and are written out.

    They must be: SQLite looks at bound values when it plans around a partial index, and then plans anew at
    each call, which took fifteen times as long as the update itself. Values of rows are the driver's own:
    integers, text, and instants as milliseconds. They stand in the statement as `of_row(name)`.
    """

    def __init__(self, statement: UpdateBase, names: Sequence[str]) -> None:
        self._statement, self._names = statement, tuple(names)
        self._made: dict[str, tuple[str, tuple[str, ...], bool]] = {}

    def each(self, connection: Connection, rows: Iterable[Sequence[Any]]) -> list[bool]:
        """Carries it out for each row of values, in the order of `names`; whether each changed a row."""
        sql, order, positional = self._of(connection)
        at = [self._names.index(name) for name in order]
        cursor = connection.connection.cursor()
        changed: list[bool] = []
        try:
            for row in rows:
                values = [row[n] for n in at]
                cursor.execute(sql, values if positional else dict(zip(order, values, strict=True)))
                changed.append(cursor.rowcount == 1)
        finally:
            cursor.close()
        return changed

    def _of(self, connection: Connection) -> tuple[str, tuple[str, ...], bool]:
        """The text of the statement, the names of its row's values in the order it wants them, and whether
        they have no names there.
        """
        dialect = connection.dialect
        if dialect.name not in self._made:
            compiled = self._statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
            order = compiled.positiontup
            if order is None:
                text = str(compiled)
                for name, value in compiled.params.items():
                    if name not in self._names:
                        text = text.replace(f"%({name})s", _written(value))
                self._made[dialect.name] = (text, self._names, False)
            else:
                first, *rest = str(compiled).split("?")
                own = ["?" if name in self._names else _written(compiled.params[name]) for name in order]
                text = first + "".join(mark + after for mark, after in zip(own, rest, strict=True))
                self._made[dialect.name] = (text, tuple(n for n in order if n in self._names), True)
        return self._made[dialect.name]


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
