"""HTTP, line by line of the standard: a request on a real socket to `publisher run`, and its answer.

In requests {etag}, {gz}, {br} are the tags of the feed in each encoding, {lm} is its Last-Modified, {earlier}
and {later} are a second off it, {future} is tomorrow.
"""

import gzip
import hashlib
import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from typing import Any

import brotli
import feedparser
import pytest


@dataclass(frozen=True)
class Reply:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes


class Server:
    """`publisher run` on a site with a feed, and what its answers are measured by."""

    def __init__(self, port: int, old: dict[str, bytes]) -> None:
        self.port, self.old = port, old
        plain, gz, br = (self.ask("GET", "/feed.atom", {"Accept-Encoding": c}) for c in ("", "gzip", "br"))
        self.feed, self.gz, self.br = plain.body, gz.body, br.body
        modified = parsedate_to_datetime(plain.headers["last-modified"])
        self.words = {
            "etag": plain.headers["etag"],
            "old": f'"{hashlib.sha256(old["feed.atom"]).hexdigest()[:32]}"',
            "gz": gz.headers["etag"],
            "br": br.headers["etag"],
            "lm": plain.headers["last-modified"],
            "earlier": http_date(modified - timedelta(seconds=1)),
            "later": http_date(modified + timedelta(seconds=1)),
            "future": http_date(datetime.now(UTC) + timedelta(days=1)),
            "rfc850": f"{modified:%A, %d-%b-%y %H:%M:%S} GMT",
            "asctime": f"{modified:%a %b} {modified.day:2d} {modified:%H:%M:%S %Y}",
        }

    def ask(
        self, method: str, path: str, headers: dict[str, str] | None = None, *, close: bool = True
    ) -> Reply:
        """With `close` the connection ends after the answer; without, as many follow as a client wants."""
        lines = [f"{method} {path} HTTP/1.1", "Host: harbour.example", *["Connection: close"] * close]
        for name, value in (headers or {}).items():
            lines += [f"{name}: {one}" for one in value.split("\n")]
        data = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return self.raw(data) if close else self.parsed(self.one(data, method))

    def raw(self, data: bytes) -> Reply:
        return self.parsed(self.talk(data))

    def one(self, data: bytes, method: str) -> bytes:
        """The answer to a request after which the connection stays open; nothing may follow it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as line:
            line.sendall(data)
            said = b""
            while b"\r\n\r\n" not in said:
                said += line.recv(65536)
            reply = self.parsed(said)
            length = 0 if method == "HEAD" else int(reply.headers.get("content-length", 0))
            while len(said) < said.index(b"\r\n\r\n") + 4 + length:
                said += line.recv(65536)
            line.shutdown(socket.SHUT_WR)
            while part := line.recv(65536):
                said += part
        return said

    def parsed(self, said: bytes) -> Reply:
        head, _, body = said.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        pairs = [line.split(": ", 1) for line in rest]
        return Reply(int(first.split()[1]), {name.lower(): value for name, value in pairs}, body)

    def talk(self, data: bytes) -> bytes:
        """Everything the server says until it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as line:
            line.sendall(data)
            said = b""
            while part := line.recv(65536):
                said += part
        return said


def http_date(instant: datetime) -> str:
    return format_datetime(instant, usegmt=True)


TOML = """
[websub]
hubs = ["https://hub.example/"]

[schedule]
publish_every = "1h"
"""

