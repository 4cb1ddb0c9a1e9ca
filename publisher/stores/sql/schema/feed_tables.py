"""The tables of feeds as views of the log: what posts are found by, and how far archives go.

The tables of documents, of what feeds held before, and of hubs that are to be told.
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, PrimaryKeyConstraint, String, Table, Text

from publisher.core.posts.filters import TermKind
from publisher.stores.sql.engine.types import EnumMember, HexDigest, HumanText, Id, Instant
from publisher.stores.sql.schema.base import allowed_values, metadata

CONTENT = "content"
"""The counter that moves when a post of the log changes in any way; none in a store of an older schema."""

LOG_TIMES = "log_times"
"""The fact of the log's last row before the times in feeds came from the log; none in a newer store."""

post_terms = Table(
    "post_terms",
    metadata,
    Column("kind", EnumMember(TermKind), nullable=False),
    Column("key", Text, nullable=False),
    Column("first_seq", BigInteger, nullable=False),  # of a live post that bears the value
    PrimaryKeyConstraint("kind", "key", "first_seq"),
    allowed_values("kind", TermKind),
    sqlite_with_rowid=False,
)

terms = Table(
    "terms",
    metadata,
    Column("kind", EnumMember(TermKind), nullable=False),
    Column("key", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("version", BigInteger, nullable=False),  # of `CONTENT`, when a post that bears it last changed
    PrimaryKeyConstraint("kind", "key"),
    allowed_values("kind", TermKind),
    sqlite_with_rowid=False,
)

retagged = Table(
    "retagged",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("before", JSON, nullable=False),  # [[kind, key], ...] of a post, until then
    Column("after", JSON, nullable=False),
)

views = Table(
    "views",
    metadata,
    Column("feed", Text, nullable=False),
    Column("part", Text, nullable=False),  # the value of a split feed; "" for a whole one
    Column("label", Text, nullable=False),
    Column("rules", String(64), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("updated_at", Instant),  # null: an older version wrote the row
    Column("counted", BigInteger, nullable=False),  # the row of the log up to which `updated_at` holds
    PrimaryKeyConstraint("feed", "part"),
    sqlite_with_rowid=False,
)

archives = Table(
    "archives",
    metadata,
    Column("feed", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("after", BigInteger, nullable=False),  # first_seq of its posts lies in (after, until]
    Column("until", BigInteger, nullable=False),
    Column("as_of", BigInteger, nullable=False),
    Column("edition", Integer, nullable=False),
    Column("members", String(64), nullable=False),
    PrimaryKeyConstraint("feed", "part", "number"),
    sqlite_with_rowid=False,
)

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
    Column("hash", HexDigest, primary_key=True),
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
    Column("reply", HumanText, nullable=False),
    sqlite_with_rowid=False,
)
