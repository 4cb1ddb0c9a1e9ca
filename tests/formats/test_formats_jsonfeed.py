"""JSON Feed 1.1, rule by rule."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from publisher.core.feeds.feed import Category, Feed, FeedEntry
from publisher.core.site import Person
from publisher.formats import FORMATS

AT = datetime(2024, 10, 25, 8, 38, 59, 880000, tzinfo=UTC)

MakeEntry = Callable[..., FeedEntry]
MakeFeed = Callable[..., Feed]


def document(feed: Feed) -> Any:
    return json.loads(FORMATS["json"].write(feed))


def test_json_feed_1_1_an_item_has_html_or_text(entry: MakeEntry, feed: MakeFeed) -> None:
    full, short, bare = document(feed(entry(1), entry(2, content=None), entry(3, content=None, summary="")))[
        "items"
    ]
    assert full["content_html"] == "<p>Body &amp; soul of 1</p>"
    assert "content_text" not in full
    assert (short["content_text"], short["summary"]) == ("What 2 says", "What 2 says")
    assert (bare["content_text"], "summary" in bare) == ("", False)


def test_json_feed_1_1_titles_are_text_and_not_escaped(rich_feed: Feed) -> None:
    assert b'"title": "Fish & <chips>: ' in FORMATS["json"].write(rich_feed)


def test_json_feed_1_1_authors_have_name_and_url_and_no_address(entry: MakeEntry, feed: MakeFeed) -> None:
    written = document(
        feed(entry(), author=Person(name="Ann", email="a@example.org", url="https://a.example/"))
    )
    assert written["authors"] == [{"name": "Ann", "url": "https://a.example/"}]
    assert "authors" not in written["items"][0]


def test_json_feed_1_1_dates_are_rfc_3339(entry: MakeEntry, feed: MakeFeed) -> None:
    item = document(feed(entry(published=AT, updated=AT.replace(microsecond=0) + timedelta(hours=1))))[
        "items"
    ][0]
    assert item["date_published"] == "2024-10-25T08:38:59.880Z"
    assert item["date_modified"] == "2024-10-25T09:38:59Z"


def test_json_feed_1_1_tags_are_the_labels_each_once(entry: MakeEntry, feed: MakeFeed) -> None:
    twice = (
        Category(term="a", label="A"),
        Category(term="a", scheme="https://e.org/", label="A"),
        Category(term="b"),
    )
    assert document(feed(entry(categories=twice)))["items"][0]["tags"] == ["A", "b"]
