"""Who is due and the writing of mailings, over every store."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from publisher.core.delivery.mailing import DeliveryState, MailingKind, MailingState
from publisher.core.digests.digest import CohortKey, Correction, DueGroup
from publisher.core.errors import LogConflict, StoreError
from publisher.core.publishing.log import LogKind
from publisher.core.subscribers.subscription import ContentPreference, Preferences, SchedulePreference

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
    assert world.store.due_groups(world.due()) == [
        DueGroup(schedule_id=1, cohort_key=CohortKey(0), readers=2, oldest=NOW - HOUR),
        DueGroup(schedule_id=1, cohort_key=CohortKey(1), readers=1, oldest=NOW),
    ]


def test_suppressed_readers_are_not_due(world: Any) -> None:
    world.active("ann", "bob", "cy", due=NOW)
    world.suppress("ann", "bounce")
    world.suppress("bob", "complaint", "weekly")
    world.suppress("cy", "operator", "daily")
    assert [group.readers for group in world.store.due_groups(world.due())] == [1]


def test_the_next_due_time_is_the_earliest_of_active_unsuppressed_readers(world: Any) -> None:
    assert world.store.next_due_at() is None
    world.active("ann", due=NOW)
    world.active("bob", due=NOW + HOUR)
    [gone] = world.active("cy", due=NOW - HOUR)
    world.store.unsubscribe(gone.id, 1, NOW)
    assert world.store.next_due_at() == NOW
    world.suppress("ann", "bounce")
    assert world.store.next_due_at() == NOW + HOUR


def test_readers_put_off_are_due_when_their_rhythm_is_and_stand_where_they_stood(world: Any) -> None:
    world.active("ann", due=NOW)
    world.active("bob", due=NOW + HOUR)
    world.publish("one")
    world.active("cy", due=NOW)
    world.beat()
    due = world.due()
    assert world.store.reschedule(due, limit=9, cohort_keys=[CohortKey(0)]) == 1
    assert _stands(world) == [(0, NOW + DAY), (0, NOW + HOUR), (1, NOW)]
    assert world.store.reschedule(due, limit=9, cohort_keys=[CohortKey(0), CohortKey(1, content_id=7)]) == 0
    assert world.store.reschedule(due, limit=9, schedule_ids=[99]) == 0
    assert world.store.reschedule(due, limit=9, schedule_ids=[1]) == 1
    assert _stands(world)[2] == (1, NOW + DAY)


def test_readers_passed_over_stand_at_the_head_and_never_further_back(world: Any) -> None:
    world.active("ann", due=NOW)
    world.publish("one", "two")
    world.active("bob", due=NOW)
    world.beat()
    due = world.due(head=1)
    assert world.store.reschedule(due, limit=9, cohort_keys=[CohortKey(0), CohortKey(2)], pass_over=True) == 2
    assert world.store.reschedule(due, limit=9, cohort_keys=[CohortKey(1), CohortKey(2)], pass_over=True) == 0
    assert _stands(world) == [(1, NOW + DAY), (2, NOW + DAY)]


def test_readers_are_put_off_in_chunks(world: Any) -> None:
    world.active(*(f"r{n}" for n in range(7)))
    world.beat()
    moved = []
    while number := world.store.reschedule(world.due(), limit=3, cohort_keys=[CohortKey(0)], pass_over=True):
        moved.append(number)
    assert moved == [3, 3, 1]


def test_suppressed_readers_are_passed_over_with_their_own(world: Any) -> None:
    world.active("ann", "bob")
    world.publish("one")
    world.suppress("ann", "bounce")
    world.beat()
    assert world.store.reschedule(world.due(), limit=9, suppressed=True, pass_over=True) == 1
    assert _stands(world) == [(1, NOW + DAY), (0, NOW)]


def test_readers_served_at_once_are_due_when_something_lies_after_them(world: Any) -> None:
    world.active("ann", due=NOW)
    world.publish("one")
    world.active("bob", due=NOW)
    world.beat(None)
    assert [group.cohort_key for group in world.store.due_groups(world.due())] == [CohortKey(0)]
    assert world.store.due_groups(world.due(head=0)) == []
    assert world.store.next_due_at() is None
    assert world.store.reschedule(world.due(), limit=9, cohort_keys=[CohortKey(0)], pass_over=True) == 1
    assert _stands(world) == [(1, NOW + timedelta(milliseconds=1)), (1, NOW)]


def test_who_waits_for_another_time_than_their_rhythm_is_mended_and_who_is_due_stays_so(world: Any) -> None:
    for hours, name in enumerate(("due", "early", "right", "late")):
        world.active(name, due=NOW + hours * HOUR)
    world.beat(NOW + 2 * HOUR)
    assert world.store.fix_next_due("daily", NOW, limit=9) == 0
    assert [world.store.fix_next_due("weekly", NOW, limit=1) for _ in range(3)] == [1, 1, 0]
    assert [at for _, at in _stands(world)] == [NOW, *[NOW + 2 * HOUR] * 3]
    world.beat(None)
    assert world.store.fix_next_due("weekly", NOW, limit=9) == 3
    assert {at for _, at in _stands(world)} == {NOW}


def test_readers_called_up_are_due_now(world: Any) -> None:
    world.active("ann", due=NOW - HOUR)
    world.active("bob", due=NOW + HOUR)
    world.active("eve", list="daily", due=NOW + HOUR)
    assert [world.store.make_due("weekly", NOW, limit=9) for _ in range(2)] == [1, 0]
    assert [s.next_due_at for s in world.store.subscriptions(None, None)] == [NOW - HOUR, NOW, NOW + HOUR]


def test_readers_of_another_taste_or_rhythm_are_groups_of_their_own(world: Any) -> None:
    english = Preferences(content=ContentPreference(topics=("Arts", "News"), language="en"))
    evening = Preferences(
        schedule=SchedulePreference(cadence="weekly", on="fri", at=time(18, 30), timezone="Asia/Kathmandu")
    )
    for name, choices in (("ann", Preferences()), ("bob", english), ("cy", evening), ("dee", english)):
        world.join(replace(world.reader(name, active=True, due=NOW), choices=choices))
    groups = world.store.due_groups(world.due())
    assert sorted(group.readers for group in groups) == [1, 1, 2]
    tastes = world.store.content_preferences([group.cohort_key.content_id for group in groups])
    assert set(tastes.values()) == {ContentPreference(), english.content}
    assert {beat.preference for beat in world.store.next_runs("weekly")} == {
        SchedulePreference(),
        evening.schedule,
    }
    assert [s.choices for s in world.store.subscriptions(None, None)] == [
        Preferences(),
        english,
        evening,
        english,
    ]


def test_a_reader_who_pauses_is_not_due(world: Any) -> None:
    world.join(replace(world.reader("ann", active=True, due=NOW), choices=Preferences(paused=True)))
    assert world.store.due_groups(world.due()) == []
    assert world.store.make_due("weekly", NOW + DAY, limit=9) == 0
    assert world.store.next_due_at() is None


def test_who_is_left_out_is_counted_by_why(world: Any) -> None:
    world.active("ann", due=NOW)
    world.active("bob", "cy", due=NOW + HOUR)
    [gone] = world.active("dee")
    world.store.unsubscribe(gone.id, 1, NOW)
    world.active("eve")
    world.suppress("eve", "bounce")
    world.join(world.reader("pat"))
    world.join(replace(world.reader("fay", active=True, due=NOW), choices=Preferences(paused=True)))
    left_out = {"later": 2, "unsubscribed": 1, "suppressed": 1, "pending": 1, "paused": 1}
    assert world.store.count_not_due(world.due()) == left_out


def test_each_reader_of_a_list_is_told_where_they_stand_and_why_they_are_left_out(world: Any) -> None:
    world.active("ann", due=NOW)
    world.publish("one")
    world.active("bob", due=NOW + HOUR)
    world.active("eve", list="daily")
    world.join(replace(world.reader("fay", active=True, due=NOW), choices=Preferences(paused=True)))
    [gone] = world.active("dee")
    world.store.unsubscribe(gone.id, 1, NOW)
    found = list(world.store.candidates(world.due()))
    said = [(reader.address.partition("@")[0], reader.left_out, reader.cohort_key.offset) for reader in found]
    assert said == [("ann", "", 0), ("bob", "later", 1), ("fay", "paused", 1), ("dee", "unsubscribed", 1)]
    assert list(world.store.candidates(world.due(), found[1].subscription)) == [found[1]]
    called = [reader.left_out for reader in world.store.candidates(world.due(everyone=True))]
    assert called == ["", "", "paused", "unsubscribed"]
    assert sum(group.readers for group in world.store.due_groups(world.due(everyone=True))) == 2


def test_corrections_are_for_those_who_had_the_post(world: Any) -> None:
    """The last correction of each post; and of readers who passed it, those with a delivery of it. Who was
    refused it gets the post itself once it is released, which is no correction.
    """
    mailing = world.ready("ann", "bob")
    world.sql("INSERT INTO mailing_posts VALUES (:m, 1, 1, :p, 'r')", m=mailing, p=world.id("first"))
    world.sql("UPDATE deliveries SET state = 'rejected' WHERE n = 2")
    world.active("cy", due=NOW)
    for body in ("Edited.", "Edited again."):
        world.apply(world.change(LogKind.CORRECTED, "first", body=body), body=body)
    [correction] = world.store.corrections(0, 9, limit=5)
    assert correction == Correction(3, 1, world.id("first"), released=False)
    world.store.make_due("weekly", NOW, limit=9)
    groups = world.store.due_groups(world.due(corrections=(correction,)))
    assert [(group.cohort_key.corrections, group.readers) for group in groups] == [(0, 2), (1, 1)]
    assert world.store.corrections(0, 2, limit=5) == [Correction(2, 1, world.id("first"), released=False)]
    assert world.store.corrections(3, 9, limit=5) == []
    assert world.store.released_posts("weekly", limit=5) == []
    world.store.release_posts(mailing, 1, 2)
    [released] = world.store.released_posts("weekly", limit=5)
    assert released == Correction(1, 1, world.id("first"), released=True)
    groups = world.store.due_groups(world.due(corrections=(correction, released)))
    # Ann is corrected, bob gets the post itself, and cy neither.
    assert [(group.cohort_key.corrections, group.readers) for group in groups] == [(0, 1), (1, 1), (2, 1)]


def test_a_correction_is_not_for_who_had_the_post_in_an_earlier_life(world: Any) -> None:
    """Ann and bob had the post. Ann left and is back: tokens and deliveries of an earlier life do nothing."""
    mailing = world.ready("ann", "bob")
    world.sql("INSERT INTO mailing_posts VALUES (:m, 1, 1, :p, 'r')", m=mailing, p=world.id("first"))
    ann = next(s for s in world.store.subscriptions(None, None) if s.address.startswith("ann"))
    world.store.unsubscribe(ann.id, ann.generation, NOW)
    [(_, back)] = world.join(world.reader("ann"))
    assert world.store.confirm(back.id, back.generation, NOW, NOW).offset >= 1
    world.apply(world.change(LogKind.CORRECTED, "first", body="Edited."), body="Edited.")
    world.store.make_due("weekly", NOW, limit=9)
    groups = world.store.due_groups(world.due(corrections=tuple(world.store.corrections(0, 9, limit=5))))
    had = {group.cohort_key.corrections: group.readers for group in groups}
    assert (back.generation, had) == (ann.generation + 1, {0: 1, 1: 1})


def test_the_log_is_ripe_up_to_what_entered_it_before(world: Any) -> None:
    assert (world.store.seq_at(NOW), world.store.logged_at(1)) == (0, None)
    world.apply(world.change(LogKind.PUBLISHED, "one"), now=NOW)
    world.apply(world.change(LogKind.PUBLISHED, "two"), now=NOW + HOUR)
    assert [world.store.seq_at(NOW + n * HOUR) for n in (-1, 0, 1, 2)] == [0, 1, 2, 2]
    assert [world.store.logged_at(seq) for seq in (1, 2, 3)] == [NOW, NOW + HOUR, None]


def _stands(world: Any) -> list[tuple[int, datetime]]:
    return [(s.offset, s.next_due_at) for s in world.store.subscriptions("weekly", None)]


def test_a_mailing_starts_frozen_and_unplanned(world: Any) -> None:
    world.publish("one", "two")
    posts = (("a", "r1"), ("b", "r2"))
    cohorts = (world.cohort(1, 0, *posts), world.cohort(2, 1, posts[1]))
    mailing = world.store.start_mailing(world.new_mailing(cohorts=cohorts, subject="Two \ud83d"), NOW)
    found = world.store.mailing(mailing)
    assert (found.state, found.planned, found.head, found.counts) == (MailingState.PLANNING, 0, 2, {})
    assert (found.list, found.kind, found.sender, found.subject) == (
        "weekly",
        MailingKind.DIGEST,
        "news@example.org",
        "Two ?",
    )
    assert (found.created_at, found.due_before) == (NOW, NOW)
    assert world.store.mailings_in_planning() == [found]
    assert world.store.cohorts(mailing) == [
        (1, [("a", "r1"), ("b", "r2")], "en"),
        (2, [("b", "r2")], "en"),
    ]


def test_a_mailing_of_many_cohorts_is_planned_only_when_it_is_whole(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored in steps; what a crash left half stored is forgotten, and its number is not used again."""
    monkeypatch.setattr("publisher.stores.sql.delivery.mailings.ROWS", 4)
    cohorts = tuple(world.cohort(n, n, ("a", "r1")) for n in range(1, 6))
    whole = world.store.start_mailing(world.new_mailing(cohorts=cohorts), NOW)
    assert len(world.store.cohorts(whole)) == 5

    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("publisher.stores.sql.digests.planning.mark_complete", die)
    with pytest.raises(KeyboardInterrupt):
        world.store.start_mailing(world.new_mailing(cohorts=cohorts), NOW)
    assert [mailing.id for mailing in world.store.mailings_in_planning()] == [whole]
    assert world.store.next_mailing_id() == 3
    assert world.sql("SELECT DISTINCT mailing FROM stands") == [(whole,)]


