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
"""Confirmation mails to one mailbox; once they are used up, one in the same time."""

REPEAT_AFTER = timedelta(minutes=15)
"""A sign-up repeated within this brings no second mail: the first may still be on its way."""

FORGOTTEN_AFTER = timedelta(days=365)
"""After the last attempt a mailbox is forgotten."""

MAX_PER_DOMAIN, DOMAIN_WINDOW = 20, timedelta(hours=1)
"""Confirmation mails to all mailboxes of one domain together, unless it is one of PROVIDERS."""

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
"""Domains where so many people have a mailbox that their number says nothing of an attack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmationHistory:
    """What is remembered of one mailbox: the last MOST instants it was sent a mail at, newest first; whether
    it ever got so many within the time; since when its owner wants none.
    """

    sent: tuple[datetime, ...] = ()
    worn_out: bool = False
    never: datetime | None = None


NO_HISTORY = ConfirmationHistory()


def may_send_confirmation(asked: ConfirmationHistory, now: datetime) -> bool:
    """Whether the mailbox may be sent one more confirmation mail at `now`."""
    return asked.never is None and _count_recent(asked, now) < (1 if asked.worn_out else MAX_CONFIRMATIONS)


def record_confirmation(asked: ConfirmationHistory, now: datetime) -> ConfirmationHistory:
    """What is remembered once a mail was sent at `now`."""
    sent = (now, *asked.sent)[:MAX_CONFIRMATIONS]
    after = ConfirmationHistory(sent=sent, worn_out=asked.worn_out, never=asked.never)
    worn_out = asked.worn_out or _count_recent(after, now) >= MAX_CONFIRMATIONS
    return ConfirmationHistory(sent=sent, worn_out=worn_out, never=asked.never)


def _count_recent(asked: ConfirmationHistory, now: datetime) -> int:
    """Mails that count. What lies far ahead was written while a clock was wrong, and counts no more."""
    return sum(abs(now - at) < CONFIRMATION_WINDOW for at in asked.sent)


def may_ask_again(asked_at: datetime | None, now: datetime) -> bool:
    """Whether a pending subscription that was asked to confirm at `asked_at` may be asked once more."""
    return asked_at is None or abs(now - asked_at) >= REPEAT_AFTER


class SignUpOutcome(StrEnum):
    """What a sign-up comes to. Never told to whoever signs up."""

    ASK = "ask"  # a mail asks to confirm
    NOTHING = "nothing"  # already a reader, asked a moment ago, or suppressed
    MAILBOX = "mailbox"  # the mailbox has had as many as it may
    NEVER = "never"  # its owner wants none
    DOMAIN = "domain"  # the domain has had as many as it may


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpRequest:
    """One person's wish: the same address on one list or several. `readers` are by the list's slug; `mailbox`
    is the key that counts it; `domain` is "" where the domain is not counted.
    """

    readers: Mapping[str, NewReader]
    consent: Consent
    mailbox: str
    domain: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUpDecision:
    """What it came to, and the lists that the mail asks about, in the order of the wish. `mailing` is its
    number once it is planned.
    """

    answer: SignUpOutcome
    lists: tuple[str, ...] = ()
    mailing: int = field(default=0, compare=False)


def counted_domain(domain: str) -> str:
    """The domain as it is counted; "" for one of PROVIDERS."""
    return "" if domain in MAILBOX_PROVIDERS else domain
