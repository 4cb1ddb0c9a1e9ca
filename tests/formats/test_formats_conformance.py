"""What every feed format must do. Tests are named after the clause they hold it to.

feedparser 6 has no parser for JSON Feed, so that one is read with json, into the same fields.
"""

import calendar
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import feedparser
import jsonschema
import pytest
from lxml import etree
from paths import SHARED

from publisher.core.feeds.feed import Category, Enclosure, Feed, FeedEntry, FeedFormat, History, Tombstone
from publisher.core.posts.post import Image
from publisher.core.site import Person
from publisher.formats import FORMATS

SCHEMAS = SHARED / "schema"
AT = datetime(2024, 10, 25, 8, 38, 59, 880000, tzinfo=UTC)
NS = {"a": "http://www.w3.org/2005/Atom", "media": "http://search.yahoo.com/mrss/"}

READABLE = ("atom", "rss", "json")
"""The formats that `read` reads back: of any other only what all promise is asked."""

every_format = pytest.mark.parametrize("name", FORMATS)
readable_format = pytest.mark.parametrize("name", READABLE)


def entry(number: int = 1, **fields: Any) -> FeedEntry:
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


def feed(*entries: FeedEntry, **fields: Any) -> Feed:
    given: dict[str, Any] = {
        "id": "tag:example.org,2024:feed",
        "title": "Notes & Queries",
        "site_url": "https://example.org/",
        "self_urls": {name: f"https://feeds.example.org/{name}?a=1&b=2" for name in FORMATS},
        "updated": AT,
        "language": "en",
        "description": "All of them",
        "author": Person(name="Ann"),
        "entries": entries,
    }
    return Feed(**{**given, **fields})


FULL = feed(
    entry(
        1,
        title="Fish & <chips>",
        summary="Fewer than <b>ten</b> & more",
        authors=(Person(name="Zoë", url="https://zoe.example/"), Person(name="Bo")),
        categories=(Category(term="Fish", scheme="https://example.org/tags/"), Category(term="q")),
        image=Image(url="https://example.org/1.jpg?w=1&h=2", width=1200, height=630),
    ),
    entry(2, title="", language="fr"),
    entry(3, language="ar", content="<p>مرحبا</p>"),
    entry(4, summary=""),
    entry(5, content=None),
)


@dataclass(frozen=True)
class Read:
    """An entry as a feed reader sees it. Seconds, because RSS has no more."""

    id: str
    link: str
    title: str
    summary: str
    content: str | None
    published: datetime
    updated: datetime
    language: str
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    image: str


def read(name: str, data: bytes) -> tuple[dict[str, str], list[Read]]:
    """The feed's title, site, own address, description and language, and its entries."""
    if name == "json":
        return read_json(json.loads(data))
    parsed = feedparser.parse(data, sanitize_html=False, resolve_relative_uris=False)
    assert not parsed.bozo, parsed.get("bozo_exception")
    links = {link.rel: link.href for link in parsed.feed.links}
    about = {
        "title": parsed.feed.title,
        "site": parsed.feed.link,
        "self": links["self"],
        "description": parsed.feed.subtitle,
        "language": parsed.feed.language,
    }
    return about, [read_entry(e, name, about["language"]) for e in parsed.entries]


def read_entry(e: Any, name: str, feed_language: str) -> Read:
    summary = e.summary_detail.value if "summary_detail" in e else ""
    return Read(
        id=e.id,
        link=e.link,
        title=e.title,
        summary=unescape(summary) if name == "rss" else summary,
        content=e.content[0].value if "content" in e else None,
        published=datetime.fromtimestamp(calendar.timegm(e.published_parsed), UTC),
        updated=datetime.fromtimestamp(calendar.timegm(e.updated_parsed), UTC),
        language=e.title_detail.language or feed_language,
        authors=tuple(name for a in e.get("authors", ()) for name in a.name.split(", ")),
        tags=tuple(t.term for t in e.get("tags", ())),
        image=e.media_content[0]["url"] if "media_content" in e else "",
    )


def read_json(document: dict[str, Any]) -> tuple[dict[str, str], list[Read]]:
    keys = {"title": "title", "site": "home_page_url", "self": "feed_url"}
    keys |= {"description": "description", "language": "language"}
    about = {ours: document[theirs] for ours, theirs in keys.items()}
    return about, [read_item(item, about["language"]) for item in document["items"]]


