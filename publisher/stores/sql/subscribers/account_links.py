"""Links that work once.

A link is alive while its mailing is the one that was asked for last (`asked_at` is when that was made), the
subscription is in the same life, and nobody used it: then `asked_at` is empty.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, update

from publisher.core.delivery.mailing import MailingKind
from publisher.core.subscribers.subscription import State, Subscription
from publisher.stores.sql.engine.database import Database
from publisher.stores.sql.publishing.rows import as_subscription, with_address
from publisher.stores.sql.schema.subscriber_tables import subscriptions
from publisher.stores.sql.schema.tables import deliveries, mailings


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
