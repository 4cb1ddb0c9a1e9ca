"""mailings outbox: what becomes of messages in the outbox once mail.transport is changed to smtp."""

from collections.abc import Iterable

import click

from publisher.app import App
from publisher.cli.common import (
    SiteOptions,
    confirm_or_refuse,
    count,
    echo,
    say,
    show_json,
    site_options,
    utc,
)
from publisher.core.errors import Refused
from publisher.services.delivery import outbox as outbox_verbs
from publisher.services.operations import mailings as verbs


@click.group()
def outbox() -> None:
    """Decide what becomes of messages in the outbox, after mail.transport was changed to smtp."""


@outbox.command("list")
@site_options(as_json=True)
def outbox_list(site: SiteOptions, as_json: bool) -> None:
    """Show how many messages of each mailing wait in the outbox for a decision."""
    app = site.open(reads=True)
    waiting = app.store.count_in_outbox()
    if as_json:
        show_json([{"mailing": id, "messages": number} for id, number in waiting.items()])
        return
    for id, number in waiting.items():
        mailing = verbs.find_mailing(app.store, id)
        facts = f"{mailing.list}  {number:,} in the outbox  {mailing.subject}"
        echo(f"{id:>5}  {utc(mailing.created_at)}  {facts}")
    if not waiting:
        say("no message waits in the outbox for a decision")


@outbox.command("send")
@site_options(at=True, as_json=True)
@click.argument("ids", type=int, nargs=-1, metavar="[ID]...")
@click.option("--dry-run", is_flag=True, help="Show which messages; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def outbox_send(site: SiteOptions, as_json: bool, ids: tuple[int, ...], dry_run: bool, yes: bool) -> None:
    """Send them by SMTP: those of these mailings, or all."""
    app = site.open()
    if not app.settings.mail.transport.leaves_machine:
        what = f'mail.transport is "{app.settings.mail.transport}", so nothing leaves this machine'
        raise Refused("mailings outbox send", what, 'set it to "smtp" first')
    chosen, of = choose_from_outbox(app, ids)
    number = count(sum(chosen.values()), "message")
    if dry_run:
        say(f"{number}{of} would be sent")
        return
    if chosen:
        what = f"{number}{of} will be sent to whoever is still subscribed"
        confirm_or_refuse("mailings outbox send", what, yes=yes)
    sent = outbox_verbs.send_from_outbox(app.deps, chosen, app.time_to_write())
    next_step = "`publisher run` sends them at its next look, `publisher deliver` now"
    say_taken(chosen, sent, f"{of} queued; {next_step}", as_json=as_json)


@outbox.command("keep")
@site_options(at=True, as_json=True)
@click.argument("ids", type=int, nargs=-1, metavar="[ID]...")
@click.option("--dry-run", is_flag=True, help="Show which messages; change nothing.")
def outbox_keep(site: SiteOptions, as_json: bool, ids: tuple[int, ...], dry_run: bool) -> None:
    """Leave them in the outbox: those of these mailings, or all."""
    app = site.open()
    chosen, of = choose_from_outbox(app, ids)
    if dry_run:
        say(f"{count(sum(chosen.values()), 'message')}{of} would be left in the outbox")
        return
    app.time_to_write()
    kept = outbox_verbs.keep_in_outbox(app.deps, chosen)
    say_taken(chosen, kept, f"{of} will stay in the outbox", as_json=as_json)


def choose_from_outbox(app: App, ids: tuple[int, ...]) -> tuple[dict[int, int], str]:
    """The messages that wait in the outbox by mailing: of the mailings `ids`, or of all; and which mailings
    these are, in words. Raises UsageError for a mailing that does not exist.
    """
    for id in ids:
        verbs.find_mailing(app.store, id)
    waiting = app.store.count_in_outbox().items()
    chosen = {id: number for id, number in waiting if not ids or id in ids}
    of = f" of mailing{'s' * (len(chosen) > 1)} {', '.join(map(str, chosen))}" if chosen else ""
    return chosen, of


def say_taken(chosen: Iterable[int], done: int, became: str, *, as_json: bool) -> None:
    """Says what became of messages in the outbox."""
    say(f"{count(done, 'message')}{became}" if done else "no message waits in the outbox for a decision")
    if as_json:
        show_json({"messages": done, "mailings": [*chosen]})
