"""Opening stores: new ones, and everything that is none."""

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest

from publisher.core.errors import OutputError, PublisherError, StoreError
from publisher.core.publishing.plan import Plan
from publisher.stores import migrate, open_store
from publisher.stores.sql.schema.tables import SCHEMA

NOW = datetime(2026, 10, 5, 5, tzinfo=UTC)
BASELINE = Plan(head=0, baseline=True)


def _url(path: Path) -> str:
    return f"sqlite:///{path}"


def _made(tmp_path: Path) -> Path:
    path = tmp_path / "publisher.db"
    open_store(_url(path), create=True).close()
    return path


def _stamped(path: Path, version: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.commit()
    return path


def test_a_new_store_is_made_with_its_folder_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "site" / ".publisher" / "publisher.db"
    store = open_store(_url(path), create=True)
    assert store.head().seq == 0
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes["publisher.db"] == 0o600
    assert set(modes.values()) == {0o600}
    store.close()


def test_a_store_opens_again_with_what_was_in_it(tmp_path: Path) -> None:
    path = _made(tmp_path)
    for create in (True, False):
        store = open_store(_url(path), create=create)
        assert store.head().seq == 0
        store.close()


def test_a_path_with_odd_letters_is_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a site & 100% ភាសា" / "my store.db"
    open_store(_url(path), create=True).close()
    assert path.exists()


def test_a_crash_while_making_a_store_leaves_a_file_that_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "publisher.db"
    path.touch()
    open_store(_url(path), create=True).close()
    assert open_store(_url(path), create=False).head().seq == 0


def test_two_who_make_a_store_at_once_both_get_it(tmp_path: Path) -> None:
    seen: list[int] = []

    def make() -> None:
        store = open_store(_url(tmp_path / "publisher.db"), create=True)
        seen.append(store.head().seq)
        store.close()

    threads = [Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [0] * 6


def test_opening_imports_neither_alembic_nor_the_orm(tmp_path: Path) -> None:
    code = (
        "import sys; from publisher.stores import open_store\n"
        "assert 'sqlalchemy' not in sys.modules, 'the package itself is cheap'\n"
        f"open_store({_url(tmp_path / 'p.db')!r}, create=True).head()\n"
        "heavy = [m for m in sys.modules if m.startswith(('alembic', 'sqlalchemy.orm', 'mako'))]\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _refused(url: str, *, create: bool = False) -> str:
    with pytest.raises(PublisherError) as error:
        open_store(url, create=create)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_no_store_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "publisher.db"
    expected = f"{path}: there is no store here; run `publisher publish` to make it"
    assert _refused(_url(path)) == expected
    assert not path.exists()
    path.touch()
    assert _refused(_url(path)) == expected


def test_a_file_that_is_no_database_is_one_line_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Not a database at all, just notes.\n" * 100)
    for create in (False, True):
        assert _refused(_url(path), create=create) == (
            f"{path}: not a Publisher store; name another file in store.url, or restore a backup"
        )
    assert path.read_text().startswith("Not a database")


def test_somebody_elses_database_is_one_line_and_gets_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "music.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (id)")
        connection.commit()
    expected = f"{path}: a database, but not a Publisher store; name another file in store.url"
    assert _refused(_url(path), create=True) == expected
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("songs",)]


def test_a_damaged_store_is_one_line(tmp_path: Path) -> None:
    path = _made(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * 4000 + whole[4100:])
    assert _refused(_url(path)) == f"{path}: the store is damaged; restore a backup"


def test_a_folder_is_one_line(tmp_path: Path) -> None:
    expected = f"{tmp_path}: a folder, not a store; name a file in store.url"
    assert _refused(_url(tmp_path)) == _refused(_url(tmp_path), create=True) == expected


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "publisher.db"
    with pytest.raises(OutputError) as error:
        open_store(_url(path), create=True)
    assert str(error.value) == f"{path}: is below a file, not a folder; move that file away"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("nonsense", "store.url: 'nonsense' is not a URL; write \"sqlite:///PATH\""),
        ("sqlite://", "store.url: 'sqlite://' names no file; write \"sqlite:///PATH\""),
        ("sqlite:///:memory:", "store.url: 'sqlite:///:memory:' names no file; write \"sqlite:///PATH\""),
        (
            "mysql://me:secret@db/site",
            "store.url: 'mysql://me:***@db/site' is not a kind of database that Publisher knows; write \"sqlite:///PATH\"",
        ),
    ],
)
def test_a_url_that_names_no_store_is_one_line_without_its_password(url: str, expected: str) -> None:
    assert _refused(url, create=True) == expected


