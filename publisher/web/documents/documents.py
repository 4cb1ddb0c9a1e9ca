"""Documents over HTTP: a bare ASGI handler. `web.documents.fast_path` asks it for documents in memory first.

RFC 9110 for methods, conditions, encodings and ranges; RFC 9111 for what caches may keep.
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
from publisher.core.feeds.redirects import HTTP_STATUS, Redirect
from publisher.ports import Clock
from publisher.services.publishing.publish import NEXT_POST
from publisher.web.documents.file_cache import (
    CachedFile,
    DocumentResponse,
    FileCache,
    FolderRedirect,
    Headers,
)
from publisher.web.documents.request import DocumentRequest, parse_request, wants_delta
from publisher.web.documents.response import NO_VERSIONS, Encode, Versions, respond

log = logging.getLogger(__name__)

REFRESH_SECONDS = 1.0
"""Seconds between two readings of the site's state."""


MAX_AGE = 60
"""Seconds a cache may keep a document; fewer when a post is due before."""

LATE = timedelta(minutes=10)
"""A post overdue by more than this is not about to be published, and no longer shortens max-age."""

CHUNK = 2**18
"""Bytes read at once when a file is streamed."""

_EMPTY = (b"content-length", b"0")
_ALLOW = (b"allow", b"GET, HEAD")
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
    Without `deltas` every feed is sent whole.
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
    ) -> None:
        self._files, self._clock, self._site_state = files, clock, site_state
        self._encode, self._not_found, self._gone = encode, not_found, gone
        self._versions, self._base_url, self._deltas = versions, files.base_url, deltas

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
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
        return (response.head, response.body) if isinstance(response.body, bytes) else None

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
    await send({"type": "http.response.start", "status": status, "headers": (_EMPTY, *headers)})
    await send({"type": "http.response.body"})
