"""The log and the posts, over every store."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest

from publisher.core.errors import LogConflict, StoreError
from publisher.core.posts.post import Asset, Image, MarkupLanguage, body_hash
from publisher.core.publishing.log import LogHead, LogKind
from publisher.core.publishing.plan import Plan
from publisher.core.site import Person
from publisher.stores import open_store

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_new_log_is_empty_and_has_no_baseline(store: Any) -> None:
    assert store.head() == LogHead(seq=0, at=None, baseline_at=None)
    assert (store.all_posts(), store.newest_posts(10), store.published_between(0, 10)) == ([], [], [])


def test_the_baseline_is_recorded_even_when_there_is_nothing(world: Any) -> None:
    assert world.apply(baseline=True) == LogHead(seq=0, at=None, baseline_at=NOW)


def test_the_baseline_is_recorded_once(world: Any) -> None:
    world.apply(baseline=True)
    assert world.apply(baseline=True, now=NOW + HOUR).baseline_at == NOW


def test_published_posts_get_gapless_numbers_in_order(world: Any) -> None:
    world.publish("one", "two")
    world.publish("three")
    assert [(k.post.title, k.first_seq) for k in world.store.all_posts()] == [
        ("One", 1),
        ("Two", 2),
        ("Three", 3),
    ]
    assert world.store.head().seq == 3
    rows = world.sql("SELECT seq, kind, post_id, backfill FROM log ORDER BY seq")
    assert rows[2] == (3, "published", "tag:example.org,2024:/three/", 0)
    assert [row[0] for row in rows] == [1, 2, 3]


def test_a_whole_post_comes_back_as_it_went_in(world: Any) -> None:
    given = {
        "markup": MarkupLanguage.HTML,
        "modified": NOW - HOUR + timedelta(microseconds=123456),
        "explicit_id": "tag:x",
        "aliases": ("/old/",),
        "authors": (Person(name="Ann", email="ann@example.org"), Person(name="Bo", url="https://b.example")),
        "tags": ("a", "b"),
        "categories": ("News",),
        "summary": "Half a pair: \ud83d",
        "image": Image(url="https://example.org/i.png", alt="An i", width=3, file="i.png"),
        "assets": (Asset(name="i.png", path="one/i.png", sha256="ab" * 32, size=9, width=3, height=2),),
        "expires": NOW + HOUR,
        "warnings": ("odd date",),
        "title": "Zero \0 and \N{KHMER LETTER KA}",
    }
    world.publish("one", **given)
    assert world.store.all_posts()[0].post == world.post("one", **given)


def test_bodies_are_kept_exactly_and_once(world: Any) -> None:
    body = "Half \ud83d and \0 and \r\n."
    changes = [world.change(LogKind.PUBLISHED, name, body=body) for name in ("one", "two")]
    world.apply(*changes, body=body)
    assert world.store.bodies([body_hash(body), "unknown"]) == {body_hash(body): body}
    assert world.sql("SELECT count(*) FROM bodies") == [(1,)]


def test_a_body_that_was_not_handed_over_stops_the_whole_plan(world: Any) -> None:
    with pytest.raises(StoreError, match=r"the database refused: .*(?i:foreign key constraint)"):
        world.apply(world.change(LogKind.PUBLISHED, "one", body="Not handed over."))
    assert world.store.head().seq == 0
    assert world.store.all_posts() == []


def test_a_plan_for_another_head_is_refused_and_nothing_happens(world: Any) -> None:
    world.publish("one")
    with pytest.raises(LogConflict) as error:
        world.apply(world.change(LogKind.PUBLISHED, "two"), head=0)
    assert str(error.value) == (
        "log: the log is at 1, the plan was made at 0; another process published first; publish again"
    )
    assert [k.post.title for k in world.store.all_posts()] == ["One"]


def test_of_two_who_publish_at_once_one_is_refused(world: Any, store_url: str) -> None:
    barrier = Barrier(2)
    outcomes: list[str] = []

    def publish(name: str) -> None:
        mine = open_store(store_url, create=False)
        plan = Plan(head=0, baseline=False, changes=(world.change(LogKind.PUBLISHED, name),))
        barrier.wait()
        try:
            outcomes.append(str(mine.apply(plan, {body_hash("Text."): "Text."}, NOW).seq))
        except LogConflict:
            outcomes.append("conflict")
        mine.close()

    threads = [Thread(target=publish, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["1", "conflict"]
    assert world.sql("SELECT seq FROM log") == [(1,)]


def test_many_writers_who_try_again_leave_a_gapless_log(world: Any, store_url: str) -> None:
    def publish(name: str) -> None:
        mine = open_store(store_url, create=False)
        for n in range(5):
            change = world.change(LogKind.PUBLISHED, f"{name}-{n}")
            while True:
                plan = Plan(head=mine.head().seq, baseline=False, changes=(change,))
                try:
                    mine.apply(plan, {body_hash("Text."): "Text."}, NOW)
                    break
                except LogConflict:
                    continue
        mine.close()

    threads = [Thread(target=publish, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row[0] for row in world.sql("SELECT seq FROM log ORDER BY seq")] == list(range(1, 16))


def test_the_log_never_goes_back_in_time(world: Any) -> None:
    world.apply(world.change(LogKind.PUBLISHED, "one"), now=NOW)
    world.apply(world.change(LogKind.PUBLISHED, "two"), now=NOW - HOUR)
    assert world.store.head().at == NOW
    assert len(world.sql("SELECT DISTINCT at FROM log")) == 1


def test_instants_are_cut_to_milliseconds_and_come_back_in_utc(world: Any) -> None:
    at = datetime(2024, 10, 25, 15, 0, 0, 123999, tzinfo=UTC)
    assert world.apply(world.change(LogKind.PUBLISHED, "one"), now=at).at == at.replace(microsecond=123000)


def test_a_naive_instant_is_refused(world: Any) -> None:
    with pytest.raises(ValueError, match="2024-10-25T08:00:00: naive; every instant in the store is aware"):
        world.store.set_problems("posts", ["x"], NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("modified", "updated"),
    [(None, NOW - HOUR), (NOW - 2 * HOUR, NOW - HOUR), (NOW - HOUR / 2, NOW - HOUR / 2)],
)
def test_an_old_post_was_updated_when_its_author_says(world: Any, modified: Any, updated: datetime) -> None:
    world.publish("one", instant=NOW - HOUR, modified=modified, backfill=True)
    [known] = world.store.all_posts()
    assert (known.updated_at, known.first) == (updated, False)


def test_a_post_that_is_news_was_updated_when_it_came_out_whatever_its_author_says(world: Any) -> None:
    world.publish("one", instant=NOW - HOUR, modified=NOW - HOUR / 2)
    world.publish("two", instant=NOW - HOUR, modified=NOW + HOUR)
    assert [(k.updated_at, k.first) for k in world.store.all_posts()] == [
        (NOW, True),
        (NOW + timedelta(milliseconds=1), True),
    ]
    world.apply(world.change(LogKind.UPDATED, "one", title="Another"))
    assert not world.store.all_posts()[0].first


def test_an_entry_does_not_go_back_with_the_date_of_its_post(world: Any) -> None:
    world.publish("one", instant=NOW - 3 * HOUR, backfill=True)
    [known] = world.store.all_posts()
    for date, updated in ((NOW - HOUR, NOW - HOUR), (NOW - 2 * HOUR, NOW - HOUR), (NOW + HOUR, NOW + HOUR)):
        world.apply(touched=((known.id, world.post("one", instant=date)),))
        assert world.store.all_posts()[0].updated_at == updated, date
    world.apply(touched=((known.id, world.post("one", instant=NOW - HOUR)),))
    assert world.store.all_posts()[0].updated_at == NOW  # what was ahead of the clock came to nothing


def test_updated_is_never_before_published_even_by_a_microsecond(world: Any) -> None:
    instant = NOW - HOUR + timedelta(microseconds=999)
    world.publish("one", instant=instant, backfill=True)
    assert world.store.all_posts()[0].updated_at == instant


def test_an_update_keeps_the_place_and_brings_revision_and_instant(world: Any) -> None:
    world.publish("one")
    first = world.store.all_posts()[0]
    world.apply(world.change(LogKind.UPDATED, "one", title="One, again"), now=NOW + HOUR)
    second = world.store.all_posts()[0]
    assert (second.first_seq, second.updated_at, second.post.title) == (1, NOW + HOUR, "One, again")
    pairs = [(first.id, second.post.revision), (first.id, first.post.revision)]
    assert [k.post.title for k in world.store.post_versions(pairs)] == ["One, again", "One"]


def test_a_revision_that_never_was_is_an_error(world: Any) -> None:
    world.publish("one")
    with pytest.raises(StoreError, match="revision abc of tag:x is gone; restore a backup"):
        world.store.post_versions([("tag:x", "abc")])


def test_withdrawn_posts_leave_views_and_stay_known(world: Any) -> None:
    world.publish("one", "two")
    world.apply(world.change(LogKind.WITHDRAWN, "one"))
    assert [k.post.title for k in world.store.newest_posts(10)] == ["Two"]
    assert [k.post.title for k in world.store.published_between(0, 9)] == ["Two"]
    assert [(k.post.title, k.live) for k in world.store.all_posts()] == [("One", False), ("Two", True)]


def test_a_restored_post_comes_back_to_its_old_place_unchanged(world: Any) -> None:
    world.publish("one", "two")
    before = world.store.all_posts()
    world.apply(world.change(LogKind.WITHDRAWN, "one"))
    world.apply(world.change(LogKind.RESTORED, "one", tags=("new",)), now=NOW + HOUR)
    after = world.store.all_posts()
    assert [(k.live, k.first_seq, k.updated_at) for k in after] == [
        (k.live, k.first_seq, k.updated_at) for k in before
    ]
    assert after[0].post.tags == ("new",)


def test_a_post_restored_with_other_text_is_also_updated(world: Any) -> None:
    world.publish("one")
    world.apply(world.change(LogKind.WITHDRAWN, "one"))
    world.apply(world.change(LogKind.RESTORED, "one", title="Other"), now=NOW + HOUR)
    assert world.store.all_posts()[0].updated_at == NOW + HOUR
    id = world.store.all_posts()[0].id
    assert (
        world.store.post_versions([(id, world.post("one", title="Other").revision)])[0].post.title == "Other"
    )


def test_a_restored_post_is_measured_by_what_readers_saw_whatever_named_it(world: Any) -> None:
    """An older version named the same text otherwise; a post that comes back as it went was not edited."""
    world.publish("one")
    before = world.store.all_posts()[0]
    world.sql("UPDATE revisions SET revision = 'older'")
    world.sql("UPDATE posts SET revision = 'older'")
    world.apply(world.change(LogKind.WITHDRAWN, "one"))
    world.apply(world.change(LogKind.RESTORED, "one"), now=NOW + HOUR)
    after = world.store.all_posts()[0]
    assert (after.updated_at, after.revision) == (before.updated_at, "older")


def test_what_is_written_while_a_post_is_hidden_is_in_no_version_that_was_shown(world: Any) -> None:
    world.publish("one")
    known = world.store.all_posts()[0]
    world.apply(
        world.change(LogKind.WITHDRAWN, "one"), touched=((known.id, world.post("one", title="Draft")),)
    )
    world.apply(touched=((known.id, world.post("one", title="Draft", tags=("t",))),))
    (shown,) = world.store.post_versions([(known.id, known.revision)])
    assert (shown.post.title, world.store.all_posts()[0].post.title) == ("One", "Draft")
    world.apply(world.change(LogKind.RESTORED, "one", title="Draft"), now=NOW + HOUR)
    assert world.store.all_posts()[0].updated_at == NOW + HOUR


def test_touching_a_post_writes_no_row_in_the_log(world: Any) -> None:
    world.publish("one")
    known = world.store.all_posts()[0]
    moved = world.post("one", path="moved.md", tags=("t",))
    assert world.apply(touched=((known.id, moved),), now=NOW + HOUR).seq == 1
    after = world.store.all_posts()[0]
    assert (after.post, after.updated_at) == (moved, known.updated_at)
    (mailed,) = world.store.post_versions([(known.id, known.post.revision)])
    assert mailed.post == moved  # the same revision: a digest to come shows it as it is now


def test_missing_scans_are_counted_from_the_first_and_found_clears_them(world: Any) -> None:
    world.publish("one")
    id = world.store.all_posts()[0].id
    world.apply(missing=(id,), now=NOW)
    world.apply(missing=(id,), now=NOW + HOUR)
    known = world.store.all_posts()[0]
    assert (known.missing_since, known.missing_scans) == (NOW, 2)
    world.apply(found=(id,))
    known = world.store.all_posts()[0]
    assert (known.missing_since, known.missing_scans) == (None, 0)


def test_newest_is_by_first_publication_not_by_date(world: Any) -> None:
    world.publish("old", instant=NOW - HOUR)
    world.publish("backdated", instant=NOW - 9 * HOUR)
    world.apply(world.change(LogKind.UPDATED, "old", title="Old, again"))
    assert [k.post.title for k in world.store.newest_posts(2)] == ["Backdated", "Old, again"]
    assert [k.post.title for k in world.store.newest_posts(1)] == ["Backdated"]


def test_fresh_is_what_was_first_published_between_without_backfill(world: Any) -> None:
    world.publish("zero", backfill=True)
    world.publish("one", "two", "three")
    world.apply(world.change(LogKind.UPDATED, "one", title="One, again"))
    assert [k.first_seq for k in world.store.published_between(0, 3)] == [2, 3]
    assert [k.first_seq for k in world.store.published_between(3, 99)] == [4]
    assert world.store.published_between(4, 99) == []
    world.apply(world.change(LogKind.WITHDRAWN, "two"), world.change(LogKind.WITHDRAWN, "zero"))
    shown = [world.id("two"), world.id("zero")]
    assert [k.first_seq for k in world.store.published_between(0, 9)] == [2, 4]
    assert [k.first_seq for k in world.store.published_between(0, 9, shown=shown)] == [2, 3, 4]
