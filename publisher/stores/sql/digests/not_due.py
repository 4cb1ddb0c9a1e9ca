"""Every reader of a list, whether they are due, and why not."""

from collections.abc import Iterator, Mapping

from sqlalchemy import ColumnElement, String, case, func, select, type_coerce

from publisher.core.digests.due import Candidate, Due, Stand
from publisher.stores.sql.delivery.eligibility import is_suppressed
from publisher.stores.sql.digests.due import ACTIVE, WAS_SKIPPED, had, is_due
from publisher.stores.sql.engine.database import Database
from publisher.stores.sql.schema.subscriber_tables import rhythms, subscribers, subscriptions

PAGE = 5_000
"""Readers looked at in one read transaction."""

_THEIRS = rhythms.join(subscriptions, subscriptions.c.rhythm == rhythms.c.id)


class LeftOut:
    """The part of `ports.PlanningStore` that knows who is not due."""

    _db: Database

    def left_out(self, due: Due) -> Mapping[str, int]:
        """How many readers of a list are not due, by why: "pending", "unsubscribed", "paused", "suppressed",
        or "later" where their time has not come.
        """
        why = _why(due)
        counted = select(why, func.count()).select_from(_THEIRS).where(rhythms.c.list == due.list)
        with self._db.read() as connection:
            rows = connection.execute(counted.group_by(why)).all()
        return {reason: number for reason, number in rows if reason}

    def candidates(self, due: Due, subscription: int | None = None) -> Iterator[Candidate]:
        """Every reader of a list as `due` asks, or one of them, a page at a time."""
        theirs = _THEIRS.join(subscribers)
        stand = (subscriptions.c.offset, subscriptions.c.taste, had(due))
        about = (subscriptions.c.id, subscribers.c.address, _why(due), rhythms.c.id, WAS_SKIPPED)
        query = select(*about, *stand)
        query = query.select_from(theirs).where(rhythms.c.list == due.list).order_by(subscriptions.c.id)
        if subscription is not None:
            query = query.where(subscriptions.c.id == subscription)
        last = 0
        while True:
            page = query.where(subscriptions.c.id > last).limit(PAGE)
            with self._db.read() as connection:
                rows = connection.execute(page).all()
            for id, address, why, rhythm, skipped, *stand_of in rows:
                yield Candidate(id, address, why, rhythm, Stand(*stand_of), skipped)
                last = id
            if len(rows) < PAGE:
                return


def _why(due: Due) -> ColumnElement[str]:
    """Why a reader is left out; "" for those who are due."""
    return case(
        (~ACTIVE, type_coerce(subscriptions.c.state, String)),
        (subscriptions.c.paused, "paused"),
        (is_suppressed(), "suppressed"),
        (is_due(due), ""),
        else_="later",
    )
