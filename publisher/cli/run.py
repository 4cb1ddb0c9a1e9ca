"""`run` publishes and sends in this process, and serves the site in another. `reload` makes it apply changed
settings. `deliver` sends everything that is due, then exits.
"""

import os

import click

from publisher.app import App
from publisher.cli.common import (
    SiteOptions,
    count,
    parse_listen_option,
    say,
    show_json,
    site_options,
    warn_of_readable,
)
from publisher.cli.help import command
from publisher.cli.progress import delivery_progress
from publisher.core.delivery.holds import describe_hold
from publisher.core.errors import Refused
from publisher.core.times import local_time
from publisher.services.subscribers.lists import describe_removed

MAX_HELD_SHOWN = 3
"""Mailings that are held, of which a person is told when nothing is due."""


@command(
    examples=(
        ("Publish, send and serve until stopped", "publisher run"),
        ("Serve on port 8080 of this machine", "publisher run --listen 8080"),
    )
)
@site_options()
@click.option("--web-only", is_flag=True, help="Only serve; neither publish nor deliver.")
@click.option(
    "--listen",
    callback=parse_listen_option,
    metavar="[IP:]PORT",
    help="Listen here instead of at web.listen; a port alone means 127.0.0.1.",
)
@click.option(
    "--last-good",
    is_flag=True,
    help="If the settings are invalid, start with the last valid ones, and switch once they are fixed.",
)
@click.option(
    "--take-over",
    is_flag=True,
    help="Take over from a `publisher run` on another machine, or from the site that this is a copy of.",
)
def run(site: SiteOptions, web_only: bool, listen: str | None, last_good: bool, take_over: bool) -> None:
    """Publish, send and serve the site until stopped. SIGTERM first finishes what is in flight; SIGHUP takes
    up changed settings.
    """
    from publisher.cli.service import serve  # `deliver` does without it

    serve(site.folder, os.environ, listen, web_only=web_only, take_over=take_over, last_good=last_good)


@command(examples=(("After editing publisher.toml", "publisher reload"),))
@site_options()
def reload(site: SiteOptions) -> None:
    """Make `publisher run` take up changed settings now. It also does so by itself, within two seconds."""
    from publisher.app.service import ask_reload, running_service

    app = site.open(alone=True)
    service = running_service(app)
    if service is None:
        raise Refused(str(site.folder), "no `publisher run` is active on this site", "start it")
    after = ask_reload(app, service)
    if after is None:
        raise Refused(service.name, "has stopped", "start it again")
    if after.problem:
        raise Refused(after.name, f"keeps its old settings: {after.problem}", "correct that")
    same = after.generation == service.generation
    say(f"{after.name} {'goes on with' if same else 'has taken up'} settings {after.generation}")
    if after.restart:
        say(f"{' and '.join(after.restart)}: restart `publisher run` to use the new value")


@command(
    examples=(
        ("See how much is due", "publisher deliver --dry-run"),
        ("Send it", "publisher deliver"),
    )
)
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
    at, zone = app.store.next_batch_at(app.deps.rules.slugs), app.settings.site.timezone
    say("nothing is due" + (f" before {local_time(at, zone)}" if at and at > app.clock() else ""))
    held = [(one.hold, one) for one in app.store.unfinished_mailings() if one.hold]
    for hold, one in held[:MAX_HELD_SHOWN]:
        say(f"held: mailing {one.id}: {describe_hold(hold, one.id, one.hold_why, one.hold_until, zone=zone)}")
    if len(held) > MAX_HELD_SHOWN:
        say(f"held: {count(len(held) - MAX_HELD_SHOWN, 'more mailing')}; `publisher status` names them")
    for line in describe_removed(app.deps.rules, app.store):
        say(line)
