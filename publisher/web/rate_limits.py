"""Who a request comes from, how much one network and all together may ask, and what was refused.

In memory, so a restart resets it. The limits that protect mailboxes are in the store instead
(`core.subscribers.confirmation_limits`) and survive one.
"""

import ipaddress
import logging
import re
from collections import Counter, OrderedDict
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from starlette.types import Scope

from publisher.app import App
from publisher.core.errors import PublisherError

log = logging.getLogger(__name__)

CONNECTIONS, OF_NETWORK = 512, 32
"""Connections at once: in all, and from one network."""

NETWORKS = 10_000
"""Networks that sign-up limits remember; the one not seen for the longest is forgotten first."""

BUSY = "Too many requests at once. Try again in a few seconds.\n"

LOG_INTERVAL = timedelta(minutes=1)
"""Refused requests are logged at most this often."""

FLOOD = 30
"""So many refused requests within LOG_INTERVAL are a flood."""

FLOOD_END = timedelta(minutes=10)
"""A flood is over after this long without another."""

PROBLEM_AREA = "web"
"""The area of the problem that `status` shows."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WITH_PORT = re.compile(r"\A(?:(\d+\.\d+\.\d+\.\d+):\d+|\[([0-9A-Fa-f:.]+)\](?::\d+)?)\Z")
"""Some proxies write the port beside the address."""


class TrustedProxies:
    """The proxies that settings trust. Only X-Forwarded-For counts: a proxy sets that or Forwarded, and
    passes on what a client wrote into the other.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks: tuple[Network, ...] = tuple(map(ipaddress.ip_network, networks))
        self.trusts = lru_cache(maxsize=4096)(self._trusts)

    def client(self, scope: Scope) -> str:
        """The client's address: the first hop from the right that is not a trusted proxy. Where a hop is no
        IP address, the proxy that wrote it counts as the client.
        """
        peer = str(scope["client"][0]) if scope.get("client") else ""
        if not self.trusts(peer):
            return peer
        given = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        for hop in reversed(b",".join(given).decode("latin-1").split(",")):
            address = hop_address(hop.strip())
            if not address:
                return peer
            peer = address
            if not self.trusts(peer):
                return peer
        return peer

    def _trusts(self, address: str) -> bool:
        found = parse_ip(address)
        return found is not None and any(found in network for network in self._networks)


def networks(address: str) -> tuple[tuple[str, int], ...]:
    """The networks of a client, each with the number of clients it counts for: IPv4 /24; IPv6 /64, which one
    line has, and /48, the most that one customer has.
    """
    found = parse_ip(address)
    if found is None:
        return ((address, 1),)
    sizes = ((24, 1),) if found.version == 4 else ((64, 1), (48, 4))
    return tuple((str(ipaddress.ip_network((found, bits), strict=False)), share) for bits, share in sizes)


def hop_address(hop: str) -> str:
    """The IP address of a hop, without a port; "" for anything else."""
    if found := WITH_PORT.match(hop):
        hop = found[1] or found[2]
    return hop if parse_ip(hop) is not None else ""


