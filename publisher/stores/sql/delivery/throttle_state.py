"""The state of throttling that must survive a crash: circuit breakers, sending rates, and relays' quotas."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    String,
    Table,
    Text,
    delete,
    func,
    select,
)
from sqlalchemy.dialects import sqlite

from publisher.core.delivery.mailing import MailingKind, Transition, TransitionCause
from publisher.core.delivery.relays import (
    DAY,
    RESERVATION_TIME,
    Quota,
    QuotaUse,
    next_send_at,
    remaining_quota,
    reservation_size,
)
from publisher.core.delivery.throttling import CircuitBreaker, DeliveryRate
from publisher.stores.sql.database import Database, PreparedStatement, row_value, upsert
from publisher.stores.sql.schema.columns import (
    HumanText,
    Instant,
    is_,
    metadata,
    milliseconds,
    without_local_parts,
)
from publisher.stores.sql.schema.tables import mailings

breakers = Table(  # circuit breakers that are open
    "brakes",
    metadata,
    Column("scope", Text, primary_key=True),  # a domain; "*" is the server itself
    Column("failures", Integer, nullable=False),
    Column("until", Instant, nullable=False),
    Column("reply", HumanText, nullable=False),
    sqlite_with_rowid=False,
)

rates = Table(  # how many deliveries were settled, by minute
    "pace",
    metadata,
    Column("mailing", BigInteger, primary_key=True, autoincrement=False),
    Column("minute", Instant, primary_key=True),
    Column("accepted", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
    Column("deferred", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

relayed = Table(  # what relays were given of their quotas, by minute
    "relayed",
    metadata,
    Column("relay", Text, primary_key=True),
    Column("run", String(64), primary_key=True),  # "": sent in that minute; else reserved by a run
    Column("minute", Instant, primary_key=True),
    Column("sent", BigInteger, nullable=False),
    Column("last", Instant, nullable=False),
    sqlite_with_rowid=False,
)

RATES_KEPT = timedelta(days=2)
"""How long rates are kept: warming up looks back one day, everything else less."""

_COLUMN_OF = {
    TransitionCause.ACCEPT: "accepted",
    TransitionCause.REJECT: "refused",
    TransitionCause.DEFER: "deferred",
}


_PARAMETERS = {name: f"this_{name}" for name in ("mailing", "minute", *_COLUMN_OF.values())}
_INSERT = sqlite.insert(rates).values({name: row_value(value) for name, value in _PARAMETERS.items()})
_ADD = PreparedStatement(
    _INSERT.on_conflict_do_update(
        index_elements=["mailing", "minute"],
        set_={name: rates.c[name] + _INSERT.excluded[name] for name in _COLUMN_OF.values()},
    ),
    tuple(_PARAMETERS.values()),
)


class ThrottleRecords:
    """`ports.ThrottleStore`."""

    _db: Database

    def circuit_breakers(self) -> Mapping[str, CircuitBreaker]:
        with self._db.read() as connection:
            rows = connection.execute(select(breakers)).mappings()
            return {row["scope"]: CircuitBreaker(**row) for row in rows}

    def save_circuit_breaker(self, breaker: CircuitBreaker) -> None:
        with self._db.write() as connection:
            if breaker.until is None:
                connection.execute(delete(breakers).where(breakers.c.scope == breaker.scope))
                return
            row = {"scope": breaker.scope, "failures": breaker.failures, "until": breaker.until}
            row["reply"] = without_local_parts(breaker.reply)
            connection.execute(upsert(breakers).values(row))

    def delivery_rates(self, since: datetime) -> Mapping[int, DeliveryRate]:
        sums = [func.sum(rates.c[name]).label(name) for name in _COLUMN_OF.values()]
        first = func.min(rates.c.minute).label("since")
        query = select(rates.c.mailing, first, *sums).where(rates.c.minute >= since).group_by(rates.c.mailing)
        with self._db.read() as connection:
            rows = connection.execute(query).mappings().all()
        return {
            row["mailing"]: DeliveryRate(**{n: v for n, v in row.items() if n != "mailing"}) for row in rows
        }

    def digests_accepted_since(self, since: datetime) -> int:
        of_digests = rates.join(mailings, mailings.c.id == rates.c.mailing)
        query = select(func.coalesce(func.sum(rates.c.accepted), 0)).select_from(of_digests)
        query = query.where(rates.c.minute >= since, is_(mailings.c.kind, MailingKind.DIGEST))
        with self._db.read() as connection:
            return int(connection.execute(query).scalar_one())


def count_results(connection: Connection, transitions: Sequence[Transition], now: datetime) -> None:
    """Adds the results among these to the rates of this minute."""
    found: dict[int, dict[str, int]] = {}
    for one in transitions:
        if name := _COLUMN_OF.get(one.cause):
            row = found.setdefault(one.mailing, dict.fromkeys(_COLUMN_OF.values(), 0))
            row[name] += 1
    if found:
        minute = milliseconds(_minute(now))
        _ADD.each(connection, [(id, minute, *row.values()) for id, row in found.items()])


def delete_old_rates(connection: Connection, now: datetime) -> None:
    """Deletes rates that nothing looks at any more."""
    connection.execute(delete(rates).where(rates.c.minute < now - RATES_KEPT))


class QuotaRecords:
    """`ports.QuotaStore`."""

    _db: Database

    def reserve_quota(
        self, quota: Quota, run: str, sent: QuotaUse | None, now: datetime
    ) -> tuple[int, datetime | None]:
        with self._db.write() as connection:
            _count_sent(connection, quota.relay, run, sent, now)
            used = _used(connection, quota.relay, now)
            number = reservation_size(remaining_quota(quota, used, now))
            if not number:
                return 0, next_send_at(quota, used, now)
            row = {"relay": quota.relay, "run": run, "minute": _minute(now), "sent": number}
            connection.execute(upsert(relayed), row | {"last": now + RESERVATION_TIME})
            return number, None

    def release_quota(self, relay: str, run: str, sent: QuotaUse | None, now: datetime) -> None:
        with self._db.write() as connection:
            _count_sent(connection, relay, run, sent, now)

    def quota_used(self, relay: str, now: datetime) -> Sequence[QuotaUse]:
        with self._db.read() as connection:
            return _used(connection, relay, now)


def _count_sent(connection: Connection, relay: str, run: str, sent: QuotaUse | None, now: datetime) -> None:
    theirs = relayed.c.relay == relay
    connection.execute(delete(relayed).where(theirs, (relayed.c.run == run) | (relayed.c.last < now - DAY)))
    if sent is None or not sent.sent:
        return
    new = sqlite.insert(relayed)
    more = {"sent": relayed.c.sent + new.excluded.sent, "last": func.max(relayed.c.last, new.excluded.last)}
    added = new.on_conflict_do_update(index_elements=["relay", "run", "minute"], set_=more)
    row = {"relay": relay, "run": "", "minute": _minute(sent.last), "sent": sent.sent, "last": sent.last}
    connection.execute(added, row)


def _used(connection: Connection, relay: str, now: datetime) -> list[QuotaUse]:
    query = select(relayed.c.sent, relayed.c.last).where(relayed.c.relay == relay, relayed.c.last > now - DAY)
    return [QuotaUse(sent=row.sent, last=row.last) for row in connection.execute(query)]


def _minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)
