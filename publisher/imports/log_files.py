"""Log files: rotated, compressed, of any size; read line by line."""

import bz2
import gzip
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from publisher.core.errors import SourceError

MAX_LINE = 1_000_000
"""Bytes of one line that are read; the rest of it is skipped."""

MAX_UNDATED = 100
"""Lines at the start of a file that are searched for a timestamp."""

_DECOMPRESS: dict[bytes, Callable[[BinaryIO], BinaryIO]] = {
    b"\x1f\x8b": lambda file: cast("BinaryIO", gzip.GzipFile(fileobj=file)),
    b"BZh": lambda file: cast("BinaryIO", bz2.BZ2File(file)),
    b"\xfd7zXZ": lambda file: cast("BinaryIO", lzma.LZMAFile(file)),  # noqa: SIM115  # closed with `file`
}


def lines_of(
    files: Sequence[str],
    time_of: Callable[[bytes], datetime | None],
    read: Callable[[int], None] = lambda _: None,
) -> Iterator[bytes]:
    """The lines of all `files`, those that begin earlier first; "-" is stdin. Compressed files (gzip, bzip2,
    xz) are decompressed. `read` is called with the bytes read from disk so far. Raises SourceError.
    """
    before = 0
    for file in in_order(files, time_of):
        for line, position in _lines(file):
            yield line
            read(before + position)
        before += size_of([file]) or 0


def in_order(files: Sequence[str], time_of: Callable[[bytes], datetime | None]) -> list[str]:
    """`files` in order of their first time; as given if one of them has none. Raises SourceError."""
    if len(files) < 2:
        return list(files)
    begin = {file: first_time(file, time_of) for file in files}
    dated = {file: at for file, at in begin.items() if at is not None}
    return sorted(files, key=dated.__getitem__) if len(dated) == len(begin) else list(files)


def size_of(files: Sequence[str]) -> int | None:
    """Their bytes on disk; None if that is not known."""
    return None if "-" in files else sum(Path(file).stat().st_size for file in files)


def first_time(file: str, time_of: Callable[[bytes], datetime | None]) -> datetime | None:
    """When the log begins; None if its first lines have no time."""
    if file == "-":
        return None
    for number, (line, _) in enumerate(_lines(file)):
        if (at := time_of(line)) is not None:
            return at
        if number > MAX_UNDATED:
            break
    return None


def _lines(file: str) -> Iterator[tuple[bytes, int]]:
    """Each line, and the position on disk after it."""
    number = 0
    try:
        with ExitStack() as stack:
            disk = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
            plain = disk
            if file != "-":
                start = disk.read(6)
                disk.seek(0)
                found = (unpack for magic, unpack in _DECOMPRESS.items() if start.startswith(magic))
                plain = next((unpack(disk) for unpack in found), disk)
            while line := plain.readline(MAX_LINE):
                number += 1
                yield line, disk.tell() if file != "-" else 0
                while len(line) == MAX_LINE and not line.endswith(b"\n"):
                    line = plain.readline(MAX_LINE)  # the rest of an overlong line
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        what = f"is damaged after line {number:,} ({error})"
        raise SourceError(file, what, "use a complete copy of it") from error
    except OSError as error:
        raise SourceError(file, f"cannot be read ({error.strerror or error})") from error