DELTA = "[web]\ndelta = true"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, new_site: Any, running_site: Any) -> Iterator[Server]:
    site = new_site(tmp_path_factory.mktemp("http") / "site")
    site.settings((site.folder / "publisher.toml").read_text().replace("[web]", DELTA) + TOML)
    for n in range(1, 5):
        site.post(f"{n}.md", f"---\ntitle: Post {n}\ndate: 2024-10-0{n}\n---\n" + "Words of the sea. " * 200)
    site.publish("2024-10-20T03:00:00Z")
    old = {name: site.read(name) for name in ("feed.atom", "feed.xml", "feed.json")}
    site.post("5.md", "---\ntitle: Post 5\ndate: 2024-10-21\n---\n" + "Words of the sky. " * 200)
    site.post("2.md", "---\ntitle: Post 2\ndate: 2024-10-02\n---\n" + "Words of the shore. " * 200)
    site.publish("2024-10-21T03:00:00Z")
    site.run("feeds", "move", "old.atom", "feed.atom")
    site.run("feeds", "end", "ended.xml")
    (site.public / "sound.mp3").write_bytes(bytes(range(256)) * 40)
    (site.folder / "secret.txt").write_text("SECRET")
    running = running_site(site)
    yield Server(int(running.url.rpartition(":")[2]), old)
    assert running.stop() == 0


@dataclass(frozen=True)
class Line:
    """One line of the standard. `has` are headers by name: a pattern each, None for absent. `body` is one of
    "feed", "gz", "br", "none", or "any".
    """

    clause: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    path: str = "/feed.atom"
    method: str = "GET"
    has: dict[str, str | None] = field(default_factory=dict)
    body: str = "any"


KEPT: dict[str, str | None] = {
    "cache-control": r"public, max-age=\d+",
    "vary": "Accept-Encoding",
    "link": r'<https://harbour.example/feed.atom>; rel="self".*',
    "last-modified": r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT",
    "access-control-allow-origin": r"\*",
}
PLAIN: dict[str, str | None] = {**KEPT, "etag": '"[0-9a-f]{32}"', "content-encoding": None}
GZIP: dict[str, str | None] = {**KEPT, "etag": '"[0-9a-f]{32}-gz"', "content-encoding": "gzip"}
BROTLI: dict[str, str | None] = {**KEPT, "etag": '"[0-9a-f]{32}-br"', "content-encoding": "br"}
NOTHING: dict[str, str | None] = {
    "content-type": None,
    "content-length": None,
    "content-encoding": None,
    "transfer-encoding": None,
}


def inm(value: str, status: int, clause: str, **more: str) -> Line:
    has = {**KEPT, "etag": re.escape("{etag}"), **NOTHING} if status == 304 else PLAIN
    return Line(
        clause, status, {"If-None-Match": value, **more}, has=has, body="none" if status == 304 else "feed"
    )


def delta(aim: str, status: int, clause: str, has: dict[str, str | None], body: str = "any") -> Line:
    return Line(clause, status, {"A-IM": aim, "If-None-Match": "{old}"}, has=has, body=body)


def ims(value: str, status: int, clause: str) -> Line:
    has = {**KEPT, **NOTHING} if status == 304 else PLAIN
    body = "none" if status == 304 else "feed"
    return Line(clause, status, {"If-Modified-Since": value}, has=has, body=body)


def accept(value: str, body: str, clause: str) -> Line:
    has = {"feed": PLAIN, "gz": GZIP, "br": BROTLI}[body]
    return Line(clause, 200, {"Accept-Encoding": value}, has=has, body=body)


