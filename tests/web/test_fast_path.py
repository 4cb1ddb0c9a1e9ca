"""The fast path: which requests it answers, that it answers as ASGI does, and nothing older than the disk."""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from properties import examples
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from publisher.app import App
from publisher.config import load
from publisher.core.feeds.redirects import Redirect, RedirectKind
from publisher.stores.files.public_folder import PublicDirectory, encode, encodes
from publisher.web import asgi, connections
from publisher.web.application import Application
from publisher.web.connections import BoundedProtocol, ConnectionLimits, FastPathProtocol, KnownRequests
from publisher.web.documents.documents import DocumentHandler, SiteState
from publisher.web.documents.file_cache import CachedFile, FileCache
from publisher.web.rate_limits import TrustedProxies

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
DATE = (b"date", b"Fri, 01 May 2026 12:00:00 GMT")
GET = b"GET /feed.atom HTTP/1.1\r\nHost: a\r\n\r\n"


class Wire(asyncio.Transport):
    """The server's end of a connection; keeps what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed = b"", False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("192.0.2.1", 4000), "sockname": ("192.0.2.2", 80)}.get(name, default)

    def write(self, data: Any) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def nothing(*_: Any) -> None:
    raise AssertionError("nobody waits here")


async def asgi_only(_scope: Any, _receive: Any, _send: Any) -> None:
    """What gets a request that the fast path leaves."""


@dataclass
class Site:
    """A folder, what is in memory of it, and a state and a clock that a test moves."""

    shelf: PublicDirectory
    files: FileCache
    now: datetime = AT
    state: SiteState = field(default_factory=SiteState)
    known: KnownRequests = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.documents = DocumentHandler(
            self.files,
            clock=lambda: self.now,
            site_state=lambda: self.state,
            encode=encode,
            versions=lambda _: {},
            not_found=nothing,
            gone=nothing,
        )

    def put(self, name: str, data: bytes, at: datetime = AT) -> None:
        self.shelf.stage(name, data)
        self.shelf.place(name, at)

    def read(self, path: str) -> None:
        """As a request by ASGI does: from disk into memory."""
        found = self.files.load(path)
        assert isinstance(found, CachedFile)
        self.files.keep(path, found)

    def said(self, data: bytes = GET, date: tuple[bytes, bytes] = DATE) -> bytes | None:
        """What a new connection answers to `data` before ASGI has its turn; None: nothing."""

        async def talk() -> bytes:
            limits = ConnectionLimits(TrustedProxies([]), lambda _: None)
            config = uvicorn.Config(asgi_only, log_config=None, access_log=False, lifespan="off", ws="none")
            state = ServerState()
            state.default_headers = [date]
            protocol = FastPathProtocol(
                config,
                state,
                {},
                from_memory=self.documents.from_memory,
                known=self.known,
                limits=limits,
            )
            wire = Wire()
            protocol.connection_made(wire)
            protocol.data_received(data)
            said = wire.written
            while protocol.tasks:
                await asyncio.wait(protocol.tasks)
            protocol.connection_lost(None)
            return said

        return asyncio.run(talk()) or None


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
    request()[:-1],
    b"",
]


def test_plain_requests_are_answered_at_once(site: Site) -> None:
    for data in QUICK:
        for _ in range(2):
            said = site.said(data)
            assert said is not None, data
            assert said.startswith(b"HTTP/1.1 20"), data


def test_everything_else_is_left_to_asgi_or_refused(site: Site) -> None:
    for data in SLOW:
        for _ in range(2):
            said = site.said(data)
            assert said is None or said.startswith(b"HTTP/1.1 400 "), data


def test_only_whole_requests_without_a_query_are_known_by_their_bytes(site: Site) -> None:
    for data in QUICK:
        site.said(data)
    assert set(site.known) == {data for data in QUICK if b"?" not in data and len(data) <= 512}
    before = dict(site.known)
    for data in (GET[:-1], b"\r\n" + GET + GET, GET.replace(b"\r\n", b"\n") + GET):
        site.said(data)
    for behind in (GET, b"G", b"get", b"0\r\n\r\n", b"\0", b"\xff", b" ", b"\t", b"\x16\x03\x01"):
        site.said(GET + behind)
    assert site.known == before


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
    site.state = SiteState(redirects={"feed.atom": move})
    assert site.said() is None


def test_the_date_and_what_caches_may_keep_are_of_this_second(site: Site) -> None:
    site.state = SiteState(next_post=AT + timedelta(seconds=10.5))
    assert b"max-age=10\r\n" in (site.said() or b"")
    site.now += timedelta(seconds=0.6)
    assert b"max-age=9\r\n" in (site.said() or b"")
    site.now += timedelta(seconds=1)
    later = site.said(date=(b"date", b"later"))
    assert later is not None
    assert b"date: later\r\n" in later


def test_the_requests_known_are_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_KNOWN_REQUESTS", 5)
    for n in range(12):
        assert site.said(request(f"User-Agent: {n}", f"If-None-Match: {n}")) is not None
        assert len(site.known) <= 5
    file = site.files.cached("/feed.atom")
    assert file is not None
    assert len(file.responses) == 1, "what a client sends is no key"
    for n in range(60):
        site.state = SiteState(next_post=AT + timedelta(seconds=n + 1))
        assert f"max-age={n + 1}\r\n".encode() in (site.said() or b"")
        assert len(file.responses) <= 16


TARGETS = [
    "/feed.atom",
    "/feed.atom",
    "/feed.atom?a=b",
    "/%66eed.atom",
    "/feed.atom#x",
    "/no",
    "*",
]
LINES = [
    "Host: b",
    "Connection: close",
    "Connection: keep-alive",
    "Upgrade: h2c",
    "Content-Length: 0",
    "Content-Length: 4",
    "Content-Length: +4",
    "Content-Length: 4, 4",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding : chunked",
    "Expect: 100-continue",
    "Accept-Encoding: gzip",
    "If-None-Match: *",
    "Range: bytes=0-1",
    "X: a\0b",
    " folded: yes",
    "X: a\nHost: c",
    "X: a\rHost: c",
    "no colon",
    "X-Forwarded-For: 203.0.113.7",
]
"""What smuggles a request past one of two parsers, if anything does."""


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from(["GET", "GET", "GET", "HEAD", "POST"]))
    first = f"{method} {draw(st.sampled_from(TARGETS))} HTTP/1.{draw(st.sampled_from('1110'))}"
    hosts = draw(st.sampled_from([["Host: a"], ["Host: a"], ["Host: a"], []]))
    lines = [first, *hosts, *draw(st.lists(st.sampled_from(LINES), max_size=3)), "", ""]
    end = draw(st.sampled_from(["\r\n", "\r\n", "\r\n", "\n"]))
    return end.join(lines).encode("latin-1") + draw(st.sampled_from([b"", b"", b"abcd", b"0\r\n\r\n"]))


@st.composite
def conversations(draw: st.DrawFn) -> list[bytes]:
    """Requests as they come over a connection: each by itself, or cut anywhere."""
    sent = draw(st.lists(st.one_of(requests(), st.just(GET)), min_size=1, max_size=4))
    if draw(st.booleans()):
        return sent
    data = b"".join(sent)
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=3)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("asked")
    (folder / "posts").mkdir()
    (folder / "publisher.toml").write_text('[site]\ntitle = "T"\nurl = "https://t.example/"\n')
    app = App(load(folder), clock=lambda: AT, environ={})
    app.deps.adapters.public_folder.stage("feed.atom", b"<feed/>" * 100)
    app.deps.adapters.public_folder.place("feed.atom", AT)
    yield asgi(app)
    app.close()


KNOWN: KnownRequests = {}
INVALID = b"Invalid HTTP request received."


@given(chunks=conversations())
@settings(max_examples=examples(60))
def test_however_requests_come_they_are_answered_as_by_asgi_one_byte_at_a_time(
    chunks: list[bytes], application: Application
) -> None:
    fast = partial(FastPathProtocol, from_memory=application.from_memory, known=KNOWN)
    one_by_one = [bytes([byte]) for byte in b"".join(chunks)]
    expected = asyncio.run(talk(application, BoundedProtocol, one_by_one))
    for _ in range(2):
        said = asyncio.run(talk(application, fast, chunks))
        if INVALID in said:  # uvicorn says so out of turn, and closes
            assert answers(said) <= answers(expected) | Counter([INVALID])
        else:
            assert said == expected


def answers(said: bytes) -> Counter[bytes]:
    """The responses in a stream, each with how often it is there."""
    return Counter(INVALID if INVALID in one else one for one in said.split(b"HTTP/1.1 "))


async def talk(application: Application, protocol: Any, chunks: list[bytes]) -> bytes:
    """What the server sends; each chunk is sent when the one before it has been answered."""
    config = uvicorn.Config(cast("Any", application), log_config=None, lifespan="off", ws="none")
    state, wire = ServerState(), Wire()
    connection: HttpToolsProtocol = protocol(config, state, {}, limits=application.connection_limits)
    connection.connection_made(wire)
    for chunk in chunks:
        if wire.closed:
            break
        connection.data_received(chunk)
        while state.tasks:
            await asyncio.wait(state.tasks)
    connection.connection_lost(None)
    return wire.written
