"""What all tables share: column types with the same meaning in SQLite and PostgreSQL, constraints and
indexes, and the store's own enumerations.
"""

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    literal,
)
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import UserDefinedType

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Id = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit primary key that the database generates; SQLite does so only for INTEGER."""


def milliseconds(instant: datetime) -> int:
    """Whole milliseconds since 1970, rounded down. Raises ValueError for a naive datetime."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()}: naive; every instant in the store is aware")
    return (instant - _EPOCH) // _MILLISECOND


class Instant(TypeDecorator[datetime]):
    """An instant as integer milliseconds since 1970 UTC, rounded down."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else milliseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + value * _MILLISECOND


class EnumMember(TypeDecorator[StrEnum]):
    """A member of an enumeration, by its value."""

    impl = String
    cache_ok = True

    def __init__(self, members: type[StrEnum]) -> None:
        super().__init__()
        self.members = members
        self._by_value = {member.value: member for member in members}  # four times faster than members(value)

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:
        if value is not None and type(value) is self.members:
            return value._value_  # `value.value` is a descriptor, five times slower
        return None if value is None else self.members(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> StrEnum | None:
        return None if value is None else self._by_value[value]

    def __repr__(self) -> str:
        return f"Member({self.members.__name__})"

    @property
    def python_type(self) -> type[Any]:
        return self.members


class JsonText(UserDefinedType[str]):
    """JSON as text: encoded once for two tables, and decoded only where it is needed."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "JSON"


class HexDigest(TypeDecorator[str]):
    """Hex digits stored as bytes, so that an index of a million is half the size."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else value.hex()


class HumanText(TypeDecorator[str]):
    """Text that only people read: characters that no database stores (NUL, lone surrogates) are replaced, so
    that an odd server reply cannot stop a publish.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable_text(value)


def storable_text(text: str) -> str:
    """The text without what no database stores."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


_LOCAL_PART = re.compile(r"[^\s<>()\[\]\"',;:=]+@(?=[\w\[-])")


def without_local_parts(text: str) -> str:
    """The text with "..." for what stands before the @ of addresses, such as the readers' in replies."""
    return _LOCAL_PART.sub("...@", text) if "@" in text else text


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
