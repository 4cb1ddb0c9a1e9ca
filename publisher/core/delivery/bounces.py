"""Refusals and bounces: whose fault a reply is, when Publisher stops mailing an address, and return paths.

A 5xx reply is about the reader's address or about us, by its enhanced code (RFC 3463) and its words. "Us" is
our sender, server, login or message: the next reader would be refused as well. Many servers send no enhanced
code, and some send the same one for everything. If neither code nor words tell, nobody is blamed, and the
refusal counts only together with others.

A hard refusal is permanent and about the mailbox. A soft one is any other failure about the recipient: a full
mailbox, a domain that cannot be found, a reply that stayed temporary until the last attempt. A failure that
is about the sender, the message or the network, or has no clear cause, never counts against a mailbox.

    hard   `hard_limit` mailings, each refused at least 24 hours after the one before
    soft   `soft_limit` mailings within 30 days; forgotten when a message is accepted

A mailing counts once for an address, however often it was tried. Very many refusals at once are the relay's
fault: the mailing is paused, and its refusals count only if an operator says so.

Return paths (VERP): each message has its own envelope sender, so a bounce tells which message it is about.

    bounces+aaaaa2yaaaayc5tnu4q...@example.org
            key(1) mailing(4) n(4) mac(10), in lower-case base32 without padding: 31 characters

A returned message also tells it by its Message-ID, mailing.n.seal@example.org. And mail to the address in its
List-Unsubscribe (`unsubscribe_tag`), which looks like a return path and has a MAC for that purpose, ends the
subscription.

Base32, because some mail servers change the case of a local part. The MAC is HMAC-SHA256 under a key of the
site, bound to this purpose, so nobody can forge a bounce for a mail they never saw.
"""

import base64
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hmac import compare_digest

from publisher.core.addresses import Address
from publisher.core.caching import lazy
from publisher.core.delivery.mailing import (
    GIVEN_UP,
    DeliveryState,
    MailingHold,
    MailingKind,
    MailingState,
    RefusalRuling,
)
from publisher.core.delivery.relays import MailProvider
from publisher.core.errors import TokenError
from publisher.core.tokens import KeyRing, keyed_hash, opaque_id

_CODE = lazy(r"\b5\.(\d{1,3})\.(\d{1,3})\b")

_READER_TOO = frozenset({"7.2", "7.17", "7.18"})
"""Policies about one mailbox: expansion of a list (RFC 3463 3.8), a new owner (RFC 7293 6)."""

SENDER_CODES = frozenset({"1.7", "1.8"})
"""About our sender's address (RFC 3463 3.2)."""

_OURS = frozenset({"3", "5", "6", "7"})
"""RFC 3463 3: the mail system, the protocol, the content, security or policy."""

SENDER_WORDS = lazy(r"\bsender|\bfrom address", re.IGNORECASE)
"""Words that make a 5.1.0 about our sender."""

_CERTAIN = lazy(
    r"\bsender (?:address|identity|signature|domain|is rejected)|\bfrom address|\b(?:not |un)verified"
    r"|\bnot allowed to send|\bunauthenticated|\bsending (?:limit|quota|rate)|\bclient host|\bspamhaus"
    r"|\b(?:rbl|dnsbl|spf|dkim|dmarc)\b|\b(?:black|block|deny)[ -]?list|\bbanned|\bservice unavailable"
    r"|\brelay(?:ing)?\b[^.;]{0,20}\b(?:denied|not permitted|prohibited)|\bunable to relay",
    re.IGNORECASE,
)
"""Words about the sender, its server or its permission."""

_LIKELY = lazy(r"\b(?:blocked|spam|policy|reputation|unsolicited|abuse)", re.IGNORECASE)
"""Words that are about us unless others are about a reader."""

_READER = lazy(
    r"\b(?:user|mailbox|recipient|account|inbox|invalid address|no such|over ?quota)", re.IGNORECASE
)

