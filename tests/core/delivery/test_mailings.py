"""The life of a delivery: the drawing, what is final, and how often anything may be sent."""

import re
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from paths import ROOT

from publisher.core.delivery import mailing
from publisher.core.delivery.mailing import (
    DEFERRALS,
    NOT_RECEIVED,
    PRIORITY,
    TERMINAL,
    TRANSITIONS,
    DeliveryState,
    MailingKind,
    TransitionCause,
    count_unfinished,
    deferral_delay,
    next_state,
    states_before,
)

ARROW = re.compile(r"([a-z|]+) -([a-n])-> ([a-z]+)(?: \| ([a-z]+))?(?: \| ([a-z]+))?")


def drawn() -> set[tuple[str, str, str]]:
    """(from, letter, to) of every arrow in the module's drawing."""
    text = re.sub(r"^ +-([def])->", r"sending -\1->", mailing.__doc__ or "", flags=re.MULTILINE)
    text = (
        text.replace("     -e-> rejected\n", "     sending -e-> rejected\n", 1)
        .split("delivery:")[1]
        .replace("claimed -b-> sending -c->", "claimed -b-> sending   sending -c->")
    )
    text = text.replace("queued -a-> claimed -b->", "queued -a-> claimed   claimed -b->")
    arrows = [match.groups() for match in ARROW.finditer(text)]
    return {(one, a[1] or "", to) for a in arrows for one in (a[0] or "").split("|") for to in a[2:] if to}


def test_the_table_is_the_drawing() -> None:
    assert {
        (state.value, cause.value.rstrip("'"), to.value) for (state, cause), to in TRANSITIONS.items()
    } == drawn()
    assert len(drawn()) == len(TRANSITIONS) == 25


@pytest.mark.parametrize("cause", TransitionCause)
def test_an_arrow_leads_to_one_state_wherever_it_starts(cause: TransitionCause) -> None:
    assert len({next_state(state, cause) for state in states_before(cause)}) == 1


def test_origins_are_where_an_arrow_may_start() -> None:
    for state, cause in product(DeliveryState, TransitionCause):
        assert (state in states_before(cause)) is (next_state(state, cause) is not None), (state, cause)


def test_what_is_final_never_changes_unless_an_operator_sends_what_nobody_has() -> None:
    assert [
        (state, cause)
        for state, cause in product(sorted(TERMINAL), TransitionCause)
        if next_state(state, cause)
    ] == [
        (DeliveryState.ACCEPTED, TransitionCause.LEAVE_OUTBOX),
        *((state, TransitionCause.SEND_AGAIN) for state in sorted(NOT_RECEIVED)),
    ]


def test_every_state_that_is_not_final_can_end() -> None:
    ends = set(TERMINAL)
    for _ in DeliveryState:
        ends |= {state for (state, _), to in TRANSITIONS.items() if to in ends}
    assert ends == set(DeliveryState)


def test_deferrals_wait_longer_each_time_and_the_sixth_is_the_last() -> None:
    minutes = [timedelta(minutes=m) for m in (1, 5, 30, 120, 720)]
    assert [deferral_delay(n) for n in range(1, 8)] == [*minutes, None, None]
    assert list(DEFERRALS) == minutes


def test_a_confirmation_goes_before_a_digest() -> None:
    assert PRIORITY[MailingKind.CONFIRM] < PRIORITY[MailingKind.DIGEST]
    assert set(PRIORITY) == set(MailingKind)


def test_a_mailing_is_open_while_anything_is_to_do_or_in_doubt() -> None:
    assert count_unfinished({}) == 0
    assert count_unfinished(dict.fromkeys(DeliveryState, 1)) == len(DeliveryState) - len(TERMINAL) == 4


RESENDS = {
    TransitionCause.SEND_AGAIN,
    TransitionCause.DEFER,
    TransitionCause.RESEND,
    TransitionCause.FOUND_ABSENT,
}
"""The server refused it, an operator decided, or there is word that it never arrived."""


class Delivery(RuleBasedStateMachine):
    """One row, and any cause at any time: most miss, as an UPDATE that names its origins would."""

    def __init__(self) -> None:
        super().__init__()
        self.state = DeliveryState.QUEUED
        self.since_sent: list[TransitionCause] | None = None
        self.final: DeliveryState | None = None

    @rule(cause=st.sampled_from(TransitionCause))
    def something_happens(self, cause: TransitionCause) -> None:
        self._happen(cause)

    @precondition(lambda self: self.state in (DeliveryState.QUEUED, DeliveryState.CLAIMED))
    @rule()
    def a_worker_goes_on(self) -> None:
        self._happen(TransitionCause.CLAIM if self.state is DeliveryState.QUEUED else TransitionCause.INTEND)

    def _happen(self, cause: TransitionCause) -> None:
        to = next_state(self.state, cause)
        if to is None:
            return
        if cause is TransitionCause.RESTORE:
            self.since_sent = []  # a run that nobody remembers may have sent it
        elif cause is TransitionCause.LEAVE_OUTBOX:
            self.since_sent = self.final = None  # only the outbox had it
        elif cause is TransitionCause.SEND_AGAIN:
            self.final = None
            self.since_sent = None if self.since_sent is None else [*self.since_sent, cause]
        elif cause is TransitionCause.INTEND:
            assert self.since_sent is None or RESENDS & set(self.since_sent), "sent twice by itself"
            self.since_sent = []
        elif self.since_sent is not None:
            self.since_sent.append(cause)
        self.state = to

    @invariant()
    def what_is_final_stays(self) -> None:
        if self.final is not None:
            assert self.state is self.final
        if self.state in TERMINAL:
            self.final = self.state

    @invariant()
    def only_what_was_sent_is_accepted_or_in_doubt(self) -> None:
        if self.state in (DeliveryState.SENDING, DeliveryState.ACCEPTED, DeliveryState.UNKNOWN):
            assert self.since_sent is not None

    @invariant()
    def what_is_skipped_or_cancelled_is_not_on_its_way(self) -> None:
        if self.state in (DeliveryState.SKIPPED, DeliveryState.CANCELLED) and self.since_sent is not None:
            assert RESENDS & set(self.since_sent)


Delivery.TestCase.settings = settings(stateful_step_count=25)
TestDelivery = Delivery.TestCase


def test_the_page_of_the_design_and_the_module_say_the_same() -> None:
    """Every arrow that the page about deliveries draws is one of ours."""
    page = (ROOT / "docs/explanation/the-delivery-promise.md").read_text(encoding="utf-8")
    letters = set(re.findall(r"-([a-n])->", page))
    assert letters == {cause.value.rstrip("'") for cause in TransitionCause}
