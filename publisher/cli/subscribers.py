"""subscribers: add, list, show, unsubscribe, suppress, allow, resend-confirmation, erase, export."""

import csv
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

import click

from publisher.app import App
from publisher.cli.common import (
    SiteOptions,
    confirm,
    count,
    echo,
    list_option,
    local,
    say,
    show_json,
    show_json_rows,
    show_table,
    site_options,
    the_list,
    utc,
)
from publisher.cli.help import NearestChoice, group, printable
from publisher.cli.subscribers_import import import_, suppress_files
from publisher.core.errors import UsageError
from publisher.core.subscribers.csv_cells import EXPORT_COLUMNS, guard_formula, to_cells
from publisher.core.subscribers.subscription import MailingList, SignupResult, Subscription, SubscriptionState
from publisher.services.subscribers import departures, signup, subscribe

_COUNTING = {True: "counts", False: "does not count: too many were refused at once", None: "not decided yet"}

SIGNUP_RESULTS = {
    SignupResult.ADDED: "added",
    SignupResult.ALREADY: "was already subscribed; nothing changed",
    SignupResult.ACTIVATED: "was waiting for confirmation and is now active",
    SignupResult.RETURNED: "is back, and asked to confirm",
    SignupResult.LEFT: "has left",
}


@group()
def subscribers() -> None:
    """Add, list, import and export subscribers; show or erase what is stored about one."""


subscribers.add_command(import_)


@subscribers.command(
    "add",
    examples=(
        ("Ask somebody to confirm", "publisher subscribers add ann@example.org --list daily"),
        (
            "Add somebody who has agreed already",
            "publisher subscribers add bob@example.org --list daily --confirmed",
        ),
    ),
)
@site_options(at=True)
@click.argument("address")
@list_option(required=True)
@click.option(
    "--confirmed",
    is_flag=True,
    help="The reader has already agreed: activate at once, without a confirmation mail.",
)
def add(site: SiteOptions, address: str, list_slug: str, confirmed: bool) -> None:
    """Add ADDRESS to LIST. Without --confirmed, the reader is asked to confirm first."""
    app = site.open()
    now = app.time_to_write()
    joined = subscribe.add(app.deps, the_list(app, list_slug), address, now, confirmed=confirmed)
    say(f"{address}: {SIGNUP_RESULTS[joined]}")
    if not confirmed and joined is SignupResult.ADDED:
        app.deliver()


@subscribers.command(
    "list",
    examples=(
        ("See everybody", "publisher subscribers list"),
        (
            "Count the active readers of a list",
            "publisher subscribers list --list daily --state active | wc -l",
        ),
    ),
)
@site_options(as_json=True)
@list_option()
@click.option("--state", type=NearestChoice([str(s) for s in SubscriptionState]), help="Only this state.")
def list_(site: SiteOptions, as_json: bool, list_slug: str | None, state: str | None) -> None:
    """List every subscription: address, list, state, and when the next digest is due."""
    app = site.open(reads=True, last_good=True)
    if list_slug is not None:
        the_list(app, list_slug)
    found = app.store.subscriptions(list_slug, SubscriptionState(state) if state else None)
    if as_json:
        rows = (
            {
                "address": s.address,
                "list": s.list,
                "state": s.state,
                "since": utc(s.created_at),
                "confirmed": utc(s.confirmed_at),
                "next_due": utc(s.next_due_at) if s.state is SubscriptionState.ACTIVE else None,
            }
            for s in found
        )
        show_json_rows(rows)
        return
    none = True

    def rows_of_all() -> Iterator[tuple[str, str, str, str]]:
        nonlocal none
        for s in found:
            none = False
            due = local(app, s.next_due_at) if s.state is SubscriptionState.ACTIVE else ""
            yield s.address, s.list, s.state.value, due

    show_table(
        ("address", "list", "state", "next digest"),
        rows_of_all(),
        cut=("address",),
    )
    if none:
        say("no such subscriber" if list_slug or state else "no subscriber yet")


