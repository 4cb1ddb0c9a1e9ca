"""The web server: one uvicorn in this process, its port bound before anything else begins; and beside it,
in a thread of its own, the one of the admin pages if the site has them.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

import uvicorn

from publisher.app import App
from publisher.core.errors import OutputError
from publisher.ports import Clock
from publisher.web.application import Application, SiteHandlers, asgi
from publisher.web.connections import BoundedProtocol, ConnectionLimits, FastPathProtocol
from publisher.web.documents.documents import REFRESH_SECONDS
from publisher.web.documents.feed_counts import FeedCounts
from publisher.web.rate_limits import TrustedProxies

if TYPE_CHECKING:
    from publisher.web.admin.application import AdminSite

log = logging.getLogger(__name__)

GRACE = 30
"""Seconds that requests in flight may take when the server stops."""

BACKLOG = 2048

PORTS_TRIED = 50
"""How many ports after one in use are tried, to name one that is free."""

MAX_PORT = 65_535

BIND_ERRORS = {
    errno.EADDRINUSE: (
        "the port is in use",
        "stop what listens there, or set web.listen (or --listen) to another port{free}",
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
            self._site, self._prepared = site, cast("SiteHandlers | None", None)
            self._server = UvicornServer(make_config(site), site, app.clock)
            self._admin = AdminListener(app, site.feed_counts) if app.settings.web.admin_token_file else None
        except BaseException:
            self._socket.close()
            raise

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it, without a slash at its end."""
        return local_url(self._host, self.port)

    @property
    def admin_url(self) -> str:
        """Where the admin pages are; "" if there are none."""
        return self._admin.url if self._admin else ""

    @property
    def admin_port(self) -> int:
        """The port of the admin pages; 0 if there are none."""
        return self._admin.port if self._admin else 0

    def serve(self) -> None:
        """Serves until `stop`, then finishes the requests in flight. Touches no signal handler."""
        if self._admin is not None:
            self._admin.start()
        try:
            self._server.run(sockets=[self._socket])
            self._site.refused.report(last=True)
            self._site.store_counts()
        finally:
            self._socket.close()
            if self._admin is not None:
                self._admin.stop()

    def prepare(self, app: App) -> None:
        """Gets ready to serve the same site with other settings, on the address it has. For other threads.
        Raises PublisherError, and then serves what it served.
        """
        site = self._site.prepare(app)
        values = {"site": app.settings.site, "language": "", "status": 404, "title": "", "message": ""}
        app.deps.adapters.renderer.page("error", values)  # the page that must never fail
        if self._admin is not None:
            self._admin.prepare(app)
        self._prepared = site

    def take_up(self) -> None:
        """Serves what was prepared, from the next request on. For other threads."""
        if self._prepared is not None:
            self._site.take_up(self._prepared)
            if self._admin is not None:
                self._admin.take_up()
        self._prepared = None

    def answered_at(self) -> datetime | None:
        """When the event loop was last seen at work; None before it begins."""
        return self._server.ticked_at

    def stop(self) -> None:
        """Ends `serve`, even before it is called. For signal handlers and other threads."""
        self._server.should_exit = True

    def close(self) -> None:
        """Closes the port without serving."""
        self._socket.close()
        if self._admin is not None:
            self._admin.close()


