"""Links that work once.

A link is alive while its mailing is the one that was asked for last (`asked_at` is when that was made), the
subscription is in the same life, and nobody used it: then `asked_at` is empty.

A reader's change of address: the new address is confirmed, and takes the place of the one before.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, func, or_, select, update

from publisher.core.delivery.mailing import MailingKind
from publisher.core.subscribers.departures import Departure
from publisher.core.subscribers.subscription import Subscription, SubscriptionState
from publisher.stores.sql.delivery.counts import receipts
from publisher.stores.sql.engine.database import Database, upsert
from publisher.stores.sql.schema.subscriber_tables import arrivals, subscriptions
from publisher.stores.sql.schema.tables import deliveries, mailings
from publisher.stores.sql.subscribers.join import activate, is_blocked
from publisher.stores.sql.subscribers.personal_data import (
    forget_addresses,
    forget_confirmations,
    has_delivery,
)
from publisher.stores.sql.subscribers.rows import as_subscription, with_address


class AccountLinks:
    """The part of `ports.SubscriberStore` that is about links to one's own data."""

    _db: Database

    def ask(
        self, id: int, generation: int, now: datetime, *, every: timedelta, most: int, within: timedelta
    ) -> bool:
        """Notes that a link is sent at `now`, if one may be."""
        number = select(func.count()).select_from(_mails()).where(deliveries.c.subscription == id)
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

    def asked(self, mailing: int, subscription: int, since: datetime) -> Subscription | None:
        """Whose living link that mailing brought."""
        query = with_address().where(_alive(mailing, subscription), subscriptions.c.asked_at > since)
        with self._db.read() as connection:
            row = connection.execute(query).one_or_none()
        return as_subscription(row) if row else None

    def spend(self, mailing: int, subscription: int) -> bool:
        """Uses a link up."""
        used = update(subscriptions).where(_alive(mailing, subscription)).values(asked_at=None)
        with self._db.write() as connection:
            return connection.execute(used).rowcount == 1


def _mails() -> Any:
    return deliveries.join(
        mailings, and_(mailings.c.id == deliveries.c.mailing, mailings.c.kind == MailingKind.ACCOUNT)
    )


def _alive(mailing: int, subscription: int) -> ColumnElement[bool]:
    """Whether a row of `subscriptions` is that one, and the mailing brought the link it may still use."""
    brought = exists().where(
        mailings.c.id == mailing,
        mailings.c.kind == MailingKind.ACCOUNT,
        mailings.c.created_at == subscriptions.c.asked_at,
        deliveries.c.mailing == mailings.c.id,
        deliveries.c.subscription == subscriptions.c.id,
        deliveries.c.generation == subscriptions.c.generation,
    )
    return and_(subscriptions.c.id == subscription, brought.correlate(subscriptions))


def change_address(connection: Connection, move: Departure) -> bool:
    """Confirms the subscription of the new address and lets the old one go on there: what it is owed and was
    sent stays its reader's. Where the new address has a history of its own on the list, its subscription goes
    on where the old one stands. False: the two are not there as `move` says, and nothing was changed.
    """
    rows = {row.id: row for row in connection.execute(_those(move.to, move.subscription))}
    new, old = rows.get(move.to), rows.get(move.subscription)
    if new is None or old is None or not _fit(new, old, move) or is_blocked(connection, new):
        return False
    if new.state is SubscriptionState.PENDING:
        activate(connection, new, None, move.at)
    confirmed_at = new.confirmed_at or move.at
    if connection.execute(select(_had_mail(new.id))).scalar_one():
        _succeed(connection, new, old)
    else:
        _move_in(connection, new, old, confirmed_at)
    return True


def _those(*ids: int | None) -> Any:
    beside = ("consent", "rhythm", "taste", "skipped_at")  # what no value of a subscription shows
    columns = [subscriptions.c[name] for name in beside]
    return with_address().add_columns(*columns).where(subscriptions.c.id.in_(ids))


def _fit(new: Row[Any], old: Row[Any], move: Departure) -> bool:
    asked = (
        new.address_key == move.to_key
        and new.list == move.list
        and new.state is not SubscriptionState.UNSUBSCRIBED
    )
    stands = old.address_key == move.key and old.list == move.list and old.state is SubscriptionState.ACTIVE
    return asked and stands and old.generation == move.generation


def _had_mail(id: int) -> ColumnElement[bool]:
    """Whether anything but a request to confirm was ever sent to a subscription."""
    with_posts = exists().where(
        deliveries.c.subscription == id,
        mailings.c.id == deliveries.c.mailing,
        mailings.c.kind.not_in((MailingKind.CONFIRM, MailingKind.ACCOUNT)),
    )
    return or_(with_posts, exists().where(receipts.c.subscription == id))


def _move_in(connection: Connection, new: Row[Any], old: Row[Any], now: datetime) -> None:
    """The old subscription, with all it had, belongs to the person of the new one, who is no more."""
    forget_confirmations(connection, [new.id])
    connection.execute(delete(subscriptions).where(subscriptions.c.id == new.id, ~has_delivery()))
    proof = old.consent | {"address": f"confirmed by the reader at {now.isoformat()}"}
    moved = {"subscriber": new.subscriber, "asked_at": None, "consent": proof}
    connection.execute(update(subscriptions).where(subscriptions.c.id == old.id).values(moved))
    forget_addresses(connection, [old.subscriber])
    connection.execute(upsert(arrivals), {"was": new.id, "subscription": old.id, "at": now})


def _succeed(connection: Connection, new: Row[Any], old: Row[Any]) -> None:
    """The new subscription stands where the old one stood, which ends."""
    same = {
        name: getattr(old, name)
        for name in ("offset", "rhythm", "taste", "paused", "next_due_at", "skipped_at")
    }
    connection.execute(update(subscriptions).where(subscriptions.c.id == new.id).values(same))
    ended = {"state": SubscriptionState.UNSUBSCRIBED, "next_due_at": None, "asked_at": None}
    connection.execute(update(subscriptions).where(subscriptions.c.id == old.id).values(ended))
