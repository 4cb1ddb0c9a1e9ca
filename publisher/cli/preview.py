"""What readers will get: preview, test-send, simulate."""

from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from publisher.app.backup import simulated
from publisher.cli.common import (
    SiteOptions,
    complete_lists,
    count,
    echo,
    parse_time_option,
    resolve_time,
    say,
    show_json,
    site_options,
    the_list,
    utc,
)
from publisher.cli.due_readers import skipped_json
from publisher.cli.help import command
from publisher.cli.progress import showing_progress
from publisher.core.mail.message import LintProblem, SendVerdict
from publisher.core.times import local_time, parse_duration
from publisher.services.digests.preview import SimulatedEvent, send_test

MIN_PERIOD = timedelta(minutes=1)


@command(
    examples=(
        ("Write the next digest of a list to preview/daily", "publisher preview daily"),
        ("Edit templates with the digest in a browser", "publisher preview daily --serve"),
        ("See what one reader would get", "publisher preview daily --as ann@example.org"),
    )
)
@site_options(at=True)
@click.argument("list_slug", metavar="LIST", shell_complete=complete_lists)
@click.option(
    "--as", "reader", default="", metavar="ADDRESS", help="Show exactly what this reader would get now."
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="The folder to write to (default: preview/LIST)."
)
@click.option(
    "--serve",
    "served",
    is_flag=True,
    help="Show it in a browser instead, and reload it whenever a template changes.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8025, show_default=True, help="The port for --serve."
)
def preview(
    site: SiteOptions, list_slug: str, reader: str, out: Path | None, served: bool, port: int
) -> None:
    """Write the next digest of LIST as subject.txt, body.html, body.txt and message.eml."""
    if served:
        serve_preview(site, list_slug, reader, port)
        return
    app = site.open(reads=True)
    spec = the_list(app, list_slug, "preview")
    drawn = app.preview(spec, reader)
    if drawn.note:
        say(drawn.note)
    folder = out or site.folder / "preview" / spec.slug
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in drawn.files().items():
        (folder / name).write_bytes(data)
        echo(folder / name)
    say_problems(drawn.problems)


@command(
    "test-send", examples=(("Send yourself the next digest", "publisher test-send daily you@example.org"),)
)
@site_options(at=True)
@click.argument("list_slug", metavar="LIST", shell_complete=complete_lists)
@click.argument("address", metavar="ADDRESS")
@click.option("--dry-run", is_flag=True, help="Show what would be sent; send nothing.")
def test_send(site: SiteOptions, list_slug: str, address: str, dry_run: bool) -> None:
    """Send the next digest of LIST to ADDRESS, with [Test] in its subject. It does not affect any reader."""
    app = site.open(reads=dry_run)
    spec = the_list(app, list_slug, "test-send")
    deps = app.deps if dry_run else app.sending_deps
    drawn, outcome = send_test(deps, spec, address, app.clock(), dry_run=dry_run)
    say_problems(drawn.problems)
    if outcome is None:
        say(f"would send to {address}: {drawn.letter.subject}")
        return
    say(f"{outcome.verdict.value}: {drawn.letter.subject}" + (f" ({outcome.reply})" if outcome.reply else ""))
    if outcome.verdict is not SendVerdict.ACCEPTED:
        raise SystemExit(1)


def say_problems(problems: Iterable[LintProblem]) -> None:
    """Prints a line for each problem the lint found."""
    for problem in problems:
        say(("" if problem.error else "warning: ") + str(problem))


def serve_preview(site: SiteOptions, list_slug: str, reader: str, port: int) -> None:
    """Carries out `preview --serve`: renders again whenever a template, a setting or a document changes."""
    from publisher.web.preview import PreviewFiles, PreviewServer

    opened = site.open(reads=True)
    spec = the_list(opened, list_slug, "preview")
    watched = [*opened.template_folders, site.folder / "publisher.toml", opened.public / "manifest.json"]
    opened.close()

    def draw() -> PreviewFiles:
        app = site.load()  # anew: settings may have changed
        try:
            drawn = app.preview(the_list(app, list_slug, "preview"), reader)
        finally:
            app.close()
        files: Mapping[str, bytes] = drawn.files()
        notes = [("warning", drawn.note)] if drawn.note else []
        notes += [("error" if p.error else "warning", str(p)) for p in drawn.problems]
        return PreviewFiles(
            title=f"{spec.title} – preview",
            files=files,
            notes=tuple(notes),
            public=(app.settings.site.public_url, app.public),
        )

    server = PreviewServer(draw, watched, port)
    say(f"preview on {server.url} (Ctrl-C ends it)")
    server.serve()


