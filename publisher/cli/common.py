"""Shared by all commands: common options, opening the site, and output."""

import ipaddress
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from publisher.app import App, fixed, wall_clock
from publisher.app.backup import check_identity, must_not_be_lost
from publisher.cli.audit import record_at_end
from publisher.cli.help import (
    STYLE,
    colored,
    did_you_mean,
    is_urgent,
    paint_labels,
    printable,
    printable_json,
    table_lines,
)
from publisher.config import RawSettings, Settings, load, load_with_source
from publisher.core.errors import OutputError, PublisherError, SettingsError, UsageError
from publisher.core.subscribers.subscription import MailingList
from publisher.core.times import TIME_FORMS, local_time, parse_time

LISTEN = "127.0.0.1:8000"
"""Where a site listens that does not say."""

P = ParamSpec("P")
R = TypeVar("R")
Decorator = Callable[[Callable[P, R]], Callable[P, R]]


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """The values of --site and --at: which site to open, and which time to go by."""

    folder: Path
    at: str | None

    def open(
        self,
        *,
        reads: bool = False,
        alone: bool = False,
        stops: bool = False,
        last_good: bool = False,
        anew: bool = False,
    ) -> App:
        """Opens the site, and closes it when the command ends. A command that only `reads` warns of a wrong
        clock and continues. Any other goes by the settings of a `publisher run` that works on the site,
        unless it acts `alone`; one that only `stops` mail warns where it cannot. With `last_good` it goes by
        the last good settings if those on the disk are bad. Only with `anew` may a new store take the place
        of one that is missing. Raises SettingsError, Refused.
        """
        try:
            settings, source = load_with_source(self.folder, os.environ)
        except SettingsError as error:
            from publisher.app.service import recall

            kept = recall(self.folder, os.environ) if last_good or stops else None
            if kept is None:
                raise
            settings, source = kept[:2]
            say(f"warning: {error}; using the last good settings")
        app = self._app(settings)
        click.get_current_context().call_on_close(app.close)
        if not anew:
            must_not_be_lost(app)
        if not reads:
            record_at_end(app, say)
        if not (reads or alone):
            check_identity(app)
        if reads:
            warn_of_clock(app)
        elif stops:
            warn_of_clock(app)
            try:
                follow_service(app, source, ask=False)
            except PublisherError as error:
                say(f"warning: {error}; continuing, because this only stops mail")
        elif not alone:
            follow_service(app, source)
        return app

    def load(self) -> App:
        """Opens the site outside of a command, for example in another thread. The caller closes it."""
        return self._app(load(self.folder, os.environ))

    def _app(self, settings: Settings) -> App:
        clock = fixed(resolve_time(self.at, settings.site.timezone)) if self.at else wall_clock
        return App(settings, clock=clock, say=say)


def follow_service(app: App, source: RawSettings, *, ask: bool = True) -> None:
    """Sees to it that a `publisher run` that works on the site goes by the settings of this command, and asks
    it to read them if need be and there is time to `ask`. While templates on the disk are broken, the command
    goes by those of the service. Raises Refused: it cannot read its settings.
    """
    if not (app.state / "run.lock").exists():
        return  # there never was one, and nothing more need be loaded
    from publisher.app.reload import hash_of_templates
    from publisher.app.service import follow_service, refuse_another_store, running_service
    from publisher.config.layers import effective_values

    if running_service(app) is None:
        refuse_another_store(app)
    else:
        templates = hash_of_templates(app.settings.folder)
        app.own_templates = follow_service(app, effective_values(source), templates, ask=ask)


def warn_of_readable(app: App) -> None:
    """Warns of files with addresses or passwords that every user of this machine can read, if mail is really
    sent.
    """
    if not app.settings.mail.transport.leaves_machine:
        return
    from publisher.app.secret_files import open_to_others

    for found in open_to_others(app):
        say(f"warning: {found.path}{f':{found.line}' if found.line else ''}: {found.reason}")


