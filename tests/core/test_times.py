"""What a person may give to --at: an instant, or a time in words, by the clock of the site's zone."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.times import parse_time

BERLIN = "Europe/Berlin"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "now", "meant"),
    [
        ("2026-05-01T08:00:00Z", "2026-11-30T12:00", "2026-05-01T08:00"),
        ("2026-05-01T08:00:00+02:00", "2026-11-30T12:00", "2026-05-01T06:00"),
        ("2026-05-01T08:00", "2026-11-30T12:00", "2026-05-01T08:00"),  # without an offset: UTC
        ("2026-05-01", "2026-11-30T12:00", "2026-05-01T00:00"),
        ("tomorrow", "2026-11-30T12:00", "2026-12-01T12:00"),
        ("tomorrow", "2026-11-30T23:30", "2026-12-01T23:30"),  # 0:30 in Berlin: it is December there
        ("tomorrow", "2026-03-28T12:00", "2026-03-29T11:00"),  # a day of 23 hours: the same time of day
        ("tomorrow", "2026-10-24T12:00", "2026-10-25T13:00"),  # a day of 25 hours
        ("tomorrow", "2026-03-28T01:30", "2026-03-29T01:30"),  # 02:30 is skipped there: 03:30
        ("tomorrow", "2026-10-24T00:30", "2026-10-25T00:30"),  # 02:30 comes twice: the first
        ("tomorrow 08:00", "2026-11-30T12:00", "2026-12-01T07:00"),
        ("tomorrow 08:00", "2026-11-30T05:00", "2026-12-01T07:00"),
        ("+1d", "2026-03-28T12:00", "2026-03-29T12:00"),  # 24 hours, whatever clocks do
        ("+1d", "2026-11-30T12:00", "2026-12-01T12:00"),
        ("+90m", "2026-11-30T12:00", "2026-11-30T13:30"),
        ("+1d12h", "2026-11-30T12:00", "2026-12-02T00:00"),
        ("08:00", "2026-11-30T05:00", "2026-11-30T07:00"),  # today, for it is still to come
        ("8:00", "2026-11-30T07:00", "2026-11-30T07:00"),  # it is now
        ("08:00", "2026-11-30T12:00", "2026-12-01T07:00"),  # it is past: tomorrow
        ("02:30", "2026-03-28T12:00", "2026-03-29T01:30"),  # skipped: 03:30
        ("02:30", "2026-10-24T12:00", "2026-10-25T00:30"),  # twice: the first
        ("02:30", "2026-10-25T01:00", "2026-10-26T01:30"),  # between the two: the first is past
        (" 20:15:30 ", "2026-11-30T12:00", "2026-11-30T19:15:30"),
    ],
)
def test_a_time_is_what_a_person_means_by_it(text: str, now: str, meant: str) -> None:
    assert parse_time(text, utc(now), BERLIN) == utc(meant)


WRONG = (
    *("", " ", "soon", "yesterday", "25:00", "08:60", "+", "+1", "+1w", "1d", "-1d", "+999999999d", "8"),
    *("2026-13-01", "0001-01-01T00:00:00+05:00"),
)


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_time_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time; give an ISO 8601 time such as .* tomorrow"):
        parse_time(text, utc("2026-11-30T12:00"), BERLIN)


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # Hypothesis adds the zone
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.sampled_from(
        (BERLIN, "America/Santiago", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Auckland")
    ),
)
def test_a_time_of_day_is_the_next_one_and_shows_on_the_clock(now: datetime, at: time, zone: str) -> None:
    found = parse_time(f"{at:%H:%M}", now, zone)
    assert timedelta(0) <= found - now <= timedelta(hours=26)
    here = found.astimezone(ZoneInfo(zone))
    skipped = here.replace(tzinfo=None) != datetime.combine(here.date(), at)
    assert (
        not skipped
        or found.astimezone(ZoneInfo(zone)).utcoffset()
        != (found - timedelta(hours=3)).astimezone(ZoneInfo(zone)).utcoffset()
    )
