"""Connections, on uvicorn's protocol class: what one may cost, and a fast path past ASGI.

`BoundedProtocol` limits how many are open, how long headers are, and how long a request takes to arrive.

`FastPathProtocol` sends a document in memory as soon as its request is parsed. An ASGI request costs a task,
its events and a dictionary for each step; this saves them. uvicorn's parser alone decides what bytes mean,
and `documents.DocumentHandler` makes the response, as it does for ASGI, which gets every request that is not
answered here. Feed readers repeat themselves, so the bytes of a request are remembered and need no second
parsing.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import quote_from_bytes

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from publisher.web.documents.request import UNUSUAL_HEADERS, DocumentRequest, parse_request
from publisher.web.rate_limits import BUSY, CONNECTIONS, OF_NETWORK, NetworkCounter, TrustedProxies

MAX_HEADER_BYTES = 64 * 2**10
"""Bytes of headers that a request may have."""

REQUEST_TIMEOUT = 30.0
"""Seconds within which a request must have arrived whole."""

MAX_QUERY = 4096
"""Bytes of a query string. Nothing here reads one; links from elsewhere carry all sorts of them."""

MAX_KNOWN_REQUESTS = 32_768
MAX_KNOWN_BYTES = 512
"""Requests remembered, and bytes of one: enough for a feed reader's, and some 50 MB at worst. Those with a
query are not remembered: there is no end of them.
"""

KnownRequests = dict[bytes, tuple[str, DocumentRequest]]
"""Path and headers of a request, by its bytes."""

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


class FastPathProtocol(BoundedProtocol):
    """One connection. `from_memory` is that of `DocumentHandler`; `known` are the requests that all
    connections remember.
    """

    def __init__(
        self,
        *args: Any,
        from_memory: Callable[[str, DocumentRequest], tuple[bytes, bytes] | None],
        known: KnownRequests,
        **named: Any,
    ) -> None:
        super().__init__(*args, **named)
        self._from_memory, self._known = from_memory, known
        self._plain: tuple[str, DocumentRequest] | None = None

    def parse(self, data: bytes) -> None:
        between = self.between_requests
        if between and (known := self._known.get(data)) and self._answer(*known):
            self._unset_keepalive_if_required()
            return
        begun, self._plain = self.begun, None
        super().parse(data)
        whole = between and self.begun == begun + 1 and self.between_requests  # these bytes, and nothing else
        if whole and self._plain is not None and len(data) <= MAX_KNOWN_BYTES and b"?" not in self.url:
            if len(self._known) >= MAX_KNOWN_REQUESTS:
                self._known.clear()
            self._known[data] = self._plain

    def on_headers_complete(self) -> None:
        self._plain = self._plain_request()
        if self._plain is None or not self._answer(*self._plain):
            super().on_headers_complete()
        self.in_headers = False

    def _plain_request(self) -> tuple[str, DocumentRequest] | None:
        """The request whose headers are complete, if it asks for a document and for nothing unusual."""
        parser, url = cast("Any", self.parser), self.url  # it has none once the connection is lost
        method: bytes = parser.get_method()
        if method not in (b"GET", b"HEAD") or b"%" in url or b"#" in url or len(url) > MAX_QUERY:
            return None
        if parser.get_http_version() != "1.1" or not parser.should_keep_alive():
            return None
        request = parse_request(method.decode(), self.headers)
        host = request.headers.get(b"host", b",")
        if b"," in host or not UNUSUAL_HEADERS.isdisjoint(request.headers):  # a comma: none or several
            return None
        return url.partition(b"?")[0].decode("ascii"), request

    def _answer(self, path: str, request: DocumentRequest) -> bool:
        """Sends the response, if the document is in memory, every request before this one has been answered,
        and the client reads what it is sent.
        """
        if self.flow.write_paused or not self.all_answered():
            return False
        found = self._from_memory(path, request)
        if found is None:
            return False
        head, body = found
        date = [b"%s: %s\r\n" % header for header in self.server_state.default_headers]
        head = b"".join((head, *date, b"\r\n"))
        if body:
            self.transport.writelines((head, body))
        else:
            self.transport.write(head)
        return True


def percent_encode_target(data: bytes) -> bytes:
    """The request with its target percent-encoded where it has bytes that no URL may have: old feed readers
    send raw UTF-8, and uvicorn's parser would refuse it.
    """
    found = _RAW_TARGET.match(data)
    if found is None or found[1].isascii():
        return data
    target = quote_from_bytes(found[1], safe=bytes(range(33, 127)))
    return data[: found.start(1)] + target.encode() + data[found.end(1) :]
