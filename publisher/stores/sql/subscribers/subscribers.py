"""Subscribers and their subscriptions: signing up, confirming, preferences, leaving."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, literal, select, update

from publisher.core.delivery.mailing import NewMailing
from publisher.core.errors import LogConflict
from publisher.core.subscribers.subscription import (
    Consent,
    NewReader,
    Preferences,
    SignupResult,
    Subscription,
    SubscriptionEvent,
    SubscriptionState,
    next_subscription_state,
)
from publisher.stores.sql.database import Database, insert_new
from publisher.stores.sql.delivery.mailings import save_segments, start_transactional
from publisher.stores.sql.schema.columns import Suppression, is_
from publisher.stores.sql.schema.subscriber_tables import arrivals, subscribers, subscriptions, suppressions
from publisher.stores.sql.schema.tables import log_head
from publisher.stores.sql.subscribers.join import activate, is_blocked, join_readers
from publisher.stores.sql.subscribers.personal_data import delete_pending
from publisher.stores.sql.subscribers.subscription_rows import (
    content_ids,
    schedule_ids,
    select_subscriptions,
    subscription_value,
)

PAGE = 5_000
"""Subscriptions read at a time, so that no read transaction stays open while a caller works through them."""

COUNTED = 50_000
"""Subscriptions counted at a time: SQLite sorts them in memory, and takes 54 MB for a million."""


class Subscribers:
    """`ports.SubscriberStore`."""

    _db: Database

    def subscribe(
        self, slug: str, readers: Sequence[NewReader], consent: Consent
    ) -> Sequence[tuple[SignupResult, Subscription | None]]:
        with self._db.write(wide=len(readers) > 1) as connection:
            return join_readers(connection, slug, readers, consent)

    def subscription(self, id: int) -> Subscription | None:
        with self._db.read() as connection:
            row = connection.execute(select_subscriptions().where(subscriptions.c.id == id)).one_or_none()
        return subscription_value(row) if row else None

    def confirm(
        self,
        id: int,
        generation: int,
        next_due_at: datetime,
        now: datetime,
        *,
        welcome: NewMailing | None = None,
        planned: Callable[[int], None] = lambda _: None,
    ) -> Subscription | None:
        mailing = 0
        if welcome is not None:
            save_segments(self._db, welcome.segments)
        with self._db.write() as connection:
            row = _of_generation(connection, id, generation)
            if row is None or row.state is SubscriptionState.UNSUBSCRIBED or is_blocked(connection, row):
                return None
            if row.state is SubscriptionState.PENDING:
                activate(connection, row, next_due_at, now)
                if welcome is not None:
                    # The posts that a welcome shows end where the reader's offset begins: none is lost or
                    # doubled.
                    if connection.execute(select(log_head.c.seq)).scalar_one() != welcome.head:
                        raise LogConflict("log", "something was published in the meantime", "look again")
                    mailing = start_transactional(connection, welcome, id, now)
            confirmed = _reread(connection, id)
        if mailing:
            planned(mailing)
        return confirmed

    def lowest_offset(self, slug: str) -> int | None:
        ours = select(func.min(subscriptions.c.offset)).where(subscriptions.c.list == slug)
        active = is_(subscriptions.c.state, SubscriptionState.ACTIVE)
        with self._db.read() as connection:
            return connection.execute(ours.where(active)).scalar()

    def unsubscribe(self, id: int, generation: int, now: datetime) -> Subscription | None:
        with self._db.write() as connection:
            row = _of_generation(connection, id, generation)
            if row is None:
                return None
            state = next_subscription_state(row.state, SubscriptionEvent.UNSUBSCRIBE)
            ended = update(subscriptions).where(subscriptions.c.id == id)
            connection.execute(ended.values(state=state, next_due_at=None))
            gone = {"address_key": row.address_key, "list": row.list, "kind": Suppression.LEFT, "at": now}
            connection.execute(insert_new(suppressions), gone)
            return _reread(connection, id)

    def set_preferences(
        self, id: int, generation: int, preferences: Preferences, next_due_at: datetime
    ) -> Subscription | None:
        with self._db.write() as connection:
            row = _of_generation(connection, id, generation)
            if row is None or row.state is SubscriptionState.UNSUBSCRIBED:
                return None
            active = row.state is SubscriptionState.ACTIVE and not preferences.paused
            paces = schedule_ids(connection, row.list, [(preferences.schedule, next_due_at)])
            tastes = content_ids(connection, [preferences.content])
            values: dict[str, Any] = {
                "rhythm": paces[preferences.schedule],
                "taste": tastes[preferences.content],
            }
            values |= {"paused": preferences.paused, "next_due_at": next_due_at if active else None}
            connection.execute(update(subscriptions).where(subscriptions.c.id == id).values(values))
            return _reread(connection, id)

    def subscriptions(
        self, slug: str | None, state: SubscriptionState | None, *, after: int = 0, page: int = PAGE
    ) -> Iterator[Subscription]:
        query = select_subscriptions().order_by(subscriptions.c.id).limit(page)
        if slug is not None:
            query = query.where(subscriptions.c.list == slug)
        if state is not None:
            query = query.where(subscriptions.c.state == state)
        last = after
        while True:
            with self._db.read() as connection:
                rows = connection.execute(query.where(subscriptions.c.id > last)).all()
            yield from map(subscription_value, rows)
            if len(rows) < page:
                return
            last = rows[-1].id

    def subscriber_counts(self) -> Mapping[tuple[str, SubscriptionState], int]:
        key, id = (subscriptions.c.list, subscriptions.c.state), subscriptions.c.id
        query, counts = select(*key, func.count()).group_by(*key), Counter[tuple[str, SubscriptionState]]()
        with self._db.read() as connection:
            last: int = connection.execute(select(func.max(id))).scalar() or 0
            for low in range(0, last, COUNTED):
                rows = connection.execute(query.where(id > low, id <= low + COUNTED))
                counts.update({(slug, state): number for slug, state, number in rows})
        return dict(sorted(counts.items()))

    def delete_pending(self, before: datetime) -> int:
        with self._db.write() as connection:
            connection.execute(delete(arrivals).where(arrivals.c.at < before))
            return delete_pending(connection, before)


def _of_generation(connection: Connection, id: int, generation: int) -> Row[Any] | None:
    this = (subscriptions.c.id == id) & (subscriptions.c.generation == generation)
    return connection.execute(select_subscriptions().where(this)).one_or_none()


def _reread(connection: Connection, id: int) -> Subscription:
    return subscription_value(
        connection.execute(select_subscriptions().where(subscriptions.c.id == id)).one()
    )


class AddressKeys:
    """`ports.SubscriberStore`: keys of addresses."""

    _db: Database

    def rebuild_address_keys(self, key_of: Callable[[str], str], *, every: bool = False) -> int:
        beyond = subscribers.c.address.op("GLOB")("*[^ -~]*")
        query = select(subscribers.c.id, subscribers.c.address, subscribers.c.address_key)
        query = query if every else query.where(beyond)
        changed = 0
        with self._db.write() as connection:
            for id, address, before in connection.execute(query).all():
                key = key_of(address)
                if key == before:
                    continue
                new = literal(key, suppressions.c.address_key.type)
                stood = select(new, suppressions.c.list, suppressions.c.kind, suppressions.c.at)
                copied = stood.where(suppressions.c.address_key == before)
                connection.execute(insert_new(suppressions).from_select(suppressions.c.keys(), copied))
                renamed = update(subscribers).where(subscribers.c.id == id)
                connection.execute(renamed.values(address_key=key))
                changed += 1
        return changed
