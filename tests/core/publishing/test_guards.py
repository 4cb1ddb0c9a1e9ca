"""The churn guard: what stops a publish, and what its author may answer."""

from dataclasses import replace
from datetime import timedelta

import pytest
from plans import MINUTE, NOW, RULES, known, plan, post, tag, told

from publisher.core.posts.post import body_hash
from publisher.core.publishing.log import IdRules, LogKind
from publisher.core.publishing.plan import Guard

MISSING_IS_MEANT = replace(RULES, confirmed=frozenset({Guard.MISSING}))
CHURN_IS_MEANT = replace(RULES, confirmed=frozenset({Guard.CHURN}))


def names(number: int) -> list[str]:
    return [f"p{n:02}" for n in range(number)]


def test_a_small_site_that_is_really_replaced_can_be_published() -> None:
    log = [known("a", 1), known("b", 2)]
    stopped = plan([post("c")], log)
    assert [stop.guard for stop in stopped.stops] == [Guard.MISSING]
    assert stopped.stops[0].examples == ("a.md", "b.md")
    meant = plan([post("c")], log, rules=MISSING_IS_MEANT)
    assert meant.stops == ()
    assert told(meant) == [
        (LogKind.WITHDRAWN, tag("/a/")),
        (LogKind.WITHDRAWN, tag("/b/")),
        (LogKind.PUBLISHED, tag("/c/")),
    ]


def test_who_means_it_need_not_wait_for_two_scans() -> None:
    (change,) = plan([post("a")], [known("a", 1), known("b", 2)], rules=MISSING_IS_MEANT).changes
    assert (change.kind, change.id) == (LogKind.WITHDRAWN, tag("/b/"))


def test_what_may_have_moved_is_held_even_if_missing_is_meant() -> None:
    log = [known("a", 1), known("b", 2, post=post("b", body_hash=body_hash("body of a")))]
    made = plan([post("c", body_hash=body_hash("body of a"))], log, rules=MISSING_IS_MEANT)
    assert made.changes == ()


@pytest.mark.parametrize(
    ("changed", "of", "stops"), [(5, 5, False), (6, 6, True), (6, 12, False), (7, 12, True)]
)
def test_more_than_half_of_the_posts_changed_at_once_stop_the_publish(
    changed: int, of: int, stops: bool
) -> None:
    log = [known(name, n) for n, name in enumerate(names(of))]
    posts = [post(name, url="https://new.example/") for name in names(changed)]
    posts += [post(name) for name in names(of)[changed:]]
    made = plan(posts, log)
    assert [stop.guard for stop in made.stops] == [Guard.CHURN] * stops
    if stops:
        assert made.stop == (
            f"{changed} of {of} published posts would become updates at once; "
            "did a setting change (posts.permalink, posts.profile)?"
        )
        accepted = plan(posts, log, rules=CHURN_IS_MEANT)
        assert (accepted.stops, len(accepted.changes)) == ((), changed)


def test_one_answer_is_not_the_other() -> None:
    log = [known(name, n) for n, name in enumerate(names(7))]
    posts = [post(name, title="Other") for name in names(7)]
    assert plan(posts, log, rules=MISSING_IS_MEANT).stops
    assert plan([], log, rules=CHURN_IS_MEANT).stops


def test_new_posts_are_never_too_many() -> None:
    assert plan([post(name) for name in names(50)], [known("a")]).stops == ()
    assert plan([post(name) for name in names(50)], baseline_at=None).stops == ()


def test_an_id_authority_that_changed_stops_the_publish_before_anything_depends_on_it() -> None:
    rules = replace(RULES, authority_before="old.example,2020")
    (stop,) = plan([post("a")], [known("a")], rules=rules).stops
    assert stop.guard is Guard.CHURN
    assert stop.text == (
        'site.id_authority was "old.example,2020" and is now "example.org,2024": feeds get other ids, '
        "and so would every post when the store is lost; "
        'write id_authority = "old.example,2020" into publisher.toml'
    )
    assert plan([post("a")], rules=rules).stops == ()
    assert (
        plan([post("a")], [known("a")], rules=replace(rules, confirmed=frozenset({Guard.CHURN}))).stops == ()
    )
    same = replace(RULES, naming=IdRules(authority="old.example,2020"), authority_before="old.example,2020")
    assert plan([post("a")], [known("a")], rules=same).stops == ()


def test_posts_that_were_away_long_enough_still_count() -> None:
    since = NOW - timedelta(days=1)
    log = [known(name, n, missing_since=since, missing_scans=3) for n, name in enumerate(names(6))]
    assert plan([], log, now=NOW + MINUTE).stops
    assert len(plan([], log, rules=MISSING_IS_MEANT).changes) == 6
