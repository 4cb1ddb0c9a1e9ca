"""Who a request comes from: the address at the other end, or the one that a proxy of ours names."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

from starlette.types import Scope

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PORT = re.compile(r"\A(?:(\d+\.\d+\.\d+\.\d+):\d+|\[([0-9A-Fa-f:.]+)\](?::\d+)?)\Z")
"""Some proxies write the port beside the address."""


class TrustedProxies:
    """The proxies that settings trust. Only X-Forwarded-For counts: of two headers a proxy sets one, and
    would hand on what a client wrote into the other.
    """

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks: tuple[Network, ...] = tuple(map(ipaddress.ip_network, networks))
        self.trusts = lru_cache(maxsize=4096)(self._trusts)

    def client(self, scope: Scope) -> str:
        """The address of the client: read from the right, the first hop that is no proxy of ours. One that is
        no IP address is nobody's, and the proxy that wrote it stands for its clients.
        """
        peer = str(scope["client"][0]) if scope.get("client") else ""
        if not self.trusts(peer):
            return peer
        given = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
        for hop in reversed(b",".join(given).decode("latin-1").split(",")):
            address = _address(hop.strip())
            if not address:
                return peer
            peer = address
            if not self.trusts(peer):
                return peer
        return peer

    def _trusts(self, address: str) -> bool:
        found = _parsed(address)
        return found is not None and any(found in network for network in self._networks)


def networks(address: str) -> tuple[tuple[str, int], ...]:
    """The networks of a client, each with how many clients' worth it is: IPv4 /24; IPv6 /64, which one
    connection has, and /48, the most that one customer has.
    """
    found = _parsed(address)
    if found is None:
        return ((address, 1),)
    sizes = ((24, 1),) if found.version == 4 else ((64, 1), (48, 4))
    return tuple((str(ipaddress.ip_network((found, bits), strict=False)), share) for bits, share in sizes)


def _address(hop: str) -> str:
    """The IP address of a hop, without a port; "" for anything else."""
    if found := _PORT.match(hop):
        hop = found[1] or found[2]
    return hop if _parsed(hop) is not None else ""


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, ipaddress.IPv6Address) else found
