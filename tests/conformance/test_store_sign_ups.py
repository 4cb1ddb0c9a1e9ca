"""Sign-ups are decided, counted and planned in one transaction, over every store."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from publisher.core.delivery.mailing import MailingKind
from publisher.core.errors import LogConflict
from publisher.core.subscribers.confirmation_limits import SignUpDecision, SignUpOutcome, SignUpRequest
from publisher.core.subscribers.subscription import SubscriptionState

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
DAY = timedelta(days=1)
BOX = "ab" * 12


def wish(world: Any, name: str, *lists: str, box: str = BOX, domain: str = "") -> SignUpRequest:
    readers = dict.fromkeys(lists or ("weekly",), world.reader(name))
    return SignUpRequest(readers=readers, consent=world.consent(), mailbox=box, domain=domain)


def sign_up(world: Any, given: SignUpRequest, now: datetime = NOW) -> SignUpOutcome:
    """As the service does it: look, compose, act, and look again where that came too late."""
    found = world.store.preview_sign_up(given, now)
    while found.answer is SignUpOutcome.ASK:
        mail = world.new_mailing(kind=MailingKind.CONFIRM, list=found.lists[0])
        done = world.store.sign_up(given, mail, found, now)
        if done == found:
            break
        found = done
    answer: SignUpOutcome = found.answer
    return answer


def confirmations(world: Any) -> int:
    [(number,)] = world.sql("SELECT count(*) FROM mailings WHERE kind = 'confirm'")
    return int(number)


def test_one_mail_asks_about_every_list_of_a_wish(world: Any) -> None:
    assert sign_up(world, wish(world, "ann", "weekly", "daily")) is SignUpOutcome.ASK
    assert confirmations(world) == 1
    found = list(world.store.subscriptions(None, SubscriptionState.PENDING))
    assert [s.list for s in found] == ["weekly", "daily"]
    assert [s.id for s in world.store.pending_in_same_mail(found[0].id)] == [found[1].id, found[0].id]
    assert world.store.confirm(found[1].id, 1, NOW, NOW)
    assert [s.id for s in world.store.pending_in_same_mail(found[0].id)] == [found[0].id]


def test_wishes_at_once_of_many_spellings_bring_three_mails(world: Any) -> None:
    wishes = [wish(world, f"ann{n}", slug) for n in range(6) for slug in ("weekly", "daily")]
    with ThreadPoolExecutor(12) as pool:
        answers = Counter(pool.map(lambda given: sign_up(world, given), wishes))
    assert answers == {SignUpOutcome.ASK: 3, SignUpOutcome.MAILBOX: 9}
    assert confirmations(world) == 3
    assert len(list(world.store.subscriptions(None, None))) == 3


def test_the_same_wish_at_once_brings_one_mail(world: Any) -> None:
    given = wish(world, "ann")
    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(lambda _: sign_up(world, given), range(8)))
    assert answers == {SignUpOutcome.ASK: 1, SignUpOutcome.NOTHING: 7}
    assert confirmations(world) == 1


def test_a_domain_at_once_gets_twenty(world: Any) -> None:
    wishes = [wish(world, f"r{n}", box=f"{n:024x}", domain="village.example") for n in range(26)]
    with ThreadPoolExecutor(8) as pool:
        answers = Counter(pool.map(lambda given: sign_up(world, given), wishes))
    assert answers == {SignUpOutcome.ASK: 20, SignUpOutcome.DOMAIN: 6}
    late = wish(world, "late", box="cd" * 12, domain="village.example")
    assert sign_up(world, late, NOW + timedelta(minutes=59)) is SignUpOutcome.DOMAIN
    assert sign_up(world, late, NOW + timedelta(hours=1)) is SignUpOutcome.ASK
    world.store.prune_confirmation_history(NOW + timedelta(hours=2))
    assert world.sql("SELECT count(*) FROM asked_domains") == [(0,)]


def test_a_wish_that_is_no_longer_what_was_foreseen_does_nothing(world: Any) -> None:
    given = wish(world, "ann")
    other = SignUpDecision(answer=SignUpOutcome.ASK, lists=("weekly", "daily"))
    done = world.store.sign_up(given, world.new_mailing(kind=MailingKind.CONFIRM), other, NOW)
    assert done == SignUpDecision(answer=SignUpOutcome.ASK, lists=("weekly",))
    assert confirmations(world) == 0
    assert list(world.store.subscriptions(None, None)) == []


def test_who_reads_already_or_is_suppressed_is_not_asked_and_not_counted(world: Any) -> None:
    world.active("ann")
    world.suppress("bob", "bounce")
    for name in ("ann", "bob"):
        assert sign_up(world, wish(world, name)) is SignUpOutcome.NOTHING
    assert world.store.confirmation_history(BOX) is None


def test_a_pending_reader_is_asked_again_after_a_quarter_of_an_hour(world: Any) -> None:
    minutes = [0, 14, 15, 16, 30, 45]
    answers = [sign_up(world, wish(world, "ann"), NOW + timedelta(minutes=m)) for m in minutes]
    assert answers == [
        SignUpOutcome.ASK,
        SignUpOutcome.NOTHING,
        SignUpOutcome.ASK,
        SignUpOutcome.NOTHING,
        SignUpOutcome.ASK,
        SignUpOutcome.MAILBOX,
    ]


def test_never_ask_ends_what_waits_and_nothing_else(world: Any) -> None:
    sign_up(world, wish(world, "ann", "weekly", "daily"))
    [active] = world.active("bob")
    waiting = [s.id for s in world.store.subscriptions(None, SubscriptionState.PENDING)]
    for _ in range(2):
        world.store.opt_out_of_confirmations(BOX, [*waiting, active.id], NOW)
    assert [s.address for s in world.store.subscriptions(None, None)] == ["bob@example.org"]
    assert sorted(world.sql("SELECT list, kind FROM suppressions")) == [("daily", "left"), ("weekly", "left")]
    assert sign_up(world, wish(world, "ann"), NOW + 400 * DAY) is SignUpOutcome.NEVER
    world.store.reset_confirmation_history(BOX)
    assert world.store.prune_confirmation_history(NOW + 4000 * DAY) == 0
    assert sign_up(world, wish(world, "ann"), NOW + 400 * DAY) is SignUpOutcome.NEVER
    assert world.store.lift_blocks(world.reader("ann").key, BOX, NOW + 400 * DAY) == ["never ask again"]
    assert sign_up(world, wish(world, "ann"), NOW + 400 * DAY) is SignUpOutcome.ASK


def test_allow_lifts_what_is_older_and_never_that_somebody_left(world: Any) -> None:
    for kind in ("operator", "bounce", "left"):
        world.suppress("ann", kind)
    key = world.reader("ann").key
    assert world.store.lift_blocks(key, BOX, datetime(1969, 1, 1, tzinfo=UTC)) == []
    assert world.store.lift_blocks(key, BOX, NOW + 9000 * DAY) == ["bounce", "operator"]
    assert world.sql("SELECT kind FROM suppressions") == [("left",)]


def test_a_confirmation_at_once_plans_one_welcome(world: Any) -> None:
    [(_, pending)] = world.join(world.reader("ann"))
    mail = world.new_mailing(kind=MailingKind.WELCOME)
    with ThreadPoolExecutor(8) as pool:
        confirm = lambda _: world.store.confirm(pending.id, 1, NOW, NOW, welcome=mail)  # noqa: E731
        assert {found.state for found in pool.map(confirm, range(8))} == {SubscriptionState.ACTIVE}
    assert world.sql("SELECT kind, planned FROM mailings") == [("welcome", 1)]


def test_a_welcome_composed_before_the_last_post_is_composed_again(world: Any) -> None:
    [(_, pending)] = world.join(world.reader("ann"))
    mail = world.new_mailing(kind=MailingKind.WELCOME)
    world.publish("one")
    with pytest.raises(LogConflict):
        world.store.confirm(pending.id, 1, NOW, NOW, welcome=mail)
    assert world.store.subscription(pending.id).state is SubscriptionState.PENDING
    assert world.store.confirm(pending.id, 1, NOW, NOW, welcome=replace(mail, head=1)).offset == 1
