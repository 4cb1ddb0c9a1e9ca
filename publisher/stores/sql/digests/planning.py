"""Planning mailings: the content first, then the deliveries, a chunk of readers in each transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Delete, Insert, Row, and_, delete, func, insert, literal, select, update

from publisher.core.delivery import holds
from publisher.core.delivery.mailing import (
    Mailing,
    MailingState,
    NewMailing,
)
from publisher.core.delivery.throttling import UNDIVIDED, BatchPlan
from publisher.core.digests.digest import Correction, DueQuery
from publisher.stores.sql.database import Database
from publisher.stores.sql.delivery.batches import (
    batch_row,
    cut_batches,
    delivery_order,
    end_mailing_if_done,
)
from publisher.stores.sql.delivery.mailings import (
    add_cohorts,
    cohort_chunks,
    delete_incomplete,
    insert_mailing,
    last_mailing_id,
    mark_complete,
    new_delivery,
    read_mailings,
    save_segments,
    start_transactional,
)
from publisher.stores.sql.delivery.released_posts import released_posts
from publisher.stores.sql.delivery.transitions import is_suppressed
from publisher.stores.sql.digests.due import (
    DueReaders,
    NotDueReaders,
    active_readers,
    corrections_for,
    is_due,
    moved_on,
)
from publisher.stores.sql.schema.columns import is_
from publisher.stores.sql.schema.subscriber_tables import subscriptions
from publisher.stores.sql.schema.tables import batches, cohort_keys, deliveries, mailings


class Planning(DueReaders, NotDueReaders):
    """`ports.PlanningStore`."""

    _db: Database

    def next_mailing_id(self) -> int:
        with self._db.read() as connection:
            return last_mailing_id(connection) + 1

    def start_mailing(self, new: NewMailing, now: datetime) -> int:
        save_segments(self._db, new.segments)
        first, *rest = list(cohort_chunks(new.cohorts)) or [()]
        with self._db.write() as connection:
            made = insert_mailing(connection, new, MailingState.PLANNING, 0, now, whole=not rest)
            add_cohorts(connection, made, first)
        for part in rest:
            with self._db.write() as connection:
                add_cohorts(connection, made, part)
                if part is rest[-1]:
                    mark_complete(connection, made)
        return made

    def mailings_in_planning(self) -> Sequence[Mailing]:
        planning = is_(mailings.c.state, MailingState.PLANNING)
        with self._db.read() as connection:
            found = read_mailings(connection, planning, counted=False)
            half = connection.execute(select(mailings.c.id).where(planning, ~mailings.c.frozen)).scalars()
            lost = set(half)
        if lost:
            with self._db.write() as connection:
                delete_incomplete(connection)
        return [mailing for mailing in found[::-1] if mailing.id not in lost]

    def plan_chunk(
        self,
        mailing: int,
        *,
        limit: int,
        batch: int,
        now: datetime,
        batch_plan: BatchPlan = UNDIVIDED,
        gap: timedelta = timedelta(),
    ) -> int:
        with self._db.write() as connection:
            row = connection.execute(select(mailings).where(mailings.c.id == mailing)).one_or_none()
            if row is None or row.state is not MailingState.PLANNING:
                return 0
            planned = connection.execute(_insert_deliveries(row, limit, now, batch_plan)).rowcount
            if not planned:
                state = holds.state_after_planning(row.hold, row.planned)
                connection.execute(update(mailings).where(mailings.c.id == mailing).values(state=state))
                end_mailing_if_done(connection, mailing)
                return 0
            # Move the offsets of exactly the readers just planned, in the transaction that planned them.
            new = deliveries.c.n > row.planned
            readers = select(deliveries.c.subscription).where(deliveries.c.mailing == mailing, new)
            if row.remakes is None:  # a mailing made again comes besides the digests of their schedule
                moved = update(subscriptions).where(subscriptions.c.id.in_(readers))
                connection.execute(moved.values(moved_on(row.head, row.due_before, gap)))
            connection.execute(_take_released(row).where(released_posts.c.subscription.in_(readers)))
            large = row.planned + planned >= batch_plan.over
            made = cut_batches(connection, row, planned, batch, batch_plan, sample=large)
            rows = [{"mailing": mailing, **batch_row(row.kind, part, now)} for part in made]
            connection.execute(insert(batches), rows)
            counted = {"planned": row.planned + planned}
            counted |= {"canary": True} if any(part.canary for part in made) else {}
            connection.execute(update(mailings).where(mailings.c.id == mailing).values(counted))
            return planned

    def start_transactional(self, new: NewMailing, subscription: int, now: datetime) -> int:
        save_segments(self._db, new.segments)
        with self._db.write() as connection:
            return start_transactional(connection, new, subscription, now)


def _corrections(mailing: Row[Any]) -> tuple[Correction, ...]:
    return tuple(Correction(*given) for given in mailing.corrections)


def _take_released(mailing: Row[Any]) -> Delete:
    """The DELETE of released posts that a mailing shows or passes over."""
    taken = [correction.post_id for correction in _corrections(mailing) if correction.released]
    query = delete(released_posts).where(released_posts.c.post_id.in_(taken))
    return query if mailing.remakes is None else query.where(released_posts.c.mailing == mailing.remakes)


def _insert_deliveries(mailing: Row[Any], limit: int, now: datetime, batch_plan: BatchPlan) -> Insert:
    """INSERT .. SELECT of the next due readers, numbered on from the last chunk without gaps, so that each
    batch is a range.
    """
    due = DueQuery(
        list=mailing.list,
        now=mailing.due_before,
        head=mailing.head,
        corrections=_corrections(mailing),
        remakes=mailing.remakes,
    )
    theirs = and_(
        cohort_keys.c.mailing == mailing.id,
        cohort_keys.c.offset == subscriptions.c.offset,
        cohort_keys.c.taste == subscriptions.c.taste,
        cohort_keys.c.had == corrections_for(due),
    )
    chosen = (
        select(subscriptions.c.id, subscriptions.c.generation, cohort_keys.c.cohort)
        .select_from(active_readers().join(cohort_keys, theirs))
        .where(is_due(due), ~is_suppressed())
        .limit(limit)
        .subquery("chosen")
    )
    number = mailing.planned + func.row_number().over(
        order_by=delivery_order(mailing, chosen.c.id, batch_plan)
    )
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