def read_item(item: dict[str, Any], feed_language: str) -> Read:
    return Read(
        id=item["id"],
        link=item["url"],
        title=item["title"],
        summary=item.get("summary", ""),
        content=item.get("content_html"),
        published=datetime.fromisoformat(item["date_published"]).replace(microsecond=0),
        updated=datetime.fromisoformat(item["date_modified"]).replace(microsecond=0),
        language=item.get("language", feed_language),
        authors=tuple(a["name"] for a in item.get("authors", ())),
        tags=tuple(item.get("tags", ())),
        image=item.get("image", ""),
    )


def meant(e: FeedEntry) -> Read:
    """What a reader should see of `e`, in an English feed."""
    content = f'<div dir="rtl">{e.content}</div>' if e.language == "ar" else e.content
    return Read(
        id=e.id,
        link=e.url,
        title=e.title,
        summary=e.summary,
        content=content,
        published=e.published.replace(microsecond=0),
        updated=e.updated.replace(microsecond=0),
        language=e.language or "en",
        authors=tuple(a.name for a in e.authors),
        tags=tuple(c.label or c.term for c in e.categories),
        image=e.image.url if e.image else "",
    )


@readable_format
def test_every_field_reads_back_as_it_was_meant(name: str) -> None:
    about, entries = read(name, FORMATS[name].write(FULL))
    assert about == {
        "title": FULL.title,
        "site": FULL.site_url,
        "self": FULL.self_urls[name],
        "description": FULL.description,
        "language": "en",
    }
    assert entries == [meant(e) for e in FULL.entries]


def test_ids_dates_order_and_content_are_the_same_in_all_formats() -> None:
    atom, rss, js = (read(name, FORMATS[name].write(FULL))[1] for name in ("atom", "rss", "json"))
    assert atom == rss == js


@readable_format
def test_bylines_hold_the_authors_of_an_entry_alone(name: str) -> None:
    """Miniflux adds the feed's author to each byline, and feedparser shows it instead of several."""
    ann, bo, cy = Person(name="Ann"), Person(name="Bo"), Person(name="Cy")

    def shared(*authors: tuple[Person, ...]) -> bool:
        made = feed(*(entry(n, authors=people) for n, people in enumerate(authors, 1)), author=ann)
        data = FORMATS[name].write(made)
        if name == "json":
            return "authors" in json.loads(data)
        found = etree.fromstring(data)
        return found.find("{*}author") is not None or found.find("channel/{*}creator") is not None

    assert shared((), ())
    assert shared((ann,), (ann,))
    assert shared((), (bo,))
    if name != "rss":
        assert not shared((ann,), (bo, cy))


@every_format
def test_documents_are_utf8_without_a_bom_and_end_with_a_newline(name: str) -> None:
    data = FORMATS[name].write(feed(entry(title="Zoë \N{FISH}")))
    assert "Zoë \N{FISH}" in data.decode("utf-8")
    assert not data.startswith(b"\xef\xbb\xbf")
    assert data.endswith(b"\n")


@readable_format
def test_characters_outside_xml_are_stripped_and_not_replaced(name: str) -> None:
    bad = feed(entry(title="a\0b\x0bc\ufffed\ud800e\tf", content="<p>\x1b[0m\uffff</p>", summary="x\r\ny"))
    read_back = read(name, FORMATS[name].write(bad))[1][0]
    assert (read_back.title, read_back.content, read_back.summary) == ("abcde\tf", "<p>[0m</p>", "x\ny")


@every_format
def test_an_empty_feed_is_a_feed(name: str) -> None:
    data = FORMATS[name].write(feed())
    assert name not in READABLE or read(name, data)[1] == []


@readable_format
def test_right_to_left_content_is_wrapped_also_where_the_whole_feed_is_so(name: str) -> None:
    read_back = read(name, FORMATS[name].write(feed(entry(content="<p>שלום</p>"), language="he")))[1][0]
    assert read_back.content == '<div dir="rtl"><p>שלום</p></div>'
    assert read_back.language == "he"


@readable_format
def test_an_entry_is_never_updated_before_it_was_published(name: str) -> None:
    early = entry(updated=AT - timedelta(days=9))
    read_back = read(name, FORMATS[name].write(feed(early)))[1][0]
    assert read_back.updated == read_back.published


@readable_format
def test_the_generator_is_named_without_a_version(name: str) -> None:
    data = FORMATS[name].write(FULL)
    assert name == "json" or b"<generator>Publisher</generator>" in data
    assert b"feedgen" not in data


@every_format
def test_equal_feeds_give_equal_bytes(name: str) -> None:
    assert FORMATS[name].write(FULL) == FORMATS[name].write(replace(FULL, self_urls=dict(FULL.self_urls)))


