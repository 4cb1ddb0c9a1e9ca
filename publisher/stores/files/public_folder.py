"""The public/ folder: files are staged beside their final path, then renamed.

    stage   .3f2a9c01d4e5b678.part     written and flushed, hidden; its encodings too
    place   index.html.gz, .br         those of the old bytes removed
            index.html                 its time set, renamed
            index.html.gz, .br         renamed, the folder flushed

A reader sees either the complete old file or the complete new one, with its own time. An encoding never
differs from the file beside it: after a crash it may be missing, but not wrong.

The encodings, gzip and Brotli, are made once, when a document is written. The same bytes give the same
encodings: the gzip header has neither a time nor a name (RFC 1952 2.3.1, MTIME 0).

`DiskStaticFolder` is the author's folder of files that are copied there as they are (`site.static`).
"""

import contextlib
import errno
import hashlib
import os
import re
import stat
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from publisher.core.errors import OutputError
from publisher.core.feeds.documents import ENCODINGS, Document, StaticFile, StaticListing, is_compressible
from publisher.ports import Failpoint
from publisher.stores.files import flush_folder, output_error, write_all

_brotli: Any = import_module("brotli")  # ships no types

_GZIP = 31
"""zlib's number for the gzip format with the largest window."""

_QUALITY = 6
"""Of 11. With a window fitted to the document, 480 kB of posts take 9 ms and are 12 % smaller than with gzip.
Quality 9 would save 2 % more and take three times as long, 11 another 10 % and forty times. For gzip, level 9
saves 0.2 %.
"""

MAX_STATIC_BYTES = 50_000_000
"""The largest file: it is read whole."""

MAX_STATIC_FILES = 10_000

SHOWN_HIDDEN = frozenset({".well-known", ".nojekyll", ".htaccess"})
"""Hidden names that hosts look for. Others (.git, .DS_Store, .env) are nobody's to see."""

LEFT_OUT = frozenset({"Thumbs.db", "desktop.ini"})


def encode(coding: str, data: bytes) -> bytes:
    """`data` in the content coding "gzip" or "br"."""
    if coding == "gzip":
        packer = zlib.compressobj(6, zlib.DEFLATED, _GZIP)
        return packer.compress(data) + packer.flush()
    window = min(max(len(data).bit_length(), 10), 22)
    packed: bytes = _brotli.compress(data, mode=_brotli.MODE_TEXT, quality=_QUALITY, lgwin=window)
    return packed


def encodes(coding: str, encoded: bytes, data: bytes) -> bool:
    """Whether `encoded` is `data` in that coding. Never decompresses much more than the length of `data`."""
    try:
        if coding == "gzip":
            unpacker = zlib.decompressobj(_GZIP)
            return unpacker.decompress(encoded, len(data) + 1) == data and unpacker.eof
        return _unpack_brotli(encoded, len(data) + 1) == data
    except (zlib.error, _brotli.error):
        return False


def _unpack_brotli(encoded: bytes, limit: int) -> bytes:
    """The first `limit` bytes of a complete Brotli stream; b"\0" * limit if it is incomplete."""
    reader = _brotli.Decompressor()
    found = bytearray(reader.process(encoded, output_buffer_limit=limit))
    while len(found) < limit and not reader.is_finished():
        more = reader.process(b"", output_buffer_limit=limit - len(found))
        if not more:
            return bytes(limit)
        found += more
    return bytes(found)


MAX_NAME_BYTES = 255
"""The longest file name that every file system allows. A document with a longer one has no encodings."""

_STAGED = re.compile(r"\.[0-9a-f]{16}\.part")


