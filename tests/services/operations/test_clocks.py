"""A wrong clock destroys nothing: what writes refuses it, what reads warns, and `run` waits."""

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from publisher.app import App
from publisher.cli import publisher
from publisher.config import load
from publisher.core.errors import ClockBehind, Refused
from publisher.core.publishing.log import LogKind
from publisher.scheduler import RepeatedJob, make_scheduler
from publisher.services.subscribers import subscribe
from publisher.ticker import Ticker

NOW = datetime(2024, 6, 10, 9, tzinfo=UTC)
DAY = timedelta(days=1)
OLD = datetime(1970, 1, 1, tzinfo=UTC)
TOML = """
[site]
title = "T"
url = "https://x.example/"
timezone = "Europe/Berlin"
[[lists]]
slug = "daily"
from = "T <t@x.example>"
[schedule]
publish_every = "1h"
"""
WRITING = (
    ["publish"],
    ["deliver"],
    ["subscribers", "add", "bo@example.org", "--list", "daily"],
    ["subscribers", "import", "{file}", "--list", "daily", "--confirmed"],
    ["feeds", "rebuild"],
)
READING = (
    ["status"],
    ["check"],
    ["plan"],
    ["posts", "list"],
    ["publish", "--dry-run"],
    ["preview", "daily", "--out", "{out}"],
    ["mailings", "list"],
    ["mailings", "show", "1"],
)


class Desk:
    """A site whose posts became public one a day, by a clock and beside a machine that the test sets."""

    def __init__(self, folder: Path) -> None:
        (folder / "posts").mkdir(parents=True)
        (folder / "publisher.toml").write_text(TOML, encoding="utf-8")
        self.folder, self.now, self.real = folder, NOW, NOW
        self.app = App(load(folder), clock=lambda: self.now, real=lambda: self.real, environ={})
        for n in range(10):
            self.post(f"{n}", NOW - n * DAY)
        self.publish()
        subscribe.add(self.app.deps, self.app.deps.rules.lists[0], "ann@example.org", NOW, confirmed=True)
        self.post("news", NOW + timedelta(minutes=1))
        self.now = self.real = NOW + timedelta(days=1)
        self.publish()

    def post(self, name: str, at: datetime) -> None:
        text = f"---\ntitle: {name}\ndate: {at.isoformat()}\n---\nWords.\n"
        (self.folder / "posts" / f"{name}.md").write_text(text, encoding="utf-8")

    def publish(self, **given: Any) -> Any:
        report = self.app.publish(**given)
        self.app.deliver()
        return report

    def pretend(self, ahead: timedelta) -> Any:
        """A publish with --at."""
        self.now = self.real + ahead
        try:
            return self.publish()
        finally:
            self.now = self.real

    def run(self, *args: str) -> Result:
        return CliRunner().invoke(publisher, [*args, "--site", str(self.folder)])

    @property
    def live(self) -> list[str]:
        return sorted(k.post.title for k in self.app.store.all_posts() if k.live)

    @property
    def mails(self) -> int:
        return len(list((self.folder / "outbox").glob("*.eml")))

    def kept(self) -> list[str]:
        with closing(sqlite3.connect(self.folder / ".publisher" / "publisher.db")) as store:
            # That somebody tried is in the audit log.
            left_out = ("journal_seen", '"acts"', "'acts'")
            return [row for row in store.iterdump() if not any(name in row for name in left_out)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "site")
    yield made
    made.app.close()


