"""Log files as they lie on a disk: rotated, compressed, of any size; read line by line."""

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

LINE = 1_000_000
"""Bytes of one line that are read; the rest of it is passed over."""

LOOKED_AT = 100
"""Lines at the beginning of a file that may tell when it begins."""

_PACKED: dict[bytes, Callable[[BinaryIO], BinaryIO]] = {
    b"\x1f\x8b": lambda file: cast("BinaryIO", gzip.GzipFile(fileobj=file)),
    b"BZh": lambda file: cast("BinaryIO", bz2.BZ2File(file)),
    b"\xfd7zXZ": lambda file: cast("BinaryIO", lzma.LZMAFile(file)),  # noqa: SIM115  # closed with `file`
}


def lines_of(
    files: Sequence[str],
    time_of: Callable[[bytes], datetime | None],
    read: Callable[[int], None] = lambda _: None,
) -> Iterator[bytes]:
    """The lines of all `files`, those that begin earlier first; "-" is stdin. Packed ones (gzip, bzip2, xz)
    are unpacked. `read` is told how many bytes of the disk were read so far. Raises SourceError.
    """
    before = 0
    for file in in_order(files, time_of):
        for line, position in _lines(file):
            yield line
            read(before + position)
        before += size_of([file]) or 0


def in_order(files: Sequence[str], time_of: Callable[[bytes], datetime | None]) -> list[str]:
    """`files` by when they begin; where one of them does not tell, as they were given. Raises SourceError."""
    if len(files) < 2:
        return list(files)
    begin = {file: _begins(file, time_of) for file in files}
    dated = {file: at for file, at in begin.items() if at is not None}
    return sorted(files, key=dated.__getitem__) if len(dated) == len(begin) else list(files)


def size_of(files: Sequence[str]) -> int | None:
    """How many bytes there are on the disk; None where that is not known."""
    return None if "-" in files else sum(Path(file).stat().st_size for file in files)


def _begins(file: str, time_of: Callable[[bytes], datetime | None]) -> datetime | None:
    if file == "-":
        return None
    for number, (line, _) in enumerate(_lines(file)):
        if (at := time_of(line)) is not None:
            return at
        if number > LOOKED_AT:
            break
    return None


def _lines(file: str) -> Iterator[tuple[bytes, int]]:
    """Each line, and how far on the disk it was read."""
    number = 0
    try:
        with ExitStack() as stack:
            disk = sys.stdin.buffer if file == "-" else stack.enter_context(Path(file).open("rb"))
            plain = _unpacked(disk) if file != "-" else disk
            while line := plain.readline(LINE):
                number += 1
                yield line, disk.tell() if file != "-" else 0
                while len(line) == LINE and not line.endswith(b"\n"):
                    line = plain.readline(LINE)  # the rest of a line that is no log's
    except (EOFError, zlib.error, lzma.LZMAError) as error:
        what = f"is damaged after line {number:,} ({error})"
        raise SourceError(file, what, "give a whole copy of it") from error
    except OSError as error:
        raise SourceError(file, f"cannot be read ({error.strerror or error})") from error


def _unpacked(disk: BinaryIO) -> BinaryIO:
    start = disk.read(6)
    disk.seek(0)
    return next((unpack(disk) for magic, unpack in _PACKED.items() if start.startswith(magic)), disk)