def parse_ip(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, without a zone, IPv4 if it is mapped into IPv6; None if it is not one."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then one per `every`."""

    burst: int
    every: timedelta


ONE_NETWORK = Rate(30, timedelta(minutes=1))
IN_ALL = Rate(600, timedelta(seconds=2))


class SignUpLimits:
    """Leaky buckets for sign-ups. Use it in the event loop's thread.

    A client whose network is over its rate must wait first, and so must everybody while all together are over
    theirs. Whoever has waited is accepted, whatever others do, until their own network has had twice its
    burst.
    """

    def __init__(self, one: Rate = ONE_NETWORK, all: Rate = IN_ALL) -> None:
        self._one, self._all = one, all
        self._networks: OrderedDict[str, LeakyBucket] = OrderedDict()
        self._total = LeakyBucket()

    def take(self, address: str, now: datetime, *, waited: bool = False) -> bool:
        """Whether a sign-up from `address` is accepted. If so, it counts for its networks and in total."""
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
        """Uncounts a sign-up that caused no mail from the total, so that nobody can use up the common limit
        without mail being sent.
        """
        self._total.level = max(0.0, self._total.level - 1)

    def _bucket(self, name: str) -> "LeakyBucket":
        bucket = self._networks.setdefault(name, LeakyBucket())
        self._networks.move_to_end(name)
        if len(self._networks) > NETWORKS:
            self._networks.popitem(last=False)
        return bucket


class LeakyBucket:
    """How full the bucket was at its last use."""

    __slots__ = ("at", "level")

    def __init__(self) -> None:
        self.level = 0.0
        self.at: datetime | None = None

    def has_room(self, rate: Rate, times: int, now: datetime) -> bool:
        """Leaks until `now`, and returns whether one more fits `times` the rate."""
        if self.at is not None and now > self.at:
            self.level = max(0.0, self.level - (now - self.at) / rate.every)
        self.at = now
        return self.level <= rate.burst * times - 1


class NetworkCounter:
    """Counts what is open at the same time, per network."""

    def __init__(self, most: int = OF_NETWORK) -> None:
        self._most = most
        self._count = Counter[str]()

    def enter(self, address: str) -> bool:
        """Counts one more for `address`, if it fits; then `leave` must follow."""
        names = networks(address)
        if any(self._count[name] >= self._most * share for name, share in names):
            return False
        self._count.update(name for name, _ in names)
        return True

    def leave(self, address: str) -> None:
        """Uncounts one."""
        for name, _ in networks(address):
            self._count[name] -= 1
            if not self._count[name]:
                del self._count[name]

    @contextmanager
    def one(self, address: str) -> Generator[bool, None, None]:
        """Counts one more inside the block; yields whether it fits."""
        if not self.enter(address):
            yield False
            return
        try:
            yield True
        finally:
            self.leave(address)


class RefusalLog:
    """Counts refused requests. Call `count` in the event loop's thread, and `report` in another, every second
    or so.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._counts, self._flooding = Counter[str](), Counter[str]()
        self._logged_at: datetime | None = None
        self._flood_began: datetime | None = None
        self._last_flood: datetime | None = None
        self._must_clear = True

    def count(self, why: str) -> None:
        """Counts one. `why` is fixed words with underscores, and nothing from the request."""
        self._counts[why] += 1

    def report(self, *, last: bool = False) -> None:
        """Logs the counts, at most once per LOG_INTERVAL unless this is the `last` time, and records a flood
        for `status`.
        """
        now = self._app.clock()
        try:
            if self._must_clear:  # a flood that an earlier process recorded
                self._app.store.set_problems(PROBLEM_AREA, [], now)
                self._must_clear = False
            if self._counts.total() >= FLOOD and self._flood_began is None:
                self._flood_began = self._last_flood = now
                self._app.store.set_problems(PROBLEM_AREA, [describe_flood(self._counts)], now)
            if self._counts and (
                last or self._logged_at is None or abs(now - self._logged_at) >= LOG_INTERVAL
            ):
                self._log(now)
            if self._last_flood is not None and abs(now - self._last_flood) >= FLOOD_END:
                self._flood_began = self._last_flood = None
                self._flooding.clear()
                self._app.store.set_problems(PROBLEM_AREA, [], now)
        except PublisherError as error:
            log.error("refused_unsaid", extra={"reason": str(error)})

    def _log(self, now: datetime) -> None:
        counts, self._counts, self._logged_at = self._counts, Counter[str](), now
        log.warning("requests_refused", extra={"number": counts.total(), **dict(sorted(counts.items()))})
        if self._flood_began is not None:
            self._flooding.update(counts)
            self._last_flood = now if counts.total() >= FLOOD else self._last_flood
            self._app.store.set_problems(PROBLEM_AREA, [describe_flood(self._flooding)], self._flood_began)


def describe_flood(counts: Counter[str]) -> str:
    """How many requests were refused, and why."""
    reasons = ", ".join(f"{number:,} {why.replace('_', ' ')}" for why, number in counts.most_common())
    return f"a flood of requests: {counts.total():,} refused ({reasons}); subscribers elsewhere are served"
