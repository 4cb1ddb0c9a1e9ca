"""Batches: ranges of a mailing's deliveries that are leased, and due, together.

The deliveries of a chunk are cut into batches when they are planned: the canary first, then by domain group.

A batch that no run holds has the counts of its deliveries beside it; whatever changes such a delivery
recounts the batch in the same transaction. Only deliveries in leased batches are counted on demand.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    case,
    exists,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from publisher.core.delivery.mailing import (
    PRIORITY,
    DeliveryState,
    MailingKind,
    MailingState,
)
from publisher.core.delivery.throttling import BatchPlan
from publisher.stores.sql.schema.columns import NOT_OVER, BatchState, is_
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions
from publisher.stores.sql.schema.tables import (
    TALLIED,
    batches,
    counters,
    deliveries,
    mailings,
)

TURN = "turn"
"""The counter of batches claimed and finished. The journal has it too, and tells an old copy of the store."""

_LEASED = is_(batches.c.state, BatchState.LEASED)

OTHER_DOMAINS = ""
"""The group of all domains that have no settings of their own."""


def ranges(groups: Sequence[tuple[str, int]], base: int, size: int) -> Iterator[tuple[str, int, int]]:
    """(group, lo, hi) of batches of at most `size` rows, each of one group. `groups` are (name, how many), in
    the order of the deliveries, which are numbered from `base` + 1.
    """
    for group, number in groups:
        for lo in range(base + 1, base + number + 1, size):
            yield group, lo, min(lo + size - 1, base + number)
        base += number


def deliveries_of(batch: Any) -> Any:
    """The ledger rows of a batch."""
    return (deliveries.c.mailing == batch.mailing) & deliveries.c.n.between(batch.lo, batch.hi)


def batch_with(mailing: int, n: int) -> Any:
    """The batch that a delivery belongs to."""
    return (batches.c.mailing == mailing) & (batches.c.lo <= n) & (batches.c.hi >= n)


def count_turn(connection: Connection) -> int:
    """Counts that a batch was claimed or finished; returns the new count."""
    counted = insert(counters).values(name=TURN, last=1)
    more = counted.on_conflict_do_update(index_elements=["name"], set_={"last": counters.c.last + 1})
    turn: int = connection.execute(more.returning(counters.c.last)).scalar_one()
    return turn


def reschedule_batch(connection: Connection, batch: Any, now: datetime) -> None:
    """Recounts a batch that no run holds. It is due at the earliest not_before of its queued rows; if it has
    none it is done, and so may be its mailing.
    """
    turns = func.coalesce(deliveries.c.not_before, literal(now, deliveries.c.not_before.type))
    by_state = select(deliveries.c.state, func.count(), func.min(turns)).where(deliveries_of(batch))
    seen = connection.execute(by_state.group_by(deliveries.c.state)).all()
    earliest = next((turn for state, _, turn in seen if state is DeliveryState.QUEUED), None)
    values: dict[str, Any] = initial_counts(0) | {state.value: n for state, n, _ in seen if state in TALLIED}
    values |= {"run": None, "lease_until": None}
    if earliest is not None:
        values |= {"state": BatchState.OPEN, "next_at": earliest}
    else:
        values |= {"state": BatchState.DONE, "settled_at": now}
    connection.execute(update(batches).where(batches.c.id == batch.id).values(values))
    if earliest is None:
        end_mailing_if_done(connection, batch.mailing)


def initial_counts(queued: int) -> dict[str, int]:
    """The initial counts of a batch with that many queued deliveries."""
    return {state.value: queued if state is DeliveryState.QUEUED else 0 for state in TALLIED}


def end_mailing_if_done(connection: Connection, mailing: int) -> None:
    """A ready mailing whose batches are all done is done; unknown deliveries do not keep it open."""
    waiting = exists().where(batches.c.mailing == mailings.c.id, batches.c.state.in_(NOT_OVER))
    over = update(mailings).where(mailings.c.id == mailing, mailings.c.state == MailingState.READY, ~waiting)
    connection.execute(over.values(state=MailingState.DONE))


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSlice:
    """Deliveries `lo` to `hi` of one domain group, to be a batch; `canary` if they are sent first."""

    group: str
    lo: int
    hi: int
    canary: bool = False


def delivery_order(
    mailing: Row[Any], subscription: ColumnElement[int], batch_plan: BatchPlan
) -> list[ColumnElement[Any]]:
    """How the deliveries of a chunk are numbered, so that each batch is a range."""
    order: list[ColumnElement[Any]] = [subscription]
    if batch_plan.domains:
        order.insert(0, _group(subscription, batch_plan))
    if batch_plan.one_in:
        order.insert(0, _sampled(mailing, subscription, batch_plan.one_in).desc())
    return order


def cut_batches(
    connection: Connection, mailing: Row[Any], number: int, size: int, batch_plan: BatchPlan, *, sample: bool
) -> list[BatchSlice]:
    """Cuts the `number` deliveries just written, which are in `delivery_order`, into batches of at most
    `size` rows. Without `sample` there is no canary: so few readers would not tell anything.
    """
    base = mailing.planned
    if not batch_plan.domains and not (sample and batch_plan.one_in):
        whole = ranges([(OTHER_DOMAINS, number)], base, size)
        return [BatchSlice(group=group, lo=lo, hi=hi) for group, lo, hi in whole]
    subscription = deliveries.c.subscription
    sampled: ColumnElement[Any] = literal(False)
    if sample and batch_plan.one_in:
        sampled = _sampled(mailing, subscription, batch_plan.one_in)
    columns = (sampled.label("sampled"), _group(subscription, batch_plan).label("name"))
    new = select(*columns, deliveries.c.n).where(deliveries.c.mailing == mailing.id)
    rows = new.where(deliveries.c.n > mailing.planned).subquery("new")
    counted = select(rows.c.sampled, rows.c.name, func.count()).group_by(rows.c.sampled, rows.c.name)
    made: list[BatchSlice] = []
    for canary, name, count in connection.execute(counted.order_by(func.min(rows.c.n))).all():
        for group, lo, hi in ranges([(name, count)], base, size):
            made.append(BatchSlice(group=group, lo=lo, hi=hi, canary=bool(canary)))
        base += count
    return made


def _sampled(mailing: Row[Any], subscription: ColumnElement[int], one_in: int) -> ColumnElement[Any]:
    """Whether a subscription is in a mailing's canary: one in so many, and others in the next mailing, by
    multiplicative hashing (Knuth, The Art of Computer Programming, 6.4).
    """
    mixed = (subscription * 2_654_435_761 + mailing.id * 40_503 * 65_536) % 4_294_967_296
    sampled: ColumnElement[Any] = (mixed // 65_536) % one_in == 0
    return sampled


def _group(subscription: ColumnElement[int], batch_plan: BatchPlan) -> ColumnElement[str]:
    """The domain group of a subscription's address."""
    if not batch_plan.domains:
        return literal(OTHER_DOMAINS)
    address = (
        select(func.lower(subscribers.c.address))
        .join(subscriptions, subscriptions.c.subscriber == subscribers.c.id)
        .where(subscriptions.c.id == subscription)
        .correlate_except(subscribers, subscriptions)
        .scalar_subquery()
    )
    groups = ((func.substr(address, -len(name) - 1) == f"@{name}", name) for name in batch_plan.domains)
    return case(*groups, else_=OTHER_DOMAINS)


