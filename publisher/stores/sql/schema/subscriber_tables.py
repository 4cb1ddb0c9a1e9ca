"""The tables of subscribers: who they are, what they follow and choose, and who gets no mail."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
)

from publisher.core.subscribers.subscription import SubscriptionState
from publisher.stores.sql.schema.columns import (
    EnumMember,
    HexDigest,
    Id,
    Instant,
    Suppression,
    allowed_values,
    index_of,
    index_where,
    metadata,
    reference,
)

NOBODY = "erased.invalid"
"""The domain of an erased address that the ledger still counts deliveries to (RFC 2606 2)."""

subscribers = Table(
    "subscribers",
    metadata,
    Column("id", Id, primary_key=True),
    Column("address", Text, nullable=False),
    Column("address_key", HexDigest, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

schedules = Table(  # each schedule that readers of a list chose, once
    "rhythms",
    metadata,
    Column("id", Id, primary_key=True),
    Column("list", Text, nullable=False),
    Column("cadence", Text, nullable=False),  # here and in the next three, "" is the list's own
    Column("day", Text, nullable=False),
    Column("hour", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("next_at", Instant),  # null: whenever something is published, or not yet known
    UniqueConstraint("list", "cadence", "day", "hour", "timezone"),
)

content_choices = Table(  # each content preference that readers chose, once
    "tastes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("topics", Text, nullable=False),  # a JSON list, in the one order of `normalize_topics`
    Column("language", Text, nullable=False),
    UniqueConstraint("topics", "language"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", Id, primary_key=True),  # never used twice, because links that name it live for ever
    reference("subscriber", subscribers.c.id),
    Column("list", Text, nullable=False),
    Column("state", EnumMember(SubscriptionState), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("next_due_at", Instant),
    Column("created_at", Instant, nullable=False),
    Column("confirmed_at", Instant),
    Column("consent", JSON, nullable=False),
    reference("rhythm", schedules.c.id),
    reference("taste", content_choices.c.id),
    Column("paused", Boolean, nullable=False),
    Column("asked_at", Instant),
    Column("skipped_at", Instant),  # when their last digest was skipped; null: it was not
    UniqueConstraint("subscriber", "list"),
    CheckConstraint("NOT paused OR next_due_at IS NULL", name="paused_is_not_due"),
    allowed_values("state", SubscriptionState),
    sqlite_autoincrement=True,
)
index_of(
    "ix_subscriptions_due",
    subscriptions.c.state,
    SubscriptionState.ACTIVE,
    subscriptions.c.rhythm,
    subscriptions.c.next_due_at,
    subscriptions.c.offset,
    subscriptions.c.taste,
)
index_of(
    "ix_subscriptions_pending", subscriptions.c.state, SubscriptionState.PENDING, subscriptions.c.created_at
)

mailboxes = Table(  # who was asked to confirm, and how often
    "mailboxes",
    metadata,
    Column("mailbox", HexDigest, primary_key=True),
    Column("sent_1", Instant),  # the last confirmation mails, newest first
    Column("sent_2", Instant),
    Column("sent_3", Instant),
    Column("worn_out", Boolean, nullable=False),
    Column("never_at", Instant),
    Column("tried_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)
index_where("ix_mailboxes_forgettable", mailboxes.c.never_at.is_(None), mailboxes.c.tried_at)

asked_domains = Table(  # confirmations asked of each domain lately
    "asked_domains",
    metadata,
    Column("id", Id, primary_key=True),
    Column("domain", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
Index("ix_asked_domains_domain", asked_domains.c.domain)

arrivals = Table(  # changes of address: a second click on the link gets the same answer
    "arrivals",
    metadata,
    Column("was", BigInteger, primary_key=True, autoincrement=False),
    Column("subscription", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("address_key", HexDigest, primary_key=True),
    Column("list", Text, primary_key=True),
    Column("kind", EnumMember(Suppression), primary_key=True),
    Column("at", Instant, nullable=False),
    allowed_values("kind", Suppression),
    sqlite_with_rowid=False,
)
