"""Folding: the ledger becomes small, and whatever is asked of the past is answered as before."""

from datetime import timedelta
from typing import Any

from stores import mark_sending

from publisher.core.delivery.holds import MailingCommand
from publisher.core.delivery.mailing import DeliveryState, MailingKind, Transition, TransitionCause
from publisher.core.delivery.relays import MailProvider
from publisher.core.delivery.webhooks.events import WebhookOutcome
from publisher.core.digests.digest import CohortKey, Correction

NOW_AND_THEN = timedelta(seconds=1)
STATES = (TransitionCause.ACCEPT, TransitionCause.REJECT, TransitionCause.ACCEPT, TransitionCause.LOSE)


def _sent(world: Any, *causes: TransitionCause, batch: int = 100) -> int:
    """A mailing to one reader for each cause, with what became of them; it is done."""
    mailing: int = world.ready(*(f"r{n}" for n in range(len(causes))), batch=batch)
    for lo in range(1, len(causes) + 1, batch):
        held = world.claim()
        for n in range(lo, min(lo + batch, len(causes) + 1)):
            mark_sending(world.store, "run1", [(mailing, n)], world.now)
            world.settle(mailing, n, causes[n - 1], reply=f"said {causes[n - 1].name.lower()} {n}")
        world.store.finish_batch(held, world.now)
    return mailing


def _fold(world: Any, limit: int = 100) -> int:
    folded: int = world.store.archive_deliveries(world.now + NOW_AND_THEN, limit=limit)
    return folded


def _rows(world: Any) -> int:
    return int(world.sql("SELECT count(*) FROM deliveries")[0][0])


def test_what_is_folded_is_counted_and_its_words_are_known_as_before(world: Any) -> None:
    mailing = _sent(world, TransitionCause.ACCEPT, TransitionCause.REJECT, TransitionCause.ACCEPT)
    before = (world.store.mailing(mailing), world.store.delivery_totals(), world.store.replies(mailing))
    assert before[1] == (1, {DeliveryState.ACCEPTED: 2, DeliveryState.REJECTED: 1})
    assert (_fold(world), _rows(world)) == (3, 0)
    assert (
        world.store.mailing(mailing),
        world.store.delivery_totals(),
        world.store.replies(mailing),
    ) == before
    assert before[2] == [("said accept ...", 2), ("said reject 2", 1)]
    assert _fold(world) == 0


def test_a_batch_with_a_doubt_stays_until_it_is_resolved(world: Any) -> None:
    mailing = _sent(world, *STATES, TransitionCause.ACCEPT, batch=2)
    before = world.store.mailing(mailing).counts, world.store.replies(mailing)
    assert (_fold(world), _rows(world)) == (3, 2)
    assert (world.store.mailing(mailing).counts, world.store.replies(mailing)) == before
    [doubt] = world.store.unknown_deliveries(mailing)
    assert (doubt.n, doubt.address) == (4, "r3@example.org")
    result = Transition(mailing=mailing, n=4, cause=TransitionCause.ASSUME, reply="taken for accepted")
    assert world.store.record_transitions([result], world.now) == [True]
    assert (_fold(world), _rows(world)) == (2, 0)
    assert world.store.mailing(mailing).counts == {DeliveryState.ACCEPTED: 4, DeliveryState.REJECTED: 1}
    assert world.sql("SELECT lo, hi, state, accepted FROM batches") == [(1, 5, "folded", 4)]


def test_a_doubt_that_is_sent_again_reopens_its_batch_beside_folded_ones(world: Any) -> None:
    mailing = _sent(world, *STATES, batch=2)
    assert _fold(world) == 2
    again = Transition(mailing=mailing, n=4, cause=TransitionCause.RESEND)
    assert world.store.record_transitions([again], world.now) == [True]
    assert world.mailing_state(mailing) == "ready"
    assert _fold(world) == 0
    batch = world.claim("run2")
    assert (batch.lo, batch.hi, [row.n for row in world.store.claimed_deliveries(batch)]) == (3, 4, [4])
    mark_sending(world.store, "run2", [(mailing, 4)], world.now)
    world.settle(mailing, 4, TransitionCause.ACCEPT, run="run2")
    world.store.finish_batch(batch, world.now)
    assert world.mailing_state(mailing) == "done"
    assert world.store.mailing(mailing).counts == {DeliveryState.ACCEPTED: 3, DeliveryState.REJECTED: 1}
    assert _fold(world) == 2


