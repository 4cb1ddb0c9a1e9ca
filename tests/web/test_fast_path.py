"""The quick way: which requests it takes, and that what it remembers is never older than what is on disk."""

import asyncio
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from publisher.core.feeds.redirects import Redirect, RedirectKind
from publisher.stores.files.public_folder import PublicDirectory, encode, encodes
from publisher.web.documents import fast_path
from publisher.web.documents.documents import DocumentHandler, SiteState
from publisher.web.documents.fast_path import ResponseCache
from publisher.web.documents.file_cache import CachedFile, FileCache

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
DATE = [(b"date", b"Fri, 01 May 2026 12:00:00 GMT")]
GET = b"GET /feed.atom HTTP/1.1\r\nHost: a\r\n\r\n"


async def nothing(*_: Any) -> None:
    raise AssertionError("nobody waits here")


@dataclass
class Site:
    """A folder, what is in memory of it, and facts and a clock that a test moves."""

    shelf: PublicDirectory
    files: FileCache
    now: datetime = AT
    facts: SiteState = field(default_factory=SiteState)

    def __post_init__(self) -> None:
        self.documents = DocumentHandler(
            self.files,
            clock=lambda: self.now,
            site_state=lambda: self.facts,
            encode=encode,
            versions=lambda _: {},
            not_found=nothing,
            gone=nothing,
        )
        self.memory = ResponseCache(self.documents, lambda: self.now, lambda path: path, lambda: self.facts)

    def put(self, name: str, data: bytes, at: datetime = AT) -> None:
        self.shelf.stage(name, data)
        self.shelf.place(name, at)

    def read(self, path: str) -> None:
        """As a request by ASGI does: from disk into memory."""
        found = self.files.load(path)
        assert isinstance(found, CachedFile)
        self.files.keep(path, found)

    def said(self, data: bytes = GET) -> bytes | None:
        answer = self.memory.lookup(data, DATE)
        return None if answer is None else answer.head + answer.body


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(PublicDirectory(tmp_path), FileCache(tmp_path, "https://a.example/", unpacks=encodes))
    made.put("feed.atom", b"one")
    made.read("/feed.atom")
    return made


def request(*lines: str, first: str = "GET /feed.atom HTTP/1.1", host: str = "Host: a") -> bytes:
    return "\r\n".join([first, host, *lines, "", ""]).encode("latin-1")


QUICK = [
    request(),
    request(first="HEAD /feed.atom HTTP/1.1"),
    request(first="GET /feed.atom?a=b&c HTTP/1.1"),
    request("User-Agent: r\xe9ader", "Accept: */*", "X-Empty:"),
    request("Connection: Keep-Alive", "accept-encoding:gzip ,br"),
    request("Cookie: a=b", "Range: bytes=0-1", "A-IM: feed"),
    request("X: " + "a" * 5000),
]

SLOW = [
    request(first="POST /feed.atom HTTP/1.1"),
    request(first="GET /feed.atom HTTP/1.0"),
    request(first="GET http://a/feed.atom HTTP/1.1"),
    request(first="GET /feed%2eatom HTTP/1.1"),
    request(first="GET /feed.atom#x HTTP/1.1"),
    request(first="GET  /feed.atom HTTP/1.1"),
    request(first="get /feed.atom HTTP/1.1"),
    request(first="GET /nothing HTTP/1.1"),
    request(host="X: y"),
    request("Host: b"),
    request("Connection: close"),
    request("Connection: keep-alive, Upgrade", "Upgrade: h2c"),
    request("Content-Length: 0"),
    request("Transfer-Encoding: chunked"),
    request("Expect: 100-continue"),
    request("Accept : x"),
    request("Accept: a\0b"),
    request("Accept: a\r\n folded: b"),
    request("Accept: a\nX: b"),
    request() + b"GET",
    request() + request(),
    request()[:-1],
    b"\r\n" + request(),
    b"",
]


@pytest.mark.parametrize("data", QUICK)
def test_whole_plain_requests_are_answered_at_once(data: bytes, site: Site) -> None:
    for _ in range(2):
        said = site.said(data)
        assert said is not None
        assert said.startswith(b"HTTP/1.1 20")


@pytest.mark.parametrize("data", SLOW)
def test_everything_else_is_left_to_the_parser(data: bytes, site: Site) -> None:
    assert site.said(data) is None


