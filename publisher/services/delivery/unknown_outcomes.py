"""What is in doubt after a run died: the transport is asked; what it cannot tell waits for an operator.

What is in doubt, settled by what a relay's log proves (arrow k).

    ids of what is in doubt -> the log, line by line -> what each line of ours proves -> settled, in parts
        of a few hundred, one transaction each -> [resolve:settled]

Nothing is written before the whole log was read. A kill between two parts leaves the rest in doubt: the same
command settles it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from itertools import islice

from publisher.core.delivery.mailing import (
    FROM_LOG_REPLY,
    DeliveryResult,
    Mailing,
    MailingKind,
    TransitionCause,
    UnknownDelivery,
)
from publisher.core.delivery.relay_logs import DeliveryEvidence, LoggedOutcome, RelayLog
from publisher.core.errors import Refused
from publisher.core.mail.message import SendVerdict
from publisher.core.tokens import address_key
from publisher.services.deps import Deps
from publisher.services.digests.withdrawn_posts import reword, without_withdrawn
from publisher.services.mail.messages import message_id

PART, AT_ONCE = 1_000, 200
"""Deliveries in doubt that are held at a time, a restored store may have a million of them; and that are
decided in one transaction.
"""

TRIES = 2
"""How often a message that one person waits for may be sent when nobody can tell whether it arrived."""

_FOUND = {
    SendVerdict.ACCEPTED: TransitionCause.FOUND_ACCEPTED,
    SendVerdict.REJECTED: TransitionCause.FOUND_REJECTED,
    SendVerdict.DEFERRED: TransitionCause.FOUND_ABSENT,
}


def ask_about_doubts(parts: Deps, now: datetime) -> int:
    """Arrow k for all that is in doubt, where it can be known; once more for what one person waits for.
    Returns how many remain unknown.
    """
    last = 0
    while (id := parts.store.next_mailing_with_unknown(last)) is not None:
        last = id
        mailing = parts.store.mailing(id, counted=False)
        if mailing is not None and (parts.transport.can_look_up or mailing.kind is not MailingKind.DIGEST):
            words = (_late_word(parts, mailing, doubt) for doubt in doubts(parts, id))
            decide(parts, filter(None, words), now)
    return parts.store.count_unknown()


def doubts(parts: Deps, id: int) -> Iterator[UnknownDelivery]:
    """The mailing's deliveries in doubt, in order."""
    part = parts.store.unknown_deliveries(id, limit=PART)
    while part:
        yield from part
        part = parts.store.unknown_deliveries(id, after=part[-1].n, limit=PART)


def decide(parts: Deps, results: Iterable[DeliveryResult], now: datetime) -> int:
    """Writes down what became of some in doubt; how many still were."""
    results, done = iter(results), 0
    while part := list(islice(results, AT_ONCE)):
        done += parts.store.resolve_unknown(part, now)
    return done


def _late_word(parts: Deps, mailing: Mailing, doubt: UnknownDelivery) -> DeliveryResult | None:
    """What is to be done about a doubt; None: an operator decides."""
    known = parts.transport.lookup(*message_id(parts, mailing, doubt.n))
    if known is not None and known.verdict is not SendVerdict.UNKNOWN:
        cause = _FOUND[known.verdict]
        return DeliveryResult(mailing=doubt.mailing, n=doubt.n, cause=cause, reply=known.reply)
    if mailing.kind is MailingKind.DIGEST or doubt.attempts >= TRIES:
        return None
    reply = f"in doubt: sent once more, somebody waits for it; before: {doubt.reply}"[:500]
    return DeliveryResult(mailing=doubt.mailing, n=doubt.n, cause=TransitionCause.RESEND, reply=reply)


_CAUSES = {
    LoggedOutcome.ACCEPTED: TransitionCause.FOUND_ACCEPTED,
    LoggedOutcome.REJECTED: TransitionCause.FOUND_REJECTED,
    LoggedOutcome.NOT_TAKEN: TransitionCause.FOUND_ABSENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledDelivery:
    """A delivery that a log settles, and how."""

    doubt: UnknownDelivery
    became: LoggedOutcome
    reply: str


@dataclass(slots=True, kw_only=True)
class LogReport:
    """What a log came to: lines, those of a known format, when it begins and ends where it says so, and how
    many deliveries were in doubt, and became what.
    """

    lines: int
    understood: int
    first: datetime | None
    last: datetime | None
    before: int
    became: Counter[LoggedOutcome] = field(default_factory=Counter[LoggedOutcome])

    @property
    def remaining(self) -> int:
        """How many are in doubt still."""
        return self.before - self.became.total()


def resolve_by_log(
    parts: Deps,
    mailing: Mailing,
    doubts: Callable[[], Iterable[UnknownDelivery]],
    lines: Iterable[bytes],
    now: datetime,
    *,
    local: tzinfo,
    dry_run: bool,
    told: Callable[[SettledDelivery], None] = lambda _: None,
) -> LogReport:
    """Settles what `lines`, oldest first, prove of `doubts`, which is asked twice; `told` is each of these.
    Raises StoreError, and what `lines` raises, before anything is settled.
    """
    wanted = {_bare(parts, mailing, doubt): doubt.n for doubt in doubts()}
    log = RelayLog(wanted=wanted, since=mailing.created_at, now=now, local=local)
    for line in lines:
        log.read(line)
    first, last = log.covers()
    read = LogReport(lines=log.lines, understood=log.understood, first=first, last=last, before=len(wanted))
    proven = _proven(doubts(), log.found)
    if not dry_run:  # some may go out again: without what was withdrawn since
        with suppress(Refused):  # then `reword` stops it below
            without_withdrawn(parts, mailing.id, now)
    while part := list(islice(proven, AT_ONCE)):
        if not dry_run:
            decide(parts, (_result(parts, one) for one in part), now)
            parts.reach("resolve:settled")
        for one in part:
            read.became[one.became] += 1
            told(one)
    if read.became[LoggedOutcome.NOT_TAKEN] and not dry_run:
        reword(parts, now)
    return read


def _bare(parts: Deps, mailing: Mailing, doubt: UnknownDelivery) -> bytes:
    return message_id(parts, mailing, doubt.n)[1].strip("<>").encode("ascii")


def _proven(
    doubts: Iterable[UnknownDelivery], found: dict[int, DeliveryEvidence]
) -> Iterator[SettledDelivery]:
    for doubt in doubts:
        evidence = found.get(doubt.n)
        # Of a store that was restored nobody knows how often a message was tried after the backup.
        known = None if doubt.reply.startswith(WHY) else doubt.attempts
        proof = evidence.proves(known) if evidence is not None else None
        if proof is not None:
            yield SettledDelivery(doubt=doubt, became=proof[0], reply=proof[1])


def _result(parts: Deps, one: SettledDelivery) -> DeliveryResult:
    reply = FROM_LOG_REPLY if one.became is LoggedOutcome.ACCEPTED else one.reply
    key = address_key(one.doubt.address, parts.ring())
    return DeliveryResult(
        mailing=one.doubt.mailing, n=one.doubt.n, cause=_CAUSES[one.became], reply=reply, key=key
    )


WHY = "the store was restored: it may have been sent after the backup"
