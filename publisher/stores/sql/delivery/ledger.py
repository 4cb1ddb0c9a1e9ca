"""The ledger: a run leases batches, claims their deliveries, records transitions, and ends the leases.

After a restore the ledger is brought up to date: what may have been sent since the backup is marked, and ids
given out since are not used again.

Each delivery remembers by which transport and relay it went out, and whether it was only written to the
outbox.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)

from publisher.core.delivery.mailing import (
    PRIORITY,
    Batch,
    Delivery,
    DeliveryState,
    MailingState,
    Route,
    Transition,
    TransitionCause,
)
from publisher.core.delivery.throttling import SERVER_SCOPE
from publisher.core.mail.message import MailTransport
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.stores.sql.database import Database, insert_new
from publisher.stores.sql.delivery.batches import (
    TURN,
    count_turn,
    deliveries_of,
    end_mailing_if_done,
    recount_batches,
    reschedule_batch,
)
from publisher.stores.sql.delivery.bounces import delete_refusals, has_soft_refusal, is_expired
from publisher.stores.sql.delivery.mailings import Mailings
from publisher.stores.sql.delivery.throttle_state import breakers, delete_old_rates
from publisher.stores.sql.delivery.transitions import record, route_update, update_for
from publisher.stores.sql.schema.columns import NOT_OVER, BatchState, is_
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions
from publisher.stores.sql.schema.tables import (
    KEPT_ROUTE,
    MAILING,
    OUTBOX_ROUTE,
    batches,
    counters,
    deliveries,
    mailings,
    routes,
)

_OF_BATCH = ("id", "mailing", "lo", "hi", "group", "canary", "list", "kind")
_URGENT = min(PRIORITY.values())
_OPEN = is_(batches.c.state, BatchState.OPEN)
_LEASED = is_(batches.c.state, BatchState.LEASED)
_MAY_RUN = and_(mailings.c.state == MailingState.READY, or_(batches.c.canary, ~mailings.c.canary))
"""While a mailing's canary is out, only its canary batches may run."""


RESTORED = "restored"
"""The run that deliveries of a restored store are attributed to."""


class Ledger(Mailings):
    """`ports.LedgerStore`: claiming and recording."""

    _db: Database

    def release_dead_runs(self, run: str, now: datetime, *, alone: bool) -> int:
        dead = select(batches).where(_LEASED, batches.c.run != run)
        if not alone:
            dead = dead.where(batches.c.lease_until <= now)
        with self._db.write() as connection:
            delete_old_rates(connection, now)
            delete_refusals(connection, is_expired(now))
            return sum(release_batch(connection, batch, now) for batch in connection.execute(dead).all())

    def claim_batch(
        self,
        run: str,
        now: datetime,
        lease_until: datetime,
        full: Collection[str] = (),
        lists: Collection[str] | None = None,
    ) -> Batch | None:
        order = (batches.c.priority, batches.c.next_at, batches.c.id)
        query = select(batches, mailings.c.list, mailings.c.kind).join_from(batches, mailings)
        first = query.where(_OPEN, batches.c.next_at <= now, _MAY_RUN, _of_lists(lists))
        first = first.order_by(*order).limit(1)
        if full:
            first = first.where(or_(batches.c.priority == _URGENT, batches.c.group.not_in(full)))
        with self._db.read() as connection:  # usually there is none: keep nobody from writing
            if connection.execute(first).first() is None:
                return None
        with self._db.write() as connection:
            free = first.with_for_update(of=batches, skip_locked=True)  # which says nothing to SQLite
            while (row := connection.execute(free).one_or_none()) is not None:
                due = (deliveries_of(row), _is_due(now))
                claim = update_for(TransitionCause.CLAIM, *due, run=run, changed_at=now)
                if connection.execute(claim).rowcount:
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

    def record_transitions(
        self, transitions: Sequence[Transition], now: datetime, *, run: str = ""
    ) -> list[bool]:
        with self._db.write() as connection:
            return record(connection, transitions, now, run)

    def finish_batch(self, batch: Batch, now: datetime) -> int:
        this = select(batches).where(_LEASED, batches.c.id == batch.id, batches.c.run == batch.run)
        with self._db.write() as connection:
            row = connection.execute(this).one_or_none()
            if row is not None:
                release_batch(connection, row, now)
            return count_turn(connection)

    def count_sendable(self, now: datetime, lists: Collection[str] | None = None) -> int:
        query = select(func.count()).join_from(batches, mailings).join(deliveries, deliveries_of(batches.c))
        query = query.where(_OPEN, batches.c.next_at <= now, _MAY_RUN, _of_lists(lists))
        query = query.where(deliveries.c.state == DeliveryState.QUEUED, _is_due(now))
        with self._db.read() as connection:
            return connection.execute(query).scalar_one()

    def next_batch_at(self, lists: Collection[str] | None = None) -> datetime | None:
        which = _of_lists(lists)
        turn = select(func.min(batches.c.next_at)).join_from(batches, mailings).where(_OPEN, _MAY_RUN, which)
        pause = select(func.min(mailings.c.hold_until)).where(is_(mailings.c.state, MailingState.PAUSED))
        pause = pause.where(which)
        with self._db.read() as connection:
            found = [connection.execute(query).scalar() for query in (turn, pause)]
            server = select(breakers.c.until).where(breakers.c.scope == SERVER_SCOPE)
            blocked_until = connection.execute(server).scalar()
        earliest = min((at for at in found if at is not None), default=None)
        return earliest if earliest is None or blocked_until is None else max(earliest, blocked_until)

    def last_batch_times(self) -> Mapping[int, datetime]:
        last = select(batches.c.mailing, func.max(batches.c.next_at)).where(_OPEN).group_by(batches.c.mailing)
        with self._db.read() as connection:
            return {row[0]: row[1] for row in connection.execute(last)}


