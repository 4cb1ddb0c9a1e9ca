"""The writing of mailings: frozen first, then planned, a chunk of readers in each transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Row, and_, func, insert, literal, select, update

from publisher.core.delivery import holds
from publisher.core.delivery.mailing import (
    Mailing,
    MailingKind,
    MailingState,
    NewMailing,
)
from publisher.core.delivery.throttling import WHOLE, BatchPlan
from publisher.core.digests.due import Correction, Due
from publisher.stores.sql.delivery.batches import end_mailing
from publisher.stores.sql.delivery.eligibility import is_suppressed
from publisher.stores.sql.delivery.freeze import (
    BatchSlice,
    add_cohorts,
    batch_row,
    forget_unfrozen,
    freeze,
    in_order,
    in_steps,
    keep_segments,
    last_mailing,
    seal,
    slices_of,
)
from publisher.stores.sql.delivery.mailings import read_mailings
from publisher.stores.sql.delivery.transactional import new_delivery, start_for_one
from publisher.stores.sql.digests.due import (
    DueReaders,
    NotDueReaders,
    had,
    is_due,
    onward,
    readers_of_rhythms,
)
from publisher.stores.sql.engine.database import Database
from publisher.stores.sql.schema.base import is_
from publisher.stores.sql.schema.subscriber_tables import subscriptions
from publisher.stores.sql.schema.tables import batches, deliveries, mailings, stands


class Planning(DueReaders, NotDueReaders):
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

    def plan_chunk(
        self, mailing: int, *, limit: int, batch: int, now: datetime, cut: BatchPlan = WHOLE
    ) -> int:
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


def _due_of(mailing: Row[Any]) -> Due:
    corrections = tuple(Correction(*given) for given in mailing.corrections)
    return Due(list=mailing.list, now=mailing.due_before, head=mailing.head, corrections=corrections)


def _write_deliveries(mailing: Row[Any], limit: int, now: datetime, cut: BatchPlan) -> Insert:
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
    same = {name: literal(value, deliveries.c[name].type) for name, value in new_delivery(now).items()}
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
    made: Sequence[BatchSlice],
    now: datetime,
) -> None:
    connection.execute(insert(batches), [{"mailing": mailing, **batch_row(kind, part, now)} for part in made])


def _end_planning(connection: Connection, mailing: Row[Any]) -> None:
    """Ready, or done where nobody was left to mail."""
    state = holds.planned(mailing.hold, mailing.planned)
    connection.execute(update(mailings).where(mailings.c.id == mailing.id).values(state=state))
    end_mailing(connection, mailing.id)
