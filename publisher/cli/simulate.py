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


def _period(_ctx: click.Context, _param: click.Parameter, value: str | None) -> timedelta | None:
    if value is None:
        return None
    try:
        found = parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    if found < LEAST:
        raise click.BadParameter(f"{value!r} is less than a minute")
    return found


@click.command()
@site_options(as_json=True)
@click.option("--from", "start", callback=a_time, metavar="TIME", help="When it begins (default: now).")
@click.option("--to", "end", required=True, callback=a_time, metavar="TIME", help="When it ends.")
@click.option(
    "--every",
    callback=_period,
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
    found = simulated(app, when(start, zone) if start else app.clock(), when(end, zone), every)
    failed = _show_json(found) if as_json else _say(found)
    if failed:
        raise SystemExit(1)


def _say(found: Iterable[SimulatedEvent]) -> bool:
    quiet, failed = True, False
    for happening in found:
        quiet, at = False, utc(happening.at)
        for change in happening.changes:
            note = " (backfill: mails nobody)" if change.backfill else ""
            echo(f"{at}  {change.kind:<10} {change.post.path}: {change.post.title}{note}")
        for mailing in happening.mailings:
            note = ", to be approved" if mailing.hold else ""
            readers = count(mailing.planned, "reader")
            echo(f"{at}  mail       {mailing.list} to {readers}{note}: {mailing.subject}")
        for one in happening.skipped:
            readers, next_at = count(one.readers, "reader"), utc(one.next_at)
            echo(f"{at}  skipped    {one.list} for {readers}: due {utc(one.due)}, goes {next_at}")
        if happening.problem:
            failed = True
            say(f"{at}  {happening.problem}")
    if quiet:
        say("nothing would be published or mailed")
    return failed


def _show_json(found: Iterable[SimulatedEvent]) -> bool:
    happenings = list(found)
    show_json([_told(happening) for happening in happenings])
    return any(happening.problem for happening in happenings)


def _told(happening: SimulatedEvent) -> dict[str, Any]:
    return {
        "at": utc(happening.at),
        "changes": [
            {"kind": change.kind, "id": change.id, "path": change.post.path, "title": change.post.title}
            | {"backfill": change.backfill}
            for change in happening.changes
        ],
        "mailings": [
            {"list": mailing.list, "readers": mailing.planned, "subject": mailing.subject}
            for mailing in happening.mailings
        ],
        "problem": happening.problem,
        "skipped": [skipped_json(one) for one in happening.skipped],
    }
