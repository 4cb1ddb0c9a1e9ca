"""Bad files, files that claim one post, and the plan as a value with its hash."""

from dataclasses import replace
from itertools import permutations

import pytest
from plans import DAY, MINUTE, NOW, RULES, known, plan, post, tag, told

from publisher.core.posts.post import BadPost
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.plan import changes_of_kind

# --- bad files


@pytest.mark.parametrize("path", ["a.md", "sub/a.md"])
def test_a_bad_file_keeps_the_last_good_version_live(path: str) -> None:
    log = [known("a", post=post("a", path=path), missing_since=NOW - DAY, missing_scans=3)]
    bad = [BadPost(path=path, reason="broken YAML", line=3)]
    made = plan([], log, bad=bad, now=NOW + DAY)
    assert (made.changes, made.missing, made.bad) == ((), (), tuple(bad))
    assert made.found == (tag("/a/"),)


def test_a_file_that_is_being_written_keeps_what_is_known_of_it_and_is_no_finding() -> None:
    log = [known("a", missing_since=NOW - DAY, missing_scans=3)]
    bad = [BadPost(path=path, reason="is being written", unsettled=True) for path in ("new.md", "a.md")]
    made = plan([], log, bad=bad, now=NOW + DAY)
    assert (made.changes, made.missing, made.bad) == ((), (), ())
    assert made.unsettled == ("a.md", "new.md")
    assert plan([], log[:0], bad=bad).nothing


def test_a_folder_that_cannot_be_read_keeps_what_is_in_it() -> None:
    log = [
        known(name, n, post=post(name, path=f"2024/deep/{name}.md"))
        for n, name in enumerate([f"p{n}" for n in range(9)])
    ]
    made = plan([], log, bad=[BadPost(path="2024", reason="cannot be read")])
    assert (made.missing, made.stop) == ((), "")


def test_a_bad_file_stops_no_other() -> None:
    made = plan([post("b")], bad=[BadPost(path="a.md", reason="broken")])
    assert told(made) == [(LogKind.PUBLISHED, tag("/b/"))]


@pytest.mark.parametrize("hidden", [None, "draft: true"])
def test_a_copy_never_takes_the_place_of_a_post_whose_file_is_bad_just_now(hidden: str | None) -> None:
    log = [known("a", id=tag("7"), post=post("a", explicit_id="7"))]
    made = plan([post("b", explicit_id="7", hidden=hidden)], log, bad=[BadPost(path="a.md", reason="broken")])
    assert made.nothing
    reported = f"b.md: its id {tag('7')} is also claimed by a.md; give one of them another id"
    assert [str(b) for b in made.bad[1:]] == [reported]


def test_a_draft_is_not_what_was_moved_when_the_post_is_there_and_refused() -> None:
    log = [known("a", 1), known("b", 2, id=tag("7"), post=post("b", explicit_id="7"))]
    draft = post("a", path="draft.md", hidden="draft: true")
    made = plan([post("a", explicit_id="7"), post("b", explicit_id="7"), draft], log)
    assert [b.path for b in made.bad] == ["a.md"]
    assert made.nothing


# --- two of a kind


def test_two_new_files_with_one_id_are_both_reported_and_neither_enters() -> None:
    made = plan([post("a", explicit_id="7"), post("b", explicit_id="7"), post("c")])
    assert told(made) == [(LogKind.PUBLISHED, tag("/c/"))]
    assert [str(b) for b in made.bad] == [
        f"a.md: its id {tag('7')} is also claimed by b.md; give one of them another id",
        f"b.md: its id {tag('7')} is also claimed by a.md; give one of them another id",
    ]


def test_a_copy_of_a_post_with_its_id_is_reported_and_the_post_keeps_it() -> None:
    log = [known("a", id=tag("7"), post=post("a", explicit_id="7"))]
    made = plan([post("a", explicit_id="7", title="Mine"), post("b", explicit_id="7")], log)
    assert told(made) == [(LogKind.UPDATED, tag("7"))]
    assert made.changes[0].post.path == "a.md"
    assert [b.path for b in made.bad] == ["b.md"]
    assert "also claimed by a.md" in made.bad[0].reason


def test_two_copies_of_a_post_that_left_its_place_leave_it_as_it_is() -> None:
    log = [known("a", id=tag("7"), post=post("a", explicit_id="7"))]
    made = plan([post("b", explicit_id="7"), post("c", explicit_id="7")], log)
    assert [b.path for b in made.bad] == ["b.md", "c.md"]
    assert made.nothing


def test_a_post_whose_file_took_another_posts_id_stays_as_it_was() -> None:
    log = [known("a", 1), known("b", 2, id=tag("7"), post=post("b", explicit_id="7"))]
    made = plan([post("a", explicit_id="7"), post("b", explicit_id="7")], log)
    assert [b.path for b in made.bad] == ["a.md"]
    assert made.nothing


