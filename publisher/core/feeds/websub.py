"""WebSub: hubs that still have to be notified of a changed feed, and when to try again (W3C WebSub 5.1,
6).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

RETRY_DELAYS = (
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=6),
    *[timedelta(hours=12)] * 5,
)
"""How long to wait after each failure. After the last one, Publisher gives up until the feed changes
again.
"""

MAX_RETRY_DELAY = RETRY_DELAYS[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ping:
    """One hub to be notified that the feed at `topic` (its self URL) has changed. `version` is the hash of
    the changed bytes. `next_at` is None once Publisher gave up; `reply` is the hub's last reply.
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
    """What a hub answered. `wait` is the delay it asked for (Retry-After)."""

    ok: bool
    reply: str
    wait: timedelta | None = None


def next_attempt(attempts: int, now: datetime, wait: timedelta | None) -> datetime | None:
    """When to try again after `attempts` failures: not before `wait`, the delay the hub asked for (twelve
    hours at most), is over. None: give up.
    """
    if attempts > len(RETRY_DELAYS):
        return None
    return now + max(RETRY_DELAYS[attempts - 1], min(wait or timedelta(), MAX_RETRY_DELAY))
