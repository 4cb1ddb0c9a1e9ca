"""How often sign-ups are taken: from one network, and in all. In memory: a restart forgives."""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

NETWORKS = 10_000
"""Networks remembered; the one not seen for the longest is forgotten first."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`burst` at once, then one each `every`."""

    burst: int
    every: timedelta


ONE_NETWORK = Rate(30, timedelta(minutes=1))
IN_ALL = Rate(600, timedelta(seconds=2))


class Limits:
    """Leaky buckets. `take` is for one thread: the event loop's."""

    def __init__(self, one: Rate = ONE_NETWORK, all: Rate = IN_ALL) -> None:
        self._one, self._all = one, all
        self._networks: OrderedDict[str, _Bucket] = OrderedDict()
        self._total = _Bucket()

    def take(self, address: str, now: datetime) -> int:
        """0 when a sign-up from `address` is welcome, and then it counts; else how many seconds to wait."""
        name = network(address)
        bucket = self._networks.setdefault(name, _Bucket())
        self._networks.move_to_end(name)
        if len(self._networks) > NETWORKS:
            self._networks.popitem(last=False)
        wait = max(bucket.wait(self._one, now), self._total.wait(self._all, now))
        if not wait:
            bucket.level += 1
            self._total.level += 1
        return wait


class _Bucket:
    __slots__ = ("at", "level")

    def __init__(self) -> None:
        self.level, self.at = 0.0, None

    def wait(self, rate: Rate, now: datetime) -> int:
        """Lets out what has run out until `now`; then 0 when there is room, or the seconds until then."""
        if self.at is not None and now > self.at:
            self.level = max(0.0, self.level - (now - self.at) / rate.every)
        self.at = now
        over = self.level - (rate.burst - 1)
        return 0 if over <= 0 else max(1, round(over * rate.every.total_seconds()))

    at: datetime | None
    level: float


def network(address: str) -> str:
    """The network of a client: IPv4 /24, IPv6 /56, which is what one household or office has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    bits = 24 if found.version == 4 else 56
    return str(ipaddress.ip_network((found, bits), strict=False))
