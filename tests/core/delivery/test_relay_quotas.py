"""How much a relay takes in any hour and any day."""

from datetime import UTC, datetime, timedelta

from declared import relay
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.delivery.relays import (
    DAY,
    HOUR,
    Quota,
    QuotaUse,
    describe_quota,
    next_send_at,
    quota_of,
    remaining_quota,
    reservation_size,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
QUOTA = Quota(relay="r", per_hour=10, per_day=20)


def spent(*given_: tuple[float, int]) -> list[QuotaUse]:
    """(hours ago, how many)."""
    return [QuotaUse(sent=number, last=NOW - timedelta(hours=hours)) for hours, number in given_]


def test_room_is_what_the_tighter_window_has_left() -> None:
    assert remaining_quota(QUOTA, [], NOW) == 10
    assert remaining_quota(QUOTA, spent((0.5, 7)), NOW) == 3
    assert remaining_quota(QUOTA, spent((2, 18)), NOW) == 2
    assert remaining_quota(QUOTA, spent((0.1, 10)), NOW) == 0
    assert remaining_quota(QUOTA, spent((1, 10), (24, 10)), NOW) == 10, (
        "an hour later they are of no hour any more"
    )


def test_it_goes_on_when_enough_has_left_the_window() -> None:
    assert next_send_at(QUOTA, spent((0.5, 7)), NOW) is None
    assert next_send_at(QUOTA, spent((0.75, 4), (0.5, 6)), NOW) == NOW + timedelta(hours=0.25)
    assert next_send_at(QUOTA, spent((23, 15), (2, 5)), NOW) == NOW + timedelta(hours=1)
    assert next_send_at(QUOTA, spent((23, 15), (0.5, 10)), NOW) == NOW + timedelta(hours=1)


def test_what_a_wrong_clock_wrote_far_ahead_holds_nothing() -> None:
    assert remaining_quota(QUOTA, spent((-100, 10)), NOW) == 10


def test_a_share_leaves_some_for_others_and_is_never_more_than_there_is() -> None:
    assert [reservation_size(left) for left in (0, 1, 3, 8, 400, 10_000)] == [0, 1, 1, 2, 100, 100]


def test_a_relay_without_limits_has_no_quota_and_a_login_has_its_own() -> None:
    assert quota_of(relay(host="h", port=25)) is None
    mine = quota_of(relay(host="h", port=25, username="me", per_day=1_000))
    assert mine is not None
    assert (mine.relay, describe_quota(mine)) == ("me at h:25", "me at h:25 takes 1,000 a day")


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 8)), max_size=60))
def test_in_no_hour_and_no_day_does_more_go_than_the_quota(wishes: list[tuple[int, int]]) -> None:
    """(minutes until the next wish, how many messages)."""
    now, sent = NOW, list[QuotaUse]()
    for minutes, number in wishes:
        now += timedelta(minutes=minutes)
        going = min(number, remaining_quota(QUOTA, sent, now))
        if going:
            sent.append(QuotaUse(sent=going, last=now))
        if remaining_quota(QUOTA, sent, now) == 0:
            again = next_send_at(QUOTA, sent, now)
            assert again is not None
            assert again > now
            assert remaining_quota(QUOTA, sent, again) > 0
            assert remaining_quota(QUOTA, sent, again - timedelta(milliseconds=1)) == 0
    for begin in [one.last for one in sent]:
        for most, window in ((10, HOUR), (20, DAY)):
            assert sum(one.sent for one in sent if begin <= one.last < begin + window) <= most
