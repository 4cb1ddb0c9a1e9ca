"""When digests are due: by the wall clock of the list's zone, whatever that clock does."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.subscription import WEEKDAYS, Schedule

DAILY = CADENCES["daily"]
MOMENT = timedelta(microseconds=1)
HOURS = (time(8, 0), time(16, 0), time(2, 30), time(0, 30))
ZONES = (
    "Asia/Phnom_Penh",
    "Europe/Berlin",
    "America/Santiago",  # its spring gap is at midnight
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Apia",  # had no 30 December 2011
    "Asia/Kathmandu",  # +05:45
)


def daily(zone: str, at: time) -> Schedule:
    return Schedule(cadence="daily", timezone=zone, at=at)


def local(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def occurrences(spec: Schedule, start: datetime, end: datetime) -> list[datetime]:
    """All of (start, end]; bounded, so that a clock that stands still fails and does not hang."""
    found = [DAILY.after(start, spec)]
    while found[-1] <= end and len(found) < 10_000:
        found.append(DAILY.after(found[-1], spec))
    return found[:-1]


def test_a_cadence_is_registered_under_its_name() -> None:
    assert [cadence.name for cadence in CADENCES.values()] == list(CADENCES)
    assert {"immediate", "daily", "weekly", "monthly"} <= CADENCES.keys()


def test_the_hour_is_the_lists_own() -> None:
    spec = daily("Asia/Phnom_Penh", time(16, 0))
    due = datetime(2024, 10, 25, 9, 0, tzinfo=UTC)
    assert DAILY.after(due - MOMENT, spec) == DAILY.latest(due, spec) == due
    assert DAILY.after(due, spec) == due + timedelta(days=1)
    assert DAILY.latest(due - MOMENT, spec) == due - timedelta(days=1)
    assert DAILY.after(due, spec).tzinfo is UTC


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    spec = daily("Europe/Berlin", time(8, 0))
    noon = datetime(2024, 10, 25, 12, 0, tzinfo=ZoneInfo("Pacific/Apia"))
    assert DAILY.after(noon, spec) == DAILY.after(noon.astimezone(UTC), spec)


@pytest.mark.parametrize("at", HOURS)
@pytest.mark.parametrize("zone", ZONES)
def test_every_local_day_that_exists_has_exactly_one_occurrence(zone: str, at: time) -> None:
    spec = daily(zone, at)
    for first, last in ((date(2011, 1, 1), date(2012, 12, 31)), (date(2024, 1, 1), date(2024, 12, 31))):
        start = datetime.combine(first, time(), ZoneInfo(zone)).astimezone(UTC) - MOMENT
        found = occurrences(spec, start, local(f"{last} 23:59:59", zone))
        days = [due.astimezone(ZoneInfo(zone)).date() for due in found]
        every = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        missing = {date(2011, 12, 30)} if zone == "Pacific/Apia" else set[date]()
        assert days == [day for day in every if day not in missing]


@pytest.mark.parametrize(
    ("zone", "at", "day", "expected"),
    [
        (
            "Europe/Berlin",
            "02:30",
            "2024-03-31",
            "2024-03-31T01:30",
        ),  # 02:30 does not exist: 03:30 summer time
        ("Europe/Berlin", "02:30", "2024-10-27", "2024-10-27T00:30"),  # 02:30 comes twice: the first
        ("America/Santiago", "00:30", "2024-09-08", "2024-09-08T04:30"),  # 00:30 does not exist: 01:30
        ("America/Santiago", "00:00", "2024-09-08", "2024-09-08T04:00"),  # nor does midnight: 01:00
        ("Australia/Lord_Howe", "02:15", "2024-10-06", "2024-10-05T15:45"),  # 02:15 does not exist: 02:45
        ("Australia/Lord_Howe", "01:45", "2024-04-07", "2024-04-06T14:45"),  # 01:45 comes twice: the first
        ("Asia/Kathmandu", "08:00", "2024-01-01", "2024-01-01T02:15"),
    ],
)
def test_where_clocks_change(zone: str, at: str, day: str, expected: str) -> None:
    spec = daily(zone, time.fromisoformat(at))
    midnight = datetime.combine(date.fromisoformat(day), time(), ZoneInfo(zone)).astimezone(UTC)
    due = DAILY.after(midnight - MOMENT, spec)
    assert due == datetime.fromisoformat(expected).replace(tzinfo=UTC)
    assert DAILY.after(due, spec).astimezone(ZoneInfo(zone)).date() == date.fromisoformat(day) + timedelta(
        days=1
    )


def test_a_day_that_never_was_is_passed_over() -> None:
    spec = daily("Pacific/Apia", time(8, 0))
    before = local("2011-12-29 08:00", "Pacific/Apia")
    assert (
        DAILY.after(before, spec) == local("2011-12-31 08:00", "Pacific/Apia") == before + timedelta(days=1)
    )
    assert DAILY.after(before + timedelta(days=1), spec) == local("2012-01-01 08:00", "Pacific/Apia")


instants = st.datetimes(datetime(1995, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # Hypothesis adds the zone
changes = st.sampled_from(
    [  # an instant at which a clock of ours jumped
        datetime(2024, 3, 31, 1, 0, tzinfo=UTC),
        datetime(2024, 10, 27, 1, 0, tzinfo=UTC),
        datetime(2024, 4, 7, 3, 0, tzinfo=UTC),
        datetime(2024, 9, 8, 4, 0, tzinfo=UTC),
        datetime(2024, 4, 6, 15, 0, tzinfo=UTC),
        datetime(2024, 10, 5, 15, 30, tzinfo=UTC),
        datetime(2011, 12, 30, 10, 0, tzinfo=UTC),
    ]
)
near = st.builds(lambda at, off: at + off, changes, st.timedeltas(timedelta(hours=-30), timedelta(hours=30)))


GAPS = {  # the least and the most between two occurrences: a day more or less where clocks change
    "immediate": (timedelta(0), timedelta(seconds=1)),
    "daily": (timedelta(hours=22), timedelta(hours=26)),
    "weekly": (timedelta(days=5, hours=22), timedelta(days=8, hours=2)),
    "monthly": (timedelta(days=26, hours=22), timedelta(days=32, hours=2)),
}
RHYTHMS = st.one_of(
    st.tuples(st.just("weekly"), st.sampled_from(("", *WEEKDAYS))),
    st.tuples(st.just("monthly"), st.sampled_from(("", *map(str, range(1, 29))))),
    st.tuples(st.sampled_from(sorted(CADENCES)), st.just("")),
)


@given(RHYTHMS, st.sampled_from(ZONES), st.sampled_from(HOURS) | st.times(), instants | near)
def test_latest_is_at_or_before_after_is_beyond_and_nothing_lies_between(
    kind: tuple[str, str], zone: str, at: time, instant: datetime
) -> None:
    cadence, rhythm = CADENCES[kind[0]], Schedule(cadence=kind[0], on=kind[1], timezone=zone, at=at)
    latest, after = cadence.latest(instant, rhythm), cadence.after(instant, rhythm)
    assert latest <= instant < after
    if cadence.at_once:
        assert (latest, after - instant) == (instant, timedelta(milliseconds=1))
        return
    assert cadence.after(latest, rhythm) == after
    assert cadence.latest(after, rhythm) == after
    assert cadence.latest(after - MOMENT, rhythm) == latest
    least, most = GAPS.get(kind[0], (timedelta(0), timedelta(days=400)))
    assert least < after - latest < most


@pytest.mark.parametrize("on", ["", *WEEKDAYS])
@pytest.mark.parametrize("zone", ZONES)
def test_a_weekly_digest_comes_once_a_local_week_on_its_day(zone: str, on: str) -> None:
    """On the day that Samoa never had, it comes at the same hour of the next."""
    rhythm = Schedule(cadence="weekly", on=on, timezone=zone, at=time(2, 30))
    due = local("2011-01-01 00:00", zone)
    for _ in range(110):
        after = CADENCES["weekly"].after(due, rhythm)
        day = after.astimezone(ZoneInfo(zone)).date()
        if day == date(2011, 12, 31) and zone == "Pacific/Apia" and on == "fri":
            day -= timedelta(days=1)
        assert WEEKDAYS[day.weekday()] == (on or "mon")
        due = after


@pytest.mark.parametrize("on", ["", "1", "15", "28"])
@pytest.mark.parametrize("zone", ZONES)
def test_a_monthly_digest_comes_once_a_local_month_on_its_day(zone: str, on: str) -> None:
    rhythm = Schedule(cadence="monthly", on=on, timezone=zone, at=time(0, 30))
    due = local("2011-01-01 00:00", zone)
    found = []
    for _ in range(26):
        due = CADENCES["monthly"].after(due, rhythm)
        found.append(due.astimezone(ZoneInfo(zone)).date())
    assert {day.day for day in found} == {int(on or 1)}
    assert len({(day.year, day.month) for day in found}) == len(found)


@given(st.sampled_from(ZONES), st.sampled_from(HOURS), near)
def test_occurrences_rise_and_stay_a_day_apart(zone: str, at: time, instant: datetime) -> None:
    found = occurrences(daily(zone, at), instant, instant + timedelta(days=5))
    days = [due.astimezone(ZoneInfo(zone)).date() for due in found]
    assert len(found) in (4, 5, 6)
    assert all(one < two for one, two in pairwise(found))
    assert len(set(days)) == len(days)
