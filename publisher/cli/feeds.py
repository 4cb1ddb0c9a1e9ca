"""feeds: list, move, end, rebuild, ping, snippet."""

from collections.abc import Sequence
from typing import Any

import click

from publisher.app import App
from publisher.cli.common import (
    SiteOptions,
    check_feed,
    complete_feeds,
    count,
    echo,
    local,
    say,
    show_json,
    show_table,
    site_options,
    utc,
)
from publisher.cli.help import NearestChoice, command, did_you_mean, group
from publisher.core.errors import UsageError
from publisher.core.feeds.redirects import Redirect
from publisher.services.feeds import pages, redirects
from publisher.services.feeds.feeds import rebuild_archives
from publisher.services.feeds.retired_feeds import retired_feeds
from publisher.services.feeds.server_snippets import SERVERS, server_config


@command("snippet", examples=(("Let nginx serve public/", "publisher feeds snippet nginx > feeds.conf"),))
@site_options()
@click.argument("server", metavar="SERVER", type=NearestChoice(list(SERVERS)))
def snippet_(site: SiteOptions, server: str) -> None:
    """Print configuration for a web server that serves public/ itself.

    SERVER is nginx, apache or caddy; or, for hosts such as Netlify and Cloudflare Pages, headers (their file
    _headers) or redirects (their file _redirects). Print it again when feeds change or move.
    """
    app = site.open(alone=True)
    web = app.settings.web
    echo(server_config(app.deps, server, app.public.resolve(), f"{web.host}:{web.port}"), nl=False)


def ping_and_say(app: App) -> list[dict[str, Any]]:
    """Notifies the hubs that are due. Prints a line for each hub on stderr, and returns the same as data."""
    pinged = app.ping()
    for hub in dict.fromkeys(ping.hub for ping in pinged.notified):
        number = sum(ping.hub == hub for ping in pinged.notified)
        say(f"notified {hub} of {count(number, 'feed')}")
    for hub, reply in dict.fromkeys((ping.hub, ping.reply) for ping in pinged.failed):
        say(f"hub {hub} was not notified ({reply}); `run`, `publish` or `feeds ping` will try again")
    rows = [{"hub": ping.hub, "topic": ping.topic, "told": True, "reply": ""} for ping in pinged.notified]
    return rows + [{"hub": p.hub, "topic": p.topic, "told": False, "reply": p.reply} for p in pinged.failed]


@group()
def feeds() -> None:
    """List feeds; move or end one; notify hubs."""


@feeds.command("list", examples=(("See every document, and addresses that moved", "publisher feeds list"),))
@site_options(as_json=True)
def list_(site: SiteOptions, as_json: bool) -> None:
    """List each document of each feed, and every address that moved or ended."""
    app = site.open(alone=True)
    rows, moves = pages.list_feed_files(app.deps), app.store.all_redirects()
    if as_json:
        values = [
            {"slug": r.slug, "path": r.path, "url": r.url, "entries": r.entries, "archive": r.archive}
            | {"changed": utc(r.changed)}
            for r in rows
        ]
        ended = [{"path": m.path, "fate": m.kind, "target": m.target, "at": utc(m.at)} for m in moves]
        show_json({"documents": values, "moves": ended})
        return
    base = app.settings.site.public_url
    table = [
        (row.url, "archive" if row.archive else "feed", f"{row.entries:,}", local(app, row.changed), "")
        for row in rows
    ]
    table += [(f"{base}{m.path}", m.kind.value, "", local(app, m.at), target_of(app, m)) for m in moves]
    show_table(("address", "kind", "entries", "changed", "leads to"), table)
    if not rows:
        say("no feed yet: `publisher publish` writes them")


@feeds.command(
    examples=(
        ("See what would move", "publisher feeds move feed https://news.example.org/ --dry-run"),
        ("Redirect a feed to another host", "publisher feeds move feed https://news.example.org/"),
    )
)
@site_options(at=True)
@click.argument("old", metavar="SLUG|OLDPATH", shell_complete=complete_feeds)
@click.argument("new", metavar="NEW")
@click.option("--dry-run", is_flag=True, help="Show what would move; change nothing.")
def move(site: SiteOptions, old: str, new: str, dry_run: bool) -> None:
    """Redirect OLD to NEW permanently (301).

    OLD is a feed's slug or a path under public/; NEW is a URL, such a path, or the slug of another feed. If
    NEW is a folder (it ends in /), the documents of a feed keep their names there.
    """
    app = site.open()
    for name in (old, new):
        check_feed_or_path(app, name, "feeds move")
    if dry_run:
        for path in redirects.redirect_sources(app.deps, old):
            echo(f"{path} would lead to {new}")
        return
    with app.lock("publish"):
        made = redirects.move(app.deps, old, new, app.time_to_write())
    print_redirects(app, made)


