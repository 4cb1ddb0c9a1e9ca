"""What every table is made with: one MetaData, names by a convention, states that a constraint knows.

The store's own closed sets.
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
    """`column = 'member'` with the member written out: partial indexes serve literals only."""
    return column == literal(member, column.type, literal_execute=True)


def allowed_values(column: str, members: type[StrEnum]) -> CheckConstraint:
    values = ", ".join(f"'{member.value}'" for member in members)
    return CheckConstraint(f"{column} IN ({values})", name=column)


def reference(name: str, column: Column[Any], *, primary_key: bool = False) -> Column[Any]:
    return Column(name, ForeignKey(column), primary_key=primary_key, nullable=False)


def index_of(name: str, column: Column[Any], member: StrEnum, *of: Column[Any]) -> None:
    """An index of the rows that are in one state: small, while the table grows.

    Only SQLite's clause stands here: naming another database's would import its dialect at every start.
    """
    Index(name, *of, sqlite_where=is_(column, member))


def index_where(name: str, condition: ColumnElement[bool], *of: Column[Any]) -> None:
    Index(name, *of, sqlite_where=condition)


EVERYWHERE = ""
"""The `list` of a suppression that holds on every list."""


class Suppression(StrEnum):
    """Why an address gets no mail. LEFT and ERASED are lifted by the reader's own confirmation only."""

    LEFT = "left"
    ERASED = "erased"
    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    OPERATOR = "operator"


LIFTED_BY_READER = frozenset({Suppression.LEFT, Suppression.ERASED})
BLOCKS_ALWAYS = frozenset(Suppression) - LIFTED_BY_READER


class BatchState(StrEnum):
    """Where a batch stands: waiting for its time, held by a run, over; over, and its rows folded away."""

    OPEN = "open"
    LEASED = "leased"
    DONE = "done"
    FOLDED = "folded"


NOT_OVER = (BatchState.OPEN, BatchState.LEASED)
