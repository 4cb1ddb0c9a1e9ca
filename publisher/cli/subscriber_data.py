"""subscribers: show, unsubscribe, suppress, allow, resend-confirmation, erase, export."""

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
    say,
    show_json,
    site_options,
    the_list,
    utc,
)
from publisher.core.errors import UsageError
from publisher.core.printable import printable
from publisher.core.subscribers.preferences_csv import EXPORT_COLUMNS, guard_formula, to_cells
from publisher.core.subscribers.subscription import MailingList, Subscription
from publisher.services.subscribers import admin, signup


@click.command("show")
@site_options(as_json=True)
@click.argument("address")
def show(site: SiteOptions, as_json: bool, address: str) -> None:
    """Everything that is kept about ADDRESS: what to answer a reader who asks."""
    app = site.open(reads=True)
    dossier = admin.export_data(app.deps, address)
    if as_json:
        show_json(dossier)
        return
    for one in dossier["subscriptions"]:
        due = f", due {utc(one['next_due'])}" if one["next_due"] else ""
        echo(f"{one['list']}  {one['state']} since {utc(one['since'])}{due}")
        for name, value in one["choices"].items():
            if value:
                echo(f"    {name}: {cell_text(value)}")
        for name, value in one["consent"].items():
            echo(f"    consent {name}: {value}")
        for mail in one["mail"]:
            echo(f"    {utc(mail['since'])}  {mail['state']}  {mail['subject']}")
    for block in dossier["suppressions"]:
        echo(f"{block['list'] or 'every list'}  {block['kind']} since {utc(block['since'])}")
    for line in refusal_lines(dossier):
        echo(line)
    asked = dossier["confirmation_mails"]
    if asked:
        echo(f"confirmation mails sent to this mailbox lately: {len(asked['sent'])}")
        for sent in asked["sent"]:
            echo(f"    {utc(sent)}")
        if asked["never_again_since"]:
            echo(f"    its owner wants no more since {utc(asked['never_again_since'])}")
    if not dossier["subscriptions"] and not dossier["suppressions"] and not asked:
        say(f"nothing is known of {dossier['address']}")
        raise SystemExit(1)


_COUNTING = {True: "counts", False: "does not count: too many were refused at once", None: "not decided yet"}


def refusal_lines(dossier: Mapping[str, Any]) -> Iterator[str]:
    """What an address refused, and what comes of it."""
    for one in dossier["refusals"]:
        what = f"{one['severity']} refusal  {utc(one['at'])}  mailing {one['mailing']}"
        yield f"{what}  {_COUNTING[one['counts']]}: {one['reply']}"
    if any(block["kind"] == "bounce" for block in dossier["suppressions"]):
        yield f"its mailbox refused too much; `publisher subscribers allow {dossier['address']}` lifts that"
    elif dossier["refusals"]:
        left = dossier["refusals_left"]
        yield (
            f"suppressed after {count(left['hard'], 'more hard refusal')}, a day or more after the last, or "
            f"{count(left['soft'], 'more soft refusal')} within 30 days with no acceptance between them"
        )


@click.command("unsubscribe")
@site_options(at=True)
@click.argument("address")
@click.option("--list", "list_slug", metavar="LIST", help="Only this list (default: all).")
def unsubscribe(site: SiteOptions, address: str, list_slug: str | None) -> None:
    """ADDRESS leaves, as if the reader had: only they can come back."""
    app = site.open(reads=True)
    ended = admin.unsubscribe(app.deps, address, list_or_none(app, list_slug), app.clock())
    said = ", ".join(one.list for one in ended)
    say(f"{address}: left {said}" if ended else f"{address}: is on no such list; nothing changed")


@click.command("suppress")
@site_options(at=True)
@click.argument("address")
@click.option("--list", "list_slug", metavar="LIST", help="Only this list (default: all).")
def suppress(site: SiteOptions, address: str, list_slug: str | None) -> None:
    """No mail to ADDRESS from now on, whoever signs it up."""
    app = site.open(reads=True)
    admin.suppress(app.deps, address, list_or_none(app, list_slug), app.clock())
    say(f"{address}: gets no mail of {list_slug or 'any list'} from now on")


@click.command("allow")
@site_options(at=True)
@click.argument("address")
def allow(site: SiteOptions, address: str) -> None:
    """Let ADDRESS get mail and be asked to confirm again, after `suppress`, a bounce or "never ask again".

    A subscriber who unsubscribed or was erased can only come back by signing up."""
    app = site.open()
    lifted = signup.allow(app.deps, address, app.clock())
    said = f"lifted: {', '.join(lifted)}" if lifted else "nothing held it back; nothing changed"
    say(f"{address}: {said}")


@click.command("resend-confirmation")
@site_options(at=True)
@click.argument("address")
@click.option("--list", "list_slug", metavar="LIST", help="Only this list (default: all).")
def resend_confirmation(site: SiteOptions, address: str, list_slug: str | None) -> None:
    """Ask ADDRESS once more to confirm a pending sign-up. Does not count toward the limit of such mails."""
    app = site.open()
    asked = signup.resend_confirmation(app.deps, address, list_or_none(app, list_slug), app.clock())
    if not asked:
        say(f"{address}: has no sign-up that waits for confirmation")
        raise SystemExit(1)
    say(f"{address}: asked to confirm {', '.join(spec.slug for spec in asked)}")
    app.deliver()


@click.command("erase")
@site_options(at=True)
@click.argument("address")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say what would be forgotten; change nothing.")
def erase(site: SiteOptions, address: str, yes: bool, dry_run: bool) -> None:
    """Forgets ADDRESS. A keyed hash stays, so that no import brings it back; the reader may return."""
    app = site.open(reads=True)
    known = len(admin.export_data(app.deps, address)["subscriptions"])
    if dry_run:
        say(f"would forget {address} and {count(known, 'subscription')}")
        return
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("subscribers erase", "there is no way back", "say --yes")
        confirm(f"Forget {address} and {count(known, 'subscription')}? There is no way back.")
    erased = admin.erase(app.deps, address, app.clock())
    say(f"forgot {address} and {count(erased, 'subscription')}")


@click.command("export")
@site_options()
@click.option("--list", "list_slug", metavar="LIST", help="Only this list (default: all).")
def export(site: SiteOptions, list_slug: str | None) -> None:
    """Every subscription as CSV on stdout, with what readers chose; `import` takes it back, list by list."""
    app = site.open(reads=True)
    spec = list_or_none(app, list_slug)
    rows = csv.DictWriter(sys.stdout, EXPORT_COLUMNS, lineterminator="\n")
    rows.writeheader()
    for one in app.store.subscriptions(spec.slug if spec else None, None):
        rows.writerow({name: printable(guard_formula(cell)) for name, cell in csv_row(one).items()})


def csv_row(one: Subscription) -> Mapping[str, str]:
    """The cells of a line, by their columns."""
    facts = {"email": one.address, "list": one.list, "state": one.state.value}
    facts |= {"since": utc(one.created_at) or "", "confirmed": utc(one.confirmed_at) or ""}
    return facts | to_cells(one.choices)


def cell_text(value: Any) -> str:
    """A value as text, empty where there is none."""
    match value:
        case None:
            return ""
        case datetime():
            return utc(value) or ""
        case list():
            return "; ".join(map(str, cast("list[object]", value)))
        case bool():
            return "yes" if value else ""
        case _:
            return str(value)


def list_or_none(app: App, slug: str | None) -> MailingList | None:
    """The list of that slug, None for all. Raises UsageError."""
    return None if slug is None else the_list(app, slug)
