"""Folding the ledger: of deliveries settled long ago their counts stay, and a receipt where one arrived.

    rows of a batch that is over, with nothing in doubt -> its counts, receipts, what servers said

Nothing that decides whether somebody is mailed is lost: offsets stand with the subscriptions, a mailing that
is over stays so, and who had a post that is corrected is known by receipts. What is in doubt stays until an
operator decides. Batches side by side become one, so a mailing ends as a row or a few.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, insert, literal, select, tuple_, update

from publisher.core.delivery.mailing import DeliveryState, MailingKind, MailingState
from publisher.stores.sql.delivery.batches import deliveries_of
from publisher.stores.sql.delivery.counts import Replies, receipts, replies_of, reply_archive
from publisher.stores.sql.engine.database import Database, upsert
from publisher.stores.sql.schema.base import BatchState, is_
from publisher.stores.sql.schema.tables import TALLIED, batches, deliveries, mailings, stands

_OVER = (MailingState.DONE, MailingState.CANCELLED)
_WITH_POSTS = (MailingKind.DIGEST, MailingKind.WELCOME)
_EACH = 10
"""What a batch costs beside its rows, in rows."""


class LedgerRetention:
    """The part of `ports.LedgerStore` that makes the ledger small."""

    _db: Database

    def archive_deliveries(self, before: datetime, *, limit: int) -> int:
        with self._db.read() as connection:
            if connection.execute(_old(before).limit(1)).first() is None:
                return 0
        with self._db.write() as connection:
            chosen = list(_some(connection.execute(_old(before).limit(limit)).all(), limit))
            if chosen:
                _fold(connection, [row.id for row in chosen], sorted({row.mailing for row in chosen}), limit)
            return sum(row.hi - row.lo + 1 for row in chosen)


def _old(before: datetime) -> Any:
    settled = is_(batches.c.state, BatchState.DONE)
    certain = batches.c.unknown == literal(0, literal_execute=True)
    query = select(batches.c.id, batches.c.mailing, batches.c.lo, batches.c.hi).join_from(batches, mailings)
    query = query.where(settled, certain, batches.c.settled_at < before, mailings.c.state.in_(_OVER))
    return query.order_by(batches.c.settled_at)


def _some(found: Sequence[Row[Any]], limit: int) -> Iterator[Row[Any]]:
    """At least one, and then as many as one transaction should have."""
    for number, row in enumerate(found):
        limit -= row.hi - row.lo + 1 + _EACH
        if number and limit < 0:
            return
        yield row


def _fold(connection: Connection, ids: Sequence[int], of: Sequence[int], limit: int) -> None:
    these = batches.c.id.in_(ids)
    _keep_receipts(connection, these)
    _keep_replies(connection, these)
    key = (deliveries.c.mailing, deliveries.c.n)
    gone = tuple_(*key).in_(_rows(*key).where(these))
    connection.execute(delete(deliveries).where(gone))
    connection.execute(update(batches).where(these).values(state=BatchState.FOLDED))
    _join(connection, of)
    _drop_stands(connection, of, 2 * limit)


def _rows(*columns: ColumnElement[Any]) -> Select[Any]:
    """Columns of the rows that batches have."""
    return select(*columns).join_from(batches, deliveries, deliveries_of(batches.c))


def _keep_receipts(connection: Connection, these: Any) -> None:
    columns = ("subscription", "mailing", "cohort", "generation")
    rows = _rows(*[deliveries.c[name] for name in columns]).join(mailings)
    arrived = deliveries.c.state == DeliveryState.ACCEPTED
    rows = rows.where(these, arrived, mailings.c.kind.in_(_WITH_POSTS))
    connection.execute(insert(receipts).from_select(list(columns), rows))


def _keep_replies(connection: Connection, these: Any) -> None:
    new = replies_of(connection, _rows(deliveries.c.mailing).where(these))
    before = select(reply_archive).where(reply_archive.c.mailing.in_(list(new)))
    kept = {row.mailing: Replies(*row.value) for row in connection.execute(before)}
    rows = [
        {"mailing": mailing, "value": (kept.get(mailing, Replies()) + replies).kept().as_json()}
        for mailing, replies in new.items()
    ]
    if rows:
        connection.execute(upsert(reply_archive), rows)


def _join(connection: Connection, of: Sequence[int]) -> None:
    """Folded batches of a mailing that lie side by side become the first of them."""
    folded = select(batches).where(batches.c.mailing.in_(of), batches.c.state == BatchState.FOLDED)
    rows = connection.execute(folded.order_by(batches.c.mailing, batches.c.lo)).all()
    runs: list[list[Row[Any]]] = [[row] for row in rows[:1]]
    for one, other in pairwise(rows):
        if (one.mailing, one.hi + 1) == (other.mailing, other.lo):
            runs[-1].append(other)
        else:
            runs.append([other])
    for first, *rest in (run for run in runs if len(run) > 1):
        sums = {state.value: sum(getattr(row, state.value) for row in (first, *rest)) for state in TALLIED}
        connection.execute(delete(batches).where(batches.c.id.in_([row.id for row in rest])))
        this = update(batches).where(batches.c.id == first.id)
        connection.execute(this.values(hi=rest[-1].hi, **sums))


def _drop_stands(connection: Connection, of: Sequence[int], limit: int) -> None:
    """Where its readers stood was of use while the mailing was planned."""
    key = list(stands.primary_key)
    some = select(*key).where(stands.c.mailing.in_(of)).limit(limit)
    connection.execute(delete(stands).where(tuple_(*key).in_(some)))
