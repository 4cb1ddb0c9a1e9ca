"""Documents over HTTP: a bare ASGI handler. `web.connections` asks it for documents in memory first.

RFC 9110 for methods, conditions, encodings and ranges; RFC 3229 for deltas of feeds; RFC 9111 for what caches
may keep.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from publisher.app import App
from publisher.core.errors import PublisherError
from publisher.core.feeds.documents import PREFLIGHT, without_entries
from publisher.core.feeds.redirects import HTTP_STATUS, Redirect
from publisher.ports import Clock
from publisher.services.publishing.publish import NEXT_POST
from publisher.web.documents.feed_counts import FeedCounts
from publisher.web.documents.file_cache import (
    HASH,
    CachedFile,
    DocumentResponse,
    EncodedVariant,
    FileCache,
    FolderRedirect,
    Headers,
)
from publisher.web.documents.request import (
    IDENTITY,
    DocumentRequest,
    choose_encoding,
    entity_tags,
    evaluate,
    parse_http_date,
    parse_range,
    parse_request,
    wants_delta,
)

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
"""Seconds between two readings of the site's state."""

MAX_AGE = 60
"""Seconds a cache may keep a document; fewer when a post is due before."""

LATE = timedelta(minutes=10)
"""A post overdue by more than this is not about to be published, and no longer shortens max-age."""

CHUNK = 2**18
"""Bytes read at once when a file is streamed."""

DELTAS = 32
"""Deltas remembered for one version of a feed: one for each version that clients still have."""

RESPONSES = 16
"""Responses remembered for one file: whole and not modified, GET and HEAD, in each encoding."""

Encode = Callable[[str, bytes], bytes]
"""Bytes in a content coding: (coding, bytes) -> bytes."""

YEAR = 365 * 24 * 3600
Versions = Mapping[str, tuple[str, ...]]
"""Earlier versions of a feed document, newest first: hash of its bytes (64 hex digits) -> marks of its
entries.
"""

NO_VERSIONS: Versions = {}

_EMPTY = (b"content-length", b"0")
_PREFLIGHT = tuple((name.lower().encode(), value.encode()) for name, value in PREFLIGHT.items())
_ALLOW = (b"allow", PREFLIGHT["Allow"].encode())
_URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%~-._"


