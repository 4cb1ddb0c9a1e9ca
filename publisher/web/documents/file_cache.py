"""Files under public/, kept in memory with their encodings and headers while they are unchanged on disk.

Nothing outside the folder is reachable: no "..", no backslash, no NUL, no link that leads out. Nothing hidden
(".name", except ".well-known") or unfinished ("*.part") is served.
"""

import hashlib
import os
import re
import stat
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

from publisher.core.feeds.documents import (
    ENCODINGS,
    FeedResource,
    allows_any_origin,
    content_security_policy,
    content_type,
    is_compressible,
    may_be_feed,
    read_feed,
)
from publisher.web.documents.request import IDENTITY, http_date

HASH = 32
"""Hex digits of SHA-256 in an entity tag."""

TAG_SUFFIXES = {IDENTITY: b"", "gzip": b"-gz", "br": b"-br"}
"""What an encoding adds to the tag of a document: a strong tag is of the bytes sent (RFC 9110 8.8.3.3)."""

MAX_IN_MEMORY = 4 * 2**20
"""Larger files (in bytes) are streamed from disk; only their hash, times and encodings are kept."""

MAX_COMPARED = 32 * 2**20
"""Larger text files (in bytes) are sent as they are; their encodings are ignored."""

CACHE_BYTES = 64 * 2**20
CACHE_FILES = 20_000

INDEXES = ("index.html", "index.xml", "index.atom", "index.json")
"""What a folder is served as, the first that exists. A feed may have the address of a folder: "/feed/"."""

_NAMED_BY_HASH = re.compile(r"assets/[0-9a-f]{16}-")

Headers = tuple[tuple[bytes, bytes], ...]

FileSignature = tuple[int, int, int, int]
"""Tells a file from another that took its place: modification time in ns, size, inode, device."""


def signature_of(found: os.stat_result) -> FileSignature:
    """The signature of a file with this status."""
    return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev)


def signature_at(path: str) -> FileSignature | None:
    """The signature of the file at `path`; None if there is none."""
    try:
        return signature_of(os.stat(path))  # noqa: PTH116  # half the time of Path.stat, on every request
    except OSError:
        return None


@dataclass(frozen=True, slots=True)
class EncodedVariant:
    """A file in one encoding. `body` is None if it is streamed. `kept` are the headers that 200 and 304
    share, without Cache-Control; `headers` are the others of a 200.
    """

    coding: str
    size: int
    body: bytes | None
    etag: bytes
    headers: Headers
    kept: Headers


