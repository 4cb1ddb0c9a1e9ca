"""How many may be connected to the real server: all together, and from one network."""

import re
import socket
from contextlib import ExitStack
from typing import Any

import pytest

ASK = b"GET /healthz HTTP/1.1\r\nHost: x\r\n%s\r\n"


class Crowd(ExitStack):
    """Connections to a server, kept open."""

    def __init__(self, url: str) -> None:
        super().__init__()
        host, port = url.removeprefix("http://").split(":")
        self._server = (host, int(port))

    def connect(self, source: str) -> socket.socket:
        """One from that address of this machine."""
        return self.enter_context(socket.create_connection(self._server, 30, source_address=(source, 0)))


def asked(line: socket.socket, headers: bytes = b"") -> int:
    """The status that a request on this connection is answered with."""
    line.sendall(ASK % headers)
    return int(line.recv(4096).split(b" ")[1])


@pytest.fixture
def server(site: Any, running: Any) -> Any:
    return running("--web-only")


def test_512_are_connected_at_once_and_one_more_is_told_so(server: Any) -> None:
    with Crowd(server.url) as crowd:
        lines = [crowd.connect(f"127.1.{n // 32}.{n % 32 + 1}") for n in range(512)]
        assert asked(lines[0]) == asked(lines[-1]) == 200
        late = crowd.connect("127.9.9.9")
        assert asked(late) == 503
        lines[0].close()
        assert eventually_served(crowd, "127.9.9.9")
    assert server.stop() == 0
    assert re.search(r"warning requests_refused number=\d+ connections_at_once=\d+", "".join(server.said))


def eventually_served(crowd: Crowd, source: str) -> bool:
    """The server hears of a connection's end a moment later."""
    return any(asked(crowd.connect(source)) == 200 for _ in range(20))


def test_32_are_connected_from_one_network_and_one_more_is_told_so(server: Any) -> None:
    with Crowd(server.url) as crowd:
        lines = [crowd.connect(f"127.0.7.{n + 1}") for n in range(33)]
        assert [asked(line) for line in lines] == [200] * 32 + [503]
        assert asked(crowd.connect("127.0.8.1")) == 200


def test_who_asks_without_a_proxy_from_this_machine_is_one_network_too(server: Any) -> None:
    with Crowd(server.url) as crowd:
        lines = [crowd.connect("127.0.0.1") for _ in range(33)]
        assert [asked(line) for line in lines] == [200] * 32 + [503]


def test_a_proxy_may_have_more_connections_than_one_network(server: Any) -> None:
    with Crowd(server.url) as crowd:
        lines = [crowd.connect("127.0.0.1") for _ in range(40)]
        said = [asked(line, b"X-Forwarded-For: 203.0.%d.9\r\n" % n) for n, line in enumerate(lines)]
        assert said == [200] * 40
