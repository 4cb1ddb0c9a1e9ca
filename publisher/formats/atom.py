"""Atom 1.0 (RFC 4287)."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from publisher.core.feeds.feed import Feed, FeedEntry, Tombstone
from publisher.core.publishing.ids import as_iri
from publisher.core.site import Person
from publisher.formats.clean import email, feed_author, named, prepare, rfc3339
from publisher.formats.elements import child, mend_entry, mend_feed, set_text

if TYPE_CHECKING:
    from lxml.etree import _Element as Element  # pyright: ignore[reportPrivateUsage]  # its only name


TOMBSTONES = "http://purl.org/atompub/tombstones/1.0"


class Atom:
    """Writes application/atom+xml."""

    name = "atom"
    label = "Atom"
    suffix = "atom"
    media_type = "application/atom+xml"

    def write(self, feed: Feed) -> bytes:
        """The document, valid by the grammar of RFC 4287 appendix B."""
        from publisher.formats.generator import new_entry, new_feed  # loads feedgen

        feed = _named(prepare(feed))
        generator = new_feed(feed, (self.name, self.media_type), _mend_feed)
        generator.author(_people(_authors(feed)))
        generator.subtitle(feed.description or None)
        generator.logo(feed.logo.url if feed.logo else None)
        for entry in feed.entries:
            _fill(new_entry(generator, entry, _mend_entry), entry)
        data: bytes = generator.atom_str(pretty=True)
        return data


def _named(feed: Feed) -> Feed:
    """With ids that are IRIs; those of an adopted feed need not be. The authority is the feed's own."""
    authority = feed.id.split(":")[1] if feed.id.startswith("tag:") else "localhost,2026"
    return replace(
        feed,
        entries=tuple(replace(entry, id=as_iri(entry.id, authority)) for entry in feed.entries),
        tombstones=tuple(replace(stone, id=as_iri(stone.id, authority)) for stone in feed.tombstones),
    )


def _fill(item: Any, entry: FeedEntry) -> None:
    item.updated(entry.updated)
    item.published(entry.published)
    item.author(_people(named(entry.authors)))
    if entry.summary:
        item.summary(entry.summary, type="text")
    if entry.content is not None:
        item.content(entry.content, type="html")


def _mend_feed(feed: Feed, element: "Element") -> None:
    set_text(element, "title", feed.title, type="text")
    set_text(element, "updated", rfc3339(feed.updated))
    mend_feed(feed, element, (Atom.name, Atom.media_type), "link")
    for tombstone in feed.tombstones:
        element.append(_deleted(tombstone, element))


def _deleted(tombstone: Tombstone, parent: "Element") -> "Element":
    """at:deleted-entry (RFC 6721 3). Its namespace is named only where it is used."""
    attributes = {"ref": tombstone.id, "when": rfc3339(tombstone.at)}
    return parent.makeelement(f"{{{TOMBSTONES}}}deleted-entry", attributes, nsmap={"at": TOMBSTONES})


def _mend_entry(entry: FeedEntry, element: "Element") -> None:
    """The title is text, dates end in Z, and the link gets back the rel and type that feedgen drops."""
    mend_entry(entry, element)
    set_text(element, "title", entry.title, type="text")
    set_text(element, "updated", rfc3339(entry.updated))
    set_text(element, "published", rfc3339(entry.published))
    link = element.find("link")
    if link is not None:
        link.attrib.update({"rel": "alternate", "type": "text/html"})
    for file in entry.enclosures:
        child(element, "link", rel="enclosure", type=file.media_type, length=str(file.size), href=file.url)


def _authors(feed: Feed) -> list[Person]:
    """The feed's author; the site's title where neither it nor every entry has one (RFC 4287 4.1.1)."""
    author = feed_author(feed)
    if author:
        return [author]
    if feed.entries and all(named(entry.authors) for entry in feed.entries):
        return []
    return [Person(name=feed.title)]


def _people(people: list[Person]) -> list[dict[str, str]]:
    """Person constructs, as feedgen takes them (RFC 4287 3.2)."""
    return [{"name": p.name, "email": email(p), "uri": p.url or ""} for p in people]
