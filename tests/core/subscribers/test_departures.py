"""What a departure ends, and what it must leave alone, over random lives."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.delivery.reconciliation import journal_event, journal_fields, summarize_journal
from publisher.core.subscribers.subscription import (
    ALL_LISTS,
    BOUNCE,
    ERASED,
    LEFT,
    Departure,
    SubscriptionLife,
    SubscriptionState,
    has_returned,
    is_applied,
    lives_ended_by,
)

AT = datetime(2024, 10, 25, 9, tzinfo=UTC)
KEY, OTHER = "aa" * 32, "bb" * 32
LISTS = ("daily", "weekly")

lives = st.lists(
    st.builds(
        SubscriptionLife,
        subscription=st.integers(1, 9),
        list=st.sampled_from(LISTS),
        state=st.sampled_from(SubscriptionState),
        generation=st.integers(1, 4),
    ),
    max_size=2,
    unique_by=(lambda life: life.list, lambda life: life.subscription),
)
departures = st.builds(
    Departure,
    key=st.just(KEY),
    list=st.sampled_from((*LISTS, ALL_LISTS)),
    kind=st.sampled_from((LEFT, ERASED, BOUNCE, "complaint", "operator")),
    at=st.just(AT),
    subscription=st.integers(0, 9) | st.none(),
    generation=st.integers(1, 4) | st.none(),
)


def departure(**more: Any) -> Departure:
    values: dict[str, Any] = {"key": KEY, "list": "daily", "kind": LEFT, "at": AT}
    return Departure(**(values | {"subscription": 5, "generation": 2} | more))


def life(
    subscription: int, generation: int, state: SubscriptionState = SubscriptionState.ACTIVE, on: str = "daily"
) -> SubscriptionLife:
    return SubscriptionLife(subscription=subscription, list=on, state=state, generation=generation)


@given(departures, lives)
def test_a_departure_that_was_done_is_done_and_ends_nobody_who_came_later(
    gone: Departure, before: list[SubscriptionLife]
) -> None:
    ended = lives_ended_by(gone, before)
    here = [one for one in before if gone.list in (ALL_LISTS, one.list)]
    for one in here:
        later = gone.subscription is not None and (one.subscription, one.generation) > (
            gone.subscription,
            9 if gone.generation is None else gone.generation,
        )
        assert not (later and one in ended), "a later life stays"
    assert all(one in here for one in ended), "another list stays"
    after = [
        SubscriptionLife(
            subscription=one.subscription,
            list=one.list,
            state=SubscriptionState.UNSUBSCRIBED if one in ended else one.state,
            generation=one.generation,
        )
        for one in before
    ]
    blocks = set() if has_returned(gone, before) else {(gone.list, gone.kind)}
    assert is_applied(gone, after, blocks)


@pytest.mark.parametrize(
    ("gone", "before", "ends"),
    [
        (departure(), [life(5, 2)], True),
        (departure(), [life(5, 1)], True),
        (departure(), [life(5, 2, SubscriptionState.PENDING)], True),
        (departure(), [life(5, 3)], False),
        (departure(), [life(4, 7)], True),
        (departure(), [life(6, 1)], False),
        (departure(), [life(5, 2, on="weekly")], False),
        (departure(subscription=None), [life(9, 2)], True),
        (departure(subscription=None), [life(9, 3)], False),
        (departure(kind=ERASED, list=ALL_LISTS, generation=None), [life(5, 9, on="weekly")], True),
        (departure(kind=ERASED, list=ALL_LISTS, generation=None), [life(6, 1)], False),
        (departure(kind=BOUNCE, generation=None), [life(5, 1)], False),
    ],
)
def test_a_departure_ends_the_life_it_was_about_and_those_before(
    gone: Departure, before: list[SubscriptionLife], ends: bool
) -> None:
    assert lives_ended_by(gone, before) == (before if ends else [])


@pytest.mark.parametrize("kind", ["operator", "complaint", BOUNCE])
def test_what_only_an_operator_lifts_is_not_done_by_a_weaker_block_or_a_return(kind: str) -> None:
    gone = departure(kind=kind, list=ALL_LISTS, generation=None)
    assert not is_applied(gone, [life(6, 1)], {("daily", LEFT)})
    assert is_applied(gone, [life(6, 1)], {(ALL_LISTS, kind)})


@given(departures, st.integers(1, 9) | st.none())
def test_a_departure_comes_back_from_the_journal_as_it_was_written(gone: Departure, to: int | None) -> None:
    if to is not None and gone.kind == LEFT:
        gone = departure(to=to, to_key=OTHER)
    [read] = summarize_journal([(journal_event(gone), journal_fields(gone))]).departures
    assert read == gone


def test_an_address_that_is_allowed_again_is_no_longer_suppressed_by_what_came_before() -> None:
    suppressed = [departure(kind="operator", list=name, generation=None) for name in ("", "daily", "weekly")]
    entries = [(journal_event(one), journal_fields(one)) for one in (*suppressed, departure())]
    allowed = {"key": KEY, "list": "daily", "kinds": ["operator"]}
    left = summarize_journal([*entries, ("allowed", allowed)]).departures
    assert [(one.list, one.kind) for one in left] == [
        ("", "operator"),
        ("weekly", "operator"),
        ("daily", LEFT),
    ]
    everywhere = summarize_journal([*entries, ("allowed", allowed | {"list": ""})]).departures
    assert [one.kind for one in everywhere] == [LEFT]
    assert len(summarize_journal([("allowed", allowed), *entries]).departures) == 4
    assert len(summarize_journal([*entries, ("allowed", {"key": KEY}), ("allowed", {})]).departures) == 4


def test_a_reader_who_moves_away_and_back_has_not_left() -> None:
    away = departure(to=9, to_key=OTHER)
    back = departure(key=OTHER, to=12, to_key=KEY)
    assert summarize_journal(
        [(journal_event(one), journal_fields(one)) for one in (away, back)]
    ).departures == (back,)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"key": KEY},
        {"key": "no hex", "at": AT.isoformat()},
        {"key": KEY, "at": "yesterday"},
        {"key": KEY, "at": "2024-10-25T09:00:00"},
        {"key": 7, "at": AT.isoformat()},
    ],
)
def test_a_damaged_line_tells_nothing(fields: dict[str, Any]) -> None:
    for event in ("unsubscribed", "erased", "suppressed", "mailing", "transactional", "batch", "allowed"):
        told = summarize_journal([(event, fields)])
        assert (told.departures, told.started, told.last_mailing, told.turn) == ((), (), 0, 0)
