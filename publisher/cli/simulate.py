"""simulate."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import click

from publisher.app.simulation import simulated
from publisher.cli.common import SiteOptions, a_time, count, echo, say, show_json, site_options, utc, when
from publisher.cli.due_readers import skipped_json
from publisher.core.times import parse_duration
from publisher.services.operations.simulate import SimulatedEvent

LEAST = timedelta(minutes=1)


def a_period(_ctx: click.Context, _param: click.Parameter, value: str | None) -> timedelta | None:
    """Parses a length of time of at least a minute."""
    if value is None:
        return None
    try:
        period = parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if period < LEAST:
        raise click.BadParameter(f"{value!r} is less than a minute")
    return period


@click.command()
@site_options(as_json=True)
@click.option("--from", "start", callback=a_time, metavar="TIME", help="When it begins (default: now).")
@click.option("--to", "end", required=True, callback=a_time, metavar="TIME", help="When it ends.")
@click.option(
    "--every",
    callback=a_period,
    metavar="PERIOD",
    help="As a timer does that starts `publisher publish` once in this time, such as 24h (default: as "
    "`publisher run` does).",
)
def simulate(site: SiteOptions, as_json: bool, start: str | None, end: str, every: timedelta | None) -> None:
    """What would be published and mailed between two times, on a copy of the state. Posts and readers are
    taken to stay as they are. Changes nothing, sends nothing.
    """
    app = site.open(reads=True)
    zone = app.settings.site.timezone
    events = simulated(app, when(start, zone) if start else app.clock(), when(end, zone), every)
    if as_json:
        happening = list(events)
        show_json([event_json(event) for event in happening])
        failed = any(event.problem for event in happening)
    else:
        failed = print_events(events)
    if failed:
        raise SystemExit(1)


def print_events(events: Iterable[SimulatedEvent]) -> bool:
    """Prints a line for each event. Returns whether any of them is a failure."""
    quiet, failed = True, False
    for event in events:
        quiet, at = False, utc(event.at)
        for change in event.changes:
            note = " (backfill: mails nobody)" if change.backfill else ""
            echo(f"{at}  {change.kind:<10} {change.post.path}: {change.post.title}{note}")
        for mailing in event.mailings:
            note = ", to be approved" if mailing.hold else ""
            readers = count(mailing.planned, "reader")
            echo(f"{at}  mail       {mailing.list} to {readers}{note}: {mailing.subject}")
        for one in event.skipped:
            readers, next_at = count(one.readers, "reader"), utc(one.next_at)
            echo(f"{at}  skipped    {one.list} for {readers}: due {utc(one.due)}, goes {next_at}")
        if event.problem:
            failed = True
            say(f"{at}  {event.problem}")
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
