"""Which posts each cohort of readers gets."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.digests.digest import Share, Shares, wanted
from publisher.core.digests.due import Correction, Stand
from publisher.core.posts.filters import Where
from publisher.core.posts.post import Mail, Post
from publisher.core.publishing.log import Known
from publisher.core.subscribers.preferences import Taste
from publisher.core.subscribers.subscription import Choice, MailingList, taste_of

NOW = datetime(2024, 10, 25, 9, 0, tzinfo=UTC)


def a_list(**more: Any) -> MailingList:
    given = {"slug": "l", "title": "L", "sender": "l@example.org", "timezone": "UTC"}
    return MailingList(**(given | more))


def known(seq: int, **more: Any) -> Known:
    post = Post(
        path=f"{seq}.md",
        title=f"Post {seq}",
        instant=NOW,
        permalink=f"/{seq}/",
        url=f"https://example.org/{seq}/",
        base_url=f"https://example.org/{seq}/",
        slug=str(seq),
        body_hash="0" * 64,
        **({"language": "en"} | more),
    )
    return Known(id=f"id-{seq}", post=post, live=True, first_seq=seq, updated_at=NOW)


def seqs(share: Share) -> list[int]:
    return [k.first_seq for k in share.posts]


def test_each_reader_gets_what_came_after_where_they_stand_in_log_order() -> None:
    shares = Shares(a_list(), [known(3), known(5), known(9)], {})
    got = {offset: seqs(shares.of(Stand(offset), Taste(), least=1)) for offset in (0, 3, 4, 9, 12)}
    assert got == {0: [3, 5, 9], 3: [5, 9], 4: [5, 9], 9: [], 12: []}


def test_fewer_posts_than_the_least_wait_and_none_wait_for_nothing() -> None:
    shares = Shares(a_list(), [known(3), known(5)], {})
    waits = {offset: shares.of(Stand(offset), Taste(), least=2).waits for offset in (0, 3, 5)}
    assert waits == {0: False, 3: True, 5: False}


def test_a_correction_is_for_those_whose_bit_is_set_and_stands_where_it_was_made() -> None:
    old = known(2)
    corrected = {1: (Correction(seq=4, first_seq=2, post_id=old.id), old)}
    shares = Shares(a_list(), [known(3), known(5)], corrected)
    assert seqs(shares.of(Stand(2, had=0b10), Taste(), least=1)) == [3, 2, 5]
    assert seqs(shares.of(Stand(2, had=0b01), Taste(), least=1)) == [3, 5]


@pytest.mark.parametrize(
    ("post", "taste", "fits"),
    [
        ({}, Taste(), True),
        ({"mail": Mail.NEVER}, Taste(), False),
        ({"mail": Mail.CORRECTION}, Taste(), True),
        ({"categories": ("Open Source",)}, Taste(topics=("open-source",)), True),
        ({"categories": ("News",), "tags": ("art",)}, Taste(topics=("Art",)), False),  # categories rule
        ({"tags": ("art",)}, Taste(topics=("Art", "News")), True),
        ({}, Taste(topics=("Art",)), False),
        ({"language": "pt-BR"}, Taste(language="pt"), True),
        ({"language": "pt"}, Taste(language="pt-BR"), False),
        ({"language": "ptx"}, Taste(language="pt"), False),
        ({"language": "km", "tags": ("art",)}, Taste(language="KM", topics=("art",)), True),
    ],
)
def test_which_posts_a_reader_wants(post: dict[str, Any], taste: Taste, fits: bool) -> None:
    assert wanted(known(1, **post).post, a_list(), taste) is fits


def test_a_list_has_only_the_posts_it_is_about() -> None:
    spec = a_list(where=Where(category=("news",), language=("en",)))
    fitting = {"categories": ("News",), "language": "en-GB"}
    assert wanted(known(1, **fitting).post, spec, Taste())
    assert not wanted(known(1, **fitting | {"language": "de"}).post, spec, Taste())


def test_a_choice_counts_while_the_list_allows_it() -> None:
    taste = Taste(topics=("art",), language="de")
    assert taste_of(a_list(), taste) == Taste()
    assert taste_of(a_list(readers_choose=(Choice.TOPICS,)), taste) == Taste(topics=("art",))
    assert taste_of(a_list(readers_choose=tuple(Choice)), taste) == taste


@given(st.sets(st.integers(1, 60)), st.lists(st.integers(0, 60), min_size=1), st.integers(1, 4))
def test_readers_who_move_from_stop_to_stop_get_every_post_once(
    log: set[int], stops: list[int], least: int
) -> None:
    """However often a reader's digests come, and whatever waits: no gap, no repeat."""
    posts = [known(seq) for seq in sorted(log)]
    got: list[int] = []
    at = 0
    for head in [*sorted(stops), 60, 61]:
        fresh = [k for k in posts if at < k.first_seq <= head]
        share = Shares(a_list(), fresh, {}).of(Stand(at), Taste(), least=1 if head > 60 else least)
        if not share.waits:
            got += seqs(share)
            at = head
    assert got == sorted(log)
