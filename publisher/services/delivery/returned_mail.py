"""Reads mail that came back, and does what it tells: bounces, complaints, and mail that unsubscribes.

    a bounce       stored with its refusal, one transaction -> `count_bounces` decides, as after SMTP
    a complaint    journal -> suppressed -> stored
    an unsubscribe journal -> ended -> stored

Only what this site has signed tells whom a message is about, so a forged one changes nothing. Every message
is read once, by its SHA-256; killed between two steps, the same message is read again and the rest is done.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from publisher.core.delivery.bounce_reports import (
    MailReport,
    judge_failures,
    read_report,
    reply_in_text,
    reported_delivery,
    unsubscribed_delivery,
)
from publisher.core.delivery.bounces import (
    EARLY_REFUSALS,
    REFUSAL_HOLDS,
    RefusalShare,
    ReportedDelivery,
    ReportEffect,
    ReportKind,
    Severity,
    StoredReport,
    bounce_severity,
    is_mass_refusal,
)
from publisher.core.delivery.mailing import (
    DeliveryState,
    MailingHold,
    MailingState,
    RefusalRuling,
    Transition,
    TransitionCause,
)
from publisher.core.errors import Refused, UsageError
from publisher.core.subscribers.subscription import ALL_LISTS, LEFT, Departure
from publisher.services.delivery.safeguards import count_bounces
from publisher.services.deps import Deps
from publisher.services.subscribers.departures import journal_departures, suppress_keys

COMPLAINT = "complaint"
"""The kind of suppression that a complaint leaves."""

MAX_STORED = 64 * 1024
"""Bytes of a message that are stored."""

COMPLAINTS_TIME = timedelta(days=180)
"""How long complaints about a mailing are counted."""

_ARRIVED = (ReportKind.COMPLAINT, ReportKind.DELIVERED, ReportKind.AUTO_REPLY)
"""What proves that a message reached its reader."""

LegacyVerdict = Callable[[bytes], ReportKind]
"""What a message of an old mail server is, which writes no report: BOUNCE, DELAY or OTHER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMessage:
    """What a message was and what it changed. `delivery` is what it is about. `again`: it was read before;
    then `effect` is what it changed that time.
    """

    kind: ReportKind
    effect: ReportEffect
    delivery: ReportedDelivery | None = None
    severity: Severity | None = None
    reply: str = ""
    again: bool = False


@dataclass(slots=True)
class MailboxTally:
    """How many messages of a mailbox were what and changed what, and how many addresses are suppressed now
    because of refusals.
    """

    read: Counter[tuple[ReportKind, ReportEffect]] = field(
        default_factory=Counter[tuple[ReportKind, ReportEffect]]
    )
    suppressed: int = 0


def read_mailbox(
    deps: Deps,
    messages: Iterable[tuple[bytes, Callable[[bool], None]]],
    now: datetime,
    legacy_verdict: LegacyVerdict,
    *,
    stopping: Callable[[], bool] = lambda: False,
) -> MailboxTally:
    """Does what the messages of a mailbox tell, and decides when all are read: then it shows whether very
    many came at once. Each comes with what to call when it is dealt with: True removes it, False leaves it.
    Raises StoreError, OutputError, and what `messages` raises.
    """
    tally = MailboxTally()
    try:
        for raw, finish in messages:
            if stopping():
                break
            done = _read(deps, raw, now, legacy_verdict, keep=False)
            tally.read[done.kind, done.effect] += 1
            finish(done.effect is not ReportEffect.KEPT)
    finally:
        tally.suppressed = count_bounces(deps, now)
    return tally


def read_returned_mail(deps: Deps, raw: bytes, now: datetime, legacy_verdict: LegacyVerdict) -> ReadMessage:
    """Does what one message tells that came back. What nothing can be made of is kept in the store. Raises
    StoreError or OutputError: then nothing is lost, and the same message should be tried again.
    """
    done = _read(deps, raw, now, legacy_verdict, keep=True)
    count_bounces(deps, now)  # always: the last attempt at a message may have been killed before it decided
    return done


def _read(deps: Deps, raw: bytes, now: datetime, legacy_verdict: LegacyVerdict, *, keep: bool) -> ReadMessage:
    store, ring = deps.adapters.store, deps.process.keyring()
    digest = hashlib.sha256(raw).hexdigest()
    if before := store.report_result(digest):
        return ReadMessage(kind=before[0], effect=before[1], again=True)
    report = read_report(raw)
    leaving = unsubscribed_delivery(report, ring)
    named = leaving or reported_delivery(report, ring)
    delivery = store.reported_delivery(*named) if named else None
    if leaving:
        effect = unsubscribe_reported(deps, delivery, now)
        done = ReadMessage(kind=ReportKind.UNSUBSCRIBE, effect=effect, delivery=delivery)
    elif delivery is not None:
        done = _apply(deps, report, delivery, raw, now, legacy_verdict)
    else:  # signed, and about a reader who was erased: nothing of it is kept
        done = ReadMessage(kind=report.kind, effect=ReportEffect.NOTHING if named else ReportEffect.KEPT)
    if done.effect is ReportEffect.KEPT and not keep:
        return done
    if done.effect is not ReportEffect.NOTHING or (delivery and done.kind is ReportKind.BOUNCE):
        stored = StoredReport(
            digest=digest,
            at=now,
            kind=done.kind,
            effect=done.effect,
            mailing=delivery.mailing if delivery else None,
            n=delivery.n if delivery else None,
            severity=done.severity,
            reply=done.reply,
            message=raw[:MAX_STORED],
        )
        store.record_report(stored, delivery)
        deps.process.failpoint("bounce:recorded")
    if done.effect is ReportEffect.SUPPRESSED and delivery is not None:
        hold_if_many_complain(deps, delivery.mailing, now)
    return done


