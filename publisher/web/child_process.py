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

_STOPS = (signal.SIGTERM, signal.SIGINT)


class ServerProcess:
    """`server` in a child process, forked when this is made. Nothing may hold the store open then."""

    def __init__(self, app: App, server: Server) -> None:
        app.store.close()  # a connection must not be used by two processes; each opens its own
        ears, self._alive = os.pipe()
        self._ears, mouth = os.pipe()
        sys.stderr.flush()
        self._stopping = False
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)  # until the child can hear them
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self._alive)
            os.close(self._ears)
            _child(app, server, ears, mouth)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        os.close(ears)
        os.close(mouth)
        server.close()

    def attend(self, wake: Callable[[], None]) -> None:
        """Calls `wake` when the child asks for it, until it has ended; in the main thread, which signals then
        wake. Raises OutputError: untold.
        """
        with _woken_by_signals() as woken:
            while (said := self._heard(woken)) != b"":
                if _WAKE in said:
                    wake()
        _, status = os.waitpid(self._pid, 0)
        if not (self._stopping and os.waitstatus_to_exitcode(status) in {0, -signal.SIGTERM}):
            raise OutputError("web", f"the server ended by itself ({_how(status)})", "start it again")

    def _heard(self, woken: int) -> bytes:
        """What the child said; nothing once it has ended."""
        while self._ears not in (ready := select.select([self._ears, woken], [], [])[0]):
            if woken in ready:
                os.read(woken, 4096)  # the handler has run by now
        return os.read(self._ears, 4096)

    def stop(self) -> None:
        """Ends `attend` once the requests in flight are finished. For signal handlers too."""
        self._stopping = True
        with suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)

    def close(self) -> None:
        """Lets go of the child; one that still serves ends at once."""
        os.close(self._alive)
        os.close(self._ears)


@contextmanager
def _woken_by_signals() -> Generator[int, None, None]:
    """What can be read from once a signal came. One that comes just before a system call interrupts none, and
    its handler would have to wait for the call to end by itself: while another thread takes its time to take
    over the interpreter, that is not even rare.
    """
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    before = signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    try:
        yield woken
    finally:
        signal.set_wakeup_fd(before)
        os.close(waking)
        os.close(woken)


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _child(app: App, server: Server, ears: int, mouth: int) -> None:
    """The child's whole life; it never returns."""
    code = 1
    try:
        release_in_child()
        app.wake = lambda: _wake(mouth)

        def stop(_signal: int, _frame: FrameType | None) -> None:
            server.stop()

        for number in _STOPS:
            signal.signal(number, stop)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPS)
        threading.Thread(target=_watch, args=(ears,), daemon=True).start()
        server.serve()
        code = 0
    except BaseException:
        log.exception("web_failed")
    finally:
        os._exit(code)


def _wake(mouth: int) -> None:
    """Never waits: what a full pipe would not take has been said often enough."""
    os.set_blocking(mouth, False)
    with suppress(OSError):
        os.write(mouth, _WAKE)


def _watch(ears: int) -> None:
    """A parent that was killed cannot say so; another `run` may want the port at once."""
    os.read(ears, 1)
    os._exit(1)