@subscribers.command(
    "show",
    examples=(("Answer a reader who asks what you keep", "publisher subscribers show ann@example.org"),),
)
@site_options(as_json=True)
@click.argument("address")
def show(site: SiteOptions, as_json: bool, address: str) -> None:
    """Show everything that is stored about ADDRESS, for a reader who asks."""
    app = site.open(reads=True, last_good=True)
    dossier = departures.export_data(app.deps, address)
    if as_json:
        show_json(dossier)
        return
    for one in dossier["subscriptions"]:
        due = f", due {local(app, one['next_due'])}" if one["next_due"] else ""
        echo(f"{one['list']}  {one['state']} since {local(app, one['since'])}{due}")
        for name, value in one["choices"].items():
            if value:
                echo(f"    {name}: {value_text(app, value)}")
        for name, value in one["consent"].items():
            echo(f"    consent {name}: {value}")
        for mail in one["mail"]:
            echo(f"    {local(app, mail['since'])}  {mail['state']}  {mail['subject']}")
    for block in dossier["suppressions"]:
        echo(f"{block['list'] or 'every list'}  {block['kind']} since {local(app, block['since'])}")
    for line in refusal_lines(app, dossier):
        echo(line)
    for one in dossier["reports"]:
        reply = f": {one['reply']}" if one["reply"] else ""
        by = f" by {one['provider']}" if one["provider"] else ""
        echo(
            f"{one['kind']} reported{by}  {utc(one['at'])}  mailing {one['mailing']}  {one['effect']}{reply}"
        )
    asked = dossier["confirmation_mails"]
    if asked:
        echo(f"confirmation mails sent to this mailbox lately: {len(asked['sent'])}")
        for sent in asked["sent"]:
            echo(f"    {local(app, sent)}")
        if asked["never_again_since"]:
            echo(f"    its owner wants no more since {local(app, asked['never_again_since'])}")
    if not dossier["subscriptions"] and not dossier["suppressions"] and not asked:
        say(f"nothing is known of {dossier['address']}")
        raise SystemExit(1)


def refusal_lines(app: App, dossier: Mapping[str, Any]) -> Iterator[str]:
    """Lines on what an address refused, and what happens then."""
    for one in dossier["refusals"]:
        what = f"{one['severity']} refusal  {local(app, one['at'])}  mailing {one['mailing']}"
        yield f"{what}  {_COUNTING[one['counts']]}: {one['reply']}"
    if any(block["kind"] == "bounce" for block in dossier["suppressions"]):
        yield f"its mailbox refused too much; `publisher subscribers allow {dossier['address']}` lifts that"
    elif dossier["refusals"]:
        left = dossier["refusals_left"]
        yield (
            f"suppressed after {count(left['hard'], 'more hard refusal')}, a day or more after the last, or "
            f"{count(left['soft'], 'more soft refusal')} within 30 days with no acceptance between them"
        )


@subscribers.command(
    "unsubscribe",
    examples=(("A reader asked by mail to leave", "publisher subscribers unsubscribe ann@example.org"),),
)
@site_options(at=True)
@click.argument("address")
@list_option()
def unsubscribe(site: SiteOptions, address: str, list_slug: str | None) -> None:
    """Unsubscribe ADDRESS as if the reader had done it: only they can come back."""
    app = site.open(stops=True)
    ended = departures.unsubscribe(app.deps, address, list_or_none(app, list_slug), app.clock())
    said = ", ".join(one.list for one in ended)
    say(f"{address}: left {said}" if ended else f"{address}: is not subscribed to this list; nothing changed")


@subscribers.command(
    "suppress",
    examples=(
        (
            "Send nothing to an address, whoever signs it up",
            "publisher subscribers suppress troll@example.net",
        ),
        (
            "Carry over the suppressions of another service",
            "publisher subscribers suppress --file bounced.csv",
        ),
    ),
)
@site_options(at=True)
@click.argument("address", required=False)
@click.option(
    "--file",
    "files",
    multiple=True,
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Everyone in this file: CSV with an `email` column, or one address per line. Repeatable.",
)
@list_option()
@click.option("--dry-run", is_flag=True, help="Show who would be suppressed; store nothing.")
def suppress(
    site: SiteOptions, address: str | None, files: tuple[str, ...], list_slug: str | None, dry_run: bool
) -> None:
    """Send no mail to ADDRESS, or to anybody in FILE, from now on, whoever signs them up."""
    if bool(address) == bool(files):
        raise UsageError("subscribers suppress", "needs one address, or files", "name ADDRESS or --file FILE")
    app = site.open(reads=dry_run, stops=True)
    spec, what = list_or_none(app, list_slug), f"of {list_slug or 'any list'} from now on"
    if address is None:
        suppress_files(app, files, spec, what, dry_run=dry_run)
        return
    if not dry_run:
        departures.suppress(app.deps, address, spec, app.clock())
    say(f"{address}: {'would get' if dry_run else 'gets'} no mail {what}")


