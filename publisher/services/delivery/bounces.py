"""Bounces: what mailboxes refused is counted once a mailing has been tried, and who reached a limit is
suppressed.

    refused, not decided -> journal -> suppressed [bounces:suppressed] -> counted [bounces:counted]

A refusal is not decided until its mailing was tried at every reader, and was not stopped because too many
refused it. What is not decided is looked at again after each run, and before the next: a kill between two of
these steps counts nothing twice.
"""

from datetime import datetime, timedelta
from itertools import islice

from publisher.core.delivery.bounces import Refused, reached, ruled, too_many
from publisher.core.delivery.mailing import Hold, MailingState, Ruling
from publisher.core.subscribers.departures import BOUNCE, EVERYWHERE
from publisher.services.deps import Parts
from publisher.services.subscribers.admin import suppress_keys

LATELY = timedelta(hours=24)
"""How far back mails to one reader each are taken together: are very many of them refused?"""

CHUNK = 500
"""Addresses decided in one transaction."""

WHY = "{refused:,} of {tried:,} mailboxes refused it, so the relay may be wrong: look at the replies"


def stop_if_too_many(parts: Parts, mailing: int) -> str:
    """Holds a mailing when so many refuse it that the relay must be wrong. Returns why; empty: it goes on."""
    seen = parts.store.refused(mailing)
    if seen.canary or seen.ruling is not None or not too_many(seen.share):
        return ""
    why = WHY.format(refused=seen.share.refused, tried=seen.share.tried)
    return why if parts.store.hold(mailing, Hold.REFUSALS, why, None) else ""


def judge(parts: Parts, now: datetime) -> int:
    """Decides what can be decided; returns how many addresses were suppressed."""
    return sum(_judge(parts, refused, now) for refused in parts.store.undecided(now - LATELY))


def _judge(parts: Parts, refused: Refused, now: datetime) -> int:
    if refused.state is MailingState.READY and stop_if_too_many(parts, refused.mailing):
        return 0
    ruling = ruled(refused)
    if ruling is Ruling.IGNORE:
        parts.store.decide_refusals(refused.mailing, count=False)
    return _count(parts, refused.mailing, now) if ruling is Ruling.COUNT else 0


def _count(parts: Parts, mailing: int, now: datetime) -> int:
    """Suppresses who reaches a limit, then counts the refusals: in this order a kill loses none."""
    suppressed, by_key = 0, iter(parts.store.refusals(mailing))
    while chunk := list(islice(by_key, CHUNK)):
        gone = [(key, EVERYWHERE) for key, refusals in chunk if reached(refusals, parts.limits)]
        gone = [one for one in gone if not _is_suppressed(parts, one[0])]
        suppress_keys(parts, gone, BOUNCE, now)
        parts.reach("bounces:suppressed")
        suppressed += len(gone)
        parts.store.decide_refusals(mailing, count=True, keys=[key for key, _ in chunk])
        parts.reach("bounces:counted")
    return suppressed


def _is_suppressed(parts: Parts, key: str) -> bool:
    return any(kind == BOUNCE for _, kind, _ in parts.store.blocks(key))
