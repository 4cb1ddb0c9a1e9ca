"""Connections to the very address that was checked: a host name cannot point elsewhere a moment later.

An address of this machine or of a private network is used only if the host is `trusted`: its author typed
it, or it is in the settings. A host that a document or a redirect names is not trusted.
"""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Collection, Generator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import SplitResult

from publisher import __version__
from publisher.core.errors import Refused

AGENT = f"Publisher/{__version__} (+feeds)"


class PinnedHttpConnection(HTTPConnection):
    """HTTP to a given address."""

    def __init__(self, host: str, port: int, address: str, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds)
        self._address = address
        self.wire: socket.socket | None = None

    def connect(self) -> None:
        self.sock = self.wire = socket.create_connection((self._address, self.port), self.timeout)


class PinnedHttpsConnection(HTTPSConnection):
    """HTTPS to a given address; the certificate must be that of the host name."""

    def __init__(self, host: str, port: int, address: str, seconds: float) -> None:
        self._address, self._tls = address, ssl.create_default_context()
        self.wire: socket.socket | None = None
        super().__init__(host, port, timeout=seconds, context=self._tls)

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self.wire = self._tls.wrap_socket(plain, server_hostname=self.host)


@contextmanager
def open_connection(
    parts: SplitResult, *, trusted: Collection[str], wait: float, total: float
) -> Generator[HTTPConnection, None, None]:
    """A connection to the host of a URL, made by the first request: no step takes longer than `wait` seconds,
    and all together no longer than `total`. Raises Refused (the host is private and not trusted), OSError.
    """
    host, is_https = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_https else 80)
    kind = PinnedHttpsConnection if is_https else PinnedHttpConnection
    connection = kind(host, port, checked_address(host, port, host in trusted), wait)
    timed_out = threading.Event()

    def shut_down() -> None:
        timed_out.set()
        if connection.wire is not None:  # http.client hands its own socket over to the response
            with suppress(OSError):
                connection.wire.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(total, shut_down)
    timer.daemon = True
    timer.start()
    try:
        yield connection
    finally:
        timer.cancel()
        connection.close()
        if timed_out.is_set():
            raise TimeoutError(f"not done after {total:.0f} s")


def checked_address(host: str, port: int, trusted: bool) -> str:
    """The first address of the host that may be used. Raises Refused."""
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        if trusted or ipaddress.ip_address(address.partition("%")[0]).is_global:
            return address
    raise Refused(host, f"{found[0]} is an address of a private network", "name it yourself if that is meant")