TABLE = [
    # validators
    Line("9110 8.8: a 200 has ETag and Last-Modified", 200, has=PLAIN, body="feed"),
    Line("9110 9.3.2: HEAD says what GET says", 200, method="HEAD", has=PLAIN, body="none"),
    Line(
        "9110 8.6: HEAD has the length of GET",
        200,
        method="HEAD",
        has={"content-length": r"\d{4,}"},
        body="none",
    ),
    Line("9110 8.3: Atom is application/atom+xml", 200, has={"content-type": r"application/atom\+xml"}),
    Line("RSS is application/rss+xml", 200, path="/feed.xml", has={"content-type": r"application/rss\+xml"}),
    Line(
        "JSON Feed is application/feed+json",
        200,
        path="/feed.json",
        has={"content-type": r"application/feed\+json"},
    ),
    Line("6265: no cookies", 200, has={"set-cookie": None}),
    Line("9111 5.3: no Expires", 200, has={"expires": None, "pragma": None}),
    Line("WebSub 4: Link names the hub", 200, has={"link": r'.*<https://hub.example/>; rel="hub"'}),
    Line("WebSub 4: in a 304 too", 304, {"If-None-Match": "*"}, has={"link": r'.*; rel="hub"'}, body="none"),
    Line("9110 15.4.2: a moved feed", 301, path="/old.atom", has={"location": "https://.*/feed.atom"}),
    Line("9110 15.4.2: whatever it was asked", 301, {"If-None-Match": "*"}, "/old.atom", "HEAD"),
    Line("9110 15.5.11: an ended feed", 410, path="/ended.xml"),
    Line("a query names the same document", 200, path="/feed.atom?utm_source=x", has=PLAIN, body="feed"),
    # If-None-Match
    inm("{etag}", 304, "9110 13.1.2: the same tag"),
    inm("W/{etag}", 304, "9110 13.1.2: weak comparison"),
    inm('"x", {etag}', 304, "9110 13.1.2: one of a list"),
    inm('W/"x" ,\t"y",{etag}', 304, "9110 5.6.1: a list with white space"),
    inm('"x",,,{etag},', 304, "9110 5.6.1: a list with empty members"),
    inm('"x"\n{etag}', 304, "9110 5.3: lines that make one list"),
    inm('"a,b", {etag}', 304, "9110 8.8.3: a comma inside a tag"),
    inm("*", 304, "9110 13.1.2: a star"),
    inm('"x"', 200, "9110 13.1.2: another tag"),
    inm("x", 200, "9110 8.8.3: a tag without quotes is none"),
    inm("", 200, "an empty field is no condition that holds"),
    inm("{gz}", 200, "9110 8.8.3.3: the tag of another encoding"),
    inm('"x"', 200, "9110 13.1.3: with If-None-Match the date is ignored", **{"If-Modified-Since": "{lm}"}),
    inm(
        "{etag}",
        304,
        "9110 13.1.3: ignored also where it says the other",
        **{"If-Modified-Since": "{earlier}"},
    ),
    Line(
        "9110 15.4.5: a 304 of an encoding has its tag",
        304,
        {"If-None-Match": "{gz}", "Accept-Encoding": "gzip"},
        has={**KEPT, "etag": re.escape("{gz}"), **NOTHING},
        body="none",
    ),
    Line(
        "9110 13.1.2: HEAD too",
        304,
        {"If-None-Match": "{etag}"},
        method="HEAD",
        has={**KEPT, "etag": re.escape("{etag}")},
        body="none",
    ),
    # If-Modified-Since
    ims("{lm}", 304, "9110 13.1.3: the same time"),
    ims("{later}", 304, "9110 13.1.3: a later time"),
    ims("{earlier}", 200, "9110 13.1.3: an earlier time"),
    ims("{future}", 200, "9110 13.1.3: a time in the future says nothing"),
    ims("yesterday", 200, "9110 13.1.3: a malformed date says nothing"),
    ims("Fri, 01 May 2026 08:00:00 +0000", 200, "9110 5.6.7: a zone other than GMT is malformed"),
    ims("1777536000", 200, "9110 5.6.7: a number is no date"),
    ims("{rfc850}", 304, "9110 5.6.7: the form of RFC 850"),
    ims("{asctime}", 304, "9110 5.6.7: the form of asctime"),
    # If-Match, If-Unmodified-Since
    Line("9110 13.1.1: If-Match holds", 200, {"If-Match": "{etag}"}, has=PLAIN, body="feed"),
    Line("9110 13.1.1: If-Match fails", 412, {"If-Match": '"x"'}),
    Line("9110 13.1.1: If-Match is strong", 412, {"If-Match": "W/{etag}"}),
    Line("9110 13.1.4: modified since", 412, {"If-Unmodified-Since": "{earlier}"}),
    Line("9110 13.1.4: not modified since", 200, {"If-Unmodified-Since": "{lm}"}),
    # Accept-Encoding
    accept("gzip", "gz", "9110 12.5.3: gzip"),
    accept("br", "br", "7932: br"),
    accept("GZIP", "gz", "9110 8.4.1: names in any case"),
    accept("x-gzip", "gz", "9110 8.4.1.3: x-gzip is gzip"),
    accept("gzip, deflate, br, zstd", "br", "the smaller of those liked as much"),
    accept("br;q=0.5, gzip;q=1.0", "gz", "9110 12.4.2: the one liked better"),
    accept("gzip\nbr;q=0.1", "gz", "9110 5.3: lines that make one list"),
    accept("gzip;q=0", "feed", "9110 12.4.2: q=0 is not acceptable"),
    accept("gzip;q=0.000, br;q=0", "feed", "9110 12.4.2: q=0.000 too"),
    accept("br;q=0, *", "gz", "9110 12.5.3: a star is what is not named"),
    accept("*", "br", "9110 12.5.3: a star alone"),
    accept("identity;q=0, *;q=0.1", "br", "9110 12.5.3: identity refused"),
    accept("*;q=0, identity", "feed", "9110 12.5.3: nothing but identity"),
    accept("identity", "feed", "9110 12.5.3: identity"),
    accept("identity;q=1, gzip;q=0.5", "feed", "9110 12.5.3: identity liked better"),
    accept("", "feed", "9110 12.5.3: an empty field is identity"),
    accept("deflate, zstd", "feed", "9110 12.5.3: none of ours is identity"),
    accept("gzip;q=7", "feed", "a weight that is none is not an acceptance"),
    Line(
        "9110 15.5.7: nothing acceptable",
        406,
        {"Accept-Encoding": "identity;q=0"},
        has={"vary": "Accept-Encoding"},
    ),
    Line("9110 15.5.7: nothing at all", 406, {"Accept-Encoding": "*;q=0"}),
    Line("HEAD in gzip", 200, {"Accept-Encoding": "gzip"}, method="HEAD", has=GZIP, body="none"),
    # ranges
    Line(
        "9110 14.2: a part",
        206,
        {"Range": "bytes=0-9"},
        has={"content-range": r"bytes 0-9/\d+", "content-length": "10"},
    ),
    Line(
        "9110 14.1.2: the end",
        206,
        {"Range": "bytes=-7"},
        "/sound.mp3",
        has={"content-range": "bytes 10233-10239/10240"},
    ),
    Line(
        "9110 14.1.2: from there on",
        206,
        {"Range": "bytes=10230-"},
        "/sound.mp3",
        has={"content-length": "10"},
    ),
    Line(
        "9110 14.1.2: past the end",
        206,
        {"Range": "bytes=0-99999"},
        "/sound.mp3",
        has={"content-length": "10240"},
    ),
    Line(
        "9110 15.5.17: behind the end",
        416,
        {"Range": "bytes=99999-"},
        "/sound.mp3",
        has={"content-range": r"bytes \*/10240"},
    ),
    Line("9110 14.2: several parts may be ignored", 200, {"Range": "bytes=0-1,4-5"}, "/sound.mp3"),
    Line("9110 14.2: an unknown unit is ignored", 200, {"Range": "lines=0-1"}, "/sound.mp3"),
    Line("9110 14.1.1: a range that is none is ignored", 200, {"Range": "bytes=9-1"}, "/sound.mp3"),
    Line("9110 14.2: ignored by HEAD", 200, {"Range": "bytes=0-9"}, "/sound.mp3", "HEAD"),
    Line("9110 14.3: Accept-Ranges", 200, path="/sound.mp3", has={"accept-ranges": "bytes"}),
    Line("9110 13.1.5: If-Range holds", 206, {"Range": "bytes=0-9", "If-Range": "{etag}"}),
    Line("9110 13.1.5: If-Range fails", 200, {"Range": "bytes=0-9", "If-Range": '"x"'}, body="feed"),
    Line("9110 13.1.5: If-Range is strong", 200, {"Range": "bytes=0-9", "If-Range": "W/{etag}"}, body="feed"),
    Line("9110 13.1.5: If-Range by time", 206, {"Range": "bytes=0-9", "If-Range": "{lm}"}),
    Line(
        "9110 13.2.2: 304 goes before a part",
        304,
        {"Range": "bytes=0-9", "If-None-Match": "{etag}"},
        body="none",
    ),
    # methods
    *[
        Line(
            f"9110 15.5.6: {method} is refused with those that work",
            405,
            method=method,
            has={"allow": "GET, HEAD, OPTIONS"},
        )
        for method in ("POST", "PUT", "DELETE", "PATCH")
    ],
    Line(
        "9110 9.3.7: OPTIONS says which methods work, and answers a browser's preflight",
        204,
        method="OPTIONS",
        has={"allow": "GET, HEAD, OPTIONS", "access-control-allow-origin": r"\*"},
        body="none",
    ),
    # deltas, without a version that is known
    Line(
        "3229: A-IM without a known tag",
        200,
        {"A-IM": "feed", "If-None-Match": '"x"'},
        has={**PLAIN, "im": None},
        body="feed",
    ),
    Line("3229: A-IM without a tag", 200, {"A-IM": "feed"}, has=PLAIN, body="feed"),
    Line(
        "3229 10.4.1: the entries that are new to the client",
        226,
        {"A-IM": "feed", "If-None-Match": "{old}"},
        has={**PLAIN, "im": "feed", "cache-control": r"no-store, im, max-age=\d+", "vary": ".*A-IM.*"},
    ),
    Line("3229: one of the tags is known", 226, {"A-IM": "vcdiff, feed", "If-None-Match": '"x", W/{old}'}),
    Line(
        "3229: the delta has no body for HEAD",
        226,
        {"A-IM": "feed", "If-None-Match": "{old}"},
        method="HEAD",
        body="none",
    ),
    Line("3229: the old tag without A-IM", 200, {"If-None-Match": "{old}"}, has={"im": None}, body="feed"),
    delta("feed;q=0", 200, "3229 10.5.3: feed not wanted", {"im": None}, "feed"),
    delta("vcdiff", 200, "3229: another manipulation", {"im": None}, "feed"),
    Line(
        "3229 10.2: manipulated first, then encoded",
        226,
        {"A-IM": "feed", "If-None-Match": "{old}", "Accept-Encoding": "gzip"},
        has={**GZIP, "im": "feed", "cache-control": "no-store, .*", "vary": ".*"},
    ),
    Line("3229: A-IM and the tag of now", 304, {"A-IM": "feed", "If-None-Match": "{etag}"}, body="none"),
    # what is not there, and what must not be
    Line("9110 15.5.5: not there", 404, path="/nothing", has={"cache-control": "no-store"}),
    *[
        Line(f"nothing outside: {path[:30]}", 404, path=path)
        for path in (
            "/../secret.txt",
            "/..%2fsecret.txt",
            "/%2e%2e/secret.txt",
            "/..%5csecret.txt",
            "/feed.atom%00",
            "/feed.atom%2f..%2f..%2fsecret.txt",
            "/.%2e/secret.txt",
            "/feed.atom/",
            "//etc/passwd",
            "/%c0%ae%c0%ae/secret.txt",
            "/" + "a" * 4000,
        )
    ],
]


