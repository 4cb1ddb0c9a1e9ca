"""Who is due, and the writing of mailings."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Row,
    and_,
    func,
    insert,
    literal,
    select,
    update,
)

from publisher.core import holds
from publisher.core.errors import Conflict, StoreError
from publisher.core.lists import State as SubscriptionState
from publisher.core.mailings import (
    PRIORITY,
    DueGroup,
    Hold,
    Mailing,
    MailingKind,
    MailingState,
    NewMailing,
)
from publisher.core.mailings import State as DeliveryState
from publisher.stores.batches import OTHERS, end_mailing, ranges
from publisher.stores.columns import is_
from publisher.stores.eligible import is_suppressed
from publisher.stores.engine import Database, insert_new, slices
from publisher.stores.mailings import read_mailings
from publisher.stores.members import BatchState
from publisher.stores.schema import (
    MAILING,
    batches,
    cohorts,
    counters,
    deliveries,
    mailing_posts,
    mailings,
    segments,
    subscriptions,
)

_ACTIVE = is_(subscriptions.c.state, SubscriptionState.ACTIVE)


class Planning:
    """`ports.PlanningStore`. Suppressed readers are nobody's due readers; planning passes them over."""

    _db: Database

    def due(self, spec: str, now: datetime) -> Sequence[DueGroup]:
        """Active, unsuppressed readers of a list whose time has come, by offset."""
        readers = select(subscriptions.c.offset, func.count(), func.min(subscriptions.c.next_due_at))
        readers = readers.where(_due_on(spec, now), ~is_suppressed())
        readers = readers.group_by(subscriptions.c.offset).order_by(subscriptions.c.offset)
        with self._db.read() as connection:
            rows = connection.execute(readers).all()
        return [DueGroup(offset=offset, readers=number, oldest=oldest) for offset, number, oldest in rows]

    def next_due(self) -> datetime | None:
        """The earliest next_due_at of an active subscription that is not suppressed."""
        earliest = select(subscriptions.c.next_due_at).where(
            _ACTIVE,
            subscriptions.c.next_due_at.is_not(None),
            ~is_suppressed(),
        )
        with self._db.read() as connection:
            return connection.execute(earliest.order_by(subscriptions.c.next_due_at).limit(1)).scalar()

    def set_due(
        self, spec: str, *, after: datetime | None, until: datetime | None, next_due_at: datetime
    ) -> int:
        """Moves next_due_at, and no offset, of active ones with after < next_due_at <= until (None: open)."""
        these = update(subscriptions).where(_ACTIVE, subscriptions.c.list == spec)
        if after is not None:
            these = these.where(subscriptions.c.next_due_at > after)
        if until is not None:
            these = these.where(subscriptions.c.next_due_at <= until)
        with self._db.write() as connection:
            return connection.execute(these.values(next_due_at=next_due_at)).rowcount

    def pass_over(
        self, spec: str, offsets: Sequence[int], head: int, due_before: datetime, next_due_at: datetime
    ) -> int:
        """Nothing matched for these: offset = head, and the next due time."""
        these = update(subscriptions).where(_due_on(spec, due_before))
        moved = these.values(offset=head, next_due_at=next_due_at)
        with self._db.write() as connection:
            parts = [moved.where(subscriptions.c.offset.in_(part)) for part in slices(offsets)]
            return sum(connection.execute(part).rowcount for part in parts)

    def next_mailing(self) -> int:
        """The id the next mailing will get, if nobody else starts one first."""
        with self._db.read() as connection:
            return _last_mailing(connection) + 1

    def start(self, new: NewMailing, now: datetime) -> int:
        """Freezes a mailing in state planning; returns its id. Raises Conflict when `new.id` is taken."""
        with self._db.write() as connection:
            return _freeze(connection, new, MailingState.PLANNING, 0, now)

    def unplanned(self) -> Sequence[Mailing]:
        """Mailings still in state planning, oldest first."""
        with self._db.read() as connection:
            found = read_mailings(connection, is_(mailings.c.state, MailingState.PLANNING), counted=False)
        return found[::-1]

    def plan_chunk(
        self, mailing: int, next_due_at: datetime, *, limit: int, batch: int, now: datetime
    ) -> int:
        """Writes deliveries and batches for at most `limit` due readers; with 0 the mailing is ready."""
        with self._db.write() as connection:
            row = connection.execute(select(mailings).where(mailings.c.id == mailing)).one_or_none()
            if row is None or row.state is not MailingState.PLANNING:
                return 0
            planned = connection.execute(_write_deliveries(row, limit, now)).rowcount
            if not planned:
                _end_planning(connection, row, next_due_at)
                return 0
            _move_offsets(connection, row, next_due_at)
            made = ranges([(OTHERS, planned)], row.planned, batch)
            _write_batches(connection, mailing, row.kind, made, now)
            counted = update(mailings).where(mailings.c.id == mailing)
            connection.execute(counted.values(planned=row.planned + planned))
            return planned

    def start_for_one(self, new: NewMailing, subscription: int, now: datetime) -> int:
        """A transactional mailing with one delivery, ready at once. Raises StoreError: no such reader."""
        with self._db.write() as connection:
            life = select(subscriptions.c.generation).where(subscriptions.c.id == subscription)
            generation = connection.execute(life).scalar()
            if generation is None:
                raise StoreError("store", f"there is no subscription {subscription}", "sign up again")
            id = _freeze(connection, new, MailingState.READY, 1, now)
            row = {"mailing": id, "n": 1, "cohort": new.cohorts[0].n, "subscription": subscription}
            row |= {"generation": generation, **_untouched(now)}
            connection.execute(insert(deliveries), row)
            _write_batches(connection, id, new.kind, ranges([(OTHERS, 1)], 0, 1), now)
            return id


