"""Feeds to write: small ones made to measure, and one with everything in it that a feed can hold."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from publisher.core.feeds.feed import Category, Enclosure, Feed, FeedEntry, History, Tombstone
from publisher.core.posts.post import Image
from publisher.core.site import Person

AT = datetime(2024, 10, 25, 8, 38, 59, 880000, tzinfo=UTC)
NAMES = ("atom", "rss", "json")
TAGS = "https://example.org/tags/"


@pytest.fixture
def entry() -> Callable[..., FeedEntry]:
    """`entry(2, title="")`: the second newest post, with what is said otherwise."""
    return _entry


@pytest.fixture
def feed() -> Callable[..., Feed]:
    """`feed(entry(1), entry(2), author=None)`: a feed of these, with what is said otherwise."""
    return _feed


@pytest.fixture
def rich_feed() -> Feed:
    return Feed(
        id="tag:example.org,2024:feed",
        title="Notes & <Queries>",
        site_url="https://example.org/",
        self_urls={
            "atom": "https://feeds.example.org/feed.atom?a=1&b=2",
            "rss": "https://feeds.example.org/feed.xml",
            "json": "https://feeds.example.org/feed.json",
        },
        updated=datetime(2024, 10, 26, 9, 0, tzinfo=UTC),
        language="en",
        description="Short notes; long queries",
        author=Person(name="Ann Author", email="ann@example.org", url="https://example.org/ann"),
        copyright="© 2024 Ann Author",
        license="https://creativecommons.org/licenses/by/4.0/",
        logo=Image(url="https://example.org/logo.png", width=288, height=96),
        hubs=("https://hub.example/?a=1&b=2", "https://other.example/"),
        history=History(previous={name: f"https://example.org/archive/feed/7.{name}" for name in NAMES}),
        tombstones=(Tombstone(id="tag:example.org,2024:/gone/", at=AT),),
        entries=(_alliances(), _arabic(), _untitled(), _khmer()),
    )


def _alliances() -> FeedEntry:
    return FeedEntry(
        id="tag:example.org,2024:ART2410171545LFBZFV",
        url="https://example.org/2024/10/25/alliances/?a=1&b=2",
        title="Fish & <chips>: the \N{FISH} report ]]>",
        published=datetime(2024, 10, 25, 8, 38, 59, 880000, tzinfo=UTC),
        updated=datetime(2024, 10, 26, 9, 0, tzinfo=UTC),
        summary="Less than <b>one</b> in ten & more.",
        content=(
            "<p>Hello &amp; <em>welcome</em> ]]&gt;</p>\n<pre>if a &lt; b:\n\tpass</pre>\n"
            '<img src="https://example.org/a.jpg" alt="A">'
        ),
        authors=(
            Person(name="Zoë Writer", email="zoe@example.org"),
            Person(name="Bo", url="https://bo.example/"),
        ),
        categories=(
            Category(term="opinion", scheme="https://example.org/categories/", label="Opinion & Debate"),
            Category(term="fish", scheme=TAGS),
            Category(term="plain"),
        ),
        image=Image(url="https://example.org/fish.jpg?w=1&h=2", alt="A fish", width=1200, height=630),
        enclosures=(
            Enclosure(url="https://example.org/talk.mp3?a=1&b=2", media_type="audio/mpeg", size=123456),
            Enclosure(url="https://example.org/talk.ogg", media_type="audio/ogg", size=99),
        ),
    )


def _arabic() -> FeedEntry:
    return FeedEntry(
        id="tag:example.org,2024:/2024/10/20/marhaban/",
        url="https://example.org/2024/10/20/marhaban/",
        title="مرحبا بالعالم",
        published=datetime(2024, 10, 20, 23, 59, 59, tzinfo=UTC),
        updated=datetime(2024, 10, 20, 23, 59, 59, tzinfo=UTC),
        summary="ملخص قصير",
        content="<p>مرحبا</p>",
        language="ar",
    )


def _untitled() -> FeedEntry:
    return FeedEntry(
        id="https://example.org/2024/2/29/note/",
        url="https://example.org/2024/2/29/note/",
        title="",
        published=datetime(2024, 2, 29, 0, 0, 0, 5000, tzinfo=UTC),
        updated=datetime(2024, 2, 29, 0, 0, 0, 5000, tzinfo=UTC),
        content="<p>A note without a title.</p>",
    )


def _khmer() -> FeedEntry:
    return FeedEntry(
        id="urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a",
        url="https://example.org/km/",
        title="សួស្តី",
        published=datetime(2023, 1, 1, tzinfo=UTC),
        updated=datetime(2023, 6, 1, 12, 0, tzinfo=UTC),
        summary="Only a summary",
        language="km",
    )


def _entry(number: int = 1, **fields: Any) -> FeedEntry:
    given: dict[str, Any] = {
        "id": f"tag:example.org,2024:/{number}/",
        "url": f"https://example.org/{number}/",
        "title": f"Post {number}",
        "published": AT - timedelta(days=number),
        "updated": AT - timedelta(days=number) + timedelta(hours=1),
        "summary": f"What {number} says",
        "content": f"<p>Body &amp; soul of {number}</p>",
    }
    return FeedEntry(**{**given, **fields})


def _feed(*entries: FeedEntry, **fields: Any) -> Feed:
    given: dict[str, Any] = {
        "id": "tag:example.org,2024:feed",
        "title": "Notes & Queries",
        "site_url": "https://example.org/",
        "self_urls": {},
        "updated": AT,
        "language": "en",
        "description": "All of them",
        "author": Person(name="Ann"),
        "entries": entries,
    }
    return Feed(**{**given, **fields})