def test_of_new_posts_with_one_address_the_first_has_it_in_any_order_and_the_others_are_named() -> None:
    same = {"permalink": "/same/"}
    trio = [post("a", **same), post("b", **same), post("c", **same)]
    for order in permutations(trio):
        made = plan(order)
        assert told(made) == [(LogKind.PUBLISHED, tag("/same/"))]
        assert [str(b) for b in made.bad] == [
            f"{path}: its address /same/ is that of a.md; give one of them another slug or permalink"
            for path in ("b.md", "c.md")
        ]


def test_a_new_post_with_the_address_of_a_known_one_waits_for_one_of_its_own() -> None:
    made = plan([post("a"), post("b", permalink="/a/")], [known("a")])
    assert made.nothing
    assert [b.path for b in made.bad] == ["b.md"]
    assert "is that of a.md" in made.bad[0].reason


def test_posts_of_the_log_with_one_address_stay() -> None:
    log = [known("a", 1), known("b", 2, id=tag("/b.md"), post=post("b", permalink="/a/"))]
    made = plan([post("a"), post("b", permalink="/a/")], log)
    assert made.nothing
    assert made.bad == ()


def test_a_post_may_have_the_address_that_another_left_and_is_named_by_its_file() -> None:
    moved = post("a", permalink="/elsewhere/")
    made = plan([moved, post("b", permalink="/a/")], [known("a")])
    assert (LogKind.PUBLISHED, tag("/b.md")) in told(made)
    assert made.bad == ()


def test_posts_that_are_read_elsewhere_share_no_address() -> None:
    pair = [post(n, permalink="/same/", url=f"https://elsewhere.example/{n}") for n in ("a", "b")]
    assert len(told(plan(pair))) == 2


def test_an_explicit_id_that_looks_like_a_permalink_goes_first() -> None:
    pair = [post("a", permalink="/7/"), post("b", explicit_id="/7/")]
    assert told(plan(pair)) == [(LogKind.PUBLISHED, tag("/a.md")), (LogKind.PUBLISHED, tag("/7/"))]
    made = plan([*pair, post("c", explicit_id="/7/")])
    assert told(made) == [(LogKind.PUBLISHED, tag("/a.md"))]
    assert [b.path for b in made.bad] == ["b.md", "c.md"]


def test_even_a_path_that_is_anothers_id_makes_no_second_post_of_it() -> None:
    trap = post("x", explicit_id="/a.md")
    pair = [post(n, permalink="/same/", url=f"https://elsewhere.example/{n}") for n in ("a", "b")]
    made = plan([*pair, trap])
    assert told(made) == [(LogKind.PUBLISHED, tag("/b.md"))]
    assert [b.path for b in made.bad] == ["a.md", "x.md"]


def test_aliases_of_two_files_to_one_post_are_a_clash() -> None:
    made = plan([post("b", aliases=("/a/",)), post("c", aliases=("/a/",))], [known("a")])
    assert [b.path for b in made.bad] == ["b.md", "c.md"]
    assert made.nothing


# --- the plan as a value


def test_the_changes_of_one_kind_are_in_order() -> None:
    made = plan([post("a"), post("b"), post("c", title="C")], [known("c")])
    assert [c.post.path for c in changes_of_kind(made, LogKind.PUBLISHED)] == ["a.md", "b.md"]
    assert [c.post.path for c in changes_of_kind(made, LogKind.UPDATED)] == ["c.md"]


def test_the_hash_names_what_would_be_done_and_nothing_else() -> None:
    log = [known("a", 1), known("b", 2), known("c", 3, missing_since=NOW, missing_scans=1)]
    files = [post("a", title="New"), post("c"), post("d")]
    made = plan(files, log)
    assert len(made.hash) == 12
    assert plan(files[::-1], log[::-1]).hash == made.hash
    assert plan(files, log, now=NOW + MINUTE).hash == made.hash
    assert plan([*files, post("e", instant=NOW + DAY)], log).hash == made.hash
    assert plan(files, log, bad=[BadPost(path="x.md", reason="broken")]).hash == made.hash
    others = [
        plan([*files, post("b")], log),
        plan([post("a", title="Newer"), *files[1:]], log),
        plan([post("a", title="New", tags=("t",)), *files[1:]], log),
        plan([files[0], post("c", tags=("t",)), post("d")], log),
        plan([files[0], post("c", path="e.md"), post("d")], log),
        plan([files[0], post("d")], log),
        plan(files, [*log[:2], known("c", 3)]),
        plan([*files, post("e")], log),
        plan(files, log, baseline_at=None),
        plan(files, log, rules=replace(RULES, backfill=True)),
        replace(made, head=made.head + 1),
    ]
    assert len({made.hash, *(other.hash for other in others)}) == 1 + len(others)


def test_any_text_has_a_hash() -> None:
    assert len(plan([post("a", title="\ud800", explicit_id="\ud800")]).hash) == 12