_ADDRESS = lazy(r"\b(?:address|unknown|exist|inactive|disabled)", re.IGNORECASE)
"""Words that are about a reader unless others are about us."""

HARD_CODES = frozenset({"5.1.1", "5.1.6", "5.1.10", "5.2.1"})
"""No such mailbox; moved, no forwarding address (RFC 3463 3.2); null MX (RFC 7505 3); disabled (RFC 3463
3.3).
"""

_REPLY = lazy(rf"(?:{GIVEN_UP.pattern})?([45])\d\d(?:[ -](.*))?", re.DOTALL)
_LEADING_CODE = lazy(r"([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")

_CODE_IN_PARENTHESES = lazy(r"#([45])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
"""An enhanced code comes first (RFC 2034 4); qmail writes it at the end, as in "(#5.1.1)"."""

_RATE_LIMITED = lazy(r"\btoo (?:quickly|fast|many)|\bat a rate\b|\brate limit", re.IGNORECASE)
"""Gmail also sends 5.2.1 for a mailbox that is receiving too much mail right now."""

MIN_HARD_INTERVAL = timedelta(hours=24)
"""The least time between hard refusals that count: a server's bad day counts once."""

SOFT_WINDOW, HARD_WINDOW = timedelta(days=30), timedelta(days=180)
"""How long a refusal is remembered."""

EARLY_REFUSALS, EARLY_SAMPLE = 5, 20
MIN_REFUSALS, REFUSED_ONE_IN = 20, 5

REFUSAL_HOLDS = frozenset({MailingHold.REFUSALS, MailingHold.CANARY})
"""Pauses because of too many refusals: an operator decides whether they count."""

_LAYOUT = struct.Struct(">BII")
_MAC = 10
_ENVELOPE, _UNSUBSCRIBE = b"envelope\0", b"unsubscribe by mail\0"
_LENGTH = 31
_LARGEST = 2**32 - 1
_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [first + second for first in _LETTERS for second in _LETTERS]
_SHIFTS = range(5 * (_LENGTH - 2), 0, -10)

MAX_LOCAL_PART = 64 - _LENGTH - 1
"""The most characters before the "+": a local part has at most 64 octets (RFC 5321 4.5.3.1.1)."""


class Blame(StrEnum):
    """What caused a refusal."""

    READER = "reader"  # the address, or its mailbox: trying again changes nothing
    US = "us"  # the sender, the server or the message
    NOBODY = "nobody"  # the reply does not tell


def classify_reply(reply: str) -> Blame:
    """Whose fault a 5xx is. Addresses in it are ignored: a reader's may be spam@..."""
    words = " ".join(word for word in reply.split() if "@" not in word)
    found = _CODE.search(words)
    if found is None:
        return blame_by_words(words)
    detail = f"{found[1]}.{found[2]}"
    if found[1] in ("1", "2") or detail in _READER_TOO:
        ours = detail in SENDER_CODES or (detail == "1.0" and SENDER_WORDS.search(words))
        return Blame.US if ours else Blame.READER
    if _CERTAIN.search(words):
        return Blame.US
    ours = found[1] in _OURS or _LIKELY.search(words)
    return Blame.US if ours and not _READER.search(words) else Blame.NOBODY


def blame_by_words(words: str) -> Blame:
    """Whose fault a reply without an enhanced code is."""
    if _CERTAIN.search(words):
        return Blame.US
    if _READER.search(words):
        return Blame.READER
    if _LIKELY.search(words):
        return Blame.US
    return Blame.READER if _ADDRESS.search(words) else Blame.NOBODY


class Severity(StrEnum):
    """What a failure says about a mailbox."""

    HARD = "hard"  # it does not exist, or takes no mail any more
    SOFT = "soft"  # it did not take this message


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
    held, and False if it never will count because very many were refused at once. `reported`: a report told
    it after the relay had taken the message. `final`: the relay's provider said itself that the address is no
    good, so one is enough.
    """

    mailing: int
    severity: Severity
    at: datetime
    reply: str = ""
    counts: bool | None = None
    reported: bool = False
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceLimits:
    """How many refusals end mail to an address (`mail.bounces.hard_limit`, `soft_limit`)."""

    hard: int
    soft: int


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
    """The limit that these refusals of one address reach; None: it is still mailed."""
    final = any(one.final for one in refusals)
    if final or count_refusals(refusals, Severity.HARD) >= limits.hard:
        return Severity.HARD
    return Severity.SOFT if count_refusals(refusals, Severity.SOFT) >= limits.soft else None


class ReportKind(StrEnum):
    """The kind of a returned message."""

    BOUNCE = "bounce"  # the message was not delivered, and nobody tries again
    COMPLAINT = "complaint"  # the reader called it spam
    DELAY = "delay"  # a server still tries
    DELIVERED = "delivered"
    AUTO_REPLY = "auto-reply"
    UNSUBSCRIBE = "unsubscribe"  # mail to the address of `unsubscribe_tag`
    OTHER = "other"


class ReportEffect(StrEnum):
    """The effect of a returned message."""

    COUNTED = "counted"  # as a refusal of that mailing
    SUPPRESSED = "suppressed"
    UNSUBSCRIBED = "unsubscribed"
    NOTHING = "nothing"
    KEPT = "kept"  # aside, for an operator: nothing in it is signed by this site, or it is no report


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedDelivery:
    """The delivery that a report is about, and its reader. `at` is when it was sent. `returned`: the reader
    has left and subscribed again since. An archived one is ACCEPTED.
    """

    mailing: int
    n: int
    kind: MailingKind
    list: str
    subscription: int
    generation: int
    address: str
    address_key: str
    state: DeliveryState
    at: datetime
    returned: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """A message that came back, or what the provider of a relay told by its webhook, as the store keeps it.
    `digest` is its SHA-256, or that of the event's id. `mailing` and `n` are what it is about, None if
    nothing in it is signed. `message` is None once its time is over. `final`: as in MailboxRefusal.
    """

    digest: str
    at: datetime
    kind: ReportKind
    effect: ReportEffect
    mailing: int | None = None
    n: int | None = None
    severity: Severity | None = None
    reply: str = ""
    message: bytes | None = None
    provider: MailProvider | None = None
    final: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusalShare:
    """How many messages have a final reply (`tried`), how many of these were refused because of the mailbox,
    and how many there are in total.
    """

    refused: int
    tried: int
    planned: int


def is_mass_refusal(share: RefusalShare) -> bool:
    """Whether so many refusals must be the relay's fault: at least 5, and more than half of the first 20 (or
    of all, if there are fewer); or at least 20, and more than a fifth of those tried.
    """
    most = share.refused >= EARLY_REFUSALS and 2 * share.refused > share.tried >= min(
        share.planned, EARLY_SAMPLE
    )
    return most or (share.refused >= MIN_REFUSALS and REFUSED_ONE_IN * share.refused > share.tried)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedMailing:
    """A mailing with refusals that are not decided yet. `untried`: some of it was not tried yet. While
    `canary` its sample is out, which decides by a rule of its own. `reported`: reports told some of them.
    """

    mailing: int
    state: MailingState
    share: RefusalShare
    untried: bool = False
    hold: MailingHold | None = None
    ruling: RefusalRuling | None = None
    canary: bool = False
    reported: bool = False


def refusal_ruling(refused: RefusedMailing) -> RefusalRuling | None:
    """Whether the refusals of a mailing count; None: not decided yet. Very many that came as reports are for
    an operator to decide: those of SMTP are never counted.
    """
    if refused.ruling is not None:
        return refused.ruling
    if refused.hold in REFUSAL_HOLDS and refused.state is MailingState.PAUSED:
        return None
    if refused.canary and refused.state is not MailingState.CANCELLED:
        return None
    if is_mass_refusal(refused.share):
        return None if refused.reported else RefusalRuling.IGNORE
    under_way = refused.state not in (MailingState.DONE, MailingState.CANCELLED)
    return None if under_way and refused.untried else RefusalRuling.COUNT


def final_may_count(refused: RefusedMailing) -> bool:
    """Whether refusals of a mailing that is not decided yet count where one is enough: not while it is held
    for refusals, while its sample is out, or when very many were refused.
    """
    held = refused.hold in REFUSAL_HOLDS and refused.state is MailingState.PAUSED
    return refused.ruling is None and not (held or refused.canary or is_mass_refusal(refused.share))


def return_path(bounces: Address, mailing: int, n: int, ring: KeyRing) -> str:
    """The addr-spec that bounces of the delivery (`mailing`, `n`) are sent to."""
    return f"{bounces.local}+{_signed_delivery(mailing, n, ring, _ENVELOPE)}@{bounces.domain}"


def parse_return_path(recipient: str, ring: KeyRing) -> tuple[int, int]:
    """(mailing, n) of the delivery that a bounce to `recipient` is about, whatever the address's case. Raises
    TokenError if the address is not one of ours, or was altered.
    """
    return _named_delivery(recipient, ring, _ENVELOPE)


def unsubscribe_tag(mailing: int, n: int, ring: KeyRing) -> str:
    """What follows the "+" of the address to which a delivery's reader may write to unsubscribe."""
    return _signed_delivery(mailing, n, ring, _UNSUBSCRIBE)


