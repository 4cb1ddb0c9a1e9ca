"""Backups: the store as it is at one moment, the journal and the secret keys, in one file.

    publisher-backup.tar:   about.json   publisher.db   journal   keys/0-secret ...

SQLite's own backup copies a store that is being written to, in one state of it (sqlite.org/backup). The file
holds addresses and keys, so only its owner may read it.
"""

import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast

from publisher.core.errors import StoreError
from publisher.ports import Progress
from publisher.stores.files import flush_folder, output_error, private_folder
from publisher.stores.sql.schema.tables import stamp
from publisher.stores.sql.sqlite import path_of
from publisher.stores.sql.store import check_not_newer

PAGES_AT_ONCE = 2000
"""How many pages of a store are copied between two reports of progress: about 8 MB."""

STORE, JOURNAL, ABOUT, KEYS = "publisher.db", "journal", "about.json", "keys/"


def write_backup(
    url: str,
    target: Path,
    journal: Path,
    keys: Sequence[Path],
    about: Mapping[str, object],
    progress: Progress,
) -> None:
    """Writes a backup to `target`, whole or not at all. Raises StoreError, OutputError."""
    source = path_of(url)
    if not source.exists():
        raise StoreError(str(source), "there is no store here", "there is nothing to back up")
    try:
        with tempfile.TemporaryDirectory(prefix=".backup.", dir=target.parent) as folder:
            part = Path(folder) / STORE
            _copy(source, part, progress)
            draft = Path(folder) / "draft"
            with os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                with tarfile.open(fileobj=file, mode="w") as tar:
                    data = (json.dumps(about, indent=2) + "\n").encode()
                    info = tarfile.TarInfo(ABOUT)
                    info.size, info.mode = len(data), 0o600
                    tar.addfile(info, io.BytesIO(data))
                    tar.add(part, STORE, filter=_private)
                    for path, name in ((journal, JOURNAL), *_with_names(keys)):
                        if path.exists():
                            tar.add(path, name, filter=_private)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        flush_folder(target.parent)
    except OSError as error:
        raise output_error(target, error) from error


def read_about(backup: Path) -> Mapping[str, Any]:
    """What a backup says of itself. Raises StoreError if it is not one, or damaged."""
    with _open(backup) as tar:
        try:
            found = tar.extractfile(ABOUT)
            data = found.read() if found is not None else b"{}"
        except (KeyError, tarfile.TarError) as error:
            raise StoreError(
                str(backup), f"is not a backup: {ABOUT} is not in it", "use another backup"
            ) from error
        return cast("Mapping[str, Any]", json.loads(data))


def restore_backup(backup: Path, url: str, journal: Path, keys: Sequence[Path]) -> Path | None:
    """Puts a backup's store in place, and its journal and keys only if there are none, since existing ones
    are newer. Keeps the store that was there beside it, and returns where. Nobody may have it open. Raises
    StoreError, OutputError.
    """
    place = path_of(url)
    try:
        private_folder(place.parent)
        with (
            _open(backup) as tar,
            tempfile.TemporaryDirectory(prefix=".restore.", dir=place.parent) as folder,
        ):
            part = _extract(tar, backup, STORE, Path(folder) / STORE)
            _check_store(part, backup)
            for path, name in ((journal, JOURNAL), *_with_names(keys)):
                if not path.exists() and name in tar.getnames():
                    private_folder(path.parent)
                    _extract(tar, backup, name, path)
            old = _set_aside(place)
            part.replace(place)
        flush_folder(place.parent)
    except OSError as error:
        raise output_error(place, error) from error
    return old


def copy_store(url: str, target: Path, progress: Progress) -> str:
    """Copies a store that may be in use to a new file; returns the URL of the copy. Raises StoreError."""
    _copy(path_of(url), target, progress)
    return f"sqlite:///{target}"


def _copy(source: Path, target: Path, progress: Progress) -> None:
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        one, other = sqlite3.connect(source, timeout=60), sqlite3.connect(target)
        with closing(one) as live, closing(other) as copy:
            [size] = live.execute("PRAGMA page_size").fetchone()
            # Reading in a transaction fixes what is copied: otherwise each write of `run` restarts the copy.
            live.execute("BEGIN")
            live.execute("SELECT 1 FROM sqlite_master").fetchone()

            def report(_status: int, left: int, pages: int) -> None:
                progress("copying the store, MB", (pages - left) * size // 10**6, pages * size // 10**6)

            live.backup(copy, pages=PAGES_AT_ONCE, progress=report)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, complete in itself
    except sqlite3.Error as error:
        raise StoreError(str(source), f"cannot be copied ({error})", "check the disk") from error


def _check_store(part: Path, backup: Path) -> None:
    """Raises StoreError if what is in the backup is damaged, or no store of a version we know."""
    try:
        with closing(sqlite3.connect(part)) as connection:
            sound = connection.execute("PRAGMA quick_check").fetchone()
            version = connection.execute(f"SELECT version_num FROM {stamp.name}").fetchone()  # noqa: S608  # ours
    except sqlite3.Error as error:
        raise StoreError(str(backup), f"contains no store ({error})", "use another backup") from error
    if sound != ("ok",):
        raise StoreError(str(backup), "contains a damaged store", "use another backup")
    check_not_newer(str(backup), version[0])


def _set_aside(place: Path) -> Path | None:
    """Moves the existing store to another name, however damaged it is, together with what SQLite keeps beside
    it: a WAL that belongs to another store would corrupt the new one.
    """
    files = [place.with_name(place.name + end) for end in ("", "-wal", "-shm", "-journal")]
    if not any(os.path.lexists(file) for file in files):
        return None
    if place.is_file():
        with suppress(sqlite3.Error), closing(sqlite3.connect(place)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    old = next(p for n in range(1, 10_000) if not (p := place.with_name(f"{place.name}.before-{n}")).exists())
    for file in files:
        if os.path.lexists(file):
            file.replace(old.with_name(old.name + file.name.removeprefix(place.name)))
    return old


def _with_names(keys: Sequence[Path]) -> list[tuple[Path, str]]:
    return [(path, f"{KEYS}{n}-{path.name}") for n, path in enumerate(keys)]


def _open(backup: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(backup)
    except FileNotFoundError:
        raise StoreError(str(backup), "no such file", "name a file that `publisher backup` made") from None
    except (tarfile.TarError, OSError) as error:
        raise StoreError(
            str(backup), f"is not a backup ({error})", "name a file of `publisher backup`"
        ) from error


def _extract(tar: tarfile.TarFile, backup: Path, name: str, to: Path) -> Path:
    """Writes one member to a file that only its owner may read; names in the archive are never used as
    paths.
    """
    try:
        found = tar.extractfile(name)
    except KeyError as error:
        raise StoreError(
            str(backup), f"is not a backup: {name} is not in it", "use another backup"
        ) from error
    if found is None:
        raise StoreError(str(backup), f"is not a backup: {name} in it is not a file", "use another backup")
    with os.fdopen(os.open(to, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        while chunk := found.read(1 << 20):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return to


def _private(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mode, info.uid, info.gid, info.uname, info.gname = 0o600, 0, 0, "", ""
    return info
