"""An HTTP client on the standard library: GET a document, POST a form. Every wait and size is limited.

Connections go to the very address that was checked, so a host name cannot point elsewhere a moment later. An
address of this machine or of a private network is used only if the host is `trusted`: the author typed it, or
it is in the settings. A host named by a document or a redirect is not trusted.
"""

import ipaddress
import socket
import ssl
import threading
import zlib
from collections.abc import Collection, Generator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from publisher import __version__
from publisher.core.errors import OutputError, Refused
from publisher.core.feeds.documents import PingResult
from publisher.core.publishing.adoption import join_url
from publisher.ports.adapters import HttpReply

AGENT = f"Publisher/{__version__} (+feeds)"

LARGEST = 32 * 2**20
"""Bytes of a document, decompressed."""

REDIRECTS = 5

GET_WAIT, GET_TOTAL = 20.0, 120.0
"""Seconds of one wait, and of one document."""

POST_WAIT, POST_TOTAL = 5.0, 10.0
CHUNK = 2**16

ASK_LARGEST = 2**12
"""Bytes of a response that `ask` reads."""

_ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml, */*;q=0.5"
_REDIRECT_STATUS = {301, 302, 303, 307, 308}


class HttpClient:
    """`ports.WebClient`."""

    def get(self, url: str, trusted: Collection[str]) -> tuple[str, bytes]:
        """The final address, redirects followed, and the document. Raises OutputError, Refused."""
        for _ in range(REDIRECTS + 1):
            try:
                data = get_document(url, trusted)
            except (OSError, HTTPException, ValueError, zlib.error) as error:
                raise OutputError(url, f"cannot be fetched ({_reason(error)})", "try again later") from error
            if isinstance(data, bytes):
                return url, data
            target = join_url(url, data)
            if not target:
                raise Refused(url, f"redirects to {data!r}, which is not an address", "name another address")
            url = target
        raise Refused(url, f"more than {REDIRECTS} redirects", "name the address where they end")

    def ask(self, url: str, trusted: Collection[str]) -> HttpReply:
        """Who answers at `url`, redirects followed, within a few seconds. Failures are values too."""
        for _ in range(REDIRECTS + 1):
            try:
                reply = get_reply(url, trusted)
            except (OSError, HTTPException, ValueError, Refused) as error:
                return HttpReply(url, 0, "", _reason(error))
            if isinstance(reply, HttpReply):
                return reply
            target = join_url(url, reply)
            if not target:
                return HttpReply(url, 0, "", f"it redirects to {reply!r}, which is not an address")
            url = target
        return HttpReply(url, 0, "", f"more than {REDIRECTS} redirects")

    def get_once(self, url: str, largest: int) -> HttpReply:
        """What is at `url` itself, within a few seconds. Failures and redirects are values too."""
        try:
            reply = get_reply(url, (), largest)
        except (OSError, HTTPException, ValueError, Refused) as error:
            return HttpReply(url, 0, "", _reason(error))
        return reply if isinstance(reply, HttpReply) else HttpReply(url, 0, "", "it redirects elsewhere")

    def post(self, url: str, form: Mapping[str, str], trusted: Collection[str]) -> PingResult:
        """Posts one form, redirects not followed. Failures are values too. A Retry-After in seconds is
        returned; a date there is rare, and the caller's own delay will do.
        """
        body = urlencode(form).encode()
        headers = {"User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            parts = _split_url(url)
            with open_connection(parts, trusted=trusted, wait=POST_WAIT, total=POST_TOTAL) as connection:
                connection.request("POST", _request_target(parts), body=body, headers=headers)
                with closing(connection.getresponse()) as response:
                    after = response.headers["Retry-After"]
                    words = response.read1(300).decode("utf-8", "replace").split()
                    status = response.status
        except (OSError, HTTPException, ValueError, Refused) as error:
            return PingResult(ok=False, reply=_reason(error))
        is_seconds = after and after.isdecimal() and len(after) < 8
        wait = timedelta(seconds=int(after)) if is_seconds else None
        reply = " ".join([str(status), *words])[:200]
        return PingResult(ok=200 <= status < 300, reply=reply, wait=wait)


def get_document(url: str, trusted: Collection[str]) -> bytes | str:
    """The document, decompressed, or the address it has moved to."""
    headers = {"Accept": _ACCEPT, "Accept-Encoding": "gzip"}
    with _get(url, headers, trusted, wait=GET_WAIT, total=GET_TOTAL) as response:
        if response.status in _REDIRECT_STATUS and response.headers["Location"]:
            return response.headers["Location"]
        if response.status != 200:
            wait = response.headers["Retry-After"]
            what_to_do = f"it asks to wait: Retry-After {wait}" if wait else "check the address"
            raise Refused(url, f"the server answers {response.status} {response.reason}", what_to_do)
        compressed = response.headers["Content-Encoding"] in ("gzip", "x-gzip")
        gzip = zlib.decompressobj(wbits=31) if compressed else None
        data = bytearray()
        while chunk := response.read1(CHUNK):
            data += gzip.decompress(chunk, LARGEST + 1 - len(data)) if gzip else chunk
            if len(data) > LARGEST:
                raise Refused(url, f"more than {LARGEST:,} bytes", "name a smaller document")
        return bytes(data)


def get_reply(url: str, trusted: Collection[str], largest: int = ASK_LARGEST) -> HttpReply | str:
    """A server's reply with the beginning of its text, or the address it redirects to."""
    headers = {"Accept": "text/plain, */*;q=0.5", "Cache-Control": "no-cache"}
    with _get(url, headers, trusted, wait=POST_WAIT, total=POST_TOTAL) as response:
        if response.status in _REDIRECT_STATUS and response.headers["Location"]:
            return response.headers["Location"]
        text = response.read(largest).decode("utf-8", "replace")
        return HttpReply(url, response.status, text, f"{response.status} {response.reason}".strip())


@contextmanager
def _get(
    url: str, headers: Mapping[str, str], trusted: Collection[str], *, wait: float, total: float
) -> Generator[HTTPResponse, None, None]:
    parts = _split_url(url)
    with open_connection(parts, trusted=trusted, wait=wait, total=total) as connection:
        connection.request("GET", _request_target(parts), headers={"User-Agent": AGENT, **headers})
        with closing(connection.getresponse()) as response:
            yield response


def _split_url(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:  # brackets without an address in them, or a port that is not a number
        pass
    raise Refused(url, "not a web address", "use one that begins with https://")


def _request_target(parts: SplitResult) -> str:
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return quote(target, safe="/?%:@!$&'()*+,;=-._~[]")


def _reason(error: Exception) -> str:
    if isinstance(error, Refused):
        return error.what
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]


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
    """A connection to the host of a URL, opened by the first request. No step may take longer than `wait`
    seconds, and all of them together no longer than `total`. Raises Refused if the host is private and not
    trusted, OSError.
    """
    host, is_https = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if is_https else 80)
    kind = PinnedHttpsConnection if is_https else PinnedHttpConnection
    connection = kind(host, port, checked_address(host, port, host in trusted), wait)
    timed_out = threading.Event()

    def shut_down() -> None:
        timed_out.set()
        if connection.wire is not None:  # http.client hands its socket over to the response
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
    raise Refused(host, f"{found[0]} is an address of a private network", "name it yourself if you mean it")
