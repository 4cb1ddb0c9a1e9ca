"""Connections to hosts by the address that was looked at: a name cannot point elsewhere a moment later.

An address of this machine or of a private network is reached only where the host is `trusted`: it was typed
by the author, or stands in the settings. What a document or a redirect names is not.
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


class _Plain(HTTPConnection):
    """HTTP to an address that is known already."""

    def __init__(self, host: str, port: int, address: str, seconds: float) -> None:
        super().__init__(host, port, timeout=seconds)
        self._address = address
        self.wire: socket.socket | None = None

    def connect(self) -> None:
        self.sock = self.wire = socket.create_connection((self._address, self.port), self.timeout)


class _Secure(HTTPSConnection):
    """HTTPS to an address that is known already; the certificate is that of the name."""

    def __init__(self, host: str, port: int, address: str, seconds: float) -> None:
        self._address, self._tls = address, ssl.create_default_context()
        self.wire: socket.socket | None = None
        super().__init__(host, port, timeout=seconds, context=self._tls)

    def connect(self) -> None:
        line = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self.wire = self._tls.wrap_socket(line, server_hostname=self.host)


@contextmanager
def connection(
    parts: SplitResult, *, trusted: Collection[str], wait: float, whole: float
) -> Generator[HTTPConnection, None, None]:
    """A connection to the host of a URL, not yet made: no step of it takes longer than `wait` seconds, and
    all together no longer than `whole`. Raises Refused: the host is private and nobody named it; OSError.
    """
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    line = (_Secure if secure else _Plain)(host, port, _address(host, port, host in trusted), wait)
    late = threading.Event()

    def end() -> None:
        late.set()
        if line.wire is not None:  # http.client hands its own over to the answer
            with suppress(OSError):
                line.wire.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(whole, end)
    timer.daemon = True
    timer.start()
    try:
        yield line
    finally:
        timer.cancel()
        line.close()
        if late.is_set():
            raise TimeoutError(f"not done after {whole:.0f} s")


def _address(host: str, port: int, trusted: bool) -> str:
    found = [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        if trusted or ipaddress.ip_address(address.partition("%")[0]).is_global:
            return address
    raise Refused(host, f"{found[0]} is an address of a private network", "name it yourself if that is meant")
