"""By which transport and relay messages went out, and what was only written to the outbox."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, insert, literal, select, update

from publisher.core.delivery.mailing import DeliveryState, MailingState, Route, TransitionCause
from publisher.core.mail.message import MailTransport
from publisher.stores.sql.database import Database
from publisher.stores.sql.delivery.batches import reschedule_batch
from publisher.stores.sql.delivery.transitions import route_update, update_for
from publisher.stores.sql.schema.columns import BatchState, is_
from publisher.stores.sql.schema.tables import (
    KEPT_ROUTE,
    OUTBOX_ROUTE,
    batches,
    deliveries,
    mailings,
    routes,
)

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
