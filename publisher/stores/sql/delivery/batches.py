"""Batches: ranges of a mailing's deliveries, and when each has its next turn."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, case, exists, func, literal, select, update
from sqlalchemy.dialects.sqlite import insert

from publisher.core.delivery.mailing import DeliveryState, MailingState, TransitionCause, move, origins
from publisher.stores.sql.schema.base import NOT_OVER, BatchState
from publisher.stores.sql.schema.tables import TALLIED, batches, counters, deliveries, mailings

TURN = "turn"
"""The counter of batches begun and ended: the journal has it too, so an old copy of the store is known."""

OTHERS = ""
"""The pacing group of every domain that has no settings of its own."""


def ranges(groups: Sequence[tuple[str, int]], base: int, size: int) -> Iterator[tuple[str, int, int]]:
    """(group, lo, hi) for deliveries numbered from `base` + 1 in the order of `groups` (name, how many):
    at most `size` rows each, never two groups in one.
    """
    for group, number in groups:
        for lo in range(base + 1, base + number + 1, size):
            yield group, lo, min(lo + size - 1, base + number)
        base += number


def of_range(batch: Any) -> Any:
    """The ledger rows of a batch."""
    return (deliveries.c.mailing == batch.mailing) & deliveries.c.n.between(batch.lo, batch.hi)


def holds(mailing: int, n: int) -> Any:
    """Whether a row of `batches` is the one of that delivery."""
    return (batches.c.mailing == mailing) & (batches.c.lo <= n) & (batches.c.hi >= n)


def let_go(connection: Connection, batch: Row[Any], now: datetime) -> int:
    """Ends a batch's lease: what its run left `sending` is in doubt (f), what it left claimed goes back as
    if never tried (g). Then the batch is open until its next turn, or done, and so may be its mailing.
    Returns how many are in doubt.
    """
    held = update(deliveries).where(of_range(batch), deliveries.c.run == batch.run)
    sending = held.where(deliveries.c.state == DeliveryState.SENDING)
    lost = connection.execute(
        sending.values(state=move(DeliveryState.SENDING, TransitionCause.LOSE), changed_at=now)
    ).rowcount
    claimed = held.where(deliveries.c.state == DeliveryState.CLAIMED)
    connection.execute(
        claimed.values(
            state=move(DeliveryState.CLAIMED, TransitionCause.RELEASE), changed_at=now, **NOT_TRIED
        )
    )
    _cancel_rest(connection, batch, now)
    set_turn(connection, batch, now)
    return lost


def _cancel_rest(connection: Connection, batch: Row[Any], now: datetime) -> None:
    """Of a mailing that was cancelled meanwhile, nothing is queued again (h)."""
    state = select(mailings.c.state).where(mailings.c.id == batch.mailing)
    if connection.execute(state).scalar() is not MailingState.CANCELLED:
        return
    rest = update(deliveries).where(of_range(batch), deliveries.c.state.in_(origins(TransitionCause.CANCEL)))
    connection.execute(rest.values(state=move(DeliveryState.QUEUED, TransitionCause.CANCEL), changed_at=now))


NOT_TRIED: dict[str, Any] = {
    "run": None,
    "attempts": case((deliveries.c.attempts > 0, deliveries.c.attempts - 1), else_=0),
}
"""A claim that came to nothing is no attempt."""


def next_turn(connection: Connection) -> int:
    """One more batch is begun, or ended."""
    counted = insert(counters).values(name=TURN, last=1)
    more = counted.on_conflict_do_update(index_elements=["name"], set_={"last": counters.c.last + 1})
    turn: int = connection.execute(more.returning(counters.c.last)).scalar_one()
    return turn


def set_turn(connection: Connection, batch: Any, now: datetime) -> None:
    """No run holds the batch, and it is counted. It waits for the earliest not_before of its queued rows;
    without any it is done.
    """
    turns = func.coalesce(deliveries.c.not_before, literal(now, deliveries.c.not_before.type))
    by_state = select(deliveries.c.state, func.count(), func.min(turns)).where(of_range(batch))
    seen = connection.execute(by_state.group_by(deliveries.c.state)).all()
    earliest = next((turn for state, _, turn in seen if state is DeliveryState.QUEUED), None)
    values: dict[str, Any] = all_of(0) | {state.value: n for state, n, _ in seen if state in TALLIED}
    values |= {"run": None, "lease_until": None}
    if earliest is not None:
        values |= {"state": BatchState.OPEN, "next_at": earliest}
    else:
        values |= {"state": BatchState.DONE, "settled_at": now}
    connection.execute(update(batches).where(batches.c.id == batch.id).values(values))
    if earliest is None:
        end_mailing(connection, batch.mailing)


def all_of(queued: int) -> dict[str, int]:
    """The counts of a batch of which so many rows are queued, and none is anything else."""
    return {state.value: queued if state is DeliveryState.QUEUED else 0 for state in TALLIED}


def end_mailing(connection: Connection, mailing: int) -> None:
    """A ready mailing whose batches are all done is done; rows in doubt do not hold it open."""
    waiting = exists().where(batches.c.mailing == mailings.c.id, batches.c.state.in_(NOT_OVER))
    over = update(mailings).where(mailings.c.id == mailing, mailings.c.state == MailingState.READY, ~waiting)
    connection.execute(over.values(state=MailingState.DONE))
