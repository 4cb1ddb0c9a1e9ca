"""WebSub: which hub is still to be told of which feed, and when it is asked again (W3C WebSub 5.1, 6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

PAUSES = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    *[timedelta(hours=12)] * 5,
)
"""How long a hub is left alone after each failure; after the last it is given up until the feed changes."""

LONGEST = PAUSES[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """One hub to be told that the feed at `topic` (its self URL) has changed. `version` is the hash of the
    bytes it is told about. `next_at` is None once it was given up; `reply` is what it last said.
    """

    hub: str
    topic: str
    version: str
    since: datetime
    attempts: int = 0
    next_at: datetime | None = None
    reply: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PingResult:
    """What a hub answered. `wait`: it asked to be left alone that long (Retry-After)."""

    ok: bool
    reply: str
    wait: timedelta | None = None


def next_try(attempts: int, now: datetime, wait: timedelta | None) -> datetime | None:
    """When to ask again after `attempts` failures, not before `wait` is over where the hub asked for it (at
    most twelve hours); None: no more.
    """
    if attempts > len(PAUSES):
        return None
    return now + max(PAUSES[attempts - 1], min(wait or timedelta(), LONGEST))
