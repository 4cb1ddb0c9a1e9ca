"""Every section of the settings is taken up as a whole while a service works, and refused as a whole."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from publisher.app import App
from publisher.app.reload import FileContents, SettingsReloader, read_settings
from publisher.app.service import ServiceRegister, comparable, digest_of, recall, why_not
from publisher.core.errors import PublisherError
from publisher.core.site import ServiceRecord, differences

TOML = '[site]\ntitle = "T"\nurl = "https://x.example/"\n'
WORKS, COPY = "works on this site", "this is a copy of"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)

SECTIONS = [
    (
        "site.description",
        '[site]\ntitle = "T"\nurl = "https://x.example/"\ndescription = "D"',
        "description = 7",
    ),
    ("posts.max_age", '[posts]\nmax_age = "9d"', '[posts]\nmax_age = "soon"'),
    ("feeds[0].limit", "[[feeds]]\nlimit = 5", "[[feeds]]\nlimit = 0"),
    ("websub.hubs", '[websub]\nhubs = ["https://hub.example/"]', "[websub]\nhubs = 1"),
    ("lists[0].slug", '[[lists]]\nslug = "l"\ntitle = "L"\nfrom = "l@x.example"', "[[lists]]\nslug = 1"),
    ("mail.quiet_hours", '[mail]\nquiet_hours = "22:00-07:00"', '[mail]\nquiet_hours = "night"'),
    ("mail.relays[0].host", '[[mail.relays]]\nhost = "h.example"', "[[mail.relays]]\nhost = 1"),
    ("mail.dkim.domain", '[mail.dkim]\ndomain = "x.example"', '[mail.dkim]\ndomain = "@"'),
    ("mail.bounces.address", '[mail.bounces]\naddress = "b@x.example"', '[mail.bounces]\naddress = "b"'),
    ("queue.batch", "[queue]\nbatch = 7", "[queue]\nbatch = 0"),
    ("web.delta", "[web]\ndelta = true", '[web]\ndelta = "yes"'),
    ("schedule.publish_every", '[schedule]\npublish_every = "5s"', '[schedule]\npublish_every = "0s"'),
]
"""A setting of each section, and lines that change it, well and badly."""


class Reloading:
    """A site whose settings are read again when the test says so; `taken_up` are those put in force."""

    def __init__(self, folder: Path) -> None:
        (folder / "posts").mkdir()
        self.file = folder / "publisher.toml"
        self.file.write_text(TOML)
        current = read_settings(folder, {}, FileContents())
        self.app = App(current.settings, environ={}, own_templates=current.own_templates)
        self.register = ServiceRegister(self.app, web_only=False)
        self.register.enter(current.comparable)
        self.prepared: list[App] = []
        self.taken_up: list[App] = []
        self.refusal: PublisherError | None = None
        self.reloader = SettingsReloader(
            self.app,
            current,
            {},
            self.register,
            prepare=self.prepare,
            take_up=self.taken_up.append,
            replaced=lambda error: None,
        )

    def prepare(self, app: App) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.prepared.append(app)

    def write(self, text: str) -> ServiceRecord:
        self.file.write_text(text)
        self.reloader.reload()
        record = self.app.store.service()
        assert record is not None
        return record


@pytest.fixture
def reloading(tmp_path: Path) -> Iterator[Reloading]:
    made = Reloading(tmp_path)
    yield made
    made.app.close()


def test_each_section_is_taken_up_valid_refused_invalid_and_taken_up_again(reloading: Reloading) -> None:
    for key, good, bad in SECTIONS:
        text = good if good.startswith("[site]") else f"{TOML}{good}\n"
        before, taken_up = reloading.app.store.generation(), len(reloading.taken_up)
        assert before is not None
        record = reloading.write(text)
        after = reloading.app.store.generation()
        assert after is not None
        assert (record.problem, len(reloading.taken_up)) == ("", taken_up + 1), key
        assert after.number == record.generation == before.number + 1, key
        assert key in {name for name, _, _ in differences(before.values, after.values)}, key

        record = reloading.write(f"{TOML}{bad}\n")
        line = len(TOML.splitlines()) + len(bad.splitlines())
        assert record.problem.startswith(f"publisher.toml:{line}: "), (key, record.problem)
        assert (record.generation, len(reloading.taken_up)) == (after.number, taken_up + 1), key

        record = reloading.write(TOML)
        assert (record.problem, len(reloading.taken_up)) == ("", taken_up + 2), key


def test_settings_that_one_process_cannot_prepare_are_in_force_in_none(reloading: Reloading) -> None:
    reloading.refusal = PublisherError("web", "cannot", "do")
    record = reloading.write(TOML.replace('"T"', '"U"'))
    assert (record.problem, record.generation, reloading.taken_up) == ("web: cannot; do", 1, [])
    reloading.refusal = None
    record = reloading.write(TOML.replace('"T"', '"U"'))
    assert (record.problem, record.generation, len(reloading.taken_up)) == ("", 2, 1)
    kept = recall(reloading.file.parent, {})
    assert kept is not None
    assert kept[0].site.title == "U"


def test_no_secret_is_compared_kept_in_the_store_or_said(reloading: Reloading) -> None:
    relay = '[mail]\ntransport = "smtp"\n[[mail.relays]]\nhost = "h.example"\nusername = "u"\n'
    reloading.write(f'{TOML}{relay}password = "first-secret"\n')
    record = reloading.write(f'{TOML}{relay}password = "second-secret"\n')
    assert len(reloading.taken_up) == 2  # it is in force all the same
    wrong = reloading.write(f"{TOML}{relay}password = 9753\n")
    assert "mail.relays[0].password" in wrong.problem
    assert "9753" not in wrong.problem
    generation = reloading.app.store.generation(record.generation)
    assert generation is not None
    assert "mail.relays[0].password" not in generation.values
    store = (reloading.app.state / "publisher.db").read_bytes()
    wal = reloading.app.state / "publisher.db-wal"
    assert b"-secret" not in store + (wal.read_bytes() if wal.exists() else b"")


def test_settings_are_the_same_wherever_they_are_written(tmp_path: Path) -> None:
    (tmp_path / "posts").mkdir()
    (tmp_path / "publisher.toml").write_text(TOML + '[web]\nlisten = "127.0.0.1:1"\n')
    alone = read_settings(tmp_path, {}, FileContents())
    same = {
        "PUBLISHER_SITE__TITLE": "T",
        "PUBLISHER_WEB__LISTEN": "127.0.0.1:2",
        "PUBLISHER_QUEUE__BATCH": "500",
    }
    beside = read_settings(tmp_path, same, FileContents())
    assert digest_of(alone.comparable) == digest_of(beside.comparable)
    other = read_settings(tmp_path, {"PUBLISHER_SITE__TITLE": "U"}, FileContents())
    assert differences(alone.comparable, other.comparable) == [
        ("site.title", "publisher.toml:2", "PUBLISHER_SITE__TITLE")
    ]
    assert comparable(alone.values, "a") != comparable(alone.values, "b")  # templates count too


def test_who_may_work_on_a_site(tmp_path: Path) -> None:
    original = tmp_path / "publisher.db"
    original.touch()
    inode = original.stat().st_ino

    def record(host: str, store: Path, inode: int, ago: int = 0, *, stopped: bool = False) -> ServiceRecord:
        at = NOW - timedelta(seconds=ago)
        return ServiceRecord(
            token=f"{host}{store}",
            host=host,
            pid=1,
            version="1",
            store=str(store),
            inode=inode,
            web_only=False,
            generation=1,
            started_at=at,
            heartbeat_at=at,
            stopped_at=at if stopped else None,
        )

    copy, gone = tmp_path / "copy.db", tmp_path / "gone.db"
    cases = [
        ("the same machine, where the lock tells", record("a", original, inode), original, inode, "a", ""),
        (
            "another machine, alive",
            record("a", original, inode, 5),
            original,
            inode,
            "b",
            WORKS,
        ),
        ("another machine, silent", record("a", original, inode, 31), original, inode, "b", ""),
        ("another machine, stopped", record("a", original, inode, 5, stopped=True), original, inode, "b", ""),
        (
            "a copy beside it",
            record("a", original, inode, 99, stopped=True),
            copy,
            7,
            "a",
            COPY,
        ),
        ("it was moved here", record("a", gone, 8, 99), copy, 7, "a", ""),
        ("its store was restored", record("a", original, inode + 1, 99), original, inode, "a", ""),
        (
            "a copy on another machine",
            record("a", gone, 8, 99, stopped=True),
            copy,
            7,
            "b",
            COPY,
        ),
    ]
    for name, before, store, number, host, expected in cases:
        said = why_not(before, record(host, store, number), NOW)
        assert (expected in said) if expected else said == "", (name, said)
