"""demo: what Publisher does, shown on a site of its own in a minute."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from publisher.app import REST, App, fixed, wall_clock
from publisher.cli.common import count, say
from publisher.cli.run import serve
from publisher.config import Settings, load
from publisher.core.posts import Parsed, why_not
from publisher.services import subscribe
from publisher.starting import start_example

READER = "reader@example.org"

FRESH = 4
"""How many of the newest posts the demo publishes as new; the others are there before the reader."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default="publisher-demo", metavar="[DIR]")
@click.option("--listen", metavar="HOST:PORT", default="127.0.0.1:8000", show_default=True)
@click.option("--no-serve", is_flag=True, help="Publish and mail, then stop.")
@click.option("--debug", is_flag=True, help="Show the whole traceback of an error.")
def demo(folder: Path, listen: str, no_serve: bool, debug: bool) -> None:
    """Makes a site in DIR, publishes it, mails its digest to the outbox, and serves it all."""
    new = not (folder / "publisher.toml").exists()
    if new:
        start_example(folder)
        say(f"made     {folder}/: a site of posts in several languages, with publisher.toml")
    settings = load(folder, {"PUBLISHER_WEB__PUBLIC_URL": f"http://{listen}/"})
    if new:
        _publish(settings)
    _tell(folder, listen)
    if not no_serve:
        serve(App(settings, say=say, rest=REST), listen)


def _publish(settings: Settings) -> None:
    """A baseline before the newest posts, a reader, then the day on which they come out."""
    before, after = _moments(settings)
    with_clock = App(settings, clock=fixed(before), say=say)
    with_clock.publish()
    spec = settings.lists[0]
    subscribe.add(with_clock.parts, spec, READER, before, confirmed=True)
    with_clock.close()
    app = App(settings, clock=fixed(after), say=say)
    report = app.publish()
    tally, _ = app.deliver()
    posts = app.store.newest(1000)
    say(f"read     posts/: {count(len(posts), 'post')} public, drafts and the future kept back")
    say(f"wrote    public/: {', '.join(sorted(p.name for p in app.public.glob('feed.*')))} and pages")
    new = count(len(report.published.plan.changes), "new post")
    say(f"mailed   outbox/: {count(tally.accepted, 'digest')} with {new} to {READER}")
    app.close()


def _moments(settings: Settings) -> tuple[datetime, datetime]:
    """Just before the newest posts' time, and the first hour of the list at which they are all out."""
    app = App(settings)
    posts = [item.post for item in app.parts.source.scan() if isinstance(item, Parsed)]
    out = sorted(p.instant for p in posts if p.instant and why_not(p, wall_clock()) is None)
    spec = settings.lists[0]
    due = app.parts.cadences[spec.cadence].after(out[-1], spec)
    app.close()
    return out[-FRESH] - timedelta(hours=1), due


def _tell(folder: Path, listen: str) -> None:
    """What to look at and what to try next."""
    base = f"http://{listen}/"
    site = f"--site {folder}"
    say(
        f"""
Look at
  {base}                    the start page: feeds, lists, posts
  {base}feed.atom           the feed (also feed.xml for RSS, feed.json)
  {base}digests/            the digest as it was mailed, and the archive
  {base}subscribe           sign up: the confirmation mail lands in {folder}/outbox/
  {folder}/outbox/          each mail, byte for byte, as an .eml file

Try next
  write a post into {folder}/posts/ and see it in the feed at once
  publisher plan {site}
  publisher subscribers add you@example.org --list news --confirmed {site}
  publisher mailings list {site}
  publisher init mysite
"""
    )