@pytest.mark.parametrize("line", TABLE, ids=[line.clause for line in TABLE])
def test_http(line: Line, served: Server) -> None:
    """By ASGI, from disk or memory; then the quick way, where the request is new and where it is known."""
    for close in (True, False, False):
        check(line, served, close=close)


def check(line: Line, served: Server, *, close: bool) -> None:
    headers = {name: value.format(**served.words) for name, value in line.headers.items()}
    reply = served.ask(line.method, line.path, headers, close=close)
    assert reply.status == line.status
    assert "date" in reply.headers
    assert "set-cookie" not in reply.headers
    assert b"SECRET" not in reply.body
    for name, pattern in line.has.items():
        value = reply.headers.get(name)
        if pattern is None:
            assert value is None, name
        else:
            for word in ("etag", "gz", "br"):
                pattern = pattern.replace(re.escape(f"{{{word}}}"), re.escape(served.words[word]))
            assert value is not None, name
            assert re.fullmatch(pattern, value), f"{name}: {value}"
    expected = {"feed": served.feed, "gz": served.gz, "br": served.br, "none": b""}.get(line.body, reply.body)
    assert reply.body == expected
    if "content-length" in reply.headers and line.method != "HEAD":
        assert int(reply.headers["content-length"]) == len(reply.body)


