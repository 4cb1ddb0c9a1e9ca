"""Batches and deliveries: every arrow of the drawing in core.mailings is an UPDATE here that names where
the arrow starts, so a row that moved on is left alone (invariant 8).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Update, bindparam, exists, func, or_, select, update

from publisher.core.mailings import Batch, Cause, Delivery, MailingState, Result, State, move, origins
from publisher.stores import pacing
from publisher.stores.batches import NOT_TRIED, let_go, of_range, set_turn
from publisher.stores.columns import is_
from publisher.stores.eligible import may_be_sent
from publisher.stores.engine import Database, slices
from publisher.stores.mailings import Mailings
from publisher.stores.members import BatchState
from publisher.stores.schema import batches, deliveries, mailings, subscribers, subscriptions

_OF_BATCH = ("id", "mailing", "lo", "hi", "group", "run", "date", "canary")
_OPEN = is_(batches.c.state, BatchState.OPEN)
_LEASED = is_(batches.c.state, BatchState.LEASED)
_RUNNING = (
    exists()
    .where(mailings.c.id == batches.c.mailing, mailings.c.state == MailingState.READY)
    .correlate(batches)
)


class Ledger(Mailings):
    """`ports.LedgerStore`."""

    _db: Database

    def recover(self, run: str, now: datetime, *, alone: bool) -> int:
        """Lets go the batches of dead runs: all but `run`'s when `alone`, else those whose lease ended."""
        dead = select(batches).where(_LEASED, batches.c.run != run)
        if not alone:
            dead = dead.where(batches.c.lease_until <= now)
        with self._db.write() as connection:
            pacing.forget(connection, now)
            return sum(let_go(connection, batch, now) for batch in connection.execute(dead).all())

    def claim(self, run: str, now: datetime, lease_until: datetime) -> Batch | None:
        """Takes the next batch whose time has come; its due queued rows are claimed (arrow a)."""
        order = (batches.c.priority, batches.c.next_at, batches.c.id)
        first = select(batches).where(_OPEN, batches.c.next_at <= now, _RUNNING).order_by(*order).limit(1)
        with self._db.write() as connection:
            while (row := connection.execute(first).one_or_none()) is not None:
                if not _claim_rows(connection, row, run, now):
                    set_turn(connection, row, now)
                    continue
                held = _take_lease(connection, row, run, now, lease_until)
                return Batch(**{name: getattr(held, name) for name in _OF_BATCH})
        return None

    def claimed(self, batch: Batch) -> Sequence[Delivery]:
        """The rows this batch's run holds and has not sent, in order."""
        columns = [deliveries.c[name] for name in ("mailing", "n", "cohort", "subscription", "generation")]
        query = (
            select(*columns, deliveries.c.attempts, mailings.c.list, mailings.c.sender, subscribers.c.address)
            .join(mailings, mailings.c.id == deliveries.c.mailing)
            .join(subscriptions, subscriptions.c.id == deliveries.c.subscription)
            .join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
            .where(of_range(batch), deliveries.c.state == State.CLAIMED, deliveries.c.run == batch.run)
            .order_by(deliveries.c.n)
        )
        with self._db.read() as connection:
            return [Delivery(**row) for row in connection.execute(query).mappings()]

    def intend(self, run: str, rows: Sequence[tuple[int, int]], now: datetime) -> set[tuple[int, int]]:
        """Arrow b: the rows that are still this run's and may still be sent, now durably `sending`."""
        return self.record(run, (), rows, now)

    def settle(self, run: str, results: Sequence[Result], now: datetime) -> None:
        """Arrows c, d, e, f, g, i, and h where the mailing was cancelled, for rows of this run.

        What was never tried (g, and i while the mailing is paused) goes back with its attempt uncounted.
        Raises ValueError for a cause that is not a worker's: those are for `resolve`.
        """
        self.record(run, results, (), now)

    def record(
        self, run: str, results: Sequence[Result], intents: Sequence[tuple[int, int]], now: datetime
    ) -> set[tuple[int, int]]:
        """`settle` and `intend` in one transaction: what group commit calls. Returns as `intend` does."""
        with self._db.write() as connection:
            _settle_all(connection, run, results, now)
            pacing.count(connection, results, now)
            return _intend_all(connection, run, intents, now)

    def finish(self, batch: Batch, now: datetime) -> None:
        """Ends the lease, if this run still holds it."""
        this = select(batches).where(_LEASED, batches.c.id == batch.id, batches.c.run == batch.run)
        with self._db.write() as connection:
            row = connection.execute(this).one_or_none()
            if row is not None:
                let_go(connection, row, now)

    def resolve(self, mailing: int, n: int, result: Result, now: datetime) -> bool:
        """Arrows j and k from unknown; False where the row was not unknown.

        Raises ValueError for a cause that does not start at unknown.
        """
        target = move(State.UNKNOWN, result.cause)
        if target is None:
            raise ValueError(f"{result.cause!r} does not start at unknown")
        known = replace(result, mailing=mailing, n=n)
        with self._db.write() as connection:
            return _resolve(connection, known, target, now)

    def queued(self, now: datetime) -> int:
        """How many deliveries could go out at `now`."""
        query = select(func.count()).join_from(batches, deliveries, of_range(batches.c))
        query = query.where(_OPEN, batches.c.next_at <= now, _RUNNING)
        query = query.where(deliveries.c.state == State.QUEUED, _due(now))
        with self._db.read() as connection:
            return connection.execute(query).scalar_one()

    def next_batch_at(self) -> datetime | None:
        """When the next open batch of a ready mailing has its turn, or a pause ends by itself."""
        turn = select(func.min(batches.c.next_at)).where(_OPEN, _RUNNING)
        pause = select(func.min(mailings.c.hold_until)).where(is_(mailings.c.state, MailingState.PAUSED))
        with self._db.read() as connection:
            found = [connection.execute(query).scalar() for query in (turn, pause)]
        return min((at for at in found if at is not None), default=None)


