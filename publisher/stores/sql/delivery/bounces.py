"""Refusals by address: which mailings a mailbox refused, and whether it counts; and the mail that came back.

A refusal is a server's reply by SMTP, or was told by a report after the relay had accepted the message. An
acceptance by the relay ends what counted softly by SMTP, but nothing that was reported: it was accepted then
too. What was reported softly ends when a later message was accepted and `REPORT_TIME` has passed without a
report about it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    LargeBinary,
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
    ReportedDelivery,
    ReportEffect,
    ReportKind,
    Severity,
    StoredReport,
    bounce_severity,
)
from publisher.core.delivery.mailing import (
    DeliveryState,
    MailingKind,
    RefusalRuling,
    Transition,
    TransitionCause,
)
from publisher.core.delivery.relays import MailProvider
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.stores.sql.database import Database, insert_new, slices
from publisher.stores.sql.delivery.batches import counts_by_mailing, deliveries_of
from publisher.stores.sql.delivery.retention import receipts
from publisher.stores.sql.delivery.throttle_state import rates
from publisher.stores.sql.schema.columns import (
    NOT_OVER,
    EnumMember,
    HexDigest,
    HumanText,
    Id,
    Instant,
    allowed_values,
    index_where,
    metadata,
)
from publisher.stores.sql.schema.subscriber_tables import NOBODY, subscribers, subscriptions
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
    Column("reported", Boolean),  # whether a report told it; null: no
    Column("final", Boolean),  # whether one is enough; null: no
    allowed_values("severity", Severity),
    sqlite_with_rowid=False,
)
index_where("ix_bounces_undecided", bounces.c.counts.is_(None), bounces.c.mailing)


bounce_reports = Table(
    "bounce_reports",
    metadata,
    Column("id", Id, primary_key=True),
    Column("digest", HexDigest, nullable=False, unique=True),
    Column("at", Instant, nullable=False, index=True),
    Column("kind", EnumMember(ReportKind), nullable=False),
    Column("effect", EnumMember(ReportEffect), nullable=False),
    Column("address_key", HexDigest),  # null: nothing in it is signed by this site
    Column("mailing", BigInteger, index=True),
    Column("n", BigInteger),
    Column("severity", EnumMember(Severity)),
    Column("reply", HumanText, nullable=False),
    Column("message", LargeBinary),  # as it came; null: mail.bounces.retention has passed
    Column("provider", EnumMember(MailProvider)),  # whose webhook told it; null: a message
    allowed_values("kind", ReportKind),
    allowed_values("effect", ReportEffect),
)
index_where(
    "ix_bounce_reports_address_key", bounce_reports.c.address_key.is_not(None), bounce_reports.c.address_key
)
index_where("ix_bounce_reports_bodies", bounce_reports.c.message.is_not(None), bounce_reports.c.at)

MAX_KEPT = 1_000
"""Messages that nothing could be made of, which are kept for an operator; of more, the newest."""

REPORT_TIME = timedelta(days=6)
"""After this time no report is expected: servers try for five days (RFC 5321 4.5.4.1)."""

_REPORTED = tuple(field.name for field in fields(ReportedDelivery))
_REPORT = ("digest", "at", "kind", "effect", "mailing", "n", "severity", "reply", "message", "provider")


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

    def undecided_refusals(
        self, mailing: int, *, final: bool = False
    ) -> Iterator[tuple[str, Sequence[MailboxRefusal]]]:
        open_ = and_(bounces.c.mailing == mailing, bounces.c.counts.is_(None))
        open_ = and_(open_, bounces.c.final) if final else open_
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

    def rule_on_refusals(self, mailing: int, ruling: RefusalRuling) -> None:
        with self._db.write() as connection:
            this = update(mailings).where(mailings.c.id == mailing)
            connection.execute(this.values(refusals=ruling))

    def reported_delivery(self, mailing: int, n: int) -> ReportedDelivery | None:
        names = ("mailing", "n", "subscription", "generation")
        rest = (mailings.c.kind, mailings.c.list, subscribers.c.address, subscribers.c.address_key)
        subscribed = subscriptions.c.state != SubscriptionState.UNSUBSCRIBED
        with self._db.read() as connection:
            for table, state, at in (
                (deliveries, deliveries.c.state, deliveries.c.changed_at),
                (receipts, literal(DeliveryState.ACCEPTED, deliveries.c.state.type), mailings.c.created_at),
            ):
                what = [table.c[name] for name in names]
                again = and_(subscribed, subscriptions.c.generation != table.c.generation)
                query = select(*what, *rest, state.label("state"), at.label("at"), again.label("returned"))
                query = query.join(mailings, mailings.c.id == table.c.mailing)
                query = query.join(subscriptions, subscriptions.c.id == table.c.subscription)
                query = query.join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
                query = query.where(table.c.mailing == mailing, table.c.n == n)
                query = query.where(subscribers.c.address.not_like(f"%@{NOBODY}"))
                if (row := connection.execute(query).first()) is not None:
                    return ReportedDelivery(**{name: getattr(row, name) for name in _REPORTED})
        return None

    def report_result(self, digest: str) -> tuple[ReportKind, ReportEffect] | None:
        known = select(bounce_reports.c.kind, bounce_reports.c.effect)
        with self._db.read() as connection:
            row = connection.execute(known.where(bounce_reports.c.digest == digest)).first()
        return None if row is None else (row[0], row[1])

    def record_report(self, report: StoredReport, delivery: ReportedDelivery | None) -> bool:
        values: dict[str, Any] = {name: getattr(report, name) for name in _REPORT}
        values["address_key"] = delivery.address_key if delivery else None
        with self._db.write() as connection:
            if not connection.execute(insert_new(bounce_reports), values).rowcount:
                return False
            if delivery is None:
                kept = select(bounce_reports.c.id).where(bounce_reports.c.address_key.is_(None))
                old = kept.order_by(bounce_reports.c.id.desc()).offset(MAX_KEPT)
                connection.execute(delete(bounce_reports).where(bounce_reports.c.id.in_(old)))
            elif report.severity is not None:
                _record_reported(connection, report, report.severity, delivery)
        return True

    def reports_of(self, key: str) -> Sequence[StoredReport]:
        return self._reports(bounce_reports.c.address_key == key)

    def kept_messages(self) -> Sequence[StoredReport]:
        return self._reports(bounce_reports.c.effect == ReportEffect.KEPT)

    def _reports(self, which: ColumnElement[bool]) -> Sequence[StoredReport]:
        query = select(bounce_reports).where(which).order_by(bounce_reports.c.id)
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        return [StoredReport(**{name: getattr(row, name) for name in _REPORT}) for row in rows]

    def count_reports(
        self, since: datetime, *, mailing: int | None = None
    ) -> Mapping[tuple[ReportKind, ReportEffect], int]:
        what = (bounce_reports.c.kind, bounce_reports.c.effect)
        query = select(*what, func.count()).where(bounce_reports.c.at >= since).group_by(*what)
        if mailing is not None:
            query = query.where(bounce_reports.c.mailing == mailing)
        with self._db.read() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query)}

    def forget_reports(self, bodies_before: datetime, now: datetime) -> int:
        bodies = and_(bounce_reports.c.message.is_not(None), bounce_reports.c.at < bodies_before)
        old = bounce_reports.c.at < now - HARD_WINDOW
        with self._db.read() as connection:  # usually there is none: keep nobody from writing
            if (
                connection.execute(select(bounce_reports.c.id).where(or_(bodies, old)).limit(1)).first()
                is None
            ):
                return 0
        with self._db.write() as connection:
            unread = and_(bodies, bounce_reports.c.address_key.is_(None))
            gone = connection.execute(delete(bounce_reports).where(or_(old, unread))).rowcount
            return (
                gone + connection.execute(update(bounce_reports).where(bodies).values(message=None)).rowcount
            )


def delete_reports(connection: Connection, key: str, address: str = "") -> None:
    """Deletes the reports about an address, and those kept for an operator that hold it in whatever case."""
    connection.execute(delete(bounce_reports).where(bounce_reports.c.address_key == key))
    if address:
        kept = select(bounce_reports.c.id, bounce_reports.c.message)
        kept = kept.where(bounce_reports.c.address_key.is_(None), bounce_reports.c.message.is_not(None))
        word = address.lower().encode()
        holding = [row.id for row in connection.execute(kept) if word in bytes(row.message).lower()]
        connection.execute(delete(bounce_reports).where(bounce_reports.c.id.in_(holding)))


def _record_reported(
    connection: Connection, report: StoredReport, severity: Severity, delivery: ReportedDelivery
) -> None:
    """Records what a report tells: once for each address and mailing, with the time the message was sent, so
    that reports about the mail of two days count as two although they are read in one minute.
    """
    key = delivery.address_key
    sent_at = min(delivery.at, report.at)
    if severity is Severity.SOFT:
        theirs = deliveries.join(subscriptions, subscriptions.c.id == deliveries.c.subscription)
        theirs = theirs.join(subscribers, subscribers.c.id == subscriptions.c.subscriber)
        other = bounces.alias()
        arrived_since = (
            exists()
            .select_from(theirs)
            .where(
                subscribers.c.address_key == key,
                deliveries.c.state == DeliveryState.ACCEPTED,
                deliveries.c.changed_at > bounces.c.at,
                deliveries.c.changed_at < sent_at,
                deliveries.c.changed_at < report.at - REPORT_TIME,
                deliveries.c.mailing.not_in(select(other.c.mailing).where(other.c.address_key == key)),
            )
        )
        soft = (bounces.c.address_key == key, bounces.c.severity == Severity.SOFT, bounces.c.reported)
        delete_refusals(connection, *soft, arrived_since.correlate(bounces))
    values = {"address_key": key, "mailing": delivery.mailing, "severity": severity, "at": sent_at}
    values |= {"reply": report.reply, "counts": None, "reported": True, "final": report.final or None}
    if not connection.execute(insert_new(bounces), values).rowcount and report.final:
        known = update(bounces).where(bounces.c.address_key == key, bounces.c.mailing == delivery.mailing)
        known = known.where(bounces.c.counts.is_not(False))  # nor does it count now
        connection.execute(known.values(severity=severity, reply=report.reply, counts=None, final=True))


def record_refusals(connection: Connection, results: Sequence[Transition], now: datetime) -> None:
    """Writes down what was refused, once for each address and mailing; and after an acceptance forgets what
    counted softly. What moved no row of the ledger is not noted.
    """
    for result in results:
        if result.cause in (TransitionCause.ACCEPT, TransitionCause.FOUND_ACCEPTED):
            soft = and_(bounces.c.severity == Severity.SOFT, bounces.c.reported.is_not(True))
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
    soft = and_(
        bounces.c.address_key == subscribers.c.address_key,
        bounces.c.severity == Severity.SOFT,
        bounces.c.reported.is_not(True),
    )
    return exists().where(soft).correlate(subscribers)


def _refusal(row: Row[Any]) -> MailboxRefusal:
    names = ("mailing", "severity", "at", "reply", "counts")
    values = {name: getattr(row, name) for name in names}
    return MailboxRefusal(**values, reported=bool(row.reported), final=bool(row.final))


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
    reported = select(bounces.c.mailing).where(
        bounces.c.mailing == row.id, bounces.c.counts.is_(None), bounces.c.reported
    )
    return RefusedMailing(
        mailing=row.id,
        state=row.state,
        hold=row.hold,
        ruling=row.refusals,
        canary=row.canary,
        share=share,
        untried=untried,
        reported=connection.execute(reported.limit(1)).first() is not None,
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
