"""Refusals by address: which mailings a mailbox refused, and whether it counts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Row,
    Table,
    and_,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)

from publisher.core.delivery.bounces import (
    EARLY_REFUSALS,
    HARD_WINDOW,
    SOFT_WINDOW,
    MailboxRefusal,
    RefusalShare,
    RefusedMailing,
    Severity,
    bounce_severity,
)
from publisher.core.delivery.mailing import DeliveryState, MailingKind, Transition, TransitionCause
from publisher.stores.sql.database import Database, insert_new, slices
from publisher.stores.sql.delivery.batches import counts_by_mailing, deliveries_of
from publisher.stores.sql.delivery.throttle_state import rates
from publisher.stores.sql.schema.columns import (
    NOT_OVER,
    EnumMember,
    HexDigest,
    HumanText,
    Instant,
    allowed_values,
    index_where,
    metadata,
)
from publisher.stores.sql.schema.subscriber_tables import subscribers
from publisher.stores.sql.schema.tables import batches, deliveries, mailings

bounces = Table(
    "bounces",
    metadata,
    Column("address_key", HexDigest, primary_key=True),
    Column("mailing", BigInteger, primary_key=True, autoincrement=False),
    Column("severity", EnumMember(Severity), nullable=False),
    Column("at", Instant, nullable=False),
    Column("reply", HumanText, nullable=False),
    Column("counts", Boolean),  # null: not decided yet
    allowed_values("severity", Severity),
    sqlite_with_rowid=False,
)
index_where("ix_bounces_undecided", bounces.c.counts.is_(None), bounces.c.mailing)


class BounceRecords:
    """`ports.BounceStore`."""

    _db: Database

    def mailings_with_undecided_refusals(self, since: datetime) -> Sequence[RefusedMailing]:
        ids = select(bounces.c.mailing).where(bounces.c.counts.is_(None)).distinct()
        with self._db.read() as connection:
            rows = connection.execute(select(mailings).where(mailings.c.id.in_(ids))).all()
            alone = None
            if any(row.kind is not MailingKind.DIGEST for row in rows):
                alone = _share_of_single_mails(connection, since)
            return [_refused_mailing(connection, row, alone) for row in rows]

    def refused_mailing(self, mailing: int) -> RefusedMailing:
        with self._db.read() as connection:
            row = connection.execute(select(mailings).where(mailings.c.id == mailing)).one()
            return _refused_mailing(connection, row, None)

    def undecided_refusals(self, mailing: int) -> Iterator[tuple[str, Sequence[MailboxRefusal]]]:
        open_ = and_(bounces.c.mailing == mailing, bounces.c.counts.is_(None))
        keys = select(bounces.c.address_key).where(open_)
        these = bounces.c.address_key.in_(keys)
        query = select(bounces).where(these, or_(open_, bounces.c.counts)).order_by(bounces.c.address_key)
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        for key, group in groupby(rows, key=lambda row: str(row.address_key)):
            yield key, [_refusal(row) for row in group]

    def refusals_of(self, key: str) -> Sequence[MailboxRefusal]:
        query = select(bounces).where(bounces.c.address_key == key).order_by(bounces.c.at, bounces.c.mailing)
        with self._db.read() as connection:
            return [_refusal(row) for row in connection.execute(query)]

    def count_refusals(self, mailing: int) -> Mapping[tuple[Severity, bool | None], int]:
        what = (bounces.c.severity, bounces.c.counts)
        query = select(*what, func.count()).where(bounces.c.mailing == mailing).group_by(*what)
        with self._db.read() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query)}

    def decide_refusals(self, mailing: int, *, count: bool, keys: Sequence[str] | None = None) -> int:
        these = update(bounces).where(bounces.c.mailing == mailing, bounces.c.counts.is_(None))
        decided = 0
        with self._db.write() as connection:
            for part in [None] if keys is None else slices(keys):
                some = these if part is None else these.where(bounces.c.address_key.in_(part))
                decided += connection.execute(some.values(counts=count)).rowcount
        return decided


def record_refusals(connection: Connection, results: Sequence[Transition], now: datetime) -> None:
    """Writes down what was refused, once for each address and mailing; and after an acceptance forgets what
    counted softly. What moved no row of the ledger is not noted.
    """
    for result in results:
        if result.cause in (TransitionCause.ACCEPT, TransitionCause.FOUND_ACCEPTED):
            soft = bounces.c.severity == Severity.SOFT
            connection.execute(delete(bounces).where(bounces.c.address_key == result.key, soft))
        elif result.cause in (TransitionCause.REJECT, TransitionCause.FOUND_REJECTED) and (
            severity := bounce_severity(result.reply)
        ):
            values: dict[str, Any] = {"address_key": result.key, "mailing": result.mailing, "counts": None}
            values |= {"severity": severity, "at": now, "reply": result.reply}
            row = {name: literal(value, bounces.c[name].type) for name, value in values.items()}
            this = (deliveries.c.mailing == result.mailing, deliveries.c.n == result.n)
            ended = select(*row.values()).where(*this, deliveries.c.state == DeliveryState.REJECTED)
            connection.execute(insert_new(bounces).from_select(list(row), ended))


def delete_refusals(connection: Connection, *which: ColumnElement[bool]) -> None:
    """Deletes the refusals that match."""
    connection.execute(delete(bounces).where(*which))


def is_expired(now: datetime) -> ColumnElement[bool]:
    """Whether a refusal is too old to matter."""
    soft = and_(bounces.c.severity == Severity.SOFT, bounces.c.at < now - SOFT_WINDOW)
    return or_(bounces.c.at < now - HARD_WINDOW, soft)


def has_soft_refusal() -> ColumnElement[bool]:
    """Whether a row of `subscribers` refused something for a temporary reason."""
    soft = and_(bounces.c.address_key == subscribers.c.address_key, bounces.c.severity == Severity.SOFT)
    return exists().where(soft).correlate(subscribers)


def _refusal(row: Row[Any]) -> MailboxRefusal:
    names = ("mailing", "severity", "at", "reply", "counts")
    return MailboxRefusal(**{name: getattr(row, name) for name in names})


def _refused_mailing(connection: Connection, row: Row[Any], alone: RefusalShare | None) -> RefusedMailing:
    share = alone if alone and row.kind is not MailingKind.DIGEST else _share_of(connection, row)
    waiting = select(deliveries.c.n).join_from(batches, deliveries, deliveries_of(batches.c))
    waiting = waiting.where(batches.c.mailing == row.id, batches.c.state.in_(NOT_OVER))
    waiting = waiting.where(
        deliveries.c.state.in_((DeliveryState.QUEUED, DeliveryState.CLAIMED, DeliveryState.SENDING))
    )
    waiting = waiting.where(
        or_(deliveries.c.state != DeliveryState.QUEUED, deliveries.c.attempts == 0)
    ).limit(1)
    untried = connection.execute(waiting).first() is not None
    return RefusedMailing(
        mailing=row.id,
        state=row.state,
        hold=row.hold,
        ruling=row.refusals,
        canary=row.canary,
        share=share,
        untried=untried,
    )


def _share_of(connection: Connection, row: Row[Any]) -> RefusalShare:
    """The share that refused one mailing. With too few refusals to matter, the ledger is not counted."""
    refused = select(func.count()).select_from(bounces).where(bounces.c.mailing == row.id)
    number: int = connection.execute(refused).scalar_one()
    if number < EARLY_REFUSALS:
        return RefusalShare(refused=number, tried=number, planned=row.planned)
    by_state = counts_by_mailing(connection, batches.c.mailing == row.id).get(row.id, {})
    tried = by_state.get(DeliveryState.ACCEPTED, 0) + by_state.get(DeliveryState.REJECTED, 0)
    return RefusalShare(refused=number, tried=tried, planned=row.planned)


def _share_of_single_mails(connection: Connection, since: datetime) -> RefusalShare:
    """The share that refused mails to one reader each, since then."""
    single = mailings.c.kind != MailingKind.DIGEST
    refused = select(func.count()).select_from(bounces).join(mailings, mailings.c.id == bounces.c.mailing)
    number = connection.execute(refused.where(single, bounces.c.at > since)).scalar_one()
    tried = select(func.coalesce(func.sum(rates.c.accepted + rates.c.refused), 0))
    tried = tried.join_from(rates, mailings, mailings.c.id == rates.c.mailing)
    answered = int(connection.execute(tried.where(single, rates.c.minute > since)).scalar_one())
    answered = max(number, answered)
    return RefusalShare(refused=number, tried=answered, planned=answered)
