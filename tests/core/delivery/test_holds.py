"""Orders to a mailing: what each does to it, and what it declines."""

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.delivery.holds import OVER, Declined, Order, Standing, in_words, obey, planned
from publisher.core.delivery.mailing import Hold, MailingState

NIGHT = datetime(2026, 10, 6, 7, tzinfo=UTC)
NOTHING = "nothing of it is left to be sent"
STANDINGS = [
    Standing(state=MailingState.PLANNING),
    Standing(state=MailingState.READY),
    Standing(state=MailingState.DONE),
    Standing(state=MailingState.CANCELLED),
    *(
        Standing(state=state, hold=hold)
        for state in (MailingState.PLANNING, MailingState.PAUSED)
        for hold in Hold
    ),
]


def test_what_awaits_approval_goes_by_approval_only() -> None:
    waiting = Standing(state=MailingState.PAUSED, hold=Hold.APPROVAL)
    assert obey(Order.APPROVE, waiting) == Standing(state=MailingState.READY)
    assert obey(Order.RESUME, waiting) == Declined(
        why="awaits approval", do="`publisher mailings approve` lets it go"
    )
    assert obey(Order.PAUSE, waiting) == waiting


@pytest.mark.parametrize("hold", [Hold.OPERATOR, Hold.CANARY, Hold.SERVER])
def test_an_operator_resumes_whatever_else_paused_it(hold: Hold) -> None:
    assert obey(Order.RESUME, Standing(state=MailingState.PAUSED, hold=hold)) == Standing(
        state=MailingState.READY
    )


def test_a_mailing_that_is_still_planned_can_be_approved_paused_and_resumed_before_it_is_ready() -> None:
    new = Standing(state=MailingState.PLANNING, hold=Hold.APPROVAL)
    approved = obey(Order.APPROVE, new)
    assert approved == Standing(state=MailingState.PLANNING)
    paused = obey(Order.PAUSE, Standing(state=MailingState.PLANNING))
    assert paused == Standing(state=MailingState.PLANNING, hold=Hold.OPERATOR)
    assert planned(Hold.OPERATOR, 3) is MailingState.PAUSED
    assert planned(None, 3) is MailingState.READY
    assert planned(Hold.APPROVAL, 0) is MailingState.DONE


@pytest.mark.parametrize(
    ("order", "standing", "why", "do"),
    [
        (Order.APPROVE, Standing(state=MailingState.READY), "does not await approval, it is ready", ""),
        (Order.PAUSE, Standing(state=MailingState.DONE), "is done", NOTHING),
        (Order.CANCEL, Standing(state=MailingState.DONE), "is done", NOTHING),
        (Order.RESUME, Standing(state=MailingState.CANCELLED), "is cancelled", NOTHING),
    ],
)
def test_what_cannot_be_done_says_why(order: Order, standing: Standing, why: str, do: str) -> None:
    assert obey(order, standing) == Declined(why=why, do=do)


@pytest.mark.parametrize(
    ("hold", "why", "until", "said"),
    [
        (Hold.QUIET, "quiet hours", NIGHT, "quiet hours; goes on by itself at 2026-10-06 09:00 CEST"),
        (Hold.WARM_UP, "enough", NIGHT, "enough; goes on by itself at 2026-10-06 09:00 CEST"),
        (Hold.APPROVAL, "", None, "awaits approval; `publisher mailings approve 7` lets it go"),
        (Hold.OPERATOR, "", None, "paused by an operator; `publisher mailings resume 7` lets it go on"),
        (
            Hold.CANARY,
            "3 of 9",
            None,
            "3 of 9; `publisher mailings resume 7` sends the rest, `cancel` ends it",
        ),
        (
            Hold.SERVER,
            "550",
            NIGHT,
            "550; goes on by itself at 2026-10-06 09:00 CEST; `publisher mailings resume 7` tries at once",
        ),
    ],
)
def test_a_hold_says_why_until_when_and_what_to_do(
    hold: Hold, why: str, until: datetime | None, said: str
) -> None:
    assert in_words(hold, 7, why, until, zone="Europe/Berlin") == said


def test_an_order_given_twice_is_the_same_or_declined() -> None:
    for order, standing in product(Order, STANDINGS):
        once = obey(order, standing)
        if isinstance(once, Standing):
            assert obey(order, once) == once or order is Order.APPROVE, (order, standing)


@given(orders=st.lists(st.sampled_from(Order)), start=st.sampled_from(STANDINGS))
def test_what_is_over_stays_over_and_a_pause_has_a_reason(orders: list[Order], start: Standing) -> None:
    now = start
    for order in orders:
        after = obey(order, now)
        if isinstance(after, Standing):
            assert now.state not in OVER or after == now
            now = after
    assert (now.state is MailingState.PAUSED) <= (now.hold is not None)
    assert now.state not in {MailingState.READY, *OVER} or now.hold is None
