"""RSS 2.0 and the profile of the RSS Advisory Board, rule by rule."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lxml import etree

from publisher.core.feeds.feed import Category, Enclosure, Feed, FeedEntry
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


def test_rss_profile_ampersands_and_less_than_signs_of_titles_are_hexadecimal(
    entry: MakeEntry, feed: MakeFeed, rich_feed: Feed
) -> None:
    """Elsewhere they are not: some readers decode no hexadecimal reference in a guid or a link."""
    assert b"<title>Fish &#x26; &#x3C;chips&gt;: " in FORMATS["rss"].write(rich_feed)
    made = feed(entry(id="https://e.org/?a=1&b=<2>", content="<svg><title>a &amp; b</title></svg>"))
    data = FORMATS["rss"].write(made)
    assert b"https://e.org/?a=1&amp;b=&lt;2&gt;</guid>" in data
    assert b"<title>a &amp; b</title>" in data
    assert etree.fromstring(data).findtext("channel/item/guid") == made.entries[0].id


def test_rss_content_is_a_cdata_section_that_holds_whatever_an_author_writes(
    entry: MakeEntry, feed: MakeFeed
) -> None:
    content = "<pre>if (a[b[0]]> 1 &amp;&amp; c) { <![CDATA[ ]]>]]></pre>"
    data = FORMATS["rss"].write(feed(entry(content=content)))
    assert b"<content:encoded><![CDATA[<pre>if" in data
    assert rss(feed(entry(content=content))).findtext("item/content:encoded", namespaces=NS) == content


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
    """All of them in one: of several, Miniflux keeps the last, and gofeed and feedparser (npm) the first."""
    names = [c.text for c in rss(rich_feed).find("item").findall("dc:creator", NS)]
    assert names == ["Zoë Writer, Bo"]


def test_rss_the_language_of_an_item_is_named_where_it_differs(entry: MakeEntry, feed: MakeFeed) -> None:
    items = rss(feed(entry(language="en"), entry(2, language="km"))).findall("item")
    assert [item.findtext("dc:language", namespaces=NS) for item in items] == [None, "km"]


def test_rss_further_files_are_media_content(entry: MakeEntry, feed: MakeFeed) -> None:
    files = [("a.mp3", "audio/mpeg", 1), ("b.mp4", "video/mp4", 2), ("c.pdf", "application/pdf", 3)]
    made = entry(
        enclosures=tuple(Enclosure(url=f"https://e.org/{n}", media_type=m, size=s) for n, m, s in files)
    )
    item = rss(feed(made)).find("item")
    assert [file.get("url") for file in item.findall("enclosure")] == ["https://e.org/a.mp3"]
    media = item.findall("{http://search.yahoo.com/mrss/}content")
    assert [(m.get("type"), m.get("fileSize"), m.get("medium")) for m in media] == [
        ("video/mp4", "2", "video"),
        ("application/pdf", "3", "document"),
    ]


def test_rss_the_channel_names_its_editor_by_address_or_its_creator_by_name(feed: MakeFeed) -> None:
    assert rss(feed(author=Person(name="Ann", email="a@example.org"))).findtext("managingEditor") == (
        "a@example.org (Ann)"
    )
    assert rss(feed()).findtext("dc:creator", namespaces=NS) == "Ann"
    assert rss(feed(author=None)).find("dc:creator", NS) is None


def test_rss_categories_show_the_label_and_have_no_domain(entry: MakeEntry, feed: MakeFeed) -> None:
    channel = rss(feed(entry(categories=(Category(term="f", scheme="https://e.org/", label="Fish"),))))
    assert [(c.text, dict(c.attrib)) for c in channel.findall("item/category")] == [("Fish", {})]


def test_rss_required_channel_elements_are_there_whatever_the_site_leaves_empty(feed: MakeFeed) -> None:
    channel = rss(feed(title="", description=""))
    assert [channel.findtext(tag) for tag in ("title", "link", "description")] == ["https://example.org/"] * 3
    assert channel.findtext("ttl") == "60"
