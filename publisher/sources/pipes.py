"""Messages through a pipe, from a process that works ahead of its reader to one that waits for them."""

import fcntl
import os
import select
from collections import deque

AHEAD = 16 * 1024 * 1024
"""Bytes that wait for the reader before the writer waits too."""

PIPE = 1024 * 1024
HEAD = 8
"""Bytes before each message: its length, the lowest first."""


class Outlet:
    """The end of a pipe that messages are put into. BrokenPipeError: nobody reads any more."""

    def __init__(self, end: int) -> None:
        os.set_blocking(end, False)
        self._end = end
        self._waiting: deque[memoryview] = deque()
        self._size = 0
        self._room = select.poll()
        self._room.register(end, select.POLLOUT)

    def put(self, message: bytes) -> None:
        """Sends it as soon as there is room; returns at once while little waits."""
        for part in (len(message).to_bytes(HEAD, "little"), message):
            self._waiting.append(memoryview(part))
            self._size += len(part)
        self._send(AHEAD)

    def finish(self) -> None:
        """Sends all that waits."""
        self._send(0)

    def _send(self, left: int) -> None:
        self._write()
        while self._size > left:
            self._room.poll()
            self._write()

    def _write(self) -> None:
        while self._waiting:
            part = self._waiting[0]
            try:
                written = os.write(self._end, part)
            except BlockingIOError:
                return
            self._size -= written
            if written == len(part):
                self._waiting.popleft()
            else:
                self._waiting[0] = part[written:]


def received(end: int) -> bytearray | None:
    """The next message of an `Outlet`; None: the writer ended before it was whole."""
    head = _exactly(end, HEAD)
    return None if head is None else _exactly(end, int.from_bytes(head, "little"))


def widen(end: int) -> None:
    """Lets the pipe hold a megabyte."""
    try:
        fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, PIPE)
    except OSError:  # the user's pipes are all taken: a narrow one does as well
        return


def _exactly(end: int, size: int) -> bytearray | None:
    data = bytearray(size)
    left = memoryview(data)
    while left:
        count = os.readv(end, [left])
        if count == 0:
            return None
        left = left[count:]
    return data
