"""Whatever an author types, the feed stays well-formed and says what was typed."""

import json
from datetime import UTC, datetime

import feedparser
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from publisher.core.feeds.feed import Category, Feed, FeedEntry
from publisher.core.site import Person
from publisher.formats import FORMATS
from publisher.formats.shared import cleaned, prepare

AT = datetime(2024, 10, 25, 8, 38, 59, tzinfo=UTC)
ATOM = "{http://www.w3.org/2005/Atom}"
ENCODED = "{http://purl.org/rss/1.0/modules/content/}encoded"
CREATOR = "{http://purl.org/dc/elements/1.1/}creator"

awkward = st.sampled_from(
    ["]]>", "<![CDATA[", "&amp;", "&#0;", "<b>", "\0", "\r\n", "\ufffe", "\ud800", "\u2028"]
)
any_character = st.characters(exclude_categories=())  # lone surrogates included
texts = st.lists(st.text(any_character, max_size=20) | awkward, max_size=4).map("".join)
names = texts.filter(lambda text: bool(cleaned(text).strip()))


@st.composite
def feeds(draw: st.DrawFn) -> Feed:
    entry = FeedEntry(
        id="tag:example.org,2024:a",
        url="https://example.org/a",
        title=draw(texts),
        published=AT,
        updated=AT,
        summary=draw(texts),
        content=draw(texts | st.none()),
        authors=(Person(name=draw(names)),),
        categories=(Category(term=draw(names), label=draw(texts)),),
    )
    return Feed(
        id="tag:example.org,2024:feed",
        title=draw(names),
        site_url="https://example.org/",
        self_urls={name: f"https://example.org/feed.{name}" for name in FORMATS},
        updated=AT,
        language="en",
        description=draw(texts),
        author=Person(name=draw(names)),
        entries=(entry,),
    )


@given(feeds())
def test_any_text_survives_atom(feed: Feed) -> None:
    data = FORMATS["atom"].write(feed)
    root, entry = etree.fromstring(data), prepare(feed).entries[0]
    item = root.find(f"{ATOM}entry")
    assert root.findtext(f"{ATOM}title") == cleaned(feed.title)
    assert item.findtext(f"{ATOM}title") == entry.title
    assert item.findtext(f"{ATOM}summary", "") == entry.summary
    assert item.findtext(f"{ATOM}content") == entry.content
    assert item.findtext(f"{ATOM}author/{ATOM}name") == entry.authors[0].name
    assert_read_by_feedparser(data, "atom10")


@given(feeds())
def test_any_text_survives_rss(feed: Feed) -> None:
    data = FORMATS["rss"].write(feed)
    root, entry = etree.fromstring(data), prepare(feed).entries[0]
    item = root.find("channel/item")
    assert root.findtext("channel/title") == cleaned(feed.title)
    assert item.findtext("title") == entry.title
    assert item.findtext(ENCODED) == entry.content
    assert item.findtext(CREATOR) == entry.authors[0].name
    assert_read_by_feedparser(data, "rss20")


@given(feeds())
def test_any_text_survives_json(feed: Feed) -> None:
    item, entry = json.loads(FORMATS["json"].write(feed))["items"][0], prepare(feed).entries[0]
    assert item["title"] == entry.title
    assert item.get("summary", "") == entry.summary
    assert item.get("content_html") == entry.content
    assert item["authors"] == [{"name": entry.authors[0].name}]


def assert_read_by_feedparser(data: bytes, version: str) -> None:
    parsed = feedparser.parse(data)
    assert (parsed.bozo, parsed.version) == (False, version)
    assert [entry.id for entry in parsed.entries] == ["tag:example.org,2024:a"]
    assert "title" in parsed.entries[0]
