"""Shows and deletes a person's data, and keeps the one-time links to it.

Deleting a subscription deletes all traces of a reader: its confirmation mailings with their deliveries, and
the address if no other list has it. Two things stay. What is being sent right now is left for the next call.
A reader whose earlier generation is in the ledger, because a digest was sent to them, becomes unsubscribed
again, so that the record of what was sent still has a recipient.

A one-time link is valid while its mailing is the last one asked for (`asked_at` is when it was made), the
subscription has the same generation, and nobody has used it; using it clears `asked_at`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)

from publisher.core.delivery.mailing import DeliveryState, MailingKind, TransitionCause
from publisher.core.subscribers.subscription import Subscription, SubscriptionState
from publisher.stores.sql.database import Database, slices
from publisher.stores.sql.delivery.batches import batch_with, recount_batches
from publisher.stores.sql.delivery.bounces import bounces, delete_refusals, delete_reports
from publisher.stores.sql.delivery.released_posts import delete_released
from publisher.stores.sql.delivery.retention import delete_receipts, has_receipt, receipts, reply_archive
from publisher.stores.sql.delivery.transitions import delete_replies, update_for
from publisher.stores.sql.schema.columns import is_
from publisher.stores.sql.schema.subscriber_tables import NOBODY, subscribers, subscriptions, suppressions
from publisher.stores.sql.schema.tables import (
    batches,
    cohort_keys,
    cohorts,
    deliveries,
    mailing_posts,
    mailings,
)
from publisher.stores.sql.subscribers.audit_log import forget_subscriber
from publisher.stores.sql.subscribers.subscription_rows import select_subscriptions, subscription_value

_FOR_ONE = (MailingKind.CONFIRM, MailingKind.ACCOUNT)
IN_FLIGHT = (DeliveryState.CLAIMED, DeliveryState.SENDING)


def delete_pending(connection: Connection, before: datetime) -> int:
    """Deletes pending subscriptions created before then; returns how many."""
    old = select(subscriptions.c.id, subscriptions.c.subscriber).where(
        is_(subscriptions.c.state, SubscriptionState.PENDING),
        subscriptions.c.created_at < before,
        ~has_delivery(deliveries.c.state.in_(IN_FLIGHT)),
    )
    rows = connection.execute(old).all()
    delete_subscriptions(connection, [(row.id, row.subscriber) for row in rows])
    return len(rows)


def delete_subscriptions(connection: Connection, pending: Sequence[tuple[int, int]]) -> None:
    """Deletes pending subscriptions, (id, subscriber) each, to which nothing is being sent."""
    for part in slices(pending):
        ids = [id for id, _ in part]
        delete_confirmations(connection, ids)
        these = subscriptions.c.id.in_(ids)
        proof = has_delivery() | has_receipt()
        connection.execute(
            update(subscriptions).where(these, proof).values(state=SubscriptionState.UNSUBSCRIBED)
        )
        delete_released(connection, ids)
        connection.execute(delete(subscriptions).where(these, ~proof))
        delete_addresses(connection, [subscriber for _, subscriber in part])


def has_delivery(*more: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a row of `subscriptions` has a delivery in the ledger."""
    return exists().where(deliveries.c.subscription == subscriptions.c.id, *more).correlate(subscriptions)


def delete_confirmations(connection: Connection, ids: list[int]) -> None:
    """Deletes the mailings that asked these subscriptions to confirm, or brought a one-time link, with their
    deliveries.
    """
    theirs = select(mailings.c.id).join(deliveries, deliveries.c.mailing == mailings.c.id)
    theirs = theirs.where(deliveries.c.subscription.in_(ids), mailings.c.kind.in_(_FOR_ONE))
    for part in slices(connection.scalars(theirs).all()):
        for table in (deliveries, batches, cohort_keys, mailing_posts, cohorts):
            connection.execute(delete(table).where(table.c.mailing.in_(part)))
        connection.execute(delete(reply_archive).where(reply_archive.c.mailing.in_(part)))
        connection.execute(delete(mailings).where(mailings.c.id.in_(part)))


def delete_addresses(connection: Connection, ids: list[int]) -> None:
    """Deletes those of these subscribers who have no subscription left."""
    elsewhere = exists().where(subscriptions.c.subscriber == subscribers.c.id)
    connection.execute(delete(subscribers).where(subscribers.c.id.in_(ids), ~elsewhere))


