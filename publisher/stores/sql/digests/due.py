"""Finds due readers by their schedules and offsets.

A reader is due when their time has come or, without a schedule, when the log has something after their
offset. Suppressed readers are never due.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    String,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    type_coerce,
    union_all,
    update,
)

from publisher.core.delivery.mailing import NOT_RECEIVED, DeliveryState
from publisher.core.digests.digest import CohortKey, Correction, DueGroup, DueQuery, NextRun, ReaderStatus
from publisher.core.publishing.log import LogKind
from publisher.core.subscribers.cadences import TIME_STEP
from publisher.core.subscribers.subscription import ContentPreference, SubscriptionState
from publisher.stores.sql.database import Database, slices
from publisher.stores.sql.delivery.released_posts import has_released, has_shown, is_any_released
from publisher.stores.sql.delivery.transitions import is_suppressed
from publisher.stores.sql.schema.columns import is_
from publisher.stores.sql.schema.subscriber_tables import (
    content_choices,
    schedules,
    subscribers,
    subscriptions,
)
from publisher.stores.sql.schema.tables import log, log_head, posts
from publisher.stores.sql.subscribers.subscription_rows import content_value, schedule_value

ACTIVE = is_(subscriptions.c.state, SubscriptionState.ACTIVE)

WAS_SKIPPED = subscriptions.c.skipped_at.is_not(None)
"""Whether a reader's last digest was skipped."""

_NOT_CORRECTED = NOT_RECEIVED - {DeliveryState.CANCELLED}
"""Whose post a correction does not reach. If an operator cancelled the mailing, it brings the post itself."""

_DUE_AT = subscriptions.c.next_due_at
_OF_SCHEDULE = and_(subscriptions.c.rhythm == schedules.c.id, ACTIVE)


PAGE = 5_000
"""Readers read in one transaction."""

_EVERY_READER = schedules.join(subscriptions, subscriptions.c.rhythm == schedules.c.id)


