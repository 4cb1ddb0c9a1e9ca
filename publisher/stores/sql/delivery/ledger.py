"""Batches and deliveries: every arrow of the drawing in core.mailings is an UPDATE here that names where
the arrow starts, so a row that moved on is left alone (invariant 8).
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    func,
    or_,
    select,
    update,
)

from publisher.core.delivery.mailing import (
    PRIORITY,
    Batch,
    Delivery,
    DeliveryResult,
    DeliveryState,
    MailingState,
    TransitionCause,
    origins,
)
from publisher.core.delivery.throttling import SERVER
from publisher.stores.sql.delivery import throttle_state
from publisher.stores.sql.delivery.batches import let_go, next_turn, of_range, set_turn
from publisher.stores.sql.delivery.bounces import forget_refusals, refused_softly, too_old
from publisher.stores.sql.delivery.mailings import Mailings
from publisher.stores.sql.delivery.throttle_state import brakes
from publisher.stores.sql.delivery.transitions import intend_all, record_plain, settle_all
from publisher.stores.sql.engine.database import Database
from publisher.stores.sql.engine.deferred_fsync import Rollback
from publisher.stores.sql.schema.base import BatchState, is_
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions
from publisher.stores.sql.schema.tables import batches, deliveries, mailings

_OF_BATCH = ("id", "mailing", "lo", "hi", "group", "canary", "list", "kind")
_URGENT = min(PRIORITY.values())
_OPEN = is_(batches.c.state, BatchState.OPEN)
_LEASED = is_(batches.c.state, BatchState.LEASED)
_MAY_RUN = and_(mailings.c.state == MailingState.READY, or_(batches.c.canary, ~mailings.c.canary))
"""Of a mailing whose sample is out, only the sample."""


class Ledger(Mailings):
    """`ports.LedgerStore`."""

    _db: Database

    def recover(self, run: str, now: datetime, *, alone: bool) -> int:
        """Lets go the batches of dead runs: all but `run`'s when `alone`, else those whose lease ended."""
        dead = select(batches).where(_LEASED, batches.c.run != run)
        if not alone:
            dead = dead.where(batches.c.lease_until <= now)
        with self._db.write() as connection:
            throttle_state.forget(connection, now)
            forget_refusals(connection, too_old(now))
            return sum(let_go(connection, batch, now) for batch in connection.execute(dead).all())

    def claim(
        self, run: str, now: datetime, lease_until: datetime, full: Collection[str] = ()
    ) -> Batch | None:
        """Takes the next batch whose time has come; its due queued rows are claimed (arrow a). Of `full`
        pacing groups only what somebody waits for.
        """
        order = (batches.c.priority, batches.c.next_at, batches.c.id)
        query = select(batches, mailings.c.list, mailings.c.kind).join_from(batches, mailings)
        first = query.where(_OPEN, batches.c.next_at <= now, _MAY_RUN).order_by(*order).limit(1)
        if full:
            first = first.where(or_(batches.c.priority == _URGENT, batches.c.group.not_in(full)))
        with self._db.read() as connection:  # most often there is none: nobody is kept from writing
            if connection.execute(first).first() is None:
                return None
        with self._db.write() as connection:
            while (row := connection.execute(first).one_or_none()) is not None:
                if not _claim_rows(connection, row, run, now):
                    set_turn(connection, row, now)
                    continue
                date = _take_lease(connection, row, run, now, lease_until)
                return Batch(
                    **{name: getattr(row, name) for name in _OF_BATCH},
                    run=run,
                    date=date,
                    turn=next_turn(connection),
                )
        return None

    def renew(self, run: str, lease_until: datetime) -> int:
        """Keeps the leases of a run for longer; returns how many it holds."""
        held = update(batches).where(_LEASED, batches.c.run == run)
        with self._db.write() as connection:
            return connection.execute(held.values(lease_until=lease_until)).rowcount

    def claimed(self, batch: Batch) -> Sequence[Delivery]:
        """The rows this batch's run holds and has not sent, in order."""
        query = (
            select(
                *[deliveries.c[name] for name in ("mailing", "n", "cohort", "subscription", "generation")],
                *[mailings.c.list, subscribers.c.address, deliveries.c.attempts, mailings.c.sender],
                *[subscribers.c.address_key, refused_softly()],
            )
            .join(mailings, mailings.c.id == deliveries.c.mailing)
            .join(subscriptions, subscriptions.c.id == deliveries.c.subscription)
            .join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
            .where(
                of_range(batch), deliveries.c.state == DeliveryState.CLAIMED, deliveries.c.run == batch.run
            )
            .order_by(deliveries.c.n)
        )
        with self._db.read() as connection:
            return [_delivery(*row) for row in connection.execute(query)]

    def intend(self, run: str, rows: Sequence[tuple[int, int]], now: datetime) -> set[tuple[int, int]]:
        """Arrow b: the rows that are still this run's and may still be sent, now durably `sending`."""
        return self.record(run, (), rows, now)

    def settle(self, run: str, results: Sequence[DeliveryResult], now: datetime) -> None:
        """Arrows c, d, e, f, g, i, and h where the mailing was cancelled, for rows of this run.

        What was never tried (g, and i while the mailing is paused) goes back with its attempt uncounted.
        Raises ValueError for a cause that is not a worker's: those are for `resolve`.
        """
        self.record(run, results, (), now)

    def record(
        self, run: str, results: Sequence[DeliveryResult], intents: Sequence[tuple[int, int]], now: datetime
    ) -> set[tuple[int, int]]:
        """`settle` and `intend` in one transaction: what group commit calls. Returns as `intend` does."""
        with self._db.write() as connection:
            settle_all(connection, run, results, now)
            throttle_state.count(connection, results, now)
            return intend_all(connection, run, intents, now)

    def record_at_once(
        self, run: str, results: Sequence[DeliveryResult], intents: Sequence[tuple[int, int]], now: datetime
    ) -> set[tuple[int, int]] | None:
        """`record` that waits for no other writer and no disk: it is durable after `flush`. None: it would
        have to wait, and nothing was written.
        """
        passed: set[tuple[int, int]] | None = None
        with self._db.quick.write() as cursor:
            if cursor is not None:
                passed = record_plain(cursor, self._db.dialect, run, results, intents, now)
                if passed is None:
                    raise Rollback
                throttle_state.count_by(cursor, self._db.dialect, results, now)
        return passed

    def flush(self) -> None:
        """Returns when what `record_at_once` wrote before is durable."""
        self._db.quick.flush()

    def finish(self, batch: Batch, now: datetime) -> int:
        """Ends the lease, if this run still holds it; returns the turn."""
        this = select(batches).where(_LEASED, batches.c.id == batch.id, batches.c.run == batch.run)
        with self._db.write() as connection:
            row = connection.execute(this).one_or_none()
            if row is not None:
                let_go(connection, row, now)
            return next_turn(connection)

    def queued(self, now: datetime) -> int:
        """How many deliveries could go out at `now`."""
        query = select(func.count()).join_from(batches, mailings).join(deliveries, of_range(batches.c))
        query = query.where(_OPEN, batches.c.next_at <= now, _MAY_RUN)
        query = query.where(deliveries.c.state == DeliveryState.QUEUED, _due(now))
        with self._db.read() as connection:
            return connection.execute(query).scalar_one()

    def next_batch_at(self) -> datetime | None:
        """When the next open batch of a ready mailing has its turn, or a pause ends by itself; not before
        the server is tried again, where it failed.
        """
        turn = select(func.min(batches.c.next_at)).join_from(batches, mailings).where(_OPEN, _MAY_RUN)
        pause = select(func.min(mailings.c.hold_until)).where(is_(mailings.c.state, MailingState.PAUSED))
        with self._db.read() as connection:
            found = [connection.execute(query).scalar() for query in (turn, pause)]
            alone = connection.execute(select(brakes.c.until).where(brakes.c.scope == SERVER)).scalar()
        earliest = min((at for at in found if at is not None), default=None)
        return earliest if earliest is None or alone is None else max(earliest, alone)

    def last_turns(self) -> Mapping[int, datetime]:
        """When the last open batch of each mailing has its turn."""
        last = select(batches.c.mailing, func.max(batches.c.next_at)).where(_OPEN).group_by(batches.c.mailing)
        with self._db.read() as connection:
            return {row[0]: row[1] for row in connection.execute(last)}