def test_every_encoding_is_the_same_document_and_has_a_tag_of_its_own(served: Server) -> None:
    assert gzip.decompress(served.gz) == brotli.decompress(served.br) == served.feed
    assert len({served.words[word] for word in ("etag", "gz", "br")}) == 3
    assert all(not served.words[word].startswith("W/") for word in ("etag", "gz", "br"))


@pytest.mark.parametrize("name", ["feed.atom", "feed.xml", "feed.json"])
@pytest.mark.parametrize("coding", ["identity", "gzip", "br"])
def test_a_delta_is_a_feed_of_the_new_entry_and_the_changed_one(
    name: str, coding: str, served: Server
) -> None:
    tag = {"identity": "", "gzip": "-gz", "br": "-br"}[coding]
    etag = f'"{hashlib.sha256(served.old[name]).hexdigest()[:32]}{tag}"'
    headers = {"A-IM": "feed", "If-None-Match": etag, "Accept-Encoding": coding}
    reply = served.ask("GET", f"/{name}", headers)
    unpack = {"identity": bytes, "gzip": gzip.decompress, "br": brotli.decompress}[coding]
    assert reply.status == 226
    body = unpack(reply.body)
    titles = (
        [item["title"] for item in json.loads(body)["items"]]
        if name.endswith("json")
        else [entry.title for entry in feedparser.parse(body).entries]
    )
    assert titles == ["Post 5", "Post 2"]
    assert served.ask("GET", f"/{name}", {**headers, "If-None-Match": reply.headers["etag"]}).status == 304