def test_the_answer_is_that_of_the_slow_way(site: Site) -> None:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"method": "GET", "path": "/feed.atom", "headers": [(b"host", b"a"), (b"accept-encoding", b"br")]}
    asyncio.run(site.documents(scope, nothing, send))  # type: ignore[arg-type]
    lines = [b"HTTP/1.1 200 OK", *(b": ".join(field) for field in (*DATE, *sent[0]["headers"])), b"", b""]
    assert site.said(request("Accept-Encoding: br")) == b"\r\n".join(lines) + sent[1]["body"]


def test_a_document_that_changed_is_never_answered_from_memory(site: Site) -> None:
    assert site.said() == site.said()
    site.put("feed.atom", b"two", AT + timedelta(seconds=1))
    assert site.said() is None
    site.read("/feed.atom")
    assert (site.said() or b"").endswith(b"\r\n\r\ntwo")


def test_nor_when_another_request_has_read_the_new_one_already(site: Site) -> None:
    assert (site.said() or b"").endswith(b"one")
    site.put("feed.atom", b"two", AT + timedelta(seconds=1))
    site.files.cached("/feed.atom")
    site.read("/feed.atom")
    assert (site.said(request("User-Agent: other")) or b"").endswith(b"two")
    assert (site.said() or b"").endswith(b"two")


def test_an_encoding_that_comes_a_moment_later_is_used(site: Site, tmp_path: Path) -> None:
    packed = tmp_path / "feed.atom.gz"
    data = packed.read_bytes()
    packed.unlink()
    os.utime(tmp_path / "feed.atom", (1, 1))
    site.files.cached("/feed.atom")
    site.read("/feed.atom")
    asked = request("Accept-Encoding: gzip")
    assert b"content-encoding" not in (site.said(asked) or b"")
    packed.write_bytes(data)
    assert site.said(asked) is None
    site.read("/feed.atom")
    assert b"content-encoding: gzip" in (site.said(asked) or b"")


def test_bytes_that_are_not_the_documents_are_not_sent_as_its_encoding(site: Site, tmp_path: Path) -> None:
    (tmp_path / "feed.atom.gz").write_bytes(encode("gzip", b"other"))
    os.utime(tmp_path / "feed.atom", (1, 1))
    site.files.cached("/feed.atom")
    site.read("/feed.atom")
    for _ in range(2):
        assert b"content-encoding" not in (site.said(request("Accept-Encoding: gzip")) or b"")


def test_a_feed_that_moves_is_asked_for_anew(site: Site) -> None:
    assert site.said() is not None
    move = Redirect(path="feed.atom", kind=RedirectKind.MOVED, at=AT, target="https://b.example/feed.atom")
    site.facts = SiteState(redirects={"feed.atom": move})
    assert site.said() is None


def test_the_date_and_what_caches_may_keep_are_of_this_second(site: Site) -> None:
    site.facts = SiteState(next_post=AT + timedelta(seconds=10.5))
    assert b"max-age=10\r\n" in (site.said() or b"")
    site.now += timedelta(seconds=0.6)
    assert b"max-age=9\r\n" in (site.said() or b"")
    site.now += timedelta(seconds=1)
    later = site.memory.lookup(GET, [(b"date", b"later")])
    assert later is not None
    assert b"date: later\r\n" in later.head


@pytest.mark.parametrize(
    ("bound", "value"), [("MAX_REQUESTS", 5), ("MAX_RESPONSES", 5), ("MAX_BODY_BYTES", 50)]
)
def test_what_is_remembered_is_bounded(
    bound: str, value: int, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast_path, bound, value)
    for n in range(100):
        assert site.said(request(f"User-Agent: {n}", f"If-None-Match: {n}")) is not None
    memory: Any = site.memory
    assert len(memory._requests) <= fast_path.MAX_REQUESTS
    assert len(memory._responses) <= fast_path.MAX_RESPONSES
    assert memory._bytes <= fast_path.MAX_BODY_BYTES
    assert memory._bytes == sum(len(said.body) for said in memory._responses.values())
    alive = [said for said in memory._requests.values() if said.body]
    assert len(alive) <= len(memory._responses), "an answer let go keeps no bytes"
