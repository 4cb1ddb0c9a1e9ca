"""What a mailing is made of, stored before anything is planned: segments, cohorts, and who is in which.

A mailing with many cohorts is stored in steps, so that no transaction is long; it counts once it is frozen.
What a crash left unfrozen is thrown away: nobody was planned for it.

How the deliveries of a chunk are cut into batches: a sample first, then a pacing group at a time.
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
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from publisher.core.delivery.mailing import (
    PRIORITY,
    Cohort,
    MailingHold,
    MailingKind,
    MailingState,
    NewMailing,
)
from publisher.core.delivery.throttling import BatchPlan
from publisher.core.errors import Conflict
from publisher.stores.sql.delivery.batches import OTHERS, all_of, ranges
from publisher.stores.sql.engine.database import Database, insert_alike, insert_new
from publisher.stores.sql.schema.base import BatchState
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions
from publisher.stores.sql.schema.tables import (
    MAILING,
    cohorts,
    counters,
    deliveries,
    mailing_posts,
    mailings,
    segments,
    stands,
)

ROWS, BYTES = 5_000, 2_000_000
"""What one transaction stores of a mailing, about."""


def keep_segments(database: Database, given: Mapping[str, bytes]) -> None:
    """Stores segments by their hash, each once; they mean nothing until a cohort names them."""
    for part in _by_size(given):
        with database.write() as connection:
            connection.execute(insert_new(segments), part)


def freeze(
    connection: Connection, new: NewMailing, state: MailingState, planned: int, now: datetime, *, whole: bool
) -> int:
    """The row of a mailing; returns its id. Raises Conflict when the id its content names is taken."""
    made = _number(connection, new.id)
    connection.execute(insert(mailings).values(_row(new, state, planned, now, whole=whole) | {"id": made}))
    return made


def freeze_each(connection: Connection, new: NewMailing, number: int, now: datetime) -> range:
    """`number` mailings alike, each to one reader and ready; returns their ids."""
    last = last_mailing(connection)
    made = range(last + 1, last + number + 1)
    connection.execute(update(counters).where(counters.c.name == MAILING).values(last=last + number))
    row = _row(new, MailingState.READY, 1, now, whole=True)
    ids = [(id,) for id in made]
    insert_alike(connection, mailings, ["id"], ids, row)
    (cohort,) = new.cohorts
    same = {"n": cohort.n, "language": cohort.language, "recipe": list(cohort.recipe)}
    insert_alike(connection, cohorts, ["mailing"], ids, same)
    return made


def _row(new: NewMailing, state: MailingState, planned: int, now: datetime, *, whole: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        name: getattr(new, name) for name in ("list", "kind", "head", "due_before", "sender", "subject")
    }
    row |= {"state": state, "planned": planned, "created_at": now, "frozen": whole, "canary": False}
    row |= {"hold": MailingHold.APPROVAL if new.approve else None, "hold_why": ""}
    return row | {"corrections": [list(correction) for correction in new.corrections]}


def add_cohorts(connection: Connection, mailing: int, made: Sequence[Cohort]) -> None:
    """Cohorts of a mailing, their posts, and where their readers stand."""
    rows = [{"mailing": mailing, "n": c.n, "language": c.language, "recipe": list(c.recipe)} for c in made]
    connection.execute(insert(cohorts), rows)
    shown = [
        {"mailing": mailing, "cohort": c.n, "position": place, "post_id": post, "revision": revision}
        for c in made
        for place, (post, revision) in enumerate(c.posts, 1)
    ]
    if shown:
        connection.execute(insert(mailing_posts), shown)
    where = [{"mailing": mailing, "cohort": c.n, **stand._asdict()} for c in made for stand in c.stands]
    if where:
        connection.execute(insert(stands), where)


def in_steps(made: Sequence[Cohort]) -> Iterator[Sequence[Cohort]]:
    """`made` in parts that one transaction can store."""
    part: list[Cohort] = []
    rows = 0
    for cohort in made:
        part.append(cohort)
        rows += 1 + len(cohort.posts) + len(cohort.stands)
        if rows >= ROWS:
            yield part
            part, rows = [], 0
    if part:
        yield part


def seal(connection: Connection, mailing: int) -> None:
    """Everything of the mailing is stored."""
    connection.execute(update(mailings).where(mailings.c.id == mailing).values(frozen=True))


def forget_unfrozen(connection: Connection) -> None:
    """Mailings that a crash left half stored."""
    half = connection.scalars(select(mailings.c.id).where(~mailings.c.frozen)).all()
    for table in (stands, mailing_posts, cohorts) if half else ():
        connection.execute(delete(table).where(table.c.mailing.in_(half)))
    if half:
        connection.execute(delete(mailings).where(mailings.c.id.in_(half)))


def last_mailing(connection: Connection) -> int:
    """The highest id a mailing ever had."""
    last: int = connection.execute(select(counters.c.last).where(counters.c.name == MAILING)).scalar_one()
    return last


def _number(connection: Connection, wished: int | None) -> int:
    """The id of a new mailing. Raises Conflict when the one its content names is taken."""
    number = wished or last_mailing(connection) + 1
    free = (counters.c.name == MAILING) & (counters.c.last < number)
    if connection.execute(update(counters).where(free).values(last=number)).rowcount != 1:
        raise Conflict("mailing", f"the number {number} is taken", "plan again")
    return number


def _by_size(given: Mapping[str, bytes]) -> Iterator[list[dict[str, Any]]]:
    part: list[dict[str, Any]] = []
    size = 0
    for name, data in given.items():
        part.append({"hash": name, "data": data})
        size += len(data)
        if size >= BYTES or len(part) >= ROWS:
            yield part
            part, size = [], 0
    if part:
        yield part


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSlice:
    """Deliveries lo to hi of one pacing group, to be a batch; `canary`: of the sample that goes first."""

    group: str
    lo: int
    hi: int
    canary: bool = False


def in_order(mailing: Row[Any], subscription: ColumnElement[int], cut: BatchPlan) -> list[ColumnElement[Any]]:
    """What the deliveries of a chunk are numbered by, so that each slice is a range."""
    order: list[ColumnElement[Any]] = [subscription]
    if cut.domains:
        order.insert(0, _group(subscription, cut))
    if cut.one_in:
        order.insert(0, _sampled(mailing, subscription, cut.one_in).desc())
    return order


def slices_of(
    connection: Connection, mailing: Row[Any], number: int, size: int, cut: BatchPlan, *, sample: bool
) -> list[BatchSlice]:
    """The slices of the `number` deliveries just written, `size` rows each at most. Without `sample` nothing
    goes first: too few to tell anything.
    """
    base = mailing.planned
    if not cut.domains and not (sample and cut.one_in):
        return [
            BatchSlice(group=group, lo=lo, hi=hi) for group, lo, hi in ranges([(OTHERS, number)], base, size)
        ]
    found = connection.execute(_counted(mailing, cut, sample=sample)).all()
    return list(_cut(found, base, size))


def _cut(found: Any, base: int, size: int) -> Iterator[BatchSlice]:
    for canary, group, number in found:
        for name, lo, hi in ranges([(group, number)], base, size):
            yield BatchSlice(group=name, lo=lo, hi=hi, canary=bool(canary))
        base += number


def _counted(mailing: Row[Any], cut: BatchPlan, *, sample: bool) -> Any:
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


def _group(subscription: ColumnElement[int], cut: BatchPlan) -> ColumnElement[str]:
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


def batch_row(kind: MailingKind, part: BatchSlice, now: datetime) -> dict[str, Any]:
    return {
        "group": part.group,
        "lo": part.lo,
        "hi": part.hi,
        "priority": PRIORITY[kind],
        "state": BatchState.OPEN,
        "next_at": now,
        "canary": part.canary,
        **all_of(part.hi - part.lo + 1),
    }