@readable_format
def test_nameless_authors_and_malformed_languages_are_left_out(name: str) -> None:
    odd = feed(entry(authors=(Person(name=" "), Person(name="Bo")), language="quite English"))
    read_back = read(name, FORMATS[name].write(odd))[1][0]
    assert (read_back.authors, read_back.language) == (("Bo",), "en")


def test_each_format_has_its_name_suffix_and_media_type() -> None:
    assert [(f.name, f.suffix, f.media_type) for f in map(FORMATS.__getitem__, READABLE)] == [
        ("atom", "atom", "application/atom+xml"),
        ("rss", "xml", "application/rss+xml"),
        ("json", "json", "application/feed+json"),
    ]
    assert list(FORMATS) == list(FeedFormat)


MEANT = History(
    previous={name: f"https://example.org/archive/feed/7?{name}&x" for name in FORMATS},
)
EVERYTHING = feed(
    entry(
        enclosures=(
            Enclosure(url="https://example.org/a.mp3?a=1&b=2", media_type="audio/mpeg", size=123),
            Enclosure(url="https://example.org/a.ogg", media_type="audio/ogg", size=45),
        )
    ),
    hubs=("https://hub.example/?a&b", "https://other.example/"),
    license="https://creativecommons.org/licenses/by/4.0/",
    logo=Image(url="https://example.org/logo.png?a&b", width=300, height=100),
    history=MEANT,
    tombstones=(Tombstone(id="tag:example.org,2024:/gone/", at=AT),),
)


def links(name: str, rel: str) -> list[str]:
    """Where links of that relation lead, whatever the format calls them."""
    data = FORMATS[name].write(EVERYTHING)
    if name == "json":
        document = json.loads(data)
        hubs = [hub["url"] for hub in document["hubs"]]
        return {"hub": hubs, "prev-archive": [document["next_url"]]}[rel]
    return [link.href for link in feedparser.parse(data).feed.links if link.rel == rel]


@readable_format
def test_websub_4_every_hub_is_named(name: str) -> None:
    assert links(name, "hub") == list(EVERYTHING.hubs)


@readable_format
def test_rfc_5005_4_and_json_feed_next_url_the_archive_before_is_named(name: str) -> None:
    assert links(name, "prev-archive") == [MEANT.previous[name]]


@readable_format
def test_an_enclosure_has_its_address_type_and_true_length(name: str) -> None:
    data = FORMATS[name].write(EVERYTHING)
    if name == "json":
        found = json.loads(data)["items"][0]["attachments"]
        files = [(f["url"], f["mime_type"], f["size_in_bytes"]) for f in found]
    else:
        enclosed = feedparser.parse(data).entries[0].enclosures
        files = [(f.href, f.type, int(f.length)) for f in enclosed]
    meant = [(f.url, f.media_type, f.size) for f in EVERYTHING.entries[0].enclosures]
    assert files == (meant[:1] if name == "rss" else meant)  # RSS 2.0: at most one


def test_rfc_4946_and_creative_commons_the_licence_is_linked() -> None:
    atom = etree.fromstring(FORMATS["atom"].write(EVERYTHING))
    assert [link.get("href") for link in atom.findall("a:link[@rel='license']", NS)] == [EVERYTHING.license]
    parsed = feedparser.parse(FORMATS["rss"].write(EVERYTHING))
    assert EVERYTHING.license in [link.href for link in parsed.feed.links if link.rel == "license"]


def test_rss_2_0_the_image_is_within_bounds_and_has_the_title_and_link_of_the_channel() -> None:
    channel = etree.fromstring(FORMATS["rss"].write(EVERYTHING)).find("channel")
    image = {child.tag: child.text for child in channel.find("image")}
    assert image == {
        "url": "https://example.org/logo.png?a&b",
        "title": channel.findtext("title"),
        "link": channel.findtext("link"),
        "width": "144",
        "height": "48",
    }
    svg = replace(EVERYTHING, logo=Image(url="https://example.org/logo.svg"))
    assert etree.fromstring(FORMATS["rss"].write(svg)).find("channel/image") is None
    assert b"<logo>https://example.org/logo.svg</logo>" in FORMATS["atom"].write(svg)
    assert json.loads(FORMATS["json"].write(svg))["icon"] == "https://example.org/logo.svg"


def test_a_square_icon_stands_apart_from_the_logo() -> None:
    icon = "https://example.org/icon.png?a&b"
    with_both, with_icon = replace(EVERYTHING, icon=icon), replace(EVERYTHING, icon=icon, logo=None)
    root = etree.fromstring(FORMATS["atom"].write(with_both))
    assert [root.findtext(f"a:{name}", namespaces=NS) for name in ("icon", "logo")] == [
        icon,
        EVERYTHING.logo.url,
    ]
    found = [json.loads(FORMATS["json"].write(one)) for one in (with_both, with_icon, EVERYTHING)]
    assert [(one.get("icon"), one.get("favicon")) for one in found] == [
        (EVERYTHING.logo.url, icon),
        (icon, icon),
        (EVERYTHING.logo.url, None),
    ]


