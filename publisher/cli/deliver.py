"""deliver: what is due goes out."""

import click

from publisher.app import App
from publisher.cli.common import SiteOptions, count, say, show_json, site_options, warn_of_readable
from publisher.cli.progress import delivery_progress
from publisher.core.delivery.holds import describe_hold
from publisher.core.times import local_time

NAMED = 3
"""Mailings that are held, of which a person is told when nothing is due."""


@click.command()
@site_options(at=True, as_json=True)
@click.option("--dry-run", is_flag=True, help="Show what is due; send nothing.")
def deliver(site: SiteOptions, as_json: bool, dry_run: bool) -> None:
    """Sends what is due now, then stops; exit code 1 where the mail server fails and mail waits."""
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
    for hold, one in held[:NAMED]:
        say(f"held: mailing {one.id}: {describe_hold(hold, one.id, one.hold_why, one.hold_until, zone=zone)}")
    if len(held) > NAMED:
        say(f"held: {count(len(held) - NAMED, 'more mailing')}; `publisher status` names them")
