"""Whether a file is stable. One that is still being written, or that Git could not merge, is not read.

`publisher run` needs this because it looks at files at any moment.
"""

import errno
import fcntl
import os
import re
import signal
from collections.abc import Callable

from publisher.core.patterns import lazy

LEASE_SECONDS = 60.0
"""How long to wait for a file that is empty or open for writing, in seconds; then it is read as it is."""

_Stamp = tuple[int, int]

_CONFLICT_MARKS = (lazy(r"<{7}(?: .*)?"), lazy(r"={7}"), lazy(r">{7}(?: .*)?"))
_FENCE = lazy(r" {0,3}(`{3,}|~{3,})")
_BLOCK = lazy(r"<(pre|code|script|style)\b|\{%-?\s*(highlight|raw|codeblock)\b", re.IGNORECASE)
_BLANK = b"\0 \t\r\n\x0b\x0c"


class FileBusy(Exception):
    """The file is still being written."""


class StabilityCheck:
    """Tells whether files are stable: not written to for `seconds`, and not open for writing.

    `now` is the clock that dates files, in seconds since 1970. A file dated ahead of it (by another machine's
    clock) is stable if it is the same when checked again `seconds` later.
    """

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self.seconds = seconds
        self._now = now
        self._ahead: dict[tuple[int, int], tuple[_Stamp, float]] = {}

    def is_stable(self, number: int, status: os.stat_result) -> bool:
        """Whether the file open for reading as descriptor `number` is stable; `status` is its state now."""
        age = self._now() - status.st_mtime_ns / 1e9
        if age < 0:
            now, key = self._now(), (status.st_dev, status.st_ino)
            stamp, since = self._ahead.get(key, (None, now))
            if stamp != stamp_of(status) or now < since:
                self._ahead[key] = (stamp_of(status), now)
                return False
            return now - since >= self.seconds
        if age < self.seconds:
            return False
        # Editors empty a file before they write it, and some programs pause while they write.
        return age > LEASE_SECONDS or (status.st_size > 0 and not is_open_for_writing(number))


def read_stable(number: int, status: os.stat_result, check: StabilityCheck | None, limit: int) -> bytes:
    """The bytes of the file open as descriptor `number`, at most `limit`; `status` is its state now. With a
    `check`, raises FileBusy where the file is not stable.
    """
    if check is None:
        return read_up_to(number, status.st_size, limit)
    if not check.is_stable(number, status):
        raise FileBusy
    data = read_up_to(number, status.st_size, limit)
    if stamp_of(os.fstat(number)) != stamp_of(status):
        raise FileBusy
    return data


def read_up_to(number: int, size: int, limit: int) -> bytes:
    """The bytes of an open file, at most `limit`. `size` is its expected size."""
    piece = max(size, 4096)
    data = os.read(number, min(piece, limit))
    while 0 < len(data) < limit and (more := os.read(number, min(piece, limit - len(data)))):
        data += more
    return data


def stamp_of(status: os.stat_result) -> _Stamp:
    """The size and time of a file, which change when it is written."""
    return status.st_size, status.st_mtime_ns


def is_open_for_writing(number: int) -> bool:
    """Whether a process has the file open for writing; False where the system cannot tell.

    Linux grants a read lease only on a file that is not open for writing (fcntl(2), F_SETLEASE). It is
    returned at once. A process that opens the file in between waits for that, and the kernel signals us: by
    default with SIGIO, which would end this process, so SIGURG, which is ignored, is requested instead.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        fcntl.fcntl(number, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:  # others: not our file, or a file system without leases
        return error.errno == errno.EAGAIN
    fcntl.fcntl(number, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def find_conflict(text: str) -> int:
    """The line of the first `<<<<<<<` of a conflict, from 1: it begins a line, `=======` and `>>>>>>>` begin
    lines after it, all outside of code (git-merge(1), HOW CONFLICTS ARE PRESENTED). 0: none does.
    """
    if not all(mark in text for mark in ("<<<<<<<", "\n=======", "\n>>>>>>>")):
        return 0
    begun = step = 0
    for number, line in lines_outside_code(text):
        line = line.rstrip()
        if _CONFLICT_MARKS[0].fullmatch(line):
            begun, step = number, 1
        elif step and _CONFLICT_MARKS[step].fullmatch(line):
            if step == 2:
                return begun
            step = 2
    return 0


def lines_outside_code(text: str) -> list[tuple[int, str]]:
    """The lines outside fences and blocks of code, with their numbers."""
    found: list[tuple[int, str]] = []
    fence = end = ""
    for number, line in enumerate(text.split("\n"), 1):
        mark = _FENCE.match(line)
        if fence:
            if mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
                fence = ""
        elif end:
            end = "" if end in line.casefold().replace("- ", "") else end
        elif mark and not (mark[1][0] == "`" and "`" in line[mark.end() :]):
            fence = mark[1]
        elif block := _BLOCK.search(line):
            close = f"</{block[1].casefold()}" if block[1] else f"end{block[2].casefold()}"
            end = "" if close in line.casefold()[block.end() :] else close
        else:
            found.append((number, line))
    return found


def is_blank(data: bytes) -> bool:
    """Whether a file is empty, or has only spaces, line ends and the NULs that a full disk leaves."""
    return not data.removeprefix(b"\xef\xbb\xbf").strip(_BLANK)
