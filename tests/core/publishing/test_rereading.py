"""An upgrade is no edit: who changed a post is decided by the bytes of its file."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plans import NOW, RULES, known, post

from publisher.core.posts.post import Post, PostMailOptions, wait_reason
from publisher.core.publishing.incremental import FileReadings, with_published_dates
from publisher.core.publishing.log import LogHead, LogKind, PublishedPost
from publisher.core.publishing.plan import Plan
from publisher.core.publishing.planner import make_plan

HEAD = LogHead(seq=9, at=NOW - timedelta(hours=1), baseline_at=NOW - timedelta(days=9))
BYTES, OTHERS = "aa" * 32, "bb" * 32
READ_BEFORE = replace(known("low"), file_hash=BYTES, reader="01")


def plan(
    now_read: Post, before: PublishedPost = READ_BEFORE, *, file: str = BYTES, version: str = "02"
) -> Plan:
    readings = FileReadings(hashes={now_read.path: file}, version=version, before="01")
    return make_plan(HEAD, [before], [now_read], [], NOW, RULES, readings=readings)


def test_the_same_bytes_read_differently_by_another_version_are_no_update() -> None:
    made = plan(post("low", title="Low & high"))
    assert (made.changes, made.read_anew) == ((), (READ_BEFORE.id,))
    assert made.touched[0][1].title == "Low & high"
    assert made.sources == ((READ_BEFORE.id, BYTES),)


def test_other_bytes_are_an_update_whatever_version_reads_them() -> None:
    for version in ("01", "02"):
        [change] = plan(post("low", title="Low & high"), file=OTHERS, version=version).changes
        assert change.kind is LogKind.UPDATED


def test_a_setting_that_changes_a_post_is_an_update() -> None:
    """The same version and the same bytes: what differs is the author's doing, in the settings."""
    [change] = plan(post("low", url="https://elsewhere.example/low/"), version="01").changes
    assert change.kind is LogKind.UPDATED


def test_a_store_that_never_wrote_bytes_down_sees_no_edit_in_an_upgrade() -> None:
    made = plan(post("low", title="Low & high"), replace(READ_BEFORE, file_hash=None, reader=None))
    assert (made.changes, made.read_anew) == ((), (READ_BEFORE.id,))


def test_a_correction_that_only_this_version_sees_is_none() -> None:
    assert plan(post("low", mail=PostMailOptions.CORRECTION)).changes == ()


def test_a_live_post_stays_out_unless_its_file_says_otherwise() -> None:
    later = post("low", instant=NOW + timedelta(days=1))
    for version in ("01", "02"):
        assert plan(later, version=version).changes == ()
    [change] = plan(later, file=OTHERS).changes
    assert change.kind is LogKind.WITHDRAWN


def test_a_post_that_this_version_hides_is_withdrawn() -> None:
    [change] = plan(post("low", hidden="password: set")).changes
    assert change.kind is LogKind.WITHDRAWN


@pytest.mark.parametrize(
    ("passed_over", "minutes", "backfill"),
    [((), 30, False), (("new.md",), 30, True), ((), 90, True)],
    ids=["due since the last row", "had by the version before", "older than the log"],
)
def test_what_an_upgrade_finds_is_old(passed_over: tuple[str, ...], minutes: int, backfill: bool) -> None:
    fresh = post("new", path="new.md", instant=NOW - timedelta(minutes=minutes))
    readings = FileReadings(hashes={"new.md": BYTES}, version="02", before="01", passed_over=passed_over)
    [change] = make_plan(HEAD, [], [fresh], [], NOW, RULES, readings=readings).changes
    assert (change.kind, change.backfill) == (LogKind.PUBLISHED, backfill)
    same = replace(readings, version="01")
    [change] = make_plan(HEAD, [], [fresh], [], NOW, RULES, readings=same).changes
    assert not change.backfill


def test_a_site_whose_log_was_empty_mails_no_old_post_after_an_upgrade() -> None:
    """The version before could read none of its posts; the baseline was made all the same."""
    empty = LogHead(seq=0, at=None, baseline_at=NOW - timedelta(hours=1))
    readings = FileReadings(hashes={"new.md": BYTES}, version="02")
    for minutes, backfill in ((90, True), (30, False)):
        fresh = post("new", path="new.md", instant=NOW - timedelta(minutes=minutes))
        [change] = make_plan(empty, [], [fresh], [], NOW, RULES, readings=readings).changes
        assert change.backfill is backfill


DAYS = st.integers(-40, 40).map(lambda days: NOW + timedelta(days=days))
READ_DIFFERENTLY = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(("Low & high", "")),
        "summary": st.just("Other words"),
        "body_hash": st.just("0" * 64),
        "instant": DAYS,
        "modified": DAYS,
        "opens": DAYS,
        "expires": DAYS,
        "hidden": st.just("password: set"),
        "page_only": st.just("rss: false"),
        "mail": st.sampled_from(PostMailOptions),
        "permalink": st.sampled_from(("/there/", "/low/")),
        "url": st.just("https://elsewhere.example/"),
        "tags": st.just(("tide",)),
        "values": st.just((("a", "b"),)),
    },
)


@given(st.lists(READ_DIFFERENTLY, min_size=1, max_size=12))
def test_an_upgrade_is_no_news_whatever_it_reads_differently(differences: list[dict[str, object]]) -> None:
    """Only what it hides is withdrawn, once; and the publish after it finds nothing to do."""
    names = [f"post{n}" for n in range(len(differences))]
    log = [
        replace(known(name, n + 1), file_hash=BYTES, reader="01", updated_at=NOW - timedelta(days=1))
        for n, name in enumerate(names)
    ]
    files = [post(name, **it) for name, it in zip(names, differences, strict=True)]
    readings = FileReadings(hashes={it.path: BYTES for it in files}, version="02", before="01")
    read = with_published_dates(files, log, readings, NOW)
    made = make_plan(HEAD, log, [*read.values()], [], NOW, RULES, readings=readings)
    assert made.stops == ()
    assert {change.kind for change in made.changes} <= {LogKind.WITHDRAWN}
    gone = {change.post.path for change in made.changes}
    kept = [it for it in read.values() if it.path not in gone]
    for it in kept:
        assert it.instant == NOW - timedelta(days=1), it
    assert all(it.hidden or it.page_only or it.expires is not None for it in files if it.path in gone)
    assert all(wait_reason(it, NOW - timedelta(days=1)) is None or it.opens for it in kept)

    after = dict(made.touched)
    stands = [
        replace(k, post=after.get(k.id, k.post), live=k.post.path not in gone, stored_as="", reader="02")
        for k in log
    ]
    later = replace(readings, before="02")
    again = with_published_dates(files, stands, later, NOW)
    assert make_plan(HEAD, stands, [*again.values()], [], NOW, RULES, readings=later).nothing