def _delivery(
    mailing: int, n: int, cohort: int, subscription: int, generation: int,
    list_: str, address: str, attempts: int, sender: str, key: str, soft: bool,
) -> Delivery:  # fmt: skip
    return Delivery(
        mailing=mailing, n=n, cohort=cohort, subscription=subscription, generation=generation,
        list=list_, address=address, attempts=attempts, sender=sender, key=key,
        soft=bool(soft),
    )  # fmt: skip


def _take_lease(
    connection: Connection, batch: Row[Any], run: str, now: datetime, until: datetime
) -> datetime:
    """Puts the batch under this run's lease. Its date, returned, is that of its first claim, for ever."""
    date: datetime = batch.date or now
    taken = {"state": BatchState.LEASED, "run": run, "lease_until": until, "date": date}
    this = update(batches).where(batches.c.id == batch.id).values(taken).returning(batches.c.date)
    kept: datetime = connection.execute(this).scalar_one()
    return kept


def _due(now: datetime) -> ColumnElement[bool]:
    return or_(deliveries.c.not_before.is_(None), deliveries.c.not_before <= now)


def _claim_rows(connection: Connection, batch: Any, run: str, now: datetime) -> int:
    rows = update(deliveries).where(
        of_range(batch), deliveries.c.state.in_(origins(TransitionCause.CLAIM)), _due(now)
    )
    taken = {
        "state": DeliveryState.CLAIMED,
        "run": run,
        "changed_at": now,
        "attempts": deliveries.c.attempts + 1,
    }
    return connection.execute(rows.values(taken)).rowcount
