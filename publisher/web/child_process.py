"""The web server in a process of its own, so that no publish and no mailing keeps a reader waiting.

    parent   publishes, plans, delivers; tells the child to stop, and which settings to take up
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
from datetime import datetime
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from publisher.app import App
from publisher.config import Settings
from publisher.core.errors import OutputError, PublisherError
from publisher.stores.files.locks import release_in_child
from publisher.web.server import Server

log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""What ends the child."""

PARENT_SIGNALS = (signal.SIGHUP, signal.SIGUSR1)
"""What the parent alone acts on; a terminal sends SIGHUP to both."""

ALIVE_SECONDS = 3.0
"""The longest wait for the child to say that it lives."""

REPLY_SECONDS = 30.0
"""The longest wait for the child to prepare settings."""


class Prepare(NamedTuple):
    """Asks the child to get ready for settings; it replies with an error's parts, or with none."""

    settings: Settings
    own_templates: Path | None


class TakeUp(NamedTuple):
    """Asks the child to serve what it prepared; it replies with nothing."""


class WhenAnswered(NamedTuple):
    """Asks the child when its event loop was last seen at work; it replies with the time."""


Reply = tuple[str, str, str] | None
"""Where, what and what to do of an error; None if all is well."""


Request = Prepare | TakeUp | WhenAnswered


class ServerProcess:
    """`server` in a child process, forked when this is made. Nothing may hold the store open at that time."""

    def __init__(self, app: App, server: Server) -> None:
        app.store.close()  # two processes must not share a connection; each opens its own
        context = multiprocessing.get_context("fork")
        self._wakes, wakes = context.Pipe(duplex=False)
        requests, self._requests = context.Pipe(duplex=False)
        self._replies, replies = context.Pipe(duplex=False)
        self._process = context.Process(target=serve_in_child, args=(app, server, wakes, requests, replies))
        self._stopping = False
        self._asking = threading.Lock()
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # until the child can handle them
        try:
            self._process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
            wakes.close()
            requests.close()
            replies.close()
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

    def prepare(self, app: App) -> None:
        """As `Server.prepare`, in the child. For one thread at a time. Raises PublisherError."""
        self._ask(Prepare(app.settings, app.own_templates))

    def take_up(self) -> None:
        """As `Server.take_up`, in the child. Raises PublisherError: it does not answer."""
        self._ask(TakeUp())

    def answered_at(self) -> datetime | None:
        """As `Server.answered_at`, in the child; None if it does not reply."""
        try:
            found = self._ask(WhenAnswered(), ALIVE_SECONDS)
        except PublisherError:
            return None
        return found if isinstance(found, datetime) else None

    def _ask(self, request: Request, seconds: float = REPLY_SECONDS) -> Reply | datetime:
        with self._asking:
            return self._ask_alone(request, seconds)

    def _ask_alone(self, request: Request, seconds: float) -> Reply | datetime:
        silent = OutputError("web", "the process that serves does not answer", "restart `publisher run`")
        try:
            while self._replies.poll():
                self._replies.recv()  # the reply to a request that was given up
            self._requests.send(request)
            if not self._replies.poll(seconds):
                raise silent
            reply: Reply | datetime = self._replies.recv()
        except (OSError, EOFError) as error:
            raise silent from error
        if isinstance(reply, tuple):
            raise PublisherError(*reply)
        return reply

    def stop(self) -> None:
        """Ends `attend` once the requests in flight are finished. For signal handlers too."""
        self._stopping = True
        self._process.terminate()

    def kill(self) -> None:
        """Ends the child at once. For signal handlers too."""
        self._process.kill()

    def close(self) -> None:
        """Ends a child that still serves at once."""
        self._process.kill()
        self._process.join()
        self._wakes.close()
        self._requests.close()
        self._replies.close()


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


def serve_in_child(
    app: App, server: Server, wakes: Connection, requests: Connection, replies: Connection
) -> None:
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
        for number in PARENT_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        threading.Thread(target=end_with_parent, daemon=True).start()
        threading.Thread(target=obey_parent, args=(app, server, requests, replies), daemon=True).start()
        server.serve()
    except BaseException:
        log.exception("web_failed")
        os._exit(1)
    os._exit(0)


def obey_parent(app: App, server: Server, requests: Connection, replies: Connection) -> None:
    """Takes up settings when the parent says so, until it has ended."""
    with suppress(OSError, EOFError):
        while True:
            replies.send(reply_to(requests.recv(), app, server))


def reply_to(request: Request, app: App, server: Server) -> Reply | datetime:
    """Carries out a request of the parent."""
    try:
        if isinstance(request, WhenAnswered):
            return server.answered_at()
        if isinstance(request, Prepare):
            server.prepare(app.with_settings(request.settings, request.own_templates))
        else:
            server.take_up()
    except PublisherError as error:
        return error.where, error.what, error.do
    except Exception as error:  # the parent waits for an answer, and the old settings go on serving
        log.exception("settings_not_taken_up")
        return "web", f"{type(error).__name__}: {error}", "see the log"
    return None
