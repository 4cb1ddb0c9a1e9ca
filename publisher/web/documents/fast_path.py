"""The fast path: a request for a document in memory is answered as it comes in, before ASGI.

uvicorn's protocol sees every byte that is not one whole, plain GET or HEAD of such a document, and nothing of
those that are. What a request comes to is kept by its bytes: feed readers send the same ones again and again.
Both ways ask `web.documents.documents` for the response, so both give the same one.

It also bounds what a connection may cost: how long its headers are, and how long they take to come.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote_from_bytes

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from publisher.ports import Clock
from publisher.web.documents.documents import DocumentHandler
from publisher.web.documents.request import DocumentRequest, parse_request
from publisher.web.rate_limits import BUSY, CONNECTIONS, OF_NETWORK, NetworkCounter, TrustedProxies

MAX_REMEMBERED_REQUEST = 2048
"""Bytes of a request that is known again by its bytes. One with more is read again when it comes back."""

MAX_QUERY = 4096
"""Bytes of a query string. Nothing here reads one; links from elsewhere carry all sorts of them."""

MAX_REQUESTS = 8192
MAX_RESPONSES = 2048
MAX_BODY_BYTES = 64 * 2**20
"""Requests and answers kept, and bytes of their bodies; the first to come is the first to go."""

MAX_HEADER_BYTES = 64 * 2**10
"""Bytes of headers that a request may have."""

REQUEST_TIMEOUT = 30.0
"""Seconds within which a request must have come whole."""

_REQUEST = re.compile(
    rb"(GET|HEAD) (/[!$&-~]*) HTTP/1\.1\r\n(?:[!#-'*+.0-9A-Z^_`a-z|~-]+:[ \t\x21-\x7e\x80-\xff]*\r\n)*\r\n"
)
_RAW_TARGET = re.compile(rb"[A-Z]+ (/[^ \r\n]*)(?= HTTP/1\.[01]\r\n)")
_OF_USE = re.compile(
    rb"\n(Host|Connection|Content-Length|Transfer-Encoding|Expect|Upgrade|HTTP2-Settings"
    rb"|Accept-Encoding|If-None-Match|If-Modified-Since|If-Match|If-Unmodified-Since|A-IM|Range|If-Range)"
    rb":[ \t]*([^\r]*)",
    re.IGNORECASE,
)
_FORWARDED = re.compile(rb"\nx-forwarded-for[ \t]*:", re.IGNORECASE)
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"http2-settings"})
_STATUS = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus} | {
    226: b"HTTP/1.1 226 IM Used\r\n"
}
_TOO_LARGE = _STATUS[431] + b"content-length: 0\r\nconnection: close\r\n\r\n"
_BUSY = (
    _STATUS[503]
    + b"content-type: text/plain; charset=utf-8\r\ncache-control: no-store\r\nretry-after: 5\r\n"
    + b"content-length: %d\r\nconnection: close\r\n\r\n%s" % (len(BUSY), BUSY.encode())
)
_NEVER = datetime.min.replace(tzinfo=UTC)

_Fields = list[tuple[bytes, bytes]]
_Key = tuple[bytes, bytes, tuple[tuple[bytes, bytes], ...]]


@dataclass(slots=True)
class CachedResponse:
    """A request and its response, which holds before `until`, while the file and the site's state are the
    same objects.
    """

    key: _Key
    path: str
    request: DocumentRequest
    until: datetime = _NEVER
    state: object = None
    file: object = None
    head: bytes = b""
    body: bytes = b""


class ResponseCache:
    """Responses, by the bytes of requests and by the parts of them that matter. `path_of` maps the path of a
    request to that of a document; responses depend on `site_state`.
    """

    def __init__(
        self,
        documents: DocumentHandler,
        clock: Clock,
        path_of: Callable[[str], str],
        site_state: Callable[[], object],
    ) -> None:
        self._documents, self._clock, self._path_of, self._state = documents, clock, path_of, site_state
        self._requests: dict[bytes, CachedResponse] = {}
        self._responses: dict[_Key, CachedResponse] = {}
        self._bytes = 0

    def lookup(self, data: bytes, headers: _Fields) -> CachedResponse | None:
        """The response to the request `data`, which begins with `headers` (Date); None: not one whole plain
        request for a document in memory.
        """
        cached = self._requests.get(data) or self._parse(data)
        if cached is None:
            return None
        holds = self._clock() < cached.until and self._state() is cached.state
        if holds and self._documents.cached(cached.path) is cached.file:
            return cached
        return self._renew(cached, headers)

    def _parse(self, data: bytes) -> CachedResponse | None:
        """The entry of a request seen for the first time, yet without a response; None: not a plain one."""
        found = _REQUEST.fullmatch(data)
        if found is None:
            return None
        method, target = found.groups()
        fields: list[tuple[bytes, bytes]] = []
        hosts = 0
        for name, value in _OF_USE.findall(data):
            name = name.lower()
            if name == b"host":
                hosts += 1
            elif name == b"connection":
                if value.strip().lower() != b"keep-alive":
                    return None
            elif name in _FRAMING:
                return None
            else:
                fields.append((name, value.strip(b" \t")))
        if hosts != 1:
            return None
        path, question_mark, query = target.partition(b"?")
        if len(query) > MAX_QUERY:
            return None
        key = (method, path, tuple(fields))  # no query: it changes nothing, and there is no end of them
        cached = self._responses.get(key)
        if cached is None:
            request = parse_request(method.decode(), fields)
            cached = CachedResponse(key, self._path_of(path.decode("ascii")), request)
        if len(data) <= MAX_REMEMBERED_REQUEST and not question_mark:
            if len(self._requests) >= MAX_REQUESTS:
                del self._requests[next(iter(self._requests))]
            self._requests[data] = cached
        return cached

    def _renew(self, cached: CachedResponse, headers: _Fields) -> CachedResponse | None:
        """Makes the response again, where the document is in memory."""
        found = self._documents.from_memory(cached.path, cached.request)
        self._drop(cached)
        if found is None:
            return None
        response, cached.until, cached.file = found
        assert isinstance(response.body, bytes)  # noqa: S101  # in memory
        lines = [b"%s: %s\r\n" % field for field in (*headers, *response.headers)]
        cached.head = b"".join((_STATUS[response.status], *lines, b"\r\n"))
        cached.state, cached.body = self._state(), response.body
        self._responses[cached.key] = cached
        self._bytes += len(cached.body)
        while len(self._responses) > MAX_RESPONSES or self._bytes > MAX_BODY_BYTES:
            oldest = next(iter(self._responses.values()))
            if oldest is cached:
                break
            self._drop(oldest)
        return cached

    def _drop(self, cached: CachedResponse) -> None:
        """Forgets the response; who asks the same again finds out anew."""
        if self._responses.pop(cached.key, None) is not None:
            self._bytes -= len(cached.body)
        cached.until, cached.file, cached.body = _NEVER, None, b""


def percent_encode_target(data: bytes) -> bytes:
    """The request with its target percent-encoded where it has bytes that no URL may have: old feed readers
    send UTF-8 as it is, and uvicorn's parser would refuse it.
    """
    found = _RAW_TARGET.match(data)
    if found is None or found[1].isascii():
        return data
    target = quote_from_bytes(found[1], safe=bytes(range(33, 127)))
    return data[: found.start(1)] + target.encode() + data[found.end(1) :]


class ConnectionLimits:
    """Bounds connections: `most` at once, and `one` from each network. A trusted proxy stands for many
    networks; the application counts the requests that come through it.
    """

    def __init__(
        self,
        proxies: TrustedProxies,
        refused: Callable[[str], None],
        most: int = CONNECTIONS,
        one: int = OF_NETWORK,
    ) -> None:
        self.proxies, self.refused, self._most = proxies, refused, most
        self._networks = NetworkCounter(one)
        self._open = 0

    def enter(self) -> bool:
        """Counts a connection; `leave` must follow in any case. False: there are too many."""
        self._open += 1
        return self._open <= self._most

    @property
    def flooded(self) -> bool:
        """Whether there are so many that refused ones get no answer."""
        return self._open > 2 * self._most

    def enter_network(self, peer: str) -> bool:
        """Counts a connection for its network, if that has room."""
        return self._networks.enter(peer)

    def leave(self, peer: str | None) -> None:
        """A connection has ended; `peer` where it was counted for its network."""
        self._open -= 1
        if peer is not None:
            self._networks.leave(peer)


class FastPathProtocol(HttpToolsProtocol):
    """One connection. `_between`: no byte of a request waits in uvicorn's parser."""

    def __init__(self, *args: Any, cache: ResponseCache, limits: ConnectionLimits, **named: Any) -> None:
        super().__init__(*args, **named)
        self._cache, self._limits = cache, limits
        self._accepted, self._counted, self._joined = True, False, False
        self._peer = ""
        self._between, self._in_head, self._head_bytes = True, False, 0
        self._last = self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._last = self.loop.time()
        self._timer = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)
        self._peer = self.client[0] if self.client else ""
        self._accepted = self._limits.enter()
        if self._accepted and not self._limits.proxies.trusts(self._peer):
            self._count_for_network()
        if self._limits.flooded:
            self._limits.refused("connections_at_once")
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._limits.leave(self._peer if self._joined else None)
        super().connection_lost(exc)

    def _count_for_network(self) -> None:
        """Counts this connection for its network."""
        self._counted = True
        self._joined = self._accepted = self._limits.enter_network(self._peer)

    def data_received(self, data: bytes) -> None:
        self._last = self.loop.time()
        if not self._counted:
            self._counted = True
            if self._accepted and not _FORWARDED.search(data):  # no proxy, but somebody on its machine
                self._count_for_network()
        if not self._accepted:
            if not self.transport.is_closing():  # told now and not before: a client hears who has spoken
                self._limits.refused("connections_at_once")
                self.transport.write(_BUSY)
                self.transport.close()
            return
        if self._between and not data.isascii():
            data = percent_encode_target(data)
        if self._between and not self.flow.write_paused and self._all_answered():
            cached = self._cache.lookup(data, self.server_state.default_headers)
            if cached is not None:
                if cached.body:
                    self.transport.writelines((cached.head, cached.body))
                else:
                    self.transport.write(cached.head)
                return
        self._pass_on(data)

    def _all_answered(self) -> bool:
        """Whether every request so far has been answered."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # none before the first that ASGI answers
        if cycle is None:
            return True
        self._unset_keepalive_if_required()
        return cycle.response_complete and not self.pipeline

    def _pass_on(self, data: bytes) -> None:
        """Hands bytes to uvicorn's parser, within the bounds of a request's headers."""
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._in_head else 0
        if self._head_bytes > MAX_HEADER_BYTES and not self.transport.is_closing():
            self._limits.refused("headers_too_large")
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        self._between, self._in_head = False, True
        self._began = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._between = True
        super().on_message_complete()

    def _close_if_idle(self) -> None:
        """Closes a connection that is idle, or whose request does not come to an end."""
        if self.transport.is_closing():
            return
        now = self.loop.time()
        idle = self._between and self._all_answered() and now - self._last >= self.timeout_keep_alive
        if idle or (not self._between and now - self._began >= REQUEST_TIMEOUT):
            self.transport.close()
        else:
            self._timer = self.loop.call_later(self.timeout_keep_alive, self._close_if_idle)
