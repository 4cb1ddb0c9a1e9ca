"""The tables of posts, the log, mailings and their deliveries, and of the service that works on a site.

Those of subscribers and of feeds are beside this file; those of throttling, bounces and archived deliveries
are where they are used, in `stores.sql.delivery`. All share one MetaData, for every database.

A change here is a new file in migrations/versions and a new `SCHEMA`: a test compares the two. Tables with
few rows have foreign keys. Deliveries have none (on PostgreSQL two of them cost ten times the insert): their
mailing and subscription are deleted with them or not at all.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    literal,
)

from publisher.core.delivery.mailing import (
    DeliveryState,
    MailingHold,
    MailingKind,
    MailingState,
    RefusalRuling,
)
from publisher.core.feeds.redirects import RedirectKind
from publisher.core.publishing.log import LogKind
from publisher.stores.sql.schema.columns import (
    BatchState,
    EnumMember,
    HexDigest,
    HumanText,
    Id,
    Instant,
    JsonText,
    allowed_values,
    index_of,
    index_where,
    is_,
    metadata,
    reference,
)

SCHEMA = "0024"
"""The schema this version writes: the head of migrations/versions."""

MAILING = "mailing"
"""The counter of mailings: an id is never used twice, because Message-IDs and links name it for ever."""

FILES = "files"
"""The counter of changes to `files`: a process that keeps a copy in memory sees whether it is still right."""

LATEST = "latest"
"""The counter of the latest `files.not_before` there ever was; none in a store of an older version."""

OUTBOX_ROUTE, KEPT_ROUTE = 1, 2
"""The routes of messages in the outbox on which no operator has decided, and of those that stay there. All
others are in `routes`.
"""

TALLIED: tuple[DeliveryState, ...] = (
    DeliveryState.QUEUED,
    DeliveryState.ACCEPTED,
    DeliveryState.REJECTED,
    DeliveryState.UNKNOWN,
    DeliveryState.SKIPPED,
    DeliveryState.CANCELLED,
)
"""The states of deliveries in a batch that no run holds, which counts each of them (see `batches`)."""

stamp = Table("alembic_version", MetaData(), Column("version_num", String(32), nullable=False))
stamp.append_constraint(PrimaryKeyConstraint("version_num", name="alembic_version_pkc"))
"""Alembic's own table, written here for a new store so that Alembic need not be imported."""

log_head = Table(
    "log_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", Instant),
    Column("baseline_at", Instant),
    CheckConstraint("id = 1", name="one_row"),
)

bodies = Table(
    "bodies",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("source", LargeBinary, nullable=False),  # UTF-8 with surrogates passed: exactly what was read
)

