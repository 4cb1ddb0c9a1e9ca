"""The tables of feeds: by which terms posts are found, how far archive documents go, the documents under
public/, and the WebSub hubs to notify.
"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Integer, PrimaryKeyConstraint, String, Table, Text

from publisher.core.posts.filters import TermKind
from publisher.stores.sql.schema.columns import (
    EnumMember,
    HexDigest,
    HumanText,
    Id,
    Instant,
    allowed_values,
    metadata,
)

CONTENT = "content"
"""The counter that moves when a post of the log changes in any way; none in a store of an older schema."""

LOG_TIMES = "log_times"
"""The fact of the log's last row before the times in feeds came from the log; none in a newer store."""

post_terms = Table(  # the tags, authors and other terms of each live post
    "post_terms",
    metadata,
    Column("kind", EnumMember(TermKind), nullable=False),
    Column("key", Text, nullable=False),
    Column("first_seq", BigInteger, nullable=False),  # of a live post that bears the value
    PrimaryKeyConstraint("kind", "key", "first_seq"),
    allowed_values("kind", TermKind),
    sqlite_with_rowid=False,
)

terms = Table(  # how a term is written, and when a post that bears it last changed
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

retagged = Table(  # posts whose terms changed: they left feeds, or joined them
    "retagged",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
    Column("before", JSON, nullable=False),  # [[kind, key], ...] of a post, until then
    Column("after", JSON, nullable=False),
)

views = Table(  # the state of each feed as of the last publish
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

archives = Table(  # archive documents of feeds (RFC 5005)
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

documents = Table(  # what was last written under public/
    "documents",
    metadata,
    Column("path", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified", Instant, nullable=False),
)

versions = Table(  # what a feed held before, so that a client with that version gets a delta (RFC 3229)
    "versions",
    metadata,
    Column("path", Text, primary_key=True),
    Column("hash", HexDigest, primary_key=True),
    Column("modified", Instant, nullable=False),
    Column("marks", JSON, nullable=False),
    sqlite_with_rowid=False,
)

pings = Table(  # which hub is to be told of which feed (WebSub)
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
