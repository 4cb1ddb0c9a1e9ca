"""Whether a file is at rest: what is still being written is not read. For `run`, which looks on its own.

What Git leaves in a file that was changed on two sides, and files that have nothing in them.
"""

import errno
import fcntl
import os
import re
import signal
from collections.abc import Callable

from publisher.core.patterns import lazy

LEASE_SECONDS = 60.0
"""Seconds that a file which is empty, or open for writing, is waited for; then it is taken as it is."""

_Stamp = tuple[int, int]

_MARKS = (lazy(r"<{7}(?: .*)?"), lazy(r"={7}"), lazy(r">{7}(?: .*)?"))
_FENCE = lazy(r" {0,3}(`{3,}|~{3,})")
_BLOCK = lazy(r"<(pre|code|script|style)\b|\{%-?\s*(highlight|raw|codeblock)\b", re.IGNORECASE)
_BLANK = b"\0 \t\r\n\x0b\x0c"


class FileBusy(Exception):
    """The file is still being written."""


class StabilityCheck:
    """Tells whether files are at rest: nobody wrote to them for `seconds`, and nobody is about to.

    `now` is the time by which files are dated, in seconds since 1970. A file dated ahead of it (another
    machine's clock) is at rest when two looks, `seconds` apart, find it the same.
    """

    def __init__(self, seconds: float, now: Callable[[], float]) -> None:
        self.seconds = seconds
        self._now = now
        self._ahead: dict[tuple[int, int], tuple[_Stamp, float]] = {}

    def settled(self, number: int, status: os.stat_result) -> bool:
        """Whether the file open for reading as `number` is at rest; `status` is its state now."""
        age = self._now() - status.st_mtime_ns / 1e9
        if age < 0:
            now, key = self._now(), (status.st_dev, status.st_ino)
            stamp, since = self._ahead.get(key, (None, now))
            if stamp != _stamp(status) or now < since:
                self._ahead[key] = (_stamp(status), now)
                return False
            return now - since >= self.seconds
        if age < self.seconds:
            return False
        # Editors empty a file before they write it, and some programs pause while they write.
        return age > LEASE_SECONDS or (status.st_size > 0 and not _is_written(number))


def read_stable(number: int, status: os.stat_result, rest: StabilityCheck | None, limit: int) -> bytes:
    """The bytes of the file open as `number`, at most `limit`; `status` is its state now. With `rest`, raises
    Unsettled where it is not at rest.
    """
    if rest is None:
        return _whole(number, status.st_size, limit)
    if not rest.settled(number, status):
        raise FileBusy
    data = _whole(number, status.st_size, limit)
    if _stamp(os.fstat(number)) != _stamp(status):
        raise FileBusy
    return data


def _whole(number: int, size: int, limit: int) -> bytes:
    """The bytes of an open file, at most `limit`. `size` is what it is likely to have."""
    piece = max(size, 4096)
    data = os.read(number, min(piece, limit))
    while 0 < len(data) < limit and (more := os.read(number, min(piece, limit - len(data)))):
        data += more
    return data


def _stamp(status: os.stat_result) -> _Stamp:
    """What changes when a file is written to: its size and time."""
    return status.st_size, status.st_mtime_ns


def _is_written(number: int) -> bool:
    """Whether somebody has the file open for writing; False where the system cannot tell.

    Linux grants a read lease only on a file that nobody has open for writing (fcntl(2), F_SETLEASE). It is
    given back at once. Who opens the file in between waits for that, and we would be sent SIGIO, which
    ends a process: so SIGURG, which does nothing, is asked for instead.
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
    for number, line in _outside_code(text):
        line = line.rstrip()
        if _MARKS[0].fullmatch(line):
            begun, step = number, 1
        elif step and _MARKS[step].fullmatch(line):
            if step == 2:
                return begun
            step = 2
    return 0


def _outside_code(text: str) -> list[tuple[int, str]]:
    """The lines that are in no fence and in no block of code, by their numbers."""
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
    """Whether a file has nothing in it: no bytes, or only spaces, line ends and what a full disk leaves."""
    return not data.removeprefix(b"\xef\xbb\xbf").strip(_BLANK)
