"""Archiving the ledger: of deliveries settled long ago their counts stay, and receipts of those that arrived.

    deliveries of a batch that is done, none of them unknown  ->  counts, receipts, replies

Nothing that decides whether somebody is mailed gets lost: offsets are kept with subscriptions, a finished
mailing stays finished, and receipts tell who had a post that is corrected. Unknown deliveries stay until an
operator decides. Adjacent batches are merged, so a mailing ends as a row or a few.
"""

from collections.abc import Sequence
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

_FINISHED = (MailingState.DONE, MailingState.CANCELLED)
_WITH_POSTS = (MailingKind.DIGEST, MailingKind.WELCOME)
_BATCH_COST = 10
"""What a batch costs beside its deliveries, in deliveries."""


class LedgerRetention:
    """`ports.LedgerStore`: archiving."""

    _db: Database

    def archive_deliveries(self, before: datetime, *, limit: int) -> int:
        old = _archivable(before)
        with self._db.read() as connection:
            if connection.execute(old.limit(1)).first() is None:
                return 0
        with self._db.write() as connection:
            chosen = _first_of(connection.execute(old.limit(limit)).all(), limit)
            if not chosen:
                return 0
            of = sorted({row.mailing for row in chosen})
            these = batches.c.id.in_([row.id for row in chosen])
            _save_receipts(connection, these)
            _save_replies(connection, these)
            key = (deliveries.c.mailing, deliveries.c.n)
            connection.execute(delete(deliveries).where(tuple_(*key).in_(_rows(*key).where(these))))
            connection.execute(update(batches).where(these).values(state=BatchState.FOLDED))
            _merge_batches(connection, of)
            # Where its readers stood was needed only while the mailing was planned.
            some = select(*stands.primary_key).where(stands.c.mailing.in_(of)).limit(2 * limit)
            connection.execute(delete(stands).where(tuple_(*stands.primary_key).in_(some)))
            return sum(row.hi - row.lo + 1 for row in chosen)


def _archivable(before: datetime) -> Any:
    settled = is_(batches.c.state, BatchState.DONE)
    certain = batches.c.unknown == literal(0, literal_execute=True)
    query = select(batches.c.id, batches.c.mailing, batches.c.lo, batches.c.hi).join_from(batches, mailings)
    query = query.where(settled, certain, batches.c.settled_at < before, mailings.c.state.in_(_FINISHED))
    return query.order_by(batches.c.settled_at)


def _first_of(found: Sequence[Row[Any]], limit: int) -> list[Row[Any]]:
    """At least one of them, and then as many as one transaction should have."""
    chosen: list[Row[Any]] = []
    for row in found:
        limit -= row.hi - row.lo + 1 + _BATCH_COST
        if chosen and limit < 0:
            break
        chosen.append(row)
    return chosen


def _rows(*columns: ColumnElement[Any]) -> Select[Any]:
    """Columns of the deliveries in batches."""
    return select(*columns).join_from(batches, deliveries, deliveries_of(batches.c))


def _save_receipts(connection: Connection, these: Any) -> None:
    columns = ("subscription", "mailing", "cohort", "generation")
    rows = _rows(*[deliveries.c[name] for name in columns]).join(mailings)
    arrived = deliveries.c.state == DeliveryState.ACCEPTED
    rows = rows.where(these, arrived, mailings.c.kind.in_(_WITH_POSTS))
    connection.execute(insert(receipts).from_select(list(columns), rows))


def _save_replies(connection: Connection, these: Any) -> None:
    new = replies_of(connection, _rows(deliveries.c.mailing).where(these))
    before = select(reply_archive).where(reply_archive.c.mailing.in_(list(new)))
    kept = {row.mailing: Replies(*row.value) for row in connection.execute(before)}
    rows = [
        {"mailing": mailing, "value": (kept.get(mailing, Replies()) + replies).kept().as_json()}
        for mailing, replies in new.items()
    ]
    if rows:
        connection.execute(upsert(reply_archive), rows)


def _merge_batches(connection: Connection, of: Sequence[int]) -> None:
    """Merges adjacent archived batches of a mailing into the first of them."""
    archived = select(batches).where(batches.c.mailing.in_(of), batches.c.state == BatchState.FOLDED)
    rows = connection.execute(archived.order_by(batches.c.mailing, batches.c.lo)).all()
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
