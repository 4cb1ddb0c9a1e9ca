"""When Publisher stops mailing an address: one rule for SMTP replies and for bounces.

A hard refusal is permanent and about the mailbox. A soft one is any other failure about the recipient: a full
mailbox, a domain that cannot be found, a reply that stayed temporary until the last attempt. A failure that
is about the sender, the message or the network, or has no clear cause, never counts against a mailbox.

    hard   `hard_limit` mailings, each refused at least 24 hours after the one before
    soft   `soft_limit` mailings within 30 days; forgotten when a message is accepted

A mailing counts once for an address, however often it was tried. Very many refusals at once are the relay's
fault: the mailing is paused, and its refusals count only if an operator says so.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from publisher.core.delivery.mailing import GIVEN_UP, MailingHold, MailingState, RefusalRuling
from publisher.core.delivery.reply_classification import SENDER_CODES, SENDER_WORDS, Blame, blame_by_words
from publisher.core.patterns import lazy


class Severity(StrEnum):
    """What a failure tells about a mailbox."""

    HARD = "hard"  # it does not exist, or takes no mail any more
    SOFT = "soft"  # it did not take this message


HARD_CODES = frozenset({"5.1.1", "5.1.6", "5.1.10", "5.2.1"})
"""No such mailbox; moved, no forwarding address (RFC 3463 3.2); null MX (RFC 7505 3); disabled
(RFC 3463 3.3).
"""

_REPLY = lazy(rf"(?:{GIVEN_UP.pattern})?([45])\d\d(?:[ -](.*))?", re.DOTALL)
_LEADING_CODE = lazy(r"([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_CODE_IN_PARENTHESES = lazy(r"#([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
"""An enhanced code comes first (RFC 2034 4); qmail writes it at the end, as in "(#5.1.1)"."""

_RATE_LIMITED = lazy(r"\btoo (?:quickly|fast|many)|\bat a rate\b|\brate limit", re.IGNORECASE)
"""Gmail also sends 5.2.1 for a mailbox that is receiving too much mail right now."""


def bounce_severity(reply: str) -> Severity | None:
    """What the reply that ended a delivery says about the mailbox, such as "550 5.1.1 no such user"; None if
    nothing. Publisher's own texts, which begin with no reply code, say nothing.
    """
    found = _REPLY.fullmatch(reply)
    if found is None:
        return None
    permanent, words = found[1] == "5", found[2] or ""
    code = _LEADING_CODE.match(words) or _CODE_IN_PARENTHESES.search(words)
    said = " ".join(word for word in words.split() if "@" not in word)  # a reader may be called spam@...
    if code is None or code[2] == "0":
        return Severity.SOFT if blame_by_words(said) is Blame.READER else None
    detail = f"{code[2]}.{code[3]}"
    if code[2] not in ("1", "2") or detail in SENDER_CODES or (detail == "1.0" and SENDER_WORDS.search(said)):
        return None
    temporary = detail == "2.1" and _RATE_LIMITED.search(said)
    hard = permanent and code[0].removeprefix("#") in HARD_CODES and not temporary
    return Severity.HARD if hard else Severity.SOFT


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxRefusal:
    """A mailing that an address refused, recorded once. `counts` is None while the mailing is under way or
    held, and False if it never will count because very many were refused at once.
    """

    mailing: int
    severity: Severity
    at: datetime
    reply: str = ""
    counts: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceLimits:
    """How many refusals end mail to an address (`mail.bounces.hard_limit`, `soft_limit`)."""

    hard: int = 2
    soft: int = 5


MIN_HARD_INTERVAL = timedelta(hours=24)
"""The least time between hard refusals that count: a server's bad day counts once."""

SOFT_WINDOW, HARD_WINDOW = timedelta(days=30), timedelta(days=180)
"""How long a refusal is remembered."""


def count_refusals(refusals: Sequence[MailboxRefusal], severity: Severity) -> int:
    """How many of an address's refusals count towards the limit of this severity."""
    those = sorted((one for one in refusals if one.severity is severity), key=lambda one: one.at)
    if not those:
        return 0
    if severity is Severity.SOFT:
        return sum(one.at > those[-1].at - SOFT_WINDOW for one in those)
    number, last = 1, those[0].at
    for one in those:
        if one.at - last >= MIN_HARD_INTERVAL:
            number, last = number + 1, one.at
    return number


def limit_reached(refusals: Sequence[MailboxRefusal], limits: BounceLimits) -> Severity | None:
    """The limit that these refusals of one address reach; None: it is mailed further on."""
    if count_refusals(refusals, Severity.HARD) >= limits.hard:
        return Severity.HARD
    return Severity.SOFT if count_refusals(refusals, Severity.SOFT) >= limits.soft else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalShare:
    """How many messages were answered for good, how many of them were refused with words about the mailbox,
    and how many there are in all.
    """

    refused: int
    tried: int
    planned: int


EARLY_REFUSALS, EARLY_SAMPLE = 5, 20
MIN_REFUSALS, REFUSED_ONE_IN = 20, 5


def is_mass_refusal(share: RefusalShare) -> bool:
    """Whether so many refusals are the relay's fault, not the readers': more than half of the first 20 (or of
    all, where they are fewer) and 5 at least; or 20, and more than a fifth of those tried.
    """
    most = share.refused >= EARLY_REFUSALS and 2 * share.refused > share.tried >= min(
        share.planned, EARLY_SAMPLE
    )
    return most or (share.refused >= MIN_REFUSALS and REFUSED_ONE_IN * share.refused > share.tried)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedMailing:
    """A mailing with refusals that are not decided yet. `untried`: some of it was not tried yet. While
    `canary` its sample is out, which decides by a rule of its own.
    """

    mailing: int
    state: MailingState
    share: RefusalShare
    untried: bool = False
    hold: MailingHold | None = None
    ruling: RefusalRuling | None = None
    canary: bool = False


REFUSAL_HOLDS = frozenset({MailingHold.REFUSALS, MailingHold.CANARY})
"""Pauses because of too many refusals: an operator decides what these mean."""


def refusal_ruling(refused: RefusedMailing) -> RefusalRuling | None:
    """Whether the refusals of a mailing count; None: not decided yet."""
    if refused.ruling is not None:
        return refused.ruling
    if refused.hold in REFUSAL_HOLDS and refused.state is MailingState.PAUSED:
        return None
    if refused.canary and refused.state is not MailingState.CANCELLED:
        return None
    if is_mass_refusal(refused.share):
        return RefusalRuling.IGNORE
    under_way = refused.state not in (MailingState.DONE, MailingState.CANCELLED)
    return None if under_way and refused.untried else RefusalRuling.COUNT
