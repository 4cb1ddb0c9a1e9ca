"""backup, restore, reconcile."""

from pathlib import Path

import click

from publisher.app import App
from publisher.app import backup as keeping
from publisher.cli.common import SiteOptions, confirm_or_refuse, count, say, show_json, site_options, utc
from publisher.cli.help import command
from publisher.cli.progress import showing_progress
from publisher.core.errors import UsageError


@command(examples=(("Save a site to one file, even while it runs", "publisher backup mysite.backup"),))
@site_options(as_json=True)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Replace FILE if it exists.")
def backup(site: SiteOptions, as_json: bool, file: Path, yes: bool) -> None:
    """Save store, journal and secret keys in one FILE that only you may read. `run` may be running."""
    if file.exists() and not yes:
        raise UsageError(str(file), "already exists", "name another file, or add --yes")
    app = site.open(alone=True, last_good=True)
    with showing_progress(app):
        about = keeping.save(app, file)
    say(f"wrote {file}: it contains the keys, so keep it secret")
    if as_json:
        show_json(dict(about) | {"file": str(file), "bytes": file.stat().st_size})


@command(
    examples=(
        ("Look into a backup", "publisher restore mysite.backup --dry-run"),
        (
            "Restore it, then replay what happened since",
            "publisher restore mysite.backup --yes && publisher reconcile",
        ),
    )
)
@site_options(as_json=True)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--dry-run", is_flag=True, help="Show what FILE holds; change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def restore(site: SiteOptions, as_json: bool, file: Path, dry_run: bool, yes: bool) -> None:
    """Restore the store from a backup FILE. Run `reconcile` afterwards."""
    about = keeping.inspect(file)
    said = f"{file} was made at {str(about.get('at'))[:19]} UTC, log head {about.get('log_head')}"
    if dry_run:
        say(f"{said}; nothing was changed")
        if as_json:
            show_json(about)
        return
    confirm_or_refuse("restore", f"{said}; it replaces this site's store", yes=yes)
    app = site.open(alone=True, anew=True)
    old = keeping.restore(app, file)
    say("restored; nothing is planned or sent before `publisher reconcile`")
    if old is not None:
        say(f"the store that was there is {old}")
    if as_json:
        show_json(dict(about) | {"kept": str(old) if old else None})


@command(
    examples=(
        ("See what the store lacks", "publisher reconcile --dry-run"),
        ("Replay it", "publisher reconcile"),
        ("Accept the clock after it was wrong", "publisher reconcile --clock"),
    )
)
@site_options(at=True, as_json=True)
@click.option("--dry-run", is_flag=True, help="Show what the store lacks; change nothing.")
@click.option("--clock", is_flag=True, help="Accept the clock as it is, although the log is ahead of it.")
def reconcile(site: SiteOptions, as_json: bool, dry_run: bool, clock: bool) -> None:
    """After a restore, replay unsubscribes and withdrawals since the backup; what may have been sent is not
    sent again.

    With --clock, accept the present time after the clock was wrong.
    """
    app = site.open(anew=True)
    if clock:
        accept_clock(app, as_json=as_json, dry_run=dry_run)
        return
    lacks, done = keeping.reconcile_store(app, dry_run=dry_run)
    if lacks is None:
        say("the store is up to date")
    elif done is None:
        say(f"the store is behind: {lacks}")
    else:
        say(f"the store was behind: {lacks}")
        if done.departures:
            say(f"replayed {count(done.departures, 'departure')}")
        if done.withdrawn:
            say(f"withdrew {count(done.withdrawn, 'post')} again")
        for slug, readers in done.moved.items():
            say(f"{count(readers, 'reader')} of {slug} already have what was published until then")
        for slug, readers in done.lost.items():
            who = f"{count(readers, 'reader')} of {slug} confirmed since the backup"
            say(f"{who}: they are not in it and get no mail; import them from an export, if there is one")
        if done.doubts:
            number = count(done.doubts, "delivery", "deliveries")
            say(f"unknown: {number}; `publisher mailings list` counts them, `mailings resolve ID` decides")
    if as_json:
        show_json(
            {
                "behind": str(lacks) if lacks else None,
                "departures": done.departures if done else 0,
                "in_doubt": done.doubts if done else 0,
                "moved": done.moved if done else {},
                "withdrawn": done.withdrawn if done else 0,
            }
        )


def accept_clock(app: App, *, as_json: bool, dry_run: bool) -> None:
    """Carries out `reconcile --clock`."""
    zone = app.settings.site.timezone
    wrong = keeping.accept_clock(app, dry_run=dry_run)
    if wrong is None:
        say("the clock is right: nothing written is later")
    else:
        done = "would be accepted" if dry_run else "is accepted"
        say(f"{wrong.in_words(zone)}; the present time {done}")
        if not dry_run:
            say("look at `publisher plan` before you publish: posts dated later than now are withdrawn")
    if as_json:
        show_json({"now": utc(app.clock()), "last_entry": utc(wrong.at) if wrong else None})
