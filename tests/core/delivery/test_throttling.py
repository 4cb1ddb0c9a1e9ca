"""Pacing: brakes, turns, quiet hours, warm-up and the canary, by an explicit clock."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import declared
import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.delivery.relays import DomainLimit, Relay, Security, relays_left
from publisher.core.delivery.throttling import (
    DOMAIN_REFUSALS,
    SERVER_REFUSALS,
    SERVER_SCOPE,
    SLOT_SLACK,
    Canary,
    CircuitBreaker,
    DeliveryRate,
    Forecast,
    QuietHours,
    WarmUp,
    canary_failed,
    combined_limits,
    fair_outcome,
    forecast,
    is_refusal,
    mailing_scope,
    next_midnight,
    next_slot,
    open_time,
    quiet_from,
    quiet_until,
    record_outcome,
    scope_mailing,
    trip_breaker,
    warm_up_allowance,
)
from publisher.core.mail.message import Outcome, SendVerdict

NOW = datetime(2026, 10, 6, 9, tzinfo=UTC)
TAKEN = Outcome(verdict=SendVerdict.ACCEPTED, reply="250 ok")
LATER = Outcome(verdict=SendVerdict.DEFERRED, reply="451 4.7.1 later")
BLOCKED = Outcome(verdict=SendVerdict.REJECTED, reply="554 5.7.1 blocked")
ODD = Outcome(verdict=SendVerdict.REJECTED, reply="554 transaction failed")
NOBODY = Outcome(verdict=SendVerdict.REJECTED, reply="550 5.1.1 no such user")


def after(gauge: CircuitBreaker, *outcomes: Outcome, now: datetime = NOW) -> CircuitBreaker:
    for outcome in outcomes:
        gauge = record_outcome(gauge, outcome, now)
    return gauge


@pytest.mark.parametrize(
    ("scope", "limit"),
    [("example.org", DOMAIN_REFUSALS), (SERVER_SCOPE, SERVER_REFUSALS), ("#7", SERVER_REFUSALS)],
)
def test_refusals_in_a_row_brake_and_one_acceptance_between_them_does_not(scope: str, limit: int) -> None:
    new = CircuitBreaker(scope=scope)
    assert not after(new, *[LATER] * (limit - 1)).stopped(NOW)
    assert after(new, *[LATER] * limit).stopped(NOW)
    assert not after(new, *[LATER] * (limit - 1), TAKEN, *[LATER] * (limit - 1)).stopped(NOW)


def test_a_brake_lasts_longer_each_time_until_something_is_accepted() -> None:
    gauge, now, waits = CircuitBreaker(scope="example.org"), NOW, []
    for _ in range(9):
        gauge = trip_breaker(gauge, "451 later", now)
        assert gauge.until is not None
        waits.append((gauge.until - now).total_seconds() / 60)
        now = gauge.until
    assert waits == [1, 2, 5, 10, 20, 40, 60, 60, 60]
    assert record_outcome(gauge, TAKEN, now) == CircuitBreaker(scope="example.org")


def test_after_a_brake_one_refusal_of_the_probe_brakes_again() -> None:
    once = after(CircuitBreaker(scope="example.org"), *[LATER] * DOMAIN_REFUSALS)
    assert once.until is not None
    assert once.probing
    twice = record_outcome(once, LATER, once.until)
    assert (twice.failures, twice.until) == (2, once.until + open_time(2))


def test_answers_of_messages_already_under_way_do_not_lengthen_a_brake() -> None:
    once = after(CircuitBreaker(scope="example.org"), *[LATER] * DOMAIN_REFUSALS)
    assert after(once, LATER, LATER) == once


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        ("554 5.7.1 blocked by our list", True),
        ("550 5.1.1 no such user", False),
        ("552 5.2.2 mailbox full", False),
        ("550 User unknown", False),
        ("550 blocked", True),
        ("554 5.7.1 user's policy forbids it", True),
    ],
)
def test_a_5xx_is_about_the_reader_or_about_the_server(reply: str, refusal: bool) -> None:
    assert is_refusal(Outcome(verdict=SendVerdict.REJECTED, reply=reply)) is refusal


def test_addresses_that_do_not_exist_and_doubts_brake_nothing() -> None:
    lost = Outcome(verdict=SendVerdict.UNKNOWN)
    assert after(CircuitBreaker(scope=SERVER_SCOPE), *[NOBODY, lost] * 50) == CircuitBreaker(
        scope=SERVER_SCOPE
    )


def test_a_5xx_in_a_row_of_refusals_is_no_end_but_one_of_an_address_is() -> None:
    calm, storm = (
        CircuitBreaker(scope="example.org", refusals=1),
        CircuitBreaker(scope="example.org", refusals=2),
    )
    assert fair_outcome(ODD, calm) == ODD
    assert fair_outcome(ODD, calm, storm).verdict is SendVerdict.DEFERRED
    assert fair_outcome(NOBODY, storm) == NOBODY
    assert fair_outcome(TAKEN, storm) == TAKEN


def test_a_5xx_about_us_is_nobody_s_end_and_five_in_a_row_stop_a_mailing() -> None:
    assert fair_outcome(BLOCKED, CircuitBreaker(scope="example.org")).verdict is SendVerdict.DEFERRED
    for scope in ("#7", "example.org"):
        assert not after(CircuitBreaker(scope=scope), *[BLOCKED] * 4).stopped(NOW)
        assert after(CircuitBreaker(scope=scope), *[BLOCKED] * 5).stopped(NOW)
    assert not after(CircuitBreaker(scope="#7"), *[ODD] * 19).stopped(NOW)
    assert not after(CircuitBreaker(scope="#7"), *[BLOCKED] * 4, TAKEN, *[BLOCKED] * 4).stopped(NOW)


def test_the_scope_of_a_mailing_is_no_domain() -> None:
    assert scope_mailing(mailing_scope(12)) == 12
    assert (scope_mailing("example.org"), scope_mailing(SERVER_SCOPE)) == (None, None)


@given(
    rate=st.floats(0.1, 1000),
    waits=st.lists(st.floats(0, 3), min_size=1, max_size=60),
)
def test_turns_are_never_closer_than_the_rate_allows(rate: float, waits: list[float]) -> None:
    now, last, turns = 0.0, float("-inf"), []
    for wait in waits:
        now += wait
        turn = next_slot(last, now, rate)
        now = max(now, turn)
        turns.append(now)
        last = turn
    for number, start in enumerate(turns):
        for more, end in enumerate(turns[number:]):
            assert more <= (end - start + SLOT_SLACK) * rate + 1e-6


def test_without_a_rate_the_turn_is_now() -> None:
    assert next_slot(5.0, 3.0, None) == 3.0


def test_a_steady_sender_that_wakes_late_keeps_the_rate() -> None:
    last = next_slot(float("-inf"), 0.0, 100.0)
    turns = [last]
    for _ in range(100):
        turn = next_slot(last, turns[-1] + 0.004, 100.0)  # four milliseconds late, each time
        turns.append(max(turn, turns[-1] + 0.004))
        last = turn
    assert turns[-1] - turns[0] == pytest.approx(1.0, abs=SLOT_SLACK)


NIGHT = QuietHours(start=time(22), end=time(7))


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-10-06T19:59:59Z", None),  # 21:59:59 in Berlin
        ("2026-10-06T20:00:00Z", "2026-10-07T05:00:00Z"),
        ("2026-10-07T04:59:59Z", "2026-10-07T05:00:00Z"),
        ("2026-10-07T05:00:00Z", None),
        ("2026-10-24T23:30:00Z", "2026-10-25T06:00:00Z"),  # the clock goes back in this night
        ("2027-03-27T23:30:00Z", "2027-03-28T05:00:00Z"),  # and forward in this one
    ],
)
def test_quiet_hours_follow_the_wall_clock_over_midnight(now: str, until: str | None) -> None:
    found = quiet_until(NIGHT, "Europe/Berlin", datetime.fromisoformat(now))
    assert found == (datetime.fromisoformat(until) if until else None)


def test_quiet_hours_within_one_day() -> None:
    noon = QuietHours(start=time(12), end=time(14))
    assert quiet_until(noon, "UTC", NOW) is None
    assert quiet_until(noon, "UTC", NOW.replace(hour=13)) == NOW.replace(hour=14)


@given(
    hours=st.tuples(st.times(), st.times()).filter(lambda pair: pair[0] != pair[1]),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Asia/Phnom_Penh", "America/Santiago", "Pacific/Apia"]),
    minute=st.integers(0, 2 * 365 * 24 * 60),
)
def test_it_is_quiet_until_the_end_and_begins_again_within_two_days(
    hours: tuple[time, time], zone: str, minute: int
) -> None:
    quiet = QuietHours(start=hours[0].replace(tzinfo=None), end=hours[1].replace(tzinfo=None))
    now = NOW + timedelta(minutes=minute)
    end, start = quiet_until(quiet, zone, now), quiet_from(quiet, zone, now)
    assert now < start <= now + timedelta(hours=50)
    if end is not None:
        assert now < end <= now + timedelta(hours=26)
        there, here = end.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone))
        assert there.time() == quiet.end or there.utcoffset() != here.utcoffset()


def test_a_new_sender_is_allowed_more_each_day() -> None:
    rule = WarmUp(start=date(2026, 10, 6), days=(50, 100))
    days = [warm_up_allowance(rule, NOW + timedelta(days=n)) for n in range(-1, 4)]
    assert days == [50, 50, 100, None, None]
    assert next_midnight(NOW) == datetime(2026, 10, 7, tzinfo=UTC)


def test_a_canary_holds_the_rest_when_more_than_its_limit_is_refused() -> None:
    rule = Canary(limit=0.05)
    assert not canary_failed(rule, 100, 5)
    assert canary_failed(rule, 100, 6)
    assert not canary_failed(rule, 0, 0)


def _relay(**given: object) -> Relay:
    return declared.relay(host="h", port=25, **given)


def test_several_relays_take_the_sum_of_what_each_takes() -> None:
    gmail = {"gmail.com": DomainLimit(connections=2, rate=5)}
    total, groups = combined_limits([_relay(rate=10, per_domain=gmail), _relay(rate=20, connections=3)])
    assert total == DomainLimit(rate=30)
    assert groups == {"gmail.com": DomainLimit(connections=5, rate=25)}


def test_a_relay_without_a_rate_makes_the_sum_unlimited() -> None:
    assert combined_limits([_relay(rate=10), _relay()]) == (DomainLimit(), {})
    assert combined_limits([]) == (DomainLimit(), {})


def test_only_a_relay_that_logs_in_as_before_is_still_the_same() -> None:
    one, other = _relay(username="me", password="a"), declared.relay(host="o", port=25)
    again = [
        _relay(username="me", password="b"),
        _relay(username="you", password="a"),
        _relay(username="me", password="a", security=Security.TLS),
    ]
    for after in ([], [other], *([it, other] for it in again)):
        assert relays_left([one, other], after) - {"o:25"} == {"h:25"}
    assert relays_left([one, other], [other, _relay(username="me", password="a", rate=5)]) == frozenset()


def test_brakes_only_get_longer() -> None:
    waits = [open_time(n) for n in range(1, 20)]
    assert all(one <= other for one, other in pairwise(waits))


def test_a_forecast_goes_on_as_it_went_and_tells_nothing_without_a_past() -> None:
    pace = DeliveryRate(accepted=500, refused=100, deferred=7, since=NOW - timedelta(minutes=1))
    assert forecast(1200, pace, NOW) == Forecast(left=1200, rate=10.0, ends_at=NOW + timedelta(minutes=2))
    assert forecast(0, pace, NOW).ends_at is None
    assert forecast(1200, None, NOW) == Forecast(left=1200, rate=0.0, ends_at=None)


def test_a_forecast_does_not_end_before_what_was_deferred_may_go() -> None:
    pace = DeliveryRate(accepted=600, refused=0, deferred=7, since=NOW - timedelta(minutes=1))
    noon = NOW + timedelta(hours=12)
    assert forecast(7, pace, NOW, noon).ends_at == noon
    assert forecast(1200, pace, NOW, NOW).ends_at == NOW + timedelta(minutes=2)
    assert forecast(0, pace, NOW, noon).ends_at is None
