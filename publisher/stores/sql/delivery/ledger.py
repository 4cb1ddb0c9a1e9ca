"""Claiming batches, and recording what becomes of their deliveries.

Each transition drawn in ARCHITECTURE.md is an UPDATE that names the state it starts from, so a row that has
moved on meanwhile is left alone.
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
    states_before,
)
from publisher.core.delivery.throttling import SERVER_SCOPE
from publisher.stores.sql.delivery import throttle_state
from publisher.stores.sql.delivery.batches import count_turn, deliveries_of, release_batch, reschedule_batch
from publisher.stores.sql.delivery.bounces import delete_refusals, has_soft_refusal, is_expired
from publisher.stores.sql.delivery.mailings import Mailings
from publisher.stores.sql.delivery.throttle_state import brakes
from publisher.stores.sql.delivery.transitions import mark_sending, record_by_cursor, record_results
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
"""While a mailing's canary is out, only its canary batches may run."""


class Ledger(Mailings):
    """`ports.LedgerStore`: claiming and recording."""

    _db: Database

    def release_dead_runs(self, run: str, now: datetime, *, alone: bool) -> int:
        dead = select(batches).where(_LEASED, batches.c.run != run)
        if not alone:
            dead = dead.where(batches.c.lease_until <= now)
        with self._db.write() as connection:
            throttle_state.delete_old_rates(connection, now)
            delete_refusals(connection, is_expired(now))
            return sum(release_batch(connection, batch, now) for batch in connection.execute(dead).all())

    def claim_batch(
        self, run: str, now: datetime, lease_until: datetime, full: Collection[str] = ()
    ) -> Batch | None:
        order = (batches.c.priority, batches.c.next_at, batches.c.id)
        query = select(batches, mailings.c.list, mailings.c.kind).join_from(batches, mailings)
        first = query.where(_OPEN, batches.c.next_at <= now, _MAY_RUN).order_by(*order).limit(1)
        if full:
            first = first.where(or_(batches.c.priority == _URGENT, batches.c.group.not_in(full)))
        with self._db.read() as connection:  # usually there is none: keep nobody from writing
            if connection.execute(first).first() is None:
                return None
        with self._db.write() as connection:
            while (row := connection.execute(first).one_or_none()) is not None:
                if _claim_deliveries(connection, row, run, now):
                    return _lease_batch(connection, row, run, now, lease_until)
                reschedule_batch(connection, row, now)
        return None

    def renew_leases(self, run: str, lease_until: datetime) -> int:
        held = update(batches).where(_LEASED, batches.c.run == run)
        with self._db.write() as connection:
            return connection.execute(held.values(lease_until=lease_until)).rowcount

    def claimed_deliveries(self, batch: Batch) -> Sequence[Delivery]:
        query = (
            select(
                *[deliveries.c[name] for name in ("mailing", "n", "cohort", "subscription", "generation")],
                *[mailings.c.list, subscribers.c.address, deliveries.c.attempts, mailings.c.sender],
                *[subscribers.c.address_key, has_soft_refusal()],
            )
            .join(mailings, mailings.c.id == deliveries.c.mailing)
            .join(subscriptions, subscriptions.c.id == deliveries.c.subscription)
            .join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
            .where(
                deliveries_of(batch),
                deliveries.c.state == DeliveryState.CLAIMED,
                deliveries.c.run == batch.run,
            )
            .order_by(deliveries.c.n)
        )
        with self._db.read() as connection:
            return [_delivery(*row) for row in connection.execute(query)]

    def mark_sending(self, run: str, rows: Sequence[tuple[int, int]], now: datetime) -> set[tuple[int, int]]:
        return self.record_progress(run, (), rows, now)

    def record_results(self, run: str, results: Sequence[DeliveryResult], now: datetime) -> None:
        self.record_progress(run, results, (), now)

    def record_progress(
        self, run: str, results: Sequence[DeliveryResult], intents: Sequence[tuple[int, int]], now: datetime
    ) -> set[tuple[int, int]]:
        with self._db.write() as connection:
            record_results(connection, run, results, now)
            throttle_state.count_results(connection, results, now)
            return mark_sending(connection, run, intents, now)

    def try_record_progress(
        self, run: str, results: Sequence[DeliveryResult], intents: Sequence[tuple[int, int]], now: datetime
    ) -> set[tuple[int, int]] | None:
        passed: set[tuple[int, int]] | None = None
        with self._db.quick.write() as cursor:
            if cursor is not None:
                passed = record_by_cursor(cursor, self._db.dialect, run, results, intents, now)
                if passed is None:
                    raise Rollback
                throttle_state.count_results_by_cursor(cursor, self._db.dialect, results, now)
        return passed

    def flush(self) -> None:
        self._db.quick.flush()

    def finish_batch(self, batch: Batch, now: datetime) -> int:
        this = select(batches).where(_LEASED, batches.c.id == batch.id, batches.c.run == batch.run)
        with self._db.write() as connection:
            row = connection.execute(this).one_or_none()
            if row is not None:
                release_batch(connection, row, now)
            return count_turn(connection)

    def count_sendable(self, now: datetime) -> int:
        query = select(func.count()).join_from(batches, mailings).join(deliveries, deliveries_of(batches.c))
        query = query.where(_OPEN, batches.c.next_at <= now, _MAY_RUN)
        query = query.where(deliveries.c.state == DeliveryState.QUEUED, _is_due(now))
        with self._db.read() as connection:
            return connection.execute(query).scalar_one()

    def next_batch_at(self) -> datetime | None:
        turn = select(func.min(batches.c.next_at)).join_from(batches, mailings).where(_OPEN, _MAY_RUN)
        pause = select(func.min(mailings.c.hold_until)).where(is_(mailings.c.state, MailingState.PAUSED))
        with self._db.read() as connection:
            found = [connection.execute(query).scalar() for query in (turn, pause)]
            alone = connection.execute(select(brakes.c.until).where(brakes.c.scope == SERVER_SCOPE)).scalar()
        earliest = min((at for at in found if at is not None), default=None)
        return earliest if earliest is None or alone is None else max(earliest, alone)

    def last_batch_times(self) -> Mapping[int, datetime]:
        last = select(batches.c.mailing, func.max(batches.c.next_at)).where(_OPEN).group_by(batches.c.mailing)
        with self._db.read() as connection:
            return {row[0]: row[1] for row in connection.execute(last)}