def release_batch(connection: Connection, batch: Row[Any], now: datetime) -> int:
    """Ends a batch's lease: what its run left sending is unknown (f), what it left claimed is queued again as
    if never tried (g), or cancelled with its mailing (h). Returns how many are unknown.
    """
    held = (deliveries_of(batch), deliveries.c.run == batch.run)
    unknown = connection.execute(update_for(TransitionCause.LOSE, *held, changed_at=now)).rowcount
    connection.execute(update_for(TransitionCause.RELEASE, *held, changed_at=now))
    state = select(mailings.c.state).where(mailings.c.id == batch.mailing)
    if connection.execute(state).scalar() is MailingState.CANCELLED:
        connection.execute(update_for(TransitionCause.CANCEL, deliveries_of(batch), changed_at=now))
    reschedule_batch(connection, batch, now)
    return unknown


def _of_lists(lists: Collection[str] | None) -> ColumnElement[bool]:
    """Whether a mailing is of one of these lists; None: of any."""
    return true() if lists is None else mailings.c.list.in_(sorted(lists))


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


def _lease_batch(connection: Connection, batch: Row[Any], run: str, now: datetime, until: datetime) -> Batch:
    """Puts the batch under this run's lease. The Date of its messages is that of its first claim, for
    ever.
    """
    leased = {"state": BatchState.LEASED, "run": run, "lease_until": until, "date": batch.date or now}
    this = update(batches).where(batches.c.id == batch.id).values(leased).returning(batches.c.date)
    date: datetime = connection.execute(this).scalar_one()
    values = {name: getattr(batch, name) for name in _OF_BATCH}
    return Batch(**values, run=run, date=date, turn=count_turn(connection))


class ReconciliationRecords:
    """`ports.ReconcilingStore`: mailings, offsets, and ids that are never used twice."""

    _db: Database

    def mark_open_unknown(self, why: str, now: datetime, *, only_outbox: bool = False) -> int:
        running = deliveries.c.mailing.in_(
            select(mailings.c.id).where(mailings.c.state != MailingState.CANCELLED)
        )
        took = func.coalesce if only_outbox else func.nullif
        route = took(deliveries.c.route, OUTBOX_ROUTE)
        lost = update_for(
            TransitionCause.RESTORE, running, run=RESTORED, reply=why, changed_at=now, route=route
        )
        with self._db.write() as connection:
            if not only_outbox:
                unknown = is_(deliveries.c.state, DeliveryState.UNKNOWN)
                connection.execute(route_update(None, unknown, deliveries.c.route == OUTBOX_ROUTE))
            marked = connection.execute(lost).rowcount
            left = batches.c.state.in_(NOT_OVER)
            recount_batches(connection, left)
            over = {"state": BatchState.DONE, "run": None, "lease_until": None, "settled_at": now}
            connection.execute(update(batches).where(left).values(over))
            ready = select(mailings.c.id).where(mailings.c.state == MailingState.READY)
            for id in connection.scalars(ready).all():
                end_mailing_if_done(connection, id)
            return marked

    def advance_offsets(self, slug: str, at: datetime, head: int) -> int:
        due = or_(subscriptions.c.next_due_at.is_(None), subscriptions.c.next_due_at <= at)
        these = update(subscriptions).where(
            is_(subscriptions.c.state, SubscriptionState.ACTIVE), subscriptions.c.list == slug, due
        )
        with self._db.write() as connection:
            behind = these.where(subscriptions.c.offset < head)
            return connection.execute(behind.values(offset=head)).rowcount

    def reserve_mailing_ids(self, last: int) -> None:
        with self._db.write() as connection:
            _raise_counter(connection, MAILING, last)

    def reserve_subscription_ids(self, last: int) -> None:
        with self._db.write() as connection:
            self._db.reserve_ids(connection, subscriptions, last)

    def batch_count(self) -> int:
        with self._db.read() as connection:
            return connection.execute(select(counters.c.last).where(counters.c.name == TURN)).scalar() or 0

    def advance_batch_count(self, last: int) -> None:
        with self._db.write() as connection:
            _raise_counter(connection, TURN, last)


