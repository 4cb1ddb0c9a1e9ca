"""How a request for a document is answered (RFC 9110; for feeds RFC 3229). Sends nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from publisher.core.feeds.feed_documents import without_entries
from publisher.web.documents.file_cache import HASH, CachedFile, EncodedVariant, Headers
from publisher.web.documents.request import (
    IDENTITY,
    ConditionResult,
    DocumentRequest,
    choose_encoding,
    entity_tags,
    evaluate,
    is_date,
)

DELTAS = 32
"""Deltas remembered for one version of a feed: one for each version that clients still have."""

Encode = Callable[[str, bytes], bytes]
"""Bytes in a content coding: (coding, bytes) -> bytes."""

YEAR = 365 * 24 * 3600
Versions = Mapping[str, tuple[str, ...]]
"""What a feed document held, the newest first: hash of its bytes (64 hex digits) -> marks of its entries."""

NO_VERSIONS: Versions = {}

_PARTIAL = (b"accept-ranges", b"bytes")


@dataclass(frozen=True, slots=True)
class DocumentResponse:
    """A whole response. `body` is what follows the headers: bytes, or (from, length) of the file on disk. A
    HEAD has no body, and the Content-Length of its GET.
    """

    status: int
    headers: Headers
    body: bytes | tuple[int, int]


def respond(
    file: CachedFile,
    request: DocumentRequest,
    now: datetime,
    max_age: int,
    encode: Encode,
    versions: Versions = NO_VERSIONS,
) -> DocumentResponse:
    """The response for `file`; caches may keep it for `max_age` seconds. `now` tells which dates are yet to
    come; `encode` makes the encodings of deltas; `versions` is what the document held before.
    """
    coding = choose_encoding(request.accept_encoding, file.codings)
    if coding is None:
        text = b"There is no encoding of this document that you accept.\n"
        return plain_response(406, text, ((b"vary", b"Accept-Encoding"),), request)
    variant = file.variants[coding]
    cache_control = b"public, max-age=%d" % max_age
    if file.for_ever:
        cache_control = b"public, max-age=%d, immutable" % YEAR
    if request.conditions is not None:
        result = evaluate(request.conditions, variant.etag, file.modified, now)
        if result is ConditionResult.NOT_MODIFIED:
            return DocumentResponse(304, (*variant.kept, (b"cache-control", cache_control)), b"")
        if result is ConditionResult.FAILED:
            return plain_response(412, b"", (), request)
        if request.deltas and (delta := delta_response(file, request, variant, max_age, encode, versions)):
            return delta
    if request.range is not None and coding == IDENTITY:
        known = request.if_range  # RFC 9110 13.1.5: the part is of what the client has, by strong comparison
        if known is None or known == variant.etag or is_date(known, file.modified, now):
            return partial_response(variant, request.range, cache_control)
    headers = (*variant.headers, (b"cache-control", cache_control))
    if coding == IDENTITY and not file.codings:
        headers = (*headers, _PARTIAL)
    if request.head:
        return DocumentResponse(200, headers, b"")
    return DocumentResponse(200, headers, variant.body if variant.body is not None else (0, variant.size))


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
    """226 IM Used (RFC 3229 10.4.1): the entries that the client's version lacks; None where we know none of
    its versions, or every entry is new to it. Caches that do not know 226 store nothing.
    """
    if request.conditions is None or not versions or file.body is None or file.feed is None:
        return None
    # Of a tag, weak or strong, only the part that names the document counts, whatever its encoding.
    named = {
        tag.removeprefix(b"W/").strip(b'"').partition(b"-")[0].decode("latin-1")
        for tag in entity_tags(b",".join(request.conditions.if_none_match).strip(b" \t"))
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
    headers = dict(variant.headers) | {
        b"content-length": b"%d" % len(body),
        b"im": b"feed",
        b"vary": b"Accept-Encoding, A-IM, If-None-Match",
        b"cache-control": b"no-store, im, max-age=%d" % max_age,
    }
    return DocumentResponse(226, tuple(headers.items()), b"" if request.head else body)


def partial_response(
    variant: EncodedVariant, range: tuple[int | None, int | None], cache_control: bytes
) -> DocumentResponse:
    """206, or 416 where the range lies behind the end (RFC 9110 14.1.2, 15.5.17)."""
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
    headers: Mapping[bytes, bytes] = dict(variant.headers) | {
        b"content-length": b"%d" % length,
        b"content-range": b"bytes %d-%d/%d" % (first, last, size),
        b"cache-control": cache_control,
    }
    body = (first, length) if variant.body is None else variant.body[first : last + 1]
    return DocumentResponse(206, tuple(headers.items()), body)
