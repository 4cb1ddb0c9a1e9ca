"""A store that was lost: what feeds under public/ still say."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from plans import DAY, NOW, RULES, post, tag

from publisher.core.posts.post import Post
from publisher.core.publishing.adoption import AdoptedEntries, OldEntry
from publisher.core.publishing.log import LogHead
from publisher.core.publishing.plan import Guard, Plan, PlanRules, RecoveredFeeds
from publisher.core.publishing.planner import make_plan

HEAD = LogHead(seq=0, at=None, baseline_at=None)
HOUR = timedelta(hours=1)


def entry(name: str, id: str = "", **more: Any) -> OldEntry:
    return OldEntry(id=id or tag(f"/{name}/"), links=(f"https://example.org/{name}/",), **more)


def plan(posts: list[Post], entries: list[OldEntry], rules: PlanRules = RULES) -> Plan:
    return make_plan(HEAD, [], posts, [], NOW, rules, recovered=RecoveredFeeds(entries))


def paths(made: Plan) -> list[str]:
    return [change.post.slug for change in made.changes]


def test_posts_keep_the_order_in_which_they_became_public() -> None:
    posts = [post("a"), post("late", instant=NOW - 9 * DAY), post("b", instant=NOW - HOUR)]
    made = plan(posts, [entry("a"), entry("b"), entry("late")])
    assert paths(made) == ["a", "b", "late"]
    assert (made.recovered, made.stops) == (3, ())


def test_what_no_feed_names_is_older_than_all_or_younger() -> None:
    posts = [post("a"), post("old", instant=NOW - 90 * DAY), post("new", instant=NOW - HOUR)]
    made = plan(posts, [entry("a")])
    assert paths(made) == ["old", "a", "new"]
    assert made.recovered == 1


def test_ids_of_another_authority_or_permalink_are_kept() -> None:
    other = "tag:old.example,2020:/2024/a/"
    made = plan([post("a"), post("b")], [replace(entry("a", other), title="Title of a")])
    assert {change.post.slug: change.id for change in made.changes} == {"a": other, "b": tag("/b/")}
    moved = post("a", permalink="/blog/a/", url="https://example.org/blog/a/")
    known = OldEntry(id=tag("/a/"), title="Title of a", published=moved.instant)
    assert [change.id for change in plan([moved], [known]).changes] == [tag("/a/")]


def test_the_last_change_is_what_any_document_says() -> None:
    entries = [entry("a", updated=NOW - 3 * HOUR), entry("a", updated=NOW - HOUR), entry("a")]
    (change,) = plan([post("a")], entries).changes
    assert change.updated == NOW - HOUR


def test_an_adopted_id_goes_before_one_that_is_in_a_feed() -> None:
    rules = replace(RULES, naming=replace(RULES.naming, adopted=AdoptedEntries([entry("a", "old-1")])))
    (change,) = plan([post("a")], [entry("a")], rules).changes
    assert change.id == "old-1"
    (change,) = plan([post("a")], [entry("a", "tag:example.org,2024:old-1", updated=NOW)], rules).changes
    assert (change.id, change.updated) == ("old-1", NOW)


def test_feeds_of_another_site_stop_the_publish_until_it_is_meant() -> None:
    strange = [entry(f"x{n}") for n in range(3)]
    made = plan([post("a")], strange)
    assert [stop.guard for stop in made.stops] == [Guard.CHURN]
    assert made.stop == (
        "the store is new, and the feeds under public/ name 3 posts of which 3 do not match any post here: "
        "readers would see old posts as new"
    )
    assert plan([post("a")], strange, replace(RULES, confirmed=frozenset({Guard.CHURN}))).stops == ()
    assert plan([post("a")], [entry("a"), entry("gone")]).stops == ()


@given(st.permutations(["a", "b", "c", "d"]), st.permutations(["a", "b", "c", "d"]))
def test_the_order_is_that_of_the_feeds_whatever_that_of_the_folder(seen: list[str], read: list[str]) -> None:
    made = plan([post(name) for name in read], [entry(name) for name in seen])
    assert paths(made) == seen