class DueReaders:
    """`ports.PlanningStore`: who is due."""

    _db: Database

    def next_runs(self, slug: str) -> Sequence[NextRun]:
        with self._db.read() as connection:
            rows = connection.execute(select(schedules).where(schedules.c.list == slug)).all()
        return [NextRun(id=row.id, preference=schedule_value(row), next_at=row.next_at) for row in rows]

    def set_next_runs(self, times: Mapping[int, datetime | None]) -> None:
        moved = update(schedules).where(schedules.c.id == bindparam("this"))
        moved = moved.values(next_at=bindparam("at", type_=schedules.c.next_at.type))
        with self._db.write() as connection:
            connection.execute(moved, [{"this": id, "at": at} for id, at in times.items()])

    def fix_next_due(self, slug: str, now: datetime, *, limit: int, gap: timedelta = timedelta()) -> int:
        # Three ranges of the index, all empty in quiet times; none of them holds readers who are due on time.
        theirs = select(subscriptions.c.id).select_from(active_readers()).where(schedules.c.list == slug)
        next_at = schedules.c.next_at
        ranges = (
            theirs.where(next_at < _DUE_AT),
            theirs.where(now < _DUE_AT, next_at > _DUE_AT),
            theirs.where(next_at.is_(None), now + max(TIME_STEP, gap) < _DUE_AT),
        )
        astray = select(union_all(*ranges).subquery().c.id).limit(limit)
        with self._db.read() as connection:
            if connection.execute(astray.limit(1)).first() is None:
                return 0
        at = _of_schedule(func.coalesce(schedules.c.next_at, literal(now, _DUE_AT.type)))
        with self._db.write() as connection:
            these = subscriptions.c.id.in_(select(astray.subquery().c.id))
            return connection.execute(update(subscriptions).where(these).values(next_due_at=at)).rowcount

    def seq_at(self, before: datetime) -> int:
        query = select(log.c.seq).where(log.c.at <= before).order_by(log.c.seq.desc()).limit(1)
        with self._db.read() as connection:
            return connection.execute(query).scalar() or 0

    def logged_at(self, seq: int) -> datetime | None:
        with self._db.read() as connection:
            return connection.execute(select(log.c.at).where(log.c.seq == seq)).scalar()

    def corrections(self, after: int, until: int, *, limit: int) -> Sequence[Correction]:
        last = func.max(log.c.seq)
        query = select(last, posts.c.first_seq, posts.c.id).join_from(log, posts)
        query = query.where(log.c.kind == LogKind.CORRECTED, log.c.seq > after, log.c.seq <= until)
        query = query.group_by(posts.c.id, posts.c.first_seq).order_by(last).limit(limit)
        with self._db.read() as connection:
            return [Correction(*row) for row in connection.execute(query)]

    def content_preferences(self, ids: Sequence[int]) -> Mapping[int, ContentPreference]:
        found: dict[int, ContentPreference] = {}
        with self._db.read() as connection:
            for part in slices(list(set(ids))):
                rows = connection.execute(select(content_choices).where(content_choices.c.id.in_(part)))
                found.update((row.id, content_value(row)) for row in rows)
        return found

    def due_groups(self, due: DueQuery) -> Sequence[DueGroup]:
        key = (
            subscriptions.c.rhythm,
            subscriptions.c.offset,
            subscriptions.c.taste,
            corrections_for(due),
            WAS_SKIPPED,
        )
        counted = select(*key, func.count(), func.min(_DUE_AT)).select_from(active_readers())
        counted = counted.where(is_due(due), ~is_suppressed()).group_by(*key)
        with self._db.read() as connection:
            rows = connection.execute(counted.order_by(subscriptions.c.offset, subscriptions.c.rhythm)).all()
        return [
            DueGroup(
                schedule_id=schedule,
                cohort_key=CohortKey(offset, content, corrections),
                readers=number,
                oldest=oldest,
                skipped=bool(skipped),
            )
            for schedule, offset, content, corrections, skipped, number, oldest in rows
        ]

    def next_due_at(
        self, now: datetime | None = None, lists: Collection[str] | None = None
    ) -> datetime | None:
        first = select(_DUE_AT).where(_OF_SCHEDULE, _DUE_AT.is_not(None), ~is_suppressed())
        of_schedule = first.order_by(_DUE_AT).limit(1).correlate(schedules).scalar_subquery()
        which = true() if lists is None else schedules.c.list.in_(sorted(lists))
        earliest = select(of_schedule.label("at")).where(schedules.c.next_at.is_not(None), which).subquery()
        with self._db.read() as connection:
            at: datetime | None = connection.execute(select(func.min(earliest.c.at))).scalar()
            if now is None:
                return at
            # Readers without a time who had a mail just now, and for whom more was published since.
            head = select(log_head.c.seq).scalar_subquery()
            soon = select(_DUE_AT).select_from(active_readers())
            soon = soon.where(schedules.c.next_at.is_(None), now + 2 * TIME_STEP < _DUE_AT, which)
            soon = soon.where(subscriptions.c.offset < head, ~is_suppressed()).order_by(_DUE_AT).limit(1)
            gap_ends: datetime | None = connection.execute(soon).scalar()
        return min((one for one in (at, gap_ends) if one is not None), default=None)

    def reschedule(
        self,
        due: DueQuery,
        *,
        limit: int,
        schedule_ids: Sequence[int] | None = None,
        cohort_keys: Sequence[CohortKey] | None = None,
        suppressed: bool = False,
        pass_over: bool = False,
    ) -> int:
        values = moved_on(due.head, due.now) if pass_over else _next_time(due.now)
        with self._db.write() as connection:
            if suppressed:
                return _reschedule(connection, due, is_suppressed(), values, limit)
            if schedule_ids is not None:
                theirs = subscriptions.c.rhythm.in_(schedule_ids)
                return _reschedule(connection, due, theirs, values, limit)
            return _reschedule_at(connection, due, cohort_keys or (), values, limit)

    def skip_digest(
        self, due: DueQuery, schedule_id: int, cohort_keys: Sequence[CohortKey], *, limit: int
    ) -> int:
        theirs = and_(subscriptions.c.rhythm == schedule_id, ~WAS_SKIPPED)
        values = _next_time(due.now) | {"skipped_at": due.now}
        with self._db.write() as connection:
            return _reschedule_at(connection, due, cohort_keys, values, limit, theirs)

    def make_due(
        self,
        slug: str,
        now: datetime,
        *,
        limit: int,
        schedule_id: int | None = None,
        due_at: datetime | None = None,
    ) -> int:
        later = select(subscriptions.c.id).select_from(active_readers())
        later = later.where(schedules.c.list == slug, ACTIVE, now < _DUE_AT).limit(limit)
        if schedule_id is not None:
            later = later.where(schedules.c.id == schedule_id)
        at = now if due_at is None else due_at
        called = update(subscriptions).where(subscriptions.c.id.in_(later)).values(next_due_at=at)
        with self._db.write() as connection:
            return connection.execute(called).rowcount


def active_readers() -> Any:
    """Active readers, joined to their schedules."""
    return schedules.join(subscriptions, _OF_SCHEDULE)


def is_due(due: DueQuery) -> ColumnElement[bool]:
    """Whether a row of `active_readers` is due, suppressed or not."""
    if due.remakes is not None:
        return and_(schedules.c.list == due.list, ~subscriptions.c.paused, has_released(due.remakes))
    return and_(
        schedules.c.list == due.list,
        _DUE_AT.is_not(None) if due.everyone else due.now >= _DUE_AT,
        or_(
            schedules.c.next_at.is_not(None),
            subscriptions.c.offset < due.head,
            and_(is_any_released(), has_released(None)),  # the first asks once, and usually says no
        ),
    )


