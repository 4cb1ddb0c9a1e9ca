"""Which posts each cohort of readers gets."""

from datetime import UTC, datetime
from typing import Any

import pytest
from declared import mailing_list
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.digests.digest import CohortKey, Correction, DigestSelection, DigestSelector, is_wanted
from publisher.core.posts.filters import PostFilter
from publisher.core.posts.post import Post, PostMailOptions
from publisher.core.publishing.log import PublishedPost
from publisher.core.subscribers.subscription import ContentPreference, ListChoice, MailingList, content_for

NOW = datetime(2024, 10, 25, 9, 0, tzinfo=UTC)


def a_list(**more: Any) -> MailingList:
    given = {"slug": "l", "title": "L", "sender": "l@example.org", "timezone": "UTC"}
    return mailing_list(**(given | more))


def known(seq: int, **more: Any) -> PublishedPost:
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
    return PublishedPost(id=f"id-{seq}", post=post, live=True, first_seq=seq, updated_at=NOW)


def seqs(share: DigestSelection) -> list[int]:
    return [k.first_seq for k in share.posts]


def test_each_reader_gets_what_came_after_where_they_stand_in_log_order() -> None:
    shares = DigestSelector(a_list(), [known(3), known(5), known(9)], {})
    got = {
        offset: seqs(shares.of(CohortKey(offset), ContentPreference(), least=1))
        for offset in (0, 3, 4, 9, 12)
    }
    assert got == {0: [3, 5, 9], 3: [5, 9], 4: [5, 9], 9: [], 12: []}


def test_fewer_posts_than_the_least_wait_and_none_wait_for_nothing() -> None:
    shares = DigestSelector(a_list(), [known(3), known(5)], {})
    waits = {offset: shares.of(CohortKey(offset), ContentPreference(), least=2).waits for offset in (0, 3, 5)}
    assert waits == {0: False, 3: True, 5: False}


def test_a_correction_is_for_those_whose_bit_is_set_and_stands_where_it_was_made() -> None:
    old = known(2)
    corrected = {1: (Correction(seq=4, first_seq=2, post_id=old.id), old)}
    shares = DigestSelector(a_list(), [known(3), known(5)], corrected)
    assert seqs(shares.of(CohortKey(2, corrections=0b10), ContentPreference(), least=1)) == [3, 2, 5]
    assert seqs(shares.of(CohortKey(2, corrections=0b01), ContentPreference(), least=1)) == [3, 5]


@pytest.mark.parametrize(
    ("post", "taste", "fits"),
    [
        ({}, ContentPreference(), True),
        ({"mail": PostMailOptions.NEVER}, ContentPreference(), False),
        ({"mail": PostMailOptions.CORRECTION}, ContentPreference(), True),
        ({"categories": ("Open Source",)}, ContentPreference(topics=("open-source",)), True),
        (
            {"categories": ("News",), "tags": ("art",)},
            ContentPreference(topics=("Art",)),
            False,
        ),  # categories rule
        ({"tags": ("art",)}, ContentPreference(topics=("Art", "News")), True),
        ({}, ContentPreference(topics=("Art",)), False),
        ({"language": "pt-BR"}, ContentPreference(language="pt"), True),
        ({"language": "pt"}, ContentPreference(language="pt-BR"), False),
        ({"language": "ptx"}, ContentPreference(language="pt"), False),
        ({"language": "km", "tags": ("art",)}, ContentPreference(language="KM", topics=("art",)), True),
    ],
)
def test_which_posts_a_reader_wants(post: dict[str, Any], taste: ContentPreference, fits: bool) -> None:
    assert is_wanted(known(1, **post).post, a_list(), taste) is fits


def test_a_list_has_only_the_posts_it_is_about() -> None:
    spec = a_list(where=PostFilter(category=("news",), language=("en",)))
    fitting = {"categories": ("News",), "language": "en-GB"}
    assert is_wanted(known(1, **fitting).post, spec, ContentPreference())
    assert not is_wanted(known(1, **fitting | {"language": "de"}).post, spec, ContentPreference())


def test_a_choice_counts_while_the_list_allows_it() -> None:
    taste = ContentPreference(topics=("art",), language="de")
    assert content_for(a_list(), taste) == ContentPreference()
    assert content_for(a_list(readers_choose=(ListChoice.TOPICS,)), taste) == ContentPreference(
        topics=("art",)
    )
    assert content_for(a_list(readers_choose=tuple(ListChoice)), taste) == taste


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
        share = DigestSelector(a_list(), fresh, {}).of(
            CohortKey(at), ContentPreference(), least=1 if head > 60 else least
        )
        if not share.waits:
            got += seqs(share)
            at = head
    assert got == sorted(log)
