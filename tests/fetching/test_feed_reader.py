"""Feeds of others, as generators really write them, and as people break them."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.errors import Refused
from publisher.core.publishing.adoption import OldEntry, OldFeed
from publisher.fetching.feed_reader import ForeignFeedReader

AT = datetime(2024, 10, 25, 5, 0, tzinfo=UTC)
HERE = "https://blog.example/feed.xml"

JEKYLL = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" >
<link href="https://blog.example/feed.xml" rel="self" type="application/atom+xml" />
<id>https://blog.example/feed.xml</id><title type="html">Blog</title><entry>
<title type="html">Salt &amp;amp; “Light”</title>
<link href="https://blog.example/2024/10/25/salt.html" rel="alternate" type="text/html" title="Salt" />
<published>2024-10-25T12:00:00+07:00</published><updated>2024-10-25T12:00:00+07:00</updated>
<id>https://blog.example/2024/10/25/salt</id>
<content type="html" xml:base="https://blog.example/2024/"><![CDATA[<p>x</p>]]></content></entry></feed>"""

HUGO = """<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>Blog</title>
<link>https://blog.example/</link><atom:link href="https://blog.example/index.xml" rel="self" />
<item><title>Salt &amp; &#34;Light&#34;</title><link>https://blog.example/posts/salt/</link>
<pubDate>Fri, 25 Oct 2024 12:00:00 +0700</pubDate><guid>https://blog.example/posts/salt/</guid>
<description>x</description></item></channel></rss>"""

WORDPRESS = """<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0">
<channel><title>Blog</title><item><title>Salt</title><link>https://feeds.example/~r/1</link>
<feedburner:origLink>https://blog.example/2024/10/salt/</feedburner:origLink>
<comments>https://blog.example/2024/10/salt/#respond</comments><dc:creator><![CDATA[Ann]]></dc:creator>
<pubDate>Fri, 25 Oct 2024 05:00:00 +0000</pubDate>
<guid isPermaLink="false">https://blog.example/?p=123</guid></item></channel></rss>"""

GHOST = """<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title><![CDATA[Blog]]></title>
<item><title><![CDATA[Salt]]></title><link>https://blog.example/salt/</link>
<guid isPermaLink="false">671b2a0f9c1e</guid><pubDate>Fri, 25 Oct 2024 05:00:00 GMT</pubDate></item>
</channel></rss>"""

RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="https://blog.example/"><title>Blog</title>
</channel><item rdf:about="https://blog.example/salt"><title>Salt</title><link>https://blog.example/salt</link>
<dc:date>2024-10-25T05:00:00Z</dc:date></item></rdf:RDF>"""

JSON = {
    "version": "https://jsonfeed.org/version/1.1",
    "title": "Blog",
    "next_url": "https://blog.example/feed.json?page=2",
    "items": [
        {
            "id": 7,
            "url": "https://blog.example/salt/",
            "title": "Salt",
            "date_published": "2024-10-25T05:00:00Z",
        },
        {"url": "https://blog.example/light/"},
        {"title": "nobody knows it"},
    ],
}


def read(text: str | bytes, where: str = HERE) -> OldFeed:
    return ForeignFeedReader().feed(text.encode() if isinstance(text, str) else text, where)


def only(text: str) -> OldEntry:
    (found,) = read(text).entries
    return found


def test_jekyll() -> None:
    found = only(JEKYLL)
    assert found.id == "https://blog.example/2024/10/25/salt"
    assert found.links[0] == "https://blog.example/2024/10/25/salt.html"
    assert (found.title, found.published, found.updated) == ("Salt & “Light”", AT, AT)


def test_hugo_and_eleventy() -> None:
    found = only(HUGO)
    assert found == OldEntry(
        id="https://blog.example/posts/salt/",
        links=("https://blog.example/posts/salt/",),
        title='Salt & "Light"',
        published=AT,
        is_permalink=True,
    )


def test_wordpress_behind_feedburner() -> None:
    found = only(WORDPRESS)
    assert (found.id, found.published, found.is_permalink) == ("https://blog.example/?p=123", AT, False)
    assert found.links[0] == "https://blog.example/2024/10/salt/"


def test_ghost_whose_ids_are_no_addresses() -> None:
    assert only(GHOST) == OldEntry(
        id="671b2a0f9c1e", links=("https://blog.example/salt/",), title="Salt", published=AT
    )


def test_rss_1_0() -> None:
    found = only(RDF)
    assert (found.id, found.links, found.published) == (
        "https://blog.example/salt",
        ("https://blog.example/salt",),
        AT,
    )


def test_json_feed() -> None:
    feed = read(json.dumps(JSON))
    assert [entry.id for entry in feed.entries] == ["7", "https://blog.example/light/"]
    assert (feed.entries[0].published, feed.title) == (AT, "Blog")
    assert feed.older == "https://blog.example/feed.json?page=2"


@pytest.mark.parametrize("rel", ["prev-archive", "next"])
def test_where_older_entries_are_is_said_in_atom_and_rss(rel: str) -> None:
    link = f'<link xmlns="http://www.w3.org/2005/Atom" rel="{rel}" href="archive/1.xml"/>'
    assert read(JEKYLL.replace("<entry>", link + "<entry>", 1)).older == "https://blog.example/archive/1.xml"
    assert read(HUGO.replace("<item>", link + "<item>", 1)).older == "https://blog.example/archive/1.xml"


@pytest.mark.parametrize(
    "broken",
    [
        HUGO.replace("Salt &amp;", "Salt &"),
        HUGO.replace("Salt &amp;", "Salt\x07 &nbsp;&amp;"),
        "\n \ufeff".encode().decode() + HUGO.partition("?>")[2],
        HUGO.removesuffix("</channel></rss>"),
    ],
)
def test_a_broken_feed_is_read_as_far_as_it_goes(broken: str) -> None:
    found = only(broken)
    assert found.id == "https://blog.example/posts/salt/"
    assert found.title.startswith("Salt")


def test_entities_are_not_expanded_and_nothing_is_fetched() -> None:
    bomb = '<!DOCTYPE rss [<!ENTITY a SYSTEM "file:///etc/passwd"><!ENTITY b "bbb"><!ENTITY c "&b;&b;">]>'
    found = only(bomb + HUGO.partition("?>")[2].replace("Salt", "&a;&c;"))
    assert "root:" not in found.title
    assert "bbb" not in found.title


@pytest.mark.parametrize(
    "data",
    [b"", b"<html><body>Hello</body></html>", b"{}", b"[1]", b"not a feed", b"\xff\xfe\x00", b"{" * 9999],
)
def test_what_is_no_feed_is_said(data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read(data)
    assert (
        str(caught.value)
        == f"{HERE}: no Atom, RSS or JSON feed, and no export; name the address of the feed itself"
    )


def test_a_page_names_its_feed_and_not_that_of_its_comments() -> None:
    page = """<!doctype html><link rel="alternate" type="application/rss+xml" title="Comments" href="/c/">
    <link rel=stylesheet href=a.css><link rel="alternate" type="application/rss+xml" href="feed/">"""
    assert ForeignFeedReader().related(page.encode(), "https://blog.example/") == "https://blog.example/feed/"
    assert ForeignFeedReader().related(b"<p>none", "https://blog.example/") == ""


@given(st.binary(max_size=300))
def test_no_bytes_are_too_odd(data: bytes) -> None:
    for front in (b"", b"<rss><channel><item>", b'{"version": "https://jsonfeed.org/version/1", "items": '):
        try:
            read(front + data)
        except Refused:
            continue


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda v: st.lists(v) | st.dictionaries(st.text(), v),
    )
)
def test_no_json_is_too_odd(value: Any) -> None:
    feed = {"version": "https://jsonfeed.org/version/1.1", "items": value, "next_url": value}
    read(json.dumps(feed))
    read(json.dumps(feed | {"items": [{"id": value, "url": value, "date_published": value, "title": value}]}))
