"""No document is too large: whole posts give way to summaries, the oldest first."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.feeds.feed import Category, Feed, FeedEntry, truncate_feed
from publisher.core.site import Person, license_url
from publisher.formats import FORMATS

AT = datetime(2024, 10, 25, tzinfo=UTC)


def entry(number: int, **values: Any) -> FeedEntry:
    given: dict[str, Any] = {"title": f"Post {number}", "summary": "Short.", "content": "<p>x</p>"}
    return FeedEntry(
        id=f"tag:e,2024:{number}", url="https://e.org/", published=AT, updated=AT, **(given | values)
    )


def feed(*entries: FeedEntry) -> Feed:
    return Feed(
        id="tag:e,2024:f",
        title="F",
        site_url="https://e.org/",
        self_urls={},
        updated=AT,
        language="en",
        entries=entries,
    )


def test_a_small_feed_is_left_as_it_is() -> None:
    small = feed(entry(1), entry(2))
    assert truncate_feed(small) is small


def test_the_newest_stay_whole_and_the_rest_are_summaries() -> None:
    heavy = feed(*(entry(number, content="<p>" + "x" * 20_000) for number in range(5)))
    kept = truncate_feed(heavy, 60_000).entries
    assert [e.content is not None for e in kept] == [True, True, False, False, False]
    assert [e.id for e in kept] == [e.id for e in heavy.entries]


def test_where_not_even_summaries_fit_they_are_cut_and_the_oldest_left_out() -> None:
    heavy = feed(*(entry(number, summary="y" * 5_000, title="z" * 9_000) for number in range(50)))
    kept = truncate_feed(heavy, 60_000).entries
    assert 5 < len(kept) < 50
    assert all(len(e.summary) == len(e.title) == 300 for e in kept)


texts = st.text(st.sampled_from("&<>\"'\n x]é日"), max_size=300)


@given(st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=12), st.integers(8_000, 20_000))
def test_no_format_makes_more_of_it_than_that(found: list[tuple[str, str, str]], largest: int) -> None:
    entries = [
        entry(
            n,
            title=a,
            summary=b * 5,
            content=c * 20,
            authors=(Person(name=a),),
            categories=(Category(term=b),),
        )
        for n, (a, b, c) in enumerate(found)
    ]
    small = truncate_feed(feed(*entries), largest)
    for format in FORMATS.values():
        assert len(format.write(small)) <= largest


@pytest.mark.parametrize(
    ("rights", "url"),
    [
        ("© Ann", ""),
        ("© Ann, CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/"),
        ("CC-BY-SA 3.0 Ann", "https://creativecommons.org/licenses/by-sa/3.0/"),
        ("CC BY-NC-ND 4.0", "https://creativecommons.org/licenses/by-nc-nd/4.0/"),
        ("CC0", "https://creativecommons.org/publicdomain/zero/1.0/"),
        ("See (https://e.org/terms).", "https://e.org/terms"),
        ("MACC BY 4.0", ""),
    ],
)
def test_a_rights_line_may_name_a_licence(rights: str, url: str) -> None:
    assert license_url(rights) == url
