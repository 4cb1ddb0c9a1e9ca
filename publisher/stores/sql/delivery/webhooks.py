"""What the webhooks of providers need to remember: tokens that came, how much came of what, and a topic of
Amazon's that waits to be confirmed. Nothing here names a reader; what an event told of one is in
`bounce_reports`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Column, Integer, Table, delete, func, select
from sqlalchemy.dialects.sqlite import insert

from publisher.core.delivery.bounces import HARD_WINDOW
from publisher.core.delivery.relays import MailProvider
from publisher.core.delivery.webhooks.events import WebhookOutcome
from publisher.stores.sql.database import Database, insert_new
from publisher.stores.sql.schema.columns import (
    EnumMember,
    HexDigest,
    HumanText,
    Instant,
    allowed_values,
    metadata,
)

webhook_tokens = Table(
    "webhook_tokens",
    metadata,
    Column("digest", HexDigest, primary_key=True),  # of the provider and the token
    Column("body", HexDigest, nullable=False),  # of the request that it came with
    Column("at", Instant, nullable=False, index=True),
    sqlite_with_rowid=False,
)

webhook_counts = Table(
    "webhook_counts",
    metadata,
    Column("provider", EnumMember(MailProvider), primary_key=True),
    Column("day", Instant, primary_key=True),
    Column("outcome", EnumMember(WebhookOutcome), primary_key=True),
    Column("number", Integer, nullable=False),
    allowed_values("provider", MailProvider),
    allowed_values("outcome", WebhookOutcome),
    sqlite_with_rowid=False,
)

webhook_topics = Table(
    "webhook_topics",
    metadata,
    Column("topic", HumanText, primary_key=True),
    Column("token", HumanText, nullable=False),
    Column("at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

TOKEN_TIME = timedelta(days=2)
"""How long a token is remembered: longer than its signature is good for."""

TOPIC_TIME = timedelta(days=3)
"""How long a subscription may wait to be confirmed."""


class WebhookRecords:
    """`ports.WebhookStore`."""

    _db: Database

    def bind_webhook_token(self, digest: str, body: str, now: datetime) -> bool:
        with self._db.write() as connection:
            row = {"digest": digest, "body": body, "at": now}
            if connection.execute(insert_new(webhook_tokens), row).rowcount:
                return True
            known = select(webhook_tokens.c.body).where(webhook_tokens.c.digest == digest)
            return connection.execute(known).scalar() == body

    def add_webhook_counts(
        self, counts: Mapping[tuple[MailProvider, WebhookOutcome], int], now: datetime
    ) -> None:
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        rows = [
            {"provider": provider, "day": day, "outcome": outcome, "number": number}
            for (provider, outcome), number in counts.items()
        ]
        added, key = insert(webhook_counts), [column.name for column in webhook_counts.primary_key]
        total = webhook_counts.c.number + added.excluded.number
        with self._db.write() as connection:
            for row in rows:
                connection.execute(
                    added.values(row).on_conflict_do_update(index_elements=key, set_={"number": total})
                )

    def count_webhooks(self, since: datetime) -> Mapping[tuple[MailProvider, WebhookOutcome], int]:
        what = (webhook_counts.c.provider, webhook_counts.c.outcome)
        query = select(*what, func.sum(webhook_counts.c.number)).where(webhook_counts.c.day >= since)
        with self._db.read() as connection:
            return {(row[0], row[1]): int(row[2]) for row in connection.execute(query.group_by(*what))}

    def keep_confirmation(self, topic: str, token: str, now: datetime) -> None:
        with self._db.write() as connection:
            connection.execute(delete(webhook_topics))  # settings name one topic
            connection.execute(insert(webhook_topics), {"topic": topic, "token": token, "at": now})

    def confirmation(self, topic: str) -> str:
        query = select(webhook_topics.c.token).where(webhook_topics.c.topic == topic)
        with self._db.read() as connection:
            return connection.execute(query).scalar() or ""

    def drop_confirmation(self, topic: str) -> None:
        with self._db.write() as connection:
            connection.execute(delete(webhook_topics).where(webhook_topics.c.topic == topic))

    def forget_webhooks(self, now: datetime) -> None:
        old = (
            (webhook_tokens, webhook_tokens.c.at < now - TOKEN_TIME),
            (webhook_counts, webhook_counts.c.day < now - HARD_WINDOW),
            (webhook_topics, webhook_topics.c.at < now - TOPIC_TIME),
        )
        with self._db.read() as connection:  # usually there is none: keep nobody from writing
            due = [
                (table, which)
                for table, which in old
                if connection.execute(select(func.count()).select_from(table).where(which)).scalar()
            ]
        if due:
            with self._db.write() as connection:
                for table, which in due:
                    connection.execute(delete(table).where(which))