def test_rfc_6721_3_a_tombstone_names_the_entry_and_when_it_went() -> None:
    root = etree.fromstring(FORMATS["atom"].write(EVERYTHING))
    (grave,) = root.findall("{http://purl.org/atompub/tombstones/1.0}deleted-entry")
    assert dict(grave.attrib) == {"ref": "tag:example.org,2024:/gone/", "when": "2024-10-25T08:38:59.880Z"}


def test_namespaces_are_named_only_where_they_are_used() -> None:
    for name in ("atom", "rss"):
        data = FORMATS[name].write(feed(entry()))
        for uri in (b"search.yahoo.com/mrss", b"syndication/history", b"tombstones", b"creativeCommons"):
            assert uri not in data


def test_rss_profile_content_encoded_always_follows_a_description() -> None:
    item = etree.fromstring(FORMATS["rss"].write(feed(entry(summary="")))).find("channel/item")
    tags = [etree.QName(child).localname for child in item]
    assert tags.index("description") < tags.index("encoded")


@readable_format
def test_control_characters_and_marks_of_lost_letters_do_not_reach_readers(name: str) -> None:
    bad = feed(entry(title="a\x7fb\x85c\ufffdd", content="<p>\x9f\ufffd</p>"))
    read_back = read(name, FORMATS[name].write(bad))[1][0]
    assert (read_back.title, read_back.content) == ("abcd", None)


@readable_format
@pytest.mark.parametrize(
    "nothing", ["", " \n", "<p></p>", "<p>&nbsp;\u200b</p>\n<ul><li></li></ul>", "\x00", '<a href="/x"> </a>']
)
def test_content_that_shows_nothing_is_left_out_and_the_summary_is_given(name: str, nothing: str) -> None:
    data = FORMATS[name].write(feed(entry(content=nothing, language="ar")))
    read_back = read(name, data)[1][0]
    assert (read_back.content, read_back.summary) == (None, "What 1 says")
    if name == "json":
        assert json.loads(data)["items"][0]["content_text"] == "What 1 says"
    else:
        assert not [one for one in etree.fromstring(data).iter("{*}content", "{*}encoded") if not len(one)]


@readable_format
@pytest.mark.parametrize(
    "something", ["0", "<p>&amp;</p>", '<p><img src="https://example.org/a.png" alt=""></p>', "<hr>", "a<br>"]
)
def test_content_without_words_that_shows_something_stays(name: str, something: str) -> None:
    read_back = read(name, FORMATS[name].write(feed(entry(content=something))))[1][0]
    assert read_back.content == something


def test_media_rss_an_image_has_its_size_where_known() -> None:
    for path, name in (("a:entry/media:content", "atom"), ("channel/item/media:content", "rss")):
        image = etree.fromstring(FORMATS[name].write(FULL)).find(path, NS)
        url = "https://example.org/1.jpg?w=1&h=2"
        assert dict(image.attrib) == {"url": url, "medium": "image", "width": "1200", "height": "630"}


ODD = feed(
    entry(title="", summary="", authors=(Person(name="A", email="no address"),)),
    entry(2, content="", language="x_y", categories=(Category(term=""), Category(term="a", label="A"))),
    title="",
    author=None,
    language="not a tag",
)


@pytest.mark.parametrize("written", [FULL, feed(), feed(author=None), ODD, EVERYTHING])
def test_rfc_4287_appendix_b_the_document_is_valid_by_the_grammar(written: Feed) -> None:
    if not (SCHEMAS / "atom.rng").exists():
        pytest.skip("the grammar of Atom is not here")
    grammar = etree.RelaxNG(etree.parse(SCHEMAS / "atom.rng"))
    assert grammar.validate(etree.fromstring(FORMATS["atom"].write(written))), grammar.error_log


@pytest.mark.parametrize("written", [FULL, feed(), ODD, feed(self_urls={}), EVERYTHING])
def test_json_feed_1_1_the_document_is_valid_by_the_schema(written: Feed) -> None:
    if not (SCHEMAS / "jsonfeed-1.1.json").exists():
        pytest.skip("the schema of JSON Feed is not here")
    jsonschema.validate(
        json.loads(FORMATS["json"].write(written)), json.loads((SCHEMAS / "jsonfeed-1.1.json").read_bytes())
    )
