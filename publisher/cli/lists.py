"""lists: list, rename, close. signup-form."""

from typing import Any

import click

from publisher.cli.common import (
    SiteOptions,
    complete_lists,
    confirm_or_refuse,
    count,
    echo,
    local,
    say,
    show_json,
    show_table,
    site_options,
    the_list,
    utc,
)
from publisher.cli.help import command, group
from publisher.core.errors import UsageError
from publisher.core.site import web_origin
from publisher.core.subscribers.subscription import SubscriptionState
from publisher.services.digests import archive_pages
from publisher.services.feeds import redirects
from publisher.services.subscribers import lists as verbs


@group()
def lists() -> None:
    """List mailing lists; rename or close one that you took out of publisher.toml."""


@lists.command("list", examples=(("See every list and its readers", "publisher lists list"),))
@site_options(as_json=True)
def list_(site: SiteOptions, as_json: bool) -> None:
    """List every list there is or was, with its readers."""
    app = site.open(reads=True, last_good=True)
    found = verbs.summarize_lists(app.deps.rules, app.store)
    if as_json:
        rows: list[dict[str, Any]] = [
            {"slug": one.slug, "title": one.title, "status": one.status or None, "to": one.to or None}
            for one in found
        ]
        for row, one in zip(rows, found, strict=True):
            row["at"] = utc(one.at)
            row["readers"] = {str(state): one.readers.get(state, 0) for state in SubscriptionState}
        show_json(rows)
        return
    show_table(
        ("list", "readers", "title", "status", "since"),
        [
            (
                one.slug,
                ", ".join(f"{number:,} {state}" for state, number in one.readers.items()) or "no readers",
                one.title,
                one.status + (f" to {one.to}" if one.to else ""),
                local(app, one.at),
            )
            for one in found
        ],
        cut=("readers", "title"),
    )
    for line in verbs.describe_removed(app.deps.rules, app.store):
        say(line)
    if not found:
        say("no list: publisher.toml has no [[lists]]")


@lists.command(
    examples=(
        ("See how many readers would move", "publisher lists rename former weekly --dry-run"),
        ("Give the readers of a renamed list to the new one", "publisher lists rename former weekly"),
    )
)
@site_options(at=True, as_json=True)
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--dry-run", is_flag=True, help="Show how many readers would move; change nothing.")
def rename(site: SiteOptions, old: str, new: str, as_json: bool, dry_run: bool) -> None:
    """Move the readers of OLD to NEW, after you renamed the list in publisher.toml.

    Readers keep their preferences and get each post once. Links in earlier mails keep working, and readers
    who unsubscribed from OLD are unsubscribed from NEW. Mail already planned for OLD still goes out. The
    pages of its digests move, with redirects.
    """
    app = site.open()
    if dry_run:
        waits = verbs.check_rename(app.deps.rules, app.store, old, new)
        say(f"{count(waits.readers, 'reader')} of {old} would be readers of {new}")
        return
    with app.lock("publish"):
        now = app.time_to_write()
        mailed = [one.id for one in app.store.mailings(counted=False) if one.list == old]
        done = verbs.rename(app.deps, old, new, now)
        archive_pages.write_mailing_pages(app.deps, now)
        redirects.redirect_archive(app.deps, old, new, mailed, now)
    if as_json:
        show_json(
            {"list": old, "to": new, "readers": done.readers, "on_both": done.on_both}
            | {"had_left": done.had_left}
        )
    say(f"{old} is {new} now, with {count(done.readers, 'reader')}")
    if done.on_both:
        say(f"{count(done.on_both, 'reader')} of both: they go on as before, with one mail instead of two")
    if done.had_left:
        say(f"{count(done.had_left, 'reader')} had left {new}, and get no more mail of it")


@lists.command(
    examples=(
        ("See what would end", "publisher lists close ended --dry-run"),
        ("End a list that you took out of publisher.toml", "publisher lists close ended --yes"),
    )
)
@site_options(at=True, as_json=True)
@click.argument("slug", metavar="LIST", shell_complete=complete_lists)
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--dry-run", is_flag=True, help="Show what would end; change nothing.")
def close(site: SiteOptions, slug: str, as_json: bool, yes: bool, dry_run: bool) -> None:
    """End LIST for its readers, after you took it out of publisher.toml.

    Mailings of it that are under way are cancelled. Its readers are told nothing by mail: say goodbye with a
    last post. Links in its mails say that it has ended, one-click unsubscribe still answers, and the pages of
    its digests stay. The readers stay known as such, so that nobody brings them back without their wish.
    """
    app = site.open()
    waits = verbs.check_close(app.deps.rules, app.store, slug)
    what = f"{count(waits.readers, 'reader')} of {slug} get no more mail"
    if waits.mailings:
        what += f", and {count(waits.mailings, 'mailing')} under way ends"
    if dry_run:
        say(f"would close: {what}")
        return
    confirm_or_refuse(f"list {slug}", f"close: {what}", yes=yes)
    with app.lock("publish"):
        done = verbs.close(app.deps, slug, app.time_to_write())
    if as_json:
        show_json({"list": slug, "readers": done.readers})
    say(f"{slug} is closed: {count(done.readers, 'reader')} get no more mail; nobody is told by mail")


@command(
    "signup-form",
    examples=(
        ("Print a form for your own site", "publisher signup-form daily"),
        ("A form that stays on its page", "publisher signup-form daily --script"),
        (
            "A form that ends on a page of yours",
            "publisher signup-form daily --success https://blog.example.org/thanks",
        ),
    ),
)
@site_options()
@click.argument("slug", metavar="LIST", shell_complete=complete_lists)
@click.option("--script", is_flag=True, help="With a small script, so that the form stays on its page.")
@click.option("--success", metavar="URL", default="", help="The page that a sign-up ends on.")
def signup_form(site: SiteOptions, slug: str, script: bool, success: str) -> None:
    """Print the sign-up form of LIST, as HTML to paste into any page of any site.

    The form leads to this site's sign-up page, which shows a button. With --script, readers stay on the page
    that has the form; its site must be in web.allowed_origins, and so must that of --success.
    """
    app = site.open(alone=True)
    spec = the_list(app, slug, "LIST")
    allowed = app.settings.web.allowed_origins
    if success and web_origin(success) not in allowed:
        origin = web_origin(success) or "its origin"
        raise UsageError("--success", f"{success!r} is not allowed", f"add {origin} to web.allowed_origins")
    if script and not allowed:
        say(
            "warning: web.allowed_origins is empty: without the origin of the page, its script cannot sign up"
        )
    base = app.settings.site.public_url
    values: dict[str, object] = {
        "site": app.settings.site,
        "language": app.deps.rules.language(spec),
        "list": spec,
        "action": f"{base}subscribe/{spec.slug}",
        "success": success,
        "api": f"{base}api/subscribe" if script else "",
    }
    echo(app.deps.adapters.renderer.page("signup-form", values).strip())
