"""Which pairs of a file and a known post need not be looked at again: each condition by itself.

That a plan without them is the plan on everything is held by
tests/services/publishing/test_incremental_scan.py.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from publisher.core.posts.post import BadPost, Post
from publisher.core.publishing.incremental import keys_of, unchanged_files
from publisher.core.publishing.log import LogKind, PublishedPost
from publisher.core.publishing.plan import Change, Plan
from tests.support.site.plans import DAY, MINUTE, MOMENT, NOW, RULES, known, post, tag

A = tag("/a/")


def quiet(posts: Sequence[Post], log: Sequence[PublishedPost] = (), **plan: Any) -> dict[str, str]:
    """What is settled once a plan that does only this is carried out."""
    return unchanged_files(Plan(head=1, baseline=False, **plan), log, posts, NOW, RULES.naming)


def changed(kind: LogKind, of: Post) -> dict[str, Any]:
    return {"changes": (Change(kind=kind, id=A, post=of),)}


SETTLED = {"a.md": A}
LATER = post("a", instant=NOW + MINUTE)
HIDDEN = post("a", hidden="draft")


def test_a_public_post_whose_file_is_as_it_is_known_is_settled() -> None:
    assert quiet([post("a")], [known("a")]) == SETTLED


def test_a_post_that_just_entered_the_log_is_settled() -> None:
    assert quiet([post("a")], **changed(LogKind.PUBLISHED, post("a"))) == SETTLED


def test_a_hidden_file_of_a_post_that_is_withdrawn_is_settled() -> None:
    assert quiet([HIDDEN], [known("a", post=HIDDEN, live=False)]) == SETTLED
    assert quiet([HIDDEN], [known("a", post=HIDDEN)], **changed(LogKind.WITHDRAWN, HIDDEN)) == SETTLED


@pytest.mark.parametrize(
    ("file", "log"),
    [
        (replace(post("a"), tags=("new",)), known("a")),
        (post("a"), known("a", missing_since=NOW - MINUTE, missing_scans=1)),
        (post("a", expires=NOW + DAY), known("a", post=post("a", expires=NOW + DAY))),
        (LATER, known("a", post=LATER)),
        (LATER, known("a", post=LATER, live=False)),
        (post("a"), known("a", live=False)),
        (HIDDEN, known("a", post=HIDDEN)),
    ],
    ids=["another", "missing", "expires", "ahead", "ahead, withdrawn", "withdrawn", "hidden, live"],
)
def test_what_asks_for_something_now_or_later_is_not_settled(file: Post, log: PublishedPost) -> None:
    assert quiet([file], [log]) == {}


def test_a_post_that_was_there_to_the_moment_is_settled() -> None:
    at = post("a", instant=NOW)
    assert quiet([at], [known("a", post=at)]) == SETTLED
    soon = post("a", instant=NOW + MOMENT)
    assert quiet([soon], [known("a", post=soon)]) == {}


def test_what_the_plan_does_counts_as_done() -> None:
    new = replace(post("a"), tags=("new",))
    away = known("a", missing_since=NOW - MINUTE, missing_scans=1)
    assert quiet([new], [known("a")], touched=((A, new),)) == SETTLED
    assert quiet([new], [known("a")], **changed(LogKind.UPDATED, new)) == SETTLED
    assert quiet([post("a")], [known("a", live=False)], **changed(LogKind.RESTORED, post("a"))) == SETTLED
    assert quiet([post("a")], [away], found=(A,)) == SETTLED
    assert quiet([post("a")], [known("a")], missing=(A,)) == {}
    assert quiet([post("a")], [known("a")], **changed(LogKind.WITHDRAWN, post("a"))) == {}


def test_a_file_that_was_refused_is_not_settled() -> None:
    assert quiet([post("a")], [known("a")], bad=(BadPost(path="a.md", reason="claims an id"),)) == {}


def test_a_path_where_two_posts_stood_is_not_settled() -> None:
    old = known("old", post=post("old", path="a.md"), live=False)
    for log in ([old, known("a", 2)], [known("a", 2), old]):
        assert quiet([post("a")], log) == {}


@pytest.mark.parametrize(
    "other",
    [
        post("b", permalink="/a/"),
        post("b", explicit_id="/a/"),
        post("b", permalink="/a.md"),
        post("b", explicit_id="7"),
    ],
    ids=["permalink", "explicit id", "what its path would give", "the same explicit id"],
)
@pytest.mark.parametrize("is_known", [True, False])
def test_two_files_that_could_be_given_one_name_are_not_settled(other: Post, is_known: bool) -> None:
    first = post("a", explicit_id="7") if other.explicit_id == "7" else post("a")
    log = [known("a", post=first), *([known("b", 2, post=other)] if is_known else [])]
    assert quiet([first, other], log) == {}


def test_a_file_that_could_be_given_the_id_of_another_post_is_not_settled() -> None:
    log = [known("a"), known("b", 2, id=tag("/c/")), known("c", 3, id=tag("/d/"))]
    assert quiet([post("a"), post("b"), post("c")], log).keys() == {"a.md"}


def test_a_known_post_without_a_file_still_bears_its_names() -> None:
    gone = known("gone", 2, post=post("gone", explicit_id="7"), live=False)
    assert quiet([post("a", explicit_id="7")], [known("a", post=post("a", explicit_id="7")), gone]) == {}


def test_the_names_of_a_file_are_all_that_it_could_claim() -> None:
    names = keys_of([post("a"), post("b", explicit_id="7")], RULES.naming)
    assert names.paths == {"a.md", "b.md"}
    assert names.ids == {tag("/a/"), tag("/a.md"), tag("7")}
    assert names.explicit == {"7"}
