"""Facts, addresses that moved or ended, and hubs still to be told, over every store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from publisher.core.feeds.documents import Ping
from publisher.core.feeds.redirects import Redirect, RedirectKind

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def ping(topic: str = "https://example.org/feed.atom", version: str = "1", **more: Any) -> Ping:
    return Ping(
        **(
            {"hub": "https://hub.example/", "topic": topic, "version": version, "since": NOW, "next_at": NOW}
            | more
        )
    )


def test_a_fact_is_what_was_kept_last(store: Any) -> None:
    assert store.meta("id_authority") == ""
    store.set_meta("id_authority", "a,2024")
    store.set_meta("id_authority", "b,2024")
    assert store.meta("id_authority") == "b,2024"


def test_an_address_has_one_fate_the_last(store: Any) -> None:
    moved = Redirect(path="old.xml", kind=RedirectKind.MOVED, target="feed.xml", at=NOW)
    ended = Redirect(path="a.xml", kind=RedirectKind.ENDED, at=NOW)
    store.save_redirects([moved, ended])
    assert store.all_redirects() == [ended, moved]
    again = replace(moved, target="https://new.example/feed.xml")
    store.save_redirects([again], ["a.xml", "never"])
    assert (store.redirect_for("old.xml"), store.redirect_for("a.xml")) == (again, None)


def test_pages_of_withdrawn_posts_come_and_go_and_never_hide_a_wish(store: Any) -> None:
    wish = Redirect(path="posts/a/index.html", kind=RedirectKind.MOVED, target="posts/b/", at=NOW)
    store.save_redirects([wish])
    store.set_withdrawn_addresses(["posts/a/index.html", "posts/c/index.html"], NOW)
    store.set_withdrawn_addresses(["posts/a/index.html", "posts/c/index.html"], NOW + MINUTE)
    gone = Redirect(path="posts/c/index.html", kind=RedirectKind.WITHDRAWN, at=NOW)
    assert store.all_redirects() == [wish, gone]
    store.set_withdrawn_addresses([], NOW)
    assert store.all_redirects() == [wish]


def test_a_hub_is_told_only_when_the_bytes_can_be_fetched(store: Any) -> None:
    store.save_documents([], [], [ping()])
    assert store.claim_pings(NOW, NOW + MINUTE) == []
    assert store.pings() == [ping()]
    store.release_pings()
    store.release_pings()
    assert store.claim_pings(NOW - MINUTE, NOW) == []
    assert store.claim_pings(NOW, NOW + MINUTE) == [ping()]


def test_a_claimed_ping_is_nobody_elses_until_its_time_is_over(store: Any) -> None:
    store.save_documents([], [], [ping()])
    store.release_pings()
    store.claim_pings(NOW, NOW + MINUTE)
    assert store.claim_pings(NOW, NOW + MINUTE) == []
    assert [p.topic for p in store.claim_pings(NOW + MINUTE, NOW + 2 * MINUTE)] == [ping().topic]


def test_a_told_hub_is_forgotten_and_a_newer_change_is_not(store: Any) -> None:
    store.save_documents([], [], [ping(), ping("https://example.org/feed.json")])
    store.release_pings()
    first, second = store.claim_pings(NOW, NOW + MINUTE)
    store.save_documents([], [], [ping(version="2")])
    for told in (first, second):
        store.complete_ping(told)
    assert store.pings() == [ping(version="2")]


def test_a_hub_that_fails_waits_or_is_given_up(store: Any) -> None:
    store.save_documents([], [], [ping()])
    store.release_pings()
    later = ping(attempts=1, next_at=NOW + MINUTE, reply="refused")
    store.defer_ping(later)
    assert store.pings() == [later]
    store.defer_ping(ping(attempts=11, next_at=None))
    assert store.claim_pings(NOW + timedelta(days=999), NOW) == []
    store.save_documents([], [], [ping(version="2")])
    assert store.pings() == [ping(version="2")]
