"""Archive documents: what is full stays, nothing is missing, nothing changes but by who came or went."""

from hypothesis import given
from hypothesis import strategies as st

from publisher.core.feeds.feed import (
    MAX_PAGE_ENTRIES,
    ArchivePage,
    PageMember,
    hash_members,
    page_size,
    update_pages,
)

Days = list[tuple[int, list[int]]]
days = st.lists(
    st.tuples(st.integers(0, 7), st.lists(st.integers(0, 60), max_size=2)), min_size=1, max_size=12
)
"""Each day so many posts come, and those of these numbers go, where they are there."""


def member(seq: int) -> PageMember:
    return seq, f"tag:example.org,2024:/{seq}/"


def pages_of(count: int, limit: int) -> tuple[ArchivePage, ...]:
    return update_pages((), [member(seq) for seq in range(1, count + 1)], limit, count, 0)


def test_there_is_no_archive_while_everything_fits() -> None:
    assert pages_of(20, 20) == ()
    assert len(pages_of(21, 20)) == 1


def test_archives_hold_as_many_as_the_feed_but_at_most_a_hundred() -> None:
    assert [(page.after, page.until) for page in pages_of(8, 3)] == [(0, 3), (3, 6)]
    assert [(page.number, page.until) for page in pages_of(1_000, 500)] == [
        (number, number * MAX_PAGE_ENTRIES) for number in range(1, 6)
    ]


@given(days, st.integers(1, 6))
def test_a_full_page_changes_only_in_its_members_and_no_post_is_lost(days: Days, limit: int) -> None:
    members: list[PageMember] = []
    pages: tuple[ArchivePage, ...] = ()
    seq = 0
    for coming, going in days:
        members += [member(number) for number in range(seq + 1, seq + coming + 1)]
        seq += coming
        members = [it for it in members if it[0] not in going]
        before, pages = pages, update_pages(pages, members, limit, seq, 0)
        for old, new in zip(before, pages, strict=False):
            there = [it for it in members if new.after < it[0] <= new.until]
            assert new.members == hash_members(there)
            assert (old.number, old.after, old.until, old.as_of) == (
                new.number,
                new.after,
                new.until,
                new.as_of,
            )
        made = pages[len(before) :]
        assert all(page.as_of == seq for page in made)
        archived = pages[-1].until if pages else 0
        assert len([it for it in members if it[0] > archived]) <= limit
        assert [page.number for page in pages] == list(range(1, len(pages) + 1))
        for page in made:
            assert len([it for it in members if page.after < it[0] <= page.until]) == page_size(limit)


def test_a_smaller_limit_leaves_full_pages_and_makes_small_ones() -> None:
    members = [member(seq) for seq in range(1, 26)]
    large = update_pages((), members, 10, 25, 0)
    small = update_pages(large, members, 2, 25, 0)
    assert small[: len(large)] == large
    assert [page.until for page in small] == [10, 20, 22, 24]
