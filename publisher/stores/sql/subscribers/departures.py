"""Departures, done in the store: many in one transaction, with a handful of statements for each few hundred.

What a departure ends and when it is done is `core.subscribers.departures`; here are the rows.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, update

from publisher.core.subscribers.departures import ERASED, Departure, Life, came_back, ended_by, is_done
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.stores.sql.engine.database import IN_LIST, Database, insert_new, slices
from publisher.stores.sql.schema.base import Suppression
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions, suppressions
from publisher.stores.sql.subscribers.account_links import change_address
from publisher.stores.sql.subscribers.personal_data import erase_person


class DepartureRecords:
    """The part of `ports.ReconcilingStore` that is about departures."""

    _db: Database

    def last_subscription(self) -> int:
        """The highest number of a subscription; 0 without any."""
        with self._db.read() as connection:
            return connection.execute(select(func.max(subscriptions.c.id))).scalar() or 0

    def lacking(self, departures: Sequence[Departure]) -> list[Departure]:
        """Those of `departures` that are not done here, in their order."""
        found: list[Departure] = []
        for some in slices(departures, IN_LIST):
            with self._db.read() as connection:
                persons = _persons(connection, some)
            for one in some:
                meant = replace(one, kind=_kind(one.kind).value)
                if not is_done(meant, persons[one.key].lives, persons[one.key].blocks):
                    found.append(one)
        return found

    def depart(self, departures: Sequence[Departure]) -> int:
        """Ends what each of them ends and leaves its suppression; who asked to be erased is forgotten. One
        transaction. Returns how many subscriptions ended, or were forgotten.
        """
        with self._db.write(wide=len(departures) > 1) as connection:
            return sum(_depart(connection, some) for some in slices(departures, IN_LIST))


class _Person(NamedTuple):
    """What is known of an address: its subscriptions, and (list, kind) of its suppressions."""

    lives: list[Life]
    blocks: set[tuple[str, str]]


def _persons(connection: Connection, departures: Sequence[Departure]) -> Mapping[str, _Person]:
    """By the keys of some departures; of an address that is not known, nothing."""
    persons: defaultdict[str, _Person] = defaultdict(lambda: _Person([], set()))
    keys = list({departure.key: None for departure in departures})
    lives = select(
        subscribers.c.address_key,
        subscriptions.c.id,
        subscriptions.c.list,
        subscriptions.c.state,
        subscriptions.c.generation,
    ).join_from(subscribers, subscriptions, subscriptions.c.subscriber == subscribers.c.id)
    for row in connection.execute(lives.where(subscribers.c.address_key.in_(keys))):
        life = Life(subscription=row.id, list=row.list, state=row.state, generation=row.generation)
        persons[row.address_key].lives.append(life)
    blocks = select(suppressions.c.address_key, suppressions.c.list, suppressions.c.kind)
    for key, spec, kind in connection.execute(blocks.where(suppressions.c.address_key.in_(keys))):
        persons[key].blocks.add((spec, kind.value))
    return persons


def _depart(connection: Connection, departures: Sequence[Departure]) -> int:
    moves = [one for one in departures if one.to is not None]
    for move in moves:
        change_address(connection, move)
    persons = _persons(connection, departures)
    gone: list[dict[str, Any]] = []
    ended: set[int] = set()
    forgotten = 0
    for one in departures:
        lives = persons[one.key].lives
        returned = came_back(one, lives)
        ended.update(life.subscription for life in ended_by(one, lives))
        if not returned:
            gone.append({"address_key": one.key, "list": one.list, "kind": _kind(one.kind), "at": one.at})
        if one.kind == ERASED and not returned:
            forgotten += erase_person(connection, one.key, one.at)
    over = {"state": SubscriptionState.UNSUBSCRIBED, "next_due_at": None}
    for some in slices(sorted(ended)):
        standing = subscriptions.c.state != SubscriptionState.UNSUBSCRIBED
        these = update(subscriptions).where(subscriptions.c.id.in_(some), standing)
        connection.execute(these.values(over))
    if gone:
        connection.execute(insert_new(suppressions), gone)
    return forgotten or len(ended)


def _kind(kind: str) -> Suppression:
    """Of another version's kinds, the one that blocks most."""
    return Suppression(kind) if kind in set(Suppression) else Suppression.OPERATOR
