"""The web server in a process of its own, so that no publish and no mailing keeps a reader waiting.

    parent   publishes, plans, delivers; tells the child to stop
    child    serves; wakes the parent when somebody waits for a mail

Forked, because nothing need be loaded twice, and before there is any thread. Neither outlives the other.
"""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from types import FrameType

from publisher.app import App
from publisher.core.errors import OutputError
from publisher.stores.files.locks import release_in_child
from publisher.web.server import Server

log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class ServerProcess:
    """`server` in a child process, forked when this is made. Nothing may hold the store open at that time."""

    def __init__(self, app: App, server: Server) -> None:
        app.store.close()  # two processes must not share a connection; each opens its own
        context = multiprocessing.get_context("fork")
        self._wakes, wakes = context.Pipe(duplex=False)
        self._process = context.Process(target=serve_in_child, args=(app, server, wakes))
        self._stopping = False
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # until the child can handle them
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            wakes.close()
            server.close()

    def attend(self, wake: Callable[[], None]) -> None:
        """Calls `wake` when the child asks for it, until it has ended; in the main thread, which signals then
        wake. Raises OutputError: it ended without being told to.
        """
        with signal_pipe() as signaled:
            while True:
                ready = wait([self._wakes, self._process.sentinel, signaled])
                if signaled in ready:
                    os.read(signaled, 4096)  # the handler has run by now
                if self._wakes in ready:
                    with suppress(EOFError):  # it has ended
                        self._wakes.recv_bytes()
                        wake()
                if self._process.sentinel in ready:
                    break
        self._process.join()
        code = self._process.exitcode or 0
        if not (self._stopping and code in {0, -signal.SIGTERM}):
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise OutputError("web", f"the server ended by itself ({how})", "start it again")

    def stop(self) -> None:
        """Ends `attend` once the requests in flight are finished. For signal handlers too."""
        self._stopping = True
        self._process.terminate()

    def close(self) -> None:
        """Ends a child that still serves at once."""
        self._process.kill()
        self._process.join()
        self._wakes.close()


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


def serve_in_child(app: App, server: Server, wakes: Connection) -> None:
    """The child's whole life."""

    def wake_parent() -> None:
        with suppress(OSError):  # never waits: a full pipe wakes the parent just as well
            wakes.send_bytes(b"")

    def stop(_signal: int, _frame: FrameType | None) -> None:
        server.stop()

    def end_with_parent() -> None:
        """A parent that was killed cannot say so; another `run` may want the port at once."""
        if parent := multiprocessing.parent_process():
            parent.join()
        os._exit(1)

    try:
        release_in_child()
        os.set_blocking(wakes.fileno(), False)
        app.wake = wake_parent
        for number in STOP_SIGNALS:
            signal.signal(number, stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        threading.Thread(target=end_with_parent, daemon=True).start()
        server.serve()
    except BaseException:
        log.exception("web_failed")
        os._exit(1)
    os._exit(0)