def test_requests_sent_at_once_are_answered_in_order(served: Server) -> None:
    one = "GET {} HTTP/1.1\r\nHost: x\r\n{}\r\n"
    asked = ["/feed.atom", "/nothing", "/feed.json", "/feed.atom"]
    data = "".join(
        one.format(path, "Connection: close\r\n" if n == 3 else "") for n, path in enumerate(asked)
    )
    said = served.talk(data.encode())
    assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"200", b"404", b"200", b"200"]
    types = [t for t in re.findall(rb"content-type: ([^\r]+)", said) if b"html" not in t]
    assert types == [b"application/atom+xml", b"application/feed+json", b"application/atom+xml"]


@pytest.mark.parametrize("cut", [1, 3, 14, 20, 40])
def test_a_request_in_pieces_is_one_request(cut: int, served: Server) -> None:
    data = b"GET /feed.atom HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.sendall(b"GET /feed.atom HTTP/1.1\r\nHost: x\r\n\r\n")
        first = b""
        while len(first) < len(served.feed):
            first += line.recv(65536)
        line.sendall(data[:cut])
        line.sendall(data[cut:])
        said = b""
        while part := line.recv(65536):
            said += part
    assert first.endswith(served.feed)
    assert said.startswith(b"HTTP/1.1 200")
    assert said.endswith(served.feed)


def bad(*lines: str, rest: str = "") -> bytes:
    """A request for the feed with these header lines besides Host."""
    return "\r\n".join(["GET /feed.atom HTTP/1.1", "Host: a", *lines, "", rest]).encode("latin-1")