def corrections_for(due: DueQuery) -> ColumnElement[int]:
    """A bit mask: bit i is set if the i-th correction is for this reader, who was mailed its post in this
    generation and has not passed the correction yet; or if the i-th is a post that was released for them and
    that they have not got since.
    """
    offset = subscriptions.c.offset
    mask: ColumnElement[int] = literal(0)
    for i, (seq, first_seq, post_id, released) in enumerate(due.corrections):
        if released:
            theirs = and_(has_released(due.remakes, post_id), ~has_shown(post_id, NOT_RECEIVED))
        else:
            theirs = and_(offset < seq, offset >= first_seq, has_shown(post_id, _NOT_CORRECTED))
        mask = mask + case((theirs, 1 << i), else_=0)
    return mask


def moved_on(head: int, now: datetime, gap: timedelta = timedelta()) -> dict[str, Any]:
    """The new values of a reader who was planned or passed over: the offset never goes back."""
    offset = subscriptions.c.offset
    return {"offset": case((offset > head, offset), else_=head), "skipped_at": None, **_next_time(now, gap)}


def _next_time(now: datetime, gap: timedelta = timedelta()) -> dict[str, Any]:
    soonest = literal(now + TIME_STEP, _DUE_AT.type)
    after_gap = literal(now + max(TIME_STEP, gap), _DUE_AT.type)
    times = (schedules.c.next_at.is_(None), after_gap), (schedules.c.next_at > soonest, schedules.c.next_at)
    return {"next_due_at": _of_schedule(case(*times, else_=soonest))}


def _of_schedule(value: ColumnElement[Any]) -> Any:
    theirs = select(value).where(schedules.c.id == subscriptions.c.rhythm)
    return theirs.correlate(subscriptions).scalar_subquery()


def _reschedule_at(
    connection: Connection,
    due: DueQuery,
    cohort_keys: Sequence[CohortKey],
    values: dict[str, Any],
    limit: int,
    *which: ColumnElement[bool],
) -> int:
    key = tuple_(subscriptions.c.offset, subscriptions.c.taste, corrections_for(due))
    for part in slices(cohort_keys):
        here = key.in_([tuple(cohort_key) for cohort_key in part])
        if moved := _reschedule(connection, due, and_(here, *which), values, limit):
            return moved
    return 0


def _reschedule(
    connection: Connection, due: DueQuery, which: ColumnElement[bool], values: dict[str, Any], limit: int
) -> int:
    these = select(subscriptions.c.id).select_from(active_readers()).where(is_due(due), which)
    moved = update(subscriptions).where(subscriptions.c.id.in_(these.limit(limit))).values(values)
    return connection.execute(moved).rowcount


class NotDueReaders:
    """`ports.PlanningStore`: who is not due."""

    _db: Database

    def count_not_due(self, due: DueQuery) -> Mapping[str, int]:
        reason = _why_not_due(due)
        counted = select(reason, func.count()).select_from(_EVERY_READER).where(schedules.c.list == due.list)
        with self._db.read() as connection:
            rows = connection.execute(counted.group_by(reason)).all()
        return {left_out: number for left_out, number in rows if left_out}

    def candidates(self, due: DueQuery, subscription: int | None = None) -> Iterator[ReaderStatus]:
        theirs = _EVERY_READER.join(subscribers)
        reader = (subscriptions.c.id, subscribers.c.address, _why_not_due(due), schedules.c.id, WAS_SKIPPED)
        cohort_key = (subscriptions.c.offset, subscriptions.c.taste, corrections_for(due))
        query = select(*reader, *cohort_key)
        query = query.select_from(theirs).where(schedules.c.list == due.list).order_by(subscriptions.c.id)
        if subscription is not None:
            query = query.where(subscriptions.c.id == subscription)
        last = 0
        while True:
            page = query.where(subscriptions.c.id > last).limit(PAGE)
            with self._db.read() as connection:
                rows = connection.execute(page).all()
            for id, address, left_out, schedule, skipped, *key in rows:
                yield ReaderStatus(id, address, left_out, schedule, CohortKey(*key), skipped)
                last = id
            if len(rows) < PAGE:
                return


def _why_not_due(due: DueQuery) -> ColumnElement[str]:
    """Why a reader is not due; "" if they are."""
    return case(
        (~ACTIVE, type_coerce(subscriptions.c.state, String)),
        (subscriptions.c.paused, "paused"),
        (is_suppressed(), "suppressed"),
        (is_due(due), ""),
        else_="later",
    )
