"""What is simulated is what then happens, and simulating it changes nothing."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from publisher.app import App
from publisher.app.backup import simulated
from publisher.cli.preview import simulate
from publisher.config import load
from publisher.core.errors import UsageError
from publisher.core.subscribers.subscription import Preferences, SchedulePreference
from publisher.services.digests.preview import SimulatedEvent
from publisher.services.subscribers import departures, subscribe
from publisher.services.subscribers.subscribe import next_due_of

START = datetime(2024, 10, 24, 12, tzinfo=UTC)
END = START + timedelta(days=12)
TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
timezone = "Europe/Berlin"
[[lists]]
slug = "daily"
from = "The Harbour <news@harbour.example>"
cadence = "daily"
at = "08:00"
readers_choose = ["cadence"]
[[lists]]
slug = "slow"
from = "The Harbour <news@harbour.example>"
cadence = "weekly"
delay = "2h"
min_posts = 3
"""
DATES = ("2024-10-25", "2024-10-26T09:00:00Z", "2024-10-27T06:30:00Z", "2024-11-01", "2024-12-01")


class Desk:
    """A site with posts and readers for the days to come, the last of summer time among them."""

    def __init__(self, folder: Path) -> None:
        (folder / "posts").mkdir(parents=True)
        (folder / "publisher.toml").write_text(TOML, encoding="utf-8")
        self.folder, self.now = folder, START
        self.app = App(load(folder), clock=lambda: self.now, environ={})
        self.app.publish()
        for name, cadence in (("ann", ""), ("bo", "weekly"), ("cy", "immediate")):
            self.reader(name, cadence)
        deps = self.app.deps
        subscribe.add(deps, deps.rules.lists[1], "dee@example.org", self.now, confirmed=True)
        subscribe.add(deps, deps.rules.lists[1], "gone@example.org", self.now, confirmed=True)
        departures.unsubscribe(deps, "gone@example.org", None, self.now)
        for n, date in enumerate(DATES):
            text = f"---\ntitle: Post {n}\ndate: {date}\n---\nWords.\n"
            (folder / "posts" / f"{n}.md").write_text(text, encoding="utf-8")

    def reader(self, name: str, cadence: str) -> None:
        deps, spec = self.app.deps, self.app.deps.rules.lists[0]
        subscribe.add(deps, spec, f"{name}@example.org", self.now, confirmed=True)
        [*_, found] = self.app.store.subscriptions("daily", None)
        choices = Preferences(schedule=SchedulePreference(cadence=cadence))
        due = next_due_of(spec, found, self.now, choices.schedule)
        self.app.store.set_preferences(found.id, found.generation, choices, due)

    def state(self) -> tuple[Any, ...]:
        """Everything that is kept, and the names of all files."""
        with closing(sqlite3.connect(self.folder / ".publisher" / "publisher.db")) as store:
            rows = tuple(store.iterdump())
        files = sorted(str(file) for file in self.folder.rglob("*") if ".db-" not in file.name)
        return rows, tuple(files), (self.folder / ".publisher" / "journal").read_bytes()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    opened = Desk(tmp_path)
    yield opened
    opened.app.close()


def test_what_is_simulated_is_what_then_happens(desk: Desk) -> None:
    before = desk.state()
    foretold = [
        (
            found.at,
            [change.post.path for change in found.changes],
            [(mailing.list, mailing.planned, mailing.subject) for mailing in found.mailings],
        )
        for found in simulated(desk.app, START, END)
    ]
    assert desk.state() == before
    happened: list[Any] = []
    while desk.now <= END:
        report = desk.app.publish()
        made = [desk.app.store.mailing(id) for id in report.mailings]
        mails = [(mailing.list, mailing.planned, mailing.subject) for mailing in made if mailing]
        posts = [change.post.path for change in report.published.plan.changes]
        if posts or mails:
            happened.append((desk.now, posts, mails))
        desk.app.deliver()
        later = desk.now + timedelta(hours=13)
        due = desk.app.next_due() or later
        desk.now = min(due, later) if due > desk.now else later
    assert foretold == happened
    assert [at for at, _, mails in foretold for m in mails if m[0] == "slow"] == [
        datetime(2024, 10, 28, 7, tzinfo=UTC)  # Monday, 8:00 in Berlin, an hour later than in summer
    ]
    assert sum(mails != [] for _, _, mails in foretold) == 9


