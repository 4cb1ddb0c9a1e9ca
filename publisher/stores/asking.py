"""Links that work once, and a reader's change of address.

A link is alive while its mailing is the one that was asked for last (`asked_at` is when that was made), the
subscription is in the same life, and nobody used it: then `asked_at` is empty.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, exists, func, or_, select, update

from publisher.core.lists import State, Subscription
from publisher.core.mailings import MailingKind
from publisher.stores.engine import Database, insert_new
from publisher.stores.forgetting import forget_addresses, forget_confirmations, has_delivery
from publisher.stores.members import Suppression
from publisher.stores.receipts import receipts
from publisher.stores.rows import as_subscription, with_address
from publisher.stores.schema import deliveries, mailings
from publisher.stores.subscribertables import subscriptions, suppressions


class Asking:
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
            subscriptions.c.state != State.PENDING,
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

    def take_over(self, new: int, old: int, generation: int, now: datetime) -> Subscription | None:
        """The old subscription goes on at the new one's address. Where that has a history of its own on the
        list, the new one goes on where the old one stands.
        """
        with self._db.write() as connection:
            rows = {row.id: row for row in connection.execute(_those(new, old))}
            if len(rows) < 2 or not _fit(rows[new], rows[old], generation):
                return None
            if connection.execute(select(_had_mail(new))).scalar_one():
                living = _succeed(connection, rows[new], rows[old])
            else:
                living = _move_in(connection, rows[new], rows[old])
            gone = {"address_key": rows[old].address_key, "list": rows[old].list, "at": now}
            connection.execute(insert_new(suppressions), gone | {"kind": Suppression.LEFT})
            return as_subscription(
                connection.execute(with_address().where(subscriptions.c.id == living)).one()
            )


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


def _those(*ids: int) -> Any:
    columns = (subscriptions.c.consent, subscriptions.c.rhythm, subscriptions.c.taste)  # beside the choices
    return with_address().add_columns(*columns).where(subscriptions.c.id.in_(ids))


def _fit(new: Row[Any], old: Row[Any], generation: int) -> bool:
    living = new.state is State.ACTIVE and old.state is State.ACTIVE
    return living and old.generation == generation and new.list == old.list


def _had_mail(id: int) -> ColumnElement[bool]:
    """Whether anything but a request to confirm was ever sent to a subscription."""
    with_posts = exists().where(
        deliveries.c.subscription == id,
        mailings.c.id == deliveries.c.mailing,
        mailings.c.kind.not_in((MailingKind.CONFIRM, MailingKind.ACCOUNT)),
    )
    return or_(with_posts, exists().where(receipts.c.subscription == id))


def _move_in(connection: Connection, new: Row[Any], old: Row[Any]) -> int:
    """The old subscription, with all it had, belongs to the person of the new one, who is no more."""
    forget_confirmations(connection, [new.id])
    connection.execute(delete(subscriptions).where(subscriptions.c.id == new.id, ~has_delivery()))
    proof = old.consent | {"address": f"confirmed by the reader at {new.confirmed_at.isoformat()}"}
    moved = {"subscriber": new.subscriber, "asked_at": None, "consent": proof}
    connection.execute(update(subscriptions).where(subscriptions.c.id == old.id).values(moved))
    forget_addresses(connection, [old.subscriber])
    return int(old.id)


def _succeed(connection: Connection, new: Row[Any], old: Row[Any]) -> int:
    """The new subscription stands where the old one stood, which ends."""
    same = {name: getattr(old, name) for name in ("offset", "rhythm", "taste", "paused", "next_due_at")}
    connection.execute(update(subscriptions).where(subscriptions.c.id == new.id).values(same))
    ended = {"state": State.UNSUBSCRIBED, "next_due_at": None, "asked_at": None}
    connection.execute(update(subscriptions).where(subscriptions.c.id == old.id).values(ended))
    return int(new.id)
