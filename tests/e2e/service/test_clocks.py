"""A clock that is set while `publisher run` works, and a process that stands still: nothing waits for longer,
what came due is caught up once, and one line of the log says so.
"""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

LIBRARY = next(iter(Path("/usr/lib").glob("**/libfaketime.so.1")), None)
QUICK = '\n[schedule]\npublish_every = "1s"\nwatch = false\n'
POST = "---\ntitle: {0}\ndate: {1}\n---\nWords.\n"
LONG_PAUSE = 13  # seconds: more than a busy machine ever takes
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

needs_faketime = pytest.mark.skipif(LIBRARY is None, reason="needs libfaketime: apt install faketime")


class Clock:
    """The clock of the processes that have `environ`, which a test sets while they run. Their monotonic
    clock, their waits and the times of files are the machine's.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.ahead = timedelta()
        self.set(self.ahead)
        self.environ = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, ahead: timedelta) -> None:
        """So much ahead of the machine's."""
        draft = self._file.with_name("clock.new")
        draft.write_text(f"{ahead.total_seconds():+.0f}\n")
        draft.replace(self._file)
        self.ahead = ahead

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


def immediate(site: Any) -> str:
    """The settings, with a list that mails each post at once."""
    toml: str = (site.folder / "publisher.toml").read_text()
    return toml.replace('"daily"\nat = "16:00"', '"immediate"\nmin_gap = "0m"')


def titles(site: Any) -> list[str]:
    return sorted(item["title"] for item in site.feed()["items"])


def is_ready(server: Any) -> bool:
    """With the library between it and each look at the clock, a server may take seconds to answer."""
    try:
        return bool(server.http.get("/readyz").status_code == 200)
    except httpx.TimeoutException:
        return False


def gaps(server: Any) -> list[tuple[str, int]]:
    """(reason, seconds) of each gap in time that the log tells of."""
    lines = [line for line in "".join(server.said).splitlines() if "time_gap" in line]
    return [
        (
            line.partition("reason=")[2].partition(" seconds=")[0],
            int(line.partition("seconds=")[2].split()[0]),
        )
        for line in lines
    ]


@pytest.mark.soak
@needs_faketime
def test_a_clock_set_back_an_hour_stops_no_tick_and_one_set_forward_catches_up_once(
    site: Any, running: Any, wait_for: Any, clock: Clock
) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + QUICK)
    site.post("old.md", POST.format("Old", "2024-10-01"))
    site.publish((clock.now - 3 * DAY).isoformat())
    site.reader("ann@example.org", (clock.now - 2 * DAY).isoformat())
    site.post("later.md", POST.format("Later", (clock.now + 2 * HOUR).isoformat()))
    server = running(**clock.environ)
    wait_for(lambda: is_ready(server))

    clock.set(-HOUR)
    site.post("back.md", POST.format("Back", (clock.now - DAY).isoformat()))
    wait_for(lambda: titles(site) == ["Back", "Old"])
    site.post("again.md", POST.format("Again", (clock.now - DAY).isoformat()))
    wait_for(lambda: titles(site) == ["Again", "Back", "Old"])  # the next tick too

    due = clock.now.replace(hour=9, minute=1)  # a minute after the digest is due in the list's zone
    while due < clock.now + 4 * HOUR:
        due += DAY
    ahead = due - datetime.now(UTC)
    clock.set(ahead)
    wait_for(lambda: titles(site) == ["Again", "Back", "Later", "Old"])
    wait_for(lambda: len(site.mails()) == 1)
    wait_for(lambda: is_ready(server))
    ticks_after(site, wait_for, server)
    assert len(site.mails_to("ann@example.org")) == 1
    assert server.stop() == 0
    back, forward = gaps(server)
    assert back[0] == "the clock was set back"
    assert forward[0] == "the clock was set forward"
    jump = (ahead + HOUR).total_seconds()
    assert (abs(back[1] - 3600) < 60, abs(forward[1] - jump) < 60) == (True, True)


def ticks_after(site: Any, wait_for: Any, server: Any) -> None:
    """Returns when two more ticks have been and gone."""
    for _ in range(2):
        seen = site.json("status")["service"]["published_at"]
        wait_for(lambda seen=seen: site.json("status")["service"]["published_at"] != seen)


@pytest.mark.soak
@needs_faketime
def test_a_clock_that_was_forty_days_ahead_mails_nothing_twice_and_silences_no_list(
    site: Any, running: Any, wait_for: Any, clock: Clock
) -> None:
    site.settings(immediate(site) + QUICK + '[posts]\nmax_age = "60d"\n')
    site.publish((clock.now - 3 * DAY).isoformat())
    site.reader("ann@example.org", (clock.now - 2 * DAY).isoformat())
    server = running(**clock.environ)
    for number, ahead in enumerate((timedelta(), 40 * DAY), 1):
        clock.set(ahead)
        site.post(f"{number}.md", POST.format(f"Post {number}", (datetime.now(UTC) - HOUR).isoformat()))
        wait_for(lambda number=number: len(site.mails()) == number)
    clock.set(timedelta())
    site.post("3.md", POST.format("Post 3", (clock.now - HOUR).isoformat()))

    def behind() -> list[str]:
        return [row["text"] for row in site.json("status")["problems"] if row["area"] == "clock"]

    wait_for(behind)
    assert "nothing is published or sent; set the clock, or accept it as it is" in behind()[0]
    assert server.http.get("/feed.json").status_code == 200
    site.run("reconcile", "--clock")
    wait_for(lambda: titles(site) == ["Post 1", "Post 2", "Post 3"])
    wait_for(lambda: behind() == [])
    wait_for(lambda: len(site.mails()) == 3)  # not only in forty days
    ticks_after(site, wait_for, server)
    assert len(site.mails()) == 3
    assert server.stop() == 0
    assert [reason for reason, _ in gaps(server)] == ["the clock was set forward", "the clock was set back"]


@pytest.mark.parametrize("pause", [3, pytest.param(LONG_PAUSE, marks=pytest.mark.soak)])
def test_a_service_that_is_stopped_over_a_due_time_catches_up_once_when_it_goes_on(
    site: Any, running: Any, wait_for: Any, pause: int
) -> None:
    site.settings(immediate(site) + '\n[schedule]\npublish_every = "1h"\n')
    site.run("publish")
    site.run("subscribers", "add", "ann@example.org", "--list", "daily", "--confirmed")
    due = datetime.now(UTC) + timedelta(seconds=2)
    site.post("due.md", POST.format("Due", due.isoformat()))
    server = running()
    wait_for(lambda: (site.public / "feed.json").exists())
    assert titles(site) == []
    os.kill(server.process.pid, signal.SIGSTOP)
    stopped_at = time.monotonic()
    wait_for(lambda: time.monotonic() > stopped_at + pause)
    assert titles(site) == []
    os.kill(server.process.pid, signal.SIGCONT)
    wait_for(lambda: titles(site) == ["Due"])
    wait_for(lambda: len(site.mails()) == 1)
    assert server.stop() == 0
    assert len(site.mails()) == 1
    if pause == LONG_PAUSE:
        [(reason, seconds)] = gaps(server)
        assert reason == "the process or the machine stood still"
        assert seconds >= pause - 1
