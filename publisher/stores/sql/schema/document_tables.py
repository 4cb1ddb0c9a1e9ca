"""The tables of documents, of what feeds held before, and of hubs that are to be told."""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, String, Table, Text

from publisher.stores.sql.engine.types import Hash, Instant, Words
from publisher.stores.sql.schema.base import metadata

documents = Table(
    "documents",
    metadata,
    Column("path", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified", Instant, nullable=False),
)

versions = Table(
    "versions",
    metadata,
    Column("path", Text, primary_key=True),
    Column("hash", Hash, primary_key=True),
    Column("modified", Instant, nullable=False),
    Column("marks", JSON, nullable=False),
    sqlite_with_rowid=False,
)

pings = Table(
    "pings",
    metadata,
    Column("hub", Text, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("version", String(64), nullable=False),
    Column("placed", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("next_at", Instant),
    Column("reply", Words, nullable=False),
    sqlite_with_rowid=False,
)