def test_unplanned_mailings_come_oldest_first(world: Any) -> None:
    first, second = (world.store.start_mailing(world.new_mailing(), NOW) for _ in range(2))
    assert [mailing.id for mailing in world.store.mailings_in_planning()] == [first, second]


def test_a_mailing_gets_the_number_its_content_names_or_is_refused(world: Any) -> None:
    assert world.store.next_mailing_id() == 1
    assert world.store.start_mailing(world.new_mailing(id=1), NOW) == 1
    with pytest.raises(LogConflict, match="mailing: the number 1 is taken; plan again"):
        world.store.start_mailing(world.new_mailing(id=1), NOW)
    assert world.store.next_mailing_id() == 2
    assert world.store.start_mailing(world.new_mailing(), NOW) == 2


def test_segments_come_back_in_the_order_of_the_recipe(world: Any) -> None:
    mailing = world.store.start_mailing(world.new_mailing(), NOW)
    assert world.store.segments(mailing, 1) == (b"Subject: News\r\n", "to", b"\r\nHello.\r\n")
    again = world.store.start_mailing(world.new_mailing(), NOW)
    assert world.store.segments(again, 1) == world.store.segments(mailing, 1)
    assert world.sql("SELECT count(*) FROM segments") == [(2,)]


def test_a_cohort_or_segment_that_is_gone_is_an_error(world: Any) -> None:
    mailing = world.store.start_mailing(world.new_mailing(), NOW)
    with pytest.raises(StoreError, match="store: mailing 1 has no cohort 9; restore a backup"):
        world.store.segments(mailing, 9)
    world.sql("DELETE FROM segments WHERE hash = 'bb'")
    with pytest.raises(StoreError, match="store: segment bb of mailing 1 is gone; restore a backup"):
        world.store.segments(mailing, 1)


