"""When a hub is asked again, and when it is given up."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from publisher.core.feeds.documents import MAX_RETRY_DELAY, RETRY_DELAYS, next_attempt

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_each_pause_is_at_least_as_long_as_the_one_before_and_the_last_is_the_end() -> None:
    times = [next_attempt(attempts, NOW, None) for attempts in range(1, len(RETRY_DELAYS) + 1)]
    assert times == [NOW + pause for pause in RETRY_DELAYS]
    assert list(RETRY_DELAYS) == sorted(RETRY_DELAYS)
    assert next_attempt(len(RETRY_DELAYS) + 1, NOW, None) is None


def test_a_hub_that_asks_for_time_gets_it_within_reason() -> None:
    assert next_attempt(1, NOW, 10 * MINUTE) == NOW + 10 * MINUTE
    assert next_attempt(1, NOW, timedelta()) == NOW + MINUTE
    assert next_attempt(1, NOW, timedelta(days=400)) == NOW + MAX_RETRY_DELAY


@given(st.integers(1, 50), st.none() | st.timedeltas(timedelta(), timedelta(days=99)))
def test_it_is_never_asked_at_once_nor_after_more_than_half_a_day(
    attempts: int, wait: timedelta | None
) -> None:
    at = next_attempt(attempts, NOW, wait)
    assert at is None or NOW + MINUTE <= at <= NOW + MAX_RETRY_DELAY
