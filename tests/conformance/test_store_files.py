"""What is remembered of files, over every store."""

from datetime import UTC, datetime, timedelta
from typing import Any

from publisher.core.posts.post import FileStat, Post
from publisher.core.publishing.incremental import IndexUpdate

RULES, OTHERS = "0" * 16, "1" * 16
NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
NAME = "a" * 64


def a_post(path: str) -> Post:
    return Post(
        path=path, title="T", instant=NOW, permalink="/t/", url="https://x.example/t/", base_url="https://x.example/t/",
        slug="t", language="en", body_hash=NAME,
    )  # fmt: skip


def memory(*paths: str, settled: bool = False) -> IndexUpdate:
    return IndexUpdate(
        rules=RULES, read=[(FileStat(path, 7, 9), NAME, a_post(path), settled) for path in paths]
    )


def test_files_come_back_as_they_were_listed_by_the_rules_they_were_read_by(store: Any) -> None:
    store.update_index(memory("a.md", "b.md"))
    store.update_index(
        IndexUpdate(rules=OTHERS, read=[(FileStat("c.md", 5, 3), NAME, a_post("c.md"), False)])
    )
    ours = {path: FileStat(path, 7, 9) for path in ("a.md", "b.md")}
    assert store.indexed_files() == {RULES: ours, OTHERS: {"c.md": FileStat("c.md", 5, 3)}}
    assert store.file_hashes(["a.md", "c.md"], RULES) == {"a.md": NAME}
    assert store.file_hashes(["a.md"], OTHERS) == {}


def test_each_memory_is_counted_so_that_a_copy_of_them_can_be_told_from_an_old_one(store: Any) -> None:
    before = store.index_version()
    assert store.update_index(memory("a.md")) == store.index_version() == before + 1
    assert store.update_index(IndexUpdate(rules=RULES, gone=["a.md"])) == store.index_version() == before + 2
    assert store.indexed_files() == {}


def test_a_touched_file_has_a_new_stamp_and_its_old_post(store: Any) -> None:
    store.update_index(memory("a.md"))
    store.update_index(IndexUpdate(rules=RULES, touched=[FileStat("a.md", 8, 10)]))
    assert store.indexed_files() == {RULES: {"a.md": FileStat("a.md", 8, 10)}}
    assert store.file_hashes(["a.md"], RULES) == {"a.md": NAME}


def test_a_settled_file_is_looked_at_only_while_the_clock_stands_before_its_post(store: Any) -> None:
    store.update_index(memory("a.md", settled=False))
    assert store.posts_to_plan(NOW)[0] == [(a_post("a.md"), False, NAME)]
    store.update_index(IndexUpdate(rules=RULES, turned=[(a_post("a.md"), True)]))
    assert store.posts_to_plan(NOW + timedelta(hours=1))[0] == []
    store.update_index(IndexUpdate(rules=RULES, turned=[(a_post("a.md"), False)]))
    assert store.posts_to_plan(NOW + timedelta(hours=1))[0] == [(a_post("a.md"), False, NAME)]


def test_a_clock_that_goes_back_looks_at_a_settled_file_again(world: Any) -> None:
    post = world.post("a")
    world.publish("a")
    early = post.instant - timedelta(hours=1)
    world.store.update_index(IndexUpdate(rules=RULES, read=[(FileStat(post.path, 7, 9), NAME, post, True)]))
    assert world.store.posts_to_plan(early)[0] == [(post, True, NAME)]
    world.sql("DELETE FROM counters WHERE name = 'latest'")  # as a store that was made before it was counted
    assert world.store.posts_to_plan(early)[0] == [(post, True, NAME)]
    world.store.update_index(IndexUpdate(rules=RULES, touched=[FileStat(post.path, 8, 9)]))
    assert world.store.posts_to_plan(early)[0] == [(post, True, NAME)]
    assert world.store.posts_to_plan(post.instant + timedelta(hours=1))[0] == []