class PublicDirectory:
    """`ports.PublicFolder`. No path leads out of the folder."""

    def __init__(self, folder: Path, failpoint: Failpoint = lambda _: None) -> None:
        self.folder, self._failpoint = folder, failpoint

    def stage(self, path: str, data: bytes) -> None:
        target = self._file_inside(path)
        written = [target]
        try:
            self.folder.parent.stat()  # the site's: one that was moved away is not made again
            target.parent.mkdir(parents=True, exist_ok=True)
            _refuse_folder(target)
            _write(target, data)
            for coding, encoded in _encodings(target):
                _refuse_folder(encoded)
                written.append(encoded)
                _write(encoded, encode(coding, data))
        except OSError as error:
            for file in written:
                with contextlib.suppress(OSError):
                    _staged_file(file).unlink()
            raise output_error(target, error) from error

    def place(self, path: str, modified: datetime) -> None:
        target = self._file_inside(path)
        encodings = [file for _, file in _encodings(target)]
        seconds = int(modified.timestamp())
        try:
            for file in (target, *encodings):
                if not _staged_file(file).exists():
                    raise OutputError(
                        str(file), "cannot be put into place: nothing was staged", "publish again"
                    )
                os.utime(_staged_file(file), (seconds, seconds))
            for file in encodings:
                file.unlink(missing_ok=True)
            self._failpoint("shelf:bare")
            _staged_file(target).rename(target)
            for file in encodings:
                self._failpoint("shelf:encoding")
                _staged_file(file).rename(file)
            flush_folder(target.parent)
        except OSError as error:
            raise output_error(target, error) from error

    def holds(self, document: Document) -> bool:
        target = self._file(document.path)
        seconds = int(document.modified.timestamp())
        try:
            return _is_plain_file(target, seconds, document.size) and all(
                _is_plain_file(file, seconds) for _, file in _encodings(target)
            )
        except OSError:
            return False

    def standing(self, path: str) -> tuple[str, datetime] | None:
        try:
            with self._file(path).open("rb") as stream:
                found = os.fstat(stream.fileno())
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            return None
        return digest, datetime.fromtimestamp(int(found.st_mtime), UTC)

    def read(self, path: str) -> bytes | None:
        try:
            return self._file_inside(path).read_bytes()
        except OSError:
            return None

    def pages(self, folder: str) -> Iterator[str]:
        top = self._file_inside(folder) if folder else self.folder
        for place, _, names in os.walk(top):
            if "index.html" in names:
                yield (Path(place) / "index.html").relative_to(self.folder).as_posix()

    def remove(self, path: str) -> None:
        target = self._file_inside(path)
        try:
            for _, file in _encodings(target):
                file.unlink(missing_ok=True)
            target.unlink(missing_ok=True)
            folder = target.parent
            with contextlib.suppress(OSError):  # up to the first folder that is not empty
                while folder != self.folder:
                    folder.rmdir()
                    folder = folder.parent
            if folder.is_dir():
                flush_folder(folder)
        except NotADirectoryError:
            return
        except OSError as error:
            raise output_error(target, error) from error

    def sweep(self) -> None:
        for folder, _, names in os.walk(self.folder):
            for name in filter(_STAGED.fullmatch, names):
                left = Path(folder, name)
                try:
                    left.unlink(missing_ok=True)
                except OSError as error:
                    raise output_error(left, error) from error

    def _file(self, path: str) -> Path:
        """The file for `path`, without looking at the disk. Raises OutputError if it is not a document
        path.
        """
        parts = PurePosixPath(path).parts
        if not parts or path.startswith("/") or ".." in parts or "\0" in path or _STAGED.fullmatch(parts[-1]):
            raise OutputError(str(self.folder), f"{path!r} is not a document path", "change the permalink")
        return self.folder.joinpath(*parts)

    def _file_inside(self, path: str) -> Path:
        """The file for `path`. Raises OutputError if a link on the way leads out of the folder."""
        target = self._file(path)
        try:
            inside = target.parent.resolve().is_relative_to(self.folder.resolve())
        except (OSError, RuntimeError):  # a symlink loop
            inside = False
        if not inside:
            raise OutputError(str(target), "a link on the way leads out of the folder", "remove the link")
        return target


