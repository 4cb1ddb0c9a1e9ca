"""The web server in a process of its own, so that no publish and no mailing keeps a reader waiting.

    parent   publishes, plans, delivers; tells the child to stop
    child    serves; wakes the parent when somebody waits for a mail

Two pipes tie them together: whoever dies lets go of its ends, and the other knows. Forked, because nothing
need be loaded twice, and before there is any thread.
"""

import logging
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import FrameType

from publisher.app import App
from publisher.core.errors import OutputError
from publisher.stores.files.locks import release_in_child
from publisher.web.server import Server

log = logging.getLogger(__name__)

_WAKE = b"w"

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class ServerProcess:
    """`server` in a child process, forked when this is made. Nothing may hold the store open at that time."""

    def __init__(self, app: App, server: Server) -> None:
        app.store.close()  # a connection must not be used by two processes; each opens its own
        parent_alive, self._alive = os.pipe()
        self._from_child, to_parent = os.pipe()
        sys.stderr.flush()
        self._stopping = False
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # until the child can handle them
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._alive)
            os.close(self._from_child)
            run_child(app, server, parent_alive, to_parent)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        os.close(parent_alive)
        os.close(to_parent)
        server.close()

    def attend(self, wake: Callable[[], None]) -> None:
        """Calls `wake` when the child asks for it, until it has ended; in the main thread, which signals then
        wake. Raises OutputError: it ended without being told to.
        """
        with signal_pipe() as signaled:
            while True:
                ready = select.select([self._from_child, signaled], [], [])[0]
                if self._from_child not in ready:
                    os.read(signaled, 4096)  # the handler has run by now
                    continue
                message = os.read(self._from_child, 4096)
                if not message:
                    break
                if _WAKE in message:
                    wake()
        _, status = os.waitpid(self._pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if not (self._stopping and code in {0, -signal.SIGTERM}):
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise OutputError("web", f"the server ended by itself ({how})", "start it again")

    def stop(self) -> None:
        """Ends `attend` once the requests in flight are finished. For signal handlers too."""
        self._stopping = True
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)

    def close(self) -> None:
        """Closes the pipes to the child; one that still serves ends at once."""
        os.close(self._alive)
        os.close(self._from_child)


@contextmanager
def signal_pipe() -> Generator[int, None, None]:
    """A pipe that is readable once a signal came. A signal that comes just before a system call does not
    interrupt it, and its handler would have to wait for the call to end by itself: while another thread takes
    its time to take over the interpreter, that is not even rare.
    """
    readable, writable = os.pipe()
    os.set_blocking(writable, False)
    before = signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
    try:
        yield readable
    finally:
        signal.set_wakeup_fd(before)
        os.close(writable)
        os.close(readable)


def run_child(app: App, server: Server, parent_alive: int, to_parent: int) -> None:
    """The child's whole life; it never returns."""

    def wake_parent() -> None:
        with suppress(OSError):  # never waits: what a full pipe would not take has been said often enough
            os.write(to_parent, _WAKE)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.stop()

    def end_with_parent() -> None:
        """A parent that was killed cannot say so; another `run` may want the port at once."""
        os.read(parent_alive, 1)
        os._exit(1)

    code = 1
    try:
        release_in_child()
        os.set_blocking(to_parent, False)
        app.wake = wake_parent
        for number in STOP_SIGNALS:
            signal.signal(number, stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        threading.Thread(target=end_with_parent, daemon=True).start()
        server.serve()
        code = 0
    except BaseException:
        log.exception("web_failed")
    finally:
        os._exit(code)