def parse_period_option(_ctx: click.Context, _param: click.Parameter, value: str | None) -> timedelta | None:
    """Parses a length of time of at least a minute."""
    if value is None:
        return None
    try:
        period = parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if period < MIN_PERIOD:
        raise click.BadParameter(f"{value!r} is less than a minute")
    return period


@command(
    examples=(
        ("See the coming week", "publisher simulate --to +7d"),
        (
            "See what a timer at 08:05 every day would do",
            "publisher simulate --from 08:05 --to +7d --every 24h",
        ),
    )
)
@site_options(as_json=True)
@click.option(
    "--from", "start", callback=parse_time_option, metavar="TIME", help="When to start (default: now)."
)
@click.option("--to", "end", required=True, callback=parse_time_option, metavar="TIME", help="When to end.")
@click.option(
    "--every",
    callback=parse_period_option,
    metavar="PERIOD",
    help="Simulate a timer that starts `publisher publish` at this interval, such as 24h "
    "(default: simulate `publisher run`).",
)
def simulate(site: SiteOptions, as_json: bool, start: str | None, end: str, every: timedelta | None) -> None:
    """Show what would be published and mailed between two times, using a copy of the state.

    Assumes that posts and readers stay as they are. Changes nothing, sends nothing.
    """
    app = site.open(reads=True)
    zone = app.settings.site.timezone
    begin = resolve_time(start, zone) if start else app.clock()
    with showing_progress(app) as progress:
        events = simulated(app, begin, resolve_time(end, zone), every)
        if as_json:
            happening = list(events)
            progress.erase()
            show_json([event_json(event) for event in happening])
            failed = any(event.problem for event in happening)
        else:
            failed = print_events(events, zone, progress.erase)
    if failed:
        raise SystemExit(1)


def print_events(events: Iterable[SimulatedEvent], zone: str, erase: Callable[[], None]) -> bool:
    """Prints a line for each event, after `erase` has removed the bar. Returns whether any of them is a
    failure.
    """
    quiet, failed = True, False
    for event in events:
        erase()
        quiet, at = False, local_time(event.at, zone)
        for change in event.changes:
            note = " (backfill: mails nobody)" if change.backfill else ""
            echo(f"{at}  {change.kind:<10} {change.post.path}: {change.post.title}{note}")
        for mailing in event.mailings:
            note = ", to be approved" if mailing.hold else ""
            readers = count(mailing.planned, "reader")
            echo(f"{at}  mail       {mailing.list} to {readers}{note}: {mailing.subject}")
        for one in event.skipped:
            readers, next_at = count(one.readers, "reader"), local_time(one.next_at, zone)
            echo(
                f"{at}  skipped    {one.list} for {readers}: due {local_time(one.due, zone)}, goes {next_at}"
            )
        if event.problem:
            failed = True
            say(f"{at}  {event.problem}")
    erase()
    if quiet:
        say("nothing would be published or mailed")
    return failed


def event_json(event: SimulatedEvent) -> dict[str, Any]:
    """One event as JSON."""
    return {
        "at": utc(event.at),
        "changes": [
            {"kind": change.kind, "id": change.id, "path": change.post.path, "title": change.post.title}
            | {"backfill": change.backfill}
            for change in event.changes
        ],
        "mailings": [
            {"list": mailing.list, "readers": mailing.planned, "subject": mailing.subject}
            for mailing in event.mailings
        ],
        "problem": event.problem,
        "skipped": [skipped_json(one) for one in event.skipped],
    }
