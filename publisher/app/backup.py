"""Copies of a site's store: backup, restore, reconcile, and simulation on a copy, so that nobody gets mail
twice. Also checks that the store exists and belongs to this site.
"""

import os
import secrets
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from publisher import __version__, services
from publisher.core.errors import Refused, UsageError
from publisher.stores import file_of
from publisher.stores.files import output_error, write_all
from publisher.stores.files.locks import is_locked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from publisher.app.open_site import OpenSite
    from publisher.core.times import ClockLag
    from publisher.services.deps import Deps
    from publisher.services.digests.preview import SimulatedEvent
    from publisher.services.operations import reconcile


def save(site: "OpenSite", target: Path) -> "Mapping[str, object]":
    """Writes a backup, even while `run` is active; returns its description."""
    from publisher.stores import backup

    must_be_file(site, "use pg_dump, and keep copies of .publisher/journal and of the keys beside its file")
    about: dict[str, object] = {
        "site": site.settings.site.url,
        "version": __version__,
        "at": site.clock().isoformat(),
        "log_head": site.store.head().seq,
        "last_mailing": site.store.next_mailing_id() - 1,
    }
    journal = site.state / "journal"
    backup.write_backup(site.settings.store.url, target, journal, _key_files(site), about, site.progress)
    return about


def must_be_file(site: "OpenSite", do: str) -> None:
    """Raises Refused if the store is no file that could be copied or replaced; `do` says what else to do."""
    if file_of(site.settings.store.url) is None:
        raise Refused(
            site.store_name, "this command works on SQLite files, and the store is in PostgreSQL", do
        )


def inspect(backup: Path) -> "Mapping[str, Any]":
    """The description in a backup. Raises StoreError if the file is not one."""
    from publisher.stores import backup as backups

    return backups.read_about(backup)


def restore(site: "OpenSite", backup: Path) -> Path | None:
    """Replaces the store with a backup's, which must be reconciled before use. Returns where the old store is
    kept. Raises Refused while anything uses this site, StoreError, OutputError.
    """
    from publisher.services.operations.reconcile import BEGUN
    from publisher.stores import backup as backups
    from publisher.stores import migrate

    must_be_file(site, "restore the database with pg_restore, then run `publisher reconcile`")
    with site.lock("run", wait=False), site.lock("publish", wait=False), site.lock("deliver", wait=False):
        site.close()
        old = backups.restore_backup(
            backup, site.settings.store.url, site.state / "journal", _key_files(site)
        )
        migrate(site.settings.store.url)
        site.rekey()
        site.store.set_meta(BEGUN, site.clock().isoformat())
        if restored_id := site.store.meta(SITE_ID):  # the backup may be of this site before it moved here
            _write_id(site, restored_id)
    return old


def reconcile_store(
    site: "OpenSite", *, dry_run: bool
) -> "tuple[reconcile.StoreLag | None, reconcile.Reconciled | None]":
    """What the store lacks, if anything, and what was done about it. Raises SourceError, StoreError."""
    from publisher.services.operations import reconcile

    with site.lock("publish"), site.lock("deliver"):
        lacks = reconcile.store_lag(site.deps, _manifest(site))
        if lacks is None or dry_run:
            return lacks, None
        if lacks.departures_only and not reconcile.lost_confirmations(site.deps):
            reconcile.finish_departures(site.store, lacks)
            return lacks, reconcile.Reconciled(departures=len(lacks.departures), doubts=0, moved={})
        return lacks, reconcile.reconcile(site.deps, lacks, _manifest(site), site.clock())


def accept_clock(site: "OpenSite", *, dry_run: bool) -> "ClockLag | None":
    """Accepts the clock as it is; returns how far it was behind, None if it was not. Raises StoreError."""
    from publisher.services.publishing import preflight

    with site.lock("publish"), site.lock("deliver"):
        now = site.clock()
        if dry_run:
            return preflight.clock_behind(site.store, now)
        return preflight.accept_clock(site.store, now)


def must_be_up_to_date(site: "OpenSite", deps: "Deps | None" = None, *, publishing: bool = False) -> None:
    """Raises Refused if the store lacks something that was sent. Departures in the journal that a crash kept
    out of the store are carried out now, and so are withdrawals before `publishing` a site without lists,
    which has nobody to mail. Give `deps` to check a copy of the store.
    """
    from publisher.services.operations import reconcile
    from publisher.services.publishing import publish
    from publisher.services.subscribers import lists

    deps = deps or site.deps
    lacks = reconcile.store_lag(deps, _manifest(site))
    if lacks is not None and lacks.departures_only:
        reconcile.finish_departures(deps.adapters.store, lacks)
    elif lacks is not None and not deps.rules.lists:
        lists.replay_list_changes(deps.adapters.store, lacks.lists)
        if publishing:
            publish.replay_withdrawals(deps.adapters.store, lacks.withdrawn)
    elif lacks is not None:
        raise Refused("store", f"is behind the journal beside it: {lacks}", "run `publisher reconcile` first")


def _manifest(site: "OpenSite") -> bytes | None:
    try:
        return (site.public / "manifest.json").read_bytes()
    except OSError:
        return None


