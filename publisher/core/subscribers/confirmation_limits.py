"""How often a mailbox may be asked to confirm a sign-up.

Anybody can type anybody's address into a form, so confirmation mails also reach people who never wanted them.
These limits protect them, across all lists, however the address is spelled.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from publisher.core.subscribers.subscription import Consent, NewReader

MAX_CONFIRMATIONS, CONFIRMATION_WINDOW = 3, timedelta(days=30)
"""Confirmation mails to one mailbox; once they are used up, one per window."""

REPEAT_AFTER = timedelta(minutes=15)
"""A sign-up repeated within this time sends no second mail: the first may still be on its way."""

FORGOTTEN_AFTER = timedelta(days=365)
"""How long after the last attempt a mailbox's history is deleted."""

MAX_PER_DOMAIN, DOMAIN_WINDOW = 20, timedelta(hours=1)
"""Confirmation mails to all mailboxes of one domain together, unless it is in MAILBOX_PROVIDERS."""

MAILBOX_PROVIDERS = frozenset(
    {
        "126.com", "163.com", "aol.com", "comcast.net", "fastmail.com", "free.fr", "gmail.com", "gmx.at",
        "gmx.ch", "gmx.com", "gmx.de", "gmx.net", "googlemail.com", "hotmail.co.uk", "hotmail.com",
        "hotmail.de", "hotmail.es", "hotmail.fr", "hotmail.it", "icloud.com", "libero.it", "live.com",
        "mac.com", "mail.com", "mail.ru", "me.com", "msn.com", "naver.com", "orange.fr", "outlook.com",
        "outlook.de", "outlook.es", "outlook.fr", "proton.me", "protonmail.com", "qq.com", "t-online.de",
        "web.de", "yahoo.co.jp", "yahoo.co.uk", "yahoo.com", "yahoo.de", "yahoo.es", "yahoo.fr",
        "yahoo.it", "yandex.ru", "zoho.com",
    }
)  # fmt: skip
"""Domains with so many mailboxes that many sign-ups from one are no sign of an attack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationHistory:
    """The history of one mailbox: when it was last sent confirmation mails, newest first and at most
    MAX_CONFIRMATIONS; `worn_out`: whether it ever got that many within the window; `never`: since when its
    owner wants no more.
    """

    sent: tuple[datetime, ...] = ()
    worn_out: bool = False
    never: datetime | None = None


NO_HISTORY = ConfirmationHistory()


def may_send_confirmation(asked: ConfirmationHistory, now: datetime) -> bool:
    """Whether the mailbox may be sent one more confirmation mail at `now`."""
    return asked.never is None and _count_recent(asked, now) < (1 if asked.worn_out else MAX_CONFIRMATIONS)


def record_confirmation(asked: ConfirmationHistory, now: datetime) -> ConfirmationHistory:
    """The history after a mail was sent at `now`."""
    sent = (now, *asked.sent)[:MAX_CONFIRMATIONS]
    after = ConfirmationHistory(sent=sent, worn_out=asked.worn_out, never=asked.never)
    worn_out = asked.worn_out or _count_recent(after, now) >= MAX_CONFIRMATIONS
    return ConfirmationHistory(sent=sent, worn_out=worn_out, never=asked.never)


def _count_recent(asked: ConfirmationHistory, now: datetime) -> int:
    """Mails within the window. Instants far in the future were written by a wrong clock and do not count."""
    return sum(abs(now - at) < CONFIRMATION_WINDOW for at in asked.sent)


def may_ask_again(asked_at: datetime | None, now: datetime) -> bool:
    """Whether a pending subscription that was asked to confirm at `asked_at` may be asked once more."""
    return asked_at is None or abs(now - asked_at) >= REPEAT_AFTER


class SignUpOutcome(StrEnum):
    """The result of a sign-up. Whoever signs up never learns it."""

    ASK = "ask"  # send a mail that asks for confirmation
    NOTHING = "nothing"  # already a reader, asked a moment ago, or suppressed
    MAILBOX = "mailbox"  # the mailbox has reached its limit
    NEVER = "never"  # its owner wants no confirmation mails
    DOMAIN = "domain"  # the domain has reached its limit


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpRequest:
    """One sign-up: the same address on one list or several. `readers` are by list slug; `mailbox` is the key
    under which its mails are counted; `domain` is "" if the domain is not counted.
    """

    readers: Mapping[str, NewReader]
    consent: Consent
    mailbox: str
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpDecision:
    """The result, and the lists that the mail asks about, in the order of the request. `mailing` is its
    number once it is planned.
    """

    answer: SignUpOutcome
    lists: tuple[str, ...] = ()
    mailing: int = field(default=0, compare=False)


def counted_domain(domain: str) -> str:
    """The domain under which mails are counted; "" for one of MAILBOX_PROVIDERS."""
    return "" if domain in MAILBOX_PROVIDERS else domain
