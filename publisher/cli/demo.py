"""`demo` shows what Publisher does in a minute, on a site of its own."""

import shutil
import sys
from collections.abc import Mapping
from datetime import datetime, timedelta
from json import dumps
from pathlib import Path
from urllib.parse import urlsplit

import click

from publisher.app import App, fixed, packaged, wall_clock
from publisher.cli.common import LISTEN, choose_listen, count, parse_listen_option, say
from publisher.cli.help import command
from publisher.cli.service import serve
from publisher.config import Settings, load
from publisher.core.posts.post import ParsedPost, wait_reason
from publisher.core.publishing.plan import Guard
from publisher.core.subscribers.subscription import SchedulePreference
from publisher.init_site import start_example
from publisher.services.subscribers import subscribe
from publisher.services.subscribers.subscribe import next_due_after

READER = "reader@example.org"

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")

NEW_POSTS = 4
"""How many of the newest posts the demo publishes as new; the others are there before the reader."""


@command(
    examples=(
        ("Look around", "publisher demo"),
        ("Only make the site, on another port later", "publisher demo tryout --no-serve --listen 8001"),
    )
)
@click.argument("folder", type=click.Path(path_type=Path), default="publisher-demo", metavar="[DIR]")
@click.option(
    "--listen",
    callback=parse_listen_option,
    metavar="[IP:]PORT",
    help=f"Serve it there. Default: {LISTEN}, or where the site in DIR listens.",
)
@click.option("--no-serve", is_flag=True, help="Publish and mail, then exit.")
def demo(folder: Path, listen: str | None, no_serve: bool) -> None:
    """Create an example site in DIR, publish it, mail its digest to the outbox, and serve it all."""
    new = not (folder / "publisher.toml").exists()
    listen = listen or (LISTEN if new else listen_of(folder))
    if not no_serve:
        listen = choose_listen(listen)  # before anything is made
    if new:
        load_settings(packaged("example"), listen)
        start_example(folder)
        if listen != LISTEN:  # written down, so that other commands agree
            move_to(folder, LISTEN, listen)
        say(f"made     {folder}/: a site of posts in several languages, with publisher.toml")
        publish_and_mail(load_settings(folder, listen))
    else:
        say(f"goes on  {folder}/: a site is there already, as it was left")
        if listen != (before := listen_of(folder)) and move_to(folder, before, listen):
            say(f"moved    its links from {before} to {listen}")
            app = App(load_settings(folder, listen), say=say)
            app.publish(mail=False, overrides=frozenset([Guard.CHURN]))  # every post's URL changes
            app.close()
    say_what_next(load_settings(folder, listen), folder)
    if not no_serve:
        serve(folder, environ_of(folder, listen), listen)


def listen_of(folder: Path) -> str:
    """Where the site in `folder` listens by its own settings."""
    web = load(folder, {}).web
    return f"{f'[{web.host}]' if ':' in web.host else web.host}:{web.port}"


def move_to(folder: Path, before: str, listen: str) -> bool:
    """Writes into publisher.toml that the site listens at `listen`, and that its links lead there. Changes
    nothing and returns False if its links lead elsewhere than to where it listened.
    """
    file = folder / "publisher.toml"
    text = file.read_text(encoding="utf-8")
    url, at = f'"http://{before}/"', f"\n[web]\nlisten = {dumps(before)}\n"
    if text.count(url) != 1 or (before != LISTEN and text.count(at) != 1):
        return False
    text = text.replace(url, dumps(f"http://{listen}/")).replace(at, "")
    file.write_text(f"{text}\n[web]\nlisten = {dumps(listen)}\n", encoding="utf-8")
    return True


def load_settings(folder: Path, listen: str) -> Settings:
    """The site's settings, with links to where it is served."""
    return load(folder, environ_of(folder, listen))


def environ_of(folder: Path, listen: str) -> Mapping[str, str]:
    """The variables that make links lead to where the site is served. Links of a site that readers reach
    elsewhere stay as they are, or all its posts would look changed.
    """
    base = f"http://{listen}/"
    served = {"PUBLISHER_WEB__LISTEN": listen, "PUBLISHER_WEB__PUBLIC_URL": base}
    if urlsplit(load(folder, served).site.url).hostname in LOCAL_HOSTS:
        return {"PUBLISHER_SITE__URL": base, **served}
    return served


def publish_and_mail(settings: Settings) -> None:
    """Publishes a baseline, adds a reader, and then publishes the newest posts and sends the digest."""
    before, after = times_of_runs(settings)
    with_clock = App(settings, clock=fixed(before), say=say)
    with_clock.publish()
    spec = settings.lists[0]
    subscribe.add(with_clock.deps, spec, READER, before, confirmed=True)
    with_clock.close()
    app = App(settings, clock=fixed(after), say=say)
    report = app.publish()
    stats, _ = app.deliver()
    posts = app.store.newest_posts(1000)
    say(f"read     posts/: {count(len(posts), 'post')} public, drafts and the future kept back")
    say(f"wrote    public/: {', '.join(sorted(p.name for p in app.public.glob('feed.*')))} and pages")
    new = count(len(report.published.plan.changes), "new post")
    say(f"mailed   outbox/: {count(stats.accepted, 'digest')} with {new} to {READER}")
    app.close()


def times_of_runs(settings: Settings) -> tuple[datetime, datetime]:
    """A time just before the newest posts, and the list's first digest time after all of them."""
    app = App(settings)
    posts = [item.post for item in app.deps.adapters.source().scan() if isinstance(item, ParsedPost)]
    out = sorted(p.instant for p in posts if p.instant and wait_reason(p, wall_clock()) is None)
    spec = settings.lists[0]
    due = next_due_after(spec, SchedulePreference(), out[-1])
    app.close()
    return out[-NEW_POSTS] - timedelta(hours=1), due


def say_what_next(settings: Settings, folder: Path) -> None:
    """Says what to look at and what to try next."""
    base, site, program = settings.site.public_url, f"--site {folder}", program_name()
    slug = settings.lists[0].slug if settings.lists else ""
    pages = sorted((settings.folder / "public/digests" / slug).glob("*/index.html"), key=mailing_number)
    look = [
        (base, "the start page: feeds, lists, posts"),
        (f"{base}feed.atom", "the feed (also feed.xml for RSS, feed.json)"),
    ]
    if slug and pages:
        look.append((f"{base}digests/{slug}/{mailing_number(pages[-1])}/", "the digest as it was mailed"))
    if slug:
        look += [
            (f"{base}digests/{slug}/", "the archive of digests"),
            (f"{base}subscribe/{slug}", f"sign up: the confirmation mail lands in {folder}/outbox/"),
        ]
    look.append((f"{folder}/outbox/", "each mail, byte for byte, as an .eml file"))
    wide = max(len(place) for place, _ in look)
    say("\nLook at")
    for place, what in look:
        say(f"  {place:{wide}}  {what}")
    say(
        f"""
Try next
  write a post into {folder}/posts/ and see it in the feed at once
  {program} plan {site}
  {program} subscribers add you@example.org --list {slug or "LIST"} --confirmed {site}
  {program} mailings list {site}
  {program} init mysite
"""
    )


def program_name() -> str:
    """How to call this program: by its name if the shell finds it, else by its path."""
    called = Path(sys.argv[0])
    if shutil.which("publisher") or called.name != "publisher":
        return "publisher"
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)


def mailing_number(page: Path) -> int:
    """The id of the mailing with this page."""
    return int(page.parent.name)
