"""How the deliveries of a chunk are cut into batches: a sample first, then a pacing group at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, case, func, literal, select

from publisher.core.delivery.throttling import Cut
from publisher.stores.sql.delivery.batches import OTHERS, ranges
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions
from publisher.stores.sql.schema.tables import deliveries


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Deliveries lo to hi of one pacing group, to be a batch; `canary`: of the sample that goes first."""

    group: str
    lo: int
    hi: int
    canary: bool = False


def in_order(mailing: Row[Any], subscription: ColumnElement[int], cut: Cut) -> list[ColumnElement[Any]]:
    """What the deliveries of a chunk are numbered by, so that each slice is a range."""
    order: list[ColumnElement[Any]] = [subscription]
    if cut.domains:
        order.insert(0, _group(subscription, cut))
    if cut.one_in:
        order.insert(0, _sampled(mailing, subscription, cut.one_in).desc())
    return order


def slices_of(
    connection: Connection, mailing: Row[Any], number: int, size: int, cut: Cut, *, sample: bool
) -> list[Slice]:
    """The slices of the `number` deliveries just written, `size` rows each at most. Without `sample` nothing
    goes first: too few to tell anything.
    """
    base = mailing.planned
    if not cut.domains and not (sample and cut.one_in):
        return [Slice(group=group, lo=lo, hi=hi) for group, lo, hi in ranges([(OTHERS, number)], base, size)]
    found = connection.execute(_counted(mailing, cut, sample=sample)).all()
    return list(_cut(found, base, size))


def _cut(found: Any, base: int, size: int) -> Iterator[Slice]:
    for canary, group, number in found:
        for name, lo, hi in ranges([(group, number)], base, size):
            yield Slice(group=name, lo=lo, hi=hi, canary=bool(canary))
        base += number


def _counted(mailing: Row[Any], cut: Cut, *, sample: bool) -> Any:
    """(sampled, group, how many) of the new deliveries, in the order of their numbers."""
    subscription = deliveries.c.subscription
    sampled: ColumnElement[Any] = literal(False)
    if sample and cut.one_in:
        sampled = _sampled(mailing, subscription, cut.one_in)
    columns = (sampled.label("sampled"), _group(subscription, cut).label("name"))
    new = select(*columns, deliveries.c.n).where(deliveries.c.mailing == mailing.id)
    rows = new.where(deliveries.c.n > mailing.planned).subquery("new")
    counted = select(rows.c.sampled, rows.c.name, func.count()).group_by(rows.c.sampled, rows.c.name)
    return counted.order_by(func.min(rows.c.n))


def _sampled(mailing: Row[Any], subscription: ColumnElement[int], one_in: int) -> ColumnElement[Any]:
    """Whether a subscription is of a mailing's sample: one in so many, others in each mailing (Knuth 6.4)."""
    mixed = (subscription * 2_654_435_761 + mailing.id * 40_503 * 65_536) % 4_294_967_296
    sampled: ColumnElement[Any] = (mixed // 65_536) % one_in == 0
    return sampled


def _group(subscription: ColumnElement[int], cut: Cut) -> ColumnElement[str]:
    """The pacing group of a subscription's address."""
    if not cut.domains:
        return literal(OTHERS)
    address = (
        select(func.lower(subscribers.c.address))
        .join(subscriptions, subscriptions.c.subscriber == subscribers.c.id)
        .where(subscriptions.c.id == subscription)
        .correlate_except(subscribers, subscriptions)
        .scalar_subquery()
    )
    ends = ((func.substr(address, -len(name) - 1) == f"@{name}", name) for name in cut.domains)
    return case(*ends, else_=OTHERS)