@dataclass(frozen=True, slots=True)
class SiteState:
    """`next_post`: when the next known post becomes public. `redirects`: moved and deleted documents, by path
    relative to public/.
    """

    next_post: datetime | None = None
    redirects: Mapping[str, Redirect] = field(default_factory=dict[str, Redirect])

    def redirect_of(self, path: str) -> Redirect | None:
        """Where the document of a path went, if it moved or was deleted (`core.feeds.redirects`)."""
        if not self.redirects:
            return None
        name = path.removeprefix("/")
        if name.endswith((".gz", ".br")):
            name = name[:-3]  # encodings go where their document went
        index = f"{name}index.html" if name.endswith("/") else f"{name}/index.html"
        return self.redirects.get(name) or self.redirects.get(index)

    def max_age(self, now: datetime) -> int:
        """Seconds that caches may keep a document: until the next post, and at least one, because a post that
        is due is written in a moment.
        """
        if self.next_post is None or self.next_post < now - LATE:
            return MAX_AGE
        return max(1, min(MAX_AGE, (self.next_post - now) // timedelta(seconds=1)))


class SiteStateCache:
    """The state as it was last read, so that no request waits for the store. Call `refresh` in a thread."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._state = SiteState()
        self._failed = False
        self.refresh()

    def current(self) -> SiteState:
        """The state; what this process published since the last refresh is already in it."""
        published = self._app.published_next
        if published is not None and published[0] != self._state.next_post:
            self._state = replace(self._state, next_post=published[0])
        return self._state

    def refresh(self) -> None:
        """Reads the state again. If that fails, the old one stays and the failure is logged once."""
        try:
            store, published = self._app.store, self._app.published_next
            kept = store.meta(NEXT_POST)
            next_post = published[0] if published else datetime.fromisoformat(kept) if kept else None
            self._state = SiteState(next_post, redirects={move.path: move for move in store.all_redirects()})
        except PublisherError as error:
            if not self._failed:
                log.error("store_unread", extra={"reason": str(error)})
            self._failed = True
            return
        self._failed = False


class DocumentHandler:
    """Serves `files`. `site_state` names the redirects, which come first; `encode` encodes deltas;
    `versions` returns the earlier versions of the feed at a path; `not_found` sends 404 and `gone` 410.
    Without `deltas` every feed is sent whole. `counts` are told of each response.
    """

    def __init__(
        self,
        files: FileCache,
        *,
        clock: Clock,
        site_state: Callable[[], SiteState],
        encode: Encode,
        versions: Callable[[str], Versions],
        not_found: ASGIApp,
        gone: ASGIApp,
        deltas: bool = False,
        counts: FeedCounts | None = None,
    ) -> None:
        self._files, self._clock, self._site_state = files, clock, site_state
        self._encode, self._not_found, self._gone = encode, not_found, gone
        self._versions, self._base_url, self._deltas = versions, files.base_url, deltas
        self._counts = counts or FeedCounts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if method == "OPTIONS":
            await send_empty(send, 204, _PREFLIGHT)
            return
        if method not in {"GET", "HEAD"}:
            await send_empty(send, 405, (_ALLOW,))
            return
        state = self._site_state()
        if (redirect := state.redirect_of(path)) is not None:
            await self._redirect(redirect, scope, receive, send)
            return
        found = self._files.cached(path) or await self._load(path)
        if isinstance(found, CachedFile):
            now = self._clock()
            request = parse_request(method, scope["headers"])
            versions = NO_VERSIONS
            if self._deltas and found.feed is not None and wants_delta(request.headers):
                versions = await asyncio.to_thread(self._versions, found.relative)
            response = respond(found, request, now, state.max_age(now), self._encode, versions)
            self._counts.count(found, response.status, request, now)
            await send_response(response, found, send)
        elif found is None:
            await self._not_found(scope, receive, send)
        else:
            # Relative (RFC 9110 10.2.2), so that it holds behind any proxy, and names no host.
            query = b"?" + scope["query_string"] if scope["query_string"] else b""
            location = f"./{quote(found.to)}/".encode() + query
            await send_empty(send, 308, ((b"location", location),))

    def from_memory(self, path: str, request: DocumentRequest) -> tuple[bytes, bytes] | None:
        """The response to a GET or HEAD of a document in memory: its status line and headers, Date and the
        empty line missing, and its body. None: call this handler instead, because the document is not in
        memory, or the response needs the store or the disk.
        """
        file = self._files.cached(path)
        state = self._site_state()
        if file is None or state.redirect_of(path) is not None:
            return None
        now = self._clock()
        response = respond(file, request, now, state.max_age(now), self._encode)
        if self._deltas and response.status != 304 and wants_delta(request.headers):
            return None  # the store knows which version the client has
        if not isinstance(response.body, bytes):
            return None
        self._counts.count(file, response.status, request, now)
        return response.head, response.body

    async def _redirect(self, redirect: Redirect, scope: Scope, receive: Receive, send: Send) -> None:
        """301 to the new address, or 410 with a page that says so."""
        if HTTP_STATUS[redirect.kind] == 410:
            await self._gone(scope, receive, send)
            return
        target = redirect.target if "://" in redirect.target else self._base_url + redirect.target
        keep = (b"cache-control", b"public, max-age=3600")
        await send_empty(send, 301, (keep, (b"location", quote(target, safe=_URL_CHARACTERS).encode())))

    async def _load(self, path: str) -> CachedFile | FolderRedirect | None:
        found = await asyncio.to_thread(self._files.load, path)
        if isinstance(found, CachedFile):
            self._files.keep(path, found)
        return found


async def send_response(response: DocumentResponse, file: CachedFile, send: Send) -> None:
    """Sends a response; large files are streamed. Documents are replaced by renaming, so an open one keeps
    the content that was hashed. Raises OSError if the file was replaced before it was opened.
    """
    start: Message = {
        "type": "http.response.start",
        "status": response.status,
        "headers": response.headers,
    }
    if isinstance(response.body, bytes):
        await send(start)
        await send({"type": "http.response.body", "body": response.body})
        return
    offset, left = response.body
    with await asyncio.to_thread(file.open) as stream:
        stream.seek(offset)
        await send(start)
        while left and (chunk := await asyncio.to_thread(stream.read, min(CHUNK, left))):
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})


async def send_empty(send: Send, status: int, headers: Headers) -> None:
    """A response without a body."""
    length = () if status == 204 else (_EMPTY,)  # RFC 9110 8.6
    await send({"type": "http.response.start", "status": status, "headers": (*length, *headers)})
    await send({"type": "http.response.body"})


def respond(
    file: CachedFile,
    request: DocumentRequest,
    now: datetime,
    max_age: int,
    encode: Encode,
    versions: Versions = NO_VERSIONS,
) -> DocumentResponse:
    """The response for `file`; caches may keep it for `max_age` seconds. `now` tells which dates lie in the
    future; `encode` encodes deltas; `versions` are earlier versions of the document.
    """
    coding = choose_encoding(request.headers.get(b"accept-encoding"), file.codings)
    if coding is None:
        text = b"There is no encoding of this document that you accept.\n"
        return plain_response(406, text, ((b"vary", b"Accept-Encoding"),), request)
    variant = file.variants[coding]
    status = evaluate(request.headers, variant.etag, file.modified, now)
    if status == 412:
        return plain_response(412, b"", (), request)
    if status == 200:
        if versions and (delta := delta_response(file, request, variant, max_age, encode, versions)):
            return dated(delta, file, now)
        if coding == IDENTITY and (part := partial_response(file, request, variant, max_age, now)):
            return dated(part, file, now)
    key = (status, coding, request.head, max_age)
    response = file.responses.get(key)
    if response is None:
        if len(file.responses) >= RESPONSES:
            file.responses.clear()  # most are for another max_age
        kept = (*variant.kept, cache_control(file, max_age))
        if status == 304:
            response = DocumentResponse(304, kept, b"")
        else:
            ranges = () if file.codings else ((b"accept-ranges", b"bytes"),)
            body = variant.body if variant.body is not None else (0, variant.size)
            response = DocumentResponse(
                200, (*variant.headers, *kept, *ranges), b"" if request.head else body
            )
        file.responses[key] = response
    return dated(response, file, now)


def dated(response: DocumentResponse, file: CachedFile, now: datetime) -> DocumentResponse:
    """The response for `file`, without a Last-Modified that lies in the future (RFC 9110 8.8.2.1): the clock
    was set back, or the document changed twice within a second. The time of now would be that of the version
    before, and curl takes a document with the same time for the same document.
    """
    if file.modified <= now:
        return response
    return replace(response, headers=tuple(it for it in response.headers if it[0] != b"last-modified"))


def cache_control(file: CachedFile, max_age: int) -> tuple[bytes, bytes]:
    """How long caches may keep the document: for ever where its name is that of its content."""
    value = b"public, max-age=%d, immutable" % YEAR if file.immutable else b"public, max-age=%d" % max_age
    return (b"cache-control", value)


def plain_response(status: int, text: bytes, headers: Headers, request: DocumentRequest) -> DocumentResponse:
    """A plain text response instead of the document."""
    fixed = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text)))
    return DocumentResponse(status, (*fixed, *headers), b"" if request.head else text)


def delta_response(
    file: CachedFile,
    request: DocumentRequest,
    variant: EncodedVariant,
    max_age: int,
    encode: Encode,
    versions: Versions,
) -> DocumentResponse | None:
    """226 IM Used (RFC 3229 10.4.1): the entries that the client's version lacks. None if the client names no
    version we know, or if every entry is new to it. Caches that do not know 226 store nothing.
    """
    if file.body is None or file.feed is None:
        return None
    # Of a tag, weak or strong, only the part that names the document counts, whatever its encoding.
    named = {
        tag.removeprefix(b"W/").strip(b'"').partition(b"-")[0].decode("latin-1")
        for tag in entity_tags(request.headers.get(b"if-none-match", b"").strip(b" \t"))
    }
    hash = next((hash for hash in versions if hash[:HASH] in named and hash != file.hash), None)
    if hash is None:
        return None
    body = file.deltas.get((hash, variant.coding))
    if body is None:
        cut = without_entries(file.body, file.feed, versions[hash])
        if cut is None:
            return None
        body = cut if variant.coding == IDENTITY else encode(variant.coding, cut)
        if len(file.deltas) >= DELTAS:
            file.deltas.clear()
        file.deltas[hash, variant.coding] = body
    headers = dict((*variant.headers, *variant.kept)) | {
        b"content-length": b"%d" % len(body),
        b"im": b"feed",
        b"vary": b"Accept-Encoding, A-IM, If-None-Match",
        b"cache-control": b"no-store, im, max-age=%d" % max_age,
    }
    return DocumentResponse(226, tuple(headers.items()), b"" if request.head else body)


def partial_response(
    file: CachedFile, request: DocumentRequest, variant: EncodedVariant, max_age: int, now: datetime
) -> DocumentResponse | None:
    """206, or 416 if the range lies behind the end (RFC 9110 14.1.2, 15.5.17). None to send the whole
    document: no range is asked for, or If-Range names another version.
    """
    range = parse_range(request.headers.get(b"range", b""))
    if range is None or request.head:
        return None
    version = request.headers.get(b"if-range", variant.etag).strip()
    # RFC 9110 13.1.5: a strong tag, or exactly the date of Last-Modified.
    if version != variant.etag and parse_http_date(version.decode("latin-1"), now) != file.modified:
        return None
    first, last = range
    size = variant.size
    if first is None:
        first, last = max(0, size - (last or 0)), size - 1
    last = size - 1 if last is None else min(last, size - 1)
    if first > last:
        return DocumentResponse(
            416, ((b"content-range", b"bytes */%d" % size), (b"content-length", b"0")), b""
        )
    length = last - first + 1
    headers = dict((*variant.headers, *variant.kept, cache_control(file, max_age))) | {
        b"content-length": b"%d" % length,
        b"content-range": b"bytes %d-%d/%d" % (first, last, size),
    }
    body = (first, length) if variant.body is None else variant.body[first : last + 1]
    return DocumentResponse(206, tuple(headers.items()), body)
