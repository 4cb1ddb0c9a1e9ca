"""The life of a subscription."""

from itertools import product

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from properties import examples

from publisher.core.subscribers.subscription import Event, State, after, new_life


@pytest.mark.parametrize(("state", "event"), [*product(State, Event)])
def test_every_event_is_harmless_in_every_state_and_twice_is_once(state: State, event: Event) -> None:
    following = after(state, event)
    assert after(following, event) is following
    assert not new_life(following, event)


@pytest.mark.parametrize(
    ("state", "event", "expected"),
    [
        (State.PENDING, Event.SIGN_UP, State.PENDING),
        (State.PENDING, Event.CONFIRM, State.ACTIVE),
        (State.ACTIVE, Event.SIGN_UP, State.ACTIVE),
        (State.UNSUBSCRIBED, Event.SIGN_UP, State.PENDING),
        (State.UNSUBSCRIBED, Event.CONFIRM, State.UNSUBSCRIBED),
    ],
)
def test_the_drawing(state: State, event: Event, expected: State) -> None:
    assert after(state, event) is expected


@pytest.mark.parametrize("state", State)
def test_one_click_ends_every_life(state: State) -> None:
    assert after(state, Event.UNSUBSCRIBE) is State.UNSUBSCRIBED


def test_only_a_confirmation_makes_a_reader_active() -> None:
    born = {(s, e) for s, e in product(State, Event) if s is not State.ACTIVE and after(s, e) is State.ACTIVE}
    assert born == {(State.PENDING, Event.CONFIRM)}


def test_only_coming_back_starts_a_new_life() -> None:
    assert {(s, e) for s, e in product(State, Event) if new_life(s, e)} == {
        (State.UNSUBSCRIBED, Event.SIGN_UP)
    }


class Subscription(RuleBasedStateMachine):
    """One reader with every token they were ever sent; an old one does nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.state, self.generation, self.confirmed, self.left = State.PENDING, 1, set[int](), set[int]()

    @rule()
    def signs_up(self) -> None:
        self._happen(Event.SIGN_UP)

    @rule(back=st.integers(0, 2))
    def uses_a_confirmation(self, back: int) -> None:
        if back == 0 and self.state is not State.UNSUBSCRIBED:
            self.confirmed.add(self.generation)
        if back == 0:
            self._happen(Event.CONFIRM)

    @rule(back=st.integers(0, 2))
    def uses_one_click(self, back: int) -> None:
        if back == 0:
            self.left.add(self.generation)
            self._happen(Event.UNSUBSCRIBE)

    def _happen(self, event: Event) -> None:
        self.generation += new_life(self.state, event)
        self.state = after(self.state, event)

    @invariant()
    def is_active_only_when_confirmed_in_this_life_and_not_left(self) -> None:
        active = self.generation in self.confirmed and self.generation not in self.left
        assert (self.state is State.ACTIVE) is active
        assert (self.state is State.UNSUBSCRIBED) is (self.generation in self.left)


Subscription.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=20)
TestSubscription = Subscription.TestCase