def _encodings(target: Path) -> list[tuple[str, Path]]:
    """The encodings that belong beside `target`: (coding, file)."""
    longest = len(os.fsencode(target.name)) + max(map(len, ENCODINGS.values()))
    if longest > MAX_NAME_BYTES or not is_compressible(target.name):
        return []
    return [(coding, target.with_name(target.name + suffix)) for coding, suffix in ENCODINGS.items()]


def _refuse_folder(target: Path) -> None:
    """Raises IsADirectoryError if it is a folder, and OSError for a name that is too long."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(target.lstat().st_mode):
            raise IsADirectoryError(errno.EISDIR, "Is a directory")


def _write(target: Path, data: bytes) -> None:
    handle = os.open(_staged_file(target), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    try:
        write_all(handle, data)
    finally:
        os.close(handle)


def _is_plain_file(file: Path, seconds: int, size: int | None = None) -> bool:
    """Whether this is a plain file with that time, and that size or (None) not empty. Raises OSError."""
    found = file.lstat()
    same = found.st_size > 0 if size is None else found.st_size == size
    return same and int(found.st_mtime) == seconds and stat.S_ISREG(found.st_mode)


def _staged_file(target: Path) -> Path:
    return target.with_name(f".{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}.part")


class DiskStaticFolder:
    """`ports.StaticFolder`, as a folder on disk. No link is followed. It may not contain any folder of
    `inside`.
    """

    def __init__(self, folder: Path, name: str, inside: tuple[Path, ...]) -> None:
        self._folder, self._name, self._inside = folder, name.rstrip("/"), inside

    def files(self) -> StaticListing:
        real = self._folder.resolve()
        if any(folder.resolve().is_relative_to(real) for folder in self._inside):
            return StaticListing(
                unreadable=f"{self._name}/: contains the site itself; choose a folder within it"
            )
        found: list[StaticFile] = []
        problems: list[str] = []
        try:
            self._look(self._folder, "", found, problems)
        except OSError as error:
            why = error.strerror or str(error)
            return StaticListing(
                unreadable=f"{self._name}/: cannot be read ({why}): what was copied stays; make it readable, "
                "or remove site.static"
            )
        if len(found) > MAX_STATIC_FILES:
            problems.append(
                f"{self._name}/: {len(found):,} files: only the first {MAX_STATIC_FILES:,} are copied"
            )
        return StaticListing(files=tuple(found[:MAX_STATIC_FILES]), problems=tuple(problems))

    def _look(self, folder: Path, above: str, found: list[StaticFile], problems: list[str]) -> None:
        with os.scandir(folder) as entries:
            items = sorted(entries, key=lambda entry: entry.name)
        for entry in items:
            name, path = entry.name, above + entry.name
            shown = f"{self._name}/{path}"
            hidden = name.startswith(".") and name not in SHOWN_HIDDEN
            if hidden or name in LEFT_OUT or name.endswith(("~", ".part", ".swp")):
                continue
            if not name.isprintable() or "\\" in name:
                problems.append(
                    f"{shown!r}: not copied: web servers do not serve a file with such a name; rename it"
                )
            elif entry.is_symlink():
                problems.append(f"{shown}: not copied: it is a link; put the file itself there")
            elif entry.is_dir():
                self._look(Path(entry.path), f"{path}/", found, problems)
            elif not stat.S_ISREG((status := entry.stat(follow_symlinks=False)).st_mode):
                problems.append(f"{shown}: not copied: it is not a regular file")
            elif status.st_size > MAX_STATIC_BYTES:
                size = f"{status.st_size / 1e6:,.0f} MB"
                problems.append(
                    f"{shown}: not copied: {size}, over {MAX_STATIC_BYTES // 10**6} MB; host it elsewhere"
                )
            else:
                found.append(
                    StaticFile(path=path, name=shown, size=status.st_size, changed_ns=status.st_mtime_ns)
                )

    def read(self, path: str) -> bytes | None:
        try:
            handle = os.open(self._folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(handle, "rb") as stream:
                data = stream.read(MAX_STATIC_BYTES + 1)
        except OSError:
            return None
        return data if len(data) <= MAX_STATIC_BYTES else None