@pytest.mark.parametrize("command", WRITING, ids=lambda command: " ".join(command[:2]))
def test_what_writes_refuses_a_clock_behind_the_log_and_changes_nothing(
    desk: Desk, command: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "readers.csv"
    file.write_text("email\nbo@example.org\n", encoding="utf-8")
    before = desk.kept()
    said = desk.run(*(word.format(file=file) for word in command), "--at", "2020-01-01T00:00:00Z")
    assert isinstance(said.exception, ClockBehind), said.output
    assert str(said.exception) == (
        "--at: it is 2020-01-01 01:00 CET, but the log's last entry is from 2024-06-11 11:00 CEST; "
        "nothing was changed; give a later time"
    )
    assert desk.kept() == before


@pytest.mark.parametrize("command", READING, ids=lambda command: " ".join(command[:2]))
def test_what_reads_warns_of_a_clock_behind_the_log(desk: Desk, command: list[str], tmp_path: Path) -> None:
    words = [word.format(out=tmp_path) for word in command]
    at = [] if command[0] == "mailings" else ["--at", "2020-01-01T00:00:00Z"]
    said = desk.run(*words, *at)
    warned = (
        "warning: the clock looks wrong: it is 2020-01-01 01:00 CET, but the log's last entry is from"
        in said.stderr
    )
    assert warned is bool(at), said.output
    assert desk.live == sorted([*"0123456789", "news"])


def test_a_machine_that_wakes_in_1970_is_told_what_to_do(desk: Desk) -> None:
    desk.now = desk.real = OLD
    with pytest.raises(
        ClockBehind,
        match=r"^clock: it is 1970-01-01 01:00 CET, but the log's last entry is from 2024-06-11 11:00 CEST; "
        "nothing was changed; set the clock, or accept it as it is with `publisher reconcile --clock`$",
    ):
        desk.publish()
    assert desk.live == sorted([*"0123456789", "news"])


def test_a_clock_set_back_a_little_withdraws_nothing(desk: Desk) -> None:
    desk.now = desk.real = NOW + 2 * DAY
    desk.post("now", desk.now)
    desk.publish()
    desk.now = desk.real = desk.now - timedelta(minutes=3)
    assert desk.publish().published.plan.changes == ()
    assert "now" in desk.live


def test_after_a_pretended_tomorrow_today_goes_on_withdraws_nothing_and_mails_nothing_twice(
    desk: Desk,
) -> None:
    assert desk.mails == 1
    desk.post("tonight", desk.real + timedelta(hours=8))
    desk.post("tomorrow", desk.real + timedelta(hours=23))
    desk.pretend(DAY)
    assert desk.mails == 2
    before = desk.live
    assert {"tonight", "tomorrow"} <= set(before)
    report = desk.publish()
    assert (report.published.plan.changes, report.published.plan.stops) == ((), ())
    assert report.ahead == (
        "the log is ahead of the clock until 2024-06-12 11:00 CEST, because a command was run with --at: "
        "what it published stays, and is not mailed again"
    )
    assert desk.live == before
    assert desk.app.status()["log_ahead"] == report.ahead
    desk.post("extra", desk.real)  # work goes on: what is written now is published now
    report = desk.publish()
    assert [change.kind for change in report.published.plan.changes] == [LogKind.PUBLISHED]
    assert desk.mails == 2
    for _ in range(5):
        desk.now = desk.real = desk.real + timedelta(hours=6)
        assert all(c.kind is not LogKind.WITHDRAWN for c in desk.publish().published.plan.changes)
    assert desk.mails == 3
    assert desk.app.status()["log_ahead"] is None
    assert desk.app.store.meta("log_ahead") == ""


def test_after_a_pretended_tomorrow_a_clock_in_the_past_is_refused_all_the_same(desk: Desk) -> None:
    desk.pretend(DAY)
    desk.now = desk.real = OLD
    with pytest.raises(ClockBehind, match="but the last known right time is from 2024-06-11 11:00 CEST"):
        desk.publish()


def test_a_post_that_its_author_gives_a_later_date_is_withdrawn_also_after_a_pretended_time(
    desk: Desk,
) -> None:
    desk.pretend(DAY)
    desk.post("news", desk.real + 9 * DAY)
    [change] = desk.publish().published.plan.changes
    assert (change.kind, change.post.title) == (LogKind.WITHDRAWN, "news")


def test_a_clock_that_was_years_ahead_is_accepted_and_its_posts_count_as_missing(desk: Desk) -> None:
    right = desk.real
    for n in range(9):
        desk.post(f"year-{n}", right + (n + 30) * DAY)
    desk.now = desk.real = right + 400 * DAY  # a wrong clock, not a pretended time
    desk.publish()
    desk.now = desk.real = right + timedelta(hours=1)
    with pytest.raises(ClockBehind):
        desk.publish()
    assert desk.run("reconcile", "--clock", "--at", desk.now.isoformat()).exit_code == 0
    with pytest.raises(
        Refused, match=r"^posts: 9 of 20 published posts are dated in the future; is the clock right"
    ):
        desk.publish()
    report = desk.publish(overrides=frozenset({"missing"}))
    assert len(report.published.plan.changes) == 9
    assert desk.app.store.head().at == right + 400 * DAY  # rows never go back
    desk.post("after", desk.now)
    assert [c.kind for c in desk.publish().published.plan.changes] == [LogKind.PUBLISHED]


def test_accepting_a_clock_says_what_it_was_behind(desk: Desk) -> None:
    before = desk.kept()
    at = ["--at", "2024-06-01T00:00:00Z"]
    dry = desk.run("reconcile", "--clock", "--dry-run", *at)
    assert (dry.exit_code, desk.kept()) == (0, before)
    assert "would be accepted" in dry.stderr
    done = desk.run("reconcile", "--clock", "--json", *at)
    assert json.loads(done.stdout)["now"] == "2024-06-01T00:00:00Z"
    assert "the log's last entry is from 2024-06-11 11:00 CEST; the present time is accepted" in done.stderr
    again = desk.run("reconcile", "--clock", *at)
    assert again.stderr == "the clock is right: nothing written is later\n"


def test_run_waits_for_the_clock_says_so_once_and_goes_on_by_itself(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    ticker = Ticker(desk.app)
    right = desk.real
    desk.post("later", right + timedelta(minutes=1))
    desk.now = desk.real = OLD
    for area, work in (("schedule", ticker.publish), ("mail", ticker.deliver), ("hubs", ticker.ping)):
        ticker._run_job(area, work)  # pyright: ignore[reportPrivateUsage]  # a turn as the scheduler takes it
    assert [record.message for record in caplog.records] == ["clock_is_behind"]
    [problem] = desk.app.status()["problems"]
    assert problem["area"] == "clock"
    assert (
        "it is 1970-01-01 01:00 CET, but the log's last entry is from 2024-06-11 11:00 CEST"
        in problem["text"]
    )
    assert "later" not in desk.live
    jobs = (ticker._publish, ticker._deliver, ticker._ping)  # pyright: ignore[reportPrivateUsage]
    ticker.check_clock(0.0)
    assert jobs[1].waits > timedelta()  # still wrong
    desk.now = desk.real = right + timedelta(hours=1)
    ticker.check_clock(1.0)
    assert [job.waits for job in jobs] == [timedelta()] * 3
    ticker._run_job("schedule", ticker.publish)  # pyright: ignore[reportPrivateUsage]
    assert "later" in desk.live
    assert [record.message for record in caplog.records] == ["clock_is_behind", "time_gap", "clock_is_right"]
    assert desk.app.status()["problems"] == []


def test_a_gap_in_time_is_logged_once_and_everything_due_runs_at_once(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    ticker = Ticker(desk.app)
    job = ticker._deliver  # pyright: ignore[reportPrivateUsage]
    seconds = 0.0
    ticker.check_clock(seconds)
    for wall, running, said in (
        (1, 1, None),
        (-180, 1, ("the clock was set back", 181)),
        (1, 1, None),
        (3601, 1, ("the clock was set forward", 3600)),
        (7, 7, None),  # a busy machine
        (900, 900, ("the process or the machine stood still", 900)),
    ):
        caplog.clear()
        seconds += running
        desk.now += timedelta(seconds=wall)
        ticker._deliver = job = RepeatedJob(make_scheduler(), lambda: None, DAY, DAY)  # pyright: ignore[reportPrivateUsage]
        ticker.check_clock(seconds)
        told = [(vars(record)["reason"], vars(record)["seconds"]) for record in caplog.records]
        assert told == ([said] if said else []), wall
        assert (job.waits == timedelta()) is (said is not None), wall


def test_a_time_to_come_is_refused_with_smtp_for_what_has_left_cannot_be_taken_back(desk: Desk) -> None:
    file = desk.folder / "publisher.toml"
    smtp = '[mail]\ntransport = "smtp"\n[[mail.relays]]\nhost = "127.0.0.1"\nport = 1\nsecurity = "none"\n'
    file.write_text(TOML + smtp, encoding="utf-8")
    app = App(load(desk.folder), clock=lambda: desk.real + DAY, real=lambda: desk.real, environ={})
    before = desk.kept()
    with pytest.raises(Refused, match=r"^--at: 2024-06-12 09:00 UTC is in the future, and mail.transport is"):
        app.publish()
    app.close()
    assert desk.kept() == before