def _apply(
    deps: Deps,
    report: MailReport,
    delivery: ReportedDelivery,
    raw: bytes,
    now: datetime,
    legacy_verdict: LegacyVerdict,
) -> ReadMessage:
    """What a report about a delivery of ours is and changes."""
    kind, reply, severity = report.kind, "", None
    if kind is ReportKind.BOUNCE:
        reply, severity = judge_failures(report.failures, delivery.address)
    elif kind is ReportKind.OTHER and report.by_server:
        kind = legacy_verdict(raw)
        reply = reply_in_text(report.text) if kind is ReportKind.BOUNCE else ""
        severity = bounce_severity(reply) if reply else None
    effect = act_on_report(deps, delivery, kind, reply, severity, now)
    effect = ReportEffect.KEPT if kind is ReportKind.OTHER else effect
    return ReadMessage(kind=kind, effect=effect, delivery=delivery, severity=severity, reply=reply)


def act_on_report(
    deps: Deps,
    delivery: ReportedDelivery,
    kind: ReportKind,
    reply: str,
    severity: Severity | None,
    now: datetime,
) -> ReportEffect:
    """Does what a report asks for at once: suppresses after a complaint, and settles a delivery in doubt.
    Returns what it changes; a refusal counts when it is stored.
    """
    effect = ReportEffect.NOTHING
    if kind is ReportKind.BOUNCE and severity is not None:
        effect = ReportEffect.COUNTED
    elif kind is ReportKind.COMPLAINT and not delivery.returned:
        effect = ReportEffect.SUPPRESSED
        suppress_keys(deps, [(delivery.address_key, ALL_LISTS)], COMPLAINT, now)
    if delivery.state is DeliveryState.UNKNOWN:
        _settle_unknown(deps, delivery, kind, reply, now)
    return effect


def rule_on_refusals(deps: Deps, id: int, ruling: RefusalRuling, now: datetime) -> int:
    """Decides whether the refusals of a mailing count, those that are reported later too; returns how many
    addresses are suppressed for them. Raises UsageError, or Refused while the mailing is held for them.
    """
    mailing = deps.adapters.store.mailing(id)
    if mailing is None:
        raise UsageError("mailings", f"no mailing {id}", "`publisher mailings list` names them")
    if mailing.state is MailingState.PAUSED and mailing.hold in REFUSAL_HOLDS:
        do = f"`publisher mailings resume {id}`, with --count-refusals if they count, or cancel it"
        raise Refused(f"mailing {id}", "is held because of them, and they are decided with it", do)
    deps.adapters.store.rule_on_refusals(id, ruling)
    if ruling is RefusalRuling.IGNORE:
        deps.adapters.store.decide_refusals(id, count=False)
    return count_bounces(deps, now)


def _settle_unknown(
    deps: Deps, delivery: ReportedDelivery, kind: ReportKind, reply: str, now: datetime
) -> None:
    """Settles a delivery in doubt (k): what came back proves that the relay took the message."""
    cause = TransitionCause.FOUND_REJECTED if kind is ReportKind.BOUNCE else TransitionCause.FOUND_ACCEPTED
    if kind is not ReportKind.BOUNCE and kind not in _ARRIVED:
        return
    words = reply or f"a report came back: {kind}"
    made = Transition(mailing=delivery.mailing, n=delivery.n, cause=cause, reply=words)
    deps.adapters.store.record_transitions([made], now)


def unsubscribe_reported(deps: Deps, delivery: ReportedDelivery | None, now: datetime) -> ReportEffect:
    """Ends the subscription that a mail was sent for. One that a reader began anew since stays."""
    if delivery is None or delivery.returned:
        return ReportEffect.NOTHING
    departure = Departure(
        key=delivery.address_key,
        list=delivery.list,
        kind=LEFT,
        at=now,
        subscription=delivery.subscription,
        generation=delivery.generation,
    )
    journal_departures(deps.adapters.journal, [departure])
    deps.process.failpoint("leave:journaled")
    deps.adapters.store.apply_departures([departure])
    deps.process.failpoint("leave:committed")
    return ReportEffect.UNSUBSCRIBED


def hold_if_many_complain(deps: Deps, mailing: int, now: datetime) -> None:
    """Pauses a mailing under way about which very many complain: its list is wrong, or whoever reports it."""
    store = deps.adapters.store
    counted = store.count_reports(now - COMPLAINTS_TIME, mailing=mailing)
    complaints = sum(number for (kind, _), number in counted.items() if kind is ReportKind.COMPLAINT)
    found = store.mailing(mailing) if complaints >= EARLY_REFUSALS else None
    if found is None:
        return
    tried = found.counts.get(DeliveryState.ACCEPTED, 0) + found.counts.get(DeliveryState.REJECTED, 0)
    if is_mass_refusal(RefusalShare(refused=complaints, tried=tried, planned=found.planned)):
        why = f"{complaints:,} readers called it spam: look at where its list comes from"
        store.pause(mailing, MailingHold.REFUSALS, why, None)
