"""What a person asks of the data kept about them: all of it to see, or none of it to stay."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, literal, select, update

from publisher.core.delivery.mailing import Cause, move
from publisher.core.delivery.mailing import State as DeliveryState
from publisher.core.subscribers.subscription import State, Subscription
from publisher.stores.sql.delivery.batches import holds
from publisher.stores.sql.delivery.bounces import bounces, forget_refusals
from publisher.stores.sql.delivery.counts import recount
from publisher.stores.sql.delivery.receipts import forget_receipts, receipts
from publisher.stores.sql.engine.database import Database
from publisher.stores.sql.publishing.rows import as_subscription, with_address
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions, suppressions
from publisher.stores.sql.schema.tables import deliveries, mailings
from publisher.stores.sql.subscribers.expiry import forget_addresses, forget_confirmations, has_delivery

NOBODY = "erased.invalid"
"""The domain of an address that was erased while the ledger still counts what was sent to it (RFC 2606 2)."""


class Persons:
    """The part of `ports.SubscriberStore` that is about one person."""

    _db: Database

    def of_person(self, key: str) -> Sequence[Subscription]:
        """The subscriptions of an address, by its key."""
        with self._db.read() as connection:
            query = with_address().where(subscribers.c.address_key == key).order_by(subscriptions.c.id)
            return [as_subscription(row) for row in connection.execute(query)]

    def blocks(self, key: str) -> Sequence[tuple[str, str, datetime]]:
        """(list, kind, since) of what keeps mail from an address; list "" is every list."""
        query = select(suppressions.c.list, suppressions.c.kind, suppressions.c.at)
        query = query.where(suppressions.c.address_key == key).order_by(suppressions.c.at)
        with self._db.read() as connection:
            return [(row.list, row.kind.value, row.at) for row in connection.execute(query)]

    def consent(self, subscription: int) -> Any:
        """How a subscription came about: the proof that was kept; nothing where there is none."""
        with self._db.read() as connection:
            query = select(subscriptions.c.consent).where(subscriptions.c.id == subscription)
            return connection.execute(query).scalar() or {}

    def received(self, subscription: int) -> Sequence[tuple[int, str, str, datetime]]:
        """(mailing, subject, state, since) of everything planned for a subscription, oldest first. Of what
        was folded there is what arrived, since its mailing began.
        """
        query = select(mailings.c.id, mailings.c.subject, deliveries.c.state, deliveries.c.changed_at)
        query = query.join_from(deliveries, mailings, mailings.c.id == deliveries.c.mailing)
        arrived = literal(DeliveryState.ACCEPTED, deliveries.c.state.type)
        folded = select(mailings.c.id, mailings.c.subject, arrived, mailings.c.created_at)
        folded = folded.join_from(receipts, mailings, mailings.c.id == receipts.c.mailing)
        both = query.where(deliveries.c.subscription == subscription).union_all(
            folded.where(receipts.c.subscription == subscription)
        )
        with self._db.read() as connection:
            rows = connection.execute(both.order_by(both.selected_columns[0])).all()
        return [(row[0], row[1], row[2].value, row[3]) for row in rows]


def erase_person(connection: Connection, key: str, now: datetime) -> int:
    """Forgets a person; the suppression, a keyed hash, is the caller's. What the ledger counts stays, and
    names nobody. Returns how many subscriptions there were.
    """
    forget_refusals(connection, bounces.c.address_key == key)
    mine = with_address().where(subscribers.c.address_key == key)
    rows: Sequence[Row[Any]] = connection.execute(mine).all()
    ids = [row.id for row in rows]
    if not ids:
        return 0
    theirs = deliveries.c.subscription.in_(ids)
    open_ = update(deliveries).where(theirs, deliveries.c.state == DeliveryState.QUEUED)
    skipped = move(DeliveryState.QUEUED, Cause.SKIP)
    ended = open_.values(state=skipped, changed_at=now, reply="erased")
    for row in connection.execute(ended.returning(deliveries.c.mailing, deliveries.c.n)).all():
        recount(connection, holds(row.mailing, row.n))
    forget_confirmations(connection, ids)
    forget_receipts(connection, ids)
    these = subscriptions.c.id.in_(ids)
    left: dict[str, Any] = {"state": State.UNSUBSCRIBED, "next_due_at": None, "consent": {}}
    left |= {"asked_at": None, "generation": subscriptions.c.generation + 1}
    connection.execute(update(subscriptions).where(these, has_delivery()).values(left))
    connection.execute(delete(subscriptions).where(these, ~has_delivery()))
    person = rows[0].subscriber
    forget_addresses(connection, [person])
    nobody = {"address": f"{person}@{NOBODY}", "address_key": f"{person:064x}"}
    connection.execute(update(subscribers).where(subscribers.c.id == person).values(nobody))
    return len(ids)