@pytest.mark.parametrize("every", [timedelta(hours=24), timedelta(hours=31), timedelta(days=7)])
def test_what_a_timer_would_do_is_what_then_happens(desk: Desk, every: timedelta) -> None:
    start = START + timedelta(hours=17)  # 07:00 in Berlin, an hour before the digests
    before = desk.state()
    foretold = [_told(found) for found in simulated(desk.app, start, END, every)]
    assert desk.state() == before
    happened: list[Any] = []
    desk.now = start
    while desk.now <= END:
        report = desk.app.publish()
        made = [desk.app.store.mailing(id) for id in report.mailings]
        mails = [(mailing.list, mailing.planned, mailing.subject) for mailing in made if mailing]
        posts = [change.post.path for change in report.published.plan.changes]
        assert report.skipped == ()
        if posts or mails:
            happened.append((desk.now, posts, mails))
        desk.app.deliver()
        desk.now += every
    assert foretold == happened
    mailed = {mail[0] for _, _, mails in foretold for mail in mails}
    assert mailed == ({"daily"} if every > timedelta(days=2) else {"daily", "slow"})


def _told(found: SimulatedEvent) -> tuple[datetime, list[str], list[tuple[str, int, str]]]:
    assert (found.problem, found.skipped) == ("", ())
    mails = [(mailing.list, mailing.planned, mailing.subject) for mailing in found.mailings]
    return found.at, [change.post.path for change in found.changes], mails


def test_the_command_tells_what_a_timer_would_do(desk: Desk) -> None:
    times = ["--from", "2024-10-25T05:00:00Z", "--to", "2024-10-28T05:00:00Z"]
    said = CliRunner().invoke(simulate, ["--site", str(desk.folder), *times, "--every", "1d"])
    assert said.exit_code == 0, said.output
    assert [line.split("  ")[0] for line in said.stdout.splitlines() if " daily to " in line] == [
        "2024-10-25 07:00 CEST",  # who gets each post at once
        "2024-10-26 07:00 CEST",  # by the timer of 7:00 what was due at 8:00 the day before
        "2024-10-27 06:00 CET",
        "2024-10-28 06:00 CET",
    ]
    for wrong in ("0h", "30s", "soon", "-1d"):
        said = CliRunner().invoke(simulate, ["--site", str(desk.folder), *times, "--every", wrong])
        assert said.exit_code == 2


def test_the_command_tells_it_in_order(desk: Desk) -> None:
    given = ["--site", str(desk.folder), "--from", "2024-10-24T12:00:00Z", "--to", "2024-10-26T12:00:00Z"]
    said = CliRunner().invoke(simulate, given)
    assert said.exit_code == 0, said.output
    assert said.stdout.splitlines() == [
        "2024-10-25 00:00 CEST  published  0.md: Post 0",
        "2024-10-25 00:00 CEST  mail       daily to 1 reader: Post 0",
        "2024-10-25 08:00 CEST  mail       daily to 1 reader: Post 0",
        "2024-10-26 11:00 CEST  published  1.md: Post 1",
        "2024-10-26 11:00 CEST  mail       daily to 1 reader: Post 1",
    ]
    told = json.loads(CliRunner().invoke(simulate, [*given, "--json"]).stdout)
    assert [(row["at"], len(row["changes"]), len(row["mailings"])) for row in told] == [
        ("2024-10-24T22:00:00Z", 1, 1),
        ("2024-10-25T06:00:00Z", 0, 1),
        ("2024-10-26T09:00:00Z", 1, 1),
    ]


def test_mail_that_cannot_be_made_is_told(desk: Desk) -> None:
    broken = desk.folder / "templates" / "email" / "single" / "subject.txt"
    broken.parent.mkdir(parents=True)
    broken.write_text("{{ nothing }}", encoding="utf-8")
    given = ["--site", str(desk.folder), "--from", "2024-10-24T12:00:00Z", "--to", "2024-10-24T22:05:00Z"]
    said = CliRunner().invoke(simulate, given)
    assert said.exit_code == 1
    assert "there is no variable `nothing`" in said.stderr
    assert "published  0.md" in said.stdout


def test_times_that_cannot_be_are_named(desk: Desk) -> None:
    with pytest.raises(UsageError, match="comes before --from"):
        list(simulated(desk.app, END, START))
    desk.now += timedelta(days=2)
    desk.app.publish()
    with pytest.raises(UsageError, match="something was published at 2024-10-26 12:00; begin after that"):
        list(simulated(desk.app, START, END))