def _raise_counter(connection: Connection, name: str, last: int) -> None:
    connection.execute(insert_new(counters), {"name": name, "last": 0})
    this = update(counters).where(counters.c.name == name, counters.c.last < last)
    connection.execute(this.values(last=last))


TO_BE_SENT = "written to the outbox, to be sent by the operator"
"""The reply of a delivery that leaves the outbox (m)."""

_ACCEPTED = is_(deliveries.c.state, DeliveryState.ACCEPTED)
_IN_OUTBOX = and_(_ACCEPTED, deliveries.c.route == literal(OUTBOX_ROUTE, literal_execute=True))


class Routes:
    """`ports.LedgerStore`: routes and the outbox."""

    _db: Database

    def route_number(self, route: Route) -> int:
        if route == Route(MailTransport.OUTBOX):
            return OUTBOX_ROUTE
        known = select(routes.c.id).where(
            routes.c.transport == route.transport, routes.c.relay == route.relay
        )
        with self._db.read() as connection:
            found: int | None = connection.execute(known).scalar()
        if found is not None:
            return found
        with self._db.write() as connection:
            if (number := connection.execute(known).scalar()) is not None:
                return int(number)  # another run has added it meanwhile
            last: int = connection.execute(select(func.max(routes.c.id))).scalar() or KEPT_ROUTE
            values = {"id": last + 1, "transport": route.transport, "relay": route.relay}
            connection.execute(insert(routes).values(values))
            return last + 1

    def count_in_outbox(self) -> Mapping[int, int]:
        query = select(deliveries.c.mailing, func.count()).where(_IN_OUTBOX, ~_is_cancelled())
        query = query.group_by(deliveries.c.mailing).order_by(deliveries.c.mailing)
        with self._db.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def send_from_outbox(self, mailing: int, now: datetime) -> int:
        these = (deliveries.c.mailing == mailing, _IN_OUTBOX, ~_is_cancelled())
        leave = update_for(TransitionCause.LEAVE_OUTBOX, *these, reply=TO_BE_SENT, changed_at=now)
        with self._db.write() as connection:
            sent = connection.execute(leave).rowcount
            waiting = exists().where(
                deliveries.c.mailing == batches.c.mailing,
                deliveries.c.n.between(batches.c.lo, batches.c.hi),
                deliveries.c.state == DeliveryState.QUEUED,
            )
            over = (batches.c.mailing == mailing, is_(batches.c.state, BatchState.DONE))
            for batch in connection.execute(select(batches).where(*over, waiting)).all():
                reschedule_batch(connection, batch, now)
            done = (mailings.c.id == mailing, is_(mailings.c.state, MailingState.DONE))
            if sent:
                connection.execute(update(mailings).where(*done).values(state=MailingState.READY))
            return sent

    def keep_in_outbox(self, mailing: int) -> int:
        these = (deliveries.c.mailing == mailing, _IN_OUTBOX)
        with self._db.write() as connection:
            return connection.execute(route_update(KEPT_ROUTE, *these)).rowcount


def _is_cancelled() -> ColumnElement[bool]:
    """Whether the mailing of a row of `deliveries` was cancelled."""
    cancelled = mailings.c.state == MailingState.CANCELLED
    return exists().where(mailings.c.id == deliveries.c.mailing, cancelled).correlate(deliveries)
