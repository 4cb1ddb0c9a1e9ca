"""RSS 2.0 and the profile of the RSS Advisory Board, rule by rule."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from publisher.core.feeds.feed import Category, Feed, FeedEntry
from publisher.core.site import Person
from publisher.formats import FORMATS

AT = datetime(2024, 10, 25, 8, 38, 59, 880000, tzinfo=UTC)
NS = {
    "a": "http://www.w3.org/2005/Atom",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
}

MakeEntry = Callable[..., FeedEntry]
MakeFeed = Callable[..., Feed]


def rss(feed: Feed) -> Any:
    return etree.fromstring(FORMATS["rss"].write(feed)).find("channel")


def test_rss_the_channel_link_is_the_site_and_atom_link_is_the_feed(rich_feed: Feed) -> None:
    channel = rss(rich_feed)
    assert channel.findtext("link") == "https://example.org/"
    assert dict(channel.findall("a:link", NS)[0].attrib) == {
        "href": rich_feed.self_urls["rss"],
        "rel": "self",
        "type": "application/rss+xml",
    }


def test_rss_a_guid_is_a_permalink_only_where_it_is_the_link(entry: MakeEntry, feed: MakeFeed) -> None:
    channel = rss(feed(entry(1), entry(2, id="https://example.org/2/")))
    assert [(g.text, g.get("isPermaLink")) for g in channel.findall("item/guid")] == [
        ("tag:example.org,2024:/1/", "false"),
        ("https://example.org/2/", "true"),
    ]


def test_rss_dates_are_rfc_822_in_english_with_a_numeric_zone(entry: MakeEntry, feed: MakeFeed) -> None:
    channel = rss(feed(entry(published=AT, updated=AT)))
    assert channel.findtext("lastBuildDate") == "Fri, 25 Oct 2024 08:38:59 +0000"
    assert channel.findtext("item/pubDate") == "Fri, 25 Oct 2024 08:38:59 +0000"
    assert channel.findtext("item/a:updated", namespaces=NS) == "2024-10-25T08:38:59.880Z"


def test_rss_profile_ampersands_and_less_than_signs_are_hexadecimal(rich_feed: Feed) -> None:
    data = FORMATS["rss"].write(rich_feed)
    assert b"<title>Fish &#x26; &#x3C;chips&gt;: " in data
    assert b"&amp;" not in data
    assert b"&lt;" not in data


def test_rss_profile_the_description_is_html_of_the_plain_summary(rich_feed: Feed) -> None:
    assert (
        rss(rich_feed).findtext("item/description") == "Less than &lt;b&gt;one&lt;/b&gt; in ten &amp; more."
    )


def test_rss_profile_content_follows_the_description(
    entry: MakeEntry, feed: MakeFeed, rich_feed: Feed
) -> None:
    tags = [etree.QName(child).localname for child in rss(rich_feed).find("item")]
    assert tags.index("description") < tags.index("encoded")
    bare = rss(feed(entry(content=None))).find("item")
    assert bare.findtext("description") == "What 1 says"
    assert bare.find("content:encoded", NS) is None


def test_rss_profile_authors_are_named_by_dc_creator(rich_feed: Feed) -> None:
    names = [c.text for c in rss(rich_feed).find("item").findall("dc:creator", NS)]
    assert names == ["Zoë Writer", "Bo"]


def test_rss_the_channel_names_its_editor_by_address_or_its_creator_by_name(feed: MakeFeed) -> None:
    assert rss(feed(author=Person(name="Ann", email="a@example.org"))).findtext("managingEditor") == (
        "a@example.org (Ann)"
    )
    assert rss(feed()).findtext("dc:creator", namespaces=NS) == "Ann"
    assert rss(feed(author=None)).find("dc:creator", NS) is None


def test_rss_categories_show_the_label_and_have_a_domain(entry: MakeEntry, feed: MakeFeed) -> None:
    channel = rss(feed(entry(categories=(Category(term="f", scheme="https://e.org/", label="Fish"),))))
    assert [(c.text, c.get("domain")) for c in channel.findall("item/category")] == [
        ("Fish", "https://e.org/")
    ]


def test_rss_required_channel_elements_are_there_whatever_the_site_leaves_empty(feed: MakeFeed) -> None:
    channel = rss(feed(title="", description=""))
    assert [channel.findtext(tag) for tag in ("title", "link", "description")] == ["https://example.org/"] * 3
    assert channel.findtext("ttl") == "60"
