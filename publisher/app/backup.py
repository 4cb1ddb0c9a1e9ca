"""Backup, restore, reconcile: what a site does so that no copy of its store can mail anybody twice."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from publisher import __version__
from publisher.core.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from publisher.app.app import App
    from publisher.core.times import ClockLag
    from publisher.services.deps import Deps
    from publisher.services.operations import reconcile


def save(app: "App", target: Path) -> "Mapping[str, object]":
    """Writes a backup, also while `run` works; returns what it tells of itself."""
    from publisher.stores import backup

    about: dict[str, object] = {
        "site": app.settings.site.url,
        "version": __version__,
        "at": app.clock().isoformat(),
        "log_head": app.store.head().seq,
        "last_mailing": app.store.next_mailing() - 1,
    }
    backup.save(app.settings.store.url, target, app.state / "journal", _keys(app), about)
    return about


def look_into(backup: Path) -> "Mapping[str, Any]":
    """What a backup tells of itself. Raises StoreError: it is none."""
    from publisher.stores import backup as backups

    return backups.look_into(backup)


def put_back(app: "App", backup: Path) -> Path | None:
    """Puts a backup's store into its place, which must be reconciled before it is used; returns where the one
    that was there is kept. Raises Refused while anything works on this site, StoreError, OutputError.
    """
    from publisher.services.operations.reconcile import BEGUN
    from publisher.stores import backup as backups
    from publisher.stores import migrate

    with app.lock("run", wait=False), app.lock("publish", wait=False), app.lock("deliver", wait=False):
        app.close()
        old = backups.put_back(backup, app.settings.store.url, app.state / "journal", _keys(app))
        migrate(app.settings.store.url)
        app.rekey()
        app.store.keep_fact(BEGUN, app.clock().isoformat())
    return old


def catch_up(app: "App", *, dry_run: bool) -> "tuple[reconcile.StoreLag | None, reconcile.Reconciled | None]":
    """What the store lacks (None: nothing), and what was done about it. Raises SourceError, StoreError."""
    from publisher.services.operations import reconcile

    with app.lock("publish"), app.lock("deliver"):
        lacks = reconcile.behind(app.parts, _manifest(app))
        if lacks is None or dry_run:
            return lacks, None
        if lacks.departures_only:
            reconcile.finish_departures(app.parts, lacks)
            return lacks, reconcile.Reconciled(departures=len(lacks.departures), doubts=0, moved={})
        return lacks, reconcile.reconcile(app.parts, lacks, _manifest(app), app.clock())


def accept_clock(app: "App", *, dry_run: bool) -> "ClockLag | None":
    """Takes the present clock for right; returns what it was behind, None: nothing. Raises StoreError."""
    from publisher.services.publishing import clock_checks

    with app.lock("publish"), app.lock("deliver"):
        now = app.clock()
        return clock_checks.clock_behind(app.store, now) if dry_run else clock_checks.accept(app.store, now)


def must_be_up_to_date(app: "App", parts: "Deps | None" = None) -> None:
    """Raises Refused where the store, that of `parts` if it is a copy, lacks what was sent. Who left and is
    not yet known to have, because a crash came between, leaves now.
    """
    from publisher.services.operations import reconcile

    parts = parts or app.parts
    lacks = reconcile.behind(parts, _manifest(app))
    if lacks is not None and lacks.departures_only:
        reconcile.finish_departures(parts, lacks)
    elif lacks is not None:
        raise Refused("store", f"is behind the journal beside it: {lacks}", "run `publisher reconcile` first")


def _manifest(app: "App") -> bytes | None:
    try:
        return (app.public / "manifest.json").read_bytes()
    except OSError:
        return None


def _keys(app: "App") -> list[Path]:
    return [app.settings.secret_file, *(file for _, file in app.settings.mail.dkim.keys)]