posts = Table(
    "posts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("revision", String(32), nullable=False),
    Column("value", JsonText, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("backfill", Boolean, nullable=False),
    Column("first_seq", BigInteger, nullable=False, unique=True),
    Column("changed_seq", BigInteger, nullable=False, index=True),  # of its last row in the log
    Column("updated_at", Instant, nullable=False, index=True),
    Column("missing_since", Instant),
    Column("missing_scans", Integer, nullable=False),
    Column("path", Text, nullable=False, index=True),  # of `value`, to be found by
    Column("explicit_id", Text),
    Column("settled", Boolean, nullable=False),
    # of the bytes that `value` was read from; null: an older version wrote it
    Column("file_hash", HexDigest),
    Column("reader", String(16)),  # the version of the reader that read them
    Column("mail_only", Boolean),  # of `value`: in no feed and on no page; null: no
    Column("pinned", Boolean),  # of `value`; null: no
)
index_where("ix_posts_live", posts.c.live, posts.c.first_seq)
index_where("ix_posts_withdrawn", ~posts.c.live, posts.c.changed_seq)
index_where("ix_posts_pinned", posts.c.pinned, posts.c.first_seq)
index_where("ix_posts_explicit_id", posts.c.explicit_id.is_not(None), posts.c.explicit_id)
index_where("ix_posts_unsettled", ~posts.c.settled, posts.c.id)

files = Table(
    "files",
    metadata,
    Column("path", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("hash", HexDigest, nullable=False),
    Column("rules", HexDigest, nullable=False),
    Column("not_before", Instant),  # a settled file is read again when the clock is before this
    Column("value", JsonText),  # null: settled, and the post of the log at its path
    sqlite_with_rowid=False,
)
index_where("ix_files_unsettled", files.c.value.is_not(None), files.c.path)

log = Table(
    "log",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", EnumMember(LogKind), nullable=False),
    reference("post_id", posts.c.id),
    Column("at", Instant, nullable=False),
    Column("revision", String(32), nullable=False),
    Column("backfill", Boolean, nullable=False),
    allowed_values("kind", LogKind),
)

revisions = Table(
    "revisions",
    metadata,
    reference("post_id", posts.c.id, primary_key=True),
    Column("revision", String(32), primary_key=True),
    Column("value", JsonText, nullable=False),
    reference("body_hash", bodies.c.hash),
)

problems = Table(
    "problems",
    metadata,
    Column("area", String(32), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("since", Instant, nullable=False),
    Column("text", HumanText, nullable=False),
)

counters = Table(
    "counters",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("last", BigInteger, nullable=False),
)

mailings = Table(
    "mailings",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),  # counted in `counters`
    Column("list", Text, nullable=False),
    Column("kind", EnumMember(MailingKind), nullable=False),
    Column("state", EnumMember(MailingState), nullable=False),
    Column("head", BigInteger, nullable=False),
    Column("due_before", Instant, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("planned", BigInteger, nullable=False),
    Column("sender", Text, nullable=False),
    Column("subject", HumanText, nullable=False),
    Column("hold", EnumMember(MailingHold)),
    Column("hold_why", HumanText, nullable=False),
    Column("hold_until", Instant),  # null: until an operator decides
    Column("canary", Boolean, nullable=False),
    Column("frozen", Boolean, nullable=False),  # whether everything its deliveries need is stored
    Column("corrections", JSON, nullable=False),
    Column("refusals", EnumMember(RefusalRuling)),
    Column("remakes", BigInteger),  # the stopped mailing whose readers this one is for
    allowed_values("kind", MailingKind),
    allowed_values("state", MailingState),
    allowed_values("hold", MailingHold),
    allowed_values("refusals", RefusalRuling),
    CheckConstraint("state <> 'paused' OR hold IS NOT NULL", name="paused_for_a_reason"),
)
index_of("ix_mailings_planning", mailings.c.state, MailingState.PLANNING, mailings.c.id)
index_of("ix_mailings_ready", mailings.c.state, MailingState.READY, mailings.c.id)
index_of("ix_mailings_paused", mailings.c.state, MailingState.PAUSED, mailings.c.hold_until)

cohorts = Table(
    "cohorts",
    metadata,
    reference("mailing", mailings.c.id, primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("language", Text, nullable=False),
    Column("recipe", JSON, nullable=False),
)

cohort_keys = Table(  # the cohort of readers with one offset, content preference, and set of corrections
    "stands",
    metadata,
    reference("mailing", mailings.c.id, primary_key=True),
    Column("offset", BigInteger, primary_key=True, autoincrement=False),
    Column("taste", BigInteger, primary_key=True, autoincrement=False),
    Column("had", BigInteger, primary_key=True, autoincrement=False),
    Column("cohort", Integer, nullable=False),
    sqlite_with_rowid=False,
)

mailing_posts = Table(
    "mailing_posts",
    metadata,
    reference("mailing", mailings.c.id, primary_key=True),
    Column("cohort", Integer, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("post_id", Text, nullable=False, index=True),
    Column("revision", String(32), nullable=False),
)

segments = Table(
    "segments",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("data", LargeBinary, nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("id", Id, primary_key=True),
    reference("mailing", mailings.c.id),
    Column("lo", BigInteger, nullable=False),
    Column("hi", BigInteger, nullable=False),
    Column("group", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", EnumMember(BatchState), nullable=False),
    Column("next_at", Instant, nullable=False),
    Column("lease_until", Instant),
    Column("run", String(64)),
    Column("date", Instant),
    Column("canary", Boolean, nullable=False),
    Column("settled_at", Instant),  # when it was over, the last time
    *(Column(state.value, BigInteger, nullable=False) for state in TALLIED),
    UniqueConstraint("mailing", "lo"),
    allowed_values("state", BatchState),
    CheckConstraint("lo <= hi", name="not_empty"),
    CheckConstraint(
        "(state = 'leased') = (run IS NOT NULL AND lease_until IS NOT NULL)", name="leased_by_a_run"
    ),
)
index_of("ix_batches_open", batches.c.state, BatchState.OPEN, batches.c.priority, batches.c.next_at)
index_of("ix_batches_leased", batches.c.state, BatchState.LEASED, batches.c.lease_until)
index_where(
    "ix_batches_settled",
    is_(batches.c.state, BatchState.DONE) & (batches.c.unknown == literal(0, literal_execute=True)),
    batches.c.settled_at,
)

routes = Table(  # the transports and relays by which messages went out; see `OUTBOX_ROUTE`
    "routes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("transport", String(32), nullable=False),
    Column("relay", Text, nullable=False),
    UniqueConstraint("transport", "relay"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("mailing", BigInteger, primary_key=True, autoincrement=False),
    Column("n", BigInteger, primary_key=True, autoincrement=False),
    Column("cohort", Integer, nullable=False),
    Column("subscription", BigInteger, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("state", EnumMember(DeliveryState), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("not_before", Instant),
    Column("run", String(64)),
    Column("reply", HumanText, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("route", Integer),  # of the last attempt; null: none yet, or an older version made it
    UniqueConstraint("subscription", "mailing"),  # invariant 5: at most one, and found by subscription
    allowed_values("state", DeliveryState),
    CheckConstraint(
        "state NOT IN ('claimed', 'sending') OR (run IS NOT NULL AND attempts > 0)", name="held_by_a_run"
    ),
    sqlite_with_rowid=False,
)
index_of(
    "ix_deliveries_in_doubt", deliveries.c.state, DeliveryState.UNKNOWN, deliveries.c.mailing, deliveries.c.n
)
index_where(
    "ix_deliveries_in_outbox",
    and_(
        is_(deliveries.c.state, DeliveryState.ACCEPTED),
        deliveries.c.route == literal(OUTBOX_ROUTE, literal_execute=True),
    ),
    deliveries.c.mailing,
    deliveries.c.n,
)

meta = Table(  # what the store knows of itself, by name: `Store.meta`
    "facts",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", Text, nullable=False),
)

moves = Table(  # redirects of feeds, and feeds that are gone
    "moves",
    metadata,
    Column("path", Text, primary_key=True),
    Column("fate", EnumMember(RedirectKind), nullable=False),
    Column("target", Text, nullable=False),
    Column("at", Instant, nullable=False),
    allowed_values("fate", RedirectKind),
    sqlite_with_rowid=False,
)

addresses = Table(  # that pages of posts had before
    "addresses",
    metadata,
    Column("path", Text, primary_key=True),
    reference("post_id", posts.c.id),
    sqlite_with_rowid=False,
)

redirects = Table(  # where these and aliases lead, as of the last publish
    "redirects",
    metadata,
    Column("path", Text, primary_key=True),
    Column("target", Text, nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

generations = Table(
    "settings_generations",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("digest", String(64), nullable=False),
    Column("at", Instant, nullable=False),
    Column("version", Text, nullable=False),
    Column("values", JSON, nullable=False),  # name -> [hash of the value, where it was written]
)

service = Table(  # one row: the latest `publisher run`
    "service",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("token", String(32), nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("store", Text, nullable=False),
    Column("inode", BigInteger, nullable=False),
    Column("web_only", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("heartbeat_at", Instant, nullable=False),
    Column("stopped_at", Instant),
    Column("published_at", Instant),
    Column("delivered_at", Instant),
    Column("served_at", Instant),
    Column("problem", Text, nullable=False),
    Column("problem_since", Instant),
    Column("restart", JSON, nullable=False),  # names of settings
    Column("asked", Integer, nullable=False),
    Column("answered", Integer, nullable=False),
)