@dataclass(frozen=True)
class DocumentResponse:
    """A whole response. `body` is what follows the headers: bytes, or (offset, length) in the file on disk. A
    HEAD has no body, and the Content-Length of its GET.
    """

    status: int
    headers: Headers
    body: bytes | tuple[int, int]

    @cached_property
    def head(self) -> bytes:
        """The status line and the headers as they are sent; Date and the empty line are missing."""
        lines = [b"%s: %s\r\n" % header for header in self.headers]
        return b"".join((f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n".encode(), *lines))


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file as it was read. `relative` is its path in public/. `codings` are its encodings, best first;
    `unusable` are the signatures of encoded files that were missing or stale. `immutable`: its name has the
    hash of its content. `responses` and `deltas` are what `response.respond` has made of it so far.
    """

    path: str
    relative: str
    signature: FileSignature
    modified: datetime
    hash: str
    variants: Mapping[str, EncodedVariant]
    codings: tuple[str, ...]
    unusable: Mapping[str, FileSignature | None]
    immutable: bool
    body: bytes | None
    feed: FeedResource | None
    responses: dict[object, DocumentResponse] = field(default_factory=dict[object, DocumentResponse])
    deltas: dict[tuple[str, str], bytes] = field(default_factory=dict[tuple[str, str], bytes])

    @property
    def size_in_memory(self) -> int:
        """Bytes of its bodies."""
        return sum(len(variant.body or b"") for variant in self.variants.values())

    def is_unchanged(self) -> bool:
        """Whether it is on disk as it was read. An encoding never changes before its document does."""
        return signature_at(self.path) == self.signature and not (
            self.unusable and any(signature_at(path) != then for path, then in self.unusable.items())
        )

    def open(self) -> BinaryIO:
        """The file, to read its bytes. Raises OSError if it was replaced."""
        stream = Path(self.path).open("rb")  # noqa: SIM115  # the caller closes it
        if signature_of(os.fstat(stream.fileno())) != self.signature:
            stream.close()
            raise OSError(f"{self.path} was replaced while it was being served")
        return stream


@dataclass(frozen=True, slots=True)
class FolderRedirect:
    """A folder asked for without its slash: the page is at `to`, relative to the address asked for."""

    to: str


class FileCache:
    """The folder `root`. `cached` costs one stat; `load` reads from disk, so call it in a thread; `keep`
    remembers. `unpacks` tells whether encoded bytes are those of a document: (coding, encoded, bytes).
    """

    def __init__(self, root: Path, base_url: str, *, unpacks: Callable[[str, bytes, bytes], bool]) -> None:
        self._root, self.base_url, self._unpacks = root, base_url, unpacks
        self._files: OrderedDict[str, CachedFile] = OrderedDict()
        self._bytes = 0

    def cached(self, path: str) -> CachedFile | None:
        """The file at URL path `path`, if it is in memory and unchanged on disk."""
        file = self._files.get(path)
        if file is None:
            return None
        if not file.is_unchanged():
            self._drop(path)
            return None
        self._files.move_to_end(path)
        return file

    def keep(self, path: str, file: CachedFile) -> None:
        """Remembers `file`; drops the least recently used while there is too much."""
        self._drop(path)
        self._files[path] = file
        self._bytes += file.size_in_memory
        while self._bytes > CACHE_BYTES or len(self._files) > CACHE_FILES:
            self._drop(next(iter(self._files)))

    def _drop(self, path: str) -> None:
        if file := self._files.pop(path, None):
            self._bytes -= file.size_in_memory

    def load(self, path: str) -> CachedFile | FolderRedirect | None:
        """What is at URL path `path` (decoded, "/a/b"); None if nothing there may be served."""
        parts = path.removeprefix("/").split("/")
        if not all(map(is_servable_name, parts[:-1])) or not (parts[-1] == "" or is_servable_name(parts[-1])):
            return None
        place = self._root.joinpath(*parts)
        try:
            if parts[-1] == "":
                place = next(
                    (place / name for name in INDEXES if (place / name).is_file()), place / INDEXES[0]
                )
            elif place.is_dir():
                has_index = any((place / name).is_file() for name in INDEXES)
                return FolderRedirect(to=place.name) if has_index else None
            root, real = self._root.resolve(), place.resolve(strict=True)
            if real.is_relative_to(root) and all(map(is_servable_name, real.relative_to(root).parts)):
                return self._read(place, real)
        except (OSError, RuntimeError, ValueError):  # deleted, unreadable, a name too long, a circle of links
            pass
        return None

    def _read(self, place: Path, real: Path) -> CachedFile | None:
        """The file at `place`, read from where its links lead."""
        relative = place.relative_to(self._root).as_posix()
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                return None
            whole = found.st_size <= (MAX_COMPARED if is_compressible(relative) else MAX_IN_MEMORY)
            body = stream.read() if whole else None
            digest = hashlib.sha256(body) if body is not None else hashlib.file_digest(stream, "sha256")
        encodings, unusable = self._encodings(place, body) if is_compressible(relative) else ({}, {})
        hash, modified = digest.hexdigest(), datetime.fromtimestamp(found.st_mtime_ns // 10**9, UTC)
        feed = read_feed(body) if body is not None and may_be_feed(relative) else None
        shared = shared_headers(relative, modified, feed, self.base_url)
        size = found.st_size if body is None else len(body)
        if size > MAX_IN_MEMORY:
            body = None
        bodies = {IDENTITY: body, **encodings}
        return CachedFile(
            path=str(place),
            relative=relative,
            signature=signature_of(found),
            modified=modified,
            hash=hash,
            variants={
                coding: make_variant(coding, data, size, hash, content_type(relative, feed), shared)
                for coding, data in bodies.items()
            },
            codings=tuple(encodings),
            unusable=unusable,
            immutable=bool(_NAMED_BY_HASH.match(relative)),
            body=body,
            feed=feed if body is not None else None,
        )

    def _encodings(
        self, place: Path, body: bytes | None
    ) -> tuple[dict[str, bytes], dict[str, FileSignature | None]]:
        """The encodings beside `place` that are those of `body`, and the signatures of the others."""
        encodings: dict[str, bytes] = {}
        unusable: dict[str, FileSignature | None] = {}
        for coding, suffix in ENCODINGS.items():
            path = f"{place}{suffix}"
            try:
                handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:
                unusable[path] = None
                continue
            with os.fdopen(handle, "rb") as stream:
                found = os.fstat(handle)
                small = stat.S_ISREG(found.st_mode) and found.st_size <= MAX_IN_MEMORY
                data = stream.read() if small and body is not None else None
            if data is not None and body is not None and self._unpacks(coding, data, body):
                encodings[coding] = data
            else:
                unusable[path] = signature_of(found)
        return encodings, unusable


def make_variant(
    coding: str, body: bytes | None, size: int, hash: str, media_type: str, shared: Headers
) -> EncodedVariant:
    """A document of this `hash` and `size` in one encoding, with its headers."""
    etag = b'"' + hash[:HASH].encode() + TAG_SUFFIXES[coding] + b'"'
    length = size if body is None else len(body)
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", b"%d" % length),
        (b"x-content-type-options", b"nosniff"),
    ]
    if policy := content_security_policy(media_type):
        headers.append((b"content-security-policy", policy))
    if coding != IDENTITY:
        headers.append((b"content-encoding", coding.encode()))
    return EncodedVariant(coding, length, body, etag, tuple(headers), ((b"etag", etag), *shared))


def shared_headers(relative: str, modified: datetime, feed: FeedResource | None, base_url: str) -> Headers:
    """What every encoding has, in a 304 too. Vary even where there is no choice (RFC 9110 12.5.5)."""
    headers = [(b"last-modified", http_date(modified).encode()), (b"vary", b"Accept-Encoding")]
    if feed is not None or allows_any_origin(relative):
        headers.append((b"access-control-allow-origin", b"*"))
    if feed is not None:
        links = [("self", feed.self_url or base_url + relative), *(("hub", hub) for hub in feed.hubs)]
        # Nothing may stand in a header that ends the URL or the line.
        safe = [(rel, re.sub(r"[^!-~]|[<>\"\\^`{|}]", "", url)) for rel, url in links]
        value = ", ".join(f'<{url}>; rel="{rel}"' for rel, url in safe)
        headers.append((b"link", value.encode("ascii", "ignore")))
    return tuple(headers)


def is_servable_name(name: str) -> bool:
    """Whether a part of a path may name something that is served."""
    hidden = (name.startswith(".") and name != ".well-known") or name.endswith(".part")  # RFC 8615
    return bool(name) and not hidden and not any(bad in name for bad in "\\\0/")
