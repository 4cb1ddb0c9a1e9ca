"""The web server: one uvicorn, its port bound before anything else begins. `Server` serves in this process,
`ServerProcess` in one of its own, so that no publish and no mailing keeps a reader waiting.

    parent   publishes, plans, delivers; tells the child to stop
    child    serves; wakes the parent when somebody waits for a mail

Forked, because nothing need be loaded twice, and before there is any thread. Neither outlives the other.
"""

import asyncio
import errno
import logging
import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, cast

import uvicorn

from publisher.app import App
from publisher.core.errors import OutputError
from publisher.stores.files.locks import release_in_child
from publisher.web.application import Application, asgi
from publisher.web.connections import FastPathProtocol
from publisher.web.documents.documents import REFRESH_SECONDS

log = logging.getLogger(__name__)

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

GRACE = 30
"""Seconds that requests in flight may take when the server stops."""

BACKLOG = 2048

BIND_ERRORS = {
    errno.EADDRINUSE: (
        "the port is in use",
        "stop what listens there, or set web.listen (or --listen) to another port",
    ),
    errno.EACCES: (
        "the port may not be opened by this user",
        "choose one of 1024 or above, and put a proxy before it",
    ),
    errno.EADDRNOTAVAIL: ("this machine has no such address", "listen on 127.0.0.1 or 0.0.0.0"),
}


class Server:
    """Serves one site on `listen` ("127.0.0.1:8000", "[::1]:8000"; port 0: any free one).

    The port is bound once this exists, and connections wait until `serve`. Raises OutputError if it cannot be
    bound, and what opening the site raises.
    """

    def __init__(self, app: App, listen: str) -> None:
        self._host, _, port = listen.rpartition(":")
        self._socket = bind(listen, self._host.strip("[]"), int(port))
        self.port: int = self._socket.getsockname()[1]
        try:
            site = asgi(app)
            self._site = site
            self._server = UvicornServer(make_config(site), site)
        except BaseException:
            self._socket.close()
            raise

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it, without a slash at its end."""
        host = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}.get(self._host, self._host)  # noqa: S104  # shown, not bound
        return f"http://{host}:{self.port}"

    def serve(self) -> None:
        """Serves until `stop`, then finishes the requests in flight. Touches no signal handler."""
        try:
            self._server.run(sockets=[self._socket])
            self._site.refused.report(last=True)
        finally:
            self._socket.close()

    def stop(self) -> None:
        """Ends `serve`, even before it is called. For signal handlers and other threads."""
        self._server.should_exit = True

    def close(self) -> None:
        """Closes the port without serving."""
        self._socket.close()


class UvicornServer(uvicorn.Server):
    """uvicorn without its signal handlers, because `run` decides what SIGTERM does. Once a second it
    refreshes the state of the site and reports refused requests.
    """

    def __init__(self, config: uvicorn.Config, site: Application) -> None:
        super().__init__(config)
        self._refreshes = (site.site_state.refresh, site.refused.report)
        self._refreshing: asyncio.Future[None] | None = None

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn every tenth of a second."""
        if counter % round(REFRESH_SECONDS * 10) == 0 and (
            self._refreshing is None or self._refreshing.done()
        ):
            self._refreshing = asyncio.get_running_loop().run_in_executor(None, self._refresh)
        return await super().on_tick(counter)

    def _refresh(self) -> None:
        for refresh in self._refreshes:
            refresh()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def make_config(site: Application) -> uvicorn.Config:
    """uvicorn's configuration."""
    logging.getLogger("uvicorn.access").disabled = True  # it would log tokens, however logging is set up
    protocol = partial(
        FastPathProtocol, from_memory=site.from_memory, known={}, limits=site.connection_limits
    )
    return uvicorn.Config(
        site,
        http=cast("Any", protocol),
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE,
    )


def bind(listen: str, host: str, port: int) -> socket.socket:
    """A listening socket. Raises OutputError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen(BACKLOG)
        except BaseException:
            bound.close()
            raise
    except OSError as error:
        what, do = BIND_ERRORS.get(
            error.errno or 0, (error.strerror or str(error), "set web.listen to another address")
        )
        raise OutputError(f"web.listen {listen}", what, do) from error
    return bound


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
