"""Who is due and the writing of mailings, over every store."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from publisher.core.errors import Conflict, StoreError
from publisher.core.mailings import DueGroup, MailingKind, MailingState, State

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def _rows(world: Any, mailing: int) -> list[tuple[int, int, int]]:
    """(n, cohort, subscription) of a mailing."""
    rows: list[tuple[int, int, int]] = world.sql(
        "SELECT n, cohort, subscription FROM deliveries WHERE mailing = :m ORDER BY n", m=mailing
    )
    return rows


def test_due_readers_are_grouped_by_offset_with_their_oldest_due_time(world: Any) -> None:
    world.active("ann", due=NOW - HOUR)
    world.active("bob", due=NOW)
    world.publish("one")
    world.active("cy", due=NOW)
    world.active("dee", due=NOW + HOUR)
    world.active("eve", list="daily")
    world.join(world.reader("pat"))
    assert world.store.due("weekly", NOW) == [
        DueGroup(offset=0, readers=2, oldest=NOW - HOUR),
        DueGroup(offset=1, readers=1, oldest=NOW),
    ]


def test_suppressed_readers_are_not_due(world: Any) -> None:
    world.active("ann", "bob", "cy", due=NOW)
    world.suppress("ann", "bounce")
    world.suppress("bob", "complaint", "weekly")
    world.suppress("cy", "operator", "daily")
    assert [group.readers for group in world.store.due("weekly", NOW)] == [1]


def test_the_next_due_time_is_the_earliest_of_active_unsuppressed_readers(world: Any) -> None:
    assert world.store.next_due() is None
    world.active("ann", due=NOW)
    world.active("bob", due=NOW + HOUR)
    [gone] = world.active("cy", due=NOW - HOUR)
    world.store.unsubscribe(gone.id, 1, NOW)
    assert world.store.next_due() == NOW
    world.suppress("ann", "bounce")
    assert world.store.next_due() == NOW + HOUR


def test_set_due_moves_times_and_no_offset(world: Any) -> None:
    for hours, name in enumerate(("ann", "bob", "cy")):
        world.active(name, due=NOW + hours * HOUR)
    world.active("eve", list="daily", due=NOW)
    world.publish("one")
    assert world.store.set_due("weekly", after=NOW, until=NOW + HOUR, next_due_at=NOW + DAY) == 1
    assert [(s.next_due_at, s.offset) for s in world.store.subscriptions("weekly", None)] == [
        (NOW, 0),
        (NOW + DAY, 0),
        (NOW + 2 * HOUR, 0),
    ]
    assert world.store.set_due("weekly", after=None, until=None, next_due_at=NOW + DAY) == 3
    assert world.store.next_due() == NOW  # of the daily list


def test_passing_over_moves_offset_and_time_of_the_due_at_those_offsets(world: Any) -> None:
    world.active("ann", due=NOW)
    world.active("bob", due=NOW + HOUR)
    world.publish("one")
    world.active("cy", due=NOW)
    world.publish("two")
    assert world.store.pass_over("weekly", [0], 2, NOW, NOW + DAY) == 1
    assert [(s.offset, s.next_due_at) for s in world.store.subscriptions("weekly", None)] == [
        (2, NOW + DAY),
        (0, NOW + HOUR),
        (1, NOW),
    ]
    assert world.store.pass_over("weekly", [], 2, NOW, NOW + DAY) == 0


def test_a_mailing_starts_frozen_and_unplanned(world: Any) -> None:
    world.publish("one", "two")
    posts = (("a", "r1"), ("b", "r2"))
    cohorts = (world.cohort(1, 0, *posts), world.cohort(2, 1, posts[1]))
    mailing = world.store.start(world.new_mailing(cohorts=cohorts, subject="Two \ud83d"), NOW)
    found = world.store.mailing(mailing)
    assert (found.state, found.planned, found.head, found.counts) == (MailingState.PLANNING, 0, 2, {})
    assert (found.list, found.kind, found.sender, found.subject) == (
        "weekly",
        MailingKind.DIGEST,
        "news@example.org",
        "Two ?",
    )
    assert (found.created_at, found.due_before) == (NOW, NOW)
    assert world.store.unplanned() == [found]
    assert world.store.cohorts(mailing) == [(1, [("a", "r1"), ("b", "r2")]), (2, [("b", "r2")])]


def test_unplanned_mailings_come_oldest_first(world: Any) -> None:
    first, second = (world.store.start(world.new_mailing(), NOW) for _ in range(2))
    assert [mailing.id for mailing in world.store.unplanned()] == [first, second]


def test_a_mailing_gets_the_number_its_content_names_or_is_refused(world: Any) -> None:
    assert world.store.next_mailing() == 1
    assert world.store.start(world.new_mailing(id=1), NOW) == 1
    with pytest.raises(Conflict, match="mailing: the number 1 is taken; plan again"):
        world.store.start(world.new_mailing(id=1), NOW)
    assert world.store.next_mailing() == 2
    assert world.store.start(world.new_mailing(), NOW) == 2


def test_segments_come_back_in_the_order_of_the_recipe(world: Any) -> None:
    mailing = world.store.start(world.new_mailing(), NOW)
    assert world.store.segments(mailing, 1) == [b"Subject: News\r\n", "to", b"\r\nHello.\r\n"]
    again = world.store.start(world.new_mailing(), NOW)
    assert world.store.segments(again, 1) == world.store.segments(mailing, 1)
    assert world.sql("SELECT count(*) FROM segments") == [(2,)]


def test_a_cohort_or_segment_that_is_gone_is_an_error(world: Any) -> None:
    mailing = world.store.start(world.new_mailing(), NOW)
    with pytest.raises(StoreError, match="store: mailing 1 has no cohort 9; restore a backup"):
        world.store.segments(mailing, 9)
    world.sql("DELETE FROM segments WHERE hash = 'bb'")
    with pytest.raises(StoreError, match="store: segment bb of mailing 1 is gone; restore a backup"):
        world.store.segments(mailing, 1)


def test_numbers_are_dense_across_chunks_and_batches_cover_them(world: Any) -> None:
    ids = [s.id for s in world.active(*(f"r{n}" for n in range(23)))]
    world.publish("one")
    mailing = world.store.start(world.new_mailing(), NOW)
    assert world.plan_all(mailing, limit=10, batch=4) == 23
    assert _rows(world, mailing) == [(n, 1, id) for n, id in enumerate(ids, 1)]
    batches = world.sql('SELECT lo, hi, "group", priority, state FROM batches ORDER BY lo')
    assert [(lo, hi) for lo, hi, *_ in batches] == [
        (1, 4),
        (5, 8),
        (9, 10),
        (11, 14),
        (15, 18),
        (19, 20),
        (21, 23),
    ]
    assert {tuple(rest) for _, _, *rest in batches} == {("", 10, "open")}
    assert world.mailing_state(mailing) == "ready"
    assert world.store.mailing(mailing).planned == 23
    assert world.store.mailing(mailing).counts == {State.QUEUED: 23}


def test_planning_moves_offset_and_due_time_of_exactly_the_planned(world: Any) -> None:
    world.active("ann", "bob", "cy")
    world.active("later", due=NOW + HOUR)
    world.active("elsewhere", list="daily")
    world.publish("one")
    mailing = world.store.start(world.new_mailing(), NOW)
    assert world.store.plan_chunk(mailing, NOW + DAY, limit=2, batch=9, now=NOW) == 2
    assert world.mailing_state(mailing) == "planning"
    stands = [(s.offset, s.next_due_at) for s in world.store.subscriptions(None, None)]
    assert stands.count((1, NOW + DAY)) == 2
    world.plan_all(mailing)
    assert [(s.offset, s.next_due_at) for s in world.store.subscriptions(None, None)] == [
        (1, NOW + DAY),
        (1, NOW + DAY),
        (1, NOW + DAY),
        (0, NOW + HOUR),
        (0, NOW),
    ]


def test_each_reader_gets_the_cohort_of_their_offset_and_others_wait(world: Any) -> None:
    [ann] = world.active("ann")
    world.publish("one")
    [bob] = world.active("bob")
    world.publish("two")
    [cy] = world.active("cy")
    cohorts = (world.cohort(1, 0), world.cohort(2, 1))
    mailing = world.store.start(world.new_mailing(cohorts=cohorts), NOW)
    world.plan_all(mailing)
    assert _rows(world, mailing) == [(1, 1, ann.id), (2, 2, bob.id)]
    assert world.store.subscription(cy.id).next_due_at == NOW


def test_suppressed_and_departed_readers_are_not_planned(world: Any) -> None:
    ann, bob, cy = world.active("ann", "bob", "cy")
    world.publish("one")
    world.suppress("ann", "bounce")
    world.store.unsubscribe(bob.id, 1, NOW)
    mailing = world.store.start(world.new_mailing(), NOW)
    world.plan_all(mailing)
    assert _rows(world, mailing) == [(1, 1, cy.id)]
    passed = world.store.subscription(ann.id)
    assert (passed.offset, passed.next_due_at) == (1, NOW + DAY)


def test_a_mailing_nobody_is_left_for_is_done(world: Any) -> None:
    world.active("ann")
    world.publish("one")
    world.suppress("ann", "operator")
    mailing = world.store.start(world.new_mailing(), NOW)
    assert world.plan_all(mailing) == 0
    assert world.mailing_state(mailing) == "done"


def test_planning_again_after_the_end_plans_nobody(world: Any) -> None:
    mailing = world.ready("ann")
    world.active("bob")
    assert world.plan_all(mailing) == 0
    assert world.store.plan_chunk(99, NOW, limit=1, batch=1, now=NOW) == 0


def test_two_who_plan_the_same_readers_plan_each_once(world: Any) -> None:
    world.active("ann", "bob", "cy")
    world.publish("one")
    first, second = (world.store.start(world.new_mailing(), NOW) for _ in range(2))
    world.store.plan_chunk(first, NOW + DAY, limit=2, batch=9, now=NOW)
    world.plan_all(second)
    world.plan_all(first)
    assert sorted(s for m in (first, second) for _, _, s in _rows(world, m)) == [1, 2, 3]


def test_a_message_for_one_is_ready_at_once_and_goes_first(world: Any) -> None:
    world.ready("ann")
    [(_, pending)] = world.join(world.reader("bob"))
    new = world.new_mailing(kind=MailingKind.CONFIRM, cohorts=(world.cohort(1, 0),))
    mailing = world.store.start_for_one(new, pending.id, NOW)
    found = world.store.mailing(mailing)
    assert (found.state, found.planned, found.counts) == (MailingState.READY, 1, {State.QUEUED: 1})
    assert world.claim().mailing == mailing


def test_a_message_for_nobody_is_refused(world: Any) -> None:
    with pytest.raises(StoreError, match="store: there is no subscription 7; sign up again"):
        world.store.start_for_one(world.new_mailing(kind=MailingKind.CONFIRM), 7, NOW)
    assert world.store.mailings() == []
