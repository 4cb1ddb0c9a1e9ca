"""How much one network, and all together, may ask of this server. In memory: a restart forgives.

What protects mailboxes is not here but in the store (`core.subscribers.confirmation_limits`), where a restart
forgives nothing.
"""

from collections import Counter, OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from publisher.web.client_addresses import networks

NETWORKS = 10_000
"""Networks remembered; the one not seen for the longest is forgotten first."""

CONNECTIONS, OF_NETWORK = 512, 32
"""Connections at once: in all, and from one network."""


BUSY = "Too many requests at once. Try again in a few seconds.\n"


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then one each `every`."""

    burst: int
    every: timedelta


ONE_NETWORK = Rate(30, timedelta(minutes=1))
IN_ALL = Rate(600, timedelta(seconds=2))


class SignUpLimits:
    """Leaky buckets for sign-ups. For one thread: the event loop's.

    A network that is over its rate, or everybody while all together are over theirs, is asked to wait first.
    Who has waited is taken, whatever the others do, until their own network has had twice its burst.
    """

    def __init__(self, one: Rate = ONE_NETWORK, all: Rate = IN_ALL) -> None:
        self._one, self._all = one, all
        self._networks: OrderedDict[str, _Bucket] = OrderedDict()
        self._total = _Bucket()

    def take(self, address: str, now: datetime, *, waited: bool = False) -> bool:
        """Whether a sign-up from `address` is taken; then it counts, for its network and for all."""
        buckets = [(self._bucket(name), share) for name, share in networks(address)]
        twice = 2 if waited else 1
        fits = [bucket.has_room(self._one, share * twice, now) for bucket, share in buckets]
        calm = self._total.has_room(self._all, 1, now)
        if not all(fits) or not (calm or waited):
            return False
        for bucket, _ in buckets:
            bucket.level += 1
        self._total.level += 1
        return True

    def give_back(self) -> None:
        """The sign-up brought no mail: it does not count for all. So nobody can use up what is shared by
        asking for what is not sent.
        """
        self._total.level = max(0.0, self._total.level - 1)

    def _bucket(self, name: str) -> "_Bucket":
        bucket = self._networks.setdefault(name, _Bucket())
        self._networks.move_to_end(name)
        if len(self._networks) > NETWORKS:
            self._networks.popitem(last=False)
        return bucket


class _Bucket:
    __slots__ = ("at", "level")

    def __init__(self) -> None:
        self.level, self.at = 0.0, None

    def has_room(self, rate: Rate, times: int, now: datetime) -> bool:
        """Lets out what has run out until `now`; then whether one more fits `times` the rate."""
        if self.at is not None and now > self.at:
            self.level = max(0.0, self.level - (now - self.at) / rate.every)
        self.at = now
        return self.level <= rate.burst * times - 1

    at: datetime | None
    level: float


class NetworkCounter:
    """How many there are at once of each network."""

    def __init__(self, most: int = OF_NETWORK) -> None:
        self._most = most
        self._count = Counter[str]()

    def enter(self, address: str) -> bool:
        """Counts one more from `address`, where it fits: `leave` must follow."""
        names = networks(address)
        if any(self._count[name] >= self._most * share for name, share in names):
            return False
        self._count.update(name for name, _ in names)
        return True

    def leave(self, address: str) -> None:
        """One that entered has gone."""
        for name, _ in networks(address):
            self._count[name] -= 1
            if not self._count[name]:
                del self._count[name]

    @contextmanager
    def one(self, address: str) -> Generator[bool, None, None]:
        """Within it one more is counted, if it fits: then True."""
        if not self.enter(address):
            yield False
            return
        try:
            yield True
        finally:
            self.leave(address)
