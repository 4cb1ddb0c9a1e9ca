"""Numbers for monitoring, and pages for programs, over every store."""

from datetime import UTC, datetime
from typing import Any

from publisher.core.delivery.mailing import MailingKind, MailingState
from publisher.core.feeds.documents import Document
from publisher.core.subscribers.subscription import SubscriptionState

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)


def document(path: str, size: int = 1) -> Document:
    return Document(path=path, fingerprint="f", hash="0" * 64, size=size, modified=NOW)


def test_a_new_store_has_counted_nothing(store: Any) -> None:
    assert store.count_documents() == (0, 0)
    assert store.count_files() == 0
    assert store.count_failures() == {}
    assert store.count_readers() == {}
    assert set(store.count_unfinished_mailings().values()) == {0}


def test_documents_and_problems_are_counted_as_they_come_up(store: Any) -> None:
    store.save_documents([document("a"), document("b")], [])
    store.save_documents([document("a", 2)], ["b"])
    assert store.count_documents() == (1, 3)
    for problems in (["one"], ["one"], ["one", "two"], [], ["one"]):
        store.set_problems("mail", problems, NOW)
    store.set_problems("digest pages", ["three"], NOW)
    store.set_problems("failures%", ["four"], NOW)
    assert store.count_failures() == {"mail": 3, "digest pages": 1, "failures%": 1}


def test_readers_and_mailings_are_counted_by_their_states(world: Any) -> None:
    store = world.store
    world.active("ann", "bob")
    world.active("cy", list="daily")
    world.join(world.reader("dee"), world.reader("eve"), list="daily")
    assert store.count_readers() == {
        ("weekly", SubscriptionState.ACTIVE): 2,
        ("daily", SubscriptionState.ACTIVE): 1,
        ("daily", SubscriptionState.PENDING): 2,
    }
    [waiting] = store.subscriptions("daily", SubscriptionState.PENDING, after=4)
    assert waiting.address == "eve@example.org"
    made = [
        store.start_transactional(world.new_mailing(kind=MailingKind.CONFIRM), waiting.id, NOW)
        for _ in range(3)
    ]
    assert store.count_unfinished_mailings()[MailingState.READY] == 3
    assert [one.id for one in store.newest_mailings(2)] == [made[2], made[1]]
    assert [one.id for one in store.newest_mailings(5, before=made[1])] == [made[0]]
    assert store.newest_mailings(1)[0].counts


def test_subscriptions_are_the_same_however_many_are_read_at_a_time(world: Any) -> None:
    world.active(*(f"r{number}" for number in range(7)))
    every = [one.id for one in world.store.subscriptions(None, None)]
    for page in (1, 2, 7, 100):
        assert [one.id for one in world.store.subscriptions(None, None, page=page)] == every
        assert [one.id for one in world.store.subscriptions(None, None, after=every[3], page=page)] == every[
            4:
        ]


def test_the_newest_posts_come_by_page(world: Any) -> None:
    world.publish("one", "two", "three")
    posts = world.store.newest_posts(10)
    assert [one.post.slug for one in world.store.newest_posts(10, before=posts[0].first_seq)] == [
        one.post.slug for one in posts[1:]
    ]