def test_numbers_are_dense_across_chunks_and_batches_cover_them(world: Any) -> None:
    ids = [s.id for s in world.active(*(f"r{n}" for n in range(23)))]
    world.publish("one")
    mailing = world.store.start_mailing(world.new_mailing(), NOW)
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
    assert world.store.mailing(mailing).counts == {DeliveryState.QUEUED: 23}


def test_planning_moves_offset_and_due_time_of_exactly_the_planned(world: Any) -> None:
    world.active("ann", "bob", "cy")
    world.active("later", due=NOW + HOUR)
    world.active("elsewhere", list="daily")
    world.publish("one")
    mailing = world.store.start_mailing(world.new_mailing(), NOW)
    world.beat()
    assert world.store.plan_chunk(mailing, limit=2, batch=9, now=NOW) == 2
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
    mailing = world.store.start_mailing(world.new_mailing(cohorts=cohorts), NOW)
    world.plan_all(mailing)
    assert _rows(world, mailing) == [(1, 1, ann.id), (2, 2, bob.id)]
    assert world.store.subscription(cy.id).next_due_at == NOW


def test_suppressed_and_departed_readers_are_not_planned(world: Any) -> None:
    ann, bob, cy = world.active("ann", "bob", "cy")
    world.publish("one")
    world.suppress("ann", "bounce")
    world.store.unsubscribe(bob.id, 1, NOW)
    mailing = world.store.start_mailing(world.new_mailing(), NOW)
    world.plan_all(mailing)
    assert _rows(world, mailing) == [(1, 1, cy.id)]
    assert world.store.subscription(ann.id).offset == 0


