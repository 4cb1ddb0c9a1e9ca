"""An export, imported into an empty store, is the same list again: what readers chose, and who had left."""

import csv
from datetime import UTC, datetime, time, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from publisher.app import App
from publisher.cli.subscribers import subscribers
from publisher.config import load
from publisher.core.subscribers.subscription import (
    ContentPreference,
    Preferences,
    SchedulePreference,
    SubscriptionState,
)
from publisher.services.subscribers import departures, signup, subscribe
from publisher.services.subscribers.subscribe import next_due_of

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
AT = "2026-05-02T12:00:00Z"
TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
[[lists]]
slug = "daily"
from = "news@harbour.example"
readers_choose = ["cadence", "hour", "topics", "language"]
[[lists]]
slug = "other"
from = "news@harbour.example"
"""
CHOSEN = {
    "ann": Preferences(),
    "bo": Preferences(
        schedule=SchedulePreference(cadence="weekly", on="fri", at=time(18, 30), timezone="Asia/Kathmandu"),
        content=ContentPreference(topics=('a "b"; c', "Boats, small", "ព្រះ"), language="pt-BR"),
    ),
    "cy": Preferences(schedule=SchedulePreference(cadence="immediate"), paused=True),
}


class Desk:
    """A site, and the command line on it."""

    def __init__(self, folder: Path) -> None:
        (folder / "posts").mkdir(parents=True)
        (folder / "publisher.toml").write_text(TOML, encoding="utf-8")
        self.folder = folder
        app = self.app()
        app.publish()
        app.close()

    def app(self) -> App:
        return App(load(self.folder), clock=lambda: NOW, environ={})

    def run(self, *args: str, code: int = 0) -> Any:
        done = CliRunner().invoke(subscribers, [*args, "--site", str(self.folder)])
        assert done.exit_code == code, done.output
        return done

    def readers(self) -> dict[tuple[str, str], Any]:
        app = self.app()
        found = {(s.address, s.list): s for s in app.store.subscriptions(None, None)}
        app.close()
        return found


@pytest.fixture
def full(tmp_path: Path) -> Desk:
    """A site with readers of every kind."""
    desk = Desk(tmp_path / "full")
    app = desk.app()
    daily, other = app.deps.rules.lists
    for name in (*CHOSEN, "left"):
        subscribe.add(app.deps, daily, f"{name}@example.org", NOW, confirmed=True)
    for found in list(app.store.subscriptions("daily", None)):
        choices = CHOSEN.get(
            found.address.partition("@")[0], Preferences(content=ContentPreference(language="de"))
        )
        due = next_due_of(daily, found, NOW, choices.schedule)
        app.store.set_preferences(found.id, found.generation, choices, due)
    signup.sign_up(app.deps, [daily], "pat@example.org", "", NOW)
    subscribe.add(app.deps, other, "ann@example.org", NOW, confirmed=True)
    departures.unsubscribe(app.deps, "left@example.org", daily, NOW)
    app.close()
    return desk


def test_a_store_that_was_exported_is_made_again(full: Desk, tmp_path: Path) -> None:
    exported = full.run("export").stdout
    (tmp_path / "all.csv").write_text(exported, encoding="utf-8")
    empty = Desk(tmp_path / "empty")
    said = []
    for slug in ("daily", "other"):
        given = ("--list", slug, "--confirmed", "--at", AT)
        said.append(empty.run("import", str(tmp_path / "all.csv"), *given).stderr)
    assert "3 active, 1 pending, 1 left, 1 of other lists skipped" in said[0]
    assert "1 active, 5 of other lists skipped" in said[1]
    again = list(csv.DictReader(StringIO(empty.run("export").stdout)))
    times = {"since": "", "confirmed": ""}  # of the import: proof of consent is of what happened here
    before = [row | times for row in csv.DictReader(StringIO(exported))]
    assert sorted(map(str, (row | times for row in again))) == sorted(map(str, before))
    found = empty.readers()
    for name, choices in CHOSEN.items():
        reader = found[f"{name}@example.org", "daily"]
        assert (reader.choices, reader.state) == (choices, SubscriptionState.ACTIVE)
    bo = found["bo@example.org", "daily"]
    assert bo.next_due_at == datetime(2026, 5, 8, 12, 45, tzinfo=UTC)  # Friday 18:30 in Kathmandu
    assert found["cy@example.org", "daily"].next_due_at is None
    assert found["ann@example.org", "other"].next_due_at - datetime.fromisoformat(AT) < timedelta(days=1)
    [asked] = empty.folder.joinpath("outbox").glob("*.eml")
    assert b"To: pat@example.org" in asked.read_bytes()
    lines = "email\nleft@example.org\n"
    (tmp_path / "others.csv").write_text(lines, encoding="utf-8")
    for file, outcome in (
        ("others.csv", "not stored           1  unsubscribed or suppressed here\n"),
        ("all.csv", "left                 1  state is unsubscribed, already recorded\n"),
        ("all.csv", "active               3  already subscribed\n"),
    ):
        given = (str(tmp_path / file), "--list", "daily", "--confirmed", "--at", AT)
        assert outcome in empty.run("import", *given).stderr


def test_lines_that_cannot_be_are_named_and_stop_nothing(full: Desk, tmp_path: Path) -> None:
    exported = full.run("export", "--list", "daily").stdout
    wrong = exported.replace("Asia/Kathmandu", "Asia/Nowhere").replace("pending", "odd")
    (tmp_path / "wrong.csv").write_text(wrong, encoding="utf-8")
    empty = Desk(tmp_path / "empty")
    given = (str(tmp_path / "wrong.csv"), "--list", "daily")
    for more in ("--dry-run", "--confirmed"):
        done = empty.run("import", *given, more, code=1)
        assert "wrong.csv:3: bo@example.org: timezone is 'Asia/Nowhere'; use a name such as" in done.stderr
        assert "wrong.csv:6: pat@example.org: state is 'odd'; use one of pending, active, uns" in done.stderr
    assert {address for address, _ in empty.readers()} == {
        f"{name}@example.org" for name in ("ann", "cy", "left")
    }


def test_columns_of_others_that_sound_alike_are_passed_over(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "site")
    (tmp_path / "theirs.csv").write_text(
        "Email,Language,Timezone,List\nann@example.org,Deutsch,GMT-7,News\n", encoding="utf-8"
    )
    desk.run("import", str(tmp_path / "theirs.csv"), "--list", "daily", "--confirmed")
    [found] = desk.readers().values()
    assert (found.state, found.choices) == (SubscriptionState.ACTIVE, Preferences())