def _due_on(spec: str, now: datetime) -> ColumnElement[bool]:
    return and_(_ACTIVE, subscriptions.c.list == spec, subscriptions.c.next_due_at <= now)


def _untouched(now: datetime) -> dict[str, Any]:
    """What a delivery is born with."""
    return {"state": DeliveryState.QUEUED, "attempts": 0, "reply": "", "changed_at": now}


def _last_mailing(connection: Connection) -> int:
    last: int = connection.execute(select(counters.c.last).where(counters.c.name == MAILING)).scalar_one()
    return last


def _number(connection: Connection, wished: int | None) -> int:
    """The id of a new mailing. Raises Conflict when the one its content names is taken."""
    number = wished or _last_mailing(connection) + 1
    free = (counters.c.name == MAILING) & (counters.c.last < number)
    if connection.execute(update(counters).where(free).values(last=number)).rowcount != 1:
        raise Conflict("mailing", f"the number {number} is taken", "plan again")
    return number


def _freeze(connection: Connection, new: NewMailing, state: MailingState, planned: int, now: datetime) -> int:
    row = {name: getattr(new, name) for name in ("list", "kind", "head", "due_before", "sender", "subject")}
    row |= {"state": state, "planned": planned, "created_at": now, "canary": False}
    row |= {"hold": Hold.APPROVAL if new.approve else None, "hold_why": ""}
    made = _number(connection, new.id)
    connection.execute(insert(mailings).values(row | {"id": made}))
    if new.segments:
        kept = [{"hash": name, "data": data} for name, data in new.segments.items()]
        connection.execute(insert_new(segments), kept)
    frozen = [{"mailing": made, "n": c.n, "offset": c.offset, "recipe": list(c.recipe)} for c in new.cohorts]
    connection.execute(insert(cohorts), frozen)
    shown = [
        {"mailing": made, "cohort": c.n, "position": place, "post_id": post, "revision": revision}
        for c in new.cohorts
        for place, (post, revision) in enumerate(c.posts, 1)
    ]
    if shown:
        connection.execute(insert(mailing_posts), shown)
    return made


def _write_deliveries(mailing: Row[Any], limit: int, now: datetime) -> Insert:
    """INSERT .. SELECT of the next due readers: n goes on from the last chunk, dense, by subscription."""
    theirs = and_(cohorts.c.mailing == mailing.id, cohorts.c.offset == subscriptions.c.offset)
    chosen = (
        select(subscriptions.c.id, subscriptions.c.generation, cohorts.c.n.label("cohort"))
        .join(cohorts, theirs)
        .where(_due_on(mailing.list, mailing.due_before))
        .where(~is_suppressed())
        .limit(limit)
        .subquery("chosen")
    )
    number = mailing.planned + func.row_number().over(order_by=chosen.c.id)
    same = {name: literal(value, deliveries.c[name].type) for name, value in _untouched(now).items()}
    values: dict[str, ColumnElement[Any]] = {
        "mailing": literal(mailing.id),
        "n": number,
        "cohort": chosen.c.cohort,
        "subscription": chosen.c.id,
        "generation": chosen.c.generation,
        **same,
    }
    return insert(deliveries).from_select(list(values), select(*values.values()))


def _move_offsets(connection: Connection, mailing: Row[Any], next_due_at: datetime) -> None:
    """For exactly the readers just planned, in the transaction that planned them (invariant 5)."""
    just = select(deliveries.c.subscription).where(
        deliveries.c.mailing == mailing.id, deliveries.c.n > mailing.planned
    )
    moved = update(subscriptions).where(subscriptions.c.id.in_(just))
    connection.execute(moved.values(offset=mailing.head, next_due_at=next_due_at))


def _write_batches(
    connection: Connection,
    mailing: int,
    kind: MailingKind,
    made: Iterable[tuple[str, int, int]],
    now: datetime,
) -> None:
    rows = [
        {
            "mailing": mailing,
            "group": group,
            "lo": lo,
            "hi": hi,
            "priority": PRIORITY[kind],
            "state": BatchState.OPEN,
            "next_at": now,
            "canary": False,
        }
        for group, lo, hi in made
    ]
    connection.execute(insert(batches), rows)


def _end_planning(connection: Connection, mailing: Row[Any], next_due_at: datetime) -> None:
    """Ready, or done where nobody was left to mail; the suppressed among the due are passed over."""
    offsets = select(cohorts.c.offset).where(cohorts.c.mailing == mailing.id)
    passed = update(subscriptions).where(
        _due_on(mailing.list, mailing.due_before),
        subscriptions.c.offset.in_(offsets),
        is_suppressed(),
    )
    connection.execute(passed.values(offset=mailing.head, next_due_at=next_due_at))
    state = holds.planned(mailing.hold, mailing.planned)
    connection.execute(update(mailings).where(mailings.c.id == mailing.id).values(state=state))
    end_mailing(connection, mailing.id)
