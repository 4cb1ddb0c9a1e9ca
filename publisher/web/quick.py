"""The quick way: a request for a document in memory is answered as it comes in, before ASGI.

uvicorn's protocol sees every byte that is not one whole, plain GET or HEAD of such a document, and nothing of
those that are. What a request comes to is kept by its bytes: feed readers send the same ones again and again.
Both ways ask `web.documents` for the answer, so both give the same one.

It also bounds what a connection may cost: how long its headers are, and how long they take to come.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from publisher.ports import Clock
from publisher.web.asking import Asked, asked
from publisher.web.documents import Documents
from publisher.web.responding import Answer

LONGEST = 2048
"""Bytes of a request that is kept. One with more is answered, and parsed again when it comes back."""

REQUESTS = 8192
BODIES = 64 * 2**20
"""Requests kept, and bytes of the answers to them; the first to come is the first to go."""

HEADERS = 64 * 2**10
"""Bytes of headers that a request may have."""

PATIENCE = 30.0
"""Seconds within which a request must have come whole."""

_REQUEST = re.compile(
    rb"(GET|HEAD) (/[!$&-~]*) HTTP/1\.1\r\n((?:[!#-'*+.0-9A-Z^_`a-z|~-]+:[ \t\x21-\x7e\x80-\xff]*\r\n)*)\r\n"
)
_FIELD = re.compile(rb"([^:\r\n]+):([^\r\n]*)\r\n")
_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"http2-settings"})
_STATUS = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in HTTPStatus} | {
    226: b"HTTP/1.1 226 IM Used\r\n"
}
_TOO_LARGE = _STATUS[431] + b"content-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(slots=True)
class _Said:
    """What a request asks, and the answer, which holds before `until` and while the facts are these."""

    path: str
    request: Asked
    until: datetime
    facts: object
    head: bytes
    body: bytes


class Memory:
    """Answers to requests by their bytes. `headers` gives those every answer begins with (Date)."""

    def __init__(
        self, documents: Documents, clock: Clock, path_of: Callable[[str], str], facts: Callable[[], object]
    ) -> None:
        self._documents, self._clock, self._path_of, self._facts = documents, clock, path_of, facts
        self._said: dict[bytes, _Said] = {}
        self._bytes = 0

    def recall(self, data: bytes, headers: list[tuple[bytes, bytes]]) -> _Said | None:
        """The answer to the request `data`; None: it is not one whole plain request for what is in memory."""
        said = self._said.get(data)
        if said is None:
            return self._learn(data, headers)
        if self._clock() < said.until and self._facts() is said.facts:
            if self._documents.stands(said.path):
                return said
            self._forget(data)
            return None
        self._forget(data)
        return self._answered(data, said.path, said.request, headers)

    def _learn(self, data: bytes, headers: list[tuple[bytes, bytes]]) -> _Said | None:
        found = _REQUEST.fullmatch(data)
        if found is None:
            return None
        fields = [(name.lower(), value.strip(b" \t")) for name, value in _FIELD.findall(found[3])]
        hosts = 0
        for name, value in fields:
            if name in _FRAMING or (name == b"connection" and value.lower() != b"keep-alive"):
                return None
            hosts += name == b"host"
        if hosts != 1:
            return None
        path = self._path_of(found[2].partition(b"?")[0].decode("ascii"))
        return self._answered(data, path, asked(found[1].decode(), fields), headers)

    def _answered(
        self, data: bytes, path: str, request: Asked, headers: list[tuple[bytes, bytes]]
    ) -> _Said | None:
        facts = self._facts()
        found = self._documents.in_memory(path, request)
        if found is None:
            return None
        answer, until = found
        assert isinstance(answer.body, bytes)  # noqa: S101  # in memory
        said = _Said(path, request, until, facts, _head(answer, headers), answer.body)
        if len(data) <= LONGEST:
            self._keep(data, said)
        return said

    def _keep(self, data: bytes, said: _Said) -> None:
        self._said[data] = said
        self._bytes += len(said.body)
        while len(self._said) > REQUESTS or self._bytes > BODIES:
            self._forget(next(iter(self._said)))

    def _forget(self, data: bytes) -> None:
        self._bytes -= len(self._said.pop(data).body)


def _head(answer: Answer, headers: list[tuple[bytes, bytes]]) -> bytes:
    lines = [b"%s: %s\r\n" % field for field in (*headers, *answer.headers)]
    return b"".join((_STATUS[answer.status], *lines, b"\r\n"))


class QuickProtocol(HttpToolsProtocol):
    """One connection. `between`: no byte of a request waits in uvicorn's parser."""

    def __init__(self, *args: Any, memory: Memory, **named: Any) -> None:
        super().__init__(*args, **named)
        self._memory = memory
        self._between, self._in_head, self._head_bytes = True, False, 0
        self._last = self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._last = self.loop.time()
        self._timer = self.loop.call_later(self.timeout_keep_alive, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._last = self.loop.time()
        if self._between and not self.flow.write_paused and self._answered():
            said = self._memory.recall(data, self.server_state.default_headers)
            if said is not None:
                if said.body:
                    self.transport.writelines((said.head, said.body))
                else:
                    self.transport.write(said.head)
                return
        self._slowly(data)

    def _answered(self) -> bool:
        """Whether every request so far has had its answer."""
        cycle = cast("RequestResponseCycle | None", self.cycle)  # none before the first that ASGI answers
        if cycle is None:
            return True
        self._unset_keepalive_if_required()
        return cycle.response_complete and not self.pipeline

    def _slowly(self, data: bytes) -> None:
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._in_head else 0
        if self._head_bytes > HEADERS and not self.transport.is_closing():
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

    def _look(self) -> None:
        """Closes a connection that is idle, or whose request does not come to an end."""
        if self.transport.is_closing():
            return
        now = self.loop.time()
        idle = self._between and self._answered() and now - self._last >= self.timeout_keep_alive
        if idle or (not self._between and now - self._began >= PATIENCE):
            self.transport.close()
        else:
            self._timer = self.loop.call_later(self.timeout_keep_alive, self._look)
