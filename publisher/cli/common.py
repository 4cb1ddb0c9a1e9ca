"""What the commands share: common options, the opened site, and output."""

import ipaddress
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from publisher.app import App, fixed, wall_clock
from publisher.config import load
from publisher.core.errors import PublisherError, UsageError
from publisher.core.printable import printable, printable_json
from publisher.core.subscribers.subscription import MailingList
from publisher.core.times import TIME_FORMS, parse_time

P = ParamSpec("P")
R = TypeVar("R")
Decorator = Callable[[Callable[P, R]], Callable[P, R]]


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """--site and --at: which site, and by which clock."""

    folder: Path
    at: str | None

    def open(self, rest: timedelta = timedelta(), *, reads: bool = False) -> App:
        """The site's App, closed when the command ends. One that only `reads` warns of a wrong clock, and
        goes on. Raises SettingsError.
        """
        app = self.load(rest)
        click.get_current_context().call_on_close(app.close)
        if reads:
            warn_of_clock(app)
        return app

    def load(self, rest: timedelta = timedelta()) -> App:
        """The same outside of a command, as in another thread: the caller closes it."""
        settings = load(self.folder, os.environ)
        clock = fixed(when(self.at, settings.site.timezone)) if self.at else wall_clock
        return App(settings, clock=clock, say=say, rest=rest)


def warn_of_readable(app: App) -> None:
    """Where mail is really sent, warns of addresses and passwords that everybody on this machine may read."""
    if not app.settings.mail.transport.leaves_machine:
        return
    from publisher.app.secret_checks import open_to_others

    for found in open_to_others(app):
        say(f"warning: {found.path}{f':{found.line}' if found.line else ''}: {found.reason}")


def a_time(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Text that `when` understands, once the site's time zone is known."""
    if value is None:
        return None
    try:
        parse_time(value, datetime(2000, 1, 1, tzinfo=UTC), "UTC")
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


def when(text: str, zone: str) -> datetime:
    """The instant that `text` means now, by the clock of the site's zone."""
    return parse_time(text, wall_clock(), zone)


def warn_of_clock(app: App) -> None:
    """Warns that the clock looks wrong: what is shown may be wrong, too."""
    if not Path(app.settings.store.url.removeprefix("sqlite:///")).exists():
        return
    try:
        wrong = app.clock_behind()
    except PublisherError:
        return  # the command itself says what is wrong with the store
    if wrong is not None:
        say(f"warning: the clock looks wrong: {wrong.in_words(app.settings.site.timezone)}")


def listening(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Where to listen: an IP address and a port, or a port of 127.0.0.1."""
    if value is None:
        return None
    text = value.strip()
    host, _, port = (f"127.0.0.1:{text}" if text.isdecimal() else text).rpartition(":")
    try:
        address = ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
        good = port.isascii() and port.isdecimal() and int(port) <= 65_535
        good = good and (address.version == 6) == host.startswith("[")
    except ValueError:
        good = False
    if not good:
        what = f"{value!r} is neither a port nor an IP address and a port"
        raise click.BadParameter(f"{what}; give one such as 8000, 127.0.0.1:8000 or [::1]:8000")
    return f"{host}:{int(port)}"


def site_options(
    *, at: bool = False, as_json: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--site and --debug, and where they make sense --at and --json. The command gets `site: SiteOptions`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(**given: Any) -> Any:
            given.pop("debug")
            given["site"] = SiteOptions(Path(given.pop("site")), given.pop("at", None))
            return command(**given)

        wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
        wrapped.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]  # click's own
        decorated: Callable[..., Any] = wrapped
        decorated = click.option("--debug", is_flag=True, help="Show the whole traceback of an error.")(
            decorated
        )
        if as_json:
            decorated = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(decorated)
        if at:
            text = f"The time to go by in this run: {TIME_FORMS}."
            decorated = click.option("--at", callback=a_time, metavar="TIME", help=text)(decorated)
        return click.option(
            "--site",
            default=".",
            envvar="PUBLISHER_SITE",
            metavar="DIR",
            help="The site's folder (default: this one).",
        )(decorated)

    return decorate


def echo(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Data for a person, on stdout. This is the one door to the terminal: what authors, readers and servers
    wrote goes through it without the characters that a terminal obeys.
    """
    click.echo(printable(str(text)), err=err, nl=nl)


def say(text: str) -> None:
    """Messages for people go to stderr, so that stdout is data only."""
    echo(text, err=True)


def confirm(question: str, *, err: bool = False) -> None:
    """Asks; raises click.Abort when the answer is no."""
    click.confirm(printable(question), abort=True, err=err)


def _json(value: object, indent: int | None = None) -> str:
    return printable_json(json.dumps(value, indent=indent, ensure_ascii=False, default=_plain))


def show_json(value: object) -> None:
    """Data: one JSON document on stdout."""
    click.echo(_json(value, indent=2))


def show_json_rows(rows: Iterable[object]) -> None:
    """Data: one JSON array on stdout, its rows written as they come: there may be very many."""
    click.echo("[", nl=False)
    comma = ""
    for row in rows:
        click.echo(f"{comma}\n  {_json(row)}", nl=False)
        comma = ","
    click.echo("\n]" if comma else "]")


def show_json_with(value: Mapping[str, object], name: str, rows: Iterable[object]) -> None:
    """The document {**value, name: [...]}, its rows written as they come: there may be very many."""
    whole = _json({**value, name: []}, indent=2)
    click.echo(whole.removesuffix("]\n}"), nl=False)
    comma = ""
    for row in rows:
        click.echo(f"{comma}\n    {_json(row)}", nl=False)
        comma = ","
    click.echo("\n  ]\n}" if comma else "]\n}")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return utc(value)
    return str(value)


def utc(value: datetime | None) -> str | None:
    """An instant as ISO 8601 with Z; None stays None."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if value else None


def count(number: int, one: str, many: str = "") -> str:
    """ "1 post", "2 posts"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def the_list(app: App, slug: str) -> MailingList:
    """The list of that slug. Raises UsageError naming those there are."""
    for spec in app.settings.lists:
        if spec.slug == slug:
            return spec
    names = ", ".join(spec.slug for spec in app.settings.lists) or "none"
    raise UsageError("--list", f"no list {slug!r}", f"publisher.toml has: {names}")
