"""Files under public/, kept in memory while they stay as they are on disk, with their encodings.

Nothing outside the folder is reachable: no "..", no backslash, no NUL, no link that leads out; nothing
hidden (".name") or unfinished ("*.part") is there at all.
"""

import hashlib
import os
import stat
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from publisher.core.feeds.documents import ENCODINGS, compressible
from publisher.web.documents.cached_file import File, Signature, make_file

LARGEST = 4 * 2**20
"""Files of more bytes are streamed from disk; of them only hash, times and encodings are kept."""

READABLE = 32 * 2**20
"""Text of more bytes is sent as it is: its encodings are not looked at."""

CACHE_BYTES = 64 * 2**20
CACHE_FILES = 20_000


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder asked for without its slash: the page is at `to`, relative to the address asked for."""

    to: str


class Files:
    """The folder. `cached` costs one stat; `load` reads, and belongs into a thread; `keep` remembers.

    `unpacks` tells whether bytes are others in a coding: (coding, encoded, bytes).
    """

    def __init__(self, root: Path, base_url: str, *, unpacks: Callable[[str, bytes, bytes], bool]) -> None:
        self._root, self.base_url, self._unpacks = root, base_url, unpacks
        self._files: OrderedDict[str, File] = OrderedDict()
        self._bytes = 0

    def cached(self, path: str) -> File | None:
        """The file at URL path `path`, if it is in memory and still as it is on disk."""
        file = self._files.get(path)
        if file is None:
            return None
        if not file.stands():
            self._forget(path)
            return None
        self._files.move_to_end(path)
        return file

    def keep(self, path: str, file: File) -> None:
        """Remembers `file`, and forgets those not asked for the longest while there is too much."""
        self._forget(path)
        self._files[path] = file
        self._bytes += file.held
        while self._bytes > CACHE_BYTES or len(self._files) > CACHE_FILES:
            self._forget(next(iter(self._files)))

    def _forget(self, path: str) -> None:
        if file := self._files.pop(path, None):
            self._bytes -= file.held

    def load(self, path: str) -> File | Folder | None:
        """What is at URL path `path` (decoded, "/a/b"); None: nothing that may be served."""
        parts = path.removeprefix("/").split("/")
        if not all(map(_allowed, parts[:-1])) or not (parts[-1] == "" or _allowed(parts[-1])):
            return None
        try:
            return self._at(self._root.joinpath(*parts), slash=parts[-1] == "")
        except (
            OSError,
            RuntimeError,
            ValueError,
        ):  # gone, not ours to read, a name too long, links in a circle
            return None

    def _at(self, place: Path, *, slash: bool) -> File | Folder | None:
        if slash:
            place = next((place / name for name in INDEXES if (place / name).is_file()), place / INDEXES[0])
        elif place.is_dir():
            there = any((place / name).is_file() for name in INDEXES)
            return Folder(to=place.name) if there else None
        root = self._root.resolve()
        real = place.resolve(strict=True)
        if not real.is_relative_to(root) or not all(map(_allowed, real.relative_to(root).parts)):
            return None
        return self._read(place, real)

    def _read(self, place: Path, real: Path) -> File | None:
        relative = place.relative_to(self._root).as_posix()
        handle = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as stream:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                return None
            whole = found.st_size <= (READABLE if compressible(relative) else LARGEST)
            body = stream.read() if whole else None
            digest = hashlib.sha256(body) if body is not None else hashlib.file_digest(stream, "sha256")
        packed, looked = self._encodings(place, body) if compressible(relative) else ({}, {})
        hash = digest.hexdigest()
        return make_file(
            place,
            relative,
            signature=Signature.of(found),
            size=found.st_size if body is None else len(body),
            body=body,
            keep=body is not None and len(body) <= LARGEST,
            hash=hash,
            packed=packed,
            looked=looked,
            base_url=self.base_url,
        )

    def _encodings(
        self, place: Path, body: bytes | None
    ) -> tuple[dict[str, bytes], dict[str, Signature | None]]:
        """The encodings beside `place` that are those of `body`, and what was looked at and is none."""
        packed: dict[str, bytes] = {}
        looked: dict[str, Signature | None] = {}
        for coding, suffix in ENCODINGS.items():
            name = f"{place}{suffix}"
            try:
                handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:
                looked[name] = None
                continue
            with os.fdopen(handle, "rb") as stream:
                found = os.fstat(handle)
                small = stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST
                data = stream.read() if small and body is not None else None
            if data is not None and body is not None and self._unpacks(coding, data, body):
                packed[coding] = data
            else:
                looked[name] = Signature.of(found)
        return packed, looked


INDEXES = ("index.html", "index.xml", "index.atom", "index.json")
"""What a folder is, the first that is there. A feed may have the address of a folder: "/feed/"."""


def _allowed(name: str) -> bool:
    hidden = name.startswith(".") or name.endswith(".part")
    return bool(name) and not hidden and not any(bad in name for bad in "\\\0/")
