"""Orders to a mailing: what each does to it, and what it declines."""

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.delivery.holds import (
    FINISHED,
    DeclinedCommand,
    MailingCommand,
    MailingStatus,
    apply_command,
    describe_hold,
    state_after_planning,
)
from publisher.core.delivery.mailing import MailingHold, MailingState

NIGHT = datetime(2026, 10, 6, 7, tzinfo=UTC)
NOTHING = "nothing of it is left to be sent"
STANDINGS = [
    MailingStatus(state=MailingState.PLANNING),
    MailingStatus(state=MailingState.READY),
    MailingStatus(state=MailingState.DONE),
    MailingStatus(state=MailingState.CANCELLED),
    *(
        MailingStatus(state=state, hold=hold)
        for state in (MailingState.PLANNING, MailingState.PAUSED)
        for hold in MailingHold
    ),
]


def test_what_awaits_approval_goes_by_approval_only() -> None:
    waiting = MailingStatus(state=MailingState.PAUSED, hold=MailingHold.APPROVAL)
    assert apply_command(MailingCommand.APPROVE, waiting) == MailingStatus(state=MailingState.READY)
    assert apply_command(MailingCommand.RESUME, waiting) == DeclinedCommand(
        reason="awaits approval", remedy="`publisher mailings approve` sends it"
    )
    assert apply_command(MailingCommand.PAUSE, waiting) == waiting


@pytest.mark.parametrize("hold", [MailingHold.OPERATOR, MailingHold.CANARY, MailingHold.SERVER])
def test_an_operator_resumes_whatever_else_paused_it(hold: MailingHold) -> None:
    assert apply_command(
        MailingCommand.RESUME, MailingStatus(state=MailingState.PAUSED, hold=hold)
    ) == MailingStatus(state=MailingState.READY)


def test_a_mailing_that_is_still_planned_can_be_approved_paused_and_resumed_before_it_is_ready() -> None:
    new = MailingStatus(state=MailingState.PLANNING, hold=MailingHold.APPROVAL)
    approved = apply_command(MailingCommand.APPROVE, new)
    assert approved == MailingStatus(state=MailingState.PLANNING)
    paused = apply_command(MailingCommand.PAUSE, MailingStatus(state=MailingState.PLANNING))
    assert paused == MailingStatus(state=MailingState.PLANNING, hold=MailingHold.OPERATOR)
    assert state_after_planning(MailingHold.OPERATOR, 3) is MailingState.PAUSED
    assert state_after_planning(None, 3) is MailingState.READY
    assert state_after_planning(MailingHold.APPROVAL, 0) is MailingState.DONE


@pytest.mark.parametrize(
    ("order", "standing", "why", "do"),
    [
        (
            MailingCommand.APPROVE,
            MailingStatus(state=MailingState.READY),
            "does not await approval, it is ready",
            "",
        ),
        (MailingCommand.PAUSE, MailingStatus(state=MailingState.DONE), "is done", NOTHING),
        (MailingCommand.CANCEL, MailingStatus(state=MailingState.DONE), "is done", NOTHING),
        (MailingCommand.RESUME, MailingStatus(state=MailingState.CANCELLED), "is cancelled", NOTHING),
    ],
)
def test_what_cannot_be_done_says_why(
    order: MailingCommand, standing: MailingStatus, why: str, do: str
) -> None:
    assert apply_command(order, standing) == DeclinedCommand(reason=why, remedy=do)


@pytest.mark.parametrize(
    ("hold", "why", "until", "said"),
    [
        (MailingHold.QUIET, "quiet hours", NIGHT, "quiet hours; goes on by itself at 2026-10-06 09:00 CEST"),
        (MailingHold.WARM_UP, "enough", NIGHT, "enough; goes on by itself at 2026-10-06 09:00 CEST"),
        (MailingHold.APPROVAL, "", None, "awaits approval; `publisher mailings approve 7` sends it"),
        (
            MailingHold.OPERATOR,
            "",
            None,
            "paused by an operator; `publisher mailings resume 7` continues it",
        ),
        (
            MailingHold.CANARY,
            "3 of 9",
            None,
            "3 of 9; `publisher mailings resume 7` sends the rest, `cancel` ends it",
        ),
        (
            MailingHold.SERVER,
            "550",
            NIGHT,
            "550; goes on by itself at 2026-10-06 09:00 CEST; `publisher mailings resume 7` tries at once",
        ),
        (
            MailingHold.SERVER,
            "mx:25: the login was refused: 535",
            NIGHT,
            "mx:25: the login was refused: 535; goes on by itself at 2026-10-06 09:00 CEST, or when "
            "`publisher run` takes up another login; `publisher mailings resume 7` tries at once",
        ),
    ],
)
def test_a_hold_says_why_until_when_and_what_to_do(
    hold: MailingHold, why: str, until: datetime | None, said: str
) -> None:
    assert describe_hold(hold, 7, why, until, zone="Europe/Berlin") == said


def test_an_order_given_twice_is_the_same_or_declined() -> None:
    for order, standing in product(MailingCommand, STANDINGS):
        once = apply_command(order, standing)
        if isinstance(once, MailingStatus):
            assert apply_command(order, once) == once or order is MailingCommand.APPROVE, (order, standing)


@given(orders=st.lists(st.sampled_from(MailingCommand)), start=st.sampled_from(STANDINGS))
def test_what_is_over_stays_over_and_a_pause_has_a_reason(
    orders: list[MailingCommand], start: MailingStatus
) -> None:
    now = start
    for order in orders:
        after = apply_command(order, now)
        if isinstance(after, MailingStatus):
            assert now.state not in FINISHED or after == now
            now = after
    assert (now.state is MailingState.PAUSED) <= (now.hold is not None)
    assert now.state not in {MailingState.READY, *FINISHED} or now.hold is None
