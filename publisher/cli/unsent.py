"""`publisher mailings remake`, `release` and `resend` for readers who missed a mailing, and `outbox` for
messages that are still there after a switch to SMTP.
"""

from collections.abc import Iterable

import click

from publisher.app import App
from publisher.cli.common import (
    SiteOptions,
    confirm_or_refuse,
    count,
    local,
    say,
    show_json,
    show_table,
    site_options,
)
from publisher.cli.help import NearestChoice, command, group
from publisher.cli.progress import counts_text, mailing_json, state_text
from publisher.core.delivery.mailing import DeliveryState, Mailing, MailingHold
from publisher.core.errors import Refused
from publisher.services.operations import mailings as verbs
from publisher.services.operations.mailings import UNSENT_STATES, Unsent, find_mailing

_NEXT = "`publisher run` sends it at its next check; `publisher deliver` sends it now"


@command(examples=(("Mail the posts of mailing 2 as they are now", "publisher mailings remake 2 --yes"),))
@site_options(at=True, as_json=True)
@click.argument("id", type=int)
@click.option("--dry-run", is_flag=True, help="Show how many readers it would go to; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def remake(site: SiteOptions, as_json: bool, id: int, dry_run: bool, yes: bool) -> None:
    """Mail the current posts of a mailing to those of its readers who have received nothing of it.

    Use it for a mailing that was paused, cancelled or refused by servers. What is left of it is cancelled.
    Readers with an unknown outcome may have it, so they get nothing: decide with `mailings resolve` first.
    """
    app = site.open()
    mailing = _find(app, id)
    readers = count(verbs.count_without(app.store, mailing), "reader")
    if dry_run:
        say(f"{_described(mailing)}; a new mailing would go to {readers}{_but_unknown(mailing)}")
        return
    confirm_or_refuse(f"mailing {id}", f"remake: its posts, as they are now, go to {readers}", yes=yes)
    with app.lock("publish"):
        made = verbs.remake(app.deps, find_mailing(app.store, id), app.time_to_write())
    if made is None:
        say(f"mailing {id}: no readers are left to mail it to{_but_unknown(mailing)}")
    else:
        held = made.hold is MailingHold.APPROVAL
        step = f"`publisher mailings approve {made.id}` sends it" if held else _NEXT
        say(f"mailing {made.id} is {state_text(made)}, for {count(made.planned, 'reader')}; {step}")
    if as_json:
        show_json(mailing_json(made or find_mailing(app.store, id)))


@command(
    examples=(("Put the posts of mailing 2 into the next digest", "publisher mailings release 2 --yes"),)
)
@site_options(at=True, as_json=True)
@click.argument("id", type=int)
@click.option("--dry-run", is_flag=True, help="Show for how many readers; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def release(site: SiteOptions, as_json: bool, id: int, dry_run: bool, yes: bool) -> None:
    """Put the posts of a mailing into the next digest of its readers who have received nothing of it.

    Use it for a mailing that was paused, cancelled or refused by servers. What is left of it is cancelled.
    """
    app = site.open()
    mailing = _find(app, id)
    readers = count(verbs.count_without(app.store, mailing), "reader")
    if dry_run:
        say(f"{_described(mailing)}; its posts would wait for {readers}{_but_unknown(mailing)}")
        return
    confirm_or_refuse(f"mailing {id}", f"release: its posts go to {readers} with their next digest", yes=yes)
    with app.lock("publish"):
        verbs.release(app.deps, find_mailing(app.store, id), app.time_to_write())
    say(f"mailing {id}: its posts go to {readers} with their next digest{_but_unknown(mailing)}")
    if as_json:
        show_json(mailing_json(find_mailing(app.store, id)))


@command(
    examples=(
        (
            "See how many readers have nothing of mailing 2",
            "publisher mailings resend 2 --only unsent --dry-run",
        ),
        ("Send it to them", "publisher mailings resend 2 --only unsent --yes"),
    )
)
@site_options(at=True, as_json=True)
@click.argument("id", type=int)
@click.option(
    "--only",
    "which",
    type=NearestChoice([one.value for one in Unsent]),
    required=True,
    help="unsent: readers who were cancelled or skipped; rejected: readers whose mail was refused.",
)
@click.option("--dry-run", is_flag=True, help="Show how many messages; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def resend(site: SiteOptions, as_json: bool, id: int, which: str, dry_run: bool, yes: bool) -> None:
    """Send the messages of a mailing as they are, with the same Message-IDs, to readers who have none of it.

    Readers who left meanwhile, whose address is suppressed, or whom another mail brought a post of it are
    left out.
    """
    app = site.open()
    mailing = _find(app, id)
    found = app.store.count_unsent(id)
    number = count(sum(found.get(state, 0) for state in UNSENT_STATES[Unsent(which)]), "message")
    if dry_run:
        say(f"{_described(mailing)}; at most {number} would be sent again")
        return
    confirm_or_refuse(f"mailing {id}", f"resend: at most {number} will be sent again", yes=yes)
    queued = verbs.resend(app.deps, mailing, Unsent(which), app.time_to_write())
    mailing = find_mailing(app.store, id)
    say(f"{count(queued, 'message')} queued again; {_described(mailing)}{f'; {_NEXT}' if queued else ''}")
    if as_json:
        show_json(mailing_json(mailing))


def _find(app: App, id: int) -> Mailing:
    mailing = find_mailing(app.store, id)
    verbs.unsent_list(app.deps, mailing)
    return mailing


def _described(mailing: Mailing) -> str:
    return f"mailing {mailing.id} is {state_text(mailing)}: {counts_text(mailing)}"


def _but_unknown(mailing: Mailing) -> str:
    unknown = mailing.counts.get(DeliveryState.UNKNOWN, 0)
    if not unknown:
        return ""
    return (
        f"; {count(unknown, 'outcome')} of it {'is' if unknown == 1 else 'are'} unknown: "
        f"`publisher mailings resolve {mailing.id}` decides"
    )


@group()
def outbox() -> None:
    """Decide what becomes of messages in the outbox, after mail.transport was changed to smtp."""


@outbox.command("list", examples=(("See what waits for a decision", "publisher mailings outbox list"),))
@site_options(as_json=True)
def outbox_list(site: SiteOptions, as_json: bool) -> None:
    """Show how many messages of each mailing wait in the outbox for a decision."""
    app = site.open(reads=True)
    waiting = app.store.count_in_outbox()
    if as_json:
        show_json([{"mailing": id, "messages": number} for id, number in waiting.items()])
        return
    found = [(find_mailing(app.store, id), number) for id, number in waiting.items()]
    show_table(
        ("mailing", "created", "list", "messages", "subject"),
        [(one.id, local(app, one.created_at), one.list, number, one.subject) for one, number in found],
        cut=("subject",),
    )
    if not waiting:
        say("no message waits in the outbox for a decision")


@outbox.command(
    "send",
    examples=(
        ("See what would be sent", "publisher mailings outbox send --dry-run"),
        ("Send it", "publisher mailings outbox send --yes"),
    ),
)
@site_options(at=True, as_json=True)
@click.argument("ids", type=int, nargs=-1, metavar="[ID]...")
@click.option("--dry-run", is_flag=True, help="Show which messages; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def outbox_send(site: SiteOptions, as_json: bool, ids: tuple[int, ...], dry_run: bool, yes: bool) -> None:
    """Send messages from the outbox by SMTP: those of the given mailings, or all."""
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
        what = f"{number}{of} will be sent to readers who are still subscribed"
        confirm_or_refuse("mailings outbox send", what, yes=yes)
    sent = verbs.send_from_outbox(app.deps, chosen, app.time_to_write())
    next_step = "`publisher run` sends them at its next check; `publisher deliver` sends them now"
    say_taken(chosen, sent, f"{of} queued; {next_step}", as_json=as_json)


@outbox.command("keep", examples=(("Keep all of it", "publisher mailings outbox keep"),))
@site_options(at=True, as_json=True)
@click.argument("ids", type=int, nargs=-1, metavar="[ID]...")
@click.option("--dry-run", is_flag=True, help="Show which messages; change nothing.")
def outbox_keep(site: SiteOptions, as_json: bool, ids: tuple[int, ...], dry_run: bool) -> None:
    """Leave messages in the outbox: those of the given mailings, or all."""
    app = site.open()
    chosen, of = choose_from_outbox(app, ids)
    if dry_run:
        say(f"{count(sum(chosen.values()), 'message')}{of} would be left in the outbox")
        return
    app.time_to_write()
    kept = verbs.keep_in_outbox(app.deps, chosen)
    say_taken(chosen, kept, f"{of} will stay in the outbox", as_json=as_json)


def choose_from_outbox(app: App, ids: tuple[int, ...]) -> tuple[dict[int, int], str]:
    """The messages that wait in the outbox by mailing: of the mailings `ids`, or of all; and which mailings
    these are, in words. Raises UsageError for a mailing that does not exist.
    """
    for id in ids:
        find_mailing(app.store, id)
    waiting = app.store.count_in_outbox().items()
    chosen = {id: number for id, number in waiting if not ids or id in ids}
    of = f" of mailing{'s' * (len(chosen) > 1)} {', '.join(map(str, chosen))}" if chosen else ""
    return chosen, of


def say_taken(chosen: Iterable[int], done: int, became: str, *, as_json: bool) -> None:
    """Says what became of messages in the outbox."""
    say(f"{count(done, 'message')}{became}" if done else "no message waits in the outbox for a decision")
    if as_json:
        show_json({"messages": done, "mailings": [*chosen]})
