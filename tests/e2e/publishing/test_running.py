"""`publisher run`: posts appear in feed and digest when their time comes."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from publisher.app import App
from publisher.config import load
from publisher.stores.files.locks import is_locked
from publisher.ticker import Ticker


class Stepped:
    """A clock that stands until the test steps it."""

    def __init__(self, at: str) -> None:
        self.now = datetime.fromisoformat(at).astimezone(UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Stepped:
    return Stepped("2024-10-20T03:00:00Z")


def test_a_future_post_appears_in_feed_and_digest_when_its_time_comes(site: Any, clock: Stepped) -> None:
    site.post("future.md", "---\ntitle: Ahead\ndate: 2024-10-25T08:30:00Z\n---\nWords.\n")
    app = App(load(site.folder, {}), clock=clock)
    ticker = Ticker(app)
    ticker.publish()
    site.reader("ann@example.org", "2024-10-20T04:00:00Z")
    assert app.next_due() == datetime(2024, 10, 20, 9, tzinfo=UTC)

    for at, items, mails in [
        ("2024-10-25T08:29:59.999Z", [], 0),
        ("2024-10-25T08:30:00Z", ["Ahead"], 0),
        ("2024-10-25T08:59:59.999Z", ["Ahead"], 0),
        ("2024-10-25T09:00:00Z", ["Ahead"], 1),
        ("2024-10-25T09:00:00Z", ["Ahead"], 1),
        ("2024-10-27T09:00:00Z", ["Ahead"], 1),
    ]:
        clock.now = datetime.fromisoformat(at)
        ticker.publish()
        ticker.deliver()
        assert [item["title"] for item in site.feed()["items"]] == items, at
        assert len(site.mails()) == mails, at
    app.close()


def test_what_came_due_while_it_was_down_is_published_by_the_next_run(site: Any, clock: Stepped) -> None:
    site.publish("2024-10-20T03:00:00Z")
    site.reader("ann@example.org", "2024-10-20T04:00:00Z")
    site.post("a.md", "---\ntitle: While away\ndate: 2024-10-22\n---\nWords.\n")
    clock.now = datetime(2024, 10, 25, 12, tzinfo=UTC)
    app = App(load(site.folder, {}), clock=clock)
    ticker = Ticker(app)
    ticker.publish()
    ticker.deliver()
    app.close()
    assert [item["title"] for item in site.feed()["items"]] == ["While away"]
    assert len(site.mails()) == 1


def test_a_post_two_seconds_ahead_appears_by_itself(site: Any, running: Any, wait_for: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + '\n[schedule]\npublish_every = "1h"\n')
    server = running()
    wait_for(lambda: server.http.get("/feed.json").status_code == 200)
    at = datetime.now(UTC) + timedelta(seconds=2)
    site.post("soon.md", f"---\ntitle: Soon\ndate: {at.isoformat()}\n---\nWords.\n")

    def appeared() -> bool:
        items = server.http.get("/feed.json").json()["items"]
        assert items == [] or datetime.now(UTC) >= at  # however long it takes, it is never too early
        return [item["title"] for item in items] == ["Soon"]

    wait_for(appeared)
    assert server.stop() == 0


def test_a_second_run_on_the_same_site_says_so(site: Any, running: Any) -> None:
    site.fresh = True  # `run` and its web process as they are started
    server = running()
    refused = site.run("run", code=1)
    assert "holds it" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert server.stop() == 0


def test_a_port_in_use_is_one_clear_line(site: Any, running: Any, same_site: Any, new_site: Any) -> None:
    server = running()
    port = server.url.rpartition(":")[2]
    other = new_site(site.folder.parent / "other")
    refused = other.run("run", "--listen", f"127.0.0.1:{port}", code=1)
    assert "in use" in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert server.stop() == 0


def test_a_timer_knows_a_run_that_sends_from_one_that_only_serves(site: Any, running: Any) -> None:
    site.publish("2024-06-10T00:00:00Z")
    lock = site.folder / ".publisher" / "schedule.lock"
    serving = running("--web-only")
    assert not is_locked(lock)
    serving.stop()
    sending = running()
    assert is_locked(lock)
    sending.stop()
    assert not is_locked(lock)


def test_run_waits_for_a_clock_behind_the_log_and_goes_on_once_it_is_accepted(
    site: Any, running: Any, wait_for: Any
) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + '\n[schedule]\npublish_every = "1s"\n')
    site.publish("2024-06-10T00:00:00Z")
    with closing(sqlite3.connect(site.folder / ".publisher" / "publisher.db")) as store:
        ahead = int((datetime.now(UTC) + timedelta(days=400)).timestamp() * 1000)
        store.execute("UPDATE log_head SET at = ?", (ahead,))  # as a clock that was wrong leaves it
        store.commit()
    site.post("new.md", "---\ntitle: New\ndate: 2024-06-11\n---\nWords.\n")
    server = running()
    wait_for(lambda: any(p["area"] == "clock" for p in site.json("status")["problems"]))
    assert site.feed()["items"] == []
    assert server.http.get("/feed.json").status_code == 200  # readers are served meanwhile
    site.run("reconcile", "--clock")
    wait_for(lambda: [item["title"] for item in site.feed()["items"]] == ["New"])
    server.stop()
    said = "".join(server.said)
    assert said.count("clock_is_behind") == 1
    assert "set the clock, or accept it as it is with `publisher reconcile --clock`" in said
    assert "Traceback" not in said
