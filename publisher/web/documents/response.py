"""What a request for a document is answered with: RFC 9110; for feeds RFC 3229. It sends nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from publisher.core.feeds.feed_documents import without_entries
from publisher.web.documents.file_cache import HASH, CachedFile, EncodedVariant, Headers
from publisher.web.documents.request import (
    IDENTITY,
    ConditionResult,
    DocumentRequest,
    choose,
    evaluate,
    is_date,
    tags,
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
    """A whole answer. `body` is what is sent after the headers: bytes, or (from, length) of the file as it
    is on disk. A HEAD has none, and the Content-Length of its GET.
    """

    status: int
    headers: Headers
    body: bytes | tuple[int, int]


def respond(
    file: CachedFile,
    asked: DocumentRequest,
    now: datetime,
    max_age: int,
    encode: Encode,
    held: Versions = NO_VERSIONS,
) -> DocumentResponse:
    """The answer for `file`; caches may keep it for `max_age` seconds. `now` tells which dates are yet to
    come; `encode` makes the encodings of deltas; `held` is what the document held before.
    """
    coding = choose(asked.accept_encoding, file.codings)
    if coding is None:
        text = b"There is no encoding of this document that you accept.\n"
        return _plain(406, text, ((b"vary", b"Accept-Encoding"),), asked)
    variant = file.variants[coding]
    keep = _keep(file, max_age)
    if asked.conditions is not None:
        verdict = evaluate(asked.conditions, variant.etag, file.modified, now)
        if verdict is ConditionResult.NOT_MODIFIED:
            return DocumentResponse(304, (*variant.kept, (b"cache-control", keep)), b"")
        if verdict is ConditionResult.FAILED:
            return _plain(412, b"", (), asked)
        if asked.deltas and (delta := _delta(file, asked, variant, max_age, encode, held)):
            return delta
    if asked.range is not None and coding == IDENTITY and _same(file, variant, asked, now):
        return _part(file, variant, asked.range, keep)
    headers = (*variant.headers, (b"cache-control", keep))
    if coding == IDENTITY and not file.codings:
        headers = (*headers, _PARTIAL)
    if asked.head:
        return DocumentResponse(200, headers, b"")
    return DocumentResponse(200, headers, variant.body if variant.body is not None else (0, variant.size))


def _keep(file: CachedFile, max_age: int) -> bytes:
    if file.for_ever:
        return b"public, max-age=%d, immutable" % YEAR
    return b"public, max-age=%d" % max_age


def _plain(status: int, text: bytes, headers: Headers, asked: DocumentRequest) -> DocumentResponse:
    fixed = ((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text)))
    return DocumentResponse(status, (*fixed, *headers), b"" if asked.head else text)


def _delta(
    file: CachedFile,
    asked: DocumentRequest,
    variant: EncodedVariant,
    max_age: int,
    encode: Encode,
    held: Versions,
) -> DocumentResponse | None:
    """226 IM Used (RFC 3229 10.4.1): the entries that the version the client names did not hold; None where
    we know none of its versions, or all entries are new to it. Caches that do not know 226 store nothing.
    """
    hash = _known(file, asked, held)
    if hash is None or file.body is None or file.feed is None:
        return None
    body = file.deltas.get((hash, variant.coding))
    if body is None:
        cut = without_entries(file.body, file.feed, held[hash])
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
    return DocumentResponse(226, tuple(headers.items()), b"" if asked.head else body)


def _known(file: CachedFile, asked: DocumentRequest, held: Versions) -> str | None:
    """The newest version that the client says it has and that we remember, by the hash of its bytes."""
    if asked.conditions is None or not held:
        return None
    named = {_hash(tag) for tag in tags(b",".join(asked.conditions.if_none_match).strip(b" \t"))}
    return next((hash for hash in held if hash[:HASH] in named and hash != file.hash), None)


def _hash(tag: bytes) -> str:
    """The part of a tag of ours that names the document, whatever its encoding, weak or strong."""
    return tag.removeprefix(b"W/").strip(b'"').partition(b"-")[0].decode("latin-1")


def _same(file: CachedFile, variant: EncodedVariant, asked: DocumentRequest, now: datetime) -> bool:
    """If-Range (RFC 9110 13.1.5): the part is of what the client has; by strong comparison."""
    value = asked.if_range
    return value is None or value == variant.etag or is_date(value, file.modified, now)


def _part(
    file: CachedFile, variant: EncodedVariant, range: tuple[int | None, int | None], keep: bytes
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
        b"cache-control": keep,
    }
    body = (first, length) if variant.body is None else variant.body[first : last + 1]
    return DocumentResponse(206, tuple(headers.items()), body)
