"""Feeds as views of the log, over every store."""

from datetime import UTC, datetime, timedelta
from typing import Any

from publisher.core.feeds.feed import ArchivePage, FeedState
from publisher.core.posts.filters import PostFilter, Term, TermKind
from publisher.core.publishing.log import LogKind
from publisher.core.site import Person

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEA, LAND = (PostFilter(tag=("sea",)),), (PostFilter(tag=("land",)),)
ANN = Person(name="Ann")


def titles(found: Any) -> list[str]:
    return [known.post.title for known in found]


def page(**values: Any) -> ArchivePage:
    given = {"number": 1, "after": 0, "until": 9, "as_of": 9, "edition": 0, "members": "ab" * 16}
    return ArchivePage(**(given | values))


def test_the_newest_of_a_filter_come_last_first(world: Any) -> None:
    for name, tags in (("one", ("Sea",)), ("two", ("land",)), ("three", ("sea", "land"))):
        world.publish(name, tags=tags, authors=(ANN,))
    assert titles(world.store.newest_of(SEA, 9)) == ["Three", "One"]
    assert titles(world.store.newest_of((), 2)) == ["Three", "Two"]
    assert titles(world.store.newest_of((*SEA, *LAND), 9)) == ["Three"]
    assert titles(world.store.newest_of((PostFilter(tag=("sea", "land"), author=("ann",)),), 2)) == [
        "Three",
        "Two",
    ]
    assert titles(world.store.newest_of((PostFilter(author=("bo",)),), 9)) == []
    assert [seq for seq, _ in world.store.members(SEA)] == [1, 3]


def test_a_language_means_those_more_special_than_it(world: Any) -> None:
    for name, language in (("one", "pt-BR"), ("two", "pt"), ("three", "ptx")):
        world.publish(name, language=language)
    assert titles(world.store.newest_of((PostFilter(language=("pt",)),), 9)) == ["Two", "One"]
    assert titles(world.store.newest_of((PostFilter(language=("pt-br",)),), 9)) == ["One"]


def test_what_a_post_is_found_by_follows_it_through_the_log(world: Any) -> None:
    world.publish("one", tags=("sea",))
    world.apply(touched=(("tag:example.org,2024:/one/", world.post("one", tags=("land",))),))
    assert (titles(world.store.newest_of(SEA, 9)), titles(world.store.newest_of(LAND, 9))) == ([], ["One"])
    world.apply(world.change(LogKind.WITHDRAWN, "one", tags=("land",)))
    assert titles(world.store.newest_of(LAND, 9)) == []
    world.apply(touched=(("tag:example.org,2024:/one/", world.post("one", tags=("sea",))),))
    assert titles(world.store.newest_of(SEA, 9)) == []
    world.apply(world.change(LogKind.RESTORED, "one", tags=("sea",)))
    assert titles(world.store.newest_of(SEA, 9)) == ["One"]
    world.apply(world.change(LogKind.UPDATED, "one", tags=("land",), summary="x"))
    assert (titles(world.store.newest_of(SEA, 9)), titles(world.store.newest_of(LAND, 9))) == ([], ["One"])


def test_a_state_moves_when_a_post_that_is_meant_changed_and_only_then(world: Any) -> None:
    world.publish("one", tags=("sea",))
    sea, land, all_ = (world.store.content_version_of(meant) for meant in (SEA, LAND, ()))
    world.publish("two", tags=("land",))
    assert world.store.content_version_of(SEA) == sea
    assert (world.store.content_version_of(LAND) > land, world.store.content_version() > all_) == (True, True)
    land = world.store.content_version_of(LAND)
    world.apply(touched=(("tag:example.org,2024:/two/", world.post("two", tags=("sea",))),))
    assert (world.store.content_version_of(SEA) > sea, world.store.content_version_of(LAND) > land) == (
        True,
        True,
    )
    before = world.store.content_version()
    world.apply(missing=("tag:example.org,2024:/two/",))
    assert world.store.content_version() == before


def test_other_ids_are_another_state(world: Any) -> None:
    world.publish("one", tags=("sea",))
    before = world.store.content_version_of(SEA), world.store.content_version()
    world.store.rename_posts({"tag:example.org,2024:/one/": "https://old.example/one"})
    assert (world.store.content_version_of(SEA) > before[0], world.store.content_version() > before[1]) == (
        True,
        True,
    )
    assert [id for _, id in world.store.members(SEA)] == ["https://old.example/one"]


def test_a_value_stays_known_as_it_was_first_written(world: Any) -> None:
    world.publish("one", tags=("Open Source", "half \ud83d"))
    world.apply(touched=(("tag:example.org,2024:/one/", world.post("one", tags=("open-source",))),))
    assert world.store.terms(TermKind.TAG) == [
        Term(kind=TermKind.TAG, key="half", label="half", version=2, borne=False),
        Term(kind=TermKind.TAG, key="open-source", label="Open Source", version=2, borne=True),
    ]


def test_posts_renewed_since_a_row_are_the_old_ones_that_changed(world: Any) -> None:
    world.publish("one", "two", "three", "four", tags=("sea",))
    world.apply(world.change(LogKind.UPDATED, "two", tags=("sea",), summary="x"))
    world.apply(world.change(LogKind.UPDATED, "four", tags=("sea",), summary="x"))
    assert titles(world.store.recently_changed_of(SEA, 3, 9)) == ["Two"]
    assert titles(world.store.recently_changed_of((), 4, 9)) == ["Two"]
    assert titles(world.store.recently_changed_of(LAND, 3, 9)) == []
    assert titles(world.store.recently_changed_of(SEA, 5, 9)) == ["Four"]


