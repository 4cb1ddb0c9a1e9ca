"""Records departures, many in one transaction, with a handful of statements for every few hundred.
`core.subscribers.subscription` decides what a departure ends, and when it is done.

Lists that were renamed, closed, or removed from the settings with readers on them.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, NamedTuple

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

from publisher.core.delivery.mailing import MailingKind, MailingState
from publisher.core.subscribers.subscription import (
    ERASED,
    READER_KINDS,
    Departure,
    ListChange,
    ListChangeResult,
    RemovedList,
    SubscriptionLife,
    SubscriptionState,
    has_returned,
    is_applied,
    lives_ended_by,
)
from publisher.stores.sql.database import IN_LIST, Database, insert_new, slices, upsert
from publisher.stores.sql.delivery.retention import receipts
from publisher.stores.sql.schema.columns import Suppression, is_
from publisher.stores.sql.schema.subscriber_tables import (
    arrivals,
    schedules,
    subscribers,
    subscriptions,
    suppressions,
)
from publisher.stores.sql.schema.tables import deliveries, mailings, meta
from publisher.stores.sql.subscribers.join import activate, is_blocked
from publisher.stores.sql.subscribers.personal_data import (
    delete_addresses,
    delete_confirmations,
    erase_person,
    has_delivery,
)
from publisher.stores.sql.subscribers.subscription_rows import select_subscriptions


class DepartureRecords:
    """`ports.ReconcilingStore`: departures."""

    _db: Database

    def last_subscription_id(self) -> int:
        with self._db.read() as connection:
            return connection.execute(select(func.max(subscriptions.c.id))).scalar() or 0

    def missing_departures(self, departures: Sequence[Departure]) -> list[Departure]:
        found: list[Departure] = []
        for some in slices(departures, IN_LIST):
            with self._db.read() as connection:
                persons = _persons(connection, some)
            for one in some:
                known = replace(one, kind=_suppression(one.kind).value)
                if not is_applied(known, persons[one.key].lives, persons[one.key].blocks):
                    found.append(one)
        return found

    def apply_departures(self, departures: Sequence[Departure]) -> int:
        with self._db.write(wide=len(departures) > 1) as connection:
            return sum(_apply(connection, some) for some in slices(departures, IN_LIST))


class _Person(NamedTuple):
    """An address: its subscriptions, and (list, kind) of its suppressions."""

    lives: list[SubscriptionLife]
    blocks: set[tuple[str, str]]


def _persons(connection: Connection, departures: Sequence[Departure]) -> Mapping[str, _Person]:
    """The people that departures are about, by address key. A new address has neither subscriptions nor
    suppressions.
    """
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
        life = SubscriptionLife(
            subscription=row.id, list=row.list, state=row.state, generation=row.generation
        )
        persons[row.address_key].lives.append(life)
    blocks = select(suppressions.c.address_key, suppressions.c.list, suppressions.c.kind)
    for key, slug, kind in connection.execute(blocks.where(suppressions.c.address_key.in_(keys))):
        persons[key].blocks.add((slug, kind.value))
    return persons


def _apply(connection: Connection, departures: Sequence[Departure]) -> int:
    moves = [one for one in departures if one.to is not None]
    for move in moves:
        change_address(connection, move)
    persons = _persons(connection, departures)
    gone: list[dict[str, Any]] = []
    ended: set[int] = set()
    forgotten = 0
    for one in departures:
        lives = persons[one.key].lives
        returned = has_returned(one, lives)
        ended.update(life.subscription for life in lives_ended_by(one, lives))
        if not returned:
            gone.append(
                {"address_key": one.key, "list": one.list, "kind": _suppression(one.kind), "at": one.at}
            )
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


def _suppression(kind: str) -> Suppression:
    """A kind that this version does not know becomes the strictest one."""
    return Suppression(kind) if kind in set(Suppression) else Suppression.OPERATOR


def change_address(connection: Connection, move: Departure) -> bool:
    """Confirms the subscription of the new address and moves the old one there, with everything sent and
    still to be sent to it. If the new address has a history of its own on the list, its subscription
    continues from the offset of the old one instead. False, with nothing changed, if the two are not as
    `move` says.
    """
    hidden = ("consent", "rhythm", "taste", "skipped_at")  # columns that no `Subscription` has
    query = select_subscriptions().add_columns(*[subscriptions.c[name] for name in hidden])
    query = query.where(subscriptions.c.id.in_((move.to, move.subscription)))
    rows = {row.id: row for row in connection.execute(query)}
    new, old = rows.get(move.to), rows.get(move.subscription)
    if new is None or old is None or not _matches(new, old, move) or is_blocked(connection, new):
        return False
    if new.state is SubscriptionState.PENDING:
        activate(connection, new, None, move.at)
    confirmed_at = new.confirmed_at or move.at
    if _has_history(connection, new.id):
        _take_over(connection, new, old)
    else:
        _move_to_new_address(connection, new, old, confirmed_at)
    return True


def _matches(new: Row[Any], old: Row[Any], move: Departure) -> bool:
    asked = (
        new.address_key == move.to_key
        and new.list == move.list
        and new.state is not SubscriptionState.UNSUBSCRIBED
    )
    is_current = (
        old.address_key == move.key and old.list == move.list and old.state is SubscriptionState.ACTIVE
    )
    return asked and is_current and old.generation == move.generation


def _has_history(connection: Connection, id: int) -> bool:
    """Whether anything but a request to confirm was ever sent to a subscription."""
    with_posts = exists().where(
        deliveries.c.subscription == id,
        mailings.c.id == deliveries.c.mailing,
        mailings.c.kind.not_in((MailingKind.CONFIRM, MailingKind.ACCOUNT)),
    )
    archived = exists().where(receipts.c.subscription == id)
    return bool(connection.execute(select(or_(with_posts, archived))).scalar_one())


def _move_to_new_address(connection: Connection, new: Row[Any], old: Row[Any], now: datetime) -> None:
    """Gives the old subscription the new address, and deletes the new subscription."""
    delete_confirmations(connection, [new.id])
    connection.execute(delete(subscriptions).where(subscriptions.c.id == new.id, ~has_delivery()))
    proof = old.consent | {"address": f"confirmed by the reader at {now.isoformat()}"}
    moved = {"subscriber": new.subscriber, "asked_at": None, "consent": proof}
    connection.execute(update(subscriptions).where(subscriptions.c.id == old.id).values(moved))
    delete_addresses(connection, [old.subscriber])
    connection.execute(upsert(arrivals), {"was": new.id, "subscription": old.id, "at": now})


def _take_over(connection: Connection, new: Row[Any], old: Row[Any]) -> None:
    """Lets the new subscription continue where the old one ends."""
    same = {
        name: getattr(old, name)
        for name in ("offset", "rhythm", "taste", "paused", "next_due_at", "skipped_at")
    }
    connection.execute(update(subscriptions).where(subscriptions.c.id == new.id).values(same))
    ended = {"state": SubscriptionState.UNSUBSCRIBED, "next_due_at": None, "asked_at": None}
    connection.execute(update(subscriptions).where(subscriptions.c.id == old.id).values(ended))


LIST_CHANGES = "list_changes"
"""Key in the store: the lists that were renamed or closed, as JSON."""

_LIVE = (SubscriptionState.ACTIVE, SubscriptionState.PENDING)
_ENDED = {"state": SubscriptionState.UNSUBSCRIBED, "next_due_at": None}

_ASIDE = "\x01"
"""The list of subscriptions that change places with others, for two statements."""


class ListRecords:
    """`ports.PlanningStore` and `ports.ReconcilingStore`: lists that settings no longer have."""

    _db: Database

    def removed_lists(self, known: Collection[str]) -> Sequence[RemovedList]:
        other = sorted(known)
        followed = select(schedules.c.list, func.count()).select_from(
            schedules.join(
                subscriptions,
                and_(
                    subscriptions.c.rhythm == schedules.c.id,
                    is_(subscriptions.c.state, SubscriptionState.ACTIVE),
                ),
            )
        )
        followed = followed.where(schedules.c.list.not_in(other)).group_by(schedules.c.list)
        unfinished = [
            is_(mailings.c.state, state)
            for state in (MailingState.PLANNING, MailingState.READY, MailingState.PAUSED)
        ]
        open = select(mailings.c.list, func.count()).where(or_(*unfinished))
        open = open.where(mailings.c.list.not_in(other)).group_by(mailings.c.list)
        with self._db.read() as connection:
            readers = {row[0]: row[1] for row in connection.execute(followed)}
            waiting = {row[0]: row[1] for row in connection.execute(open)}
        return [
            RemovedList(slug=slug, readers=readers.get(slug, 0), mailings=waiting.get(slug, 0))
            for slug in sorted(readers.keys() | waiting.keys())
        ]

    def list_changes(self) -> Sequence[ListChange]:
        with self._db.read() as connection:
            return _list_changes(connection)

    def apply_list_change(self, change: ListChange) -> ListChangeResult:
        with self._db.write(wide=True) as connection:
            before = _list_changes(connection)
            if change in before:
                return ListChangeResult()
            done = _rename(connection, change.list, change.to) if change.to else _close(connection, change)
            rows = [asdict(one) | {"at": one.at.isoformat()} for one in (*before, change)]
            value = json.dumps(rows, ensure_ascii=False)
            connection.execute(upsert(meta), [{"name": LIST_CHANGES, "value": value}])
            return done


def _list_changes(connection: Connection) -> list[ListChange]:
    value = connection.execute(select(meta.c.value).where(meta.c.name == LIST_CHANGES)).scalar()
    rows: list[dict[str, Any]] = json.loads(value or "[]")
    for row in rows:
        row["at"] = datetime.fromisoformat(row["at"])
    return [ListChange(**row) for row in rows]


def _close(connection: Connection, change: ListChange) -> ListChangeResult:
    these = (
        subscriptions.c.list == change.list,
        subscriptions.c.id <= change.subscription,
        is_(subscriptions.c.state, SubscriptionState.ACTIVE),
    )
    ended = connection.execute(update(subscriptions).where(*these).values(_ENDED))
    return ListChangeResult(readers=ended.rowcount)


def _rename(connection: Connection, old: str, new: str) -> ListChangeResult:
    """Gives everything of the list `old` the slug `new`. Of a reader's two subscriptions one goes on; the
    other ends and keeps, or gets, the old slug, so that links in its mails still find the reader.
    """
    active = is_(subscriptions.c.state, SubscriptionState.ACTIVE)
    number = select(func.count()).where(subscriptions.c.list == old, active)
    readers: int = connection.execute(number).scalar_one()
    _move_schedules(connection, old, new)
    here = subscriptions.alias("here")
    on_new = exists().where(here.c.subscriber == subscriptions.c.subscriber, here.c.list == new)
    these = update(subscriptions).where(subscriptions.c.list == old, ~on_new)
    connection.execute(these.values(list=new))
    pair = select(subscriptions.c.id, subscriptions.c.state, here.c.id, here.c.state).where(
        subscriptions.c.list == old, here.c.subscriber == subscriptions.c.subscriber, here.c.list == new
    )
    pairs = connection.execute(pair).all()
    swapped = [(was, is_now) for was, before, is_now, now in pairs if _goes_on_as_old(before, now)]
    ended = [is_now for _, is_now in swapped]
    ended += [was for was, before, _, now in pairs if not _goes_on_as_old(before, now)]
    for some in slices(ended):
        connection.execute(update(subscriptions).where(subscriptions.c.id.in_(some)).values(_ENDED))
    for ids, slug in (
        ([is_now for _, is_now in swapped], _ASIDE),
        ([was for was, _ in swapped], new),
        ([is_now for _, is_now in swapped], old),
    ):
        for some in slices(ids):
            connection.execute(update(subscriptions).where(subscriptions.c.id.in_(some)).values(list=slug))
    _move_suppressions(connection, old, new)
    connection.execute(update(mailings).where(mailings.c.list == old).values(list=new))
    before_now = [(before, now) for _, before, _, now in pairs if before is SubscriptionState.ACTIVE]
    return ListChangeResult(
        readers=readers,
        on_both=sum(now is SubscriptionState.ACTIVE for _, now in before_now),
        had_left=sum(now is SubscriptionState.UNSUBSCRIBED for _, now in before_now),
    )


def _goes_on_as_old(before: SubscriptionState, now: SubscriptionState) -> bool:
    """Whether the subscription of the old list goes on, and not that of the new one."""
    return before is SubscriptionState.ACTIVE and now is SubscriptionState.PENDING


def _move_schedules(connection: Connection, old: str, new: str) -> None:
    key = ("cadence", "day", "hour", "timezone")
    rows = connection.execute(select(schedules).where(schedules.c.list.in_((old, new)))).all()
    there = {tuple(getattr(row, name) for name in key): row.id for row in rows if row.list == new}
    for row in rows:
        if row.list != old:
            continue
        same = there.get(tuple(getattr(row, name) for name in key))
        this = schedules.c.id == row.id
        if same is None:
            connection.execute(update(schedules).where(this).values(list=new))
            continue
        theirs = update(subscriptions).where(subscriptions.c.rhythm == row.id)
        connection.execute(theirs.values(rhythm=same))
        connection.execute(delete(schedules).where(this))


def _move_suppressions(connection: Connection, old: str, new: str) -> None:
    """Who left the old list has left the new one, except who follows that one already."""
    follows: ColumnElement[bool] = exists().where(
        subscribers.c.address_key == suppressions.c.address_key,
        subscriptions.c.subscriber == subscribers.c.id,
        subscriptions.c.list == new,
        subscriptions.c.state.in_(_LIVE),
    )
    kinds = [Suppression(kind) for kind in READER_KINDS]
    these = (suppressions.c.list == old, or_(suppressions.c.kind.not_in(kinds), ~follows))
    query = select(suppressions.c.address_key, literal(new), suppressions.c.kind, suppressions.c.at).where(
        *these
    )
    connection.execute(insert_new(suppressions).from_select(suppressions.c.keys(), query))
    connection.execute(delete(suppressions).where(suppressions.c.list == old))
