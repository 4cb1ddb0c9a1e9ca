"""Forgetting sign-ups that nobody confirmed.

A reader's whole trace goes: the subscription, its confirmation mailings with their ledger rows, and the
address when no other list has it. Two things stay. What is being sent at this moment is left for the next
call. And a reader whose earlier life is in the ledger (a digest went to them) is what they were before the
sign-up: unsubscribed, so that the proof of what was sent still names somebody.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, exists, select, update

from publisher.core.delivery.mailing import MailingKind
from publisher.core.delivery.mailing import State as DeliveryState
from publisher.core.subscribers.subscription import State
from publisher.stores.sql.delivery.receipts import has_receipt, said
from publisher.stores.sql.engine.database import slices
from publisher.stores.sql.schema.base import is_
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions
from publisher.stores.sql.schema.tables import batches, cohorts, deliveries, mailing_posts, mailings, stands

_FOR_ONE = (MailingKind.CONFIRM, MailingKind.ACCOUNT)
IN_FLIGHT = (DeliveryState.CLAIMED, DeliveryState.SENDING)


def forget_pending(connection: Connection, before: datetime) -> int:
    """Ends pending subscriptions created before; returns how many."""
    old = select(subscriptions.c.id, subscriptions.c.subscriber).where(
        is_(subscriptions.c.state, State.PENDING),
        subscriptions.c.created_at < before,
        ~has_delivery(deliveries.c.state.in_(IN_FLIGHT)),
    )
    rows = connection.execute(old).all()
    forget_subscriptions(connection, [(row.id, row.subscriber) for row in rows])
    return len(rows)


def forget_subscriptions(connection: Connection, pending: Sequence[tuple[int, int]]) -> None:
    """Ends these subscriptions, (id, subscriber) each, of which nothing is being sent."""
    for part in slices(pending):
        ids = [id for id, _ in part]
        forget_confirmations(connection, ids)
        these = subscriptions.c.id.in_(ids)
        proof = has_delivery() | has_receipt()
        connection.execute(update(subscriptions).where(these, proof).values(state=State.UNSUBSCRIBED))
        connection.execute(delete(subscriptions).where(these, ~proof))
        forget_addresses(connection, [subscriber for _, subscriber in part])


def has_delivery(*more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the ledger counts anything that was sent to a row of `subscriptions`."""
    return exists().where(deliveries.c.subscription == subscriptions.c.id, *more).correlate(subscriptions)


def forget_confirmations(connection: Connection, ids: list[int]) -> None:
    """The mailings that asked these subscriptions to confirm, or brought a link that works once, with their
    rows in the ledger.
    """
    theirs = select(mailings.c.id).join(deliveries, deliveries.c.mailing == mailings.c.id)
    theirs = theirs.where(deliveries.c.subscription.in_(ids), mailings.c.kind.in_(_FOR_ONE))
    for part in slices(connection.scalars(theirs).all()):
        for table in (deliveries, batches, stands, mailing_posts, cohorts):
            connection.execute(delete(table).where(table.c.mailing.in_(part)))
        connection.execute(delete(said).where(said.c.mailing.in_(part)))
        connection.execute(delete(mailings).where(mailings.c.id.in_(part)))


def forget_addresses(connection: Connection, ids: list[int]) -> None:
    """The subscribers who have no subscription any more."""
    elsewhere = exists().where(subscriptions.c.subscriber == subscribers.c.id)
    connection.execute(delete(subscribers).where(subscribers.c.id.in_(ids), ~elsewhere))
