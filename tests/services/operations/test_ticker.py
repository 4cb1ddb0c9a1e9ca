"""A tick that fails: it is noted, it stops nothing, and what it was told is not lost."""

import logging
import shutil
import threading
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mailsite import MailSite, readers
from smtp_server import SmtpServer, unused_port
from stores import mark_sending

from publisher.app import App, fixed
from publisher.config import load
from publisher.scheduler import RepeatedJob, make_scheduler
from publisher.ticker import Ticker

TOML = '[site]\ntitle = "T"\nurl = "https://x.example/"\n[schedule]\npublish_every = "1h"\n'
POST = "---\ntitle: {0}\ndate: 2024-05-01\n---\nWords.\n"
GONE = "is not there; make it, or set posts.dir"


class Ticking:
    """A ticker whose turns the test takes; its folder is watched, and the next look at everything is far."""

    def __init__(self, folder: Path) -> None:
        (folder / "posts").mkdir()
        (folder / "publisher.toml").write_text(TOML)
        self.app = App(load(folder), clock=fixed(datetime(2024, 6, 1, tzinfo=UTC)), environ={})
        self.posts = self.app.settings.posts.dir
        self.ticker = Ticker(self.app)
        self.ticker.set_watch_problem("")

    def tick(self) -> None:
        """A turn as the scheduler takes it: whatever is raised stays inside."""
        self.ticker._run_job("schedule", self.ticker.publish)  # pyright: ignore[reportPrivateUsage]  # a turn

    def write(self, name: str) -> None:
        """A post, of which the ticker is told."""
        file = self.posts / f"{name}.md"
        file.write_text(POST.format(name))
        self.ticker.files_changed([str(file)])

    @property
    def titles(self) -> list[str]:
        return sorted(known.post.title for known in self.app.store.all_posts())

    @property
    def problems(self) -> list[str]:
        return [problem["text"] for problem in self.app.status()["problems"]]


@pytest.fixture
def ticking(tmp_path: Path) -> Iterator[Ticking]:
    made = Ticking(tmp_path)
    made.write("first")
    made.tick()
    assert (made.titles, made.problems) == (["first"], [])
    yield made
    made.app.close()


def test_what_a_failing_tick_was_told_is_found_by_the_next(
    ticking: Ticking, caplog: pytest.LogCaptureFixture
) -> None:
    away = ticking.posts.with_name("away")
    ticking.write("second")
    ticking.posts.rename(away)
    with caplog.at_level(logging.ERROR):
        ticking.tick()
    assert [record.message for record in caplog.records] == ["tick_failed"]
    assert ticking.problems == [f"posts folder {ticking.posts}: {GONE}"]
    away.rename(ticking.posts)  # nothing tells of the second post again
    ticking.tick()
    assert (ticking.titles, ticking.problems) == (["first", "second"], [])


