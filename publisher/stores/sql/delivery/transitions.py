"""What becomes of rows: the intent before the dot, the answers, and the late word about what is in doubt."""

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
    """Both, by the driver itself. None: there is more to it than an UPDATE for each row, and what was written
    is to be taken back.
    """
    if any(result.key or result.cause not in _LATE for result in results):
        return None
    at = milliseconds(now)
    for cause in _LATE:
        rows = [_settling(result, run, at) for result in results if result.cause is cause]
        if rows and not all(_SETTLE[cause].by(cursor, dialect, rows)):
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
        by_cause.setdefault(_real_cause(result, states), []).append(result)
    for cause, group in by_cause.items():
        rows = [_settling(result, run, milliseconds(now)) for result in group]
        settled = _SETTLE[cause].each(connection, rows)
        if cause in _LATE and not all(settled):
            missed = [result for result, done in zip(group, settled, strict=True) if not done]
            _settle_late(connection, missed, run, now)
    record_refusals(connection, [result for result in results if result.key], now)


_LATE = {
    TransitionCause.ACCEPT: TransitionCause.FOUND_ACCEPTED,
    TransitionCause.REJECT: TransitionCause.FOUND_REJECTED,
    TransitionCause.DEFER: TransitionCause.FOUND_ABSENT,
}


def _settle_late(connection: Connection, results: Sequence[DeliveryResult], run: str, now: datetime) -> None:
    """Arrow k: another run took this one for dead, and its message is in doubt; here is the answer."""
    for result in results:
        target = next_state(DeliveryState.UNKNOWN, _LATE[result.cause])
        if target is not None:
            resolve(connection, result, target, now, deliveries.c.run == run)


def resolve(
    connection: Connection,
    result: DeliveryResult,
    target: DeliveryState,
    now: datetime,
    *only: ColumnElement[bool],
) -> bool:
    """A row in doubt comes to `target`. What is queued again has its turn, if the mailing still runs."""
    return resolve_unknown(connection, [result], target, now, *only) == 1


def resolve_unknown(
    connection: Connection,
    results: Sequence[DeliveryResult],
    target: DeliveryState,
    now: datetime,
    *only: ColumnElement[bool],
) -> int:
    """The same of several, and each batch is counted once; how many were still in doubt."""
    states = _states_of(connection, results)
    moved: list[DeliveryResult] = []
    for result in results:
        cancelled = target is DeliveryState.QUEUED and states.get(result.mailing) is MailingState.CANCELLED
        if _come_to(connection, result, DeliveryState.CANCELLED if cancelled else target, now, *only):
            moved.append(result)
    hi = {result.mailing: 0 for result in moved}
    for result in sorted(moved, key=lambda result: (result.mailing, result.n)):
        if result.n > hi[result.mailing]:
            hi[result.mailing] = _turn_of(connection, result.mailing, result.n, now)
    if target is DeliveryState.QUEUED:
        over = (mailings.c.id.in_(list(hi)), mailings.c.state == MailingState.DONE)
        connection.execute(update(mailings).where(*over).values(state=MailingState.READY))
    return len(moved)


def _come_to(
    connection: Connection,
    result: DeliveryResult,
    target: DeliveryState,
    now: datetime,
    *only: ColumnElement[bool],
) -> bool:
    """Whether the row was in doubt, and is not any more."""
    values: dict[str, Any] = {"state": target, "not_before": result.not_before, "changed_at": now}
    values |= {"reply": result.reply} if result.reply else {}
    values |= {"run": None} if target is DeliveryState.QUEUED else {}
    this = update(deliveries).where(deliveries.c.mailing == result.mailing, deliveries.c.n == result.n)
    unknown = this.where(deliveries.c.state == DeliveryState.UNKNOWN, *only)
    return connection.execute(unknown.values(values)).rowcount == 1


def _states_of(connection: Connection, results: Sequence[DeliveryResult]) -> Mapping[int, MailingState]:
    ids = {result.mailing for result in results}
    rows = connection.execute(select(mailings.c.id, mailings.c.state).where(mailings.c.id.in_(ids)))
    return {row.id: row.state for row in rows}


def _real_cause(result: DeliveryResult, states: Mapping[int, MailingState]) -> TransitionCause:
    """A row not sent because its mailing was stopped is cancelled, or waits; it is not the reader's doing."""
    if result.cause is TransitionCause.SKIP:
        match states.get(result.mailing):
            case MailingState.CANCELLED:
                return TransitionCause.CANCEL
            case MailingState.PAUSED:
                return TransitionCause.RELEASE
            case _:
                return TransitionCause.SKIP
    if result.cause not in _SETTLE:
        raise ValueError(f"{result.cause!r} is not a worker's to settle")
    return result.cause


_VALUES = ("of_mailing", "number", "this_run", "at", "words", "wait")


def _settling(result: DeliveryResult, run: str, at: int) -> tuple[object, ...]:
    wait = None if result.not_before is None else milliseconds(result.not_before)
    return (result.mailing, result.n, run, at, storable_text(result.reply), wait)


def _arrow(cause: TransitionCause) -> Update:
    """The UPDATE of one cause, for many rows: it starts only where the drawing lets it."""
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
    # Why an intent missed is not known: its row may have been taken from this run and claimed by it again.
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


_SETTLE: Mapping[TransitionCause, PreparedStatement] = {
    cause: PreparedStatement(_arrow(cause), _VALUES)
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


def _turn_of(connection: Connection, mailing: int, n: int, now: datetime) -> int:
    """The batch of a row that changed is counted again, and has a turn where something is queued. Returns the
    last row that this is true of: one that a run holds is counted when it lets go.
    """
    resting = batches.c.state != BatchState.LEASED
    batch = connection.execute(select(batches).where(batch_with(mailing, n), resting)).one_or_none()
    if batch is None:
        return n
    reschedule_batch(connection, batch, now)
    hi: int = batch.hi
    return hi
