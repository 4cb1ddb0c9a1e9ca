"""Which posts each cohort of readers gets."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from publisher.core.digests import cohorts
from publisher.core.log import Known
from publisher.core.posts import Post

NOW = datetime(2024, 10, 25, 9, 0, tzinfo=UTC)


def known(seq: int) -> Known:
    post = Post(
        path=f"{seq}.md",
        title=f"Post {seq}",
        instant=NOW,
        permalink=f"/{seq}/",
        url=f"https://example.org/{seq}/",
        base_url=f"https://example.org/{seq}/",
        slug=str(seq),
        language="en",
        body_hash="0" * 64,
    )
    return Known(id=f"id-{seq}", post=post, live=True, first_seq=seq, updated_at=NOW)


def test_each_offset_gets_what_came_after_it_in_log_order() -> None:
    fresh = [known(3), known(5), known(9)]
    got = cohorts(fresh, [0, 3, 4, 9, 12])
    assert {offset: [k.first_seq for k in posts] for offset, posts in got.items()} == {
        0: [3, 5, 9],
        3: [5, 9],
        4: [5, 9],
        9: [],
        12: [],
    }


def test_nobody_due_is_no_cohort_and_nothing_new_is_an_empty_one() -> None:
    assert cohorts([known(1)], []) == {}
    assert cohorts([], [4, 4]) == {4: ()}


@given(st.sets(st.integers(1, 60)), st.lists(st.integers(0, 60), min_size=1))
def test_readers_who_move_from_offset_to_offset_get_every_post_once(seqs: set[int], stops: list[int]) -> None:
    """However often a reader's digests come: no gap, no repeat."""
    log = [known(seq) for seq in sorted(seqs)]
    got: list[int] = []
    at = 0
    for head in [*sorted(stops), 60]:
        fresh = [k for k in log if at < k.first_seq <= head]
        got += [k.first_seq for k in cohorts(fresh, [at])[at]]
        at = head
    assert got == sorted(seqs)