def test_what_is_young_or_under_way_stays(world: Any) -> None:
    mailing = world.ready("ann", "bob", batch=1)
    batch = world.claim()
    mark_sending(world.store, "run1", [(mailing, 1)], world.now)
    world.settle(mailing, 1, TransitionCause.ACCEPT)
    world.store.finish_batch(batch, world.now)
    assert _fold(world) == 0
    world.store.apply_command(mailing, MailingCommand.CANCEL, world.now)
    assert world.store.archive_deliveries(world.now, limit=100) == 0
    assert (_fold(world), _rows(world)) == (2, 0)
    assert world.store.mailing(mailing).counts == {DeliveryState.ACCEPTED: 1, DeliveryState.CANCELLED: 1}


def test_a_part_is_folded_at_a_time_and_batches_side_by_side_become_one(world: Any) -> None:
    mailing = _sent(world, *[TransitionCause.ACCEPT] * 6, batch=2)
    assert [_fold(world, limit=n) for n in (1, 30, 1)] == [2, 4, 0]
    assert world.sql("SELECT mailing, lo, hi, accepted FROM batches") == [(mailing, 1, 6, 6)]
    assert world.sql("SELECT count(*) FROM stands") == [(0,)]


def test_addresses_in_the_words_of_servers_are_not_kept(world: Any) -> None:
    mailing = world.ready("ann", "bob")
    batch = world.claim()
    for n, name in ((1, "ann"), (2, "bob")):
        world.settle(
            mailing, n, TransitionCause.REJECT, reply=f"550 5.1.1 <{name}@example.org>: no such user"
        )
    world.store.finish_batch(batch, world.now)
    assert len(world.store.replies(mailing)) == 2
    assert _fold(world) == 2
    assert world.store.replies(mailing) == [("550 5.1.1 <...@example.org>: no such user", 2)]


def test_of_very_many_different_words_the_most_frequent_are_kept_and_all_are_counted(world: Any) -> None:
    mailing = world.ready(*(f"r{n}" for n in range(240)), batch=80)
    while batch := world.store.claim_batch("run1", world.now, world.now + timedelta(minutes=5)):
        for n in range(batch.lo, batch.hi + 1):
            world.settle(mailing, n, TransitionCause.REJECT, reply="550 often" if n % 2 else f"550 once {n}")
        world.store.finish_batch(batch, world.now)
    assert sum(iter(lambda: _fold(world, limit=80), 0)) == 240
    assert world.store.replies(mailing)[:2] == [("550 often", 120), ("(other words)", 21)]
    assert world.store.mailing(mailing).counts == {DeliveryState.REJECTED: 240}


def test_a_correction_after_folding_is_for_those_who_had_the_post(world: Any) -> None:
    world.active("ann", "bob")
    world.publish("first")
    post = (world.id("first"), "r")
    mailing = world.store.start_mailing(world.new_mailing(cohorts=(world.cohort(1, 0, post),)), world.now)
    assert world.plan_all(mailing) == 2
    batch = world.claim()
    for n, cause in ((1, TransitionCause.ACCEPT), (2, TransitionCause.REJECT)):
        mark_sending(world.store, "run1", [(mailing, n)], world.now)
        world.settle(mailing, n, cause)
    world.store.finish_batch(batch, world.now)
    due = world.due(head=2, now=world.now + timedelta(days=2), corrections=(Correction(2, 1, post[0]),))
    world.beat()
    before = [(group.cohort_key, group.readers) for group in world.store.due_groups(due)]
    assert before == [(CohortKey(1, corrections=0), 1), (CohortKey(1, corrections=1), 1)]
    assert (_fold(world), _rows(world)) == (2, 0)
    assert [(group.cohort_key, group.readers) for group in world.store.due_groups(due)] == before


