"""The world outside, against a real server on this machine."""

import contextlib
import gzip
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from servers import Answer, Asked, Server

from publisher.core.errors import OutputError, PublisherError, Refused
from publisher.fetching import HttpClient, http_client

HERE = {"127.0.0.1"}


def answer(asked: Asked) -> Answer:
    pages = {
        "/feed.xml": Answer(200, b"<rss/>"),
        "/packed": Answer(200, gzip.compress(b"<rss/>"), {"Content-Encoding": "gzip"}),
        "/bomb": Answer(200, gzip.compress(b"\0" * (http_client.LARGEST + 1)), {"Content-Encoding": "gzip"}),
        "/moved": Answer(301, b"", {"Location": "feed.xml"}),
        "/circle": Answer(302, b"", {"Location": "/circle"}),
        "/inside": Answer(302, b"", {"Location": f"http://localhost{asked.path}"}),
        "/file": Answer(302, b"", {"Location": "file:///etc/passwd"}),
        "/busy": Answer(503, b"", {"Retry-After": "120"}),
        "/hub": Answer(204),
        "/bad-hub": Answer(400, b"hub.url is\n unknown", {"Retry-After": "60"}),
        "/caf%C3%A9": Answer(200, b"<rss>caf\xc3\xa9</rss>"),
    }
    return pages.get(asked.path, Answer(404))


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(answer) as running:
        yield running


def refusal(url: str, trusted: set[str] = HERE) -> str:
    with pytest.raises(PublisherError) as caught:
        HttpClient().get(url, trusted)
    return str(caught.value)


def test_a_document_is_fetched_by_a_client_that_says_its_name(server: Server) -> None:
    assert HttpClient().get(f"{server.url}feed.xml", HERE) == (f"{server.url}feed.xml", b"<rss/>")
    assert server.asked[0].headers["user-agent"].startswith("Publisher/")
    assert server.asked[0].headers["host"] in server.url


def test_packed_documents_are_unpacked_up_to_a_limit(server: Server) -> None:
    assert HttpClient().get(f"{server.url}packed", HERE)[1] == b"<rss/>"
    assert "more than 33,554,432 bytes" in refusal(f"{server.url}bomb")


def test_letters_of_an_address_are_sent_as_http_wants_them(server: Server) -> None:
    assert b"caf" in HttpClient().get(f"{server.url}café", HERE)[1]


def test_redirects_are_followed_and_not_for_ever(server: Server) -> None:
    assert HttpClient().get(f"{server.url}moved", HERE) == (f"{server.url}feed.xml", b"<rss/>")
    assert "more than 5 redirects" in refusal(f"{server.url}circle")


def test_a_private_network_is_reached_only_where_the_author_named_it(server: Server) -> None:
    what = "127.0.0.1: 127.0.0.1 is an address of a private network; name it yourself if you mean it"
    assert refusal(f"{server.url}feed.xml", set()) == what
    assert "is an address of a private network" in refusal(f"{server.url}inside")
    assert "not a web address" in refusal(f"{server.url}file")
    assert len(server.asked) == 2


def test_what_the_server_says_is_passed_on(server: Server) -> None:
    assert refusal(f"{server.url}nothing") == (
        f"{server.url}nothing: the server answers 404 Not Found; check the address"
    )
    assert "503 Service Unavailable; it asks to wait: Retry-After 120" in refusal(f"{server.url}busy")


def test_a_server_that_is_not_there_is_one_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    assert refusal(url) == f"{url}: cannot be fetched (Connection refused); try again later"
    told = HttpClient().post(url, {}, HERE)
    assert (told.ok, told.reply) == (False, "Connection refused")


def test_a_form_is_posted_as_hubs_want_it(server: Server) -> None:
    told = HttpClient().post(
        f"{server.url}hub", {"hub.mode": "publish", "hub.url": "https://e.org/feed.atom"}, HERE
    )
    assert (told.ok, told.reply, told.wait) == (True, "204", None)
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("POST", "/hub")
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
    assert asked.form == {"hub.mode": ["publish"], "hub.url": ["https://e.org/feed.atom"]}


def test_a_hub_that_refuses_is_a_value(server: Server) -> None:
    told = HttpClient().post(f"{server.url}bad-hub", {}, HERE)
    assert (told.ok, told.reply, told.wait) == (False, "400 hub.url is unknown", timedelta(seconds=60))
    assert not HttpClient().post("nonsense", {}, HERE).ok


def test_a_server_that_drips_for_ever_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "POST_TOTAL", 0.2)
    monkeypatch.setattr(http_client, "GET_TOTAL", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            for _ in range(2):
                line, _ = listening.accept()
                with line, contextlib.suppress(OSError):
                    while not stop.wait(0.02):
                        line.sendall(b"X")

        stop = threading.Event()
        thread = threading.Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        told = HttpClient().post(url, {}, HERE)
        with pytest.raises(OutputError, match="not done after 0 s"):
            HttpClient().get(url, HERE)
        stop.set()
        thread.join()
    assert (told.ok, told.reply) == (False, "not done after 0 s")


def test_refusals_are_no_output_errors(server: Server) -> None:
    with pytest.raises(Refused):
        HttpClient().get(f"{server.url}nothing", HERE)


def test_what_is_got_once_is_what_stands_there_itself_on_the_open_internet(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = HttpClient().get_once(f"{server.url}feed.xml", 100)
    assert (private.status, private.summary) == (0, "127.0.0.1 is an address of a private network")
    assert HttpClient().get_once("file:///etc/passwd", 100).status == 0
    assert not server.asked
    monkeypatch.setattr(http_client, "checked_address", lambda host, port, trusted: host)
    assert HttpClient().get_once(f"{server.url}feed.xml", 3).text == "<rs"
    moved = HttpClient().get_once(f"{server.url}moved", 100)
    assert (moved.status, moved.summary) == (0, "it redirects elsewhere")
    assert len(server.asked) == 2