@subscribers.command(
    "allow",
    examples=(("A reader wants mail again after a bounce", "publisher subscribers allow ann@example.org"),),
)
@site_options(at=True)
@click.argument("address")
def allow(site: SiteOptions, address: str) -> None:
    """Let ADDRESS get mail and be asked to confirm again, after `suppress`, a bounce or "never ask again".

    A subscriber who unsubscribed or was erased can only come back by signing up.
    """
    app = site.open()
    lifted = signup.allow(app.deps, address, app.clock())
    said = f"lifted: {', '.join(lifted)}" if lifted else "was not blocked; nothing changed"
    say(f"{address}: {said}")


@subscribers.command(
    "resend-confirmation",
    examples=(
        ("A confirmation mail got lost", "publisher subscribers resend-confirmation carl@example.org"),
    ),
)
@site_options(at=True)
@click.argument("address")
@list_option()
def resend_confirmation(site: SiteOptions, address: str, list_slug: str | None) -> None:
    """Ask ADDRESS once more to confirm a pending sign-up. Does not count toward the limit of such mails."""
    app = site.open()
    asked = signup.resend_confirmation(app.deps, address, list_or_none(app, list_slug), app.clock())
    if not asked:
        say(f"{address}: has no pending sign-up")
        raise SystemExit(1)
    say(f"{address}: asked to confirm {', '.join(spec.slug for spec in asked)}")
    app.deliver()


@subscribers.command(
    "erase",
    examples=(
        ("See what would be erased", "publisher subscribers erase ann@example.org --dry-run"),
        ("Erase it", "publisher subscribers erase ann@example.org --yes"),
    ),
)
@site_options(at=True)
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--dry-run", is_flag=True, help="Show what would be erased; change nothing.")
def erase(site: SiteOptions, address: str, yes: bool, dry_run: bool) -> None:
    """Erase ADDRESS. A keyed hash stays, so that no import brings it back; the reader may sign up again."""
    app = site.open(reads=dry_run, stops=True)
    known = len(departures.export_data(app.deps, address)["subscriptions"])
    if dry_run:
        say(f"would forget {address} and {count(known, 'subscription')}")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("subscribers erase", "this cannot be undone", "add --yes")
        confirm(f"Forget {address} and {count(known, 'subscription')}? This cannot be undone.")
    erased = departures.erase(app.deps, address, app.clock())
    say(f"forgot {address} and {count(erased, 'subscription')}")


@subscribers.command(
    "export", examples=(("Save every subscription", "publisher subscribers export > subscribers.csv"),)
)
@site_options()
@list_option()
def export(site: SiteOptions, list_slug: str | None) -> None:
    """Write every subscription to stdout as CSV, with preferences; `import` reads it back, list by list."""
    app = site.open(reads=True, last_good=True)
    spec = list_or_none(app, list_slug)
    rows = csv.DictWriter(sys.stdout, EXPORT_COLUMNS, lineterminator="\n")
    rows.writeheader()
    for one in app.store.subscriptions(spec.slug if spec else None, None):
        rows.writerow({name: printable(guard_formula(cell)) for name, cell in csv_row(one).items()})


def csv_row(one: Subscription) -> Mapping[str, str]:
    """The cells of a row by their columns."""
    facts = {"email": one.address, "list": one.list, "state": one.state.value}
    facts |= {"since": utc(one.created_at) or "", "confirmed": utc(one.confirmed_at) or ""}
    return facts | to_cells(one.choices)


def value_text(app: App, value: Any) -> str:
    """A value as text, empty where there is none."""
    match value:
        case None:
            return ""
        case datetime():
            return local(app, value)
        case list():
            return "; ".join(map(str, cast("list[object]", value)))
        case bool():
            return "yes" if value else ""
        case _:
            return str(value)


def list_or_none(app: App, slug: str | None) -> MailingList | None:
    """The list with that slug; None without a slug, which means all lists. Raises UsageError."""
    return None if slug is None else the_list(app, slug)
