"""A process that signs, so that the interpreter which sends never waits for a signature.

A thread that signs releases the interpreter, but then waits up to 5 ms to have it back while another is busy.

The process is asked over a socket pair, in frames: 4 bytes that say how long, big-endian, then a value as
`marshal` writes it. First come its keys; it answers with an empty frame: it is ready. Then come new cohorts
and what is to be signed, and for each of these frames the fields, in order. It ends when the other side
closes.
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

from publisher.core.mail.dkim import CanonicalMessage
from publisher.core.mail.message import Placeholder, Segment

SignatureRequest = tuple[str, CanonicalMessage, Mapping[Placeholder, bytes]]
"""The domain that signs, a cohort's message in canonical form, and one reader's values."""

REMEMBERED = 64
"""Cohorts that the process knows at once."""

_LENGTH = struct.Struct("!I")


class SigningProcess:
    """A child process that signs with these keys (selector, PEM). `ready` once it has answered. Raises
    OSError where it cannot start.
    """

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        self.ready = False
        self._known: dict[tuple[str, int], tuple[int, CanonicalMessage, list[Placeholder]]] = {}
        self._number = 0
        self._socket, theirs = socket.socketpair()
        self._frames = FrameReader()
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            root = str(Path(__file__).parent.parent.parent)
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=root)  # noqa: S603  # ours
        self._end = weakref.finalize(self, _close_and_wait, self._socket, self._process)
        self._socket.sendall(_frame(list(keys)))

    def fileno(self) -> int:
        """Readable when an answer has come, or when the process is gone."""
        return self._socket.fileno()

    def ask(self, batch: Sequence[SignatureRequest]) -> None:
        """Asks for signatures. Raises OSError: the process is gone."""
        new: list[Any] = []
        to_sign: list[tuple[int, list[bytes]]] = []
        for domain, signable, values in batch:
            known = self._known.get((domain, id(signable)))  # it is kept: no other has its id meanwhile
            if known is None:
                known = self._introduce(domain, signable, new)
            to_sign.append((known[0], [values[place] for place in known[2]]))
        self._socket.sendall(_frame((new, to_sign)))

    def answers(self) -> list[bytes]:
        """The signatures made since the last call, in the order asked for; never waits. Raises OSError: the
        process is gone.
        """
        try:
            data = self._socket.recv(1 << 18, socket.MSG_DONTWAIT)
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

    def _introduce(
        self, domain: str, signable: CanonicalMessage, new: list[Any]
    ) -> tuple[int, CanonicalMessage, list[Placeholder]]:
        """Gives a cohort a number; `new` gets what the process must know of it."""
        self._number += 1
        known = self._number, signable, signable.places
        if len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[domain, id(signable)] = known
        headers, rest = (
            [s.value if isinstance(s, Placeholder) else s for s in segments]
            for segments in (signable.headers, signable.rest)
        )
        new.append((known[0], domain, headers, signable.lead, rest, [place.value for place in known[2]]))
        return known


class FrameReader:
    """Decodes frames from bytes as they come."""

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> Iterator[Any]:
        """The values that `data` completes."""
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


def _segments(plain: Sequence[bytes | str]) -> tuple[Segment, ...]:
    return tuple(Placeholder(s) if isinstance(s, str) else s for s in plain)


def _close_and_wait(connection: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    connection.close()
    process.wait()


def serve(connection: socket.socket) -> None:
    """The life of the process: signs what it is asked to, until the other side closes."""
    from publisher.transports.dkim import DkimKey, signature_fields

    frames, keys = FrameReader(), list[DkimKey]()
    cohorts: dict[int, tuple[str, CanonicalMessage, list[Placeholder]]] = {}
    while data := connection.recv(1 << 18):
        for frame in frames.feed(data):
            if not keys:
                keys = [DkimKey.of(selector, pem) for selector, pem in frame]
                connection.sendall(_frame([]))
                continue
            new, to_sign = frame
            for number, domain, headers, lead, rest, names in new:
                signable = CanonicalMessage.from_parts(_segments(headers), lead, _segments(rest))
                cohorts[number] = domain, signable, [Placeholder(name) for name in names]
                cohorts.pop(number - 2 * REMEMBERED, None)
            made: list[bytes] = []
            for number, values in to_sign:
                domain, signable, places = cohorts[number]
                made.append(
                    signature_fields(
                        keys, domain, signable.signing_input(dict(zip(places, values, strict=True)))
                    )
                )
            connection.sendall(_frame(made))


if __name__ == "__main__":
    import contextlib
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that sends: it finishes its messages
    with contextlib.suppress(OSError), socket.socket(fileno=int(sys.argv[1])) as mine:
        serve(mine)
