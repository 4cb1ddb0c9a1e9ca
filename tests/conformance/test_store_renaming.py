"""Ids of the log changed for those of an adopted feed, over every store."""

from typing import Any

from publisher.core.publishing.incremental import PostKeys
from publisher.core.publishing.log import LogKind


def test_a_post_has_its_new_id_everywhere(world: Any) -> None:
    world.publish("a", "b")
    world.apply(world.change(LogKind.UPDATED, "a", title="Other"))
    world.active("ann")
    first, second = world.store.all_posts()
    old, new = first.id, "https://old.example/a"
    mailing = world.store.start_mailing(
        world.new_mailing(cohorts=(world.cohort(1, 0, (old, first.post.revision)),)), world.now
    )
    world.store.rename_posts({old: new})
    renamed, other = world.store.all_posts()
    assert (renamed.id, renamed.first_seq, renamed.post) == (new, first.first_seq, first.post)
    assert other == second
    assert [row[0] for row in world.sql("SELECT post_id FROM log ORDER BY seq")] == [new, other.id, new]
    assert world.store.cohorts(mailing) == [(1, [(new, first.post.revision)], "en")]
    assert [known.id for known in world.store.post_versions([(new, first.post.revision)])] == [new]
    assert [known.id for known in world.store.posts_matching(PostKeys(ids=frozenset({old, new})))] == [new]
    assert [known.id for known in world.store.published_between(0, 9)] == [new, other.id]


def test_the_log_goes_on_under_the_new_id(world: Any) -> None:
    world.publish("a")
    (known,) = world.store.all_posts()
    world.store.rename_posts({known.id: "x"})
    world.publish("b")
    assert [k.id for k in world.store.newest_posts(9)] == ["tag:example.org,2024:/b/", "x"]


def test_nothing_to_rename_is_nothing(world: Any) -> None:
    world.publish("a")
    before = world.store.all_posts()
    world.store.rename_posts({})
    assert world.store.all_posts() == before
