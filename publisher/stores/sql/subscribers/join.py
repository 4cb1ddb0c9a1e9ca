"""Signs readers up: the rule, and applying it to many at once with a handful of statements.

| before              | suppressed by            | own request  | otherwise                              |
|---------------------|--------------------------|--------------|----------------------------------------|
| anything            | bounce complaint operator| LEFT         | LEFT                                   |
| nothing             | left erased              | RETURNED     | LEFT                                   |
| nothing             | -                        | ADDED        | ADDED                                  |
| pending             | left erased              | ALREADY      | LEFT                                   |
| pending             | -                        | ALREADY, or ACTIVATED where the reader is to be active |
| active              | left erased              | ALREADY      | LEFT                                   |
| active              | -                        | ALREADY      | ALREADY                                |
| unsubscribed        | left erased -            | RETURNED     | LEFT                                   |

Whoever returns is pending until they confirm, whatever the request states.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, delete, func, insert, literal, select, update

from publisher.core.subscribers.subscription import (
    Consent,
    NewReader,
    Preferences,
    SignupResult,
    Subscription,
    SubscriptionEvent,
    SubscriptionState,
    next_subscription_state,
    starts_new_life,
)
from publisher.stores.sql.database import insert_new, slices
from publisher.stores.sql.publishing.post_rows import consent_to_json
from publisher.stores.sql.schema.columns import BLOCKS_ALWAYS, EVERYWHERE, LIFTED_BY_READER, Suppression
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions, suppressions
from publisher.stores.sql.schema.tables import log_head
from publisher.stores.sql.subscribers.subscription_rows import (
    content_ids,
    schedule_ids,
    select_subscriptions,
    subscription_value,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorSubscription:
    """A subscription as it was before the sign-up."""

    id: int
    state: SubscriptionState
    generation: int


def signup_outcome(
    before: PriorSubscription | None, suppressed: Collection[Suppression], reader: NewReader
) -> SignupResult:
    """What signing up `reader` results in: the table above."""
    if not BLOCKS_ALWAYS.isdisjoint(suppressed):
        return SignupResult.LEFT
    departed = bool(suppressed) or (before is not None and before.state is SubscriptionState.UNSUBSCRIBED)
    if departed and not reader.own_wish:
        return SignupResult.LEFT
    if before is None:
        return SignupResult.RETURNED if departed else SignupResult.ADDED
    if before.state is SubscriptionState.UNSUBSCRIBED:
        return SignupResult.RETURNED
    if before.state is SubscriptionState.PENDING and reader.active and not departed:
        return SignupResult.ACTIVATED
    return SignupResult.ALREADY


def state_after(
    before: PriorSubscription | None, joined: SignupResult, reader: NewReader
) -> tuple[SubscriptionState, int]:
    """The state and generation after a sign-up that resulted in ADDED, ACTIVATED or RETURNED."""
    if before is None:
        active = joined is SignupResult.ADDED and reader.active
        return (
            next_subscription_state(SubscriptionState.PENDING, SubscriptionEvent.CONFIRM)
            if active
            else SubscriptionState.PENDING
        ), 1
    event = SubscriptionEvent.CONFIRM if joined is SignupResult.ACTIVATED else SubscriptionEvent.SIGN_UP
    generation = before.generation + starts_new_life(before.state, event)
    return next_subscription_state(before.state, event), generation


Answer = tuple[SignupResult, Subscription | None]


def join_readers(
    connection: Connection, slug: str, readers: Sequence[NewReader], consent: Consent
) -> Sequence[Answer]:
    """Signs readers up. Returns the result for each, in order; the second row of a reader sees the effect of
    the first.
    """
    keys = list({reader.key: None for reader in readers})
    before = _before(connection, slug, keys)
    joined, columns_by_key = _results(readers, before, _suppressed(connection, slug, keys), consent.at)
    shared = {"consent": consent_to_json(consent), "offset": log_head_seq(connection), "asked_at": None}
    chosen = preference_columns(connection, slug, [columns for _, columns in columns_by_key.values()])
    new: defaultdict[JoinedColumns, list[NewReader]] = defaultdict(list)
    changed: defaultdict[JoinedColumns, list[int]] = defaultdict(list)
    for reader, columns in columns_by_key.values():
        if was := before.get(reader.key):
            changed[columns].append(was.id)
        else:
            new[columns].append(reader)
    for columns, ids in changed.items():
        values = columns.values() | chosen[columns.choices] | shared
        for some in slices(ids):
            connection.execute(update(subscriptions).where(subscriptions.c.id.in_(some)).values(values))
    for columns, theirs in new.items():
        _insert(connection, theirs, columns.values() | chosen[columns.choices] | shared | {"list": slug})
    query = select_subscriptions().where(subscriptions.c.list == slug)
    now: dict[str, Subscription] = {}
    for part in slices(keys):
        for row in connection.execute(query.where(subscribers.c.address_key.in_(part))):
            now[row.address_key] = subscription_value(row)
    return [(result, now.get(reader.key)) for result, reader in zip(joined, readers, strict=True)]


def preview_result(connection: Connection, slug: str, reader: NewReader) -> SignupResult:
    """What signing up one reader would result in."""
    was = _before(connection, slug, [reader.key]).get(reader.key)
    return signup_outcome(was, _suppressed(connection, slug, [reader.key]).get(reader.key, ()), reader)


def _results(
    readers: Sequence[NewReader],
    before: Mapping[str, PriorSubscription],
    suppressed: Mapping[str, set[Suppression]],
    at: datetime,
) -> tuple[list[SignupResult], dict[str, tuple[NewReader, "JoinedColumns"]]]:
    """The result for each reader, and by address key the columns to write for those who change."""
    now = dict(before)
    joined: list[SignupResult] = []
    columns_by_key: dict[str, tuple[NewReader, JoinedColumns]] = {}
    for reader in readers:
        was = now.get(reader.key)
        result = signup_outcome(was, suppressed.get(reader.key, ()), reader)
        joined.append(result)
        if result in (SignupResult.LEFT, SignupResult.ALREADY):
            continue
        columns = columns_after(reader, result, was, at)
        first, earlier = columns_by_key.get(reader.key, (reader, columns))
        columns_by_key[reader.key] = (
            first,
            columns._replace(created_at=columns.created_at or earlier.created_at),
        )
        now[reader.key] = PriorSubscription(
            id=was.id if was else 0, state=columns.state, generation=columns.generation
        )
    return joined, columns_by_key


class JoinedColumns(NamedTuple):
    """The columns of a subscription after the sign-up, except those that all readers of a call share.
    `created_at` is None if it existed before.
    """

    state: SubscriptionState
    generation: int
    next_due_at: datetime | None
    created_at: datetime | None
    confirmed_at: datetime | None
    choices: Preferences

    def values(self) -> dict[str, Any]:
        left_out = {"choices"} if self.created_at else {"choices", "created_at"}
        return {name: value for name, value in self._asdict().items() if name not in left_out}


def columns_after(
    reader: NewReader, result: SignupResult, was: PriorSubscription | None, at: datetime
) -> JoinedColumns:
    state, generation = state_after(was, result, reader)
    active = state is SubscriptionState.ACTIVE
    return JoinedColumns(
        state=state,
        generation=generation,
        next_due_at=reader.next_due_at if active and not reader.choices.paused else None,
        created_at=None if result is SignupResult.ACTIVATED else at,
        confirmed_at=at if active else None,
        choices=reader.choices,
    )


def preference_columns(
    connection: Connection, slug: str, wanted: Sequence[JoinedColumns]
) -> dict[Preferences, dict[str, Any]]:
    """Preferences -> the columns of their subscriptions."""
    schedules = schedule_ids(
        connection, slug, [(columns.choices.schedule, columns.next_due_at) for columns in wanted]
    )
    contents = content_ids(connection, [columns.choices.content for columns in wanted])
    return {
        choices: {
            "rhythm": schedules[choices.schedule],
            "taste": contents[choices.content],
            "paused": choices.paused,
        }
        for choices in {columns.choices for columns in wanted}
    }


def log_head_seq(connection: Connection) -> int:
    seq: int = connection.execute(select(log_head.c.seq)).scalar_one()
    return seq


def _insert(connection: Connection, readers: Sequence[NewReader], values: dict[str, Any]) -> None:
    """Inserts readers with equal columns, in order: addresses first, then one INSERT .. SELECT of them."""
    rows = [{"address": reader.address, "address_key": reader.key} for reader in readers]
    connection.execute(insert_new(subscribers), rows)
    alike = {name: literal(value, subscriptions.c[name].type) for name, value in values.items()}
    theirs = select(subscribers.c.id, *alike.values()).order_by(subscribers.c.id)
    for part in slices([reader.key for reader in readers]):
        chosen = theirs.where(subscribers.c.address_key.in_(part))
        connection.execute(insert(subscriptions).from_select(["subscriber", *alike], chosen))


def _before(connection: Connection, slug: str, keys: Sequence[str]) -> dict[str, PriorSubscription]:
    query = select_subscriptions().where(subscriptions.c.list == slug)
    found: dict[str, PriorSubscription] = {}
    for part in slices(keys):
        for row in connection.execute(query.where(subscribers.c.address_key.in_(part))):
            found[row.address_key] = PriorSubscription(id=row.id, state=row.state, generation=row.generation)
    return found


def _suppressed(connection: Connection, slug: str, keys: Sequence[str]) -> dict[str, set[Suppression]]:
    query = select(suppressions.c.address_key, suppressions.c.kind)
    query = query.where(suppressions.c.list.in_((EVERYWHERE, slug)))
    found: dict[str, set[Suppression]] = {}
    for part in slices(keys):
        for row in connection.execute(query.where(suppressions.c.address_key.in_(part))):
            found.setdefault(row.address_key, set()).add(row.kind)
    return found


def is_blocked(connection: Connection, row: Row[Any]) -> bool:
    """Whether the address of a row of `select_subscriptions` gets no mail from its list, whatever its reader
    asks for.
    """
    blocks = select(func.count()).where(
        suppressions.c.address_key == row.address_key,
        suppressions.c.list.in_((EVERYWHERE, row.list)),
        suppressions.c.kind.in_(BLOCKS_ALWAYS),
    )
    return bool(connection.execute(blocks).scalar_one())


def activate(connection: Connection, row: Row[Any], next_due_at: datetime | None, now: datetime) -> None:
    """Makes a pending subscription active at the log's head, and lifts the suppressions that only the reader
    may lift.
    """
    head = select(log_head.c.seq).scalar_subquery()
    state = next_subscription_state(row.state, SubscriptionEvent.CONFIRM)
    due = None if row.paused else next_due_at
    new = {"state": state, "offset": head, "next_due_at": due, "confirmed_at": now, "asked_at": None}
    new |= {"skipped_at": None}
    connection.execute(update(subscriptions).where(subscriptions.c.id == row.id).values(new))
    lifted = delete(suppressions).where(
        suppressions.c.address_key == row.address_key,
        suppressions.c.list.in_((EVERYWHERE, row.list)),
        suppressions.c.kind.in_(LIFTED_BY_READER),
    )
    connection.execute(lifted)
