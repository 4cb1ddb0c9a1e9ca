"""The one writer of deliveries: every change of a delivery's state is a transition that
`core.delivery.mailing.TRANSITIONS` allows, made by an UPDATE that `update_for` builds.

The UPDATE names the states that the transition may start from, so a delivery that has changed meanwhile is
left alone. `record` makes transitions of single deliveries; modules that claim, release, cancel or erase
many at once execute `update_for` with a condition of their own.

Who may be mailed is decided here too, by the same conditions when a mailing is planned (`is_suppressed`) and
just before a message is sent (`may_be_sent`).
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Update, and_, case, exists, func, or_, select, update

from publisher.core.delivery.mailing import (
    DeliveryState,
    MailingHold,
    MailingKind,
    MailingState,
    Transition,
    TransitionCause,
    next_state,
    states_before,
)
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.stores.sql.database import PreparedStatement, Row, execute_each, row_value
from publisher.stores.sql.delivery.batches import batch_with, reschedule_batch
from publisher.stores.sql.delivery.bounces import record_refusals
from publisher.stores.sql.delivery.throttle_state import count_results
from publisher.stores.sql.schema.columns import (
    BLOCKS_ALWAYS,
    EVERYWHERE,
    BatchState,
    milliseconds,
    storable_text,
)
from publisher.stores.sql.schema.subscriber_tables import subscribers, subscriptions, suppressions
from publisher.stores.sql.schema.tables import batches, deliveries, mailings

_APPLIES = or_(suppressions.c.list == EVERYWHERE, suppressions.c.list == subscriptions.c.list)


def is_suppressed() -> ColumnElement[bool]:
    """Whether the address of a row of `subscriptions` is suppressed on its list or everywhere.

    A correlated EXISTS: two index look-ups for each reader considered, however many suppressions there are.
    """
    return (
        exists()
        .where(
            subscribers.c.id == subscriptions.c.subscriber,
            suppressions.c.address_key == subscribers.c.address_key,
            _APPLIES,
        )
        .correlate(subscriptions)
    )


def may_be_sent() -> ColumnElement[bool]:
    """Whether a row of `deliveries` may still be sent: its mailing runs, and the subscription it was planned
    for is of the same generation, in the right state, and not suppressed. `left` and `erased` do not stop
    confirmation mail, which may lift them, nor a link to one's own data, which is owed to those who left.
    """
    # A mailing that is paused for a time of day or a quota only starts no message; what was begun may end.
    only_scheduled = and_(
        mailings.c.state == MailingState.PAUSED,
        mailings.c.hold.in_((MailingHold.QUIET, MailingHold.WARM_UP, MailingHold.QUOTA)),
    )
    kind = mailings.c.kind
    asked_for = kind.in_((MailingKind.CONFIRM, MailingKind.ACCOUNT))
    stopped = exists().where(
        suppressions.c.address_key == subscribers.c.address_key,
        _APPLIES,
        or_(~asked_for, suppressions.c.kind.in_(BLOCKS_ALWAYS)),
    )
    pending = subscriptions.c.state == SubscriptionState.PENDING
    right_state = or_(
        and_(~asked_for, subscriptions.c.state == SubscriptionState.ACTIVE),
        and_(kind == MailingKind.CONFIRM, pending),
        and_(kind == MailingKind.ACCOUNT, ~pending),
    )
    return (
        exists()
        .where(
            mailings.c.id == deliveries.c.mailing,
            or_(mailings.c.state == MailingState.READY, only_scheduled),
            subscriptions.c.id == deliveries.c.subscription,
            subscriptions.c.generation == deliveries.c.generation,
            subscribers.c.id == subscriptions.c.subscriber,
            right_state,
            ~stopped.correlate(mailings, subscriptions, subscribers),
        )
        .correlate(deliveries)
    )


_ATTEMPTS = deliveries.c.attempts
_SIDE_EFFECTS: Mapping[TransitionCause, Mapping[str, Any]] = {
    TransitionCause.CLAIM: {"attempts": _ATTEMPTS + 1},
    TransitionCause.RELEASE: {  # a claim that came to nothing does not count as an attempt
        "run": None,
        "attempts": case((_ATTEMPTS > 0, _ATTEMPTS - 1), else_=0),
    },
    TransitionCause.DEFER: {"run": None},
    TransitionCause.RESEND: {"run": None},
    TransitionCause.LEAVE_OUTBOX: {"run": None, "attempts": 0, "not_before": None, "route": None},
    TransitionCause.SEND_AGAIN: {"run": None, "attempts": 0, "not_before": None, "route": None},
    TransitionCause.FOUND_ABSENT: {"run": None},
    TransitionCause.RESTORE: {"attempts": case((_ATTEMPTS > 0, _ATTEMPTS), else_=1)},  # it may have been sent
}
"""What a transition changes besides the state."""


_REPLY_CODE = re.compile(r"[245][0-9]{2}(?: [245]\.[0-9]{1,3}\.[0-9]{1,3})?(?![^\s:])")
"""The codes at the start of a reply (RFC 5321 4.2, RFC 3463)."""


def update_for(cause: TransitionCause, *where: ColumnElement[bool], **values: Any) -> Update:
    """The UPDATE that makes one transition of all deliveries that match `where` and may make it. `values` are
    what it writes besides; `changed_at` is one of them.
    """
    (target,) = {next_state(state, cause) for state in states_before(cause)}
    origin = or_(*(deliveries.c.state == state for state in states_before(cause)))
    return (
        update(deliveries)
        .where(*where, origin)
        .values(state=target, **_SIDE_EFFECTS.get(cause, {}), **values)
    )


def route_update(route: int | None, *where: ColumnElement[bool]) -> Update:
    """The UPDATE of the route of deliveries; their states stay."""
    return update(deliveries).where(*where).values(route=route)


def delete_replies(connection: Connection, subscriptions: Sequence[int]) -> None:
    """Cuts the replies about subscriptions down to their codes: servers name the address in the words."""
    theirs = deliveries.c.subscription.in_(subscriptions)
    replies = select(deliveries.c.reply).where(theirs, deliveries.c.reply != "").distinct()
    for reply in connection.scalars(replies).all():
        code = _REPLY_CODE.match(reply)
        cut = update(deliveries).where(theirs, deliveries.c.reply == reply)
        connection.execute(cut.values(reply=code[0] if code else ""))


_PARAMETERS = ("of_mailing", "number", "this_run", "at", "words", "wait", "way")


def _prepared(cause: TransitionCause, *where: ColumnElement[bool], **values: Any) -> PreparedStatement:
    this = (deliveries.c.mailing == row_value("of_mailing"), deliveries.c.n == row_value("number"))
    return PreparedStatement(
        update_for(cause, *this, *where, changed_at=row_value("at"), **values), _PARAMETERS
    )


_HELD = deliveries.c.run == row_value("this_run")
_REPLY = {"reply": row_value("words"), "not_before": row_value("wait")}
_REPLY_IF_ANY = _REPLY | {
    "reply": func.coalesce(
        func.nullif(row_value("words", type_=deliveries.c.reply.type), ""), deliveries.c.reply
    )
}
_OF_A_RUN: Mapping[TransitionCause, PreparedStatement] = {
    TransitionCause.INTEND: _prepared(TransitionCause.INTEND, _HELD, may_be_sent(), route=row_value("way")),
    TransitionCause.ACCEPT: _prepared(TransitionCause.ACCEPT, _HELD, **_REPLY),
    TransitionCause.DEFER: _prepared(TransitionCause.DEFER, _HELD, **_REPLY),
    TransitionCause.REJECT: _prepared(TransitionCause.REJECT, _HELD, **_REPLY),
    TransitionCause.LOSE: _prepared(TransitionCause.LOSE, _HELD, **_REPLY),
    TransitionCause.RELEASE: _prepared(
        TransitionCause.RELEASE,
        _HELD,
        not_before=func.coalesce(
            row_value("wait", type_=deliveries.c.not_before.type), deliveries.c.not_before
        ),
    ),
    TransitionCause.CANCEL: _prepared(TransitionCause.CANCEL, _HELD, **_REPLY),
    # Why the intent found nothing is not known: it may have been released and claimed again by this run.
    TransitionCause.SKIP: _prepared(TransitionCause.SKIP, _HELD, ~may_be_sent(), **_REPLY),
}
_OF_UNKNOWN: Mapping[TransitionCause, PreparedStatement] = {
    cause: _prepared(cause, **_REPLY_IF_ANY)
    for cause in TransitionCause
    if states_before(cause) == (DeliveryState.UNKNOWN,)
}
_LATE: Mapping[TransitionCause, PreparedStatement] = {
    TransitionCause.ACCEPT: _prepared(TransitionCause.FOUND_ACCEPTED, _HELD, **_REPLY_IF_ANY),
    TransitionCause.DEFER: _prepared(TransitionCause.FOUND_ABSENT, _HELD, **_REPLY_IF_ANY),
    TransitionCause.REJECT: _prepared(TransitionCause.FOUND_REJECTED, _HELD, **_REPLY_IF_ANY),
}
"""For answers that come after another run took this one for dead, and the delivery is unknown."""

_CANCEL_WITH_MAILING = _prepared(
    TransitionCause.CANCEL,
    exists()
    .where(mailings.c.id == deliveries.c.mailing, mailings.c.state == MailingState.CANCELLED)
    .correlate(deliveries),
)


def record(connection: Connection, transitions: Sequence[Transition], now: datetime, run: str) -> list[bool]:
    """`LedgerStore.record_transitions`, inside a transaction."""
    statements = _OF_A_RUN if run else _OF_UNKNOWN
    at = milliseconds(now)
    causes: list[TransitionCause] = []
    rows: list[Row] = []
    for one in transitions:
        cause = _actual_cause(connection, one) if one.cause is TransitionCause.SKIP else one.cause
        if cause not in statements:
            who = "a run" if run else "an operator"
            raise ValueError(f"{cause!r}: not a transition that {who} makes")
        causes.append(cause)
        wait = None if one.not_before is None else milliseconds(one.not_before)
        rows.append((one.mailing, one.n, run, at, storable_text(one.reply), wait, one.route))
    made = execute_each(connection, [(statements[c], row) for c, row in zip(causes, rows, strict=True)])
    resolved = [] if run else [place for place, done in enumerate(made) if done]  # they were unknown
    if not all(made):
        late = [place for place, done in enumerate(made) if not done and causes[place] in _LATE]
        for place, done in zip(
            late, execute_each(connection, [(_LATE[causes[n]], rows[n]) for n in late]), strict=True
        ):
            made[place] = done
            resolved += [place] if done else []
    if resolved:  # what is queued again, of a cancelled mailing, is cancelled
        execute_each(connection, [(_CANCEL_WITH_MAILING, rows[place]) for place in resolved])
        _recount_batches_of(connection, [transitions[place] for place in resolved], now)
    count_results(connection, transitions, now)
    record_refusals(connection, [one for one in transitions if one.key], now)
    return made


def _actual_cause(connection: Connection, skip: Transition) -> TransitionCause:
    """A delivery not sent because its mailing was stopped is cancelled or waits; it is not skipped."""
    state = connection.execute(select(mailings.c.state).where(mailings.c.id == skip.mailing)).scalar()
    match state:
        case MailingState.CANCELLED:
            return TransitionCause.CANCEL
        case MailingState.PAUSED:
            return TransitionCause.RELEASE
        case _:
            return TransitionCause.SKIP


def _recount_batches_of(connection: Connection, resolved: Sequence[Transition], now: datetime) -> None:
    """Recounts the batches of deliveries that were unknown, each once; one that a run holds is recounted when
    it is released. A mailing that was done is ready again if a delivery of it is queued again.
    """
    recounted: dict[int, int] = {}  # mailing -> the last delivery of its last recounted batch
    for mailing, n in sorted((one.mailing, one.n) for one in resolved):
        if n <= recounted.get(mailing, 0):
            continue
        resting = batches.c.state != BatchState.LEASED
        batch = connection.execute(select(batches).where(batch_with(mailing, n), resting)).one_or_none()
        if batch is not None:
            reschedule_batch(connection, batch, now)
        recounted[mailing] = n if batch is None else batch.hi
    again = exists().where(batches.c.mailing == mailings.c.id, batches.c.state == BatchState.OPEN)
    done = (mailings.c.id.in_(list(recounted)), mailings.c.state == MailingState.DONE)
    connection.execute(update(mailings).where(*done, again).values(state=MailingState.READY))