def batch_row(kind: MailingKind, part: BatchSlice, now: datetime) -> dict[str, Any]:
    return {
        "group": part.group,
        "lo": part.lo,
        "hi": part.hi,
        "priority": PRIORITY[kind],
        "state": BatchState.OPEN,
        "next_at": now,
        "canary": part.canary,
        **initial_counts(part.hi - part.lo + 1),
    }


def recount_batches(connection: Connection, *which: ColumnElement[bool]) -> None:
    """Recounts the deliveries of these batches, for changes to many at once (else see `reschedule_batch`)."""
    numbers = [func.count(case((deliveries.c.state == state, 1))).label(state.value) for state in TALLIED]
    counting = select(batches.c.id, *numbers).join_from(batches, deliveries, deliveries_of(batches.c))
    found = counting.where(*which).group_by(batches.c.id).subquery("found")
    these = update(batches).where(batches.c.id == found.c.id)
    connection.execute(these.values({state.value: found.c[state.value] for state in TALLIED}))


def counts_by_mailing(
    connection: Connection, *which: ColumnElement[bool]
) -> Mapping[int, Mapping[DeliveryState, int]]:
    """Mailing -> number of deliveries in each state that occurs; `which` is a condition on `batches`."""
    sums = [func.sum(batches.c[state.value]) for state in TALLIED]
    released = select(batches.c.mailing, *sums).where(~_LEASED, *which).group_by(batches.c.mailing)
    found: dict[int, dict[DeliveryState, Any]] = {}
    for mailing, *numbers in connection.execute(released):
        found[mailing] = dict(zip(TALLIED, numbers, strict=True))
    key = (batches.c.mailing, deliveries.c.state)
    held = select(*key, func.count()).join_from(batches, deliveries, deliveries_of(batches.c))
    for mailing, state, number in connection.execute(held.where(_LEASED, *which).group_by(*key)):
        of = found.setdefault(mailing, {})
        of[state] = of.get(state, 0) + number
    return {mailing: _whole_numbers(of) for mailing, of in found.items()}


def total_counts(connection: Connection) -> Mapping[DeliveryState, int]:
    """The same for all mailings together."""
    sums = select(*[func.coalesce(func.sum(batches.c[state.value]), 0) for state in TALLIED])
    found: dict[DeliveryState, Any] = dict(
        zip(TALLIED, connection.execute(sums.where(~_LEASED)).one(), strict=True)
    )
    held = select(deliveries.c.state, func.count()).join_from(batches, deliveries, deliveries_of(batches.c))
    for state, number in connection.execute(held.where(_LEASED).group_by(deliveries.c.state)):
        found[state] = found.get(state, 0) + number
    return _whole_numbers(found)


def _whole_numbers(found: Mapping[DeliveryState, Any]) -> dict[DeliveryState, int]:
    """As integers, since some databases add up to decimals, and without zeros."""
    return {state: int(found[state]) for state in DeliveryState if found.get(state)}
