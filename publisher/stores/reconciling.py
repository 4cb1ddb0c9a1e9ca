"""What a restored store is told: who left, which mailings there were, how far readers have been served."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select, update

from publisher.core.lists import State as SubscriptionState
from publisher.core.mailings import MailingState, State
from publisher.core.reconciling import Departure
from publisher.stores.batches import TURN, end_mailing
from publisher.stores.columns import is_
from publisher.stores.engine import Database, insert_new
from publisher.stores.members import NOT_OVER, BatchState, Suppression
from publisher.stores.schema import MAILING, batches, counters, deliveries, mailings
from publisher.stores.subscribertables import subscribers, subscriptions, suppressions
from publisher.stores.tallies import recount

RESTORED = "restored"
"""The run that rows of a restored store are said to have been sent by."""

_OPEN = (State.QUEUED, State.CLAIMED, State.SENDING)


class Reconciling:
    """`ports.ReconcilingStore`."""

    _db: Database

    def knows(self, departure: Departure) -> bool:
        """Whether a departure is in the store: suppressed there, ended, or the reader has come back since."""
        with self._db.read() as connection:
            return bool(connection.execute(select(_known(departure))).scalar())

    def depart(self, departure: Departure) -> None:
        """Writes a departure down: the suppression, and the end of that life of the subscription."""
        row: dict[str, Any] = {"address_key": departure.key, "list": departure.list}
        known = departure.kind in set(Suppression)  # of another version's kinds the one that blocks most
        row |= {"kind": Suppression(departure.kind) if known else Suppression.OPERATOR, "at": departure.at}
        ended = update(subscriptions).where(
            subscriptions.c.subscriber.in_(
                select(subscribers.c.id).where(subscribers.c.address_key == departure.key)
            ),
            subscriptions.c.state != SubscriptionState.UNSUBSCRIBED,
        )
        if departure.list:
            ended = ended.where(subscriptions.c.list == departure.list)
        if departure.generation is not None:
            ended = ended.where(subscriptions.c.generation <= departure.generation)
        with self._db.write() as connection:
            connection.execute(insert_new(suppressions), row)
            connection.execute(ended.values(state=SubscriptionState.UNSUBSCRIBED, next_due_at=None))

    def doubt_open(self, why: str, now: datetime) -> int:
        """Whatever could still be sent may have been sent already (a, b, f, by a run that is lost): in doubt.
        Returns how many.
        """
        running = select(mailings.c.id).where(mailings.c.state != MailingState.CANCELLED)
        rows = update(deliveries).where(deliveries.c.state.in_(_OPEN), deliveries.c.mailing.in_(running))
        attempts = func.max(deliveries.c.attempts, 1)
        lost: dict[str, Any] = {
            "state": State.UNKNOWN,
            "run": RESTORED,
            "attempts": attempts,
            "reply": why,
            "changed_at": now,
        }
        with self._db.write() as connection:
            doubts = connection.execute(rows.values(lost)).rowcount
            _end_batches(connection, now)
            return doubts

    def served(self, spec: str, at: datetime, head: int) -> int:
        """Readers of a list who were due at `at` have had everything up to `head`; returns how many."""
        due = or_(subscriptions.c.next_due_at.is_(None), subscriptions.c.next_due_at <= at)
        these = update(subscriptions).where(
            is_(subscriptions.c.state, SubscriptionState.ACTIVE), subscriptions.c.list == spec, due
        )
        with self._db.write() as connection:
            behind = these.where(subscriptions.c.offset < head)
            return connection.execute(behind.values(offset=head)).rowcount

    def skip_mailings(self, last: int) -> None:
        """Numbers of mailings up to `last` are taken."""
        with self._db.write() as connection:
            _at_least(connection, MAILING, last)

    def turn(self) -> int:
        """How often a batch was begun or ended."""
        with self._db.read() as connection:
            return connection.execute(select(counters.c.last).where(counters.c.name == TURN)).scalar() or 0

    def skip_turns(self, last: int) -> None:
        """Turns up to `last` are over."""
        with self._db.write() as connection:
            _at_least(connection, TURN, last)


def _at_least(connection: Connection, name: str, last: int) -> None:
    connection.execute(insert_new(counters), {"name": name, "last": 0})
    this = update(counters).where(counters.c.name == name, counters.c.last < last)
    connection.execute(this.values(last=last))


def _known(departure: Departure) -> ColumnElement[bool]:
    there = exists().where(
        suppressions.c.address_key == departure.key,
        or_(suppressions.c.list == departure.list, suppressions.c.list == ""),
    )
    if departure.generation is None:
        return there
    back = exists().where(
        subscribers.c.address_key == departure.key,
        subscriptions.c.subscriber == subscribers.c.id,
        subscriptions.c.list == departure.list,
        subscriptions.c.generation > departure.generation,
    )
    return or_(there, back)


def _end_batches(connection: Connection, now: datetime) -> None:
    left = batches.c.state.in_(NOT_OVER)
    recount(connection, left)
    over = {"state": BatchState.DONE, "run": None, "lease_until": None, "settled_at": now}
    connection.execute(update(batches).where(left).values(over))
    ready = select(mailings.c.id).where(mailings.c.state == MailingState.READY)
    for id in connection.scalars(ready).all():
        end_mailing(connection, id)
