"""Which post an entry of the feed of before is, and which ids follow from that."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from plans import DAY, NOW, RULES, known, plan, post, tag, told

from publisher.core.posts.post import Post
from publisher.core.publishing.adoption import (
    AdoptedEntries,
    MatchedEntry,
    MatchRule,
    OldEntry,
    derive_older_entries,
    match_entries,
)
from publisher.core.publishing.log import LogKind

HOUR = timedelta(hours=1)


def entry(id: str, link: str = "", **more: Any) -> OldEntry:
    return OldEntry(id=id, links=(link,) if link else (), **more)


def ids(entries: list[OldEntry], posts: list[Post]) -> dict[str, tuple[str, MatchRule]]:
    return {f.post.path: (f.entry.id, f.how) for f in match_entries(entries, posts).found}


@pytest.mark.parametrize(
    ("given", "how"),
    [
        (entry("1", "http://www.example.org/a?utm_source=x"), MatchRule.LINK),
        (entry("1", "https://old.example/a/index.html"), MatchRule.PATH),
        (entry("1", "https://old.example/?p=7", title="“Title”  of a", published=NOW - DAY), MatchRule.TIME),
        (entry("1", title="Title of a", published=NOW - DAY - 7 * HOUR), MatchRule.DAY),
        (entry("1", "https://old.example/?p=7", post="a.md"), MatchRule.FILE),
    ],
)
def test_an_entry_is_known_again(given: OldEntry, how: MatchRule) -> None:
    assert ids([given], [post("a"), post("b")]) == {"a.md": ("1", how)}


def test_where_readers_are_sent_and_where_a_post_was_before_count_too() -> None:
    posts = [post("a", url="https://paper.example/1"), post("b", aliases=("/old/b/",))]
    found = ids([entry("1", "https://paper.example/1"), entry("2", "https://example.org/old/b")], posts)
    assert found == {"a.md": ("1", MatchRule.LINK), "b.md": ("2", MatchRule.LINK)}


def test_a_start_page_is_nobodys_link() -> None:
    assert match_entries([entry("1", "https://old.example/")], [post("index", permalink="/")]).unmatched


def test_two_that_share_a_link_are_told_by_title_and_time() -> None:
    shared = "https://paper.example/1"
    posts = [post("a", url=shared), post("b", url=shared, instant=NOW - 2 * DAY)]
    entries = [
        entry("1", shared, title="Title of a", published=NOW - DAY),
        entry("2", shared, title="Title of b", published=NOW - 2 * DAY),
    ]
    assert ids(entries, posts) == {"a.md": ("1", MatchRule.TIME), "b.md": ("2", MatchRule.TIME)}


def test_what_may_be_several_is_left_to_the_author_in_any_order() -> None:
    twins = [post("a", title="News"), post("b", title="News")]
    one = entry("1", title="News", published=NOW - DAY)
    for order in permutations(twins):
        made = match_entries([one], order)
        assert (made.found, made.ambiguous) == ((), ((one, ("a.md", "b.md")),))
    assert ids([replace(one, post="b.md")], twins) == {"b.md": ("1", MatchRule.FILE)}


def test_the_same_id_in_several_documents_is_one_entry() -> None:
    made = match_entries([entry("1"), entry("1", "https://example.org/a/")], [post("a")])
    assert [(f.entry.id, f.post.path) for f in made.found] == [("1", "a.md")]
    assert made.unmatched == ()


def test_an_empty_title_matches_by_its_exact_time_only() -> None:
    note = post("a", title="")
    assert ids([entry("1", published=NOW - DAY)], [note]) == {"a.md": ("1", MatchRule.TIME)}
    assert match_entries([entry("1", published=NOW - DAY - HOUR)], [note]).found == ()


# --- the rule of a feed's ids


@pytest.mark.parametrize(
    ("prefix", "permalink", "id"),
    [
        ("https://old.example", "/2024/{}/", "https://old.example/2024/{}"),
        ("https://old.example", "/2024/{}/", "https://old.example/2024/{}/"),
        ("https://old.example", "/2024/{}.html", "https://old.example/2024/{}"),
        ("tag:old.example,2005:", "/2024/{}", "tag:old.example,2005:/2024/{}"),
        ("https://old.example", "/2024/{}", "https://old.example/2024/{}/"),
    ],
)
def test_older_posts_follow_the_rule_of_the_feed(prefix: str, permalink: str, id: str) -> None:
    def made(name: str) -> Post:
        return post(name, permalink=permalink.format(name))

    seen = [MatchedEntry(entry=entry(id.format(n)), post=made(n), how=MatchRule.LINK) for n in ("a", "b")]
    (older,) = derive_older_entries(seen, [made("old")])
    assert (older.id, older.post, older.derived) == (id.format("old"), "old.md", True)


@pytest.mark.parametrize("guids", [("1", "2"), ("https://e.org/?p=1", "https://e.org/?p=2"), ("/a/", "x/b/")])
def test_without_a_rule_nothing_is_derived(guids: tuple[str, str]) -> None:
    seen = [
        MatchedEntry(entry=entry(id), post=post(n), how=MatchRule.LINK)
        for n, id in zip("ab", guids, strict=True)
    ]
    assert derive_older_entries(seen, [post("old")]) == []
    assert derive_older_entries(seen[:1], [post("old")]) == []


# --- new posts of an adopted feed


def rules(*entries: OldEntry) -> Any:
    return replace(RULES, naming=replace(RULES.naming, adopted=AdoptedEntries(entries)))


def test_a_new_post_of_the_old_feed_gets_the_id_it_had() -> None:
    made = plan(
        [post("a"), post("b")], rules=rules(entry("https://old.example/?p=1", "https://example.org/a"))
    )
    assert told(made) == [(LogKind.PUBLISHED, "https://old.example/?p=1"), (LogKind.PUBLISHED, tag("/b/"))]


def test_an_adopted_id_goes_before_the_authors_own_and_the_file_is_still_known_by_that() -> None:
    mine = rules(entry("old-1", post="a.md"))
    (change,) = plan([post("a", explicit_id="7")], rules=mine).changes
    assert change.id == "old-1"
    log = [known("a", id="old-1", post=post("a", explicit_id="7"))]
    moved = plan([post("b", explicit_id="7", title="Other")], log, rules=mine)
    assert [(kind, id) for kind, id in told(moved)] == [(LogKind.UPDATED, "old-1")]


def test_an_id_that_is_in_the_log_is_not_given_twice() -> None:
    log = [known("a", id="old-1")]
    made = plan([post("a"), post("b", permalink="/a/")], log, rules=rules(entry("old-1", "https://x.org/a/")))
    assert told(made) == [(LogKind.PUBLISHED, tag("/a/"))]


def test_every_id_that_a_post_might_be_given_is_one_of_its_names() -> None:
    adopted = AdoptedEntries(
        [entry("1", "https://old.example/a"), entry("2", post="a.md"), entry("3", "https://x/b")]
    )
    assert adopted.options(post("a")) == {"1", "2"}
    assert AdoptedEntries().options(post("a")) == set()