def _take_lease(
    connection: Connection, batch: Row[Any], run: str, now: datetime, until: datetime
) -> Row[Any]:
    """The batch as it stands under this run's lease; its date is that of its first claim, for ever."""
    taken = {"state": BatchState.LEASED, "run": run, "lease_until": until, "date": batch.date or now}
    this = update(batches).where(batches.c.id == batch.id).values(taken).returning(batches)
    return connection.execute(this).one()


def _due(now: datetime) -> ColumnElement[bool]:
    return or_(deliveries.c.not_before.is_(None), deliveries.c.not_before <= now)


def _claim_rows(connection: Connection, batch: Any, run: str, now: datetime) -> int:
    rows = update(deliveries).where(of_range(batch), deliveries.c.state.in_(origins(Cause.CLAIM)), _due(now))
    taken = {"state": State.CLAIMED, "run": run, "changed_at": now, "attempts": deliveries.c.attempts + 1}
    return connection.execute(rows.values(taken)).rowcount


def _intend_all(
    connection: Connection, run: str, rows: Sequence[tuple[int, int]], now: datetime
) -> set[tuple[int, int]]:
    meant = (
        update(deliveries)
        .where(deliveries.c.run == run, deliveries.c.state.in_(origins(Cause.INTEND)), may_be_sent())
        .values(state=State.SENDING, changed_at=now)
        .returning(deliveries.c.mailing, deliveries.c.n)
    )
    by_mailing: defaultdict[int, list[int]] = defaultdict(list)  # (mailing, n) IN (..) would read every row
    for mailing, n in rows:
        by_mailing[mailing].append(n)
    done: set[tuple[int, int]] = set()
    for mailing, numbers in by_mailing.items():
        for part in slices(numbers):
            these = meant.where(deliveries.c.mailing == mailing, deliveries.c.n.in_(part))
            done.update((row.mailing, row.n) for row in connection.execute(these).all())
    return done


def _settle_all(connection: Connection, run: str, results: Sequence[Result], now: datetime) -> None:
    if not results:
        return
    states = _states_of(connection, results)
    by_cause: dict[Cause, list[dict[str, Any]]] = {}
    for result in results:
        cause = _real_cause(result, states)
        by_cause.setdefault(cause, []).append(_settling(result, run, now))
    for cause, rows in by_cause.items():
        settled = connection.execute(_SETTLE[cause], rows).rowcount
        if settled < len(rows) and cause in _LATE:
            _settle_late(connection, [result for result in results if result.cause is cause], run, now)


_LATE = {
    Cause.ACCEPT: Cause.FOUND_ACCEPTED,
    Cause.REJECT: Cause.FOUND_REJECTED,
    Cause.DEFER: Cause.FOUND_ABSENT,
}


