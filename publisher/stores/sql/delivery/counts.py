"""How many deliveries are in each state, without reading the ledger.

A batch that no run holds has the counts of its rows beside it; whatever changes such a row counts the batch
anew in the same transaction. Only the rows of batches that a run holds now are counted when somebody asks.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, func, select, update

from publisher.core.delivery.mailing import State
from publisher.stores.sql.delivery.batches import of_range
from publisher.stores.sql.schema.base import is_
from publisher.stores.sql.schema.enums import BatchState
from publisher.stores.sql.schema.tables import TALLIED, batches, deliveries

_LEASED = is_(batches.c.state, BatchState.LEASED)


def recount(connection: Connection, *which: ColumnElement[bool]) -> None:
    """Counts the rows of these batches anew: for changes to many at once (else `batches.set_turn`)."""
    numbers = [func.count(case((deliveries.c.state == state, 1))).label(state.value) for state in TALLIED]
    counting = select(batches.c.id, *numbers).join_from(batches, deliveries, of_range(batches.c))
    found = counting.where(*which).group_by(batches.c.id).subquery("found")
    these = update(batches).where(batches.c.id == found.c.id)
    connection.execute(these.values({state.value: found.c[state.value] for state in TALLIED}))


def counts(connection: Connection, *which: ColumnElement[bool]) -> Mapping[int, Mapping[State, int]]:
    """Of each mailing the states that occur, in the order of their lives; `which` is asked of `batches`."""
    sums = [func.sum(batches.c[state.value]) for state in TALLIED]
    resting = select(batches.c.mailing, *sums).where(~_LEASED, *which).group_by(batches.c.mailing)
    found: dict[int, dict[State, Any]] = {}
    for mailing, *numbers in connection.execute(resting):
        found[mailing] = dict(zip(TALLIED, numbers, strict=True))
    key = (batches.c.mailing, deliveries.c.state)
    held = select(*key, func.count()).join_from(batches, deliveries, of_range(batches.c))
    for mailing, state, number in connection.execute(held.where(_LEASED, *which).group_by(*key)):
        of = found.setdefault(mailing, {})
        of[state] = of.get(state, 0) + number
    return {mailing: _occurring(of) for mailing, of in found.items()}


def totals(connection: Connection) -> Mapping[State, int]:
    """The same of all mailings together."""
    sums = select(*[func.coalesce(func.sum(batches.c[state.value]), 0) for state in TALLIED])
    found: dict[State, Any] = dict(zip(TALLIED, connection.execute(sums.where(~_LEASED)).one(), strict=True))
    held = select(deliveries.c.state, func.count()).join_from(batches, deliveries, of_range(batches.c))
    for state, number in connection.execute(held.where(_LEASED).group_by(deliveries.c.state)):
        found[state] = found.get(state, 0) + number
    return _occurring(found)


def _occurring(found: Mapping[State, Any]) -> dict[State, int]:
    """Whole numbers: some databases add up to decimals."""
    return {state: int(found[state]) for state in State if found.get(state)}
