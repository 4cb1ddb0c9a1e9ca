"""One file as it was read: its bytes in each encoding, and the headers that go with them."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

from publisher.core.feeds.feed_documents import FeedDocument, may_be_feed, read_feed
from publisher.core.media_types import content_type, for_programs, policy
from publisher.web.documents.conditional import http_date
from publisher.web.documents.negotiation import IDENTITY

Headers = tuple[tuple[bytes, bytes], ...]

HASH = 32
"""Hex digits of SHA-256 in an entity tag."""

TAGS = {IDENTITY: b"", "gzip": b"-gz", "br": b"-br"}
"""What an encoding adds to the tag of a document: a strong tag is of the bytes sent (RFC 9110 8.8.3.3)."""

_NAMED_BY_HASH = re.compile(r"assets/[0-9a-f]{16}-")


class Signature(NamedTuple):
    """What tells one file from another that took its place."""

    mtime_ns: int
    size: int
    inode: int
    device: int

    @classmethod
    def of(cls, found: os.stat_result) -> "Signature":
        return cls(found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev)


@dataclass(frozen=True, slots=True)
class Variant:
    """A file in one encoding. `body` is None where it is streamed. `headers` are those of a 200, `kept` those
    that a 304 repeats; Cache-Control is in neither.
    """

    coding: str
    size: int
    body: bytes | None
    etag: bytes
    headers: Headers
    kept: Headers


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was read. `codings` are the encodings there are, the better first. `looked` are the
    encodings that should be there and were not, or were another's. `for_ever`: named by its hash.
    """

    path: Path
    place: str
    relative: str
    signature: Signature
    modified: datetime
    hash: str
    variants: Mapping[str, Variant]
    codings: tuple[str, ...]
    looked: Mapping[str, Signature | None]
    for_ever: bool
    body: bytes | None
    feed: FeedDocument | None
    deltas: dict[tuple[str, str], bytes] = field(default_factory=dict[tuple[str, str], bytes])

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return sum(len(variant.body or b"") for variant in self.variants.values())

    def stands(self) -> bool:
        """Whether it is on disk as it was read. An encoding is never changed before its document is."""
        return _seen(self.place) == self.signature and (
            not self.looked or all(_seen(name) == then for name, then in self.looked.items())
        )

    def open(self) -> BinaryIO:
        """The file, to read its bytes. Raises OSError when another stands in its place."""
        stream = self.path.open("rb")
        if Signature.of(os.fstat(stream.fileno())) != self.signature:
            stream.close()
            raise OSError(f"{self.path} was replaced while it was being served")
        return stream


def _seen(name: str) -> Signature | None:
    try:
        return Signature.of(os.stat(name))  # noqa: PTH116  # half the time of Path.stat, on every request
    except OSError:
        return None


def make_file(
    path: Path,
    relative: str,
    *,
    signature: Signature,
    size: int,
    body: bytes | None,
    keep: bool,
    hash: str,
    packed: Mapping[str, bytes],
    looked: Mapping[str, Signature | None],
    base_url: str,
) -> File:
    """The file at `path`, `relative` to public/, with the headers of each encoding made ready. With `keep`
    its bytes stay in memory.
    """
    modified = datetime.fromtimestamp(signature.mtime_ns // 10**9, UTC)
    feed = read_feed(body) if body is not None and may_be_feed(relative) else None
    shared = _shared(relative, modified, feed, base_url)
    variants: dict[str, Variant] = {}
    for coding, data in {IDENTITY: body if keep else None, **packed}.items():
        etag = b'"' + hash[:HASH].encode() + TAGS[coding] + b'"'
        length = size if data is None else len(data)
        variants[coding] = _variant(coding, length, data, etag, content_type(relative, feed), shared)
    return File(
        path=path,
        place=str(path),
        relative=relative,
        signature=signature,
        modified=modified,
        hash=hash,
        variants=variants,
        codings=tuple(packed),
        looked=looked,
        for_ever=bool(_NAMED_BY_HASH.match(relative)),
        body=body if keep else None,
        feed=feed if keep else None,
    )


def _variant(coding: str, size: int, body: bytes | None, etag: bytes, type: str, shared: Headers) -> Variant:
    kept = ((b"etag", etag), *shared)
    headers = [
        (b"content-type", type.encode()),
        (b"content-length", str(size).encode()),
        (b"x-content-type-options", b"nosniff"),
        *kept,
    ]
    if rules := policy(type):
        headers.append((b"content-security-policy", rules))
    if coding != IDENTITY:
        headers.append((b"content-encoding", coding.encode()))
    return Variant(coding, size, body, etag, tuple(headers), kept)


def _shared(relative: str, modified: datetime, feed: FeedDocument | None, base_url: str) -> Headers:
    """What every encoding has, in a 304 too. Vary also where there is no choice (RFC 9110 12.5.5)."""
    headers = [(b"last-modified", http_date(modified).encode()), (b"vary", b"Accept-Encoding")]
    if feed is not None or for_programs(relative):
        headers.append((b"access-control-allow-origin", b"*"))
    if feed is not None:
        links = [("self", feed.self_url or base_url + relative), *(("hub", hub) for hub in feed.hubs)]
        value = ", ".join(f'<{_target(url)}>; rel="{rel}"' for rel, url in links)
        headers.append((b"link", value.encode("ascii", "ignore")))
    return tuple(headers)


def _target(url: str) -> str:
    """A URL as it may stand in a header: nothing that ends it or the line."""
    return re.sub(r"[^!-~]|[<>\"\\^`{|}]", "", url)