def _key_files(site: "OpenSite") -> list[Path]:
    return [site.settings.secret_file, *(file for _, file in site.settings.mail.dkim.keys)]


@contextmanager
def on_a_copy(site: "OpenSite") -> "Generator[Deps, None, None]":
    """What services work with, over a temporary copy of a site's store. Whatever they journal, publish and
    send there is discarded. Raises StoreError, OutputError.
    """
    from publisher.core.mail.message import MailTransport
    from publisher.stores import backup, open_store
    from publisher.stores.files.journal import FileJournal
    from publisher.stores.files.public_folder import PublicDirectory
    from publisher.transports import TRANSPORTS

    must_be_file(site, "simulate on a site with an SQLite store")
    site.store.head()  # a new site has one from here on
    with tempfile.TemporaryDirectory(prefix=".simulate.", dir=site.state) as name:
        folder = Path(name)
        deps = site.deps
        copy = backup.copy_store(site.settings.store.url, folder / "publisher.db", site.progress)
        store = open_store(copy, create=False)
        try:
            yield replace(
                deps,
                rules=replace(deps.rules, hubs=(), checked_public_url=""),
                adapters=replace(
                    deps.adapters,
                    store=store,
                    journal=FileJournal(folder / "journal"),
                    public_folder=PublicDirectory(folder / "public", site.failpoint),
                    transport=TRANSPORTS[MailTransport.OUTBOX](folder / "outbox", []),
                ),
            )
        finally:
            store.close()


def simulated(
    site: "OpenSite", start: datetime, end: datetime, every: timedelta | None = None
) -> "Iterator[SimulatedEvent]":
    """What would be published and mailed from `start` to `end`, by `publisher run` or, with `every`, by a
    timer that runs `publisher publish` at `start` and then at that interval. Raises UsageError if something
    was published after `start` or `end` comes first, and whatever `publish` raises.
    """
    from publisher.services.digests.preview import simulate

    head = site.store.head().at
    if head is not None and start < head and not services.preflight.log_stays_ahead(site.store, start):
        what = f"{start:%Y-%m-%d %H:%M} UTC is past: something was published at {head:%Y-%m-%d %H:%M}"
        raise UsageError("--from", what, "begin after that")
    if end < start:
        raise UsageError("--to", f"{end:%Y-%m-%d %H:%M} UTC comes before --from", "give a later time")
    with on_a_copy(site) as deps:
        with_journal = replace(deps.adapters, journal=site.deps.adapters.journal)
        must_be_up_to_date(site, replace(deps, adapters=with_journal))
        yield from simulate(deps, start, end, every)


SITE_ID = "site_id"
"""Key in the store of the site's id, which the state folder has too."""


def id_file(site: "OpenSite") -> Path:
    """The file with the site's id, in its state folder."""
    return site.state / "site"


def must_not_be_lost(site: "OpenSite") -> None:
    """Raises Refused if there is no store although the state folder shows that there was one: a new one would
    be empty, and hide that the disk with the store is not mounted, or that somebody moved it.
    """
    if site.store_size():
        site.creates = not id_file(site).exists()  # nor may it vanish before it is opened
        return
    with suppress(OSError):
        if not (id_file(site).exists() or (site.state / "journal").stat().st_size):
            return
        what = f"the store is missing, and {site.state} shows that there was one"
        if is_locked(site.state / "run.lock"):
            do = "`publisher run` works on this site: put the store back, or set store.url back"
            raise Refused(site.store_name, what, do)
        restoring = "`publisher restore`" if file_of(site.settings.store.url) else "pg_restore"
        raise Refused(
            site.store_name,
            what,
            f"put it back, or restore a backup with {restoring}; if it is lost for good, `publisher "
            "reconcile` begins a new one",
        )


def check_identity(site: "OpenSite") -> None:
    """Gives store and state folder the site's id, if they have none. Raises Refused if the store has another
    one than the folder: it is another site's. StoreError, OutputError.
    """
    if not site.store_size():
        return  # a new site: its store is made by whatever comes first
    try:
        ours = id_file(site).read_text("ascii", "replace").strip()
    except FileNotFoundError:
        ours = ""
    except OSError as error:
        raise output_error(id_file(site), error) from error
    theirs = site.store.meta(SITE_ID)
    if ours and theirs and ours != theirs:
        raise Refused(
            site.store_name,
            f"this is the store of another site: its id is {theirs}, and {id_file(site)} has {ours}",
            "correct store.url, or put the store of this site back",
        )
    known = ours or theirs or secrets.token_hex(8)
    if theirs != known:
        site.store.set_meta(SITE_ID, known)
    if ours != known:
        _write_id(site, known)


def _write_id(site: "OpenSite", known: str) -> None:
    """Writes the id into the state folder, which is there: one that was moved away is not made anew."""
    file = id_file(site)
    draft = file.with_name(f".site.{os.getpid()}.part")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            write_all(handle, f"{known}\n".encode())
        finally:
            os.close(handle)
        draft.replace(file)
    except OSError as error:
        raise output_error(file, error) from error
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
