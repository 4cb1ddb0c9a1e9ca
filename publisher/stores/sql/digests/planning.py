"""The writing of mailings: frozen first, then planned, a chunk of readers in each transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Row, and_, func, insert, literal, select, update

from publisher.core.delivery import holds
from publisher.core.delivery.mailing import PRIORITY, Mailing, MailingKind, MailingState, NewMailing
from publisher.core.delivery.mailing import State as DeliveryState
from publisher.core.delivery.throttling import WHOLE, Cut
from publisher.core.digests.due import Correction, Due
from publisher.core.errors import StoreError
from publisher.stores.sql.delivery.batches import OTHERS, all_of, end_mailing
from publisher.stores.sql.delivery.eligibility import is_suppressed
from publisher.stores.sql.delivery.freeze import (
    Slice,
    add_cohorts,
    forget_unfrozen,
    freeze,
    freeze_each,
    in_order,
    in_steps,
    keep_segments,
    last_mailing,
    seal,
    slices_of,
)
from publisher.stores.sql.delivery.mailings import read_mailings
from publisher.stores.sql.digests.due import DueReaders, LeftOut, had, is_due, onward, readers_of_rhythms
from publisher.stores.sql.engine.database import Database, insert_alike
from publisher.stores.sql.schema.base import BatchState, is_
from publisher.stores.sql.schema.subscriber_tables import subscriptions
from publisher.stores.sql.schema.tables import batches, deliveries, mailings, stands


class Planning(DueReaders, LeftOut):
    """`ports.PlanningStore`."""

    _db: Database

    def next_mailing(self) -> int:
        """The id the next mailing will get, if nobody else starts one first."""
        with self._db.read() as connection:
            return last_mailing(connection) + 1

    def start(self, new: NewMailing, now: datetime) -> int:
        """Freezes a mailing in state planning; returns its id. Raises Conflict when `new.id` is taken."""
        keep_segments(self._db, new.segments)
        first, *rest = list(in_steps(new.cohorts)) or [()]
        with self._db.write() as connection:
            made = freeze(connection, new, MailingState.PLANNING, 0, now, whole=not rest)
            add_cohorts(connection, made, first)
        for part in rest:
            with self._db.write() as connection:
                add_cohorts(connection, made, part)
                if part is rest[-1]:
                    seal(connection, made)
        return made

    def unplanned(self) -> Sequence[Mailing]:
        """Mailings still in state planning, oldest first. What was not yet frozen is gone after this."""
        planning = is_(mailings.c.state, MailingState.PLANNING)
        with self._db.read() as connection:
            found = read_mailings(connection, planning, counted=False)
            half = connection.execute(select(mailings.c.id).where(planning, ~mailings.c.frozen)).scalars()
            lost = set(half)
        if lost:
            with self._db.write() as connection:
                forget_unfrozen(connection)
        return [mailing for mailing in found[::-1] if mailing.id not in lost]

    def plan_chunk(self, mailing: int, *, limit: int, batch: int, now: datetime, cut: Cut = WHOLE) -> int:
        """Writes deliveries and batches for at most `limit` due readers; with 0 the mailing is ready."""
        with self._db.write() as connection:
            row = connection.execute(select(mailings).where(mailings.c.id == mailing)).one_or_none()
            if row is None or row.state is not MailingState.PLANNING:
                return 0
            planned = connection.execute(_write_deliveries(row, limit, now, cut)).rowcount
            if not planned:
                _end_planning(connection, row)
                return 0
            _move_offsets(connection, row)
            large = row.planned + planned >= cut.over
            made = slices_of(connection, row, planned, batch, cut, sample=large)
            _write_batches(connection, mailing, row.kind, made, now)
            counted = {"planned": row.planned + planned}
            counted |= {"canary": True} if any(part.canary for part in made) else {}
            connection.execute(update(mailings).where(mailings.c.id == mailing).values(counted))
            return planned

    def start_for_one(self, new: NewMailing, subscription: int, now: datetime) -> int:
        """A transactional mailing with one delivery, ready at once. Raises StoreError: no such reader."""
        keep_segments(self._db, new.segments)
        with self._db.write() as connection:
            return start_for_one(connection, new, subscription, now)


def start_for_one(connection: Connection, new: NewMailing, subscription: int, now: datetime) -> int:
    """`Planning.start_for_one` within a transaction; the segments are kept already."""
    life = select(subscriptions.c.generation).where(subscriptions.c.id == subscription)
    generation = connection.execute(life).scalar()
    if generation is None:
        raise StoreError("store", f"there is no subscription {subscription}", "sign up again")
    id = freeze(connection, new, MailingState.READY, 1, now, whole=True)
    add_cohorts(connection, id, new.cohorts)
    _deliver_to_each(connection, [id], new, [(subscription, generation)], now)
    return id


def start_each(
    connection: Connection, new: NewMailing, readers: Sequence[tuple[int, int]], now: datetime
) -> range:
    """A transactional mailing for each of (subscription, generation), ready at once; returns their ids. Its
    segments are stored already.
    """
    made = freeze_each(connection, new, len(readers), now)
    _deliver_to_each(connection, made, new, readers, now)
    return made


def _deliver_to_each(
    connection: Connection,
    made: Sequence[int],
    new: NewMailing,
    readers: Sequence[tuple[int, int]],
    now: datetime,
) -> None:
    """The one delivery and the one batch of each of those mailings."""
    rows = [(id, reader, generation) for id, (reader, generation) in zip(made, readers, strict=True)]
    same = {"n": 1, "cohort": new.cohorts[0].n, **_untouched(now)}
    insert_alike(connection, deliveries, ["mailing", "subscription", "generation"], rows, same)
    one = _batch(new.kind, Slice(group=OTHERS, lo=1, hi=1), now)
    insert_alike(connection, batches, ["mailing"], [(id,) for id in made], one)


def _untouched(now: datetime) -> dict[str, Any]:
    """What a delivery is born with."""
    return {"state": DeliveryState.QUEUED, "attempts": 0, "reply": "", "changed_at": now}


def _due_of(mailing: Row[Any]) -> Due:
    corrections = tuple(Correction(*given) for given in mailing.corrections)
    return Due(list=mailing.list, now=mailing.due_before, head=mailing.head, corrections=corrections)


def _write_deliveries(mailing: Row[Any], limit: int, now: datetime, cut: Cut) -> Insert:
    """INSERT .. SELECT of the next due readers: n goes on from the last chunk, dense, slice by slice."""
    due = _due_of(mailing)
    theirs = and_(
        stands.c.mailing == mailing.id,
        stands.c.offset == subscriptions.c.offset,
        stands.c.taste == subscriptions.c.taste,
        stands.c.had == had(due),
    )
    chosen = (
        select(subscriptions.c.id, subscriptions.c.generation, stands.c.cohort)
        .select_from(readers_of_rhythms().join(stands, theirs))
        .where(is_due(due), ~is_suppressed())
        .limit(limit)
        .subquery("chosen")
    )
    number = mailing.planned + func.row_number().over(order_by=in_order(mailing, chosen.c.id, cut))
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


def _move_offsets(connection: Connection, mailing: Row[Any]) -> None:
    """For exactly the readers just planned, in the transaction that planned them (invariant 5)."""
    just = select(deliveries.c.subscription).where(
        deliveries.c.mailing == mailing.id, deliveries.c.n > mailing.planned
    )
    moved = update(subscriptions).where(subscriptions.c.id.in_(just))
    connection.execute(moved.values(onward(mailing.head, mailing.due_before)))


def _write_batches(
    connection: Connection,
    mailing: int,
    kind: MailingKind,
    made: Sequence[Slice],
    now: datetime,
) -> None:
    connection.execute(insert(batches), [{"mailing": mailing, **_batch(kind, part, now)} for part in made])


def _batch(kind: MailingKind, part: Slice, now: datetime) -> dict[str, Any]:
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


def _end_planning(connection: Connection, mailing: Row[Any]) -> None:
    """Ready, or done where nobody was left to mail."""
    state = holds.planned(mailing.hold, mailing.planned)
    connection.execute(update(mailings).where(mailings.c.id == mailing.id).values(state=state))
    end_mailing(connection, mailing.id)