class PersonalData:
    """`ports.SubscriberStore`: what is known of a person."""

    _db: Database

    def subscriptions_of(self, key: str) -> Sequence[Subscription]:
        with self._db.read() as connection:
            query = (
                select_subscriptions().where(subscribers.c.address_key == key).order_by(subscriptions.c.id)
            )
            return [subscription_value(row) for row in connection.execute(query)]

    def suppressions_of(self, key: str) -> Sequence[tuple[str, str, datetime]]:
        query = select(suppressions.c.list, suppressions.c.kind, suppressions.c.at)
        query = query.where(suppressions.c.address_key == key).order_by(suppressions.c.at)
        with self._db.read() as connection:
            return [(row.list, row.kind.value, row.at) for row in connection.execute(query)]

    def consent_of(self, subscription: int) -> Any:
        with self._db.read() as connection:
            query = select(subscriptions.c.consent).where(subscriptions.c.id == subscription)
            return connection.execute(query).scalar() or {}

    def deliveries_to(self, subscription: int) -> Sequence[tuple[int, str, str, datetime]]:
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
    """Erases a person. The suppression, a keyed hash, is up to the caller. The ledger's counts stay, without
    a name. Returns how many subscriptions there were.
    """
    delete_refusals(connection, bounces.c.address_key == key)
    mine = select_subscriptions().where(subscribers.c.address_key == key)
    rows: Sequence[Row[Any]] = connection.execute(mine).all()
    delete_reports(connection, key, rows[0].address if rows else "")
    ids = [row.id for row in rows]
    if not ids:
        return 0
    # One that a run holds is left to it: it finds before the end of the message that nobody may be mailed.
    theirs = (deliveries.c.subscription.in_(ids), deliveries.c.state == DeliveryState.QUEUED)
    ended = update_for(TransitionCause.SKIP, *theirs, changed_at=now, reply="erased")
    for row in connection.execute(ended.returning(deliveries.c.mailing, deliveries.c.n)).all():
        recount_batches(connection, batch_with(row.mailing, row.n))
    delete_confirmations(connection, ids)
    delete_replies(connection, ids)
    delete_receipts(connection, ids)
    delete_released(connection, ids)
    these = subscriptions.c.id.in_(ids)
    left: dict[str, Any] = {"state": SubscriptionState.UNSUBSCRIBED, "next_due_at": None, "consent": {}}
    left |= {"asked_at": None, "generation": subscriptions.c.generation + 1}
    connection.execute(update(subscriptions).where(these, has_delivery()).values(left))
    connection.execute(delete(subscriptions).where(these, ~has_delivery()))
    person = rows[0].subscriber
    forget_subscriber(connection, person)
    delete_addresses(connection, [person])
    nobody = {"address": f"{person}@{NOBODY}", "address_key": f"{person:064x}"}
    connection.execute(update(subscribers).where(subscribers.c.id == person).values(nobody))
    return len(ids)


class AccountLinks:
    """`ports.SubscriberStore`: one-time links."""

    _db: Database

    def record_link_request(
        self, id: int, generation: int, now: datetime, *, every: timedelta, most: int, within: timedelta
    ) -> bool:
        is_link = and_(mailings.c.id == deliveries.c.mailing, mailings.c.kind == MailingKind.ACCOUNT)
        mails = deliveries.join(mailings, is_link)
        number = select(func.count()).select_from(mails).where(deliveries.c.subscription == id)
        number = number.where(mailings.c.created_at > now - within)
        asked_at = subscriptions.c.asked_at
        may = update(subscriptions).where(
            subscriptions.c.id == id,
            subscriptions.c.generation == generation,
            subscriptions.c.state != SubscriptionState.PENDING,
            or_(asked_at.is_(None), asked_at <= now - every, asked_at > now),  # a clock that was ahead
        )
        with self._db.write() as connection:
            if connection.execute(number).scalar_one() >= most:
                return False
            return connection.execute(may.values(asked_at=now)).rowcount == 1

    def link_owner(self, mailing: int, subscription: int, since: datetime) -> Subscription | None:
        query = select_subscriptions().where(
            _link_is_alive(mailing, subscription), subscriptions.c.asked_at > since
        )
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
        return subscription_value(row) if row else None

    def consume_link(self, mailing: int, subscription: int) -> bool:
        used = update(subscriptions).where(_link_is_alive(mailing, subscription)).values(asked_at=None)
        with self._db.write() as connection:
            return connection.execute(used).rowcount == 1


def _link_is_alive(mailing: int, subscription: int) -> ColumnElement[bool]:
    """Whether a row of `subscriptions` is this one, and the mailing brought a link that it may still use."""
    brought = exists().where(
        mailings.c.id == mailing,
        mailings.c.kind == MailingKind.ACCOUNT,
        mailings.c.created_at == subscriptions.c.asked_at,
        deliveries.c.mailing == mailings.c.id,
        deliveries.c.subscription == subscriptions.c.id,
        deliveries.c.generation == subscriptions.c.generation,
    )
    return and_(subscriptions.c.id == subscription, brought.correlate(subscriptions))
