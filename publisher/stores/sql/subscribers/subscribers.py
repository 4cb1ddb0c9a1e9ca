"""Subscribers and their subscriptions: reading, confirming, leaving, forgetting.

Keys of addresses, made anew: what makes them changed, and the addresses are still known.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, literal, select, update

from publisher.core.delivery.mailing import NewMailing
from publisher.core.errors import Conflict
from publisher.core.subscribers.preferences import Preferences
from publisher.core.subscribers.subscription import (
    Consent,
    NewReader,
    SignupResult,
    Subscription,
    SubscriptionEvent,
    SubscriptionState,
    after,
)
from publisher.stores.sql.delivery.freeze import keep_segments
from publisher.stores.sql.delivery.transactional import start_for_one
from publisher.stores.sql.engine.database import Database, insert_new
from publisher.stores.sql.schema.base import Suppression, is_
from publisher.stores.sql.schema.subscriber_tables import arrivals, subscribers, subscriptions, suppressions
from publisher.stores.sql.schema.tables import log_head
from publisher.stores.sql.subscribers.join import activate, is_blocked, join_all
from publisher.stores.sql.subscribers.personal_data import forget_pending
from publisher.stores.sql.subscribers.preferences import rhythm_ids, taste_ids
from publisher.stores.sql.subscribers.rows import as_subscription, with_address

PAGE = 5_000
"""Subscriptions read at a time: no read transaction stays open while somebody works through them."""

COUNTED = 50_000
"""Subscriptions counted at a time: SQLite sorts them in memory, 54 MB of it for a million."""


class Subscribers:
    """`ports.SubscriberStore`."""

    _db: Database

    def join(
        self, spec: str, readers: Sequence[NewReader], consent: Consent
    ) -> Sequence[tuple[SignupResult, Subscription | None]]:
        """Signs readers up to list `spec`, in one transaction (see wishes.py for what each comes to)."""
        with self._db.write(wide=len(readers) > 1) as connection:
            return join_all(connection, spec, readers, consent)

    def subscription(self, id: int) -> Subscription | None:
        """The subscription `id` as it stands."""
        with self._db.read() as connection:
            row = connection.execute(with_address().where(subscriptions.c.id == id)).one_or_none()
        return as_subscription(row) if row else None

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
        """Pending -> active at the log's head, and lifts `left` and `erased`. Idempotent: only who makes it
        active plans `welcome`, and then `planned` is told its number. Raises Conflict when the log's head is
        no longer that of `welcome`.
        """
        mailing = 0
        if welcome is not None:
            keep_segments(self._db, welcome.segments)
        with self._db.write() as connection:
            row = _of_generation(connection, id, generation)
            if row is None or row.state is SubscriptionState.UNSUBSCRIBED or is_blocked(connection, row):
                return None
            if row.state is SubscriptionState.PENDING:
                activate(connection, row, next_due_at, now)
                if welcome is not None:
                    _must_stand_at(connection, welcome.head)
                    mailing = start_for_one(connection, welcome, id, now)
            confirmed = _again(connection, id)
        if mailing:
            planned(mailing)
        return confirmed

    def furthest_back(self, spec: str) -> int | None:
        """The smallest offset of an active reader of a list; None without readers."""
        ours = select(func.min(subscriptions.c.offset)).where(subscriptions.c.list == spec)
        active = is_(subscriptions.c.state, SubscriptionState.ACTIVE)
        with self._db.read() as connection:
            return connection.execute(ours.where(active)).scalar()

    def unsubscribe(self, id: int, generation: int, now: datetime) -> Subscription | None:
        """Ends a subscription of this generation and writes `left` for its list. Idempotent."""
        with self._db.write() as connection:
            row = _of_generation(connection, id, generation)
            if row is None:
                return None
            state = after(row.state, SubscriptionEvent.UNSUBSCRIBE)
            ended = update(subscriptions).where(subscriptions.c.id == id)
            connection.execute(ended.values(state=state, next_due_at=None))
            gone = {"address_key": row.address_key, "list": row.list, "kind": Suppression.LEFT, "at": now}
            connection.execute(insert_new(suppressions), gone)
            return _again(connection, id)

    def choose(
        self, id: int, generation: int, choices: Preferences, next_due_at: datetime
    ) -> Subscription | None:
        """What a reader of this generation wants from now on; their offset stays, so nothing is lost."""
        with self._db.write() as connection:
            row = _of_generation(connection, id, generation)
            if row is None or row.state is SubscriptionState.UNSUBSCRIBED:
                return None
            active = row.state is SubscriptionState.ACTIVE and not choices.paused
            paces = rhythm_ids(connection, row.list, [(choices.pace, next_due_at)])
            tastes = taste_ids(connection, [choices.taste])
            values: dict[str, Any] = {"rhythm": paces[choices.pace], "taste": tastes[choices.taste]}
            values |= {"paused": choices.paused, "next_due_at": next_due_at if active else None}
            connection.execute(update(subscriptions).where(subscriptions.c.id == id).values(values))
            return _again(connection, id)

    def subscriptions(self, spec: str | None, state: SubscriptionState | None) -> Iterator[Subscription]:
        """In the order they came, a page at a time."""
        query = with_address().order_by(subscriptions.c.id).limit(PAGE)
        if spec is not None:
            query = query.where(subscriptions.c.list == spec)
        if state is not None:
            query = query.where(subscriptions.c.state == state)
        last = 0
        while True:
            with self._db.read() as connection:
                rows = connection.execute(query.where(subscriptions.c.id > last)).all()
            yield from map(as_subscription, rows)
            if len(rows) < PAGE:
                return
            last = rows[-1].id

    def subscriber_counts(self) -> Mapping[tuple[str, SubscriptionState], int]:
        """How many subscriptions, by (list, state)."""
        key, id = (subscriptions.c.list, subscriptions.c.state), subscriptions.c.id
        query, counts = select(*key, func.count()).group_by(*key), Counter[tuple[str, SubscriptionState]]()
        with self._db.read() as connection:
            last: int = connection.execute(select(func.max(id))).scalar() or 0
            for low in range(0, last, COUNTED):
                rows = connection.execute(query.where(id > low, id <= low + COUNTED))
                counts.update({(spec, state): number for spec, state, number in rows})
        return dict(sorted(counts.items()))

    def forget_pending(self, before: datetime) -> int:
        """Deletes pending subscriptions created before; how many (see forgetting.py for what stays)."""
        with self._db.write() as connection:
            connection.execute(delete(arrivals).where(arrivals.c.at < before))
            return forget_pending(connection, before)


def _of_generation(connection: Connection, id: int, generation: int) -> Row[Any] | None:
    this = (subscriptions.c.id == id) & (subscriptions.c.generation == generation)
    return connection.execute(with_address().where(this)).one_or_none()


def _must_stand_at(connection: Connection, head: int) -> None:
    """What a welcome shows ends where the reader's place in the log begins: no post is lost or doubled."""
    if connection.execute(select(log_head.c.seq)).scalar_one() != head:
        raise Conflict("log", "something was published meanwhile", "look again")


def _again(connection: Connection, id: int) -> Subscription:
    return as_subscription(connection.execute(with_address().where(subscriptions.c.id == id)).one())


class AddressKeys:
    """The part of `ports.SubscriberStore` that keeps address keys up to date."""

    _db: Database

    def rekey(self, key_of: Callable[[str], str]) -> int:
        """Gives each address beyond ASCII the key that `key_of` makes of it, and what stood against the key
        before stands against the new one too. Returns how many changed.
        """
        beyond = subscribers.c.address.op("GLOB")("*[^ -~]*")
        query = select(subscribers.c.id, subscribers.c.address, subscribers.c.address_key).where(beyond)
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
