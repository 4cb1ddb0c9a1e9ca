"""Relays: the mail servers that take our mail, and how much they take in an hour and in a day.

Quotas are rolling windows over all processes that send. Sent messages are counted by the minute, with the
instant of the last one: a minute is in a window for as long as that message is. So in any hour, wherever it
begins, at most `per_hour` messages go.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Security(StrEnum):
    """How the connection to a relay is protected; never less than configured."""

    STARTTLS = "starttls"  # RFC 3207: TLS after EHLO, or no mail
    TLS = "tls"  # RFC 8314 3.3: TLS from the first byte
    NONE = "none"  # for a server on this machine or behind a tunnel


class MailProvider(StrEnum):
    """Who runs a relay, where its webhook tells what became of the mail (core.delivery.webhooks)."""

    SES = "ses"
    MAILGUN = "mailgun"
    SENDGRID = "sendgrid"
    POSTMARK = "postmark"
    BREVO = "brevo"


TOPIC_PATTERN = "arn:aws(-cn)?:sns:[a-z0-9-]{1,40}:[0-9]{12}:[A-Za-z0-9_-]{1,256}"
"""The ARN of a topic of Amazon SNS, by which SES tells."""


_LABELS: Mapping[MailProvider, str] = {
    MailProvider.MAILGUN: 'X-Mailgun-Variables: {"publisher": "%s"}\r\n',
    MailProvider.SENDGRID: 'X-SMTPAPI: {"unique_args": {"publisher": "%s"}}\r\n',
    MailProvider.POSTMARK: "X-PM-Metadata-publisher: %s\r\n",
    MailProvider.BREVO: "X-Mailin-custom: publisher:%s\r\n",
}
"""SES hands back the headers of the message, which have our id already."""


def label_header(provider: MailProvider | None, message_id: str) -> bytes:
    """The header that makes a provider hand back the id of a message with each event; b"" if it needs none.
    It stands before the DKIM signature, which does not cover it: providers take it out.
    """
    label = _LABELS.get(provider) if provider else None
    return (label % message_id.strip("<>").rpartition("@")[0]).encode("ascii") if label else b""


DEFAULT_PORTS: Mapping[Security, int] = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}
"""The default port of each (RFC 8314 7.3, RFC 5321 4.5.4.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapAccount:
    """The mailbox that mail comes back to, read by IMAP over TLS (`mail.bounces.source`)."""

    host: str
    port: int
    username: str
    folder: str

    def __str__(self) -> str:
        return f"imaps://{self.host}:{self.port}/{self.folder}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainLimit:
    """Limits for one recipient domain: connections, and messages a second. None: no limit."""

    connections: int | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """One mail server. `weight` is its share of the connections. `rate` is messages a second, `per_hour` and
    `per_day` messages in any hour and any 24 hours; None: no limit. `per_domain` maps recipient domains
    (A-labels, lower case) to their limits. `timeout` is the longest wait for a reply, except for the reply to
    a whole message. `provider` gets a label on each message (`label_header`). repr never shows the password.
    """

    host: str
    port: int
    weight: int
    security: Security
    username: str
    password: str = field(repr=False)
    connections: int
    rate: float | None
    per_hour: int | None
    per_day: int | None
    per_domain: Mapping[str, DomainLimit]
    timeout: timedelta
    provider: MailProvider | None

    @property
    def name(self) -> str:
        """ "smtp.example.org:587", for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


LOGIN_REFUSED = "the login was refused"
"""How the reply of a relay that refused a login begins, after its name."""


def is_failure_of(reply: str, relays: Collection[str], what: str = "") -> bool:
    """Whether mail stopped because one of these relays (names) could not be used, and `what` it did: of all
    that were tried, the reply has a part that begins with the relay's name.
    """
    parts = reply.split("; ")
    return any(part.startswith(f"{name}: {what}") for name in relays for part in parts)


def relays_left(before: Sequence[Relay], after: Sequence[Relay]) -> frozenset[str]:
    """The names of relays that are no longer used as they were: with another password, user name, address or
    security, or not at all.
    """

    def login(relay: Relay) -> tuple[str, Security, str, str]:
        return relay.name, relay.security, relay.username, relay.password

    return frozenset(name for name, *_ in {*map(login, before)} - {*map(login, after)})


HOUR, DAY = timedelta(hours=1), timedelta(days=1)

MAX_RESERVATION = 100
"""The most messages that a process reserves at once; at most a quarter of what is left."""

RESERVATION_TIME = timedelta(seconds=10)
"""How long a process may use its reservation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """The most messages a relay takes. `relay` is the name under which they are counted. None: no limit."""

    relay: str
    per_hour: int | None = None
    per_day: int | None = None

    @property
    def windows(self) -> Iterator[tuple[int, timedelta]]:
        """Each limit and its window."""
        for most, window in ((self.per_hour, HOUR), (self.per_day, DAY)):
            if most is not None:
                yield most, window


def quota_of(relay: Relay) -> Quota | None:
    """The quota of a relay, or of the account if Publisher logs in; None if it has no quota."""
    if relay.per_hour is None and relay.per_day is None:
        return None
    name = f"{relay.username} at {relay.name}" if relay.username else relay.name
    return Quota(relay=name, per_hour=relay.per_hour, per_day=relay.per_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUse:
    """A number of messages sent, and when the last of them was."""

    sent: int
    last: datetime


def messages_used(spent: Sequence[QuotaUse], window: timedelta, now: datetime) -> int:
    """How many messages were sent within the window. Entries more than a day ahead were written by a wrong
    clock, and do not count.
    """
    return sum(one.sent for one in spent if now - window < one.last < now + DAY)


def remaining_quota(quota: Quota, spent: Sequence[QuotaUse], now: datetime) -> int:
    """How many messages may still go now."""
    return max(
        min((most - messages_used(spent, window, now) for most, window in quota.windows), default=0), 0
    )


def next_send_at(quota: Quota, spent: Sequence[QuotaUse], now: datetime) -> datetime | None:
    """When the next message may go; None: now."""
    waits: list[datetime] = []
    for most, window in quota.windows:
        left = messages_used(spent, window, now)
        if left < most:
            continue
        free_at = now + window
        for one in sorted(spent, key=lambda one: one.last):
            if now - window < one.last < now + DAY:
                left -= one.sent
                if left < most:
                    free_at = one.last + window
                    break
        waits.append(free_at)
    return max(waits, default=None)


def reservation_size(left: int) -> int:
    """How many of the remaining messages a process reserves: other processes need some, and a reservation may
    be returned late.
    """
    return min(max(left // 4, 1), MAX_RESERVATION, left)


def describe_quota(quota: Quota) -> str:
    """What the quota is, for a person: "smtp.example.org:587 takes 100 an hour and 500 a day"."""
    limits = [f"{most:,} {'an hour' if window == HOUR else 'a day'}" for most, window in quota.windows]
    return f"{quota.relay} takes {' and '.join(limits)}"
