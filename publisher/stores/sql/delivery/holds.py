"""Orders and pauses: what stops a mailing at once, whoever is sending it."""

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, or_, select, update

from publisher.core.delivery.bounces import HELD
from publisher.core.delivery.holds import Declined, MailingCommand, MailingStatus, apply_command
from publisher.core.delivery.mailing import (
    CanarySample,
    DeliveryResult,
    DeliveryState,
    MailingHold,
    MailingState,
    RefusalRuling,
    TransitionCause,
    move,
    origins,
)
from publisher.core.delivery.throttling import SERVER, of_mailing
from publisher.stores.sql.delivery.batches import end_mailing, of_range
from publisher.stores.sql.delivery.bounces import note
from publisher.stores.sql.delivery.counts import recount
from publisher.stores.sql.delivery.throttle_state import brakes
from publisher.stores.sql.delivery.transitions import resolve_all
from publisher.stores.sql.engine.database import Database
from publisher.stores.sql.schema.base import BatchState, Suppression, is_
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions, suppressions
from publisher.stores.sql.schema.tables import batches, deliveries, mailings


class MailingHolds:
    """The part of `ports.LedgerStore` that stops mailings and lets them go on."""

    _db: Database

    def order(
        self, mailing: int, order: MailingCommand, now: datetime, *, count_refusals: bool = False
    ) -> MailingStatus | Declined | None:
        """Carries out an operator's order, or says why not; None: no such mailing. A run that is sending it
        learns of it with its next message: the UPDATE before the dot asks. What was held because so many
        refused it has its refusals forgotten, or with `count_refusals` counted.
        """
        with self._db.write() as connection:
            before = _standing(connection, mailing)
            if before is None:
                return None
            after = apply_command(order, before)
            if isinstance(after, MailingStatus) and after != before:
                _stand(connection, mailing, after)
                if order is MailingCommand.RESUME:
                    _release(connection, mailing, before.hold)
                if order in (MailingCommand.RESUME, MailingCommand.CANCEL) and before.hold in HELD:
                    ruling = RefusalRuling.COUNT if count_refusals else RefusalRuling.IGNORE
                    this = update(mailings).where(mailings.c.id == mailing)
                    connection.execute(this.values(refusals=ruling))
                if after.state is MailingState.CANCELLED:
                    _cancel(connection, mailing, now)
            return after

    def resolve(self, results: Sequence[DeliveryResult], now: datetime) -> int:
        """Arrows j and k for deliveries in doubt, in one transaction; how many still were. Raises ValueError
        for a cause that does not start at unknown.
        """
        by_cause = groupby(sorted(results, key=_cause), key=_cause)
        targets = [(move(DeliveryState.UNKNOWN, cause), list(given)) for cause, given in by_cause]
        with self._db.write() as connection:
            done = 0
            for target, given in targets:
                if target is None:
                    raise ValueError(f"{given[0].cause!r} does not start at unknown")
                done += resolve_all(connection, given, target, now)
            note(connection, [result for result in results if result.key], now)
            return done

    def hold(self, mailing: int, hold: MailingHold, why: str, until: datetime | None) -> bool:
        """Pauses a ready mailing for a reason of the run's; False where it was not ready."""
        with self._db.write() as connection:
            values = {"state": MailingState.PAUSED, "hold": hold, "hold_why": why, "hold_until": until}
            this = update(mailings).where(mailings.c.id == mailing, mailings.c.state == MailingState.READY)
            return connection.execute(this.values(values)).rowcount == 1

    def hold_all(self, hold: MailingHold, why: str, until: datetime | None) -> int:
        """Pauses every ready mailing that still has something to send; returns how many."""
        values = {"state": MailingState.PAUSED, "hold": hold, "hold_why": why, "hold_until": until}
        ready = update(mailings).where(mailings.c.state == MailingState.READY)
        with self._db.write() as connection:
            return connection.execute(ready.values(values)).rowcount

    def sample(self, mailing: int) -> CanarySample:
        """How the canary of a mailing stands; refused is too who was by a 5xx that was taken for a deferral,
        and who bounced or complained since.
        """
        state, tried = deliveries.c.state, deliveries.c.attempts > 0
        put_off = and_(state == DeliveryState.QUEUED, tried, deliveries.c.reply.startswith("5"))
        done = or_(state.in_((DeliveryState.ACCEPTED, DeliveryState.REJECTED)), put_off)
        untried = or_(
            state.in_((DeliveryState.CLAIMED, DeliveryState.SENDING)),
            and_(state == DeliveryState.QUEUED, ~tried),
        )
        refused = and_(done, or_(state == DeliveryState.REJECTED, put_off, _came_back()))
        counts = [func.count().filter(which) for which in (untried, done, refused)]
        theirs = select(*counts).join_from(batches, deliveries, of_range(batches.c))
        theirs = theirs.where(batches.c.mailing == mailing, batches.c.canary)
        with self._db.read() as connection:
            row = connection.execute(theirs).one()
        return CanarySample(untried=row[0], settled=row[1], refused=row[2])

    def sampling(self) -> Sequence[int]:
        """The ready mailings whose canary is out."""
        out = select(mailings.c.id).where(is_(mailings.c.state, MailingState.READY), mailings.c.canary)
        with self._db.read() as connection:
            return connection.scalars(out).all()

    def pass_canary(self, mailing: int) -> None:
        """The rest of a mailing may go."""
        with self._db.write() as connection:
            connection.execute(update(mailings).where(mailings.c.id == mailing).values(canary=False))

    def go_on(self, now: datetime) -> int:
        """Mailings whose pause has an end, and it has come, are ready again; returns how many."""
        over = select(mailings.c.id).where(is_(mailings.c.state, MailingState.PAUSED))
        over = over.where(mailings.c.hold_until <= now)
        with self._db.write() as connection:
            ids = connection.scalars(over).all()
            for id in ids:
                _stand(connection, id, MailingStatus(state=MailingState.READY))
            return len(ids)


