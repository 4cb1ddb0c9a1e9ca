"""Files under public/, kept in memory while they stay as they are on disk.

Nothing outside the folder is reachable: no "..", no backslash, no NUL, no link that leads out; nothing
hidden (".name") or unfinished ("*.part") is there at all.
"""

import hashlib
import os
import stat
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from publisher.web.conditional import http_date
from publisher.web.media import content_type, is_feed

LARGEST = 4 * 2**20
"""Files of more bytes are streamed from disk; of them only hash and times are kept."""

CACHE_BYTES = 64 * 2**20
CACHE_FILES = 20_000

CHUNK = 2**18
"""Bytes read at once when a file is hashed or streamed."""

_Signature = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was read. `body` is None where it is streamed. `headers` are those of a 200, and
    `kept_headers` those that a 304 repeats; Cache-Control is not among them.
    """

    path: Path
    signature: _Signature
    size: int
    body: bytes | None
    etag: bytes
    modified: datetime
    headers: tuple[tuple[bytes, bytes], ...]
    kept_headers: tuple[tuple[bytes, bytes], ...]

    def open(self) -> BinaryIO:
        """The file, to read its bytes. Raises OSError when another stands in its place."""
        stream = self.path.open("rb")
        if _signature(os.fstat(stream.fileno())) != self.signature:
            stream.close()
            raise OSError(f"{self.path} was replaced while it was being served")
        return stream


@dataclass(frozen=True, slots=True)
class Moved:
    """A folder asked for without its slash: the page is at `to`, relative to the address asked for."""

    to: str


class Files:
    """The folder. `cached` costs one stat; `load` reads, and belongs into a thread; `keep` remembers."""

    def __init__(self, root: Path, base_url: str) -> None:
        self._root, self._base_url = root, base_url
        self._files: OrderedDict[str, File] = OrderedDict()
        self._bytes = 0

    def cached(self, path: str) -> File | None:
        """The file at URL path `path`, if it is in memory and still as it is on disk."""
        file = self._files.get(path)
        if file is None:
            return None
        try:
            found = os.stat(file.path)  # noqa: PTH116  # half the time of Path.stat, on every request
        except OSError:
            found = None
        if found is None or _signature(found) != file.signature:
            self._forget(path)
            return None
        self._files.move_to_end(path)
        return file

    def keep(self, path: str, file: File) -> None:
        """Remembers `file`, and forgets those not asked for the longest while there is too much."""
        self._forget(path)
        self._files[path] = file
        self._bytes += len(file.body or b"")
        while self._bytes > CACHE_BYTES or len(self._files) > CACHE_FILES:
            self._forget(next(iter(self._files)))

    def _forget(self, path: str) -> None:
        if file := self._files.pop(path, None):
            self._bytes -= len(file.body or b"")

    def load(self, path: str) -> File | Moved | None:
        """What is at URL path `path` (decoded, "/a/b"); None: nothing that may be served."""
        parts = path.removeprefix("/").split("/")
        if not all(map(_allowed, parts[:-1])) or not (parts[-1] == "" or _allowed(parts[-1])):
            return None
        try:
            return self._at(self._root.joinpath(*parts), slash=parts[-1] == "")
        except (OSError, RuntimeError):  # gone, not ours to read, a name too long, links in a circle
            return None

    def _at(self, place: Path, *, slash: bool) -> File | Moved | None:
        if slash:
            place /= "index.html"
        elif place.is_dir():
            return Moved(to=place.name) if (place / "index.html").is_file() else None
        root = self._root.resolve()
        real = place.resolve(strict=True)
        if not real.is_relative_to(root) or not all(map(_allowed, real.relative_to(root).parts)):
            return None
        return self._read(place, real)

    def _read(self, place: Path, real: Path) -> File | None:
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                return None
            body = stream.read() if found.st_size <= LARGEST else None
            digest = hashlib.sha256(body) if body is not None else hashlib.file_digest(stream, "sha256")
        size = found.st_size if body is None else len(body)
        return self._file(place, _signature(found), size, body, digest.hexdigest()[:32])

    def _file(self, place: Path, signature: _Signature, size: int, body: bytes | None, tag: str) -> File:
        modified = datetime.fromtimestamp(signature[0] // 10**9, UTC)
        relative = place.relative_to(self._root).as_posix()
        etag = f'"{tag}"'.encode()
        kept = [
            (b"etag", etag),
            (b"last-modified", http_date(modified).encode()),
            (b"vary", b"Accept-Encoding"),
        ]
        if is_feed(relative):
            kept.append((b"access-control-allow-origin", b"*"))
            kept.append((b"link", f'<{self._base_url}{relative}>; rel="self"'.encode()))
        headers = [
            (b"content-type", content_type(relative).encode()),
            (b"content-length", str(size).encode()),
            (b"x-content-type-options", b"nosniff"),
        ]
        return File(
            path=place,
            signature=signature,
            size=size,
            body=body,
            etag=etag,
            modified=modified,
            headers=(*headers, *kept),
            kept_headers=tuple(kept),
        )


def _allowed(name: str) -> bool:
    hidden = name.startswith(".") or name.endswith(".part")
    return bool(name) and not hidden and not any(bad in name for bad in "\\\0/")


def _signature(found: os.stat_result) -> _Signature:
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev
