"""Transitions of deliveries: marked before a message is sent, its result, and what is learned later."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Update, func, or_, select, update

from publisher.core.delivery.mailing import (
    DeliveryResult,
    DeliveryState,
    MailingState,
    TransitionCause,
    next_state,
    states_before,
)
from publisher.stores.sql.delivery.batches import UNDO_CLAIM, batch_with, reschedule_batch
from publisher.stores.sql.delivery.bounces import record_refusals
from publisher.stores.sql.delivery.eligibility import may_be_sent
from publisher.stores.sql.engine.prepared_statements import Cursor, PreparedStatement, row_value
from publisher.stores.sql.engine.types import milliseconds, storable_text
from publisher.stores.sql.schema.base import BatchState
from publisher.stores.sql.schema.tables import batches, deliveries, mailings


def mark_sending(
    connection: Connection, run: str, rows: Sequence[tuple[int, int]], now: datetime
) -> set[tuple[int, int]]:
    at = milliseconds(now)
    passed = _INTEND.each(connection, [(mailing, n, run, at) for mailing, n in rows])
    return {row for row, done in zip(rows, passed, strict=True) if done}


def record_by_cursor(
    cursor: Cursor,
    dialect: Dialect,
    run: str,
    results: Sequence[DeliveryResult],
    intents: Sequence[tuple[int, int]],
    now: datetime,
) -> set[tuple[int, int]] | None:
    """`record_results` and `mark_sending` by a cursor of the driver. None if that takes more than an UPDATE
    for each row; then the caller must roll back.
    """
    if any(result.key or result.cause not in _LATE for result in results):
        return None
    at = milliseconds(now)
    for cause in _LATE:
        rows = [_row(result, run, at) for result in results if result.cause is cause]
        if rows and not all(_RECORD[cause].by(cursor, dialect, rows)):
            return None
    passed = _INTEND.by(cursor, dialect, [(mailing, n, run, at) for mailing, n in intents])
    return {row for row, done in zip(intents, passed, strict=True) if done}


_INTEND = PreparedStatement(
    update(deliveries)
    .where(deliveries.c.mailing == row_value("of_mailing"), deliveries.c.n == row_value("number"))
    .where(
        deliveries.c.run == row_value("this_run"),
        deliveries.c.state.in_(states_before(TransitionCause.INTEND)),
    )
    .where(may_be_sent())
    .values(state=DeliveryState.SENDING, changed_at=row_value("at")),
    ("of_mailing", "number", "this_run", "at"),
)


def record_results(
    connection: Connection, run: str, results: Sequence[DeliveryResult], now: datetime
) -> None:
    skipped = [result for result in results if result.cause is TransitionCause.SKIP]
    states: Mapping[int, MailingState] = _states_of(connection, skipped) if skipped else {}
    by_cause: dict[TransitionCause, list[DeliveryResult]] = {}
    for result in results:
        by_cause.setdefault(_actual_cause(result, states), []).append(result)
    for cause, group in by_cause.items():
        rows = [_row(result, run, milliseconds(now)) for result in group]
        settled = _RECORD[cause].each(connection, rows)
        if cause in _LATE and not all(settled):
            missed = [result for result, done in zip(group, settled, strict=True) if not done]
            # Another run took this one for dead, so the delivery is unknown; here is the answer (k).
            for result in missed:
                target = next_state(DeliveryState.UNKNOWN, _LATE[result.cause])
                if target is not None:
                    resolve_unknown(connection, [result], target, now, deliveries.c.run == run)
    record_refusals(connection, [result for result in results if result.key], now)


_LATE = {
    TransitionCause.ACCEPT: TransitionCause.FOUND_ACCEPTED,
    TransitionCause.REJECT: TransitionCause.FOUND_REJECTED,
    TransitionCause.DEFER: TransitionCause.FOUND_ABSENT,
}


def resolve_unknown(
    connection: Connection,
    results: Sequence[DeliveryResult],
    target: DeliveryState,
    now: datetime,
    *only: ColumnElement[bool],
) -> int:
    """Moves unknown deliveries to `target`; those queued again are due at once if their mailing still runs.
    Each batch is recounted once. Returns how many were still unknown.
    """
    states = _states_of(connection, results)
    moved: list[DeliveryResult] = []
    for result in results:
        cancelled = target is DeliveryState.QUEUED and states.get(result.mailing) is MailingState.CANCELLED
        state = DeliveryState.CANCELLED if cancelled else target
        values: dict[str, Any] = {"state": state, "not_before": result.not_before, "changed_at": now}
        values |= {"reply": result.reply} if result.reply else {}
        values |= {"run": None} if state is DeliveryState.QUEUED else {}
        this = update(deliveries).where(deliveries.c.mailing == result.mailing, deliveries.c.n == result.n)
        unknown = this.where(deliveries.c.state == DeliveryState.UNKNOWN, *only)
        if connection.execute(unknown.values(values)).rowcount == 1:
            moved.append(result)
    hi = {result.mailing: 0 for result in moved}
    for result in sorted(moved, key=lambda result: (result.mailing, result.n)):
        if result.n > hi[result.mailing]:
            hi[result.mailing] = _recount_batch_with(connection, result.mailing, result.n, now)
    if target is DeliveryState.QUEUED:
        over = (mailings.c.id.in_(list(hi)), mailings.c.state == MailingState.DONE)
        connection.execute(update(mailings).where(*over).values(state=MailingState.READY))
    return len(moved)


def _states_of(connection: Connection, results: Sequence[DeliveryResult]) -> Mapping[int, MailingState]:
    ids = {result.mailing for result in results}
    rows = connection.execute(select(mailings.c.id, mailings.c.state).where(mailings.c.id.in_(ids)))
    return {row.id: row.state for row in rows}


def _actual_cause(result: DeliveryResult, states: Mapping[int, MailingState]) -> TransitionCause:
    """A delivery not sent because its mailing was stopped is cancelled or waits; it is not skipped."""
    if result.cause is TransitionCause.SKIP:
        match states.get(result.mailing):
            case MailingState.CANCELLED:
                return TransitionCause.CANCEL
            case MailingState.PAUSED:
                return TransitionCause.RELEASE
            case _:
                return TransitionCause.SKIP
    if result.cause not in _RECORD:
        raise ValueError(f"{result.cause!r} is not a worker's to settle")
    return result.cause


_PARAMETERS = ("of_mailing", "number", "this_run", "at", "words", "wait")


def _row(result: DeliveryResult, run: str, at: int) -> tuple[object, ...]:
    wait = None if result.not_before is None else milliseconds(result.not_before)
    return (result.mailing, result.n, run, at, storable_text(result.reply), wait)


def _update_for(cause: TransitionCause) -> Update:
    """The UPDATE for one cause, for many rows; it only moves rows from a state where the cause may start."""
    (target,) = {next_state(state, cause) for state in states_before(cause)}
    values: dict[str, Any] = {
        "state": target,
        "changed_at": row_value("at", type_=deliveries.c.changed_at.type),
    }
    if cause is TransitionCause.RELEASE:
        wait = row_value("wait", type_=deliveries.c.not_before.type)
        values |= UNDO_CLAIM | {"not_before": func.coalesce(wait, deliveries.c.not_before)}
    else:
        values["reply"] = row_value("words", type_=deliveries.c.reply.type)
        values["not_before"] = row_value("wait", type_=deliveries.c.not_before.type)
    if cause is TransitionCause.DEFER:
        values["run"] = None
    # Why `mark_sending` missed a row is not known: it may have been released and claimed again by this run.
    still = (~may_be_sent(),) if cause is TransitionCause.SKIP else ()
    return (
        update(deliveries)
        .where(*still)
        .where(deliveries.c.mailing == row_value("of_mailing"), deliveries.c.n == row_value("number"))
        .where(deliveries.c.run == row_value("this_run"))
        .where(
            or_(*[deliveries.c.state == state for state in states_before(cause)])
        )  # no IN in an executemany
        .values(values)
    )


_RECORD: Mapping[TransitionCause, PreparedStatement] = {
    cause: PreparedStatement(_update_for(cause), _PARAMETERS)
    for cause in (
        TransitionCause.ACCEPT,
        TransitionCause.DEFER,
        TransitionCause.REJECT,
        TransitionCause.LOSE,
        TransitionCause.RELEASE,
        TransitionCause.CANCEL,
        TransitionCause.SKIP,
    )
}


def _recount_batch_with(connection: Connection, mailing: int, n: int, now: datetime) -> int:
    """Recounts the batch of a row that changed, and reschedules it if something is queued. Returns the last
    row of that batch. One that a run holds is recounted when it is released.
    """
    resting = batches.c.state != BatchState.LEASED
    batch = connection.execute(select(batches).where(batch_with(mailing, n), resting)).one_or_none()
    if batch is None:
        return n
    reschedule_batch(connection, batch, now)
    hi: int = batch.hi
    return hi
