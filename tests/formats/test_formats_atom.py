"""Atom, clause by clause (RFC 4287)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from publisher.core.feeds.feed import Category, Feed, FeedEntry
from publisher.core.site import Person
from publisher.formats import FORMATS

AT = datetime(2024, 10, 25, 8, 38, 59, 880000, tzinfo=UTC)
NS = {"a": "http://www.w3.org/2005/Atom"}
LANG = "{http://www.w3.org/XML/1998/namespace}lang"

MakeEntry = Callable[..., FeedEntry]
MakeFeed = Callable[..., Feed]


def atom(feed: Feed) -> Any:
    return etree.fromstring(FORMATS["atom"].write(feed))


def test_rfc_4287_4_1_1_a_feed_has_an_author_or_each_entry_has(entry: MakeEntry, feed: MakeFeed) -> None:
    bo = entry(authors=(Person(name="Bo", email="bo@example.org", url="https://bo.example/"),))

    def names(feed: Feed) -> list[str]:
        return [name.text for name in atom(feed).findall("a:author/a:name", NS)]

    assert names(feed(bo)) == []
    assert names(feed(bo, entry(2))) == ["Ann"]
    assert names(feed(bo, author=None)) == []
    assert names(feed(bo, entry(2), author=None)) == ["Notes & Queries"]
    assert names(feed(author=None)) == ["Notes & Queries"]
    person = atom(feed(bo)).find("a:entry/a:author", NS)
    assert [child.text for child in person] == ["Bo", "bo@example.org", "https://bo.example/"]


def test_rfc_4287_4_2_7_links_keep_href_rel_and_type(rich_feed: Feed) -> None:
    root = atom(rich_feed)
    assert [dict(link.attrib) for link in root.findall("a:link", NS)] == [
        {"href": "https://example.org/", "rel": "alternate", "type": "text/html"},
        {"href": rich_feed.self_urls["atom"], "rel": "self", "type": "application/atom+xml"},
        {"href": "https://hub.example/?a=1&b=2", "rel": "hub"},
        {"href": "https://other.example/", "rel": "hub"},
        {"href": "https://creativecommons.org/licenses/by/4.0/", "rel": "license"},
        {
            "href": rich_feed.history.previous["atom"],
            "rel": "prev-archive",
            "type": "application/atom+xml",
        },
    ]
    first = root.findall("a:entry/a:link", NS)[0]
    assert dict(first.attrib) == {"href": rich_feed.entries[0].url, "rel": "alternate", "type": "text/html"}


def test_rfc_4287_3_1_titles_and_summaries_are_text_and_content_is_html(
    entry: MakeEntry, feed: MakeFeed
) -> None:
    root = atom(feed(entry(title="T"), description="d"))
    types = {
        path: root.find(path, NS).get("type") for path in ("a:title", "a:entry/a:title", "a:entry/a:summary")
    }
    assert set(types.values()) == {"text"}
    assert root.find("a:entry/a:content", NS).get("type") == "html"


def test_rfc_4287_3_3_dates_end_in_z_with_milliseconds_only_where_there_are_any(
    entry: MakeEntry, feed: MakeFeed
) -> None:
    root = atom(
        feed(entry(published=AT, updated=AT.replace(microsecond=999)), updated=AT.replace(microsecond=0))
    )
    assert root.findtext("a:updated", namespaces=NS) == "2024-10-25T08:38:59Z"
    assert root.findtext("a:entry/a:published", namespaces=NS) == "2024-10-25T08:38:59.880Z"
    assert root.findtext("a:entry/a:updated", namespaces=NS) == "2024-10-25T08:38:59.880Z"


def test_rfc_4287_4_2_2_categories_have_term_scheme_and_label(entry: MakeEntry, feed: MakeFeed) -> None:
    fish = Category(term="fish", scheme="https://example.org/tags/", label="Fish & co")
    root = atom(feed(entry(categories=(fish, Category(term="q"), fish))))
    assert [dict(c.attrib) for c in root.findall("a:entry/a:category", NS)] == [
        {"term": "fish", "scheme": "https://example.org/tags/", "label": "Fish & co"},
        {"term": "q"},
    ]


def test_rfc_4287_2_the_language_is_on_the_feed_and_on_entries_that_differ(
    entry: MakeEntry, feed: MakeFeed
) -> None:
    root = atom(feed(entry(1, language="EN"), entry(2, language="pt_BR")))
    assert root.get(LANG) == "en"
    assert [e.get(LANG) for e in root.findall("a:entry", NS)] == [None, "pt-BR"]


def test_a_title_that_is_empty_is_an_empty_element(entry: MakeEntry, feed: MakeFeed) -> None:
    """rss-parser would give an object of its attributes instead of a text."""
    title = atom(feed(entry(title=""))).find("a:entry/a:title", NS)
    assert (title.text or "", dict(title.attrib)) == ("", {})


def test_rfc_4287_4_2_10_rights_and_4_2_12_subtitle_are_present_where_given(feed: MakeFeed) -> None:
    assert atom(feed(copyright="© Ann")).findtext("a:rights", namespaces=NS) == "© Ann"
    assert atom(feed(description="")).find("a:subtitle", NS) is None
