"""What a feed document says of itself, and the same document without what a client has."""

import json
from typing import Any

import pytest

from publisher.core.feeds.documents import FeedResource, may_be_feed, read_feed, without_entries
from publisher.core.feeds.feed import FeedFormat

ATOM = b"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:fh="http://purl.org/syndication/history/1.0">
  <id>urn:f</id>
  <link rel="self" href="https://a.example/feed.atom"/>
  <link href="https://hub.example/" rel="hub"/>
  <link href="https://other.example/" rel="hub"/>
  <fh:complete/><entry><id>u:1</id><content>&lt;entry&gt; \xe1\x9e\x80</content><link rel="self"/></entry>
  <entry><id>urn:2</id><content><![CDATA[</entry><entry>]]></content></entry>
  <entry >
    <id>urn:3</id>
  </entry >
</feed>
"""
HUBS = ("https://hub.example/", "https://other.example/")
RSS = b"""<rss xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>T &#x26; U</title>
<atom:link rel="self" href="https://a.example/feed.xml"/><atom:link rel="hub" href="https://hub.example/"/>
<item><guid>1</guid></item><item><guid>2</guid></item></channel></rss>"""
JSON = json.dumps(
    {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "K\u1780",
        "feed_url": "https://a.example/feed.json",
        "hubs": [{"type": "WebSub", "url": "https://hub.example/"}, {}],
        "items": [{"id": "1"}, {"id": "2", "title": "two"}],
    },
    ensure_ascii=False,
).encode()


def feed(data: bytes) -> FeedResource:
    found = read_feed(data)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("data", "kind", "url", "hubs", "entries"),
    [
        (
            ATOM,
            FeedFormat.ATOM,
            "https://a.example/feed.atom",
            ("https://hub.example/", "https://other.example/"),
            3,
        ),
        (RSS, FeedFormat.RSS, "https://a.example/feed.xml", ("https://hub.example/",), 2),
        (JSON, FeedFormat.JSON, "https://a.example/feed.json", ("https://hub.example/",), 2),
    ],
)
def test_a_feed_names_its_kind_its_url_and_its_hubs(
    data: bytes, kind: FeedFormat, url: str, hubs: tuple[str, ...], entries: int
) -> None:
    found = feed(data)
    assert (found.kind, found.self_url, found.hubs, len(set(found.marks))) == (kind, url, hubs, entries)


@pytest.mark.parametrize("data", [ATOM, RSS, JSON])
def test_without_what_is_held_the_rest_stays_in_its_order(data: bytes) -> None:
    found = feed(data)
    for n, mark in enumerate(found.marks):
        cut = without_entries(data, found, {mark, "other"})
        assert cut is not None
        left = feed(cut)
        assert left.marks == found.marks[:n] + found.marks[n + 1 :]
        assert (left.self_url, left.hubs, left.kind) == (found.self_url, found.hubs, found.kind)
    assert feed(without_entries(data, found, found.marks) or b"").marks == ()


@pytest.mark.parametrize("data", [ATOM, RSS, JSON])
def test_of_a_feed_of_which_nothing_is_held_nothing_is_cut(data: bytes) -> None:
    assert without_entries(data, feed(data), {"other"}) is None
    assert without_entries(data, feed(data), ()) is None


def test_what_is_left_is_byte_for_byte_as_the_format_wrote_it() -> None:
    found = feed(ATOM)
    cut = without_entries(ATOM, found, {found.marks[1]}) or b""
    assert b"&lt;entry&gt; \xe1\x9e\x80</content>" in cut
    assert b"CDATA" not in cut
    assert cut.count(b"<entry") == 2
    assert all(line in ATOM.splitlines() or b"u:1" in line or b"other" in line for line in cut.splitlines())
    assert b"T &#x26; U" in (without_entries(RSS, feed(RSS), feed(RSS).marks[:1]) or b"")


def test_a_feed_without_some_entries_does_not_say_it_is_complete() -> None:
    """RFC 5005 2: a reader would take the others for deleted."""
    cut = without_entries(ATOM, feed(ATOM), feed(ATOM).marks[:1])
    assert b"complete" not in (cut or b"complete")


def test_an_entry_that_changed_has_another_mark() -> None:
    changed = ATOM.replace(b"urn:3", b"urn:4")
    assert feed(changed).marks[:2] == feed(ATOM).marks[:2]
    assert feed(changed).marks[2] != feed(ATOM).marks[2]


BOMB = b'<!DOCTYPE feed [<!ENTITY a "b">]><feed xmlns="http://www.w3.org/2005/Atom">&a;</feed>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"words",
        b"<html></html>",
        b"<feed></feed>",
        b"<urlset/>",
        b'<feed xmlns="http://www.w3.org/2005/Atom">',
        BOMB,
        b"{",
        b"[]",
        b'{"version": 1}',
        b'{"version": "https://jsonfeed.org/', b"{" * 100_000,
        b"\xff\xfe<\0",
    ],
)  # fmt: skip
def test_what_is_no_feed_is_none(data: bytes) -> None:
    assert read_feed(data) is None


@pytest.mark.parametrize(
    ("values", "marks"),
    [({}, 0), ({"items": None}, 0), ({"items": {}}, 0), ({"items": [1, {}], "hubs": "x"}, 1)],
)
def test_a_json_feed_with_odd_parts_is_read_as_far_as_it_goes(values: dict[str, Any], marks: int) -> None:
    found = feed(json.dumps({"version": "https://jsonfeed.org/version/1", **values}).encode())
    assert (len(found.marks), found.hubs) == (marks, ())


def test_a_site_may_choose_the_path_of_a_feed_but_not_among_posts_and_files() -> None:
    assert all(map(may_be_feed, ("feed.atom", "index.xml", "rss", "blog/feed/index.xml", "archive/1.json")))
    assert not any(map(may_be_feed, ("index.html", "posts/feed.xml", "assets/a.json", "digests/x.xml")))