def test_a_mailing_nobody_is_left_for_is_done(world: Any) -> None:
    world.active("ann")
    world.publish("one")
    world.suppress("ann", "operator")
    mailing = world.store.start_mailing(world.new_mailing(), NOW)
    assert world.plan_all(mailing) == 0
    assert world.mailing_state(mailing) == "done"


def test_planning_again_after_the_end_plans_nobody(world: Any) -> None:
    mailing = world.ready("ann")
    world.active("bob")
    assert world.plan_all(mailing) == 0
    assert world.store.plan_chunk(99, limit=1, batch=1, now=NOW) == 0


def test_two_who_plan_the_same_readers_plan_each_once(world: Any) -> None:
    world.active("ann", "bob", "cy")
    world.publish("one")
    first, second = (world.store.start_mailing(world.new_mailing(), NOW) for _ in range(2))
    world.beat()
    world.store.plan_chunk(first, limit=2, batch=9, now=NOW)
    world.plan_all(second)
    world.plan_all(first)
    assert sorted(s for m in (first, second) for _, _, s in _rows(world, m)) == [1, 2, 3]


def test_a_message_for_one_is_ready_at_once_and_goes_first(world: Any) -> None:
    world.ready("ann")
    [(_, pending)] = world.join(world.reader("bob"))
    new = world.new_mailing(kind=MailingKind.CONFIRM, cohorts=(world.cohort(1, 0),))
    mailing = world.store.start_transactional(new, pending.id, NOW)
    found = world.store.mailing(mailing)
    assert (found.state, found.planned, found.counts) == (MailingState.READY, 1, {DeliveryState.QUEUED: 1})
    assert world.claim().mailing == mailing


