"""A process that signs, so that the interpreter which sends is never waited for.

A thread that signs frees the interpreter, but then waits up to 5 ms to have it back while another is busy.

It is asked over a socket pair, in frames: 4 bytes that say how long, big-endian, then a value as `marshal`
writes it. First come its keys; it answers with an empty frame: it is ready. Then come new cohorts and what is
to be signed, and for each of these frames the fields, in order. It ends when the other side is closed.
"""

import marshal
import socket
import struct
import subprocess
import sys
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from publisher.core.mail.dkim import Signable
from publisher.core.mail.message import Place, Segment

Asked = tuple[str, Signable, Mapping[Place, bytes]]
"""The domain that signs, a cohort's message in canonical form, and one reader's values."""

REMEMBERED = 64
"""Cohorts that the process knows at once."""

_LENGTH = struct.Struct("!I")


class SigningProcess:
    """Signs by these keys: selector and PEM. Raises OSError where it cannot start. `ready` once it can."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        self.ready = False
        self._known: dict[tuple[str, int], tuple[int, Signable, list[Place]]] = {}
        self._number = 0
        self._line, theirs = socket.socketpair()
        self._frames = _Frames()
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            root = str(Path(__file__).parent.parent.parent)
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=root)  # noqa: S603  # ours
        self._end = weakref.finalize(self, _finish, self._line, self._process)
        self._line.sendall(_frame(list(keys)))

    def fileno(self) -> int:
        """Readable when an answer is there, or when there will be none."""
        return self._line.fileno()

    def ask(self, batch: Sequence[Asked]) -> None:
        """Asks for signatures. Raises OSError: it is gone."""
        new: list[Any] = []
        asked = [self._asked(one, new) for one in batch]
        self._line.sendall(_frame((new, asked)))

    def answers(self) -> list[bytes]:
        """What was made since, in the order it was asked for; nothing is waited for. Raises OSError: it is
        gone.
        """
        try:
            data = self._line.recv(1 << 18, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return []
        if not data:
            raise ConnectionResetError("closed")
        made: list[bytes] = []
        for answer in self._frames.feed(data):
            self.ready = True
            made += answer
        return made

    def close(self) -> None:
        """Ends the process."""
        self._end()

    def _asked(self, one: Asked, new: list[Any]) -> tuple[int, list[bytes]]:
        domain, signable, values = one
        known = self._known.get((domain, id(signable)))  # it is kept: no other has its id meanwhile
        if known is None:
            self._number += 1
            known = self._number, signable, signable.places
            if len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[domain, id(signable)] = known
            names = [place.value for place in known[2]]
            new.append(
                (known[0], domain, _plain(signable.headers), signable.lead, _plain(signable.rest), names)
            )
        return known[0], [values[place] for place in known[2]]


class _Frames:
    """Whole values out of bytes as they come."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Any]:
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(self._buffer)[0]
            if len(self._buffer) < end:
                return
            value: Any = marshal.loads(self._buffer[_LENGTH.size : end])  # noqa: S302  # our own process
            self._buffer = self._buffer[end:]
            yield value


def _frame(value: Any) -> bytes:
    data = marshal.dumps(value)
    return _LENGTH.pack(len(data)) + data


def _plain(segments: Sequence[Segment]) -> list[bytes | str]:
    return [s.value if isinstance(s, Place) else s for s in segments]


def _segments(plain: Sequence[bytes | str]) -> tuple[Segment, ...]:
    return tuple(Place(s) if isinstance(s, str) else s for s in plain)


def _finish(line: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    line.close()
    process.wait()


def _serve(line: socket.socket) -> None:
    """The life of the process."""
    from publisher.transports.dkim import DkimKey, fields

    frames, keys = _Frames(), list[DkimKey]()
    cohorts: dict[int, tuple[str, Signable, list[Place]]] = {}
    while data := line.recv(1 << 18):
        for frame in frames.feed(data):
            if not keys:
                keys = [DkimKey.of(selector, pem) for selector, pem in frame]
                line.sendall(_frame([]))
                continue
            new, asked = frame
            for number, domain, headers, lead, rest, names in new:
                signable = Signable.whole(_segments(headers), lead, _segments(rest))
                cohorts[number] = domain, signable, [Place(name) for name in names]
                cohorts.pop(number - 2 * REMEMBERED, None)
            made: list[bytes] = []
            for number, values in asked:
                domain, signable, places = cohorts[number]
                made.append(fields(keys, domain, signable.of(dict(zip(places, values, strict=True)))))
            line.sendall(_frame(made))


if __name__ == "__main__":
    import contextlib
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that sends: it finishes its messages
    with contextlib.suppress(OSError), socket.socket(fileno=int(sys.argv[1])) as mine:
        _serve(mine)