def _is_due(now: datetime) -> ColumnElement[bool]:
    return or_(deliveries.c.not_before.is_(None), deliveries.c.not_before <= now)


def _delivery(
    mailing: int, n: int, cohort: int, subscription: int, generation: int,
    slug: str, address: str, attempts: int, sender: str, key: str, soft: bool,
) -> Delivery:  # fmt: skip
    return Delivery(
        mailing=mailing, n=n, cohort=cohort, subscription=subscription, generation=generation,
        list=slug, address=address, attempts=attempts, sender=sender, key=key, soft=bool(soft),
    )  # fmt: skip


def _claim_deliveries(connection: Connection, batch: Any, run: str, now: datetime) -> int:
    rows = update(deliveries).where(
        deliveries_of(batch), deliveries.c.state.in_(states_before(TransitionCause.CLAIM)), _is_due(now)
    )
    claimed = {
        "state": DeliveryState.CLAIMED,
        "run": run,
        "changed_at": now,
        "attempts": deliveries.c.attempts + 1,
    }
    return connection.execute(rows.values(claimed)).rowcount


def _lease_batch(connection: Connection, batch: Row[Any], run: str, now: datetime, until: datetime) -> Batch:
    """Puts the batch under this run's lease. The Date of its messages is that of its first claim, for
    ever.
    """
    leased = {"state": BatchState.LEASED, "run": run, "lease_until": until, "date": batch.date or now}
    this = update(batches).where(batches.c.id == batch.id).values(leased).returning(batches.c.date)
    date: datetime = connection.execute(this).scalar_one()
    values = {name: getattr(batch, name) for name in _OF_BATCH}
    return Batch(**values, run=run, date=date, turn=count_turn(connection))
