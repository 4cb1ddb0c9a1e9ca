"""What a connection may cost: how many are open, how long headers are, and how long a request takes to
come.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import quote_from_bytes

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from publisher.web.rate_limits import BUSY, CONNECTIONS, OF_NETWORK, NetworkCounter, TrustedProxies

MAX_HEADER_BYTES = 64 * 2**10
"""Bytes of headers that a request may have."""

REQUEST_TIMEOUT = 30.0
"""Seconds within which a request must have arrived whole."""

_RAW_TARGET = re.compile(rb"[A-Z]+ (/[^ \r\n]*)(?= HTTP/1\.[01]\r\n)")
_FORWARDED = re.compile(rb"\nx-forwarded-for[ \t]*:", re.IGNORECASE)
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"cache-control: no-store\r\nretry-after: 5\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(BUSY), BUSY.encode())
)


class ConnectionLimits:
    """Allows `most` connections at once, and `one` from each network. `refused` counts a refusal by its
    reason. A trusted proxy stands for many networks; the application counts the requests that come through
    it.
    """

    def __init__(
        self,
        proxies: TrustedProxies,
        refused: Callable[[str], None],
        most: int = CONNECTIONS,
        one: int = OF_NETWORK,
    ) -> None:
        self.proxies, self.refused, self._most = proxies, refused, most
        self.networks = NetworkCounter(one)
        self._open = 0

    def enter(self) -> bool:
        """Counts a connection; `leave` must follow in any case. False: too many are open."""
        self._open += 1
        return self._open <= self._most

    def leave(self) -> None:
        """A connection has ended."""
        self._open -= 1

    @property
    def flooded(self) -> bool:
        """Whether so many are open that refused ones get no answer."""
        return self._open > 2 * self._most


class BoundedProtocol(HttpToolsProtocol):
    """One connection to uvicorn, within `limits`."""

    def __init__(self, *args: Any, limits: ConnectionLimits, **named: Any) -> None:
        super().__init__(*args, **named)
        self._limits = limits
        self._address = ""
        self._accepted = True
        self._counted_for_network = self._may_be_proxy = False
        self.between_requests, self.in_headers, self._header_bytes = True, False, 0
        self.begun = 0
        self._last_data = self._request_began = 0.0
        self._idle_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._last_data = self.loop.time()
        self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)
        self._address = self.client[0] if self.client else ""
        self._may_be_proxy = self._limits.proxies.trusts(self._address)
        self._accepted = self._limits.enter()
        if self._accepted and not self._may_be_proxy:
            self._count_for_network()
        if self._limits.flooded:
            self._limits.refused("connections_at_once")
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        if self._counted_for_network:
            self._limits.networks.leave(self._address)
        self._limits.leave()
        super().connection_lost(exc)

    def _count_for_network(self) -> None:
        self._counted_for_network = self._accepted = self._limits.networks.enter(self._address)

    def data_received(self, data: bytes) -> None:
        self._last_data = self.loop.time()
        if self._may_be_proxy:  # the first bytes tell
            self._may_be_proxy = False
            if self._accepted and not _FORWARDED.search(data):  # somebody on the proxy's machine
                self._count_for_network()
        if not self._accepted:
            if not self.transport.is_closing():  # told now and not before: a client hears once it has spoken
                self._limits.refused("connections_at_once")
                self.transport.write(_BUSY)
                self.transport.close()
            return
        if self.between_requests and not data.isascii():
            data = percent_encode_target(data)
        self.parse(data)
        self._header_bytes = self._header_bytes + len(data) if self.in_headers else 0
        if self._header_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._limits.refused("headers_too_large")
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def parse(self, data: bytes) -> None:
        """Passes bytes on to uvicorn's parser, which calls the methods below."""
        super().data_received(data)

    def on_message_begin(self) -> None:
        self.between_requests, self.in_headers = False, True
        self.begun += 1
        self._request_began = self._last_data
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self.in_headers = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self.between_requests = True
        if cast("RequestResponseCycle | None", self.cycle) is not None:  # uvicorn has answered a request
            super().on_message_complete()

    def all_answered(self) -> bool:
        """Whether every request before this one has been answered."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # uvicorn sets it with the first it answers
        return (cycle is None or cycle.response_complete) and not self.pipeline

    def _close_if_idle(self) -> None:
        """Closes the connection if it is idle, or if a request takes too long to arrive."""
        if self.transport.is_closing():
            return
        now = self.loop.time()
        idle = self.between_requests and now - self._last_data >= self.timeout_keep_alive
        late = not self.between_requests and now - self._request_began >= REQUEST_TIMEOUT
        if late or (idle and self.all_answered()):
            self.transport.close()
        else:
            self._idle_timer = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)


def percent_encode_target(data: bytes) -> bytes:
    """The request with its target percent-encoded where it has bytes that no URL may have: old feed readers
    send raw UTF-8, and uvicorn's parser would refuse it.
    """
    found = _RAW_TARGET.match(data)
    if found is None or found[1].isascii():
        return data
    target = quote_from_bytes(found[1], safe=bytes(range(33, 127)))
    return data[: found.start(1)] + target.encode() + data[found.end(1) :]
