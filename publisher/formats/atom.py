"""Atom 1.0 (RFC 4287)."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from publisher.core.caching import LruCache
from publisher.core.feeds.feed import Feed, FeedEntry, FeedFormat
from publisher.core.publishing.log import as_iri
from publisher.core.site import Person
from publisher.formats.shared import (
    add_child,
    complete_entry,
    complete_feed,
    cut_out,
    email,
    feed_author,
    feed_of_one,
    insert_before,
    keep,
    new_entry,
    new_feed,
    prepare,
    rfc3339,
    set_text,
    shared_author,
    with_names,
)

if TYPE_CHECKING:
    from lxml.etree import _Element as Element  # pyright: ignore[reportPrivateUsage]  # its only name


TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"


class Atom:
    """Writes application/atom+xml."""

    name: str = FeedFormat.ATOM
    label = "Atom"
    suffix = "atom"
    media_type = "application/atom+xml"

    def write(self, feed: Feed, cache: LruCache | None = None) -> bytes:
        """The document, valid by the grammar of RFC 4287 appendix B."""
        feed = with_iris(prepare(feed, cache))
        generator = new_feed(feed, (self.name, self.media_type), complete_atom_feed)
        generator.author(person_constructs(feed_authors(feed)))
        generator.subtitle(feed.description or None)
        generator.icon(feed.icon or None)
        generator.logo(feed.logo.url if feed.logo else None)
        data: bytes = generator.atom_str(pretty=True)
        entries = [keep(cache, (self.name, entry), partial(write_entry, entry)) for entry in feed.entries]
        return insert_before(data, b"</feed>", entries)


def write_entry(entry: FeedEntry) -> bytes:
    """The entry's lines in any document: every namespace has the same prefix in each."""
    generator = new_feed(feed_of_one(entry), (Atom.name, Atom.media_type), lambda _feed, _element: None)
    item = new_entry(generator, entry, complete_atom_entry)
    item.updated(entry.updated)
    item.published(entry.published)
    item.author(person_constructs(with_names(entry.authors)))
    if entry.summary:
        item.summary(entry.summary, type="text")
    if entry.content is not None:
        item.content(entry.content, type="html")
    return cut_out(generator.atom_str(pretty=True), b"  <entry", b"</feed>")


def with_iris(feed: Feed) -> Feed:
    """`feed` with ids that are IRIs, unlike some of an adopted feed. The authority is that of the feed."""
    authority = feed.id.split(":")[1] if feed.id.startswith("tag:") else "localhost,2026"
    ids = [as_iri(entry.id, authority) for entry in feed.entries]
    return replace(
        feed,
        entries=tuple(
            entry if entry.id == id else replace(entry, id=id)
            for entry, id in zip(feed.entries, ids, strict=True)
        ),
        tombstones=tuple(replace(stone, id=as_iri(stone.id, authority)) for stone in feed.tombstones),
    )


def feed_authors(feed: Feed) -> list[Person]:
    """The author that entries share; nobody where each names its own; else the site's title (RFC 4287 4.1.1
    asks for an author of the feed or of every entry).
    """
    author = shared_author(feed)
    if author:
        return [author]
    if feed.entries and all(with_names(entry.authors) for entry in feed.entries):
        return []
    return [feed_author(feed) or Person(name=feed.title)]


def person_constructs(people: list[Person]) -> list[dict[str, str]]:
    """Person constructs as feedgen takes them (RFC 4287 3.2)."""
    return [{"name": p.name, "email": email(p), "uri": p.url or ""} for p in people]


def complete_atom_feed(feed: Feed, element: "Element") -> None:
    """What feedgen does not write: a title that is text, links, history and tombstones (RFC 6721 3)."""
    set_text(element, "title", feed.title, type="text")
    set_text(element, "updated", rfc3339(feed.updated))
    links = element.findall("link")
    if len(links) == 2:  # some readers take the first link of a feed for its site
        links[0].addprevious(links[1])
    complete_feed(feed, element, (Atom.name, Atom.media_type), "link")
    for tombstone in feed.tombstones:
        attributes = {"ref": tombstone.id, "when": rfc3339(tombstone.at)}
        tag = f"{{{TOMBSTONES}}}deleted-entry"  # with its namespace here: most feeds have none
        element.append(element.makeelement(tag, attributes, nsmap={"at": TOMBSTONES}))


def complete_atom_entry(entry: FeedEntry, element: "Element") -> None:
    """A title that is text, dates that end in Z, and the rel and type of the link, which feedgen drops."""
    complete_entry(entry, element)
    # The type is text unless it says otherwise; of an empty title rss-parser would show the attribute.
    set_text(element, "title", entry.title, **({"type": "text"} if entry.title else {}))
    set_text(element, "updated", rfc3339(entry.updated))
    set_text(element, "published", rfc3339(entry.published))
    link = element.find("link")
    if link is not None:
        link.attrib.update({"rel": "alternate", "type": "text/html"})
    for file in entry.enclosures:
        add_child(
            element, "link", rel="enclosure", type=file.media_type, length=str(file.size), href=file.url
        )
