"""A clock well behind what was written is wrong, unless it is known why what was written is ahead."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from publisher.core.times import (
    CLOCK_TOLERANCE,
    AheadCause,
    LastEntry,
    LogAhead,
    accepted_log_ahead,
    clock_lag,
    log_ahead_after,
    log_ahead_from,
)

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
DAY = timedelta(days=1)
LAST = LastEntry(at=NOON)


def test_a_clock_may_be_five_minutes_behind_and_no_more() -> None:
    assert clock_lag(NOON, None, None) is None
    assert clock_lag(NOON + DAY, LAST, None) is None
    assert clock_lag(NOON - CLOCK_TOLERANCE, LAST, None) is None
    wrong = clock_lag(NOON - CLOCK_TOLERANCE - timedelta(seconds=1), LAST, None)
    assert wrong is not None
    assert wrong.right_at == NOON - CLOCK_TOLERANCE


def test_it_is_said_in_the_zone_of_the_site_with_what_was_written() -> None:
    wrong = clock_lag(datetime(1970, 1, 1, tzinfo=UTC), LAST, None)
    assert wrong is not None
    assert wrong.in_words("Europe/Berlin") == (
        "it is 1970-01-01 01:00 CET, but the log's last entry is from 2026-11-30 13:00 CET"
    )
    wrong = clock_lag(datetime(1970, 1, 1, tzinfo=UTC), LastEntry(at=NOON, mailing=12), None)
    assert wrong is not None
    assert "but mailing 12 is from" in wrong.in_words("UTC")


def test_after_a_pretended_time_the_present_is_right_and_the_past_is_not() -> None:
    ahead = log_ahead_after(NOON + DAY, NOON, LastEntry(at=NOON - DAY), None)
    assert ahead == LogAhead(until=NOON + DAY, sure=NOON, cause=AheadCause.PRETENDED)
    last = LastEntry(at=NOON + DAY)
    assert clock_lag(NOON, last, ahead) is None
    assert clock_lag(NOON - timedelta(hours=1), last, ahead) is not None
    assert clock_lag(datetime(1970, 1, 1, tzinfo=UTC), last, ahead) is not None


def test_a_pretended_time_is_forgotten_once_the_clock_is_there() -> None:
    ahead = log_ahead_after(NOON + DAY, NOON, None, None)
    later = log_ahead_after(NOON + DAY / 2, NOON + DAY / 2, LastEntry(at=NOON + DAY), ahead)
    assert later == LogAhead(until=NOON + DAY, sure=NOON + DAY / 2, cause=AheadCause.PRETENDED)
    assert log_ahead_after(NOON + DAY, NOON + DAY, LastEntry(at=NOON + DAY), later) is None


def test_two_pretended_times_are_ahead_until_the_later() -> None:
    ahead = log_ahead_after(NOON + 3 * DAY, NOON, None, None)
    ahead = log_ahead_after(NOON + DAY, NOON, LastEntry(at=NOON + 3 * DAY), ahead)
    assert ahead is not None
    assert (ahead.until, ahead.sure) == (NOON + 3 * DAY, NOON)


def test_a_time_given_while_the_machine_is_in_1970_does_not_make_1970_right() -> None:
    wrong = datetime(1970, 1, 1, tzinfo=UTC)
    ahead = log_ahead_after(NOON + DAY, wrong, LAST, None)
    assert clock_lag(wrong, LastEntry(at=NOON + DAY), ahead) is not None


def test_an_accepted_clock_is_right_from_then_on() -> None:
    last = LastEntry(at=NOON + 400 * DAY)
    ahead = accepted_log_ahead(NOON, last)
    assert clock_lag(NOON, last, ahead) is None
    assert clock_lag(NOON + DAY, last, ahead) is None
    assert clock_lag(NOON - DAY, last, ahead) is not None
    assert clock_lag(NOON + DAY, LastEntry(at=NOON + 401 * DAY), ahead) is not None


DAYS = st.integers(-2000, 2000).map(lambda n: NOON + n * timedelta(hours=7))


@given(DAYS, DAYS, DAYS)
def test_what_is_remembered_is_read_back(now: datetime, real: datetime, last: datetime) -> None:
    ahead = log_ahead_after(now, real, LastEntry(at=last), None)
    assert log_ahead_from(ahead.to_text() if ahead else "") == ahead
    if ahead is not None:
        assert ahead.until == now
        assert clock_lag(now, LastEntry(at=max(now, last)), ahead) is None or now < last