def test_what_a_reader_was_shown_is_known_after_folding(world: Any) -> None:
    [ann, bob] = world.active("ann", "bob")
    world.publish("first")
    post = (world.id("first"), "r")
    mailing = world.store.start_mailing(world.new_mailing(cohorts=(world.cohort(1, 0, post),)), world.now)
    world.plan_all(mailing)
    batch = world.claim()
    for n, cause in ((1, TransitionCause.ACCEPT), (2, TransitionCause.REJECT)):
        mark_sending(world.store, "run1", [(mailing, n)], world.now)
        world.settle(mailing, n, cause)
    world.store.finish_batch(batch, world.now)
    _fold(world)
    assert world.store.posts_mailed_to(mailing, ann.id) == ([post], "en")
    assert world.store.deliveries_to(ann.id) == [(mailing, "News", "accepted", world.now)]
    assert (world.store.posts_mailed_to(mailing, bob.id), world.store.deliveries_to(bob.id)) == (None, [])
    assert world.store.segments(mailing, 1)


def test_nobody_is_planned_again_and_whoever_was_mailed_is_still_somebody(world: Any) -> None:
    mailing = _sent(world, TransitionCause.ACCEPT, TransitionCause.ACCEPT)
    _fold(world)
    assert world.store.plan_chunk(mailing, limit=9, batch=9, now=world.now) == 0
    world.beat()
    assert world.store.due_groups(world.due()) == []
    key = world.reader("r0").key
    assert world.erase("r0", world.now) == 1
    assert world.store.subscriptions_of(key) == []
    assert world.sql("SELECT count(*) FROM receipts") == [(1,)]
    assert world.store.mailing(mailing).counts == {DeliveryState.ACCEPTED: 2}


def test_a_confirmation_leaves_no_receipt(world: Any) -> None:
    [(_, pending)] = world.join(world.reader("ann"))
    cohort = world.cohort(1, 0)
    new = world.new_mailing(kind=MailingKind.CONFIRM, cohorts=(cohort,))
    mailing = world.store.start_transactional(new, pending.id, world.now)
    batch = world.claim()
    mark_sending(world.store, "run1", [(mailing, 1)], world.now)
    world.settle(mailing, 1, TransitionCause.ACCEPT, reply="250 ok")
    world.store.finish_batch(batch, world.now)
    assert _fold(world) == 1
    assert world.sql("SELECT count(*) FROM receipts") == [(0,)]
    assert world.store.mailing(mailing).counts == {DeliveryState.ACCEPTED: 1}
    assert world.store.replies(mailing) == [("250 ok", 1)]


def test_counts_follow_a_reader_who_is_erased_while_a_mailing_waits(world: Any) -> None:
    mailing = world.ready("ann", "bob")
    world.erase("ann", world.now)
    assert world.store.mailing(mailing).counts == {DeliveryState.QUEUED: 1, DeliveryState.SKIPPED: 1}
    [going] = world.store.unfinished_mailings()
    assert (going.id, going.counts) == (mailing, world.store.mailing(mailing).counts)


def test_what_webhooks_need_to_remember_has_an_end(world: Any) -> None:
    store, day = world.store, timedelta(days=1)
    one, other = "01" * 32, "02" * 32
    assert store.bind_webhook_token(one, one, world.now)
    assert store.bind_webhook_token(one, one, world.now)
    assert not store.bind_webhook_token(one, other, world.now)  # with another body
    for now in (world.now, world.now + day):
        store.add_webhook_counts(
            {(MailProvider.SES, WebhookOutcome.READ): 2, (MailProvider.BREVO, WebhookOutcome.REFUSED): 1}, now
        )
        store.add_webhook_counts({(MailProvider.SES, WebhookOutcome.READ): 3}, now)
    counted = store.count_webhooks(world.now - day)
    assert counted == {
        (MailProvider.SES, WebhookOutcome.READ): 10,
        (MailProvider.BREVO, WebhookOutcome.REFUSED): 2,
    }
    assert (
        store.count_webhooks(world.now + day - timedelta(hours=8))[MailProvider.SES, WebhookOutcome.READ] == 5
    )
    store.keep_confirmation("arn:one", "token", world.now)
    store.keep_confirmation("arn:two", "token 2", world.now)
    assert [store.confirmation(topic) for topic in ("arn:one", "arn:two")] == ["", "token 2"]
    store.forget_webhooks(world.now + day)
    assert not store.bind_webhook_token(one, other, world.now)
    store.forget_webhooks(world.now + 4 * day)
    assert store.bind_webhook_token(one, other, world.now)
    assert (store.confirmation("arn:two"), store.count_webhooks(world.now - day)) == ("", counted)
    store.forget_webhooks(world.now + 190 * day)
    assert store.count_webhooks(world.now - day) == {}