def test_withdrawn_posts_come_with_the_time_they_went(world: Any) -> None:
    world.publish("one", "two", "three")
    world.apply(world.change(LogKind.WITHDRAWN, "one"), now=NOW + HOUR)
    world.apply(world.change(LogKind.WITHDRAWN, "three"), now=NOW + 2 * HOUR)
    gone = world.store.recently_withdrawn(0, 9)
    assert [(k.post.title, k.updated_at) for k in gone] == [("Three", NOW + 2 * HOUR), ("One", NOW + HOUR)]
    assert titles(world.store.recently_withdrawn(4, 9)) == ["Three"]
    assert titles(world.store.recently_withdrawn(0, 9, after=0, until=2)) == ["One"]
    world.apply(world.change(LogKind.RESTORED, "one"))
    assert titles(world.store.recently_withdrawn(0, 9)) == ["Three"]


def test_a_feed_last_changed_when_a_post_did_or_came_out_or_came_back(world: Any) -> None:
    def last(meant: Any = (), limit: int = 9, since: int = 0) -> Any:
        return world.store.last_changed_at(meant, limit, since)

    assert last() is None
    old = NOW - 9 * HOUR
    world.apply(
        *(
            world.change(LogKind.PUBLISHED, name, backfill=True, instant=old, tags=("sea",))
            for name in ("one", "two")
        ),
        baseline=True,
    )
    tick = timedelta(milliseconds=1)
    assert last() == old + tick  # not the time of the baseline: they were out before
    world.apply(
        world.change(LogKind.PUBLISHED, "three", backfill=True, instant=old, tags=("land",)), now=NOW + HOUR
    )
    assert (last(), last(LAND), last(SEA)) == (NOW + HOUR, NOW + HOUR, old + tick)
    assert last(since=3) == old + 2 * tick  # of a row that was counted before nothing is said again
    world.apply(world.change(LogKind.UPDATED, "one", tags=("sea",), summary="x"), now=NOW + 2 * HOUR)
    assert (last(), last(limit=1), last(LAND)) == (NOW + 2 * HOUR, NOW + 2 * HOUR, NOW + HOUR)
    world.apply(world.change(LogKind.WITHDRAWN, "one", tags=("sea",)), now=NOW + 3 * HOUR)
    assert last(SEA) == old + tick
    world.apply(world.change(LogKind.RESTORED, "one", tags=("sea",), summary="x"), now=NOW + 4 * HOUR)
    assert (last(SEA), last(LAND)) == (NOW + 4 * HOUR, NOW + HOUR)


def test_an_archive_has_posts_as_they_were_and_not_those_that_went(world: Any) -> None:
    world.publish("one", "two", "three")
    as_of = world.store.head().seq
    world.apply(world.change(LogKind.UPDATED, "one", title="Edited"), now=NOW + HOUR)
    world.apply(world.change(LogKind.WITHDRAWN, "two"))
    then = world.store.posts_as_of((), page(until=3, as_of=as_of))
    assert [(k.post.title, k.updated_at) for k in then] == [
        ("Three", world.store.all_posts()[2].updated_at),
        ("One", NOW),
    ]
    assert titles(world.store.posts_as_of((), page(until=3, as_of=as_of + 1))) == ["Three", "Edited"]
    assert titles(world.store.posts_as_of((), page(after=1, until=3, as_of=as_of))) == ["Three"]


def test_no_two_posts_were_updated_at_one_instant(world: Any) -> None:
    world.publish("one", "two", "three")
    world.apply(*(world.change(LogKind.UPDATED, name, summary="x") for name in ("one", "two")))
    world.publish("four")
    instants = [known.updated_at for known in world.store.all_posts()]
    assert len(set(instants)) == 4
    assert max(instants) - NOW < timedelta(seconds=1)


def test_views_and_their_pages_are_kept_and_replaced(world: Any) -> None:
    one = FeedState(feed="tags", part="sea", label="Sea", rules="r 2", version=3)
    world.store.save_feed_states(
        [(one, [page(), page(number=2, after=9, until=12)]), (FeedState(feed="feed"), [])]
    )
    assert world.store.feed_states() == {("tags", "sea"): one, ("feed", ""): FeedState(feed="feed")}
    assert world.store.archive_pages() == {("tags", "sea"): [page(), page(number=2, after=9, until=12)]}
    world.store.save_feed_states([(one, [page(members="cd" * 16)])])
    assert world.store.archive_pages() == {("tags", "sea"): [page(members="cd" * 16)]}


def test_an_older_store_learns_what_its_posts_are_found_by(world: Any) -> None:
    world.publish("one", tags=("sea",))
    world.publish("two", tags=("sea",))
    world.apply(world.change(LogKind.WITHDRAWN, "two", tags=("sea",)))
    for statement in ("DELETE FROM post_terms", "DELETE FROM terms"):
        world.sql(statement)
    world.sql("DELETE FROM counters WHERE name = 'content'")
    assert world.store.content_version() == 0
    assert titles(world.store.newest_of(SEA, 9)) == ["One"]
