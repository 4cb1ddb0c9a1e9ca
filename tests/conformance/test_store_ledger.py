"""Batches and the life of a delivery, over every store."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stores import mark_sending

from publisher.core.delivery.mailing import (
    Delivery,
    DeliveryState,
    MailingKind,
    Transition,
    TransitionCause,
    UnknownDelivery,
)

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEASE = 5 * MINUTE


def _send(
    world: Any,
    mailing: int,
    n: int,
    cause: TransitionCause = TransitionCause.ACCEPT,
    run: str = "run1",
    **more: Any,
) -> None:
    """Rows that are claimed go out and come to `cause`."""
    assert mark_sending(world.store, run, [(mailing, n)], NOW) == {(mailing, n)}
    world.settle(mailing, n, cause, run, **more)


def _result(mailing: int, cause: TransitionCause, **more: Any) -> Transition:
    return Transition(mailing=mailing, n=1, cause=cause, **more)


def test_claiming_takes_the_rows_of_one_batch_under_a_lease(world: Any) -> None:
    mailing = world.ready("ann", "bob", "cy", batch=2)
    batch = world.claim()
    assert (batch.mailing, batch.lo, batch.hi, batch.group, batch.run, batch.date) == (
        mailing,
        1,
        2,
        "",
        "run1",
        NOW,
    )
    assert world.states(mailing) == ["claimed", "claimed", "queued"]
    assert world.store.claimed_deliveries(batch) == [
        Delivery(
            mailing=mailing,
            n=n,
            cohort=1,
            subscription=n,
            generation=1,
            list="weekly",
            address=f"{name}@example.org",
            attempts=1,
            sender="news@example.org",
            key=world.reader(name).key,
        )
        for n, name in ((1, "ann"), (2, "bob"))
    ]
    assert (world.claim("run2").lo, world.store.claim_batch("run3", NOW, NOW + LEASE)) == (3, None)


def test_batches_are_claimed_by_priority_then_time_then_number(world: Any) -> None:
    digest = world.ready("ann", "bob", batch=1)
    world.sql("UPDATE batches SET next_at = next_at - 1000 WHERE lo = 2")
    [(_, pending)] = world.join(world.reader("cy"))
    confirm = world.store.start_transactional(world.new_mailing(kind=MailingKind.CONFIRM), pending.id, NOW)
    taken = [world.claim(f"run{n}") for n in range(3)]
    assert [(batch.mailing, batch.lo) for batch in taken] == [(confirm, 1), (digest, 2), (digest, 1)]


@pytest.mark.parametrize("state", ["planning", "paused", "cancelled", "done"])
def test_only_ready_mailings_are_claimed(world: Any, state: str) -> None:
    mailing = world.ready("ann")
    world.set_mailing(mailing, state)
    assert world.store.claim_batch("run1", NOW, NOW + LEASE) is None
    assert (world.store.next_batch_at(), world.store.count_sendable(NOW)) == (None, 0)


def test_the_date_of_a_batch_is_its_first_claim_for_ever(world: Any) -> None:
    mailing = world.ready("ann")
    first = world.claim()
    _send(world, mailing, 1, TransitionCause.DEFER, not_before=NOW + MINUTE)
    world.store.finish_batch(first, NOW)
    again = world.claim("run2", NOW + MINUTE)
    assert (again.date, world.store.claimed_deliveries(again)[0].attempts) == (NOW, 2)


def test_a_batch_whose_rows_all_wait_is_put_back_and_the_next_is_taken(world: Any) -> None:
    mailing = world.ready("ann", "bob", batch=1)
    world.sql("UPDATE deliveries SET not_before = :at WHERE n = 1", at=int((NOW + MINUTE).timestamp() * 1000))
    assert world.claim().lo == 2
    assert world.store.next_batch_at() == NOW + MINUTE
    assert world.states(mailing) == ["queued", "claimed"]


def test_a_batch_that_has_nothing_left_is_done_when_claimed(world: Any) -> None:
    mailing = world.ready("ann")
    world.sql("UPDATE deliveries SET state = 'skipped'")
    assert world.store.claim_batch("run1", NOW, NOW + LEASE) is None
    assert world.mailing_state(mailing) == "done"


def test_queued_counts_what_could_go_out_now(world: Any) -> None:
    mailing = world.ready("ann", "bob", "cy", batch=2)
    assert world.store.count_sendable(NOW) == 3
    assert world.store.count_sendable(NOW - MINUTE) == 0
    world.claim()
    assert world.store.count_sendable(NOW) == 1
    world.settle(mailing, 1, TransitionCause.REJECT)
    assert world.store.count_sendable(NOW) == 1


def test_an_intent_is_durable_for_rows_of_this_run_only(world: Any) -> None:
    mailing = world.ready("ann", "bob", "cy", batch=2)
    world.claim()
    world.claim("run2")
    wish = [(mailing, 1), (mailing, 2), (mailing, 3), (99, 1)]
    assert mark_sending(world.store, "run1", wish, NOW) == {(mailing, 1), (mailing, 2)}
    assert world.states(mailing) == ["sending", "sending", "claimed"]
    assert mark_sending(world.store, "run1", wish, NOW) == set()
    assert mark_sending(world.store, "run1", [], NOW) == set()


def test_intents_of_many_mailings_are_one_call(world: Any) -> None:
    first = world.ready("ann")
    [(_, pending)] = world.join(world.reader("bob"))
    second = world.store.start_transactional(world.new_mailing(kind=MailingKind.CONFIRM), pending.id, NOW)
    world.claim()
    world.claim()
    rows = {(first, 1), (second, 1)}
    assert mark_sending(world.store, "run1", sorted(rows), NOW) == rows


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE subscriptions SET generation = 2",
        "UPDATE subscriptions SET state = 'pending'",
        "UPDATE subscriptions SET state = 'unsubscribed'",
        "UPDATE mailings SET state = 'paused', hold = 'operator'",
        "UPDATE mailings SET state = 'cancelled'",
        "DELETE FROM subscriptions",
    ],
)
def test_who_may_no_longer_be_mailed_is_stopped_before_the_dot(world: Any, spoil: str) -> None:
    mailing = world.ready("ann")
    world.claim()
    world.sql(spoil)
    assert mark_sending(world.store, "run1", [(mailing, 1)], NOW) == set()
    assert world.states(mailing) == ["claimed"]


@pytest.mark.parametrize("kind", ["left", "erased", "bounce", "complaint", "operator"])
def test_a_suppression_stops_a_digest_before_the_dot(world: Any, kind: str) -> None:
    mailing = world.ready("ann", "bob", "cy")
    world.claim()
    world.suppress("ann", kind)
    world.suppress("bob", kind, "weekly")
    world.suppress("cy", kind, "daily")
    wish = [(mailing, n) for n in (1, 2, 3)]
    assert mark_sending(world.store, "run1", wish, NOW) == {(mailing, 3)}


@pytest.mark.parametrize(
    ("kind", "goes"),
    [("left", True), ("erased", True), ("bounce", False), ("complaint", False), ("operator", False)],
)
def test_confirmation_mail_goes_to_those_who_may_come_back(world: Any, kind: str, goes: bool) -> None:
    [(_, pending)] = world.join(world.reader("ann"))
    mailing = world.store.start_transactional(world.new_mailing(kind=MailingKind.CONFIRM), pending.id, NOW)
    world.claim()
    world.suppress("ann", kind)
    assert mark_sending(world.store, "run1", [(mailing, 1)], NOW) == ({(mailing, 1)} if goes else set())


def test_confirmation_mail_does_not_go_to_who_is_active_already(world: Any) -> None:
    [(_, pending)] = world.join(world.reader("ann"))
    mailing = world.store.start_transactional(world.new_mailing(kind=MailingKind.CONFIRM), pending.id, NOW)
    world.claim()
    world.store.confirm(pending.id, 1, NOW, NOW)
    assert mark_sending(world.store, "run1", [(mailing, 1)], NOW) == set()


@pytest.mark.parametrize(
    ("cause", "state"),
    [
        (TransitionCause.ACCEPT, "accepted"),
        (TransitionCause.DEFER, "queued"),
        (TransitionCause.REJECT, "rejected"),
        (TransitionCause.LOSE, "unknown"),
    ],
)
def test_each_answer_settles_what_was_sent(world: Any, cause: TransitionCause, state: str) -> None:
    mailing = world.ready("ann")
    world.claim()
    _send(world, mailing, 1, cause, reply="250 or so")
    assert world.states(mailing) == [state]
    assert world.attempts(mailing) == [1]
    assert world.store.replies(mailing) == [("250 or so", 1)]


@pytest.mark.parametrize(
    ("cause", "state", "attempts"),
    [
        (TransitionCause.DEFER, "queued", 1),
        (TransitionCause.REJECT, "rejected", 1),
        (TransitionCause.RELEASE, "queued", 0),
        (TransitionCause.SKIP, "claimed", 1),  # the reader may still be mailed: see below
        (TransitionCause.ACCEPT, "claimed", 1),
        (TransitionCause.LOSE, "claimed", 1),
    ],
)
def test_before_the_dot_only_some_answers_settle(
    world: Any, cause: TransitionCause, state: str, attempts: int
) -> None:
    mailing = world.ready("ann")
    world.claim()
    world.settle(mailing, 1, cause)
    assert (world.states(mailing), world.attempts(mailing)) == ([state], [attempts])


def test_what_was_sent_is_not_skipped_or_released(world: Any) -> None:
    mailing = world.ready("ann")
    world.claim()
    mark_sending(world.store, "run1", [(mailing, 1)], NOW)
    world.settle(mailing, 1, TransitionCause.SKIP)
    world.settle(mailing, 1, TransitionCause.RELEASE)
    assert world.states(mailing) == ["sending"]


@pytest.mark.parametrize("end", [TransitionCause.ACCEPT, TransitionCause.REJECT])
@pytest.mark.parametrize(
    "late",
    [
        TransitionCause.ACCEPT,
        TransitionCause.DEFER,
        TransitionCause.REJECT,
        TransitionCause.LOSE,
        TransitionCause.RELEASE,
        TransitionCause.SKIP,
    ],
)
def test_an_end_never_changes(world: Any, end: TransitionCause, late: TransitionCause) -> None:
    mailing = world.ready("ann")
    batch = world.claim()
    _send(world, mailing, 1, end)
    before = world.states(mailing)
    world.settle(mailing, 1, late)
    world.store.finish_batch(batch, NOW)
    world.store.release_dead_runs("run2", NOW, alone=True)
    assert world.store.record_transitions([_result(mailing, TransitionCause.RESEND)], NOW) == [False]
    assert world.states(mailing) == before


def test_another_run_settles_nothing(world: Any) -> None:
    mailing = world.ready("ann")
    world.claim()
    mark_sending(world.store, "run1", [(mailing, 1)], NOW)
    world.settle(mailing, 1, TransitionCause.ACCEPT, run="run2")
    assert world.states(mailing) == ["sending"]


def test_a_row_skipped_because_its_mailing_was_cancelled_is_cancelled(world: Any) -> None:
    mailing = world.ready("ann")
    world.claim()
    world.set_mailing(mailing, "cancelled")
    world.settle(mailing, 1, TransitionCause.SKIP)
    assert world.states(mailing) == ["cancelled"]


def test_a_row_skipped_because_its_mailing_pauses_waits_and_was_no_attempt(world: Any) -> None:
    mailing = world.ready("ann")
    batch = world.claim()
    world.set_mailing(mailing, "paused")
    world.settle(mailing, 1, TransitionCause.SKIP)
    world.store.finish_batch(batch, NOW)
    assert (world.states(mailing), world.attempts(mailing)) == (["queued"], [0])
    world.set_mailing(mailing, "ready")
    assert world.claim("run2").lo == 1


def test_runs_and_operators_make_transitions_of_their_own_only(world: Any) -> None:
    mailing = world.ready("ann")
    wrong = ((TransitionCause.RESEND, "run1"), (TransitionCause.CLAIM, "run1"), (TransitionCause.ACCEPT, ""))
    for cause, run in wrong:
        with pytest.raises(ValueError, match=rf"{cause!r}: not a transition that an? (run|operator) makes"):
            world.settle(mailing, 1, cause, run=run)


def test_recording_settles_and_intends_together(world: Any) -> None:
    mailing = world.ready("ann", "bob")
    world.claim()
    mark_sending(world.store, "run1", [(mailing, 1)], NOW)
    intent = Transition(mailing=mailing, n=2, cause=TransitionCause.INTEND)
    both = [_result(mailing, TransitionCause.ACCEPT), intent]
    assert world.store.record_transitions(both, NOW, run="run1") == [True, True]
    assert world.states(mailing) == ["accepted", "sending"]


def test_a_deferred_row_waits_and_the_batch_with_it(world: Any) -> None:
    mailing = world.ready("ann", "bob")
    batch = world.claim()
    _send(world, mailing, 1, TransitionCause.DEFER, reply="451 later", not_before=NOW + MINUTE)
    _send(world, mailing, 2, TransitionCause.DEFER, not_before=NOW + 2 * MINUTE)
    world.store.finish_batch(batch, NOW)
    assert world.store.next_batch_at() == NOW + MINUTE
    assert world.store.claim_batch("run2", NOW, NOW + LEASE) is None
    again = world.claim("run2", NOW + MINUTE)
    assert [(row.n, row.attempts) for row in world.store.claimed_deliveries(again)] == [(1, 2)]
    _send(world, mailing, 1, run="run2")
    world.store.finish_batch(again, NOW + MINUTE)
    assert world.store.next_batch_at() == NOW + 2 * MINUTE
    assert world.mailing_state(mailing) == "ready"


def test_a_mailing_is_done_with_its_last_batch(world: Any) -> None:
    mailing = world.ready("ann", "bob", batch=1)
    for n in (1, 2):
        batch = world.claim()
        _send(world, mailing, n)
        assert world.mailing_state(mailing) == "ready"
        world.store.finish_batch(batch, NOW)
    assert world.mailing_state(mailing) == "done"
    assert world.store.mailing(mailing).counts == {DeliveryState.ACCEPTED: 2}


def test_rows_in_doubt_do_not_hold_a_mailing_open(world: Any) -> None:
    mailing = world.ready("ann")
    batch = world.claim()
    _send(world, mailing, 1, TransitionCause.LOSE, reply="the line died")
    world.store.finish_batch(batch, NOW)
    assert world.mailing_state(mailing) == "done"
    doubt = UnknownDelivery(mailing=mailing, n=1, address="ann@example.org", at=NOW, reply="the line died")
    assert world.store.unknown_deliveries(mailing) == [doubt]
    assert (
        world.store.unknown_deliveries(mailing + 1) == world.store.unknown_deliveries(mailing, after=1) == []
    )
    assert (world.store.count_unknown(), world.store.next_mailing_with_unknown(0)) == (1, mailing)
    assert world.store.next_mailing_with_unknown(mailing) is None


def test_finishing_lets_go_of_what_the_run_forgot(world: Any) -> None:
    mailing = world.ready("ann", "bob")
    batch = world.claim()
    mark_sending(world.store, "run1", [(mailing, 1)], NOW)
    world.store.finish_batch(batch, NOW)
    assert (world.states(mailing), world.attempts(mailing)) == (["unknown", "queued"], [1, 0])
    assert world.claim("run2").lo == 1


def test_a_batch_that_another_run_has_taken_over_is_not_finished(world: Any) -> None:
    mailing = world.ready("ann")
    old = world.claim("run1")
    world.store.release_dead_runs("run2", NOW, alone=True)
    world.claim("run2")
    world.store.finish_batch(old, NOW)
    assert world.states(mailing) == ["claimed"]
    assert world.store.claim_batch("run3", NOW, NOW + LEASE) is None


def test_recovering_alone_lets_go_every_other_run(world: Any) -> None:
    mailing = world.ready("ann", "bob", "cy", batch=2)
    world.claim("dead")
    mark_sending(world.store, "dead", [(mailing, 1)], NOW)
    world.claim("mine")
    assert world.store.release_dead_runs("mine", NOW, alone=True) == 1
    assert world.states(mailing) == ["unknown", "queued", "claimed"]
    assert world.attempts(mailing) == [1, 0, 1]
    assert world.claim("mine").lo == 1
    assert world.store.release_dead_runs("mine", NOW, alone=True) == 0


def test_recovering_among_others_lets_go_only_ended_leases(world: Any) -> None:
    mailing = world.ready("ann", "bob", batch=1)
    world.claim("slow", NOW)
    world.claim("alive", NOW + 2 * MINUTE)
    assert world.store.release_dead_runs("mine", NOW + LEASE, alone=False) == 0
    assert world.states(mailing) == ["queued", "claimed"]


def test_a_crash_before_the_dot_is_no_attempt_however_often(world: Any) -> None:
    mailing = world.ready("ann")
    for n in range(7):
        world.claim(f"run{n}")
        world.store.release_dead_runs(f"run{n + 1}", NOW, alone=True)
    assert world.attempts(mailing) == [0]


def test_a_worker_that_comes_back_from_the_dead_is_fenced(world: Any) -> None:
    mailing = world.ready("ann")
    world.claim("old")
    world.store.release_dead_runs("new", NOW + LEASE, alone=False)
    world.claim("new", NOW + LEASE)
    assert mark_sending(world.store, "old", [(mailing, 1)], NOW + LEASE) == set()
    world.settle(mailing, 1, TransitionCause.REJECT, run="old")
    assert world.states(mailing) == ["claimed"]


def test_recovery_keeps_the_time_a_deferred_row_waits_for(world: Any) -> None:
    mailing = world.ready("ann", "bob")
    world.claim("dead")
    _send(world, mailing, 1, TransitionCause.DEFER, "dead", not_before=NOW + MINUTE)
    _send(world, mailing, 2, TransitionCause.ACCEPT, "dead")
    world.store.release_dead_runs("mine", NOW, alone=True)
    assert world.store.next_batch_at() == NOW + MINUTE


def test_nothing_of_a_cancelled_mailing_is_queued_again(world: Any) -> None:
    mailing = world.ready("ann", "bob", "cy")
    world.claim("dead")
    mark_sending(world.store, "dead", [(mailing, 1)], NOW)
    _send(world, mailing, 2, TransitionCause.DEFER, "dead", not_before=NOW + MINUTE)
    world.set_mailing(mailing, "cancelled")
    assert world.store.release_dead_runs("mine", NOW, alone=True) == 1
    assert world.states(mailing) == ["unknown", "cancelled", "cancelled"]
    assert world.store.record_transitions([_result(mailing, TransitionCause.RESEND)], NOW) == [True]
    assert world.states(mailing) == ["cancelled"] * 3
    assert world.mailing_state(mailing) == "cancelled"


def _doubt(world: Any) -> int:
    """A done mailing with one row in doubt."""
    mailing = world.ready("ann", "bob")
    batch = world.claim()
    _send(world, mailing, 1, TransitionCause.LOSE, reply="the line died")
    _send(world, mailing, 2)
    world.store.finish_batch(batch, NOW)
    assert world.mailing_state(mailing) == "done"
    ready: int = mailing
    return ready


@pytest.mark.parametrize(
    ("cause", "state"),
    [
        (TransitionCause.ASSUME, "accepted"),
        (TransitionCause.FOUND_ACCEPTED, "accepted"),
        (TransitionCause.FOUND_REJECTED, "rejected"),
    ],
)
def test_a_doubt_is_resolved_to_an_end_once(world: Any, cause: TransitionCause, state: str) -> None:
    mailing = _doubt(world)
    assert world.store.record_transitions([_result(mailing, cause, reply="found")], NOW) == [True]
    assert world.states(mailing) == [state, "accepted"]
    assert world.store.unknown_deliveries(mailing) == []
    assert (world.store.count_unknown(), world.store.next_mailing_with_unknown(0)) == (0, None)
    assert world.store.record_transitions([_result(mailing, cause)], NOW) == [False]
    assert world.mailing_state(mailing) == "done"


@pytest.mark.parametrize("cause", [TransitionCause.RESEND, TransitionCause.FOUND_ABSENT])
def test_a_doubt_resolved_to_send_again_opens_batch_and_mailing(world: Any, cause: TransitionCause) -> None:
    mailing = _doubt(world)
    assert world.store.record_transitions([_result(mailing, cause)], NOW + MINUTE) == [True]
    assert world.states(mailing) == ["queued", "accepted"]
    assert world.mailing_state(mailing) == "ready"
    again = world.claim("run2", NOW + MINUTE)
    assert (again.date, [row.n for row in world.store.claimed_deliveries(again)]) == (NOW, [1])
    _send(world, mailing, 1, run="run2")
    world.store.finish_batch(again, NOW + MINUTE)
    assert world.mailing_state(mailing) == "done"


def test_a_doubt_resolved_while_its_batch_is_leased_has_its_turn_after(world: Any) -> None:
    mailing = world.ready("ann", "bob")
    batch = world.claim()
    _send(world, mailing, 1, TransitionCause.LOSE)
    assert world.store.record_transitions([_result(mailing, TransitionCause.RESEND)], NOW) == [True]
    assert world.store.claim_batch("run2", NOW, NOW + LEASE) is None
    _send(world, mailing, 2)
    world.store.finish_batch(batch, NOW)
    assert [row.n for row in world.store.claimed_deliveries(world.claim("run2"))] == [1]


def test_only_what_is_in_doubt_is_resolved(world: Any) -> None:
    mailing = world.ready("ann")
    assert world.store.record_transitions([_result(mailing, TransitionCause.RESEND)], NOW) == [False]
    assert world.store.record_transitions([_result(99, TransitionCause.ASSUME)], NOW) == [False]


def test_mailings_come_newest_first_with_counts(world: Any) -> None:
    first = world.ready("ann", "bob")
    world.claim()
    world.settle(first, 1, TransitionCause.REJECT, reply="550 no")
    second = world.store.start_mailing(world.new_mailing(), NOW)
    found = world.store.mailings()
    assert [mailing.id for mailing in found] == [second, first]
    assert [mailing.counts for mailing in found] == [
        {},
        {DeliveryState.REJECTED: 1, DeliveryState.CLAIMED: 1},
    ]
    assert world.store.mailing(first) == found[1]
    assert world.store.mailing(99) is None


def test_replies_are_counted_most_frequent_first_and_at_most_twenty(world: Any) -> None:
    names = [f"r{n}" for n in range(24)]
    mailing = world.ready(*names)
    world.claim()
    for n in range(1, 25):
        world.settle(mailing, n, TransitionCause.REJECT, reply="550 no" if n < 3 else f"551 {n:02}")
    replies = world.store.replies(mailing)
    assert replies[:2] == [("550 no", 2), ("551 03", 1)]
    assert len(replies) == 20


def test_what_a_reader_was_mailed_is_known_and_of_no_other(world: Any) -> None:
    mailing = world.ready("ann", "bob")
    [first, *_] = world.store.subscriptions("weekly", None)
    posts, language = world.store.posts_mailed_to(mailing, first.id)
    assert posts == world.store.cohorts(mailing)[0][1]
    assert language == world.new_mailing().cohorts[0].language
    assert world.store.posts_mailed_to(mailing, 999) is None
    assert world.store.posts_mailed_to(mailing + 1, first.id) is None


def test_acceptances_that_differ_by_their_numbers_are_one_reply(world: Any) -> None:
    mailing = world.ready("ann", "bob", "cy")
    world.claim()
    for n, word in ((1, "4Z1"), (2, "4Z2")):
        _send(world, mailing, n, reply=f"250 2.0.0 Ok: queued as {word}")
    world.settle(mailing, 3, TransitionCause.REJECT, reply="550 no")
    assert world.store.replies(mailing) == [("250 2.0.0 Ok: queued as ...", 2), ("550 no", 1)]


def test_several_doubts_are_decided_together_each_once_and_their_batches_counted(world: Any) -> None:
    mailing = world.ready("ann", "bob", "cy", "dan", batch=2)
    for lo in (1, 3):
        batch = world.claim()
        for n in (lo, lo + 1):
            _send(world, mailing, n, TransitionCause.ACCEPT if n == 2 else TransitionCause.LOSE)
        world.store.finish_batch(batch, NOW)
    again = [Transition(mailing=mailing, n=n, cause=TransitionCause.RESEND) for n in (3, 2, 1)]
    other = Transition(mailing=mailing, n=4, cause=TransitionCause.ASSUME, reply="taken for accepted")
    assert world.store.record_transitions([other, *again], NOW) == [True, True, False, True]
    assert world.states(mailing) == ["queued", "accepted", "queued", "accepted"]
    assert world.store.mailing(mailing).counts == {DeliveryState.QUEUED: 2, DeliveryState.ACCEPTED: 2}
    assert world.mailing_state(mailing) == "ready"
    assert world.store.record_transitions(again, NOW) == [False] * 3
    assert [world.claim().lo for _ in range(2)] == [1, 3]


def test_a_row_whose_intent_missed_while_another_run_had_it_is_not_skipped(world: Any) -> None:
    """It was taken from its run, and claimed by it again before it said that the intent had missed."""
    mailing = world.ready("ann", "bob")
    world.claim("run1")
    later = NOW + 2 * LEASE
    world.store.release_dead_runs("run2", later, alone=False)
    assert mark_sending(world.store, "run1", [(mailing, 1)], later) == set()
    world.claim("run1", later)
    world.settle(mailing, 1, TransitionCause.SKIP)
    assert world.states(mailing) == ["claimed", "claimed"]
    world.erase("ann", later)
    world.settle(mailing, 1, TransitionCause.SKIP)
    assert world.states(mailing) == ["skipped", "claimed"]


def test_a_delivery_named_twice_in_one_transaction_is_sent_once(world: Any) -> None:
    """A run whose lease ended may hold a delivery twice: as claimed at first, and as claimed again."""
    mailing = world.ready("ann", "bob")
    world.claim()
    mark_sending(world.store, "run1", [(mailing, 1)], NOW)
    ann, bob = (Transition(mailing=mailing, n=n, cause=TransitionCause.INTEND) for n in (1, 2))
    named = [_result(mailing, TransitionCause.ACCEPT), ann, bob, bob]
    assert world.store.record_transitions(named, NOW, run="run1") == [True, False, True, False]
    assert world.states(mailing) == ["accepted", "sending"]
