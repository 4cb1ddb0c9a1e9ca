"""Signing up: whether confirmation mail may be sent is decided, counted and acted on in one transaction. So
two requests at once count the same as two in a row, and nothing is forgotten at a restart.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from publisher.core.delivery.mailing import NewMailing
from publisher.core.subscribers.confirmation_limits import (
    DOMAIN_WINDOW,
    FORGOTTEN_AFTER,
    MAX_PER_DOMAIN,
    NO_HISTORY,
    ConfirmationHistory,
    SignUpDecision,
    SignUpOutcome,
    SignUpRequest,
    may_ask_again,
    may_send_confirmation,
    record_confirmation,
)
from publisher.core.subscribers.subscription import NewReader, SignupResult, Subscription, SubscriptionState
from publisher.stores.sql.database import Database, insert_new, slices, upsert
from publisher.stores.sql.delivery.bounces import bounces, delete_refusals
from publisher.stores.sql.delivery.mailings import save_segments, start_transactional
from publisher.stores.sql.schema.columns import BLOCKS_ALWAYS, Suppression
from publisher.stores.sql.schema.subscriber_tables import (
    arrivals,
    asked_domains,
    mailboxes,
    subscribers,
    subscriptions,
    suppressions,
)
from publisher.stores.sql.schema.tables import deliveries
from publisher.stores.sql.subscribers.join import join_readers, preview_result
from publisher.stores.sql.subscribers.personal_data import IN_FLIGHT, delete_subscriptions, has_delivery
from publisher.stores.sql.subscribers.subscription_rows import select_subscriptions, subscription_value

RECORD_ATTEMPTS_EVERY = timedelta(days=1)
"""How often attempts of one mailbox are recorded: a flood of them must cost no writes."""


class SignupRecords:
    """`ports.SignUpStore`."""

    _db: Database

    def preview_sign_up(self, request: SignUpRequest, now: datetime) -> SignUpDecision:
        with self._db.read() as connection:
            found = _decide(connection, request, now)
            stale = mailboxes.c.mailbox == request.mailbox, mailboxes.c.tried_at < now - RECORD_ATTEMPTS_EVERY
            noted = connection.execute(select(exists().where(*stale))).scalar()
        if noted and found.answer is not SignUpOutcome.NOTHING:
            with self._db.write() as connection:
                connection.execute(update(mailboxes).where(*stale).values(tried_at=now))
        return found

    def sign_up(
        self, request: SignUpRequest, mail: NewMailing, expected: SignUpDecision, now: datetime
    ) -> SignUpDecision:
        save_segments(self._db, mail.segments)
        with self._db.write() as connection:
            found = _decide(connection, request, now)
            if found != expected or found.answer is not SignUpOutcome.ASK:
                return found
            ids: list[int] = []
            for slug in found.lists:
                [(_, joined)] = join_readers(connection, slug, [request.readers[slug]], request.consent)
                assert joined is not None  # noqa: S101  # `_decide` has seen that it joins
                ids.append(joined.id)
            asked = update(subscriptions).where(subscriptions.c.id.in_(ids)).values(asked_at=now)
            connection.execute(asked)
            history = record_confirmation(_history(connection, request.mailbox) or NO_HISTORY, now)
            row: dict[str, Any] = {"mailbox": request.mailbox, "never_at": history.never, "tried_at": now}
            row |= dict(zip(("sent_1", "sent_2", "sent_3"), (*history.sent, None, None), strict=False))
            connection.execute(upsert(mailboxes), row | {"worn_out": history.worn_out})
            if request.domain:
                connection.execute(delete(asked_domains).where(~_is_recent(now)))
                connection.execute(insert(asked_domains), {"domain": request.domain, "at": now})
            return replace(found, mailing=start_transactional(connection, mail, ids[0], now))

    def resend_confirmation(self, ids: Sequence[int], mail: NewMailing, now: datetime) -> int:
        save_segments(self._db, mail.segments)
        with self._db.write() as connection:
            asked = update(subscriptions).where(subscriptions.c.id.in_(ids)).values(asked_at=now)
            connection.execute(asked)
            return start_transactional(connection, mail, ids[0], now)

    def pending_in_same_mail(self, id: int) -> Sequence[Subscription]:
        this = select(subscriptions.c.subscriber, subscriptions.c.asked_at)
        this = this.where(subscriptions.c.id == id, subscriptions.c.state == SubscriptionState.PENDING)
        with self._db.read() as connection:
            row = connection.execute(this).one_or_none()
            if row is None:
                return []
            theirs = select_subscriptions().where(
                subscriptions.c.subscriber == row.subscriber,
                subscriptions.c.state == SubscriptionState.PENDING,
                (subscriptions.c.id == id) | (subscriptions.c.asked_at == row.asked_at),
            )
            found = connection.execute(theirs.order_by(subscriptions.c.id == id, subscriptions.c.id))
            return [subscription_value(row) for row in found]

    def moved_subscription(self, id: int) -> Subscription | None:
        went = select(arrivals.c.subscription).where(arrivals.c.was == id).scalar_subquery()
        with self._db.read() as connection:
            row = connection.execute(select_subscriptions().where(subscriptions.c.id == went)).one_or_none()
        return subscription_value(row) if row else None

    def confirmation_history(self, mailbox: str) -> ConfirmationHistory | None:
        with self._db.read() as connection:
            return _history(connection, mailbox)

    def opted_out_mailboxes(self, keys: Sequence[str]) -> set[str]:
        # Keys go beside the statement: SQLAlchemy caches statements, and would keep their values.
        among = mailboxes.c.mailbox.in_(bindparam("some", expanding=True))
        never = select(mailboxes.c.mailbox).where(mailboxes.c.never_at.is_not(None), among)
        found: set[str] = set()
        with self._db.read() as connection:
            for some in slices(keys):
                found.update(connection.scalars(never, {"some": some}))
        return found

    def opt_out_of_confirmations(self, mailbox: str, pending: Sequence[int], now: datetime) -> None:
        row = {"mailbox": mailbox, "worn_out": False, "tried_at": now}
        first = (mailboxes.c.mailbox == mailbox) & mailboxes.c.never_at.is_(None)
        theirs = select_subscriptions().where(
            subscriptions.c.id.in_(pending), subscriptions.c.state == SubscriptionState.PENDING
        )
        with self._db.write() as connection:
            connection.execute(insert_new(mailboxes), row)
            connection.execute(update(mailboxes).where(first).values(never_at=now))
            rows = connection.execute(theirs).all()
            for one in rows:
                left = {"address_key": one.address_key, "list": one.list, "kind": Suppression.LEFT, "at": now}
                connection.execute(insert_new(suppressions), left)
            ids = [one.id for one in rows]
            in_flight = select(subscriptions.c.id).where(
                subscriptions.c.id.in_(ids), has_delivery(deliveries.c.state.in_(IN_FLIGHT))
            )
            busy = set(connection.scalars(in_flight))
            ended = update(subscriptions).where(subscriptions.c.id.in_(busy))
            connection.execute(ended.values(state=SubscriptionState.UNSUBSCRIBED))
            delete_subscriptions(connection, [(r.id, r.subscriber) for r in rows if r.id not in busy])

    def lift_blocks(self, key: str, mailbox: str, until: datetime) -> Sequence[str]:
        theirs = (suppressions.c.address_key == key, suppressions.c.at <= until)
        blocks = (*theirs, suppressions.c.kind.in_(BLOCKS_ALWAYS))
        counted = (mailboxes.c.mailbox == mailbox, func.coalesce(mailboxes.c.never_at, 0) <= until)
        with self._db.write() as connection:
            kinds = connection.scalars(select(suppressions.c.kind).where(*blocks).distinct()).all()
            history = _history(connection, mailbox)
            gone = connection.execute(delete(mailboxes).where(*counted)).rowcount
            connection.execute(delete(suppressions).where(*blocks))
            delete_refusals(connection, bounces.c.address_key == key, bounces.c.at <= until)
        names = sorted(kind.value for kind in kinds)
        if gone and history is not None:
            names.append("never ask again" if history.never else "confirmation mails")
        return names

    def reset_confirmation_history(self, mailbox: str) -> None:
        this = mailboxes.c.mailbox == mailbox
        never = dict.fromkeys(("sent_1", "sent_2", "sent_3")) | {"worn_out": False}
        with self._db.write() as connection:
            connection.execute(delete(mailboxes).where(this, mailboxes.c.never_at.is_(None)))
            connection.execute(
                update(mailboxes).where(this).values(never | {"tried_at": mailboxes.c.never_at})
            )

    def prune_confirmation_history(self, now: datetime) -> int:
        old = (mailboxes.c.never_at.is_(None), mailboxes.c.tried_at < now - FORGOTTEN_AFTER)
        over = exists().where(*old) | exists().where(~_is_recent(now))
        with self._db.read() as connection:
            if not connection.execute(select(over)).scalar():
                return 0
        with self._db.write() as connection:
            connection.execute(delete(asked_domains).where(~_is_recent(now)))
            return connection.execute(delete(mailboxes).where(*old)).rowcount


def _decide(connection: Connection, request: SignUpRequest, now: datetime) -> SignUpDecision:
    asks = tuple(
        slug
        for slug, reader in request.readers.items()
        if _needs_mail(connection, slug, reader, request, now)
    )
    if not asks:
        return SignUpDecision(answer=SignUpOutcome.NOTHING)
    history = _history(connection, request.mailbox) or NO_HISTORY
    if history.never:
        return SignUpDecision(answer=SignUpOutcome.NEVER)
    if not may_send_confirmation(history, now):
        return SignUpDecision(answer=SignUpOutcome.MAILBOX)
    if request.domain:
        recent = select(func.count()).where(asked_domains.c.domain == request.domain, _is_recent(now))
        if connection.execute(recent).scalar_one() >= MAX_PER_DOMAIN:
            return SignUpDecision(answer=SignUpOutcome.DOMAIN)
    return SignUpDecision(answer=SignUpOutcome.ASK, lists=asks)


def _needs_mail(
    connection: Connection, slug: str, reader: NewReader, request: SignUpRequest, now: datetime
) -> bool:
    """Whether signing up to one list takes a confirmation mail."""
    joined = preview_result(connection, slug, reader)
    if joined is not SignupResult.ALREADY:
        return joined is not SignupResult.LEFT
    query = select_subscriptions().where(
        subscribers.c.address_key == reader.key, subscriptions.c.list == slug
    )
    found = subscription_value(connection.execute(query).one())
    return found.state is SubscriptionState.PENDING and may_ask_again(found.asked_at, now)


def _history(connection: Connection, mailbox: str) -> ConfirmationHistory | None:
    row = connection.execute(select(mailboxes).where(mailboxes.c.mailbox == mailbox)).one_or_none()
    if row is None:
        return None
    sent = tuple(at for at in (row.sent_1, row.sent_2, row.sent_3) if at is not None)
    return ConfirmationHistory(sent=sent, worn_out=row.worn_out, never=row.never_at)


def _is_recent(now: datetime) -> ColumnElement[bool]:
    """Whether a row of `asked_domains` counts. A row far in the future was written by a wrong clock, and does
    not.
    """
    return and_(asked_domains.c.at > now - DOMAIN_WINDOW, asked_domains.c.at < now + DOMAIN_WINDOW)
