"""deliver: what is due goes out."""

import click

from publisher.cli.common import Site, count, say, show_json, site_options
from publisher.cli.progress import delivery_progress


@click.command()
@site_options(at=True, as_json=True)
@click.option("--dry-run", is_flag=True, help="Show what is due; send nothing.")
def deliver(site: Site, as_json: bool, dry_run: bool) -> None:
    """Sends what is due now, then stops."""
    app = site.open()
    if dry_run:
        say(f"due: {count(app.queued(), 'delivery', 'deliveries')}")
        return
    tally, unknown = delivery_progress(app, as_json=as_json)
    if as_json:
        show_json(
            {
                "accepted": tally.accepted,
                "rejected": tally.rejected,
                "deferred": tally.deferred,
                "skipped": tally.skipped,
                "unknown": unknown + tally.unknown,
                "held": tally.held or None,
            }
        )
    elif not (tally.total or tally.held):
        say("nothing is due")