class QuietServer(uvicorn.Server):
    """uvicorn without its signal handlers, because `run` decides what SIGTERM does."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class AdminListener:
    """Serves the admin pages on web.admin_listen, in a thread and an event loop of its own, so that none of
    them keeps a reader waiting. The port is bound once this exists. Raises OutputError, PublisherError.
    """

    def __init__(self, app: App, feed_counts: FeedCounts) -> None:
        from publisher.web.admin.application import AdminApplication

        host, port = app.settings.web.admin_listen
        written = f"[{host}]" if ":" in host else host
        self._socket = bind(f"{written}:{port}", host, port, "web.admin_listen")
        self.port: int = self._socket.getsockname()[1]
        self.url = app.settings.web.admin_url or f"{local_url(written, self.port)}/"
        try:
            self._pages = AdminApplication(app, feed_counts)
        except BaseException:
            self._socket.close()
            raise
        self._prepared: AdminSite | None = None
        limits = ConnectionLimits(TrustedProxies(app.settings.web.trusted_proxies), lambda _: None)
        config = uvicorn_config(self._pages, partial(BoundedProtocol, limits=limits))
        self._server = QuietServer(config)
        self._thread = Thread(target=self._serve, name="admin", daemon=True)

    def start(self) -> None:
        """Begins to serve."""
        self._thread.start()

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except Exception:  # readers are served all the same
            log.exception("admin_failed")
        finally:
            self._socket.close()

    def prepare(self, app: App) -> None:
        """Gets ready to serve by other settings. Raises PublisherError."""
        self._prepared = self._pages.prepare(app)

    def take_up(self) -> None:
        """Serves by what was prepared."""
        if self._prepared is not None:
            self._pages.take_up(self._prepared)
        self._prepared = None

    def stop(self) -> None:
        """Ends serving once the requests in flight are finished."""
        self._server.should_exit = True
        self._thread.join()

    def close(self) -> None:
        """Closes the port without serving."""
        self._socket.close()


class UvicornServer(QuietServer):
    """Once a second it refreshes the state of the site and reports refused requests."""

    def __init__(self, config: uvicorn.Config, site: Application, clock: Clock) -> None:
        super().__init__(config)
        self.ticked_at: datetime | None = None
        self._clock = clock
        self._refreshes = (site.refresh, site.refused.report)
        self._refreshing: asyncio.Future[None] | None = None

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn every tenth of a second."""
        if counter % round(REFRESH_SECONDS * 10) == 0:
            self.ticked_at = self._clock()
        if counter % round(REFRESH_SECONDS * 10) == 0 and (
            self._refreshing is None or self._refreshing.done()
        ):
            self._refreshing = asyncio.get_running_loop().run_in_executor(None, self._refresh)
        return await super().on_tick(counter)

    def _refresh(self) -> None:
        for refresh in self._refreshes:
            refresh()


def make_config(site: Application) -> uvicorn.Config:
    """uvicorn's configuration for the documents and pages of readers."""
    protocol = partial(
        FastPathProtocol, from_memory=site.from_memory, known={}, limits=site.connection_limits
    )
    return uvicorn_config(site, protocol)


def uvicorn_config(application: Any, protocol: object) -> uvicorn.Config:
    """uvicorn's configuration for an ASGI application."""
    logging.getLogger("uvicorn.access").disabled = True  # it would log tokens, however logging is set up
    return uvicorn.Config(
        application,
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


def local_url(host: str, port: int) -> str:
    """Where a browser on this machine finds what listens on a host, without a slash at its end."""
    shown = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "": "127.0.0.1"}.get(host, host)  # noqa: S104  # shown, not bound
    return f"http://{shown}:{port}"


def bind(listen: str, host: str, port: int, setting: str = "web.listen") -> socket.socket:
    """A listening socket. Raises OutputError, which names the next free port if this one is in use."""
    try:
        return open_socket(host, port)
    except OSError as error:
        what, do = BIND_ERRORS.get(
            error.errno or 0, (error.strerror or str(error), "set {setting} to another address")
        )
        free = next_free_port(host, port) if error.errno == errno.EADDRINUSE else None
        name = "web.listen (or --listen)" if setting == "web.listen" else setting
        do = do.format(setting=name, free=f", e.g. {free}, which is free" if free else "")
        raise OutputError(f"{setting} {listen}", what, do) from error


def open_socket(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError."""
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
    return bound


def next_free_port(host: str, port: int) -> int | None:
    """The first port after `port` that is free now, of the next few; None if none of them is."""
    for other in range(port + 1, min(port + PORTS_TRIED, MAX_PORT) + 1):
        with suppress(OSError):
            open_socket(host, other).close()
            return other
    return None
