"""Documents over HTTP: a bare ASGI handler. What is in memory already, `web.documents.fast_path` answers
before it.

RFC 9110 for methods, conditions, encodings and ranges; RFC 9111 for what caches may keep.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from publisher.core.feeds.redirects import HTTP_STATUS, Redirect
from publisher.ports import Clock
from publisher.web.documents.file_cache import CachedFile, FileCache, FolderRedirect, Headers
from publisher.web.documents.request import DocumentRequest, asked
from publisher.web.documents.response import NO_VERSIONS, DocumentResponse, Encode, Versions, respond
from publisher.web.documents.site_state import SiteState

MAX_AGE = 60
"""Seconds a cache may keep a document; fewer when a post is due before."""

LATE = timedelta(minutes=10)
"""A post due so long ago is published by nobody: it does not shorten what caches keep."""

CHUNK = 2**18
"""Bytes read at once when a file is streamed."""

_EMPTY = (b"content-length", b"0")
_ALLOW = (b"allow", b"GET, HEAD")


class DocumentHandler:
    """Serves `files`. `facts` are asked before anything is looked up; `encode` makes the encodings of what is
    made while asked for; `versions` tells what the feed document at a path held before; `missing` answers
    for what is not there, `ended` for what was. Without `deltas` every feed is sent whole.
    """

    def __init__(
        self,
        files: FileCache,
        *,
        clock: Clock,
        facts: Callable[[], SiteState],
        encode: Encode,
        versions: Callable[[str], Versions],
        missing: ASGIApp,
        ended: ASGIApp,
        deltas: bool = False,
    ) -> None:
        self._files, self._clock, self._facts = files, clock, facts
        self._encode, self._missing, self._ended = encode, missing, ended
        self._versions, self._base_url, self._deltas = versions, files.base_url, deltas

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if method not in {"GET", "HEAD"}:
            await _empty(send, 405, (_ALLOW,))
            return
        if (move := self._moved(path)) is not None:
            await self._gone(move, scope, receive, send)
            return
        found = self._files.cached(path) or await self._load(path)
        if isinstance(found, CachedFile):
            now = self._clock()
            request = asked(method, scope["headers"])
            held = await self._held(found, request)
            answer = respond(found, request, now, self._max_age(now)[0], self._encode, held)
            await _send(answer, found, send)
        elif found is None:
            await self._missing(scope, receive, send)
        else:
            await _empty(send, 308, (_location(found, scope),))

    def in_memory(
        self, path: str, request: DocumentRequest
    ) -> tuple[DocumentResponse, datetime, CachedFile] | None:
        """The whole answer of what is in memory, until when it holds, and the file it holds for; None: it is
        not there, or must be waited for.
        """
        file = self._files.cached(path)
        if file is None or self._moved(path) is not None:
            return None
        now = self._clock()
        age, until = self._max_age(now)
        answer = respond(file, request, now, age, self._encode)
        if self._deltas and request.deltas and request.conditions and answer.status != 304:
            return None  # what it has must be looked up
        return (answer, until, file) if isinstance(answer.body, bytes) else None

    def cached(self, path: str) -> CachedFile | None:
        """The file at `path`, where it is in memory and still as it is on disk."""
        return self._files.cached(path)

    def _moved(self, path: str) -> Redirect | None:
        """What became of the address, where there is no document any more (core.moves)."""
        moves = self._facts().moves
        if not moves:
            return None
        name = path.removeprefix("/")
        if name.endswith((".gz", ".br")):
            name = name[:-3]  # an encoding goes where its document went
        return moves.get(name) or moves.get(
            f"{name}index.html" if name.endswith("/") else f"{name}/index.html"
        )

    async def _gone(self, move: Redirect, scope: Scope, receive: Receive, send: Send) -> None:
        """301 to where it is now, for ever; 410 with a page that says so."""
        if HTTP_STATUS[move.kind] == 410:
            await self._ended(scope, receive, send)
            return
        target = move.target if "://" in move.target else self._base_url + move.target
        keep = (b"cache-control", b"public, max-age=3600")
        await _empty(send, 301, (keep, (b"location", quote(target, safe=_URL).encode())))

    async def _load(self, path: str) -> CachedFile | FolderRedirect | None:
        found = await asyncio.to_thread(self._files.load, path)
        if isinstance(found, CachedFile):
            self._files.keep(path, found)
        return found

    async def _held(self, file: CachedFile, request: DocumentRequest) -> Versions:
        """What the document held before, where that may make a difference."""
        if not self._deltas or not request.deltas or request.conditions is None or file.feed is None:
            return NO_VERSIONS
        return await asyncio.to_thread(self._versions, file.relative)

    def _max_age(self, now: datetime) -> tuple[int, datetime]:
        """Seconds that caches may keep a document, and until when to say so. At least one: a post that is due
        and not yet written will be in a moment.
        """
        due = self._facts().next_post
        if due is None or due < now - LATE:
            return MAX_AGE, now + _SECOND
        age = max(1, min(MAX_AGE, (due - now) // _SECOND))
        return age, min(now + _SECOND, due - age * _SECOND) if due - now >= _SECOND else now + _SECOND


_SECOND = timedelta(seconds=1)
_URL = ":/?#[]@!$&'()*+,;=%~-._"


async def _send(answer: DocumentResponse, file: CachedFile, send: Send) -> None:
    if isinstance(answer.body, bytes):
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})
        return
    await _stream(file, answer, *answer.body, send)


async def _stream(file: CachedFile, answer: DocumentResponse, start: int, left: int, send: Send) -> None:
    """A part of a large file. Documents are replaced by renaming, so an open one stays as it was hashed.

    Raises OSError when another stands in its place already.
    """
    with await asyncio.to_thread(file.open) as stream:
        stream.seek(start)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        while left and (chunk := await asyncio.to_thread(stream.read, min(CHUNK, left))):
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})


async def _empty(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": (_EMPTY, *headers)})
    await send({"type": "http.response.body"})


def _location(folder: FolderRedirect, scope: Scope) -> tuple[bytes, bytes]:
    """Relative (RFC 9110 10.2.2), so that it holds behind any proxy, and names no host."""
    query = scope["query_string"]
    return b"location", f"./{quote(folder.to)}/".encode() + (b"?" + query if query else b"")
