"""How a request for a document is answered (RFC 9110; for feeds RFC 3229). Sends nothing."""

from collections.abc import Callable, Mapping
from datetime import datetime

from publisher.core.feeds.documents import without_entries
from publisher.web.documents.file_cache import (
    HASH,
    CachedFile,
    DocumentResponse,
    EncodedVariant,
    Headers,
)
from publisher.web.documents.request import (
    IDENTITY,
    DocumentRequest,
    choose_encoding,
    entity_tags,
    evaluate,
    parse_http_date,
    parse_range,
)

DELTAS = 32
"""Deltas remembered for one version of a feed: one for each version that clients still have."""

RESPONSES = 16
"""Responses remembered for one file: whole and not modified, GET and HEAD, in each encoding."""

Encode = Callable[[str, bytes], bytes]
"""Bytes in a content coding: (coding, bytes) -> bytes."""

YEAR = 365 * 24 * 3600
Versions = Mapping[str, tuple[str, ...]]
"""Earlier versions of a feed document, newest first: hash of its bytes (64 hex digits) -> marks of its
entries.
"""

NO_VERSIONS: Versions = {}


def respond(
    file: CachedFile,
    request: DocumentRequest,
    now: datetime,
    max_age: int,
    encode: Encode,
    versions: Versions = NO_VERSIONS,
) -> DocumentResponse:
    """The response for `file`; caches may keep it for `max_age` seconds. `now` tells which dates lie in the
    future; `encode` encodes deltas; `versions` are earlier versions of the document.
    """
    coding = choose_encoding(request.headers.get(b"accept-encoding"), file.codings)
    if coding is None:
        text = b"There is no encoding of this document that you accept.\n"
        return plain_response(406, text, ((b"vary", b"Accept-Encoding"),), request)
    variant = file.variants[coding]
    status = evaluate(request.headers, variant.etag, file.modified, now)
    if status == 412:
        return plain_response(412, b"", (), request)
    if status == 200:
        if versions and (delta := delta_response(file, request, variant, max_age, encode, versions)):
            return delta
        if coding == IDENTITY and (part := partial_response(file, request, variant, max_age, now)):
            return part
    key = (status, coding, request.head, max_age)
    response = file.responses.get(key)
    if response is None:
        if len(file.responses) >= RESPONSES:
            file.responses.clear()  # most are for another max_age
        kept = (*variant.kept, cache_control(file, max_age))
        if status == 304:
            response = DocumentResponse(304, kept, b"")
        else:
            ranges = () if file.codings else ((b"accept-ranges", b"bytes"),)
            body = variant.body if variant.body is not None else (0, variant.size)
            response = DocumentResponse(
                200, (*variant.headers, *kept, *ranges), b"" if request.head else body
            )
        file.responses[key] = response
    return response


def cache_control(file: CachedFile, max_age: int) -> tuple[bytes, bytes]:
    """How long caches may keep the document: for ever where its name is that of its content."""
    value = b"public, max-age=%d, immutable" % YEAR if file.immutable else b"public, max-age=%d" % max_age
    return (b"cache-control", value)


def plain_response(status: int, text: bytes, headers: Headers, request: DocumentRequest) -> DocumentResponse:
    """A plain text response instead of the document."""
    fixed = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text)))
    return DocumentResponse(status, (*fixed, *headers), b"" if request.head else text)


def delta_response(
    file: CachedFile,
    request: DocumentRequest,
    variant: EncodedVariant,
    max_age: int,
    encode: Encode,
    versions: Versions,
) -> DocumentResponse | None:
    """226 IM Used (RFC 3229 10.4.1): the entries that the client's version lacks. None if the client names no
    version we know, or if every entry is new to it. Caches that do not know 226 store nothing.
    """
    if file.body is None or file.feed is None:
        return None
    # Of a tag, weak or strong, only the part that names the document counts, whatever its encoding.
    named = {
        tag.removeprefix(b"W/").strip(b'"').partition(b"-")[0].decode("latin-1")
        for tag in entity_tags(request.headers.get(b"if-none-match", b"").strip(b" \t"))
    }
    hash = next((hash for hash in versions if hash[:HASH] in named and hash != file.hash), None)
    if hash is None:
        return None
    body = file.deltas.get((hash, variant.coding))
    if body is None:
        cut = without_entries(file.body, file.feed, versions[hash])
        if cut is None:
            return None
        body = cut if variant.coding == IDENTITY else encode(variant.coding, cut)
        if len(file.deltas) >= DELTAS:
            file.deltas.clear()
        file.deltas[hash, variant.coding] = body
    headers = dict((*variant.headers, *variant.kept)) | {
        b"content-length": b"%d" % len(body),
        b"im": b"feed",
        b"vary": b"Accept-Encoding, A-IM, If-None-Match",
        b"cache-control": b"no-store, im, max-age=%d" % max_age,
    }
    return DocumentResponse(226, tuple(headers.items()), b"" if request.head else body)


def partial_response(
    file: CachedFile, request: DocumentRequest, variant: EncodedVariant, max_age: int, now: datetime
) -> DocumentResponse | None:
    """206, or 416 if the range lies behind the end (RFC 9110 14.1.2, 15.5.17). None to send the whole
    document: no range is asked for, or If-Range names another version.
    """
    range = parse_range(request.headers.get(b"range", b""))
    if range is None or request.head:
        return None
    version = request.headers.get(b"if-range", variant.etag).strip()
    # RFC 9110 13.1.5: a strong tag, or exactly the date of Last-Modified.
    if version != variant.etag and parse_http_date(version.decode("latin-1"), now) != file.modified:
        return None
    first, last = range
    size = variant.size
    if first is None:
        first, last = max(0, size - (last or 0)), size - 1
    last = size - 1 if last is None else min(last, size - 1)
    if first > last:
        return DocumentResponse(
            416, ((b"content-range", b"bytes */%d" % size), (b"content-length", b"0")), b""
        )
    length = last - first + 1
    headers = dict((*variant.headers, *variant.kept, cache_control(file, max_age))) | {
        b"content-length": b"%d" % length,
        b"content-range": b"bytes %d-%d/%d" % (first, last, size),
    }
    body = (first, length) if variant.body is None else variant.body[first : last + 1]
    return DocumentResponse(206, tuple(headers.items()), body)
