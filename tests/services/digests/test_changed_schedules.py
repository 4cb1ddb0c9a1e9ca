"""What a change of a list's hour, day or zone does to those who wait: nobody waits longer than they would
have, nobody is mailed twice, and each change is said.
"""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

from declared import mailing_list
from hypothesis import given
from hypothesis import strategies as st
from mailsite import MailSite

from publisher.core.digests.digest import NextRun
from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.subscription import SchedulePreference, schedule_for
from publisher.services.digests.due_readers import new_times

ZONES = ("UTC", "Asia/Tokyo", "America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu")
SHIFTS = timedelta(hours=2)
"""What clocks of two zones may be set by, between one digest and the next."""


@st.composite
def schedules(draw: Any, cadence: str) -> dict[str, Any]:
    days = {"weekly": ["mon", "thu", "sun"], "monthly": ["1", "15", "28"]}.get(cadence, [""])
    hour, minute = draw(st.integers(0, 23)), draw(st.sampled_from([0, 30]))
    zone = draw(st.sampled_from(ZONES))
    return {"cadence": cadence, "on": draw(st.sampled_from(days)), "at": time(hour, minute), "timezone": zone}


@given(st.data(), st.sampled_from(["daily", "weekly", "monthly"]), st.integers(0, 2 * 365 * 24 * 4))
def test_no_change_lets_a_reader_wait_longer_without_being_due_now(
    data: Any, cadence: str, quarters: int
) -> None:
    former = mailing_list(slug="x", sender="a@b.example", **data.draw(schedules(cadence)))
    spec = mailing_list(slug="x", sender="a@b.example", **data.draw(schedules(cadence)))
    now = datetime(2024, 1, 1, tzinfo=UTC) + quarters * timedelta(minutes=15)
    old = schedule_for(former, SchedulePreference())
    waits_for = CADENCES[cadence].after(now, old)
    run = NextRun(id=1, preference=SchedulePreference(), next_at=waits_for)
    time = new_times(spec, former, run, now)
    if time is None:
        assert waits_for == CADENCES[cadence].after(now, schedule_for(spec, SchedulePreference()))
        return
    assert time.next_at is not None
    assert time.next_at > now
    if time.due_at is None:
        assert time.next_at <= waits_for + SHIFTS
    else:  # one digest, for an hour that has passed since the last
        assert CADENCES[cadence].latest(now, old) < time.due_at <= now
    again = new_times(spec, former, NextRun(id=1, preference=run.preference, next_at=time.next_at), now)
    assert again is None


def subjects(folder: Path) -> list[str]:
    return sorted(
        line.removeprefix("Subject: ")
        for file in (folder / "outbox").glob("*.eml")
        for line in file.read_text().splitlines()
        if line.startswith("Subject: ")
    )


def test_an_hour_that_moved_to_earlier_today_is_not_lost_and_mails_once(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", ["ann@example.org", "bob@example.org"])
    toml = (site.folder / "publisher.toml").read_text()
    (site.folder / "publisher.toml").write_text(toml.replace('"08:00"', '"18:00"'))

    def publish(day: int, hour: int) -> list[str]:
        site.now = datetime(2020, 10, day, hour, tzinfo=UTC)
        app = site.app()
        done = app.publish()
        app.deliver()
        app.close()
        return [line for line in done.settings_changes if line.startswith("lists.")]

    publish(6, 18)
    mailed = len(subjects(site.folder))
    site.post("second.md")
    assert publish(7, 15) == []
    (site.folder / "publisher.toml").write_text(toml)
    [said] = publish(7, 15)
    assert said == (
        "lists.daily: daily at 18:00 UTC is now daily at 08:00 UTC: 2 readers are due now, since "
        "2020-10-07 08:00 UTC has passed"
    )
    assert len(subjects(site.folder)) == mailed + 2
    site.post("third.md")
    for day, hour in ((7, 16), (7, 18), (8, 7)):
        assert publish(day, hour) == []
        assert len(subjects(site.folder)) == mailed + 2
    publish(8, 8)
    assert len(subjects(site.folder)) == mailed + 4
    (site.folder / "publisher.toml").write_text(toml.replace('"daily"\nat', '"weekly"\nat'))
    [said] = publish(8, 9)
    assert "2 readers are mailed next at 2020-10-12 08:00 UTC instead of 2020-10-09 08:00 UTC" in said
