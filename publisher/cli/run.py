"""run: publishes and sends in this process, and serves the site in a process of its own.
deliver: sends everything that is due, then exits.
"""

import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from publisher.app import REST, SCHEDULE, App
from publisher.cli import printable
from publisher.cli.common import SiteOptions, count, listening, say, show_json, site_options, warn_of_readable
from publisher.cli.progress import delivery_progress
from publisher.core.delivery.holds import describe_hold
from publisher.core.times import local_time

if TYPE_CHECKING:
    from publisher.file_watcher import Watcher
    from publisher.scheduler import Ticker
    from publisher.web.server import Server
log = logging.getLogger(__name__)
RESTART = "restart to use them"

MAX_HELD_SHOWN = 3
"""Mailings that are held, of which a person is told when nothing is due."""


@click.command()
@site_options()
@click.option("--web-only", is_flag=True, help="Only serve; neither publish nor deliver.")
@click.option(
    "--listen",
    callback=listening,
    metavar="[IP:]PORT",
    help="Listen here instead of at web.listen; a port alone means 127.0.0.1.",
)
def run(site: SiteOptions, web_only: bool, listen: str | None) -> None:
    """Publish, send and serve the site until stopped. SIGTERM first finishes what is in flight."""
    app = site.open(rest=REST)
    web = app.settings.web
    host = f"[{web.host}]" if ":" in web.host else web.host
    serve(app, listen or f"{host}:{web.port}", web_only=web_only)


def serve(app: App, listen: str, *, web_only: bool = False) -> None:
    """Serves until SIGTERM or Ctrl-C. Raises OutputError when the port is in use, Refused when another
    `publisher run` works on this site.
    """
    from publisher.web.server import Server

    log_to_stderr()
    with app.lock("run", wait=False):
        server = Server(app, listen)
        where = f"serving {app.settings.folder} on {server.url} - Ctrl-C stops"
        app.store.head()  # a store that does not open stops us here, before anything is served
        try:
            if web_only:
                call_on_signals(server.stop)
                say(where)
                warn_of_readable(app)
                server.serve()
            else:
                serve_publish_and_send(app, server, where)
        finally:
            app.close()
        say("stopped")


def serve_publish_and_send(app: App, server: "Server", where: str) -> None:
    """Serves in a process of its own, while this one publishes and sends."""
    from publisher.scheduler import Ticker
    from publisher.web.server import ServerProcess

    process = ServerProcess(app, server)
    call_on_signals(process.stop)
    ticker = Ticker(app)
    watcher = make_watcher(app, ticker) if app.settings.schedule.watch else None
    with app.lock(SCHEDULE):
        try:
            app.wake = ticker.wake
            ticker.start()
            if watcher is not None:
                watcher.start()
            say(where)
            warn_of_readable(app)
            process.attend(ticker.wake)
        finally:
            process.close()
            if watcher is not None:
                watcher.stop()
            ticker.stop()


def call_on_signals(stop: Callable[[], None]) -> None:
    """Makes SIGTERM and Ctrl-C call `stop`."""

    def handle(_signal: int, _frame: FrameType | None) -> None:
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def make_watcher(app: App, ticker: "Ticker") -> "Watcher":
    """Publishes posts and templates when they change; changed settings need a restart."""
    from publisher.file_watcher import Watcher

    file = app.settings.folder / "publisher.toml"
    store = app.settings.store.url.removeprefix("sqlite:///")
    ours = (Path(store + end) for end in ("", "-journal", "-shm", "-wal"))
    return Watcher(
        {
            app.settings.posts.dir: ticker.files_changed,
            app.template_folders[0]: ticker.files_changed,
            file: lambda _: log.warning("settings_changed", extra={"file": file, "do": RESTART}),
        },
        quiet=app.rest / 2,
        skip=(app.state, app.public, app.outbox, *ours),
        problem=ticker.set_watch_problem,
    )


class FieldFormatter(logging.Formatter):
    """`LEVEL event key=value`: constant event names, values as fields."""

    def format(self, record: logging.LogRecord) -> str:
        known = logging.makeLogRecord({}).__dict__.keys() | {"message", "asctime", "taskName"}
        fields: dict[str, Any] = {k: v for k, v in record.__dict__.items() if k not in known}
        text = " ".join(
            [record.levelname.lower(), record.getMessage(), *(f"{k}={v}" for k, v in fields.items())]
        )
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return printable(" ".join(text.split("\n")) + trace)


def log_to_stderr() -> None:
    """Sends the log to stderr, one line for each event."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FieldFormatter())
    root = logging.getLogger("publisher")
    root.setLevel(logging.INFO)
    root.addHandler(handler)


@click.command()
@site_options(at=True, as_json=True)
@click.option("--dry-run", is_flag=True, help="Show what is due; send nothing.")
def deliver(site: SiteOptions, as_json: bool, dry_run: bool) -> None:
    """Send everything that is due, then exit. Exits with 1 if the mail server fails and mail waits."""
    app = site.open()
    if dry_run:
        say(f"due: {count(app.queued(), 'delivery', 'deliveries')}")
        return
    warn_of_readable(app)
    delivered = delivery_progress(app, as_json=as_json)
    if as_json:
        show_json(delivered.json)
    elif delivered.idle:
        say_idle(app)
    if delivered.failed:
        raise SystemExit(1)


def say_idle(app: App) -> None:
    """Says that nothing is due, what is held, and when the next delivery is due."""
    at, zone = app.store.next_batch_at(), app.settings.site.timezone
    say("nothing is due" + (f" before {local_time(at, zone)}" if at and at > app.clock() else ""))
    held = [(one.hold, one) for one in app.store.unfinished_mailings() if one.hold]
    for hold, one in held[:MAX_HELD_SHOWN]:
        say(f"held: mailing {one.id}: {describe_hold(hold, one.id, one.hold_why, one.hold_until, zone=zone)}")
    if len(held) > MAX_HELD_SHOWN:
        say(f"held: {count(len(held) - MAX_HELD_SHOWN, 'more mailing')}; `publisher status` names them")
