"""mailings: list, show; deliver."""

from typing import Any

import click

from publisher.app import App
from publisher.cli.common import Site, count, say, show_json, site_options, utc
from publisher.cli.progress import delivery_progress
from publisher.core.errors import UsageError
from publisher.core.mailings import InDoubt, Mailing, State
from publisher.services.messages import message_id


@click.group()
def mailings() -> None:
    """Digests and confirmations that went out, and what became of each."""


@mailings.command("list")
@site_options(as_json=True)
def list_(site: Site, as_json: bool) -> None:
    """Every mailing, newest first."""
    app = site.open()
    found = app.store.mailings()
    if as_json:
        show_json([_mailing_json(m) for m in found])
        return
    for m in found:
        click.echo(f"{m.id:>5}  {utc(m.created_at)}  {m.list}  {m.state}  {_counts(m)}  {m.subject}")
    if not found:
        say("no mailing yet")


@mailings.command("show")
@site_options(as_json=True)
@click.argument("id", type=int)
def show(site: Site, as_json: bool, id: int) -> None:
    """Counts by state, the deliveries in doubt, and the servers' replies."""
    app = site.open()
    found = app.store.mailing(id)
    if found is None:
        raise UsageError("mailings show", f"no mailing {id}", "`publisher mailings list` names them")
    doubts = app.store.in_doubt(id)
    replies = app.store.replies(id)
    if as_json:
        doubt_rows = [_doubt_json(app, found, doubt) for doubt in doubts]
        reply_rows = [{"reply": text, "count": number} for text, number in replies]
        show_json(_mailing_json(found) | {"in_doubt": doubt_rows, "replies": reply_rows})
        return
    click.echo(f"mailing {found.id} of {found.list}: {found.subject}")
    click.echo(f"{found.state}, {count(found.planned, 'delivery', 'deliveries')} planned: {_counts(found)}")
    for doubt in doubts:
        row = _doubt_json(app, found, doubt)
        click.echo(f"in doubt  {row['address']}  {row['message_id']}  since {row['at']}")
    for text, number in replies:
        click.echo(f"{number:>9,}  {text}")


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
            }
        )
    elif not tally.total:
        say("nothing is due")


def _mailing_json(m: Mailing) -> dict[str, Any]:
    return {
        "id": m.id,
        "list": m.list,
        "kind": m.kind,
        "state": m.state,
        "subject": m.subject,
        "created": utc(m.created_at),
        "planned": m.planned,
        "counts": {state.value: m.counts.get(state, 0) for state in State},
    }


def _doubt_json(app: App, m: Mailing, doubt: InDoubt) -> dict[str, Any]:
    _, name = message_id(app.parts, m, doubt.n)
    return {
        "n": doubt.n,
        "address": doubt.address,
        "message_id": name,
        "at": utc(doubt.at),
        "reply": doubt.reply,
    }


def _counts(m: Mailing) -> str:
    return ", ".join(f"{number:,} {state}" for state, number in m.counts.items() if number) or "nobody"
