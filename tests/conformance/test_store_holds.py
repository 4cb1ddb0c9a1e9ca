"""Orders to mailings and pauses with an end, over every store; late replies of a run taken for dead."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stores import mark_sending

from publisher.core.delivery.holds import DeclinedCommand, MailingCommand, MailingStatus
from publisher.core.delivery.mailing import MailingHold, MailingState, Transition, TransitionCause
from publisher.core.delivery.relays import LOGIN_REFUSED
from publisher.core.delivery.throttling import SERVER_SCOPE, CircuitBreaker, DeliveryRate

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEASE = 5 * MINUTE
READY = MailingStatus(state=MailingState.READY)


def _approving(world: Any, *names: str) -> int:
    world.active(*names)
    world.publish("first")
    mailing: int = world.store.start_mailing(world.new_mailing(approve=True), NOW)
    world.plan_all(mailing)
    return mailing


def test_nothing_of_a_mailing_goes_out_before_it_is_approved(world: Any) -> None:
    mailing = _approving(world, "ann")
    assert world.store.mailing(mailing).hold is MailingHold.APPROVAL
    assert world.store.claim_batch("run1", NOW, NOW + LEASE) is None
    assert world.store.apply_command(mailing, MailingCommand.APPROVE, NOW) == READY
    assert world.claim().mailing == mailing


def test_an_approval_that_comes_while_it_is_planned_counts(world: Any) -> None:
    world.active("ann")
    world.publish("first")
    mailing = world.store.start_mailing(world.new_mailing(approve=True), NOW)
    world.store.apply_command(mailing, MailingCommand.APPROVE, NOW)
    assert world.store.claim_batch("run1", NOW, NOW + LEASE) is None
    world.plan_all(mailing)
    assert world.mailing_state(mailing) == "ready"


def test_a_pause_stops_a_run_before_its_next_message_and_a_resume_lets_it_go_on(world: Any) -> None:
    mailing = world.ready("ann", "bob")
    batch = world.claim()
    assert mark_sending(world.store, "run1", [(mailing, 1)], NOW) == {(mailing, 1)}
    world.store.apply_command(mailing, MailingCommand.PAUSE, NOW)
    assert mark_sending(world.store, "run1", [(mailing, 2)], NOW) == set()
    world.settle(mailing, 1, TransitionCause.ACCEPT)
    world.settle(mailing, 2, TransitionCause.SKIP)
    world.store.finish_batch(batch, NOW)
    assert (world.states(mailing), world.attempts(mailing)) == (["accepted", "queued"], [1, 0])
    assert world.store.apply_command(mailing, MailingCommand.RESUME, NOW) == READY
    assert [row.n for row in world.store.claimed_deliveries(world.claim())] == [2]


def test_a_mailing_whose_last_message_went_while_it_was_paused_is_done_when_resumed(world: Any) -> None:
    mailing = world.ready("ann")
    batch = world.claim()
    mark_sending(world.store, "run1", [(mailing, 1)], NOW)
    world.store.apply_command(mailing, MailingCommand.PAUSE, NOW)
    world.settle(mailing, 1, TransitionCause.ACCEPT)
    world.store.finish_batch(batch, NOW)
    world.store.apply_command(mailing, MailingCommand.RESUME, NOW)
    assert world.mailing_state(mailing) == "done"


def test_cancelling_ends_all_that_was_not_sent_at_once_also_what_a_run_holds(world: Any) -> None:
    mailing = world.ready("ann", "bob", "cy", "dan", batch=2)
    batch = world.claim()
    mark_sending(world.store, "run1", [(mailing, 1)], NOW)
    assert world.store.apply_command(mailing, MailingCommand.CANCEL, NOW) == MailingStatus(
        state=MailingState.CANCELLED
    )
    assert world.states(mailing) == ["sending", "cancelled", "cancelled", "cancelled"]
    world.settle(mailing, 1, TransitionCause.DEFER, not_before=NOW + MINUTE)
    world.store.finish_batch(batch, NOW)
    assert world.states(mailing) == ["cancelled"] * 4
    assert world.store.next_batch_at() is None
    assert world.store.apply_command(mailing, MailingCommand.RESUME, NOW) == DeclinedCommand(
        reason="is cancelled", remedy="nothing of it is left to be sent"
    )


def test_there_must_be_a_mailing_to_order_about(world: Any) -> None:
    assert world.store.apply_command(99, MailingCommand.PAUSE, NOW) is None


def test_a_pause_of_the_runs_own_ends_by_itself(world: Any) -> None:
    mailing = world.ready("ann")
    assert world.store.pause(mailing, MailingHold.SERVER, "451 later", NOW + MINUTE)
    assert not world.store.pause(mailing, MailingHold.SERVER, "451 later", NOW + MINUTE)
    assert world.store.next_batch_at() == NOW + MINUTE
    assert (world.store.resume_expired_pauses(NOW), world.mailing_state(mailing)) == (0, "paused")
    assert (world.store.resume_expired_pauses(NOW + MINUTE), world.mailing_state(mailing)) == (1, "ready")
    found = world.store.mailing(mailing)
    assert (found.hold, found.hold_why, found.hold_until) == (None, "", None)


def test_another_login_ends_a_pause_for_a_refused_login_and_no_other(world: Any) -> None:
    mailing, store = world.ready("ann"), world.store
    refused = "b:25: connection refused; a:587: the login was refused (check): 535 no"
    for why, goes_on in ((refused, True), ("451 later", False), ("550 a:587: the login was refused", False)):
        store.pause(mailing, MailingHold.SERVER, why, NOW + MINUTE)
        breaker = CircuitBreaker(scope=SERVER_SCOPE, failures=3, until=NOW + MINUTE, reply=why)
        store.save_circuit_breaker(breaker)
        assert [store.end_relay_pauses(names) for names in ([], ["c:587"])] == [[], []]
        assert store.end_relay_pauses(["b:25"], LOGIN_REFUSED) == []
        assert store.end_relay_pauses(["a:587", "b:25"], LOGIN_REFUSED) == [mailing] * goes_on
        assert (world.mailing_state(mailing) == "ready") is goes_on
        assert (store.circuit_breakers() == {}) is goes_on
        store.apply_command(mailing, MailingCommand.RESUME, NOW)


def test_a_pause_by_an_operator_outlives_the_refused_login_before_it(world: Any) -> None:
    mailing, why = world.ready("ann"), "a:587: the login was refused: 535 no"
    world.store.pause(mailing, MailingHold.SERVER, why, NOW + MINUTE)
    world.store.apply_command(mailing, MailingCommand.PAUSE, NOW)
    assert world.store.end_relay_pauses(["a:587"]) == []
    assert world.store.mailing(mailing).hold is MailingHold.OPERATOR


def test_a_pause_without_end_waits_for_an_operator(world: Any) -> None:
    mailing = world.ready("ann")
    world.store.pause(mailing, MailingHold.CANARY, "9 of 10 refused", None)
    assert world.store.resume_expired_pauses(NOW + timedelta(days=99)) == 0
    assert world.store.next_batch_at() is None
    assert world.store.apply_command(mailing, MailingCommand.RESUME, NOW) == READY


@pytest.mark.parametrize(
    ("cause", "state"),
    [
        (TransitionCause.ACCEPT, "accepted"),
        (TransitionCause.REJECT, "rejected"),
        (TransitionCause.DEFER, "queued"),
    ],
)
def test_the_late_reply_of_a_run_that_was_taken_for_dead_counts(
    world: Any, cause: TransitionCause, state: str
) -> None:
    mailing = world.ready("ann", "bob")
    world.claim("slow")
    mark_sending(world.store, "slow", [(mailing, 1)], NOW)
    assert world.store.release_dead_runs("new", NOW + LEASE, alone=False) == 1
    world.settle(mailing, 1, cause, run="slow", reply="here I am")
    assert world.states(mailing) == [state, "queued"]
    again = world.claim("new", NOW + LEASE)
    rows = [row.n for row in world.store.claimed_deliveries(again)]
    assert rows == ([1, 2] if cause is TransitionCause.DEFER else [2])


def test_a_late_reply_of_another_run_or_after_a_decision_changes_nothing(world: Any) -> None:
    mailing = world.ready("ann")
    world.claim("slow")
    mark_sending(world.store, "slow", [(mailing, 1)], NOW)
    world.store.release_dead_runs("new", NOW + LEASE, alone=False)
    world.settle(mailing, 1, TransitionCause.ACCEPT, run="other")
    assert world.states(mailing) == ["unknown"]
    world.store.record_transitions([Transition(mailing=mailing, n=1, cause=TransitionCause.RESEND)], NOW)
    world.settle(mailing, 1, TransitionCause.ACCEPT, run="slow")
    assert world.states(mailing) == ["queued"]


def test_a_brake_is_kept_until_it_is_released(world: Any) -> None:
    gauge = CircuitBreaker(scope="example.org", failures=2, until=NOW, reply="421 later")
    world.store.save_circuit_breaker(gauge)
    assert world.store.circuit_breakers() == {"example.org": gauge}
    world.store.save_circuit_breaker(CircuitBreaker(scope="example.org"))
    assert world.store.circuit_breakers() == {}


def test_what_was_settled_is_counted_by_mailing_from_a_minute_on(world: Any) -> None:
    mailing = world.ready("ann", "bob", "cy")
    world.claim()
    mark_sending(world.store, "run1", [(mailing, 1), (mailing, 2)], NOW)
    world.settle(mailing, 1, TransitionCause.ACCEPT)
    world.settle(mailing, 2, TransitionCause.ACCEPT)
    world.settle(mailing, 3, TransitionCause.REJECT)
    assert world.store.delivery_rates(NOW) == {
        mailing: DeliveryRate(accepted=2, refused=1, deferred=0, since=NOW)
    }
    assert world.store.delivery_rates(NOW + MINUTE) == {}
    world.store.release_dead_runs("run1", NOW + timedelta(days=3), alone=True)
    assert world.store.delivery_rates(NOW) == {}
