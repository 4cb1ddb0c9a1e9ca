"""HTTP by the standard library: GET a document, POST a form. Every wait and every size has an end."""

import zlib
from collections.abc import Collection, Mapping
from contextlib import closing
from datetime import timedelta
from http.client import HTTPException, HTTPResponse
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from publisher.core.errors import OutputError, Refused
from publisher.core.feeds.websub import PingResult
from publisher.core.publishing.adoption import join_url
from publisher.fetching.ssrf_guard import AGENT, connection
from publisher.ports.adapters import HttpReply

LARGEST = 32 * 2**20
"""Bytes of a document, unpacked."""

REDIRECTS = 5
GET_SECONDS, GET_WHOLE = 20.0, 120.0
"""Of one wait, and of one document."""

POST_SECONDS, POST_WHOLE = 5.0, 10.0
CHUNK = 2**16
ASKED = 2**12
"""Bytes that are read of an answer to `ask`."""

_ACCEPT = "application/atom+xml, application/rss+xml, application/feed+json, application/xml, */*;q=0.5"
_MOVED = {301, 302, 303, 307, 308}


class HttpClient:
    """`ports.Web`."""

    def get(self, url: str, trusted: Collection[str]) -> tuple[str, bytes]:
        """Where it was at last, and the document. Raises OutputError, Refused."""
        for _ in range(REDIRECTS + 1):
            try:
                data = self._get(url, trusted)
            except (OSError, HTTPException, ValueError, zlib.error) as error:
                raise OutputError(url, f"cannot be fetched ({_said(error)})", "try again later") from error
            if isinstance(data, bytes):
                return url, data
            there = join_url(url, data)
            if not there:
                raise Refused(url, f"leads on to {data!r}, which is no address", "name another address")
            url = there
        raise Refused(url, f"more than {REDIRECTS} redirects", "name the address where they end")

    def _get(self, url: str, trusted: Collection[str]) -> bytes | str:
        """The document, or where it has moved to."""
        headers = {"Accept": _ACCEPT, "Accept-Encoding": "gzip"}
        parts = _parts(url)
        with connection(parts, trusted=trusted, wait=GET_SECONDS, whole=GET_WHOLE) as line:
            line.request("GET", _target(parts), headers={"User-Agent": AGENT, **headers})
            with closing(line.getresponse()) as answer:
                if answer.status in _MOVED and answer.headers["Location"]:
                    return answer.headers["Location"]
                if answer.status != 200:
                    wait = answer.headers["Retry-After"]
                    do = f"it asks to wait: Retry-After {wait}" if wait else "check the address"
                    raise Refused(url, f"the server answers {answer.status} {answer.reason}", do)
                return _body(url, answer)

    def ask(self, url: str, trusted: Collection[str]) -> HttpReply:
        """Who answers there, redirects followed, in a few seconds; what came of it is a value."""
        why = f"more than {REDIRECTS} redirects"
        for _ in range(REDIRECTS + 1):
            try:
                found = _answer(url, trusted)
            except (OSError, HTTPException, ValueError, Refused) as error:
                return HttpReply(url, 0, "", _said(error))
            if isinstance(found, HttpReply):
                return found
            there = join_url(url, found)
            if not there:
                return HttpReply(url, 0, "", f"it leads on to {found!r}, which is no address")
            url = there
        return HttpReply(url, 0, "", why)

    def post(self, url: str, form: Mapping[str, str], trusted: Collection[str]) -> PingResult:
        """One form to one address, redirects not followed; what came of it is a value."""
        body = urlencode(form).encode()
        headers = {"User-Agent": AGENT, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            parts = _parts(url)
            with connection(parts, trusted=trusted, wait=POST_SECONDS, whole=POST_WHOLE) as line:
                line.request("POST", _target(parts), body=body, headers=headers)
                with closing(line.getresponse()) as answer:
                    wait = _seconds(answer.headers["Retry-After"])
                    words = answer.read1(300).decode("utf-8", "replace").split()
                    status = answer.status
        except (OSError, HTTPException, ValueError, Refused) as error:
            return PingResult(ok=False, reply=_said(error))
        reply = " ".join([str(status), *words])[:200]
        return PingResult(ok=200 <= status < 300, reply=reply, wait=wait)


def _answer(url: str, trusted: Collection[str]) -> HttpReply | str:
    """A server's answer, or where it sends us."""
    parts = _parts(url)
    with connection(parts, trusted=trusted, wait=POST_SECONDS, whole=POST_WHOLE) as line:
        headers = {"User-Agent": AGENT, "Accept": "text/plain, */*;q=0.5", "Cache-Control": "no-cache"}
        line.request("GET", _target(parts), headers=headers)
        with closing(line.getresponse()) as answer:
            if answer.status in _MOVED and answer.headers["Location"]:
                return answer.headers["Location"]
            text = answer.read(ASKED).decode("utf-8", "replace")
            return HttpReply(url, answer.status, text, f"{answer.status} {answer.reason}".strip())


def _parts(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:  # brackets without an address in them, a port that is no number
        pass
    raise Refused(url, "no address of the web", "name one that begins with https://")


def _target(parts: SplitResult) -> str:
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    return quote(target, safe="/?%:@!$&'()*+,;=-._~[]")


def _body(url: str, answer: HTTPResponse) -> bytes:
    packed = answer.headers["Content-Encoding"] in ("gzip", "x-gzip")
    unpack = zlib.decompressobj(wbits=31) if packed else None
    data = bytearray()
    while chunk := answer.read1(CHUNK):
        data += unpack.decompress(chunk, LARGEST + 1 - len(data)) if unpack else chunk
        if len(data) > LARGEST:
            raise Refused(url, f"more than {LARGEST:,} bytes", "name a smaller document")
    return bytes(data)


def _seconds(text: str | None) -> timedelta | None:
    """Retry-After in seconds; a date there is rare, and our own pause will do."""
    return timedelta(seconds=int(text)) if text and text.isdecimal() and len(text) < 8 else None


def _said(error: Exception) -> str:
    if isinstance(error, Refused):
        return error.what
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())[:200]
