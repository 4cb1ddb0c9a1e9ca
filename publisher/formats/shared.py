"""Shared by the formats. `prepare` cleans a feed before any format writes it, so that all formats agree. The
rest is what Atom and RSS add to the elements that feedgen builds; it does not import lxml, because elements
create their own children.

`opml` lists all feeds of a site for import into a feed reader (OPML 2.0, http://opml.org/spec2.opml).

feedgen 1.0.0 writes most of an Atom or RSS feed correctly. What it gets wrong or lacks (hubs, archive links,
enclosures, tombstones, the license) is corrected in its elements before they are serialized. It is imported
when the first feed is written, because loading it with lxml takes a tenth of a second.
"""

import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from functools import cache, partial
from html import escape
from typing import TYPE_CHECKING, Any, TypeVar, cast

from publisher.core.caching import LruCache, lazy
from publisher.core.feeds.feed import Category, Feed, FeedEntry, Outline
from publisher.core.site import Person, Site, text_direction

if TYPE_CHECKING:
    from lxml.etree import _Element as Element  # pyright: ignore[reportPrivateUsage]  # its only name


GENERATOR = "Publisher"
"""The generator's name. It carries no version: a new version must not change a byte of an old feed."""

MEDIA = "http://search.yahoo.com/mrss/"
HISTORY = "http://purl.org/syndication/history/1.0"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

T = TypeVar("T")

