"""subscribers: add and list; the commands about one reader and about files are in modules beside this."""

import click

from publisher.cli.common import SiteOptions, echo, say, show_json_rows, site_options, the_list, utc
from publisher.cli.subscriber_data import (
    allow,
    erase,
    export,
    resend_confirmation,
    show,
    suppress,
    unsubscribe,
)
from publisher.cli.subscribers_import import import_
from publisher.core.subscribers.subscription import SignupResult, SubscriptionState
from publisher.services.subscribers import subscribe

SIGNUP_RESULTS = {
    SignupResult.ADDED: "added",
    SignupResult.ALREADY: "was there already; nothing changed",
    SignupResult.ACTIVATED: "was waiting for confirmation and is now active",
    SignupResult.RETURNED: "is back, and asked to confirm",
    SignupResult.LEFT: "has left",
}


@click.group()
def subscribers() -> None:
    """Readers by email: add, list and import them; let one leave, or see and forget what is kept."""


@subscribers.command("add")
@site_options(at=True)
@click.argument("address")
@click.option("--list", "list_slug", required=True, metavar="LIST", help="The list's slug.")
@click.option(
    "--confirmed", is_flag=True, help="The reader has agreed: active at once, no confirmation mail."
)
def add(site: SiteOptions, address: str, list_slug: str, confirmed: bool) -> None:
    """Adds ADDRESS to LIST; without --confirmed the reader is asked first."""
    app = site.open()
    now = app.time_to_write()
    joined = subscribe.add(app.deps, the_list(app, list_slug), address, now, confirmed=confirmed)
    say(f"{address}: {SIGNUP_RESULTS[joined]}")
    if not confirmed and joined is SignupResult.ADDED:
        app.deliver()


@subscribers.command("list")
@site_options(as_json=True)
@click.option("--list", "list_slug", metavar="LIST", help="Only this list.")
@click.option("--state", type=click.Choice([str(s) for s in SubscriptionState]), help="Only this state.")
def list_(site: SiteOptions, as_json: bool, list_slug: str | None, state: str | None) -> None:
    """Every subscription: address, list, state, when the next digest is due."""
    app = site.open(reads=True)
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
    for s in found:
        due = f"  due {utc(s.next_due_at)}" if s.state is SubscriptionState.ACTIVE else ""
        echo(f"{s.address}  {s.list}  {s.state}{due}")


for command in (import_, show, unsubscribe, suppress, allow, resend_confirmation, erase, export):
    subscribers.add_command(command)