@feeds.command(
    examples=(
        ("End a feed", "publisher feeds end notes"),
        ("Take that back", "publisher feeds end notes --undo"),
    )
)
@site_options(at=True)
@click.argument("old", metavar="SLUG|PATH", shell_complete=complete_feeds)
@click.option("--undo", is_flag=True, help="Undo a move or an end.")
@click.option("--dry-run", is_flag=True, help="Show what would end; change nothing.")
def end(site: SiteOptions, old: str, undo: bool, dry_run: bool) -> None:
    """End a feed or an address (410 Gone), so that feed readers stop requesting it."""
    app = site.open()
    if not undo:
        check_feed_or_path(app, old, "feeds end")
    if dry_run:
        for path in redirects.redirect_sources(app.deps, old):
            echo(f"{path} would {'be as before' if undo else 'end'}")
        return
    with app.lock("publish"):
        if undo:
            for taken in redirects.undo(app.deps, old):
                say(f"taken back: {taken.path}; the next publish writes it")
            return
        made = redirects.end(app.deps, old, app.time_to_write())
    print_redirects(app, made)


@feeds.command(examples=(("Rebuild the archives of one feed", "publisher feeds rebuild feed"),))
@site_options(at=True, as_json=True)
@click.argument("slugs", metavar="[SLUG...]", shell_complete=complete_feeds, nargs=-1)
@click.option("--dry-run", is_flag=True, help="Name the feeds; change nothing.")
def rebuild(site: SiteOptions, as_json: bool, slugs: tuple[str, ...], dry_run: bool) -> None:
    """Rebuild the archive documents of feeds from their posts as they are now (without SLUG: of all feeds).

    Archives keep what they said when they were full; use this for a change that must reach them too.
    """
    app = site.open()
    for slug in slugs:
        check_feed(app, slug, "feeds rebuild")
    chosen = list(slugs or (spec.slug for spec in app.settings.feeds))
    if dry_run:
        echo("\n".join(chosen))
        return
    with app.lock("publish"):
        written = rebuild_archives(app.deps, chosen, app.time_to_write())
    if as_json:
        show_json({"feeds": chosen, "documents": list(written)})
        return
    for path in written:
        echo(path)
    say(f"wrote {count(len(written), 'document')} of {', '.join(chosen)}")


@feeds.command(examples=(("After uploading public/", "publisher feeds ping"),))
@site_options(as_json=True)
def ping(site: SiteOptions, as_json: bool) -> None:
    """Notify hubs of changed feeds now, after uploading the documents."""
    app = site.open()
    told = ping_and_say(app)
    if as_json:
        show_json(told)
    elif not told:
        say("no hubs to notify")


feeds.add_command(snippet_)


def check_feed_or_path(app: App, name: str, where: str) -> None:
    """Raises UsageError for a word that is no feed's slug: a path has a dot or a slash."""
    there = [spec.slug for spec in app.deps.rules.feeds]
    known = {*there, *(feed.slug for feed in retired_feeds(app.deps))}
    if name not in known and not {".", "/"} & set(name):
        do = f"{did_you_mean(name, there, 'publisher.toml has')}; begin a path with /"
        raise UsageError(where, f"no feed {name!r}", do)


def print_redirects(app: App, moves: Sequence[Redirect]) -> None:
    """Prints each redirect that was made, and what to do next."""
    for move in moves:
        echo(redirect_in_words(app, move))
    say("written to moved.json: keep it with publisher.toml; take what is gone out of [[feeds]] too")


def redirect_in_words(app: App, move: Redirect) -> str:
    """Where a redirect leads from and to."""
    target = target_of(app, move)
    return f"{app.settings.site.public_url}{move.path}  {move.kind}{f' to {target}' if target else ''}"


def target_of(app: App, move: Redirect) -> str:
    """The address that a redirect leads to; "" if it leads nowhere any more."""
    inside = move.target and "://" not in move.target
    return f"{app.settings.site.public_url}{move.target}" if inside else move.target
