"""Files under public/, kept in memory with their encodings and headers while they stay as they are on disk.

Nothing outside the folder is reachable: no "..", no backslash, no NUL, no link that leads out; nothing
hidden (".name") or unfinished ("*.part") is there at all.
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
    allows_any_origin,
    content_security_policy,
    content_type,
    is_compressible,
)
from publisher.core.feeds.feed_documents import FeedResource, may_be_feed, read_feed
from publisher.web.documents.request import IDENTITY, http_date

Headers = tuple[tuple[bytes, bytes], ...]

HASH = 32
"""Hex digits of SHA-256 in an entity tag."""

TAGS = {IDENTITY: b"", "gzip": b"-gz", "br": b"-br"}
"""What an encoding adds to the tag of a document: a strong tag is of the bytes sent (RFC 9110 8.8.3.3)."""

_NAMED_BY_HASH = re.compile(r"assets/[0-9a-f]{16}-")


FileSignature = tuple[int, int, int, int]
"""Tells a file from another that took its place: modification time in ns, size, inode, device."""


def signature_of(found: os.stat_result) -> FileSignature:
    """The signature of a file with this status."""
    return (found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev)


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
        phrase = "IM Used" if self.status == 226 else HTTPStatus(self.status).phrase
        lines = [b"%s: %s\r\n" % header for header in self.headers]
        return b"".join((f"HTTP/1.1 {self.status} {phrase}\r\n".encode(), *lines))


@dataclass(frozen=True, slots=True)
class CachedFile:
    """A file as it was read. `codings` are its encodings, best first. `looked` are encoded files that were
    missing or stale. `for_ever`: the name has the hash of the content. `responses` and `deltas` are what
    `response.respond` made of it so far.
    """

    path: Path
    place: str
    relative: str
    signature: FileSignature
    modified: datetime
    hash: str
    variants: Mapping[str, EncodedVariant]
    codings: tuple[str, ...]
    looked: Mapping[str, FileSignature | None]
    for_ever: bool
    body: bytes | None
    feed: FeedResource | None
    responses: dict[object, DocumentResponse] = field(default_factory=dict[object, DocumentResponse])
    deltas: dict[tuple[str, str], bytes] = field(default_factory=dict[tuple[str, str], bytes])

    @property
    def held(self) -> int:
        """Bytes in memory."""
        return sum(len(variant.body or b"") for variant in self.variants.values())

    def stands(self) -> bool:
        """Whether it is still on disk as it was read. An encoding never changes before its document does."""
        try:
            found = os.stat(self.place)  # noqa: PTH116  # half the time of Path.stat, on every request
        except OSError:
            return False
        return signature_of(found) == self.signature and not (
            self.looked and any(signature_at(name) != then for name, then in self.looked.items())
        )

    def open(self) -> BinaryIO:
        """The file, to read its bytes. Raises OSError when it was replaced."""
        stream = self.path.open("rb")
        if signature_of(os.fstat(stream.fileno())) != self.signature:
            stream.close()
            raise OSError(f"{self.path} was replaced while it was being served")
        return stream


def signature_at(name: str) -> FileSignature | None:
    """The signature of the file there; None: there is none."""
    try:
        return signature_of(os.stat(name))  # noqa: PTH116  # as above
    except OSError:
        return None


def make_file(
    path: Path,
    relative: str,
    *,
    signature: FileSignature,
    size: int,
    body: bytes | None,
    keep: bool,
    hash: str,
    encodings: Mapping[str, bytes],
    looked: Mapping[str, FileSignature | None],
    base_url: str,
) -> CachedFile:
    """The file at `path`, `relative` to public/, with the headers of each encoding made ready. With `keep`
    its bytes stay in memory.
    """
    modified = datetime.fromtimestamp(signature[0] // 10**9, UTC)
    feed = read_feed(body) if body is not None and may_be_feed(relative) else None
    shared, media_type = shared_headers(relative, modified, feed, base_url), content_type(relative, feed)
    variants: dict[str, EncodedVariant] = {}
    for coding, data in {IDENTITY: body if keep else None, **encodings}.items():
        etag = b'"' + hash[:HASH].encode() + TAGS[coding] + b'"'
        length = size if data is None else len(data)
        headers = [
            (b"content-type", media_type.encode()),
            (b"content-length", b"%d" % length),
            (b"x-content-type-options", b"nosniff"),
        ]
        if policy := content_security_policy(media_type):
            headers.append((b"content-security-policy", policy))
        if coding != IDENTITY:
            headers.append((b"content-encoding", coding.encode()))
        kept = ((b"etag", etag), *shared)
        variants[coding] = EncodedVariant(coding, length, data, etag, tuple(headers), kept)
    return CachedFile(
        path=path,
        place=str(path),
        relative=relative,
        signature=signature,
        modified=modified,
        hash=hash,
        variants=variants,
        codings=tuple(encodings),
        looked=looked,
        for_ever=bool(_NAMED_BY_HASH.match(relative)),
        body=body if keep else None,
        feed=feed if keep else None,
    )


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


MAX_IN_MEMORY = 4 * 2**20
"""Files of more bytes are streamed from disk; of them only hash, times and encodings are kept."""

MAX_COMPARED = 32 * 2**20
"""Text of more bytes is sent as it is: its encodings are not looked at."""

CACHE_BYTES = 64 * 2**20
CACHE_FILES = 20_000


INDEXES = ("index.html", "index.xml", "index.atom", "index.json")
"""What a folder is, the first that is there. A feed may have the address of a folder: "/feed/"."""


@dataclass(frozen=True, slots=True)
class FolderRedirect:
    """A folder asked for without its slash: the page is at `to`, relative to the address asked for."""

    to: str


class FileCache:
    """The folder. `cached` costs one stat; `load` reads, and belongs into a thread; `keep` remembers.
    `unpacks` tells whether encoded bytes are those of a document: (coding, encoded, bytes).
    """

    def __init__(self, root: Path, base_url: str, *, unpacks: Callable[[str, bytes, bytes], bool]) -> None:
        self._root, self.base_url, self._unpacks = root, base_url, unpacks
        self._files: OrderedDict[str, CachedFile] = OrderedDict()
        self._bytes = 0

    def cached(self, path: str) -> CachedFile | None:
        """The file at URL path `path`, if it is in memory and still as it is on disk."""
        file = self._files.get(path)
        if file is None:
            return None
        if not file.stands():
            self._drop(path)
            return None
        self._files.move_to_end(path)
        return file

    def keep(self, path: str, file: CachedFile) -> None:
        """Remembers `file`; drops the least recently used while there is too much."""
        self._drop(path)
        self._files[path] = file
        self._bytes += file.held
        while self._bytes > CACHE_BYTES or len(self._files) > CACHE_FILES:
            self._drop(next(iter(self._files)))

    def _drop(self, path: str) -> None:
        if file := self._files.pop(path, None):
            self._bytes -= file.held

    def load(self, path: str) -> CachedFile | FolderRedirect | None:
        """What is at URL path `path` (decoded, "/a/b"); None: nothing that may be served."""
        parts = path.removeprefix("/").split("/")
        if not all(map(is_servable_name, parts[:-1])) or not (parts[-1] == "" or is_servable_name(parts[-1])):
            return None
        try:
            return self._find(self._root.joinpath(*parts), slash=parts[-1] == "")
        except (OSError, RuntimeError, ValueError):  # gone, not readable, a name too long, links in a circle
            return None

    def _find(self, place: Path, *, slash: bool) -> CachedFile | FolderRedirect | None:
        if slash:
            place = next((place / name for name in INDEXES if (place / name).is_file()), place / INDEXES[0])
        elif place.is_dir():
            there = any((place / name).is_file() for name in INDEXES)
            return FolderRedirect(to=place.name) if there else None
        root = self._root.resolve()
        real = place.resolve(strict=True)
        if not real.is_relative_to(root) or not all(map(is_servable_name, real.relative_to(root).parts)):
            return None
        return self._read(place, real)

    def _read(self, place: Path, real: Path) -> CachedFile | None:
        relative = place.relative_to(self._root).as_posix()
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                return None
            whole = found.st_size <= (MAX_COMPARED if is_compressible(relative) else MAX_IN_MEMORY)
            body = stream.read() if whole else None
            digest = hashlib.sha256(body) if body is not None else hashlib.file_digest(stream, "sha256")
        encodings, looked = self._encodings(place, body) if is_compressible(relative) else ({}, {})
        return make_file(
            place,
            relative,
            signature=signature_of(found),
            size=found.st_size if body is None else len(body),
            body=body,
            keep=body is not None and len(body) <= MAX_IN_MEMORY,
            hash=digest.hexdigest(),
            encodings=encodings,
            looked=looked,
            base_url=self.base_url,
        )

    def _encodings(
        self, place: Path, body: bytes | None
    ) -> tuple[dict[str, bytes], dict[str, FileSignature | None]]:
        """The encodings beside `place` that are those of `body`, and the signatures of what is not."""
        encodings: dict[str, bytes] = {}
        looked: dict[str, FileSignature | None] = {}
        for coding, suffix in ENCODINGS.items():
            name = f"{place}{suffix}"
            try:
                handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:
                looked[name] = None
                continue
            with os.fdopen(handle, "rb") as stream:
                found = os.fstat(handle)
                small = stat.S_ISREG(found.st_mode) and found.st_size <= MAX_IN_MEMORY
                data = stream.read() if small and body is not None else None
            if data is not None and body is not None and self._unpacks(coding, data, body):
                encodings[coding] = data
            else:
                looked[name] = signature_of(found)
        return encodings, looked


def is_servable_name(name: str) -> bool:
    """Whether a part of a path may name something that is served."""
    hidden = name.startswith(".") or name.endswith(".part")
    return bool(name) and not hidden and not any(bad in name for bad in "\\\0/")
