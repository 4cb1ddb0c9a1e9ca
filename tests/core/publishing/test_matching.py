"""Which known post a file is: id field, known path, alias, rename rule; otherwise it is new."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import Post, body_hash
from publisher.core.publishing.log import IdRules, PublishedPost
from publisher.core.publishing.matching import Matches, match_posts

NOW = datetime(2024, 10, 25, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def post(name: str, **changes: Any) -> Post:
    """A post that shares nothing with one of another name."""
    made = Post(
        path=f"{name}.md",
        title=f"Title of {name}",
        instant=NOW - HOUR * (sum(map(ord, name)) + 1),
        permalink=f"/{name}/",
        url=f"https://example.org/{name}/",
        base_url=f"https://example.org/{name}/",
        slug=name,
        language="en",
        body_hash=body_hash(f"body of {name}"),
    )
    return replace(made, **changes)


def known(name: str, seq: int = 1, *, live: bool = True, **changes: Any) -> PublishedPost:
    return PublishedPost(
        id=f"id-{name}", post=post(name, **changes), live=live, first_seq=seq, updated_at=NOW
    )


def matched(
    posts: Sequence[Post],
    log: Sequence[PublishedPost],
    *,
    waiting: Sequence[Post] = (),
    bad: Sequence[str] = (),
) -> Matches:
    return match_posts(posts, waiting, log, frozenset(bad), IdRules(authority="example.org,2024"))


def ids(found: Matches) -> dict[str, str]:
    return {path: hit.id for path, hit in found.of.items()}


def moved(name: str, to: str, **changes: Any) -> Post:
    """The post `name` in a file that shares only what `changes` say."""
    given = {field: getattr(post(name), field) for field in changes if changes[field] is ...}
    return post(to, **{**changes, **given})


def test_a_file_at_a_known_path_is_that_post_whatever_else_changed() -> None:
    assert ids(matched([post("b", path="a.md")], [known("a")])) == {"a.md": "id-a"}


def test_a_file_that_shares_nothing_is_new() -> None:
    found = matched([post("b")], [known("a")])
    assert (found.of, found.unsure, list(found.free)) == ({}, {}, ["id-a"])


def test_the_id_field_finds_the_post_anywhere() -> None:
    assert ids(matched([post("b", explicit_id="7")], [known("a", explicit_id="7")])) == {"b.md": "id-a"}


def test_an_id_field_may_name_what_the_permalink_once_minted() -> None:
    log = [replace(known("a"), id="tag:example.org,2024:a-7")]
    assert ids(matched([post("b", explicit_id="a-7")], log)) == {"b.md": "tag:example.org,2024:a-7"}


def test_the_id_field_goes_before_the_known_path() -> None:
    """A post moved away with its id, and another file took its place: that one is new."""
    files = [post("new", path="a.md"), post("moved", explicit_id="7")]
    for order in permutations(files):
        assert ids(matched(order, [known("a", explicit_id="7")])) == {"moved.md": "id-a"}


def test_two_posts_may_trade_places_by_their_ids() -> None:
    log = [known("a", 1, explicit_id="1"), known("b", 2, explicit_id="2")]
    files = [post("a", path="b.md", explicit_id="1"), post("b", path="a.md", explicit_id="2")]
    assert ids(matched(files, log)) == {"b.md": "id-a", "a.md": "id-b"}


def test_the_known_path_goes_before_an_alias() -> None:
    log = [known("a", 1), known("b", 2)]
    assert ids(matched([post("b", aliases=("/a/",))], log)) == {"b.md": "id-b"}


@given(
    st.sets(st.sampled_from("abcd")),
    st.dictionaries(
        st.sampled_from("abcdxyz"), st.lists(st.sampled_from(["/a/", "/b/", "/c/", "/d/", "/x/"]))
    ),
)
def test_no_alias_takes_the_id_of_a_post_whose_file_is_there(
    gone: set[str], aliases: dict[str, list[str]]
) -> None:
    log = [known(name, n) for n, name in enumerate("abcd", 1)]
    there = [name for name in "abcdxyz" if name not in gone]
    posts = [post(name, aliases=tuple(aliases.get(name, ()))) for name in there]
    found = ids(matched(posts, log))
    assert len(set(found.values())) == len(found), "no two files are one post"
    for name in there:
        own = name in "abcd"
        assert not own or found[f"{name}.md"] == f"id-{name}"
        took = found.get(f"{name}.md", "id-")[3:]
        assert own or not took or (took in gone and f"/{took}/" in aliases[name])


def test_an_alias_names_a_post_that_is_gone_from_its_place() -> None:
    new = post("b", aliases=("/unknown/", "/a/"))
    assert ids(matched([new], [known("a")])) == {"b.md": "id-a"}
    assert ids(matched([new, post("a")], [known("a")])) == {"a.md": "id-a"}
    assert ids(matched([new], [known("a")], bad=["a.md"])) == {}


def test_an_alias_goes_before_the_rename_rule() -> None:
    log = [known("a", 1), known("b", 2)]
    new = moved("b", "c", instant=..., title=..., aliases=("/a/",))
    assert ids(matched([new], log)) == {"c.md": "id-a"}


@pytest.mark.parametrize(
    ("same", "found"),
    [
        (("instant", "title"), True),
        (("instant", "slug"), True),
        (("instant", "title", "slug", "body_hash"), True),
        (("body_hash",), True),
        (("instant",), False),
        (("title", "slug"), False),
        (("permalink", "url"), False),
    ],
)
def test_a_rename_keeps_instant_and_title_or_slug_or_the_body(same: tuple[str, ...], found: bool) -> None:
    new = moved("a", "b", **dict.fromkeys(same, ...))
    assert ids(matched([new], [known("a")])) == ({"b.md": "id-a"} if found else {})


def test_a_post_withdrawn_long_ago_is_found_under_another_name() -> None:
    assert ids(matched([moved("a", "b", body_hash=...)], [known("a", live=False)])) == {"b.md": "id-a"}


def test_what_stands_at_its_path_has_not_moved() -> None:
    copy = moved("a", "b", instant=..., title=..., slug=..., body_hash=...)
    assert ids(matched([copy, post("a")], [known("a")])) == {"a.md": "id-a"}
    assert matched([copy], [known("a")], bad=["a.md"]).of == {}
    assert matched([copy], [known("a", path="sub/deep/a.md")], bad=["sub"]).of == {}


def test_two_that_vanished_and_are_alike_are_not_told_apart() -> None:
    log = [known("a", 1), moved_known := replace(known("b", 2), post=moved("a", "b", body_hash=...))]
    found = matched([moved("a", "c", body_hash=...)], log)
    assert found.of == {}
    assert set(found.unsure["c.md"]) == {log[0], moved_known}


def test_two_new_files_that_may_be_one_post_are_both_unsure() -> None:
    files = [moved("a", name, body_hash=...) for name in ("b", "c")]
    found = matched(files, [known("a")])
    assert (found.of, set(found.unsure)) == ({}, {"b.md", "c.md"})


def test_the_title_alone_and_the_slug_alone_weigh_the_same() -> None:
    same: dict[str, Any] = {"instant": NOW}
    log = [known("a", 1, **same), known("b", 2, **same)]
    found = matched([moved("a", "c", title=..., **same, slug="b")], log)
    assert (found.of, set(found.unsure)) == ({}, {"c.md"})


def test_a_folder_of_posts_with_one_title_and_one_date_moves_whole() -> None:
    same: dict[str, Any] = {"instant": NOW, "title": "Weekly notes"}
    names = [f"notes-{n}" for n in range(40)]
    log = [known(name, n, **same) for n, name in enumerate(names)]
    files = [post(name, path=f"moved/{name}.md", **same) for name in names]
    assert ids(matched(files, log)) == {f"moved/{name}.md": f"id-{name}" for name in names}


@pytest.mark.parametrize("body", ["", "\n"])
def test_posts_without_a_body_are_not_one_for_that(body: str) -> None:
    nothing = body_hash(body)
    found = matched([post("b", body_hash=nothing)], [known("a", body_hash=nothing)])
    assert (found.of, found.unsure) == ({}, {})


def test_a_draft_never_takes_a_posts_place_but_follows_it_when_it_alone_is_left() -> None:
    draft = moved("a", "drafts/a", body_hash=..., instant=..., title=..., hidden="draft: true")
    assert ids(matched([post("a")], [known("a")], waiting=[draft])) == {"a.md": "id-a"}
    new = moved("a", "b", body_hash=...)
    assert ids(matched([new], [known("a")], waiting=[draft])) == {"b.md": "id-a"}
    assert ids(matched([], [known("a")], waiting=[draft])) == {"drafts/a.md": "id-a"}


def test_a_draft_with_the_id_of_a_post_that_is_read_changes_nothing() -> None:
    draft = post("b", explicit_id="7", hidden="draft: true")
    found = matched([post("a")], [known("a", explicit_id="7")], waiting=[draft])
    assert ids(found) == {"a.md": "id-a"}


def test_a_draft_leaves_alone_what_a_visible_file_may_be() -> None:
    log = [known("a", 1), replace(known("b", 2), post=moved("a", "b", body_hash=...))]
    draft = moved("a", "d", instant=..., title=..., hidden="draft: true")
    found = matched([moved("a", "c", body_hash=...)], log, waiting=[draft])
    assert (found.of, set(found.unsure)) == ({}, {"c.md"})


def test_of_two_known_at_one_path_the_live_one_counts_then_the_newer() -> None:
    log = [known("a", 1), known("b", 2, live=False, path="a.md"), known("c", 3, path="a.md")]
    for order in permutations(log):
        found = matched([post("d", path="a.md")], order)
        assert ids(found) == {"a.md": "id-c"}
        assert set(found.free) == {"id-a", "id-b"}
