"""Signing the messages of a run: the first ones on the spot, many by a process.

A signature by RSA takes a fifth of a millisecond, and a body must be hashed for each reader: as long again as
all else that is done for a message. So another processor does it meanwhile, for messages whose turn is still
to come. What it made is read when more is asked of it, or when somebody waits.

A process that signs, so that the interpreter which sends is never waited for.

A thread that signs frees the interpreter, but then waits up to 5 ms to have it back while another is busy.

It is asked over a socket pair, in frames: 4 bytes that say how long, big-endian, then a value as `marshal`
writes it. First come its keys; it answers with an empty frame: it is ready. Then come new cohorts and what is
to be signed, and for each of these frames the fields, in order. It ends when the other side is closed.
"""

import asyncio
import marshal
import socket
import struct
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from publisher.core.mail.dkim import Signable
from publisher.core.mail.message import Placeholder, Segment
from publisher.transports.dkim import DkimKey, fields

Asked = tuple[str, Signable, Mapping[Placeholder, bytes]]
"""The domain that signs, a cohort's message in canonical form, and one reader's values."""

REMEMBERED = 64
"""Cohorts that the process knows at once."""

_LENGTH = struct.Struct("!I")


class SigningProcess:
    """Signs by these keys: selector and PEM. Raises OSError where it cannot start. `ready` once it can."""

    def __init__(self, keys: Sequence[tuple[str, bytes]]) -> None:
        self.ready = False
        self._known: dict[tuple[str, int], tuple[int, Signable, list[Placeholder]]] = {}
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
    return [s.value if isinstance(s, Placeholder) else s for s in segments]


def _segments(plain: Sequence[bytes | str]) -> tuple[Segment, ...]:
    return tuple(Placeholder(s) if isinstance(s, str) else s for s in plain)


def _finish(line: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    line.close()
    process.wait()


def _serve(line: socket.socket) -> None:
    """The life of the process."""
    from publisher.transports.dkim import DkimKey, fields

    frames, keys = _Frames(), list[DkimKey]()
    cohorts: dict[int, tuple[str, Signable, list[Placeholder]]] = {}
    while data := line.recv(1 << 18):
        for frame in frames.feed(data):
            if not keys:
                keys = [DkimKey.of(selector, pem) for selector, pem in frame]
                line.sendall(_frame([]))
                continue
            new, asked = frame
            for number, domain, headers, lead, rest, names in new:
                signable = Signable.whole(_segments(headers), lead, _segments(rest))
                cohorts[number] = domain, signable, [Placeholder(name) for name in names]
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


FEW = 100
"""Messages signed on the spot before it is worth a process."""

AT_ONCE = 16
"""Messages that the process is asked for together."""

MOST_ASKED = 64
"""Messages that it has at once: it never runs dry, and its answers fit into the pipe."""


class ProcessSignature:
    """The fields for one message, which a process makes: `ports.Coming`."""

    __slots__ = ("_done", "_signer", "fields", "wanted")

    def __init__(
        self, signer: "DkimSigner", wanted: tuple[str, Signable, Mapping[Placeholder, bytes]]
    ) -> None:
        self._signer, self.wanted = signer, wanted
        self.fields: bytes | None = None
        self._done: asyncio.Future[None] | None = None

    def make(self, made: bytes | None, keys: Sequence[DkimKey]) -> None:
        """They are here; or nobody else makes them: then they are made now."""
        domain, signable, values = self.wanted
        self.fields = fields(keys, domain, signable.of(values)) if made is None else made
        if self._done is not None and not self._done.done():  # done: whoever asked was cancelled
            self._done.set_result(None)

    def __await__(self) -> Generator[object, None, bytes]:
        while self.fields is None:
            self._done = self._done or asyncio.get_running_loop().create_future()
            self._signer.hurry()
            yield from self._done
        return self.fields


class DkimSigner:
    """`ports.Signer`: signs with every key. `domain` is whose keys they are; None: each From domain's."""

    def __init__(self, keys: Sequence[DkimKey], domain: str | None) -> None:
        if not keys:
            raise ValueError("no key")
        self._keys, self._domain = tuple(keys), domain
        self._few = FEW
        self._process: SigningProcess | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: deque[ProcessSignature] = deque()
        self._asked: deque[ProcessSignature] = deque()
        self._reading = False

    def signs(self, domain: str) -> bool:
        """Whether mail from this domain is signed."""
        return self._domain is None or self._domain == domain

    def sign(
        self, domain: str, signable: Signable, values: Mapping[Placeholder, bytes]
    ) -> bytes | ProcessSignature:
        """The DKIM-Signature fields to put before a message, one for each key: at once, or soon."""
        if self._few:
            self._few -= 1
        elif self._is_there():
            coming = ProcessSignature(self, (domain, signable, values))
            self._queue.append(coming)
            if len(self._queue) >= AT_ONCE:
                self._ask()
            return coming
        return fields(self._keys, domain, signable.of(values))

    def hurry(self) -> None:
        """Somebody waits: what was asked for is read as soon as it is there, what was not is asked for."""
        self._ask(all_of_it=True)
        if self._process is not None and self._loop is not None and self._asked and not self._reading:
            self._reading = True
            self._loop.add_reader(self._process.fileno(), self._read)

    def _is_there(self) -> bool:
        """Whether the process signs for this run. It is started by the first who asks, and soon ready."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what another run left unanswered is nobody's any more
            if self._asked or self._queue:
                self._end()
            self._loop, self._reading = loop, False
        if self._process is None:
            try:
                self._process = SigningProcess([(key.selector, key.pem) for key in self._keys])
            except OSError:
                self._few = FEW
                return False
        if self._process.ready:
            return True
        self._read()
        return self._ready

    @property
    def _ready(self) -> bool:
        return self._process is not None and self._process.ready

    def _ask(self, *, all_of_it: bool = False) -> None:
        if self._asked:
            self._read()
        self._give(1 if all_of_it else AT_ONCE)

    def _give(self, enough: int) -> None:
        while self._process and len(self._queue) >= enough and len(self._asked) < MOST_ASKED:
            part = [self._queue.popleft() for _ in range(min(AT_ONCE, len(self._queue)))]
            self._asked.extend(part)
            try:
                self._process.ask([coming.wanted for coming in part])
            except OSError:
                self._alone()

    def _read(self) -> None:
        """What is there. Where somebody waits, the loop calls this."""
        if self._process is None:
            return
        try:
            made = self._process.answers()
        except OSError:
            self._alone()
            return
        for each in made:
            self._asked.popleft().make(each, self._keys)
        if self._reading and self._queue:
            self._give(1)
        if self._reading and not self._asked:
            self._still()

    def _still(self) -> None:
        if self._reading and self._process is not None and self._loop is not None:
            self._loop.remove_reader(self._process.fileno())
        self._reading = False

    def _alone(self) -> None:
        """Without the process, which is gone: what it owes is made here, and another is started later."""
        owed = [*self._asked, *self._queue]
        self._end()
        self._few = FEW
        for coming in owed:
            coming.make(None, self._keys)

    def _end(self) -> None:
        self._asked.clear()
        self._queue.clear()
        if self._loop is not None and not self._loop.is_closed():
            self._still()
        self._reading = False
        process, self._process = self._process, None
        if process is not None:
            process.close()
