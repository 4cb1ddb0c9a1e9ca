"""What relays have taken lately, and what processes that send have reserved of the rest."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import BigInteger, Column, Connection, String, Table, Text, delete, func, select
from sqlalchemy.dialects import sqlite

from publisher.core.delivery.relay_quotas import DAY, HELD, Quota, Spent, goes_on, room, share
from publisher.stores.sql.engine.database import Database, upsert
from publisher.stores.sql.engine.types import Instant
from publisher.stores.sql.schema.base import metadata

relayed = Table(
    "relayed",
    metadata,
    Column("relay", Text, primary_key=True),
    Column("run", String(64), primary_key=True),  # "": sent in that minute; else reserved by a run
    Column("minute", Instant, primary_key=True),
    Column("sent", BigInteger, nullable=False),
    Column("last", Instant, nullable=False),
    sqlite_with_rowid=False,
)


class Quotas:
    """`ports.QuotaStore`."""

    _db: Database

    def reserve(
        self, quota: Quota, run: str, sent: Spent | None, now: datetime
    ) -> tuple[int, datetime | None]:
        """Counts what `run` sent of its last reservation, which ends, and reserves some more: how many, and
        when there is more where that is none.
        """
        with self._db.write() as connection:
            _settle(connection, quota.relay, run, sent, now)
            spent = _spent(connection, quota.relay, now)
            number = share(room(quota, spent, now))
            if not number:
                return 0, goes_on(quota, spent, now)
            row = {"relay": quota.relay, "run": run, "minute": _minute(now), "sent": number}
            connection.execute(upsert(relayed), row | {"last": now + HELD})
            return number, None

    def settle_quota(self, relay: str, run: str, sent: Spent | None, now: datetime) -> None:
        """Counts what `run` sent of its last reservation; what is left of it is free again."""
        with self._db.write() as connection:
            _settle(connection, relay, run, sent, now)

    def spent(self, relay: str, now: datetime) -> Sequence[Spent]:
        """What a relay took within a day, or is reserved."""
        with self._db.read() as connection:
            return _spent(connection, relay, now)


def _settle(connection: Connection, relay: str, run: str, sent: Spent | None, now: datetime) -> None:
    theirs = relayed.c.relay == relay
    connection.execute(delete(relayed).where(theirs, (relayed.c.run == run) | (relayed.c.last < now - DAY)))
    if sent is None or not sent.sent:
        return
    new = sqlite.insert(relayed)
    more = {"sent": relayed.c.sent + new.excluded.sent, "last": func.max(relayed.c.last, new.excluded.last)}
    added = new.on_conflict_do_update(index_elements=["relay", "run", "minute"], set_=more)
    row = {"relay": relay, "run": "", "minute": _minute(sent.last), "sent": sent.sent, "last": sent.last}
    connection.execute(added, row)


def _spent(connection: Connection, relay: str, now: datetime) -> list[Spent]:
    query = select(relayed.c.sent, relayed.c.last).where(relayed.c.relay == relay, relayed.c.last > now - DAY)
    return [Spent(sent=row.sent, last=row.last) for row in connection.execute(query)]


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)