def parse_unsubscribe_address(recipient: str, ring: KeyRing) -> tuple[int, int]:
    """(mailing, n) of the delivery whose reader unsubscribes by mail to `recipient`. Raises TokenError."""
    return _named_delivery(recipient, ring, _UNSUBSCRIBE)


def parse_message_id(message_id: str, ring: KeyRing) -> tuple[int, int]:
    """(mailing, n) of the delivery that has this Message-ID, without its <>. Raises TokenError if it is none
    of ours, or was altered.
    """
    mailing, _, rest = message_id.rpartition("@")[0].partition(".")
    n, _, seal = rest.partition(".")
    plain = all(part.isascii() and part.isdecimal() and len(part) <= 10 for part in (mailing, n))
    if not plain or not seal.isascii() or not compare_digest(seal, opaque_id(ring, int(mailing), int(n))):
        raise _refused()
    return int(mailing), int(n)


def _signed_delivery(mailing: int, n: int, ring: KeyRing, purpose: bytes) -> str:
    if not (0 <= mailing <= _LARGEST and 0 <= n <= _LARGEST):
        raise ValueError("no delivery has such a number")
    body = _LAYOUT.pack(ring.current, mailing, n)
    return _base32(body + _mac(body, ring.keys[ring.current], purpose))


def _named_delivery(recipient: str, ring: KeyRing, purpose: bytes) -> tuple[int, int]:
    opaque = recipient.strip().rpartition("@")[0].rpartition("+")[2]
    if len(opaque) != _LENGTH or not opaque.isascii():
        raise _refused()
    try:
        raw = base64.b32decode(opaque.upper() + "=" * (-_LENGTH % 8))
    except ValueError:
        raise _refused() from None
    body, said_mac = raw[: _LAYOUT.size], raw[_LAYOUT.size :]
    key, mailing, n = _LAYOUT.unpack(body)
    if not compare_digest(said_mac, _mac(body, ring.keys.get(key, b""), purpose)) or key not in ring.keys:
        raise _refused()
    if _base32(raw) != opaque.lower():
        raise _refused()  # the last character has spare bits; each address has one spelling
    return mailing, n


def _base32(raw: bytes) -> str:
    """RFC 4648 6, in lower case and without padding. Two letters at a time for speed: every message needs
    it.
    """
    number = int.from_bytes(raw) << 3  # 152 bits are 30 letters and 2 bits
    return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS]) + _LETTERS[number & 31]


def _mac(body: bytes, key: bytes, purpose: bytes) -> bytes:
    return keyed_hash(key, purpose, body)[:_MAC]


def _refused() -> TokenError:
    return TokenError("return path", "not valid")
