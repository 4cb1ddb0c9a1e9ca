"""A process that signs by RSA, so that the interpreter which sends is never waited for.

A thread that signs frees the interpreter, but then waits up to 5 ms to have it back while another is busy.

It is asked over a socket pair. First its keys in PEM, then batches: how many, and for each the number of its
key and the SHA-256 to be signed. It answers with the signatures one after the other, each as long as its key.
Numbers are 4 bytes, big-endian. It ends when the other side is closed.
"""

import socket
import struct
import subprocess
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path

Asked = tuple[int, bytes]
"""The number of a key, and the SHA-256 that it signs."""

_NUMBER = struct.Struct("!I")
_ASKED = struct.Struct("!I32s")
DIGEST = 32


class SigningProcess:
    """Signs by these keys: PEM, and how many bytes a signature has. Raises OSError where it cannot start."""

    def __init__(self, keys: Sequence[tuple[bytes, int]]) -> None:
        self._lengths = [length for _, length in keys]
        self._line, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", __name__, str(theirs.fileno())]
            root = str(Path(__file__).parent.parent.parent)
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=root)  # noqa: S603  # ours
        self._end = weakref.finalize(self, _finish, self._line, self._process)
        self._line.sendall(_NUMBER.pack(len(keys)) + b"".join(_NUMBER.pack(len(p)) + p for p, _ in keys))

    def fileno(self) -> int:
        """Readable when an answer is there, or when there will be none."""
        return self._line.fileno()

    def ask(self, batch: Sequence[Asked]) -> None:
        """Asks for signatures; `answer` is called before the next batch. Raises OSError: it is gone."""
        self._line.sendall(_NUMBER.pack(len(batch)) + b"".join(_ASKED.pack(*asked) for asked in batch))

    def answer(self, batch: Sequence[Asked]) -> list[bytes]:
        """The signatures of that batch, in order. Raises OSError: it is gone."""
        return [_read(self._line, self._lengths[number]) for number, _ in batch]

    def close(self) -> None:
        """Ends the process."""
        self._end()


def _finish(line: socket.socket, process: "subprocess.Popen[bytes]") -> None:
    line.close()
    process.wait()


def _read(line: socket.socket, length: int) -> bytes:
    """Exactly so many bytes. Raises OSError when the other side is closed."""
    found = b""
    while len(found) < length:
        more = line.recv(length - len(found))
        if not more:
            raise ConnectionResetError("closed")
        found += more
    return found


def _number(line: socket.socket) -> int:
    return int(_NUMBER.unpack(_read(line, 4))[0])


def _serve(line: socket.socket) -> None:
    """The life of the process."""
    from publisher.transports.dkim import signing_by

    sign = [signing_by(_read(line, _number(line))) for _ in range(_number(line))]
    while True:
        made: list[bytes] = []
        for _ in range(_number(line)):
            which = _number(line)
            made.append(sign[which](_read(line, DIGEST)))
        line.sendall(b"".join(made))


if __name__ == "__main__":
    import contextlib
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that sends: it finishes its messages
    with contextlib.suppress(OSError), socket.socket(fileno=int(sys.argv[1])) as mine:
        _serve(mine)