def parse_time_option(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Checks the form of a time. `when` parses it once the site's time zone is known."""
    if value is None:
        return None
    try:
        parse_time(value, datetime(2000, 1, 1, tzinfo=UTC), "UTC")
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return value


def resolve_time(text: str, zone: str) -> datetime:
    """The instant that `text` means now in the site's time zone."""
    return parse_time(text, wall_clock(), zone)


def warn_of_clock(app: App) -> None:
    """Warns if the clock looks wrong, because the output may then be wrong too."""
    try:
        if not app.store_size():
            return
        wrong = app.clock_behind()
    except PublisherError:
        return  # the command itself reports what is wrong with the store
    if wrong is not None:
        say(f"warning: the clock looks wrong: {wrong.in_words(app.settings.site.timezone)}")


def parse_listen_option(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Parses where to listen: an IP address and a port, or just a port on 127.0.0.1."""
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


def choose_listen(listen: str) -> str:
    """`listen` if its port is free, and else, on a terminal, the next port that is. Binds and releases it.
    Raises OutputError: the port is in use and nobody sees that another is taken, or it cannot be bound.
    """
    from publisher.web.server import bind, next_free_port  # loaded when called

    host, _, port = listen.rpartition(":")
    try:
        bind(listen, host.strip("[]"), int(port)).close()
    except OutputError:
        free = next_free_port(host.strip("[]"), int(port)) if sys.stderr.isatty() else None
        if free is None:
            raise
        say(f"port {port} is in use: using {free} instead")
        return f"{host}:{free}"
    return listen


def site_options(
    *, at: bool = False, as_json: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Adds --site, and on request --at and --json. The command gets `site: SiteOptions`."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(**given: Any) -> Any:
            if STYLE.verbose:
                show_log(every_detail=STYLE.verbose > 1)
            given["site"] = SiteOptions(Path(given.pop("site")), given.pop("at", None))
            return command(**given)

        wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
        wrapped.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]  # click's own
        decorated: Callable[..., Any] = wrapped
        if as_json:
            decorated = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(decorated)
        if at:
            text = f"Run as if it were this time: {TIME_FORMS}."
            decorated = click.option("--at", callback=parse_time_option, metavar="TIME", help=text)(decorated)
        return click.option(
            "--site",
            default=".",
            envvar="PUBLISHER_SITE",
            metavar="DIR",
            help="The site's folder (default: the current one).",
        )(decorated)

    return decorate


def echo(text: object, *, err: bool = False, nl: bool = True) -> None:
    """Prints data for people on stdout. All text for the terminal goes through here, so that control
    characters in what authors, readers and servers wrote never reach it.
    """
    stream = sys.stderr if err else sys.stdout
    click.echo(paint_labels(printable(str(text)), stream), err=err, nl=nl, color=colored(stream))


def say(text: str) -> None:
    """Prints a message on stderr, so that stdout has only data. With --quiet only warnings, errors and what
    waits for a person are shown.
    """
    urgent = is_urgent(text)
    if STYLE.quiet and not urgent:
        return
    if STYLE.log_as_json:
        from publisher.cli.logs import log_message

        log_message(text, urgent=urgent)
    else:
        echo(text, err=True)


def show_log(*, every_detail: bool = False) -> None:
    """Sends the log to stderr from now on, in the form that --log-format asks for."""
    from publisher.cli.logs import log_to_stderr

    log_to_stderr(every_detail=every_detail, as_json=STYLE.log_as_json)


def show_help(command: click.Command, context: click.Context) -> None:
    """Prints the help of a command on stdout."""
    click.echo(command.get_help(context), color=colored(sys.stdout))


def show_table(headers: Sequence[str], rows: Iterable[Sequence[object]], *, cut: Sequence[str] = ()) -> None:
    """Prints a table on stdout; see `terminal.table_lines`."""
    cells = ([printable(str(cell)) for cell in row] for row in rows)
    for line in table_lines(headers, cells, cut=cut):
        click.echo(line, color=colored(sys.stdout))


def confirm(question: str, *, err: bool = False) -> None:
    """Asks a question. Raises click.Abort if the answer is no."""
    click.confirm(printable(question), abort=True, err=err)


def ask(question: str, default: str, parse: Callable[[str], str]) -> str:
    """Asks on the terminal until `parse`, which raises ValueError, takes the answer. Enter is `default`."""

    def value_of(text: str) -> str:
        try:
            return parse(text.strip())
        except ValueError as error:
            raise click.UsageError(printable(str(error))) from None

    answer: str = click.prompt(printable(question), default=printable(default), value_proc=value_of, err=True)
    return answer


def confirm_or_refuse(where: str, what: str, *, yes: bool) -> None:
    """Asks for confirmation. Without a terminal, --yes is needed. Raises UsageError, or ends the command if
    the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(where, what, "add --yes if you mean it")
    confirm(f"{where}: {what}. Go on?", err=True)


def _json(value: object, indent: int | None = None) -> str:
    return printable_json(json.dumps(value, indent=indent, ensure_ascii=False, default=_plain))


def show_json(value: object) -> None:
    """Prints one JSON document on stdout."""
    click.echo(_json(value, indent=2))


def show_json_rows(rows: Iterable[object]) -> None:
    """Prints a JSON array on stdout, row by row, since there may be very many."""
    click.echo("[", nl=False)
    comma = ""
    for row in rows:
        click.echo(f"{comma}\n  {_json(row)}", nl=False)
        comma = ","
    click.echo("\n]" if comma else "]")


def show_json_with(value: Mapping[str, object], name: str, rows: Iterable[object]) -> None:
    """Prints the JSON document {**value, name: [...]}, row by row, since there may be very many."""
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


def local(app: App, value: datetime | None) -> str:
    """An instant for people, by the clock of the site: "2026-11-25 09:00 CET"; "" for None."""
    return local_time(value, app.settings.site.timezone) if value else ""


def count(number: int, one: str, many: str = "") -> str:
    """ "1 post", "2 posts"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def the_list(app: App, slug: str, where: str = "--list") -> MailingList:
    """The list with that slug. `where` is the option or argument that named it. Raises UsageError, which
    names the lists there are.
    """
    for spec in app.settings.lists:
        if spec.slug == slug:
            return spec
    there = [spec.slug for spec in app.settings.lists]
    raise UsageError(where, f"no list {slug!r}", did_you_mean(slug, there, "publisher.toml has"))


def complete_lists(ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """The slugs of lists that begin so, for completion in a shell."""
    settings = _settings_to_complete(ctx)
    return [one.slug for one in settings.lists if one.slug.startswith(begun)] if settings else []


def list_option(*, required: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--list, given to the command as `list_slug`."""
    return click.option(
        "--list",
        "list_slug",
        required=required,
        metavar="LIST",
        shell_complete=complete_lists,
        help="The list's slug." if required else "Only this list (default: all).",
    )


def complete_feeds(ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """The slugs of feeds that begin so."""
    settings = _settings_to_complete(ctx)
    return [one.slug for one in settings.feeds if one.slug.startswith(begun)] if settings else []


def complete_posts(ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Files in the folder of posts that begin so, and folders with such files, up to the next slash."""
    settings = _settings_to_complete(ctx)
    if settings is None:
        return []
    folder, _, name = begun.rpartition("/")
    place = settings.posts.dir / folder
    found = sorted(place.iterdir()) if place.is_dir() else []
    before = f"{folder}/" if folder else ""
    return [
        f"{before}{one.name}{'/' if one.is_dir() else ''}"
        for one in found
        if one.name.startswith(name) and (one.is_dir() or one.suffix in (".md", ".markdown", ".mdx", ".html"))
    ]


def _settings_to_complete(ctx: click.Context) -> Settings | None:
    """The settings of the site whose command is being typed; None if they cannot be read."""
    folder = ctx.find_root().params.get("site") or ctx.params.get("site") or "."
    try:
        return load(Path(folder), os.environ)
    except PublisherError:
        return None


def check_feed(app: App, slug: str, where: str) -> None:
    """Raises UsageError, which names the feeds there are, if there is none with that slug."""
    there = [spec.slug for spec in app.deps.rules.feeds]
    if slug not in there:
        raise UsageError(where, f"no feed {slug!r}", did_you_mean(slug, there, "publisher.toml has"))
