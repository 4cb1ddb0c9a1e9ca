"""make_plan: what a publish would do, rule by rule."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from plans import DAY, MINUTE, MOMENT, NOW, RULES, known, plan, post, tag, told

from publisher.core.posts.post import BadPost, PostMailOptions, body_hash
from publisher.core.publishing.log import LogKind
from publisher.core.publishing.plan import Guard, HeldPost, HoldReason, Plan, Rename


def test_a_post_is_published_when_its_time_has_come_and_not_before() -> None:
    due = NOW + MINUTE
    assert plan([post("a", instant=due)]).nothing
    assert told(plan([post("a", instant=due)], now=due)) == [(LogKind.PUBLISHED, tag("/a/"))]


def test_posts_enter_the_log_by_instant_then_path() -> None:
    files = [post("c", instant=NOW - 2 * DAY), post("a"), post("b")]
    for order in permutations(files):
        assert [c.post.path for c in plan(order).changes] == ["c.md", "a.md", "b.md"]


def test_what_is_published_already_is_left_alone() -> None:
    made = plan([post("a")], [known("a")])
    assert made.nothing
    assert made == Plan(head=1, baseline=False)


def test_the_plan_knows_the_head_it_was_made_on_and_what_comes_next() -> None:
    made = plan([post("a", instant=NOW + DAY), post("b", instant=NOW + MINUTE)], [known("x", live=False)])
    assert (made.head, made.next_at) == (1, NOW + MINUTE)


# --- the baseline, and late posts


def test_the_first_run_is_recorded_even_without_posts() -> None:
    made = plan([], baseline_at=None)
    assert (made.baseline, made.nothing, made.changes) == (True, False, ())
    assert plan([]).nothing


def test_what_is_public_at_the_first_run_mails_nobody_and_what_comes_later_does() -> None:
    (change,) = plan([post("a"), post("b", instant=NOW + MINUTE)], baseline_at=None).changes
    assert (change.id, change.backfill) == (tag("/a/"), True)
    (change,) = plan([post("a"), post("b")], [known("a")]).changes
    assert (change.id, change.backfill) == (tag("/b/"), False)


@pytest.mark.parametrize(
    ("age", "backfill"), [(DAY, False), (30 * DAY, False), (30 * DAY + MOMENT, True), (9000 * DAY, True)]
)
def test_a_back_dated_post_is_late_and_not_lost_unless_older_than_max_age(
    age: timedelta, backfill: bool
) -> None:
    (change,) = plan([post("a", instant=NOW - age)]).changes
    assert (change.kind, change.backfill) == (LogKind.PUBLISHED, backfill)


def test_max_age_may_be_longer_than_time_itself() -> None:
    (change,) = plan([post("a")], rules=replace(RULES, max_age=timedelta.max)).changes
    assert not change.backfill


def test_a_publish_may_be_told_to_mail_nobody() -> None:
    (change,) = plan([post("a")], rules=replace(RULES, backfill=True)).changes
    assert change.backfill


# --- edits


@pytest.mark.parametrize(
    "edit", [{"title": "B"}, {"body_hash": body_hash("b")}, {"url": "https://x.org/"}, {"summary": "b"}]
)
def test_an_edit_is_an_update_with_the_same_id(edit: dict[str, Any]) -> None:
    made = plan([post("a", **edit)], [known("a")])
    assert told(made) == [(LogKind.UPDATED, tag("/a/"))]
    assert made.changes[0].post == post("a", **edit)
    assert not made.changes[0].backfill


@pytest.mark.parametrize(
    "edit", [{"tags": ("b",)}, {"permalink": "/b/"}, {"instant": NOW - 2 * DAY}, {"explicit_id": "7"}]
)
def test_other_metadata_is_kept_without_a_row_in_the_log(edit: dict[str, Any]) -> None:
    made = plan([post("a", **edit)], [known("a")])
    assert (made.changes, made.touched) == ((), ((tag("/a/"), post("a", **edit)),))
    assert not made.nothing


def test_an_edit_newly_marked_is_a_correction_once() -> None:
    """However long the mark stays; and it may come after the edit."""
    edited, more = body_hash("Edited."), body_hash("Edited more.")
    mark = PostMailOptions.CORRECTION
    assert told(plan([post("a", body_hash=edited, mail=mark)], [known("a")])) == [
        (LogKind.CORRECTED, tag("/a/"))
    ]
    assert told(plan([post("a", mail=mark)], [known("a")])) == [(LogKind.CORRECTED, tag("/a/"))]
    marked = replace(known("a"), post=post("a", body_hash=edited, mail=mark))
    assert plan([post("a", body_hash=edited, mail=mark)], [marked]).nothing
    assert told(plan([post("a", body_hash=more, mail=mark)], [marked])) == [(LogKind.UPDATED, tag("/a/"))]
    assert told(plan([post("b", mail=mark)], [])) == [(LogKind.PUBLISHED, tag("/b/"))]


def test_a_moved_file_keeps_its_id_and_is_no_news() -> None:
    new = post("a", path="2024/a.md")
    made = plan([new], [known("a")])
    assert made.renamed == (Rename(id=tag("/a/"), old="a.md", new="2024/a.md"),)
    assert (made.changes, made.touched, made.missing) == ((), ((tag("/a/"), new),), ())


def test_a_moved_file_with_another_link_is_an_update() -> None:
    made = plan([post("b", title="Title of a")], [known("a")])
    assert told(made) == [(LogKind.UPDATED, tag("/a/"))]
    assert len(made.renamed) == 1


def test_an_ambiguous_move_is_held_and_nothing_is_missing_for_it() -> None:
    log = [known("a", 1), known("b", 2, post=post("b", body_hash=body_hash("body of a")))]
    new = post("c", body_hash=body_hash("body of a"))
    made = plan([new], log)
    assert made.held == (HeldPost(path="c.md", reason=HoldReason.AMBIGUOUS, may_be=("a.md", "b.md")),)
    assert made.nothing


# --- hidden, and back


@pytest.mark.parametrize(
    "edit", [{"hidden": "draft: true"}, {"instant": NOW + DAY}, {"expires": NOW}, {"instant": None}]
)
def test_a_post_hidden_again_is_withdrawn_at_once_and_restored_when_it_is_back(edit: dict[str, Any]) -> None:
    made = plan([post("a", **edit)], [known("a")])
    assert told(made) == [(LogKind.WITHDRAWN, tag("/a/"))]
    gone = known("a", live=False, post=post("a", **edit))
    assert plan([post("a", **edit)], [gone]).nothing
    assert told(plan([post("a")], [gone])) == [(LogKind.RESTORED, tag("/a/"))]


def test_a_post_that_became_a_draft_in_another_folder_is_withdrawn() -> None:
    draft = post("a", path="_drafts/a.md", hidden="drafts folder")
    assert told(plan([draft], [known("a")])) == [(LogKind.WITHDRAWN, tag("/a/"))]


def test_a_hidden_post_is_followed_and_is_itself_when_it_comes_back() -> None:
    """Published, back to the drafts, rewritten there, published again with a new date and name."""
    draft = post("a", path="_drafts/a.md", instant=None, hidden="no date")
    made = plan([draft], [known("a")])
    assert (told(made), made.touched) == ([(LogKind.WITHDRAWN, tag("/a/"))], ((tag("/a/"), draft),))
    rewritten = replace(draft, title="B", body_hash=body_hash("b"))
    assert plan([rewritten], [known("a", live=False, post=draft)]).touched == ((tag("/a/"), rewritten),)
    again = post("b", path="2024-10-24-b.md", body_hash=body_hash("b"))
    made = plan([again], [known("a", live=False, post=rewritten)])
    assert told(made) == [(LogKind.RESTORED, tag("/a/"))]


def test_a_draft_beside_its_post_withdraws_nothing() -> None:
    draft = post("a", path="a-copy.md", explicit_id=tag("/a/"), hidden="draft: true")
    assert plan([post("a"), draft], [known("a")]).nothing


# --- missing files


def test_a_missing_file_is_counted_then_withdrawn_after_two_scans_and_ten_minutes() -> None:
    first = plan([], [known("a")])
    assert (first.changes, first.missing) == ((), (tag("/a/"),))
    assert first.held == (HeldPost(path="a.md", reason=HoldReason.MISSING),)
    away = known("a", missing_since=NOW, missing_scans=1)
    early = plan([], [away], now=NOW + 10 * MINUTE - MOMENT)
    assert (early.changes, early.missing) == ((), (tag("/a/"),))
    late = plan([], [away], now=NOW + 10 * MINUTE)
    assert (told(late), late.missing, late.held) == ([(LogKind.WITHDRAWN, tag("/a/"))], (), ())
    assert late.changes[0].post == away.post


def test_a_file_that_is_emptied_holds_its_post_and_is_told_after_two_scans_and_ten_minutes() -> None:
    empty = BadPost(path="a.md", reason="is empty", empty=True)
    first = plan([], [known("a")], bad=[empty])
    assert (first.changes, first.bad, first.missing, first.unsettled) == ((), (), (tag("/a/"),), ("a.md",))
    away = known("a", missing_since=NOW, missing_scans=1)
    early = plan([], [away], bad=[empty], now=NOW + 10 * MINUTE - MOMENT)
    assert (early.changes, early.bad, early.missing) == ((), (), (tag("/a/"),))
    late = plan([], [away], bad=[empty], now=NOW + 10 * MINUTE)
    assert (late.changes, late.bad, late.missing, late.found) == ((), (empty,), (), ())
    again = plan([post("a")], [away], now=NOW + 20 * MINUTE)
    assert (again.changes, again.bad, again.found) == ((), (), (tag("/a/"),))


def test_an_empty_file_that_was_never_published_is_no_error() -> None:
    empty = BadPost(path="a.md", reason="is empty", empty=True)
    assert plan([], [known("b", live=False)], bad=[empty]).nothing
    assert plan([], [known("a", live=False)], bad=[empty], now=NOW + DAY).bad == ()


def test_many_emptied_files_stop_nothing_for_nothing_is_withdrawn() -> None:
    log = [known(name, n) for n, name in enumerate("abcdefghij")]
    empty = [BadPost(path=f"{name}.md", reason="is empty", empty=True) for name in "abcdefghij"]
    made = plan([], log, bad=empty)
    assert (made.stops, made.changes, len(made.missing)) == ((), (), 10)


def test_one_scan_is_not_enough_however_late_it_is() -> None:
    made = plan([], [known("a")], now=NOW + 300 * DAY)
    assert (made.changes, made.missing) == ((), (tag("/a/"),))


@pytest.mark.parametrize("edit", [{}, {"path": "b.md"}])
def test_a_file_that_is_found_again_is_no_longer_counted(edit: dict[str, Any]) -> None:
    made = plan([post("a", **edit)], [known("a", missing_since=NOW, missing_scans=1)])
    assert (made.found, made.missing, made.changes) == ((tag("/a/"),), (), ())
    assert not made.nothing


def test_a_withdrawn_post_is_not_looked_for() -> None:
    assert plan([], [known("a", live=False)]).nothing


def test_a_post_is_missed_though_another_took_its_place() -> None:
    """b.md, known by its id, was moved over a.md."""
    mover = known("b", 2, post=post("b", explicit_id="7"))
    made = plan([post("b", path="a.md", explicit_id="7")], [known("a", 1), mover])
    assert made.missing == (tag("/a/"),)
    later = [known("a", 1), replace(mover, post=post("b", path="a.md", explicit_id="7"))]
    assert plan([later[1].post], later).missing == (tag("/a/"),)


def files(number: int) -> list[str]:
    return [f"p{n:02}" for n in range(number)]


@pytest.mark.parametrize(
    ("away", "of", "stops"),
    [(1, 1, False), (2, 2, True), (5, 6, False), (6, 30, False), (6, 29, True), (7, 7, True)],
)
def test_many_missing_at_once_stop_the_publish(away: int, of: int, stops: bool) -> None:
    log = [known(name, n) for n, name in enumerate(files(of))]
    made = plan([post(name) for name in files(of)[away:]], log)
    expected = f"{away} of {of} published posts are missing at once; is the folder complete?"
    assert made.stop == (expected if stops else "")


def test_withdrawn_posts_do_not_count_and_those_about_to_be_do() -> None:
    gone = [known(f"g{n}", 50 + n, live=False) for n in range(50)]
    away = [known(name, n, missing_since=NOW - DAY, missing_scans=3) for n, name in enumerate(files(6))]
    made = plan([], [*away, *gone])
    assert made.stop == "6 of 6 published posts are missing at once; is the folder complete?"


@pytest.mark.parametrize(
    ("early", "of", "stops"), [(1, 9, False), (6, 30, False), (6, 29, True), (2, 2, True)]
)
def test_posts_that_fell_back_into_the_future_count_as_missing(early: int, of: int, stops: bool) -> None:
    ahead = [post(name, instant=NOW + DAY) for name in files(early)]
    here = [post(name) for name in files(of)[early:]]
    log = [known(p.slug, n, post=p) for n, p in enumerate([*ahead, *here])]
    meant, trusted = replace(RULES, confirmed=frozenset({Guard.MISSING})), replace(RULES, log_ahead=True)
    made = plan([*ahead, *here], log, head_at=NOW + DAY)
    expected = f"{early} of {of} published posts are dated in the future; is the clock right?"
    assert made.stop == (expected if stops else "")
    assert [change.kind for change in made.changes] == [LogKind.WITHDRAWN] * early
    assert plan([*ahead, *here], log, rules=meant, head_at=NOW + DAY).stop == ""
    kept = plan([*ahead, *here], log, rules=trusted, head_at=NOW + DAY)
    assert (kept.changes, kept.stops, kept.next_at) == ((), (), NOW + DAY)
    away = plan(ahead, log, rules=trusted, head_at=NOW + DAY)
    assert (len(away.missing), bool(away.stops)) == (of - early, of - early > 1)


def test_a_post_that_its_author_moves_into_the_future_is_withdrawn_and_is_no_accident() -> None:
    log = [known(name, n) for n, name in enumerate(files(9))]
    later = [post(name, instant=NOW + DAY) for name in files(9)]
    for rules in (RULES, replace(RULES, log_ahead=True)):
        made = plan(later, log, rules=rules, head_at=NOW)
        assert (len(made.changes), made.stops) == (9, ())


def test_the_age_of_a_post_under_embargo_counts_from_its_end() -> None:
    held_back = post("a", instant=NOW - 90 * DAY, opens=NOW - DAY)
    (change,) = plan([held_back]).changes
    assert not change.backfill
    assert plan([post("a", instant=NOW - 90 * DAY)]).changes[0].backfill
    assert plan([replace(held_back, opens=NOW + DAY)]).changes == ()


def test_a_post_that_says_no_title_keeps_the_one_it_was_published_under() -> None:
    assert plan([replace(post("a"), title="")], [known("a")]).changes == ()


def test_two_notes_without_titles_are_not_one_for_that() -> None:
    gone = replace(known("old"), post=replace(post("old"), title="", slug="old"))
    made = plan([replace(post("new"), title="", slug="new", body_hash="b" * 64)], [gone])
    assert made.renamed == ()