def _cause(result: DeliveryResult) -> TransitionCause:
    return result.cause


_FREE: dict[str, Any] = {"hold": None, "hold_why": "", "hold_until": None}


def _standing(connection: Connection, mailing: int) -> MailingStatus | None:
    query = select(mailings.c.state, mailings.c.hold).where(mailings.c.id == mailing)
    row = connection.execute(query).one_or_none()
    return None if row is None else MailingStatus(state=row.state, hold=row.hold)


def _stand(connection: Connection, mailing: int, standing: MailingStatus) -> None:
    values = _FREE | {"state": standing.state, "hold": standing.hold}
    connection.execute(update(mailings).where(mailings.c.id == mailing).values(values))
    end_mailing(connection, mailing)  # what ended while it was paused


def _release(connection: Connection, mailing: int, hold: MailingHold | None) -> None:
    """What held it does so no more: an operator has seen it."""
    if hold is MailingHold.CANARY:
        connection.execute(update(mailings).where(mailings.c.id == mailing).values(canary=False))
    if hold is MailingHold.SERVER:
        scopes = (SERVER, of_mailing(mailing))
        connection.execute(delete(brakes).where(brakes.c.scope.in_(scopes)))


def _came_back() -> ColumnElement[bool]:
    """Whether the reader of a delivery was suppressed by a bounce or a complaint since it was sent."""
    return (
        exists()
        .where(
            subscriptions.c.id == deliveries.c.subscription,
            subscribers.c.id == subscriptions.c.subscriber,
            suppressions.c.address_key == subscribers.c.address_key,
            suppressions.c.kind.in_((Suppression.BOUNCE, Suppression.COMPLAINT)),
            suppressions.c.at >= deliveries.c.changed_at,
        )
        .correlate(deliveries)
    )


def _cancel(connection: Connection, mailing: int, now: datetime) -> None:
    """Arrow h for all that was not sent, in this transaction; a run's batch ends when the run lets go."""
    rows = update(deliveries).where(
        deliveries.c.mailing == mailing, deliveries.c.state.in_(origins(TransitionCause.CANCEL))
    )
    connection.execute(rows.values(state=move(DeliveryState.QUEUED, TransitionCause.CANCEL), changed_at=now))
    idle = (batches.c.mailing == mailing, batches.c.state == BatchState.OPEN)
    recount(connection, *idle)
    connection.execute(update(batches).where(*idle).values(state=BatchState.DONE, settled_at=now))
