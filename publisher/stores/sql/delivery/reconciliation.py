"""Bringing a restored store up to date: what may have been sent since, and ids that must not be used
again.
"""

from datetime import datetime

from sqlalchemy import Connection, column, func, insert, or_, select, table, update

from publisher.core.delivery.mailing import DeliveryState, MailingState, TransitionCause
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.stores.sql.delivery.batches import TURN, end_mailing_if_done, recount_batches
from publisher.stores.sql.delivery.transitions import route_update, update_for
from publisher.stores.sql.engine.database import Database, insert_new
from publisher.stores.sql.schema.base import NOT_OVER, BatchState, is_
from publisher.stores.sql.schema.subscriber_tables import subscriptions
from publisher.stores.sql.schema.tables import (
    MAILING,
    OUTBOX_ROUTE,
    batches,
    counters,
    deliveries,
    mailings,
)

RESTORED = "restored"
"""The run that deliveries of a restored store are attributed to."""


class ReconciliationRecords:
    """`ports.ReconcilingStore`: mailings, offsets, and ids that are never used twice."""

    _db: Database

    def mark_open_unknown(self, why: str, now: datetime, *, only_outbox: bool = False) -> int:
        running = deliveries.c.mailing.in_(
            select(mailings.c.id).where(mailings.c.state != MailingState.CANCELLED)
        )
        took = func.coalesce if only_outbox else func.nullif
        route = took(deliveries.c.route, OUTBOX_ROUTE)
        lost = update_for(
            TransitionCause.RESTORE, running, run=RESTORED, reply=why, changed_at=now, route=route
        )
        with self._db.write() as connection:
            if not only_outbox:
                unknown = is_(deliveries.c.state, DeliveryState.UNKNOWN)
                connection.execute(route_update(None, unknown, deliveries.c.route == OUTBOX_ROUTE))
            marked = connection.execute(lost).rowcount
            left = batches.c.state.in_(NOT_OVER)
            recount_batches(connection, left)
            over = {"state": BatchState.DONE, "run": None, "lease_until": None, "settled_at": now}
            connection.execute(update(batches).where(left).values(over))
            ready = select(mailings.c.id).where(mailings.c.state == MailingState.READY)
            for id in connection.scalars(ready).all():
                end_mailing_if_done(connection, id)
            return marked

    def advance_offsets(self, slug: str, at: datetime, head: int) -> int:
        due = or_(subscriptions.c.next_due_at.is_(None), subscriptions.c.next_due_at <= at)
        these = update(subscriptions).where(
            is_(subscriptions.c.state, SubscriptionState.ACTIVE), subscriptions.c.list == slug, due
        )
        with self._db.write() as connection:
            behind = these.where(subscriptions.c.offset < head)
            return connection.execute(behind.values(offset=head)).rowcount

    def reserve_mailing_ids(self, last: int) -> None:
        with self._db.write() as connection:
            _raise_counter(connection, MAILING, last)

    def reserve_subscription_ids(self, last: int) -> None:
        """Raises SQLite's own counter of an AUTOINCREMENT key."""
        counter = table("sqlite_sequence", column("name"), column("seq"))
        this = counter.c.name == subscriptions.name
        with self._db.write() as connection:
            if connection.execute(select(counter.c.seq).where(this)).first() is None:
                connection.execute(insert(counter).values(name=subscriptions.name, seq=last))
            connection.execute(update(counter).where(this, counter.c.seq < last).values(seq=last))

    def batch_count(self) -> int:
        with self._db.read() as connection:
            return connection.execute(select(counters.c.last).where(counters.c.name == TURN)).scalar() or 0

    def advance_batch_count(self, last: int) -> None:
        with self._db.write() as connection:
            _raise_counter(connection, TURN, last)


def _raise_counter(connection: Connection, name: str, last: int) -> None:
    connection.execute(insert_new(counters), {"name": name, "last": 0})
    this = update(counters).where(counters.c.name == name, counters.c.last < last)
    connection.execute(this.values(last=last))
