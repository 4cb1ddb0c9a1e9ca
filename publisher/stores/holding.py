"""Orders and pauses: what stops a mailing at once, whoever is sending it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from publisher.core.holds import Declined, Order, Standing, obey
from publisher.core.mailings import Cause, Hold, MailingState, State, move, origins
from publisher.stores.batches import end_mailing
from publisher.stores.columns import is_
from publisher.stores.engine import Database
from publisher.stores.members import BatchState
from publisher.stores.schema import batches, deliveries, mailings


class Holding:
    """The part of `ports.LedgerStore` that stops mailings and lets them go on."""

    _db: Database

    def order(self, mailing: int, order: Order, now: datetime) -> Standing | Declined | None:
        """Carries out an operator's order, or says why not; None: no such mailing. A run that is sending it
        learns of it with its next message: the UPDATE before the dot asks.
        """
        with self._db.write() as connection:
            before = _standing(connection, mailing)
            if before is None:
                return None
            after = obey(order, before)
            if isinstance(after, Standing) and after != before:
                _stand(connection, mailing, after)
                if after.state is MailingState.CANCELLED:
                    _cancel(connection, mailing, now)
            return after

    def hold(self, mailing: int, hold: Hold, why: str, until: datetime | None) -> bool:
        """Pauses a ready mailing for a reason of the run's; False where it was not ready."""
        with self._db.write() as connection:
            values = {"state": MailingState.PAUSED, "hold": hold, "hold_why": why, "hold_until": until}
            this = update(mailings).where(mailings.c.id == mailing, mailings.c.state == MailingState.READY)
            return connection.execute(this.values(values)).rowcount == 1

    def go_on(self, now: datetime) -> int:
        """Mailings whose pause has an end, and it has come, are ready again; returns how many."""
        over = select(mailings.c.id).where(is_(mailings.c.state, MailingState.PAUSED))
        over = over.where(mailings.c.hold_until <= now)
        with self._db.write() as connection:
            ids = connection.scalars(over).all()
            for id in ids:
                _stand(connection, id, Standing(state=MailingState.READY))
            return len(ids)


_FREE: dict[str, Any] = {"hold": None, "hold_why": "", "hold_until": None}


def _standing(connection: Connection, mailing: int) -> Standing | None:
    query = select(mailings.c.state, mailings.c.hold).where(mailings.c.id == mailing)
    row = connection.execute(query).one_or_none()
    return None if row is None else Standing(state=row.state, hold=row.hold)


def _stand(connection: Connection, mailing: int, standing: Standing) -> None:
    values = _FREE | {"state": standing.state, "hold": standing.hold}
    connection.execute(update(mailings).where(mailings.c.id == mailing).values(values))
    end_mailing(connection, mailing)  # what ended while it was paused


def _cancel(connection: Connection, mailing: int, now: datetime) -> None:
    """Arrow h for all that was not sent, in this transaction; a run's batch ends when the run lets go."""
    rows = update(deliveries).where(
        deliveries.c.mailing == mailing, deliveries.c.state.in_(origins(Cause.CANCEL))
    )
    connection.execute(rows.values(state=move(State.QUEUED, Cause.CANCEL), changed_at=now))
    idle = update(batches).where(batches.c.mailing == mailing, batches.c.state == BatchState.OPEN)
    connection.execute(idle.values(state=BatchState.DONE))
