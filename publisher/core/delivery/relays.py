"""Mail servers that take our mail, and how much of it they take.

How much a relay takes in an hour and in a day: rolling windows, over all processes that send.

What was sent is counted by the minute, with the instant of the last message: a minute is in a window as long
as that message is. So in any hour, wherever it begins, at most `per_hour` messages go.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Security(StrEnum):
    """How the line to a relay is protected. It is never less than what is asked for."""

    STARTTLS = "starttls"  # RFC 3207: TLS after EHLO, or no mail
    TLS = "tls"  # RFC 8314 3.3: TLS from the first byte
    NONE = "none"  # for a server on this machine or behind a tunnel


DEFAULT_PORTS: Mapping[Security, int] = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}
"""The usual port of each (RFC 8314 7.3, RFC 5321 4.5.4.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainLimit:
    """What one recipient domain is given at most: connections, messages a second. None: no limit."""

    connections: int | None = None
    rate: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """One mail server. `weight` is its share of the connections; `rate` is messages a second, None: no
    limit; so are `per_hour` and `per_day`, in any hour and any 24 hours. `per_domain` maps recipient domains
    (A-labels, lower case) to their limits. `timeout` is the longest wait for an answer, but for the answer to
    a whole message. The password is never shown by repr.
    """

    host: str
    port: int
    weight: int = 1
    security: Security = Security.STARTTLS
    username: str = ""
    password: str = field(default="", repr=False)
    connections: int = 4
    rate: float | None = None
    per_hour: int | None = None
    per_day: int | None = None
    per_domain: Mapping[str, DomainLimit] = field(default_factory=dict[str, DomainLimit])
    timeout: timedelta = timedelta(minutes=5)

    @property
    def name(self) -> str:
        """ "smtp.example.org:587", for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


HOUR, DAY = timedelta(hours=1), timedelta(days=1)

MAX_RESERVATION = 100
"""The most messages that a process reserves together; of what little is left, a quarter."""

RESERVATION_TIME = timedelta(seconds=10)
"""How long a process may use what it reserved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a relay takes at most, by the name that its messages are counted under. None: no limit."""

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
    """The quota of a relay: of the account, where somebody logs in. None: it has none."""
    if relay.per_hour is None and relay.per_day is None:
        return None
    name = f"{relay.username} at {relay.name}" if relay.username else relay.name
    return Quota(relay=name, per_hour=relay.per_hour, per_day=relay.per_day)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaUse:
    """So many messages, the last of them then."""

    sent: int
    last: datetime


def messages_used(spent: Sequence[QuotaUse], window: timedelta, now: datetime) -> int:
    """How many messages of a window are spent. What lies a day ahead was written by a wrong clock."""
    return sum(one.sent for one in spent if now - window < one.last < now + DAY)


def remaining_quota(quota: Quota, spent: Sequence[QuotaUse], now: datetime) -> int:
    """How many messages may still go now."""
    return max(
        min((most - messages_used(spent, window, now) for most, window in quota.windows), default=0), 0
    )


def next_send_at(quota: Quota, spent: Sequence[QuotaUse], now: datetime) -> datetime | None:
    """When the next message may go; None: now."""
    ends = [_freed(most, window, spent, now) for most, window in quota.windows]
    return max((end for end in ends if end is not None), default=None)


def _freed(most: int, window: timedelta, spent: Sequence[QuotaUse], now: datetime) -> datetime | None:
    left = messages_used(spent, window, now)
    if left < most:
        return None
    for one in sorted(spent, key=lambda one: one.last):
        if now - window < one.last < now + DAY:
            left -= one.sent
            if left < most:
                return one.last + window
    return now + window


def reservation_size(left: int) -> int:
    """How many of what is left a process reserves: several share the rest, and it may be given back late."""
    return min(max(left // 4, 1), MAX_RESERVATION, left)


def describe_quota(quota: Quota) -> str:
    """What the quota is, for a person: "smtp.example.org:587 takes 100 an hour and 500 a day"."""
    limits = [f"{most:,} {'an hour' if window == HOUR else 'a day'}" for most, window in quota.windows]
    return f"{quota.relay} takes {' and '.join(limits)}"
