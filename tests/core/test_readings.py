"""An upgrade is no edit: who changed a post is decided by the bytes of its file."""

from dataclasses import replace
from datetime import timedelta

import pytest
from plans import NOW, RULES, known, post

from publisher.core.log import Head, Kind, Known
from publisher.core.planning import make_plan
from publisher.core.plans import Plan
from publisher.core.posts import Mail, Post
from publisher.core.readings import Readings

HEAD = Head(seq=9, at=NOW - timedelta(hours=1), baseline_at=NOW - timedelta(days=9))
BYTES, OTHERS = "aa" * 32, "bb" * 32
READ_BEFORE = replace(known("low"), file_hash=BYTES, reader="01")


def plan(now_read: Post, before: Known = READ_BEFORE, *, file: str = BYTES, version: str = "02") -> Plan:
    readings = Readings(hashes={now_read.path: file}, version=version, before="01")
    return make_plan(HEAD, [before], [now_read], [], NOW, RULES, readings=readings)


def test_the_same_bytes_read_differently_by_another_version_are_no_update() -> None:
    made = plan(post("low", title="Low & high"))
    assert (made.changes, made.read_anew) == ((), (READ_BEFORE.id,))
    assert made.touched[0][1].title == "Low & high"
    assert made.sources == ((READ_BEFORE.id, BYTES),)


def test_other_bytes_are_an_update_whatever_version_reads_them() -> None:
    for version in ("01", "02"):
        [change] = plan(post("low", title="Low & high"), file=OTHERS, version=version).changes
        assert change.kind is Kind.UPDATED


def test_a_setting_that_changes_a_post_is_an_update() -> None:
    """The same version and the same bytes: what differs is the author's doing, in the settings."""
    [change] = plan(post("low", url="https://elsewhere.example/low/"), version="01").changes
    assert change.kind is Kind.UPDATED


def test_a_store_that_never_wrote_bytes_down_sees_no_edit_in_an_upgrade() -> None:
    made = plan(post("low", title="Low & high"), replace(READ_BEFORE, file_hash=None, reader=None))
    assert (made.changes, made.read_anew) == ((), (READ_BEFORE.id,))


def test_a_correction_that_only_this_version_sees_is_none() -> None:
    assert plan(post("low", mail=Mail.CORRECTION)).changes == ()


def test_a_live_post_stays_out_unless_its_file_says_otherwise() -> None:
    later = post("low", instant=NOW + timedelta(days=1))
    for version in ("01", "02"):
        assert plan(later, version=version).changes == ()
    [change] = plan(later, file=OTHERS).changes
    assert change.kind is Kind.WITHDRAWN


def test_a_post_that_this_version_hides_is_withdrawn() -> None:
    [change] = plan(post("low", hidden="password: set")).changes
    assert change.kind is Kind.WITHDRAWN


@pytest.mark.parametrize(
    ("passed_over", "minutes", "backfill"),
    [((), 30, False), (("new.md",), 30, True), ((), 90, True)],
    ids=["due since the last row", "had by the version before", "older than the log"],
)
def test_what_an_upgrade_finds_is_old(passed_over: tuple[str, ...], minutes: int, backfill: bool) -> None:
    fresh = post("new", path="new.md", instant=NOW - timedelta(minutes=minutes))
    readings = Readings(hashes={"new.md": BYTES}, version="02", before="01", passed_over=passed_over)
    [change] = make_plan(HEAD, [], [fresh], [], NOW, RULES, readings=readings).changes
    assert (change.kind, change.backfill) == (Kind.PUBLISHED, backfill)
    same = replace(readings, version="01")
    [change] = make_plan(HEAD, [], [fresh], [], NOW, RULES, readings=same).changes
    assert not change.backfill


def test_a_site_whose_log_was_empty_mails_no_old_post_after_an_upgrade() -> None:
    """The version before could read none of its posts; the baseline was made all the same."""
    empty = Head(seq=0, at=None, baseline_at=NOW - timedelta(hours=1))
    readings = Readings(hashes={"new.md": BYTES}, version="02")
    for minutes, backfill in ((90, True), (30, False)):
        fresh = post("new", path="new.md", instant=NOW - timedelta(minutes=minutes))
        [change] = make_plan(empty, [], [fresh], [], NOW, RULES, readings=readings).changes
        assert change.backfill is backfill