_ILLEGAL = lazy("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffd-\uffff]")
"""What XML 1.0 forbids (2.2, Char) or advises against: C1 controls and U+FFFD, a lost character."""
_CONTROLS = bytes((*range(0x20), 0x7F)).replace(b"\t", b"").replace(b"\n", b"")
_LAST_CHARACTERS = "\uffff".encode()[:2]
_SHOWS = lazy(
    r"(?:\A|>)(?:[\s\u200b-\u200d\u2060\ufeff]|&nbsp;|&#160;|&#xa0;)*+[^<]"
    r"|<(?:img|picture|svg|math|video|audio|iframe|object|embed|hr|input)\b",
    re.IGNORECASE,
)
"""Visible text, or an element that shows something without text."""
_TAG = lazy(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*")


def prepare(feed: Feed, cache: LruCache | None = None) -> Feed:
    """`feed` with every text legal in XML, language tags well-formed, and entries made self-contained.

    An entry keeps its language only if it differs from the feed's; right-to-left content is wrapped in `<div
    dir="rtl">`; content that shows nothing is left out, since many readers would show it instead of the
    summary; published <= updated.
    """
    language = language_tag(cleaned(feed.language))
    entries = tuple(
        keep(cache, ("prepared", language, entry), partial(_prepare_entry, entry, language))
        for entry in feed.entries
    )
    whole = replace(cleaned(replace(feed, entries=())), language=language, entries=entries)
    return replace(whole, title=whole.title or whole.site_url)


def _prepare_entry(entry: FeedEntry, language: str) -> FeedEntry:
    entry = cleaned(entry)
    tag = language_tag(entry.language)
    content = entry.content if entry.content and _SHOWS.search(entry.content) else None
    if content and text_direction(tag or language) == "rtl":
        content = f'<div dir="rtl">{content}</div>'
    if tag.lower() == language.lower():
        tag = ""
    updated = max(entry.updated, entry.published)
    return replace(entry, language=tag, content=content, updated=updated)


def keep(cache: LruCache | None, key: Hashable, make: Callable[[], T]) -> T:
    """The value of `key` in `cache`, made if it is not there; made every time without a cache."""
    return make() if cache is None else cache.get_or_make(key, make)


def cleaned(value: T) -> T:
    """`value` with what XML 1.0 forbids or advises against removed from every text in it; lines end in LF.

    Walks dataclasses, tuples and dicts; returns anything else as it is.
    """
    result: object = value
    if isinstance(value, str):
        if _may_be_illegal(value):
            result = _ILLEGAL.sub("", value.replace("\r\n", "\n").replace("\r", "\n"))
    elif isinstance(value, tuple):
        result = tuple(cleaned(item) for item in cast(tuple[object, ...], value))
    elif isinstance(value, dict):
        result = {key: cleaned(item) for key, item in cast(dict[object, object], value).items()}
    elif is_dataclass(value) and not isinstance(value, type):
        before = {name: getattr(value, name) for name in _field_names(type(value))}
        after = {name: cleaned(field) for name, field in before.items()}
        result = value if after == before else replace(value, **after)
    return cast(T, result)


def rfc3339(instant: datetime) -> str:
    """`2024-10-25T08:38:59.880Z`: UTC, milliseconds only where there are any (RFC 3339 5.6)."""
    utc = instant.astimezone(UTC)
    precision = "milliseconds" if utc.microsecond >= 1000 else "seconds"
    return utc.isoformat(timespec=precision).replace("+00:00", "Z")


def language_tag(language: str) -> str:
    """`language` as a BCP 47 tag; "" if it does not look like one (RFC 4287 2)."""
    tag = language.strip().replace("_", "-")
    return tag if _TAG.fullmatch(tag) else ""


def with_names(people: tuple[Person, ...]) -> list[Person]:
    """The people who have a name, which an author must have (RFC 4287 3.2.1)."""
    return [person for person in people if person.name.strip()]


def feed_author(feed: Feed) -> Person | None:
    """The author of the whole feed; None if the site names none."""
    return next(iter(with_names((feed.author,) if feed.author else ())), None)


def shared_author(feed: Feed) -> Person | None:
    """The feed's author, unless every entry names its own and one of these is somebody else: Miniflux adds
    the feed's author to each byline, and feedparser shows that one instead of several.
    """
    author = feed_author(feed)
    own = [with_names(entry.authors) for entry in feed.entries]
    names = {person.name for people in own for person in people}
    return None if own and all(own) and author and names != {author.name} else author


def email(person: Person) -> str:
    """The person's address; "" if it is not one (RFC 4287 3.2.3)."""
    return person.email if person.email and re.fullmatch(r"[^\s@]+@[^\s@]+", person.email) else ""


def shown_categories(entry: FeedEntry) -> list[Category]:
    """Categories with a term, each (scheme, term) once, in the author's order."""
    once: dict[tuple[str, str], Category] = {}
    for category in entry.categories:
        if category.term:
            once.setdefault((category.scheme, category.term), category)
    return list(once.values())


@cache
def _field_names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _may_be_illegal(text: str) -> bool:
    """Whether `text` may contain a character that must go. Searching bytes is five times faster than
    searching characters.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return True
    return len(data.translate(None, _CONTROLS)) < len(data) or _LAST_CHARACTERS in data or b"\xc2" in data


def complete_entry(entry: FeedEntry, element: "Element") -> None:
    """What an Atom entry and an RSS item both need: the true title, the language, the picture."""
    set_text(element, "title", entry.title)
    if entry.language:
        element.set(_XML_LANG, entry.language)
    if entry.image:
        image = entry.image  # no type (Media RSS 1.5.1): a URL does not tell it
        sizes = {"width": image.width, "height": image.height}
        known = {name: str(pixels) for name, pixels in sizes.items() if pixels}
        add_child(element, f"{{{MEDIA}}}content", url=image.url, medium="image", **known)


def complete_feed(feed: Feed, element: "Element", format: tuple[str, str], link: str) -> None:
    """Adds what both formats say of the whole feed in the same elements: hubs, license and history (RFC
    5005). `format` is the name and the media type; `link` is the tag of a link.
    """
    name, media_type = format
    for hub in feed.hubs:
        add_child(element, link, rel="hub", href=hub)
    if feed.license:
        add_child(element, link, rel="license", href=feed.license)
    history = feed.history
    related = {
        "current": history.current,
        "prev-archive": history.previous,
        "next-archive": history.following,
    }
    for rel, urls in related.items():
        if name in urls:
            add_child(element, link, rel=rel, type=media_type, href=urls[name])
    for mark, holds in (("archive", history.archive), ("complete", history.complete)):
        if holds:
            add_child(element, f"{{{HISTORY}}}{mark}")


def namespaces(feed: Feed) -> dict[str, str]:
    """The namespaces of the elements that this feed needs, by prefix."""
    used = {
        "media": MEDIA if any(entry.image or len(entry.enclosures) > 1 for entry in feed.entries) else "",
        "fh": HISTORY if feed.history.archive or feed.history.complete else "",
    }
    return {prefix: uri for prefix, uri in used.items() if uri}


def add_child(parent: "Element", tag: str, text: str | None = None, **attributes: str) -> "Element":
    """A new last child of `parent`."""
    node = parent.makeelement(tag, attributes)
    node.text = text
    parent.append(node)
    return node


def set_text(parent: "Element", tag: str, text: str, **attributes: str) -> None:
    """Gives the first child named `tag`, if there is one, this text and these attributes."""
    node = parent.find(tag)
    if node is not None:
        node.text = text
        for name, value in attributes.items():
            node.set(name, value)


def opml(site: Site, outlines: tuple[Outline, ...]) -> bytes:
    """The document. It has no date, so that only a change of the feeds changes its bytes."""
    site, outlines = cleaned(site), cleaned(outlines)
    owner = f"<ownerName>{escape(site.author.name, quote=False)}</ownerName>" if site.author else ""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<opml version="2.0">',
        f"<head><title>{escape(site.title, quote=False)}</title>{owner}</head>",
        "<body>",
        *(_outline(site, outline) for outline in outlines),
        "</body>",
        "</opml>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _outline(site: Site, outline: Outline) -> str:
    title = outline.title or site.title
    if not outline.url:
        inside = "".join(f"\n{_outline(site, part)}" for part in outline.parts)
        return f"<outline {_attributes(text=title, title=title)}>{inside}\n</outline>"
    address = {"xmlUrl": outline.url, "htmlUrl": outline.page or site.url}
    return f"<outline {_attributes(type='rss', text=title, title=title, **address)}/>"


def _attributes(**values: str) -> str:
    """Attributes, line ends as references: a parser would turn them into spaces (XML 1.0 3.3.3)."""
    return " ".join(f'{name}="{escape(value).replace(chr(10), "&#10;")}"' for name, value in values.items())


@cache
def feedgen() -> tuple[Any, Any]:
    """feedgen's classes of a feed and of an entry, loaded at the first call."""
    from feedgen.entry import FeedEntry  # pyright: ignore[reportMissingTypeStubs]  # ships no types
    from feedgen.feed import FeedGenerator  # pyright: ignore[reportMissingTypeStubs]  # as above

    return FeedGenerator, FeedEntry


class FeedgenExtension:
    """A feedgen extension: calls `complete` with the element that feedgen has built."""

    def __init__(self, complete: Callable[["Element"], None], namespaces: dict[str, str]) -> None:
        self._complete, self._namespaces = complete, namespaces

    def extend_ns(self) -> dict[str, str]:
        return self._namespaces

    def extend_atom(self, element: "Element") -> "Element":
        self._complete(element)
        return element

    extend_rss = extend_atom


def feed_of_one(entry: FeedEntry) -> Feed:
    """A feed with nothing but this entry, to write the entry in."""
    return Feed(
        id="-", title="-", site_url="-", self_urls={}, updated=entry.updated, language="", entries=(entry,)
    )


def cut_out(document: bytes, begin: bytes, end: bytes) -> bytes:
    """The lines from the first that begins with `begin` up to the last that begins with `end`."""
    return document[document.index(b"\n" + begin) + 1 : document.rindex(b"\n" + end) + 1]


def insert_before(document: bytes, end: bytes, pieces: Sequence[bytes]) -> bytes:
    """The document with `pieces` before its last `end`."""
    at = document.rindex(end)
    return b"".join([document[:at], *pieces, document[at:]])


def new_feed(
    feed: Feed, self_type: tuple[str, str], complete: Callable[[Feed, "Element"], None], **spaces: str
) -> Any:
    """A FeedGenerator with what both formats share. `self_type` is the format's name and media type.

    The site's link comes last, because RSS takes the last one for the channel's.
    """
    name, media_type = self_type
    generator: Any = feedgen()[0]()
    all_spaces = {**spaces, **namespaces(feed)}
    generator.register_extension("publisher", partial(FeedgenExtension, partial(complete, feed), all_spaces))
    generator.id(feed.id)
    generator.title(feed.title)
    generator.updated(feed.updated)
    generator.generator(GENERATOR)
    if name in feed.self_urls:
        generator.link(href=feed.self_urls[name], rel="self", type=media_type)
    generator.link(href=feed.site_url, rel="alternate", type="text/html")
    generator.language(feed.language or None)
    generator.rights(feed.copyright or None)
    return generator


def new_entry(generator: Any, entry: FeedEntry, complete: Callable[[FeedEntry, "Element"], None]) -> Any:
    """A FeedEntry after the existing ones, with what both formats share.

    feedgen refuses an empty title, so it gets a placeholder; `complete` restores the true one.
    """
    item: Any = feedgen()[1]()
    item.register_extension("publisher", partial(FeedgenExtension, partial(complete, entry), {}))
    is_permalink = entry.id == entry.url if entry.is_permalink is None else entry.is_permalink
    item.guid(entry.id, permalink=is_permalink)
    item.title(entry.title or "-")
    item.link(href=entry.url, rel="alternate")
    for category in shown_categories(entry):
        label = {"label": category.label} if category.label else {}
        item.category(term=category.term, scheme=category.scheme, **label)
    return generator.add_entry(item, order="append")
