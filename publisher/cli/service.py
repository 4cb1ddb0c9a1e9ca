"""The service behind `publisher run`: its processes and threads, signals, log, and messages to systemd
(sd_notify(3)).
"""

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from publisher.app import REST, SCHEDULE, App
from publisher.app.backup import check_identity, must_not_be_lost
from publisher.app.reload import (
    FileContents,
    SettingsReloader,
    SettingsSet,
    check_site,
    last_good_settings,
    read_settings,
    remove_copies,
)
from publisher.app.service import ServiceRegister
from publisher.cli.common import say, show_log, warn_of_readable
from publisher.cli.help import STYLE
from publisher.core.errors import PublisherError, Refused, SettingsError, TemplateError
from publisher.core.site import HEARTBEAT, SILENT

if TYPE_CHECKING:
    from publisher.file_watcher import Watcher
    from publisher.ticker import Ticker
    from publisher.web.child_process import ServerProcess


READY, STOPPING, WATCHDOG = "READY=1", "STOPPING=1", "WATCHDOG=1"


def reloading() -> str:
    """That settings are being taken up; `READY` ends it. The time is that of systemd's clock, in µs."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


def notify(message: str, environ: Mapping[str, str] = os.environ) -> None:
    """Sends a message to the socket that NOTIFY_SOCKET names, if any. Never fails: nobody depends on it."""
    address = environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"}:
        return
    with (
        suppress(OSError),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line,
    ):
        line.sendto(message.encode(), address.replace("@", "\0", 1) if address[0] == "@" else address)


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> timedelta | None:
    """How long systemd waits for `WATCHDOG` before it restarts this process; None if it does not watch it."""
    length, pid = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not length.isdecimal() or (pid and pid != str(os.getpid())):
        return None
    return timedelta(microseconds=int(length))


def serve(
    folder: Path,
    environ: Mapping[str, str],
    listen: str | None,
    *,
    web_only: bool = False,
    take_over: bool = False,
    last_good: bool = False,
) -> None:
    """Serves a site until SIGTERM or Ctrl-C, and takes up its settings when they change. Raises OutputError
    when the port is in use, Refused when another `publisher run` works on this site, and with exit code 2
    what is wrong with the settings.
    """
    ignore_signals()
    show_log(every_detail=STYLE.verbose > 1)
    bad: PublisherError | None = None
    try:
        app, settings = open_checked(folder, environ)
    except (SettingsError, TemplateError) as error:
        bad, error.exit_code = error, 2
        if not last_good:
            raise
        try:
            app, settings = open_last_good(folder, environ)
        except PublisherError as why:
            say(f"--last-good does not help: {why}")
            raise error from None
        say(f"{error}; continuing with the last valid settings")
    with app.lock("run", wait=False):
        register = ServiceRegister(app, web_only=web_only)
        try:
            check_identity(app)
            app.creates = False  # from now on what is missing was moved away
            register.enter(settings.comparable, take_over=take_over)
            service = Service(app, settings, environ, listen, register, last_good=bad is not None)
            service.serve(web_only=web_only)
        finally:
            with suppress(PublisherError):
                register.leave()
            app.close()
    say("stopped")


def open_last_good(folder: Path, environ: Mapping[str, str]) -> tuple[App, SettingsSet]:
    """As `open_checked`, by the last settings that were found good. Raises PublisherError: there are none, or
    they are no longer good. Keys and passwords in files of their own are not kept with them: a second copy
    would be one more to lose, and would bring back what somebody deleted on purpose.
    """
    settings = last_good_settings(folder, environ, FileContents())
    if settings is None:
        raise Refused(str(folder), "no settings are kept that this version found good")
    app = App(settings.settings, say=say, rest=REST, own_templates=settings.own_templates)
    must_not_be_lost(app)
    try:
        check_site(app, starting=True)
    except SettingsError as error:
        what = "the last good settings need it too, and no copy of keys and passwords is kept"
        raise SettingsError(error.where, what, "put the file back") from error
    return app, settings


def open_checked(folder: Path, environ: Mapping[str, str]) -> tuple[App, SettingsSet]:
    """A site to run, and the settings that it goes by. Raises SettingsError, TemplateError."""
    files = FileContents()
    settings = read_settings(folder, environ, files)
    app = App(settings.settings, say=say, rest=REST, own_templates=settings.own_templates)
    must_not_be_lost(app)
    with suppress(PublisherError):
        _ = app.ring  # made now where there is none: later it would look like a change
    settings = read_settings(folder, environ, files)
    check_site(app, starting=True)
    remove_copies(app.settings.folder, keep={settings.own_templates})
    return app, settings


log = logging.getLogger(__name__)

SAME_SIGNAL_SECONDS = 0.3
"""A signal this soon after the first is the same: timeout(1) sends it to the process, and to its group."""


class Service:
    """One `publisher run`: the parts that serve, publish, send and reload settings."""

    def __init__(
        self,
        app: App,
        settings: SettingsSet,
        environ: Mapping[str, str],
        listen: str | None,
        register: ServiceRegister,
        *,
        last_good: bool = False,
    ) -> None:
        from publisher.web.server import Server

        web = app.settings.web
        host = f"[{web.host}]" if ":" in web.host else web.host
        self._app, self._settings, self._environ = app, settings, environ
        self._server = Server(app, listen or f"{host}:{web.port}")
        self._where = f"serving {app.settings.folder} on {self._server.url} - Ctrl-C stops"
        self._ticker: Ticker | None = None
        self._watcher: Watcher | None = None
        self._web: ServerProcess | Server = self._server
        self._register = register
        self._error: PublisherError | None = None
        self._reloader = SettingsReloader(
            app,
            settings,
            environ,
            register,
            prepare=lambda changed: self._web.prepare(changed),
            take_up=self._take_up,
            began=lambda: notify(reloading()),
            ended=lambda: notify(READY),
            last_good=last_good,
            replaced=self._end_with,
        )
        self._ended = threading.Event()
        self._heart = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def serve(self, *, web_only: bool) -> None:
        """Works until it is told to stop. Raises Refused: another service took the site over."""
        if web_only:
            call_on_signals(self._server.stop, self._reloader.ask)
            self._begin()
            try:
                self._server.serve()
            finally:
                self._end()
        else:
            self._publish_and_send()
        if self._error is not None:
            raise self._error

    def _begin(self) -> None:
        self._reloader.start()
        self._heart.start()
        self._announce()

    def _end(self) -> None:
        notify(STOPPING)
        self._ended.set()
        self._reloader.stop()
        if self._heart.is_alive():
            self._heart.join()

    def _end_with(self, error: PublisherError) -> None:
        """Stops everything because of `error`."""
        self._error = self._error or error
        self._web.stop()

    def _beat(self) -> None:
        """Says that the service lives, and what it did when, until it ends; to systemd as long as the web
        server answers.
        """
        watchdog = watchdog_interval()
        every = min(HEARTBEAT, watchdog / 3) if watchdog else HEARTBEAT
        failed = ""
        while True:
            worked = self._worked()
            served = worked["served_at"]
            if served is None or self._app.clock() - served < SILENT:
                notify(WATCHDOG)
            try:
                self._register.beat(worked)
                if failed:
                    log.info("over", extra={"fault": "heartbeat_failed", "reason": failed})
                failed = ""
            except Refused as error:
                self._end_with(error)
            except PublisherError as error:
                if str(error) != failed:
                    log.error("heartbeat_failed", extra={"reason": str(error)})
                failed = str(error)
            if self._ended.wait(every.total_seconds()):
                return

    def _worked(self) -> dict[str, datetime | None]:
        """When each part last did its work."""
        worked: dict[str, datetime | None] = {"served_at": self._web.answered_at()}
        if self._ticker is not None:
            worked |= {
                "published_at": self._ticker.worked_at.get("schedule"),
                "delivered_at": self._ticker.worked_at.get("mail"),
            }
        return worked

    def _announce(self) -> None:
        say(self._where)
        if self._server.admin_url:
            say(f"admin pages on {self._server.admin_url}admin")
        notify(READY)
        warn_of_readable(self._app)

    def _publish_and_send(self) -> None:
        """Serves in a process of its own, while this one publishes and sends."""
        from publisher.ticker import Ticker
        from publisher.web.child_process import ServerProcess

        self._web = process = ServerProcess(self._app, self._server)
        call_on_signals(process.stop, self._reloader.ask, process.kill)
        self._ticker = ticker = Ticker(self._app)
        with self._app.lock(SCHEDULE):
            try:
                self._app.wake = ticker.wake
                ticker.start()
                self._watch()
                self._begin()
                process.attend(ticker.wake)
            finally:
                self._end()
                process.close()
                self._watch(stop=True)
                ticker.stop()

    def _take_up(self, app: App) -> None:
        """Goes on with `app`, the same site by other settings, between two pieces of work."""
        before, self._app = self._app, app
        if self._ticker is None:
            self._web.take_up()
            return
        with self._ticker.paused():
            self._web.take_up()
            self._ticker.take_up(app)
        if watched(before) != watched(app):
            self._watch(stop=True)
            self._watch()

    def _watch(self, *, stop: bool = False) -> None:
        """Begins to watch for posts, if settings say so, or stops."""
        if stop:
            if self._watcher is not None:
                self._watcher.stop()
            self._watcher = None
        elif self._ticker is not None:
            self._ticker.set_unwatched()
            if self._app.settings.schedule.watch:
                self._watcher = make_watcher(self._app, self._ticker)
                self._watcher.start()


def ignore_signals() -> None:
    """Lets SIGHUP and SIGUSR1 end nothing until `call_on_signals`."""
    for number in (signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)


def call_on_signals(
    stop: Callable[[], None], reload: Callable[[], None], kill: Callable[[], None] = lambda: None
) -> None:
    """Makes SIGTERM and Ctrl-C call `stop`, the second one end this process at once, after `kill`. SIGHUP
    calls `reload`, unless the terminal is gone; SIGUSR1 does nothing.
    """
    told_at: float | None = None
    on_terminal = sys.stdin is not None and sys.stdin.isatty()

    def end(number: int, _frame: FrameType | None) -> None:
        nonlocal told_at
        now = time.monotonic()
        if told_at is None:
            told_at = now
            stop()
        elif now - told_at > SAME_SIGNAL_SECONDS:
            kill()
            os._exit(128 + number)

    def hang_up(number: int, frame: FrameType | None) -> None:
        if on_terminal:
            try:
                os.tcgetpgrp(0)
            except OSError:  # the terminal was closed
                end(number, frame)
                return
        reload()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    signal.signal(signal.SIGHUP, hang_up)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def watched(app: App) -> tuple[object, ...]:
    """What a watcher depends on."""
    return app.settings.schedule.watch, app.settings.posts.dir, app.settings.static


def make_watcher(app: App, ticker: "Ticker") -> "Watcher":
    """Publishes posts when they change."""
    from publisher.file_watcher import Watcher
    from publisher.stores import file_of

    store = file_of(app.settings.store.url)
    ends = () if store is None else ("", "-journal", "-shm", "-wal")
    ours = (Path(f"{store}{end}") for end in ends)
    return Watcher(
        dict.fromkeys(filter(None, (app.settings.static, app.settings.posts.dir)), ticker.files_changed),
        quiet=app.rest / 2,
        skip=(app.state, app.public, app.outbox, *ours),
        problem=ticker.set_watch_problem,
    )
