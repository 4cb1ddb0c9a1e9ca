"""What the admin pages ask about subscribers: finding some of them, and how many came on each day."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Column, func, select, type_coerce

from publisher.core.subscribers.subscription import FoundSubscriber, SubscriptionState
from publisher.stores.sql.database import Database
from publisher.stores.sql.schema.columns import milliseconds
from publisher.stores.sql.schema.subscriber_tables import NOBODY, subscribers, subscriptions

DAY = 86_400_000
"""Milliseconds."""


class SubscriberOverviews:
    """`ports.AdminStore`."""

    _db: Database

    def find_subscribers(
        self, text: str = "", *, before: int | None = None, limit: int
    ) -> Sequence[FoundSubscriber]:
        some = select(subscribers.c.id, subscribers.c.address).order_by(subscribers.c.id.desc()).limit(limit)
        some = some.where(subscribers.c.address.not_like(f"%@{NOBODY}"))
        if text:
            some = some.where(subscribers.c.address.contains(text, autoescape=True))
        if before is not None:
            some = some.where(subscribers.c.id < before)
        with self._db.read() as connection:
            rows = connection.execute(some).all()
            lists: dict[int, list[tuple[str, SubscriptionState]]] = {row.id: [] for row in rows}
            theirs = select(subscriptions.c.subscriber, subscriptions.c.list, subscriptions.c.state)
            theirs = theirs.where(subscriptions.c.subscriber.in_(lists)).order_by(subscriptions.c.id)
            for row in connection.execute(theirs):
                lists[row.subscriber].append((row.list, row.state))
        return [
            FoundSubscriber(number=row.id, address=row.address, lists=tuple(lists[row.id])) for row in rows
        ]

    def subscriber_address(self, number: int) -> str | None:
        query = select(subscribers.c.address).where(subscribers.c.id == number)
        with self._db.read() as connection:
            found = connection.execute(query).scalar()
        return None if found is None or found.endswith(f"@{NOBODY}") else found

    def joined_by_day(self, since: datetime) -> Mapping[tuple[str, int], int]:
        return self._by_day(subscriptions.c.created_at, since)

    def confirmed_by_day(self, since: datetime) -> Mapping[tuple[str, int], int]:
        return self._by_day(subscriptions.c.confirmed_at, since)

    def _by_day(self, column: "Column[datetime]", since: datetime) -> Mapping[tuple[str, int], int]:
        """(list, days since 1970 in UTC) -> number of rows."""
        day = type_coerce(column, BigInteger).op("/")(DAY)
        query = select(subscriptions.c.list, day.label("day"), func.count().label("number"))
        query = query.where(type_coerce(column, BigInteger) >= milliseconds(since))
        query = query.group_by(subscriptions.c.list, day)
        with self._db.read() as connection:
            return {(row.list, int(row.day)): row.number for row in connection.execute(query)}
