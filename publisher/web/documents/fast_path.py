"""The fast path: a document in memory is sent as soon as its request is parsed, without ASGI.

An ASGI request costs a task, its events and a dictionary for each step; this saves them. uvicorn's parser
alone decides what bytes mean, and `documents.DocumentHandler` makes the response, as it does for ASGI, which
gets every request that is not answered here.

Feed readers repeat themselves, so the bytes of a request are remembered and need no second parsing.
"""

from collections.abc import Callable
from typing import Any, cast

from publisher.web.connections import BoundedProtocol
from publisher.web.documents.request import UNUSUAL_HEADERS, DocumentRequest, parse_request

MAX_QUERY = 4096
"""Bytes of a query string. Nothing here reads one; links from elsewhere carry all sorts of them."""

MAX_KNOWN_REQUESTS = 32_768
MAX_KNOWN_BYTES = 512
"""Requests remembered, and bytes of one: enough for a feed reader's, and some 50 MB at worst. Those with a
query are not remembered: there is no end of them.
"""

KnownRequests = dict[bytes, tuple[str, DocumentRequest]]
"""Path and headers of a request, by its bytes."""


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
