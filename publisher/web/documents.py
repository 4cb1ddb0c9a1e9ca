"""Documents over HTTP: a bare ASGI handler, so that a feed costs one stat and two messages.

RFC 9110 for GET, HEAD and conditions; RFC 9111 for what caches may keep.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import quote

from starlette.types import ASGIApp, Receive, Scope, Send

from publisher.ports import Clock
from publisher.web.conditional import Verdict, conditions, evaluate
from publisher.web.files import CHUNK, File, Files, Moved

MAX_AGE = 60
"""Seconds a cache may keep a document; fewer when a post is due before."""

_ALLOW = (b"allow", b"GET, HEAD")
_EMPTY = (b"content-length", b"0")
Headers = list[tuple[bytes, bytes]]


class Documents:
    """Serves `files`. `next_post` is when the next known post becomes public, or None; `missing` answers
    for what is not there.
    """

    def __init__(
        self,
        files: Files,
        *,
        clock: Clock,
        next_post: Callable[[], datetime | None],
        missing: ASGIApp,
    ) -> None:
        self._files, self._clock, self._next_post, self._missing = files, clock, next_post, missing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method = scope["method"]
        if method not in {"GET", "HEAD"}:
            await _empty(send, 405, [_ALLOW])
            return
        path = scope["path"]
        found = self._files.cached(path) or await self._load(path)
        if isinstance(found, File):
            await self._answer(found, scope, send)
        elif found is None:
            await self._missing(scope, receive, send)
        else:
            await _empty(send, 308, [_location(found, scope)])

    async def _load(self, path: str) -> File | Moved | None:
        found = await asyncio.to_thread(self._files.load, path)
        if isinstance(found, File):
            self._files.keep(path, found)
        return found

    async def _answer(self, file: File, scope: Scope, send: Send) -> None:
        given = conditions(scope["headers"])
        if given is not None:
            verdict = evaluate(given, file.etag, file.modified, self._clock())
            if verdict is Verdict.NOT_MODIFIED:
                headers = [*file.kept_headers, self._cache_control()]
                await send({"type": "http.response.start", "status": 304, "headers": headers})
                await send({"type": "http.response.body"})
                return
            if verdict is Verdict.FAILED:
                await _empty(send, 412, [])
                return
        headers = [*file.headers, self._cache_control()]
        if file.body is None and scope["method"] == "GET":
            await _stream(file, headers, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        body = file.body if scope["method"] == "GET" else b""
        await send({"type": "http.response.body", "body": body})

    def _cache_control(self) -> tuple[bytes, bytes]:
        """At least a second: a post that is due and not yet written will be in a moment."""
        age = MAX_AGE
        if due := self._next_post():
            age = max(1, min(age, (due - self._clock()) // timedelta(seconds=1)))
        return b"cache-control", b"public, max-age=%d" % age


async def _stream(file: File, headers: Headers, send: Send) -> None:
    """A large file from disk. Documents are replaced by renaming, so an open one stays as it was hashed.

    Raises OSError when another stands in its place already.
    """
    left = file.size
    with await asyncio.to_thread(file.open) as stream:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while left and (chunk := await asyncio.to_thread(stream.read, min(CHUNK, left))):
            left -= len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": left > 0})


async def _empty(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [_EMPTY, *headers]})
    await send({"type": "http.response.body"})


def _location(moved: Moved, scope: Scope) -> tuple[bytes, bytes]:
    """Relative (RFC 9110 10.2.2), so that it holds behind any proxy, and names no host."""
    query = scope["query_string"]
    return b"location", f"./{quote(moved.to)}/".encode() + (b"?" + query if query else b"")
