"""What is in doubt after a run died: the transport is asked; what it cannot tell waits for an operator."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice

from publisher.core.delivery.mailing import Cause, InDoubt, Mailing, MailingKind, Result
from publisher.core.mail.message import Verdict
from publisher.services.deps import Parts
from publisher.services.mail.messages import message_id

PART, AT_ONCE = 1_000, 200
"""Deliveries in doubt that are held at a time, a restored store may have a million of them; and that are
decided in one transaction.
"""

TRIES = 2
"""How often a message that one person waits for may be sent when nobody can tell whether it arrived."""

_FOUND = {
    Verdict.ACCEPTED: Cause.FOUND_ACCEPTED,
    Verdict.REJECTED: Cause.FOUND_REJECTED,
    Verdict.DEFERRED: Cause.FOUND_ABSENT,
}


def ask_about_doubts(parts: Parts, now: datetime) -> int:
    """Arrow k for all that is in doubt, where it can be known; once more for what one person waits for.
    Returns how many remain unknown.
    """
    last = 0
    while (id := parts.store.next_doubtful(last)) is not None:
        last = id
        mailing = parts.store.mailing(id, counted=False)
        if mailing is not None and (parts.transport.recalls or mailing.kind is not MailingKind.DIGEST):
            words = (_late_word(parts, mailing, doubt) for doubt in doubts(parts, id))
            decide(parts, filter(None, words), now)
    return parts.store.doubtful()


def doubts(parts: Parts, id: int) -> Iterator[InDoubt]:
    """The mailing's deliveries in doubt, in order."""
    part = parts.store.in_doubt(id, limit=PART)
    while part:
        yield from part
        part = parts.store.in_doubt(id, after=part[-1].n, limit=PART)


def decide(parts: Parts, results: Iterable[Result], now: datetime) -> int:
    """Writes down what became of some in doubt; how many still were."""
    results, done = iter(results), 0
    while part := list(islice(results, AT_ONCE)):
        done += parts.store.resolve(part, now)
    return done


def _late_word(parts: Parts, mailing: Mailing, doubt: InDoubt) -> Result | None:
    """What is to be done about a doubt; None: an operator decides."""
    known = parts.transport.recall(*message_id(parts, mailing, doubt.n))
    if known is not None and known.verdict is not Verdict.UNKNOWN:
        cause = _FOUND[known.verdict]
        return Result(mailing=doubt.mailing, n=doubt.n, cause=cause, reply=known.reply)
    if mailing.kind is MailingKind.DIGEST or doubt.attempts >= TRIES:
        return None
    reply = f"in doubt: sent once more, somebody waits for it; before: {doubt.reply}"[:500]
    return Result(mailing=doubt.mailing, n=doubt.n, cause=Cause.RESEND, reply=reply)