def _settle_late(connection: Connection, results: Sequence[Result], run: str, now: datetime) -> None:
    """Arrow k: another run took this one for dead, and its message is in doubt; here is the answer."""
    for result in results:
        target = move(State.UNKNOWN, _LATE[result.cause])
        if target is not None:
            _resolve(connection, result, target, now, deliveries.c.run == run)


def _resolve(
    connection: Connection, result: Result, target: State, now: datetime, *only: ColumnElement[bool]
) -> bool:
    """A row in doubt comes to `target`. What is queued again has its turn, if the mailing still runs."""
    state = _states_of(connection, [result]).get(result.mailing)
    if target is State.QUEUED and state is MailingState.CANCELLED:
        target = State.CANCELLED
    values: dict[str, Any] = {"state": target, "not_before": result.not_before, "changed_at": now}
    values |= {"reply": result.reply} if result.reply else {}
    values |= {"run": None} if target is State.QUEUED else {}
    this = update(deliveries).where(deliveries.c.mailing == result.mailing, deliveries.c.n == result.n)
    unknown = this.where(deliveries.c.state == State.UNKNOWN, *only)
    done = connection.execute(unknown.values(values)).rowcount == 1
    if done and target is State.QUEUED:
        _reopen(connection, result.mailing, result.n, now)
    return done


def _states_of(connection: Connection, results: Sequence[Result]) -> Mapping[int, MailingState]:
    ids = {result.mailing for result in results}
    rows = connection.execute(select(mailings.c.id, mailings.c.state).where(mailings.c.id.in_(ids)))
    return {row.id: row.state for row in rows}


def _real_cause(result: Result, states: Mapping[int, MailingState]) -> Cause:
    """A row not sent because its mailing was stopped is cancelled, or waits; it is not the reader's doing."""
    if result.cause is Cause.SKIP:
        match states.get(result.mailing):
            case MailingState.CANCELLED:
                return Cause.CANCEL
            case MailingState.PAUSED:
                return Cause.RELEASE
            case _:
                return Cause.SKIP
    if result.cause not in _SETTLE:
        raise ValueError(f"{result.cause!r} is not a worker's to settle")
    return result.cause


def _settling(result: Result, run: str, now: datetime) -> dict[str, Any]:
    return {
        "of_mailing": result.mailing,
        "number": result.n,
        "this_run": run,
        "words": result.reply,
        "wait": result.not_before,
        "at": now,
    }


def _arrow(cause: Cause) -> Update:
    """The UPDATE of one cause, for many rows: it starts only where the drawing lets it."""
    (target,) = {move(state, cause) for state in origins(cause)}
    values: dict[str, Any] = {
        "state": target,
        "changed_at": bindparam("at", type_=deliveries.c.changed_at.type),
    }
    if cause is Cause.RELEASE:
        values |= NOT_TRIED
    else:
        values["reply"] = bindparam("words", type_=deliveries.c.reply.type)
        values["not_before"] = bindparam("wait", type_=deliveries.c.not_before.type)
    if cause is Cause.DEFER:
        values["run"] = None
    return (
        update(deliveries)
        .where(deliveries.c.mailing == bindparam("of_mailing"), deliveries.c.n == bindparam("number"))
        .where(deliveries.c.run == bindparam("this_run"))
        .where(or_(*[deliveries.c.state == state for state in origins(cause)]))  # no IN in an executemany
        .values(values)
    )


_SETTLE: Mapping[Cause, Update] = {
    cause: _arrow(cause)
    for cause in (
        Cause.ACCEPT,
        Cause.DEFER,
        Cause.REJECT,
        Cause.LOSE,
        Cause.RELEASE,
        Cause.CANCEL,
        Cause.SKIP,
    )
}


def _reopen(connection: Connection, mailing: int, n: int, now: datetime) -> None:
    """The batch of a row that is queued again has a turn; a mailing that was done is not."""
    holds = (batches.c.mailing == mailing) & (batches.c.lo <= n) & (batches.c.hi >= n)
    batch = connection.execute(
        select(batches).where(holds, batches.c.state != BatchState.LEASED)
    ).one_or_none()
    if batch is not None:
        set_turn(connection, batch, now)
    again = update(mailings).where(mailings.c.id == mailing, mailings.c.state == MailingState.DONE)
    connection.execute(again.values(state=MailingState.READY))
