"""The life of a subscription."""

from itertools import product

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from properties import examples

from publisher.core.subscribers.subscription import (
    SubscriptionEvent,
    SubscriptionState,
    next_subscription_state,
    starts_new_life,
)


@pytest.mark.parametrize(("state", "event"), [*product(SubscriptionState, SubscriptionEvent)])
def test_every_event_is_harmless_in_every_state_and_twice_is_once(
    state: SubscriptionState, event: SubscriptionEvent
) -> None:
    following = next_subscription_state(state, event)
    assert next_subscription_state(following, event) is following
    assert not starts_new_life(following, event)


@pytest.mark.parametrize(
    ("state", "event", "expected"),
    [
        (SubscriptionState.PENDING, SubscriptionEvent.SIGN_UP, SubscriptionState.PENDING),
        (SubscriptionState.PENDING, SubscriptionEvent.CONFIRM, SubscriptionState.ACTIVE),
        (SubscriptionState.ACTIVE, SubscriptionEvent.SIGN_UP, SubscriptionState.ACTIVE),
        (SubscriptionState.UNSUBSCRIBED, SubscriptionEvent.SIGN_UP, SubscriptionState.PENDING),
        (SubscriptionState.UNSUBSCRIBED, SubscriptionEvent.CONFIRM, SubscriptionState.UNSUBSCRIBED),
    ],
)
def test_the_drawing(state: SubscriptionState, event: SubscriptionEvent, expected: SubscriptionState) -> None:
    assert next_subscription_state(state, event) is expected


@pytest.mark.parametrize("state", SubscriptionState)
def test_one_click_ends_every_life(state: SubscriptionState) -> None:
    assert next_subscription_state(state, SubscriptionEvent.UNSUBSCRIBE) is SubscriptionState.UNSUBSCRIBED


def test_only_a_confirmation_makes_a_reader_active() -> None:
    born = {
        (s, e)
        for s, e in product(SubscriptionState, SubscriptionEvent)
        if s is not SubscriptionState.ACTIVE and next_subscription_state(s, e) is SubscriptionState.ACTIVE
    }
    assert born == {(SubscriptionState.PENDING, SubscriptionEvent.CONFIRM)}


def test_only_coming_back_starts_a_new_life() -> None:
    assert {(s, e) for s, e in product(SubscriptionState, SubscriptionEvent) if starts_new_life(s, e)} == {
        (SubscriptionState.UNSUBSCRIBED, SubscriptionEvent.SIGN_UP)
    }


class Subscription(RuleBasedStateMachine):
    """One reader with every token they were ever sent; an old one does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.generation, self.confirmed, self.left = (
            SubscriptionState.PENDING,
            1,
            set[int](),
            set[int](),
        )

    @rule()
    def signs_up(self) -> None:
        self._happen(SubscriptionEvent.SIGN_UP)

    @rule(back=st.integers(0, 2))
    def uses_a_confirmation(self, back: int) -> None:
        if back == 0 and self.state is not SubscriptionState.UNSUBSCRIBED:
            self.confirmed.add(self.generation)
        if back == 0:
            self._happen(SubscriptionEvent.CONFIRM)

    @rule(back=st.integers(0, 2))
    def uses_one_click(self, back: int) -> None:
        if back == 0:
            self.left.add(self.generation)
            self._happen(SubscriptionEvent.UNSUBSCRIBE)

    def _happen(self, event: SubscriptionEvent) -> None:
        self.generation += starts_new_life(self.state, event)
        self.state = next_subscription_state(self.state, event)

    @invariant()
    def is_active_only_when_confirmed_in_this_life_and_not_left(self) -> None:
        active = self.generation in self.confirmed and self.generation not in self.left
        assert (self.state is SubscriptionState.ACTIVE) is active
        assert (self.state is SubscriptionState.UNSUBSCRIBED) is (self.generation in self.left)


Subscription.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=20)
TestSubscription = Subscription.TestCase