def test_a_message_for_nobody_is_refused(world: Any) -> None:
    with pytest.raises(StoreError, match="store: there is no subscription 7; sign up again"):
        world.store.start_transactional(world.new_mailing(kind=MailingKind.CONFIRM), 7, NOW)
    assert world.store.mailings() == []


def test_readers_whose_digest_is_skipped_are_due_when_their_rhythm_is_and_never_twice_in_a_row(
    world: Any,
) -> None:
    world.active("ann", "bob", due=NOW)
    world.store.set_next_runs({1: NOW + DAY})
    due = world.due()
    assert world.store.skip_digest(due, 99, [CohortKey(0)], limit=9) == 0
    assert world.store.skip_digest(due, 1, [CohortKey(7)], limit=9) == 0
    assert world.store.skip_digest(due, 1, [CohortKey(0)], limit=1) == 1
    assert world.store.skip_digest(due, 1, [CohortKey(0)], limit=9) == 1
    assert world.store.due_groups(due) == []
    later = replace(due, now=NOW + DAY)
    [group] = world.store.due_groups(later)
    assert (group.readers, group.skipped, group.oldest) == (2, True, NOW + DAY)
    assert [who.skipped for who in world.store.candidates(later)] == [True, True]
    assert world.store.skip_digest(later, 1, [CohortKey(0)], limit=9) == 0
    assert (
        world.store.reschedule(later, limit=9, cohort_keys=[CohortKey(0)]) == 2
    )  # for more posts: still skipped
    again = replace(due, now=NOW + 2 * DAY)
    assert [one.skipped for one in world.store.due_groups(again)] == [True]
    assert world.store.reschedule(again, limit=9, cohort_keys=[CohortKey(0)], pass_over=True) == 2
    assert [one.skipped for one in world.store.due_groups(replace(due, now=NOW + 3 * DAY))] == [False]