@pytest.mark.parametrize("version", [f"{int(SCHEMA) + 1:04}", "9999", "abcdef123456"])
def test_a_newer_store_is_one_line_and_untouched(tmp_path: Path, version: str) -> None:
    path = _stamped(_made(tmp_path), version)
    expected = (
        f"{path}: the store was written by a newer version of Publisher "
        f"(schema {version}, this version knows {SCHEMA}); upgrade Publisher"
    )
    assert _refused(_url(path)) == _refused(_url(path), create=True) == expected
    with pytest.raises(StoreError) as error:
        migrate(_url(path))
    assert str(error.value) == expected


def test_an_older_store_asks_for_migrate(tmp_path: Path) -> None:
    path = _stamped(_made(tmp_path), "0000")
    assert _refused(_url(path)) == (
        f"{path}: the store is of an older version of Publisher (schema 0000, this version needs {SCHEMA}); "
        "run `publisher migrate`"
    )


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users may enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


_TRY = """
import os, sys, tempfile
from publisher.core.errors import PublisherError
from publisher.stores import open_store
with tempfile.TemporaryDirectory() as warm:  # what is imported later may be out of reach then
    open_store(f"sqlite:///{warm}/publisher.db", create=True).close()
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    open_store(sys.argv[1], create=True)
except PublisherError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "expected"),
    [
        (
            0o666,
            0o555,
            "OutputError {folder}: cannot be written; the store needs its file and folder writable",
        ),
        (0o444, 0o777, "OutputError {file}: cannot be written; the store needs its file and folder writable"),
        (0o000, 0o777, "StoreError {file}: the store cannot be read; check its owner and permissions"),
        (None, 0o555, "OutputError {file}: is not writable; give this user permission to write there"),
    ],
)
def test_permissions_that_are_missing_are_one_line(
    open_folder: Path, file_mode: int | None, folder_mode: int, expected: str
) -> None:
    folder = open_folder / "state"
    folder.mkdir()
    file = folder / "publisher.db"
    if file_mode is not None:
        open_store(_url(file), create=True).close()
        if os.geteuid() == 0:
            os.chown(file, 65534, 65534)
        file.chmod(file_mode)
    if os.geteuid() == 0:
        os.chown(folder, 65534, 65534)
    folder.chmod(folder_mode)
    command = [sys.executable, "-c", _TRY, _url(file)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    folder.chmod(0o777)
    assert told == expected.format(folder=folder, file=file) + "\n"


def _journal(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])


def test_a_first_publish_does_without_the_wal_until_the_log_begins(tmp_path: Path) -> None:
    path = tmp_path / "publisher.db"
    store = open_store(_url(path), create=True, first=True)
    store.save_bodies({"0" * 64: "a body"})
    assert (_journal(path), list(tmp_path.glob("*-wal"))) == ("delete", [])
    store.apply(BASELINE, {}, NOW)
    assert store.bodies(["0" * 64]) == {"0" * 64: "a body"}
    assert _journal(path) == "wal"
    store.close()


def test_who_looks_during_a_first_publish_sees_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "publisher.db"
    store = open_store(_url(path), create=True, first=True)
    store.save_bodies({"0" * 64: "a body"})
    other = open_store(_url(path), create=True)
    assert (other.head().seq, _journal(path)) == (0, "wal")
    store.save_bodies({"1" * 64: "another"})
    assert store.apply(BASELINE, {}, NOW).baseline_at == NOW
    assert other.head().baseline_at == NOW
    assert len(other.bodies(["0" * 64, "1" * 64])) == 2
    store.close()
    other.close()


_DIES = """
import os, sys
from publisher.stores import open_store
from publisher.stores.sql.schema.tables import bodies
store = open_store(sys.argv[1], create=True, first=True)
store.save_bodies({f"{n:064}": "x" * 6000 for n in range(100)})
with store._db.write() as connection:
    rows = [{"hash": f"{n:064}", "source": b"y" * 6000} for n in range(100, 5000)]
    connection.execute(bodies.insert(), rows)  # more than the cache holds
    assert os.path.getsize(sys.argv[2]) > 10_000_000
    os._exit(9)
"""


def test_a_first_publish_that_dies_in_the_middle_leaves_what_was_whole(tmp_path: Path) -> None:
    path = tmp_path / "publisher.db"
    done = subprocess.run([sys.executable, "-c", _DIES, _url(path), str(path)], check=False)
    assert (done.returncode, len(list(tmp_path.glob("*-journal")))) == (9, 1)
    store = open_store(_url(path), create=True)
    names = [f"{n:064}" for n in range(5000)]
    assert sorted(store.bodies(names)) == names[:100]
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
