"""What all tables share: metadata, naming of constraints, enumerations of the store, and helpers for
columns.
"""

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, MetaData, literal
from sqlalchemy.sql.elements import ColumnElement

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def is_(column: ColumnElement[StrEnum], member: StrEnum) -> ColumnElement[bool]:
    """`column = 'member'` with the member as a literal: SQLite uses partial indexes only for literals."""
    return column == literal(member, column.type, literal_execute=True)


def allowed_values(column: str, members: type[StrEnum]) -> CheckConstraint:
    values = ", ".join(f"'{member.value}'" for member in members)
    return CheckConstraint(f"{column} IN ({values})", name=column)


def reference(name: str, column: Column[Any], *, primary_key: bool = False) -> Column[Any]:
    return Column(name, ForeignKey(column), primary_key=primary_key, nullable=False)


def index_of(name: str, column: Column[Any], member: StrEnum, *of: Column[Any]) -> None:
    """A partial index of the rows in one state: it stays small while the table grows.

    Only SQLite's clause is given: naming another database's would import its dialect at every start.
    """
    Index(name, *of, sqlite_where=is_(column, member))


def index_where(name: str, condition: ColumnElement[bool], *of: Column[Any]) -> None:
    Index(name, *of, sqlite_where=condition)


EVERYWHERE = ""
"""The `list` of a suppression that applies to every list."""


class Suppression(StrEnum):
    """Why an address gets no mail. Only the reader's own confirmation lifts LEFT and ERASED."""

    LEFT = "left"
    ERASED = "erased"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    OPERATOR = "operator"


LIFTED_BY_READER = frozenset({Suppression.LEFT, Suppression.ERASED})
BLOCKS_ALWAYS = frozenset(Suppression) - LIFTED_BY_READER


class BatchState(StrEnum):
    """The state of a batch: waiting for its time, leased to a run, done, or done and its deliveries
    archived.
    """

    OPEN = "open"
    LEASED = "leased"
    DONE = "done"
    FOLDED = "folded"


NOT_OVER = (BatchState.OPEN, BatchState.LEASED)
