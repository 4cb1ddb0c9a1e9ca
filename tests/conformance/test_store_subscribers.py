"""Subscribers and the life of a subscription, over every store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stores import mark_sending

from publisher.core.delivery.mailing import MailingKind, TransitionCause
from publisher.core.subscribers.subscription import (
    Departure,
    ListChange,
    ListChangeResult,
    SignupResult,
    SubscriptionState,
)

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
DAY = timedelta(days=1)
DUE = NOW + DAY


def _left(world: Any, name: str) -> None:
    """`name` was active and left."""
    [subscription] = world.active(name)
    world.store.unsubscribe(subscription.id, subscription.generation, NOW)


def _kinds(world: Any) -> list[str]:
    return [kind for (kind,) in world.sql("SELECT kind FROM suppressions ORDER BY kind")]


def test_a_sign_up_waits_for_confirmation(world: Any) -> None:
    [(joined, subscription)] = world.join(world.reader("ann"))
    assert joined is SignupResult.ADDED
    assert subscription == world.store.subscription(subscription.id)
    assert (subscription.list, subscription.address) == ("weekly", "ann@example.org")
    assert (subscription.state, subscription.generation) == (SubscriptionState.PENDING, 1)
    assert (subscription.next_due_at, subscription.created_at, subscription.confirmed_at) == (None, NOW, None)


def test_an_active_reader_stands_at_the_head_and_has_a_due_time(world: Any) -> None:
    world.publish("one", "two")
    [(joined, subscription)] = world.join(world.reader("ann", active=True, own_wish=False, due=DUE))
    assert joined is SignupResult.ADDED
    assert (subscription.state, subscription.offset) == (SubscriptionState.ACTIVE, 2)
    assert (subscription.next_due_at, subscription.confirmed_at) == (DUE, NOW)


def test_the_proof_of_consent_is_kept(world: Any) -> None:
    world.join(world.reader("ann"))
    [(consent,)] = world.sql("SELECT CAST(consent AS TEXT) FROM subscriptions")
    assert '"origin": "192.0.2.1"' in consent
    assert '"wording": "Yes, send me the digest."' in consent
    assert '"at": "2024-10-25T08:00:00+00:00"' in consent


def test_signing_up_again_changes_nothing(world: Any) -> None:
    [(_, pending)] = world.join(world.reader("ann"))
    [active] = world.active("bob", due=DUE)
    later = world.join(world.reader("ann"), world.reader("bob"), now=NOW + DAY)
    assert later == [(SignupResult.ALREADY, pending), (SignupResult.ALREADY, active)]


def test_a_pending_reader_is_activated_by_an_import_that_states_consent(world: Any) -> None:
    world.join(world.reader("ann"))
    world.publish("one")
    [(joined, subscription)] = world.join(
        world.reader("ann", active=True, own_wish=False, due=DUE), now=NOW + DAY
    )
    assert joined is SignupResult.ACTIVATED
    assert (subscription.state, subscription.generation, subscription.offset) == (
        SubscriptionState.ACTIVE,
        1,
        1,
    )
    assert (subscription.created_at, subscription.confirmed_at) == (NOW, NOW + DAY)


def test_who_left_comes_back_only_in_person_and_to_a_new_life(world: Any) -> None:
    _left(world, "ann")
    [(refused, _)] = world.join(world.reader("ann", active=True, own_wish=False, due=DUE))
    assert refused is SignupResult.LEFT
    [(joined, subscription)] = world.join(world.reader("ann"), now=NOW + DAY)
    assert joined is SignupResult.RETURNED
    assert (subscription.state, subscription.generation) == (SubscriptionState.PENDING, 2)
    assert (subscription.created_at, subscription.confirmed_at) == (NOW + DAY, None)


def test_who_returns_is_never_active_at_once(world: Any) -> None:
    _left(world, "ann")
    [(joined, subscription)] = world.join(world.reader("ann", active=True, own_wish=True, due=DUE))
    assert (joined, subscription.state) == (SignupResult.RETURNED, SubscriptionState.PENDING)
    [(again, subscription)] = world.join(world.reader("ann", active=True, own_wish=True, due=DUE))
    assert (again, subscription.state) == (SignupResult.ALREADY, SubscriptionState.PENDING)


def test_leaving_one_list_leaves_the_others(world: Any) -> None:
    _left(world, "ann")
    [(joined, _)] = world.join(world.reader("ann", own_wish=False), list="daily")
    assert joined is SignupResult.ADDED


@pytest.mark.parametrize("kind", ["bounce", "complaint", "operator"])
@pytest.mark.parametrize("where", ["", "weekly"])
def test_bounces_complaints_and_operators_keep_everybody_out(world: Any, kind: str, where: str) -> None:
    world.suppress("ann", kind, where)
    assert world.join(world.reader("ann")) == [(SignupResult.LEFT, None)]
    assert world.sql("SELECT count(*) FROM subscribers") == [(0,)]


def test_an_address_suppressed_on_one_list_may_join_another(world: Any) -> None:
    world.suppress("ann", "bounce", "daily")
    [(joined, _)] = world.join(world.reader("ann"))
    assert joined is SignupResult.ADDED


@pytest.mark.parametrize("kind", ["left", "erased"])
def test_who_left_everywhere_or_was_erased_comes_back_by_own_wish_only(world: Any, kind: str) -> None:
    world.suppress("ann", kind)
    assert world.join(world.reader("ann", own_wish=False)) == [(SignupResult.LEFT, None)]
    assert world.sql("SELECT count(*) FROM subscribers") == [(0,)]
    [(joined, subscription)] = world.join(world.reader("ann", active=True, due=DUE))
    assert (joined, subscription.state) == (SignupResult.RETURNED, SubscriptionState.PENDING)
    world.store.confirm(subscription.id, subscription.generation, DUE, NOW)
    assert _kinds(world) == []


def test_a_reader_named_twice_in_one_call_meets_what_the_first_naming_did(world: Any) -> None:
    first = world.reader("ann")
    second = world.reader("ann", active=True, own_wish=False, due=DUE)
    told = world.join(first, second, first)
    assert [joined for joined, _ in told] == [
        SignupResult.ADDED,
        SignupResult.ACTIVATED,
        SignupResult.ALREADY,
    ]
    assert {subscription.state for _, subscription in told} == {SubscriptionState.ACTIVE}
    assert world.sql("SELECT count(*) FROM subscriptions") == [(1,)]


def test_ten_thousand_readers_join_in_one_call_in_their_order(world: Any) -> None:
    readers = [world.reader(f"r{n}", active=True, own_wish=False, due=DUE) for n in range(10_000)]
    told = world.join(*readers)
    ids = [subscription.id for _, subscription in told]
    assert ids == sorted(set(ids))
    assert [subscription.address for _, subscription in told] == [reader.address for reader in readers]
    assert world.store.subscriber_counts() == {("weekly", SubscriptionState.ACTIVE): 10_000}


def test_confirming_makes_active_at_the_head(world: Any) -> None:
    [(_, pending)] = world.join(world.reader("ann"))
    world.publish("one")
    active = world.store.confirm(pending.id, 1, DUE, NOW + DAY)
    assert (active.state, active.offset, active.next_due_at) == (SubscriptionState.ACTIVE, 1, DUE)
    assert active.confirmed_at == NOW + DAY


def test_confirming_twice_changes_nothing(world: Any) -> None:
    [(_, pending)] = world.join(world.reader("ann"))
    first = world.store.confirm(pending.id, 1, DUE, NOW)
    world.publish("one")
    assert world.store.confirm(pending.id, 1, DUE + DAY, NOW + DAY) == first


def test_an_old_confirmation_does_nothing_in_a_new_life(world: Any) -> None:
    _left(world, "ann")
    [(_, pending)] = world.join(world.reader("ann"))
    assert world.store.confirm(pending.id, 1, DUE, NOW) is None
    assert world.store.subscription(pending.id).state is SubscriptionState.PENDING


def test_who_left_cannot_come_back_by_an_old_confirmation(world: Any) -> None:
    _left(world, "ann")
    assert world.store.confirm(1, 1, DUE, NOW) is None
    assert _kinds(world) == ["left"]


def test_confirming_lifts_what_the_reader_did_here_and_nothing_else(world: Any) -> None:
    _left(world, "ann")
    world.suppress("ann", "erased")
    world.suppress("ann", "left", "daily")
    world.suppress("bob", "left")
    [(_, pending)] = world.join(world.reader("ann"))
    assert world.store.confirm(pending.id, 2, DUE, NOW).state is SubscriptionState.ACTIVE
    assert world.sql("SELECT list, kind FROM suppressions ORDER BY list DESC") == [
        ("daily", "left"),
        ("", "left"),
    ]


def test_an_address_that_bounced_meanwhile_cannot_be_confirmed(world: Any) -> None:
    [(_, pending)] = world.join(world.reader("ann"))
    world.suppress("ann", "bounce")
    assert world.store.confirm(pending.id, 1, DUE, NOW) is None


def test_leaving_is_idempotent_and_remembered(world: Any) -> None:
    [active] = world.active("ann")
    first = world.store.unsubscribe(active.id, 1, NOW)
    assert (first.state, first.next_due_at) == (SubscriptionState.UNSUBSCRIBED, None)
    assert world.store.unsubscribe(active.id, 1, NOW + DAY) == first
    assert world.sql("SELECT list, kind FROM suppressions") == [("weekly", "left")]


def test_a_pending_reader_may_leave(world: Any) -> None:
    [(_, pending)] = world.join(world.reader("ann"))
    assert world.store.unsubscribe(pending.id, 1, NOW).state is SubscriptionState.UNSUBSCRIBED


def test_a_link_of_an_earlier_life_ends_nothing(world: Any) -> None:
    _left(world, "ann")
    [(_, pending)] = world.join(world.reader("ann"))
    world.store.confirm(pending.id, 2, DUE, NOW)
    assert world.store.unsubscribe(pending.id, 1, NOW) is None
    assert world.store.subscription(pending.id).state is SubscriptionState.ACTIVE


def test_a_subscription_that_never_was_is_none(store: Any) -> None:
    assert store.subscription(7) is None
    assert store.confirm(7, 1, DUE, NOW) is None
    assert store.unsubscribe(7, 1, NOW) is None


def test_subscriptions_are_streamed_in_the_order_they_came(world: Any) -> None:
    world.active(*(f"r{n}" for n in range(5_003)))
    world.join(world.reader("pat"))
    world.join(world.reader("r1"), list="daily")
    addresses = [s.address for s in world.store.subscriptions("weekly", SubscriptionState.ACTIVE)]
    assert addresses == [f"r{n}@example.org" for n in range(5_003)]
    assert [s.address for s in world.store.subscriptions(None, SubscriptionState.PENDING)] == [
        "pat@example.org",
        "r1@example.org",
    ]
    assert len(list(world.store.subscriptions("weekly", None))) == 5_004


def test_the_store_may_be_written_while_subscriptions_are_streamed(world: Any) -> None:
    world.active("ann", "bob")
    stream = world.store.subscriptions(None, None)
    next(stream)
    world.publish("one")
    assert [s.address for s in stream] == ["bob@example.org"]


def test_readers_are_counted_by_list_and_state(world: Any) -> None:
    world.active("ann", "bob")
    world.join(world.reader("cy"))
    _left(world, "dee")
    world.join(world.reader("ann"), list="daily")
    assert world.store.subscriber_counts() == {
        ("weekly", SubscriptionState.ACTIVE): 2,
        ("weekly", SubscriptionState.PENDING): 1,
        ("weekly", SubscriptionState.UNSUBSCRIBED): 1,
        ("daily", SubscriptionState.PENDING): 1,
    }


def test_readers_are_counted_in_parts_and_none_is_counted_twice(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("publisher.stores.sql.subscribers.subscribers.COUNTED", 3)
    for number in range(8):  # the last part is empty, half full, full
        active = {("weekly", SubscriptionState.ACTIVE): number} if number else {}
        assert world.store.subscriber_counts() == active
        world.active(f"r{number}")


def test_the_reader_furthest_back_is_found(world: Any) -> None:
    assert world.store.lowest_offset("weekly") is None
    world.join(world.reader("pending"))
    world.publish("one")
    world.active("ann")
    world.publish("two")
    world.active("bob")
    assert world.store.lowest_offset("weekly") == 1


def _confirmation(world: Any, subscription: int) -> int:
    new = world.new_mailing(kind=MailingKind.CONFIRM)
    mailing: int = world.store.start_transactional(new, subscription, NOW)
    return mailing


def test_a_sign_up_nobody_confirmed_is_forgotten_without_a_trace(world: Any) -> None:
    [(_, old)] = world.join(world.reader("ann"))
    mailing = _confirmation(world, old.id)
    world.claim()
    mark_sending(world.store, "run1", [(mailing, 1)], NOW)
    world.settle(mailing, 1, TransitionCause.ACCEPT, reply="250 ok")
    world.join(world.reader("bob"), now=NOW + DAY)
    assert world.store.delete_pending(NOW + DAY) == 1
    assert world.store.subscription(old.id) is None
    for table in ("mailings", "batches", "deliveries", "cohorts", "mailing_posts"):
        assert world.sql(f"SELECT count(*) FROM {table}") == [(0,)]  # noqa: S608  # our own words
    assert world.sql("SELECT address FROM subscribers") == [("bob@example.org",)]


def test_numbers_of_the_forgotten_are_never_given_again(world: Any) -> None:
    [(_, old)] = world.join(world.reader("ann"))
    mailing = _confirmation(world, old.id)
    world.store.delete_pending(NOW + DAY)
    [(_, new)] = world.join(world.reader("bob"))
    assert new.id > old.id
    assert _confirmation(world, new.id) > mailing


def test_forgetting_one_list_keeps_the_address_for_another(world: Any) -> None:
    world.join(world.reader("ann"))
    world.active("ann", list="daily")
    assert world.store.delete_pending(NOW + DAY) == 1
    assert [s.list for s in world.store.subscriptions(None, None)] == ["daily"]


def test_who_had_a_digest_in_an_earlier_life_is_unsubscribed_again(world: Any) -> None:
    mailing = world.ready("ann")
    world.store.unsubscribe(1, 1, NOW)
    [(_, returned)] = world.join(world.reader("ann"))
    _confirmation(world, returned.id)
    assert world.store.delete_pending(NOW + DAY) == 1
    assert world.store.subscription(returned.id).state is SubscriptionState.UNSUBSCRIBED
    assert [m.id for m in world.store.mailings()] == [mailing]
    assert _kinds(world) == ["left"]


def test_a_sign_up_whose_mail_is_on_its_way_is_not_forgotten_yet(world: Any) -> None:
    [(_, pending)] = world.join(world.reader("ann"))
    mailing = _confirmation(world, pending.id)
    world.claim()
    assert world.store.delete_pending(NOW + DAY) == 0
    mark_sending(world.store, "run1", [(mailing, 1)], NOW)
    assert world.store.delete_pending(NOW + DAY) == 0
    world.settle(mailing, 1, TransitionCause.ACCEPT)
    assert world.store.delete_pending(NOW + DAY) == 1


def _asked(world: Any, reader: Any, now: datetime, **limits: Any) -> int | None:
    """The mailing that brings a link to a reader who asks at `now`; None: none is sent."""
    given = {"every": timedelta(minutes=5), "most": 9, "within": timedelta(days=1)} | limits
    if not world.store.record_link_request(reader.id, reader.generation, now, **given):
        return None
    mailing: int = world.store.start_transactional(
        world.new_mailing(kind=MailingKind.ACCOUNT), reader.id, now
    )
    return mailing


def test_a_link_is_alive_until_it_is_used_or_another_is_asked_for(world: Any) -> None:
    [ann] = world.active("ann")
    first = _asked(world, ann, NOW)
    assert _asked(world, ann, NOW + timedelta(minutes=4)) is None
    second = _asked(world, ann, NOW + timedelta(minutes=5))
    assert second is not None
    assert world.store.link_owner(first, ann.id, NOW - timedelta(days=9)) is None
    assert world.store.link_owner(second, ann.id + 1, NOW) is None
    assert world.store.link_owner(second, ann.id, NOW + timedelta(minutes=5)) is None
    assert world.store.link_owner(second, ann.id, NOW).address == "ann@example.org"
    assert [world.store.consume_link(first, ann.id), world.store.consume_link(second, ann.id)] == [
        False,
        True,
    ]
    assert world.store.consume_link(second, ann.id) is False
    assert _asked(world, ann, NOW + timedelta(hours=1), most=2) is None
    assert _asked(world, ann, NOW + timedelta(hours=1), most=2, within=timedelta(minutes=55)) is not None


def test_who_waits_to_confirm_or_had_another_life_is_sent_no_link(world: Any) -> None:
    [(_, pat)] = world.join(world.reader("pat"))
    assert _asked(world, pat, NOW) is None
    [ann] = world.active("ann")
    assert _asked(world, replace(ann, generation=2), NOW) is None


def test_a_reader_at_a_new_address_keeps_what_they_had(world: Any) -> None:
    mailing = world.ready("ann")
    [ann] = world.store.subscriptions(None, None)
    [(_, new)] = world.join(world.reader("new"))
    move = Departure(
        key=world.reader("ann").key,
        list="weekly",
        kind="left",
        at=NOW,
        subscription=ann.id,
        generation=ann.generation,
        to=new.id,
        to_key=world.reader("new").key,
    )
    world.store.apply_departures([move])
    moved = replace(ann, address="new@example.org")
    assert list(world.store.subscriptions(None, None)) == [moved]
    assert world.store.suppressions_of(world.reader("ann").key) == [("weekly", "left", NOW)]
    assert world.sql("SELECT count(*) FROM subscribers") == [(1,)]
    assert world.store.missing_departures([move]) == []
    assert world.store.apply_departures([move]) == 0
    assert list(world.store.subscriptions(None, None)) == [moved]
    batch = world.claim()
    assert (batch.mailing, [row.address for row in world.store.claimed_deliveries(batch)]) == (
        mailing,
        ["new@example.org"],
    )


def test_who_is_forgotten_by_a_link_that_is_hardly_sent_upsets_no_run(world: Any) -> None:
    """The reader was quicker than the answer of the mail server was written down."""
    [ann] = world.active("ann")
    mailing = _asked(world, ann, NOW)
    batch = world.claim()
    assert [row.mailing for row in world.store.claimed_deliveries(batch)] == [mailing]
    assert mark_sending(world.store, "run1", [(mailing, 1)], NOW) == {(mailing, 1)}
    assert world.erase("ann") == 1
    world.settle(mailing, 1, TransitionCause.ACCEPT)
    world.store.finish_batch(batch, NOW)
    assert world.store.mailing(mailing) is None
    assert world.sql("SELECT count(*) FROM batches") == [(0,)]


def test_an_address_gets_its_new_key_and_keeps_what_stood_against_it(world: Any) -> None:
    ann = world.reader("ann")
    world.join(replace(ann, address="straße@example.org"))
    world.join(world.reader("bob"))
    world.suppress("ann", "left", "weekly")
    new = "ab" * 32
    for changed in (1, 0):
        assert world.store.rebuild_address_keys(lambda address: new) == changed
    [found] = world.store.subscriptions_of(new)
    assert found.address == "straße@example.org"
    assert [(slug, kind) for slug, kind, _ in world.store.suppressions_of(new)] == [("weekly", "left")]
    assert [(slug, kind) for slug, kind, _ in world.store.suppressions_of(ann.key)] == [("weekly", "left")]
    assert len(world.store.subscriptions_of(world.reader("bob").key)) == 1


def test_a_renamed_list_has_each_reader_once_and_nobody_who_left(world: Any) -> None:
    """Every pair of what a reader may be on the old list and on the new one."""
    states = ("", "pending", "active", "left")
    for old in states:
        for new in states:
            for slug, state in (("weekly", old), ("evening", new)):
                if state in ("active", "left"):
                    [one] = world.active(f"{old}-{new}", list=slug)
                if state == "left":
                    world.store.unsubscribe(one.id, one.generation, NOW)
                if state == "pending":
                    reader = world.reader(f"{old}-{new}")
                    world.store.subscribe(slug, [reader], world.consent())
    assert [(one.slug, one.readers) for one in world.store.removed_lists(["evening"])] == [("weekly", 4)]
    last = world.store.last_subscription_id()
    change = ListChange(list="weekly", to="evening", at=NOW, subscription=last, title="Weekly")
    done = world.store.apply_list_change(change)
    assert (done.readers, done.on_both, done.had_left) == (4, 1, 1)
    assert world.store.apply_list_change(change) == ListChangeResult()  # once
    assert world.store.list_changes() == [change]
    now: dict[str, dict[str, str]] = {}
    for one in world.store.subscriptions(None, None):
        now.setdefault(one.address.partition("@")[0], {})[one.list] = one.state.value
    for old in states:
        for new in states:
            if not old and not new:
                continue
            found = now[f"{old}-{new}"]
            if new == "left":
                expected = "unsubscribed"
            elif "active" in (old, new):
                expected = "active"
            elif new == "pending" or old == "pending":
                expected = "pending"
            else:
                expected = "unsubscribed"
            assert found["evening"] == expected, (old, new, found)
            assert found.get("weekly", "unsubscribed") == "unsubscribed", (old, new, found)
    assert world.store.removed_lists(["evening"]) == []
    assert world.sql("SELECT count(*) FROM suppressions WHERE list = 'weekly'") == [(0,)]
    blocked = world.sql(
        "SELECT count(*) FROM suppressions JOIN subscribers USING (address_key) JOIN subscriptions ON "
        "subscriber = subscribers.id AND subscriptions.list = suppressions.list WHERE state = 'active'"
    )
    assert blocked == [(0,)]
    world.store.apply_list_change(replace(change, list="evening", to=""))
    assert {one.state for one in world.store.subscriptions("evening", SubscriptionState.ACTIVE)} == set()