def test_a_fault_of_our_own_is_noted_too_and_the_next_tick_works(
    ticking: Ticking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(paths: Collection[str]) -> float:
        return len(paths) // 0

    ticking.write("second")
    with monkeypatch.context() as patch:
        patch.setattr(ticking.app.deps.adapters.source(), "at", breaks)
        ticking.tick()
    assert ticking.problems == ["ZeroDivisionError: integer division or modulo by zero"]
    assert ticking.titles == ["first"]
    ticking.tick()
    assert (ticking.titles, ticking.problems) == (["first", "second"], [])


def test_a_tick_that_fails_before_it_looks_does_not_forget_what_it_was_told(ticking: Ticking) -> None:
    adopted = ticking.posts.with_name("adopted.json")
    ticking.write("second")
    adopted.write_text("{")
    ticking.tick()
    assert (ticking.titles, len(ticking.problems)) == (["first"], 1)
    adopted.unlink()
    ticking.tick()
    assert (ticking.titles, ticking.problems) == (["first", "second"], [])


def test_a_tick_looks_only_where_it_was_told_until_the_interval_is_over(ticking: Ticking) -> None:
    (ticking.posts / "untold.md").write_text(POST.format("untold"))
    ticking.tick()
    assert ticking.titles == ["first"]
    ticking.ticker.files_changed(None)
    ticking.tick()
    assert ticking.titles == ["first", "untold"]


def test_what_holds_mail_and_what_is_in_doubt_is_told_once_and_not_with_each_tick(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with unused_port() as port:
        site = MailSite(tmp_path / "site", readers(3), port=port)
        app = site.app()
        batch = app.store.claim_batch("dead", site.now, site.now)
        assert batch is not None
        mark_sending(app.store, "dead", [(1, 1)], site.now)
        ticker = Ticker(app)
        caplog.clear()
        for _ in range(3):
            ticker.deliver()
        app.close()
    told = [(record.msg, vars(record).get("in_doubt")) for record in caplog.records]
    assert told == [("delivered", 1), ("held", None)]


def test_a_relay_that_others_stand_in_for_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with unused_port() as port, SmtpServer() as good:
        other = f'\n[[mail.relays]]\nhost = "127.0.0.1"\nsecurity = "none"\nport = {port}\n'
        site = MailSite(tmp_path / "site", readers(20), port=good.port, relay=other)
        app = site.app()
        ticker = Ticker(app)
        ticker.deliver()
        site.now += timedelta(days=1)
        site.post("more.md")
        ticker.deliver()
        ticker.deliver()
        app.close()
    told = [vars(record) for record in caplog.records if record.msg == "relay_fails"]
    assert [(one["relay"], one["reason"]) for one in told] == [(f"127.0.0.1:{port}", "connection refused")]


def test_a_job_follows_itself_when_it_is_asked_for_while_it_runs_and_ends_what_it_began() -> None:
    begun, go = threading.Semaphore(0), threading.Semaphore(0)
    runs: list[int] = []

    def work() -> None:
        runs.append(1)
        begun.release()
        go.acquire()

    hour = timedelta(hours=1)
    scheduler = make_scheduler()
    job = RepeatedJob(scheduler, work, hour, hour)
    scheduler.start()
    assert timedelta(minutes=59) < job.waits <= hour
    job.run_within()
    begun.acquire()
    for _ in range(3):
        job.run_within()  # three wishes while it runs are one more run
    go.release()
    begun.acquire()
    job.run_within(hour / 2)
    assert hour / 3 < job.waits <= hour / 2
    job.stop()
    go.release()
    scheduler.shutdown(wait=True)
    assert len(runs) == 2


def test_work_that_asks_for_more_while_the_scheduler_shuts_down_comes_to_its_end() -> None:
    begun, go = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go.wait()
        job.run_within()

    hour = timedelta(hours=1)
    scheduler = make_scheduler()
    job = RepeatedJob(scheduler, work, hour, hour)
    scheduler.start()
    job.run_within()
    begun.wait()
    job.stop()
    ending = threading.Thread(target=scheduler.shutdown, daemon=True)
    ending.start()
    while scheduler.running:
        threading.Event().wait(0.001)
    go.set()
    ending.join(30)
    assert not ending.is_alive()


def test_a_fault_is_logged_when_it_begins_and_when_it_is_over_not_at_each_tick(
    ticking: Ticking, caplog: pytest.LogCaptureFixture
) -> None:
    away = ticking.posts.with_name("away")
    ticking.write("second")
    (ticking.posts / "bad.md").write_text("---\ntitle: [\n---\n")
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            ticking.ticker.files_changed(None)
            ticking.tick()
        ticking.posts.rename(away)
        for _ in range(3):
            ticking.tick()
        away.rename(ticking.posts)
        (ticking.posts / "bad.md").unlink()
        for _ in range(2):
            ticking.ticker.files_changed(None)
            ticking.tick()
    lines = [(record.message, getattr(record, "fault", "")) for record in caplog.records]
    names = {"bad_post", "tick_failed", "over"}
    assert [line for line in lines if line[0] in names] == [
        ("bad_post", ""),
        ("tick_failed", ""),
        ("over", "bad_post"),
        ("over", "tick_failed"),
    ]
    [published] = [record for record in caplog.records if record.message == "published"]
    assert vars(published)["published"] == 1


def test_withdrawn_posts_are_named_with_the_reason(
    ticking: Ticking, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        (ticking.posts / "first.md").write_text(
            POST.format("first").replace("---\n", "---\ndraft: true\n", 1)
        )
        ticking.ticker.files_changed(None)
        ticking.tick()
        ticking.write("first")
        ticking.tick()
    said = [(r.message, vars(r)["path"]) for r in caplog.records if r.message.startswith("post_")]
    assert said == [("post_withdrawn", "first.md"), ("post_restored", "first.md")]


def test_a_posts_folder_that_was_swapped_goes_on_if_it_is_this_sites_and_stops_if_it_is_not(
    ticking: Ticking,
) -> None:
    ticking.write("second")
    ticking.tick()
    old, new = ticking.posts.with_name("old"), ticking.posts.with_name("new")
    shutil.copytree(ticking.posts, new)
    (new / "third.md").write_text(POST.format("third"))
    ticking.posts.rename(old)
    new.rename(ticking.posts)  # the next release
    ticking.tick()
    assert (ticking.titles, ticking.problems) == (["first", "second", "third"], [])
    for wrong in ({}, {"other.md": POST.format("other")}):
        ticking.posts.rename(new)
        ticking.posts.mkdir()  # not mounted, or another site's
        for name, text in wrong.items():
            (ticking.posts / name).write_text(text)
        for _ in range(3):
            ticking.ticker.files_changed(None)
            ticking.tick()
        [problem] = ticking.problems
        assert "is not the folder that was published from, and none of its posts is there" in problem
        assert ticking.titles == ["first", "second", "third"]
        shutil.rmtree(ticking.posts)
        new.rename(ticking.posts)
        ticking.tick()
        assert ticking.problems == []