CHUNKED = "Transfer-Encoding: chunked"
BAD = {
    "9112 3.2: no Host": b"GET /feed.atom HTTP/1.1\r\nConnection: close\r\n\r\n",
    "9112 3.2: two Hosts": bad("Host: b", "Connection: close"),
    "9112 5.1: a space before the colon": bad("Accept : x"),
    "9112 5.1: a space before the colon of a framing": bad("Transfer-Encoding : chunked"),
    "9112 5.2: a folded line": bad("X: a", " Transfer-Encoding: chunked"),
    "9112 2.2: white space before the first header": b"GET /feed.atom HTTP/1.1\r\n Host: a\r\n\r\n",
    "9112 2.2: a line that is none": bad("words"),
    "9112 2.2: a bare CR": bad("X: a\rHost: b"),
    "9112 2.2: lines that end in LF": bad("X: a\nHost: b"),
    "9112 2.2: nothing but LF": bad().replace(b"\r\n", b"\n"),
    "9110 5.1: no name": bad(": x"),
    "9110 5.1: a name that is no token": bad("X\xe9: a"),
    "9110 5.5: NUL in a value": bad("Accept: a\0b"),
    "9112 6.1: two framings": bad("Content-Length: 4", CHUNKED, rest="0\r\n\r\n"),
    "9112 6.1: an encoding that is unknown": bad("Transfer-Encoding: xchunked", rest="0\r\n\r\n"),
    "9112 6.1: chunked is not the last": bad("Transfer-Encoding: chunked, gzip", rest="0\r\n\r\n"),
    "9112 6.1: chunked behind a control": bad("Transfer-Encoding: \x0bchunked", rest="0\r\n\r\n"),
    "9112 6.3: two lengths": bad("Content-Length: 4", "Content-Length: 0", rest="abcd"),
    "9112 6.3: a list of lengths": bad("Content-Length: 4, 4", rest="abcd"),
    "9110 8.6: a length with a sign": bad("Content-Length: +4", rest="abcd"),
    "9112 7.1: a size that is no number": bad(CHUNKED, rest="zz\r\n"),
    "9112 7.1: a size without end": bad(CHUNKED, rest="F" * 17 + "\r\n"),
    "9112 7.1: a size that ends in LF": bad(CHUNKED, rest="4\nabcd\r\n0\r\n\r\n"),
    "9112 3: no request line": b"\0\0\0\0\r\n\r\n",
    "9112 3.1: a method in lower case": b"get /feed.atom HTTP/1.1\r\nHost: a\r\n\r\n",
    "9112 3.2: a control in the target": b"GET /feed\x01.atom HTTP/1.1\r\nHost: a\r\n\r\n",
    "9112 2.3: a version that is none": b"GET /feed.atom HTTP/1.2\r\nHost: a\r\n\r\n",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_what_is_no_request_is_refused_and_hides_no_other(data: bytes, served: Server) -> None:
    hidden = b"GET /feed.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    said = served.talk(data + hidden)
    assert re.findall(rb"HTTP/1\.1 (\d+)", said) == [b"400"]


def test_headers_without_end_are_refused_before_they_fill_the_memory(served: Server) -> None:
    data = b"GET /feed.atom HTTP/1.1\r\nHost: a\r\n" + b"X: " + b"a" * 66_000
    assert served.raw(data).status == 431


def test_http_1_0_is_answered_and_closed(served: Server) -> None:
    said = served.talk(b"GET /feed.atom HTTP/1.0\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200")
    assert said.endswith(served.feed)


def test_a_feed_is_sent_whole_to_whoever_asks_for_less_unless_the_site_allows_it(
    tmp_path: Path, new_site: Any, running_site: Any
) -> None:
    site = new_site(tmp_path / "site")
    site.post("1.md", "---\ntitle: One\ndate: 2024-10-01\n---\nWords.\n")
    site.publish("2024-10-20T03:00:00Z")
    old = site.read("feed.atom")
    site.post("2.md", "---\ntitle: Two\ndate: 2024-10-21\n---\nWords.\n")
    site.publish("2024-10-21T03:00:00Z")
    running = running_site(site)
    headers = {"A-IM": "feed", "If-None-Match": f'"{hashlib.sha256(old).hexdigest()[:32]}"'}
    for _ in range(3):
        reply = running.http.get("/feed.atom", headers=headers)
        assert (reply.status_code, "im" in reply.headers) == (200, False)
        assert reply.content == site.read("feed.atom")
    assert running.stop() == 0
