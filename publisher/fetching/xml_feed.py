"""Atom 1.0 and 0.3, RSS 2.0 and its elders, RSS 1.0 (RDF): whatever of them can still be read.

Elements are known by their local names: the namespaces of old feeds are spelt in many ways. Entities are
not expanded and nothing is fetched; what is not well-formed is read as far as it goes.

Instants as feeds write them: RFC 3339 in Atom and JSON Feed, RFC 822 in RSS.
"""

import html
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from lxml import etree

from publisher.core.publishing.adoption import OldEntry, OldFeed, join_url

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")


def instant(text: str) -> datetime | None:
    """Aware, UTC; a time without a zone is UTC. None: not understood."""
    text = text.strip()
    try:
        found = datetime.fromisoformat(text) if _ISO.match(text) else parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


Element = etree._Element  # pyright: ignore[reportPrivateUsage]  # lxml has no other name for its type

_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_RDF_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_TAG = re.compile(r"<[^>]*>")
_FEEDS = re.compile(r"application/(atom\+xml|rss\+xml|feed\+json)", re.IGNORECASE)


def read_xml(data: bytes, where: str) -> OldFeed | None:
    """The feed, in its own order; None: not a feed."""
    root = _tree(data, _parser(recover=False))
    if root is None:
        root = _tree(_mended(data), _parser(recover=True))
    if root is None or _name(root) not in ("feed", "rss", "RDF"):
        return None
    channel = root if _name(root) == "feed" else _child(root, "channel")
    items = [item for item in root.iter() if _name(item) in ("entry", "item")]
    read = _atom_entry if _name(root) == "feed" else _rss_entry
    entries = [entry for item in items if (entry := read(item, where)) is not None]
    head = root if channel is None else channel
    return OldFeed(entries=tuple(entries), title=_text(head, "title"), older=_older(head, where))


def feed_of_page(data: bytes, where: str) -> str:
    """The first feed that a page's head names, comments left aside; "" where none."""
    root = _tree(data, etree.HTMLParser(no_network=True, huge_tree=False))
    for link in () if root is None else root.iter("link"):
        rel, kind = (link.get("rel") or "").lower().split(), link.get("type") or ""
        comments = "comment" in f"{link.get('title')} {link.get('href')}".lower()
        if "alternate" in rel and _FEEDS.search(kind) and link.get("href") and not comments:
            return join_url(where, (link.get("href") or "").strip())
    return ""


_BARE = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)")
_NO_CHAR = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")


def _mended(data: bytes) -> bytes:
    """What breaks most feeds: an ampersand that is none, a named entity of HTML, a control character."""
    return _BARE.sub(b"&amp;", _NO_CHAR.sub(b"", data))


def _parser(*, recover: bool) -> etree.XMLParser:
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
        recover=recover,
    )


def _tree(data: bytes, parser: etree.XMLParser | etree.HTMLParser) -> Element | None:
    try:
        return etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError):
        return None


def _atom_entry(item: Element, where: str) -> OldEntry | None:
    links = [
        join_url(_base(item, where), (child.get("href") or "").strip())
        for child in _children(item, "link")
        if child.get("href") and (child.get("rel") or "alternate") == "alternate"
    ]
    return _entry(_text(item, "id"), [*_original(item), *links], item, ("published", "issued", "created"))


def _rss_entry(item: Element, where: str) -> OldEntry | None:
    guid = _child(item, "guid")
    name = _text(item, "guid") or item.get(_RDF_ABOUT) or ""
    links = [*_original(item), _text(item, "link")]
    if guid is None or (guid.get("isPermaLink") or "true").strip().lower() != "false":
        links.append(name)
    there = [join_url(where, link) for link in links if link]
    return _entry(name, there, item, ("pubDate", "date", "published"))


def _entry(id: str, links: list[str], item: Element, dates: tuple[str, ...]) -> OldEntry | None:
    """Readers tell an entry by its id, else by its link; what has neither they cannot tell at all."""
    links = [link for link in links if link.startswith(("http:", "https:"))]
    name = id or next(iter(links), "")
    if not name:
        return None
    if name.startswith(("http:", "https:")):
        links.append(name)  # last: it may be an address that was
    stamps = [instant(text) for date in dates if (text := _text(item, date))]
    return OldEntry(
        id=name,
        links=tuple(dict.fromkeys(links)),
        title=_plain(_text(item, "title")),
        published=next(iter(stamps), None),
        updated=instant(_text(item, "updated") or _text(item, "modified")),
    )


def _older(head: Element, where: str) -> str:
    """The document before this one: an archive (RFC 5005 4) or the next page (RFC 5005 3)."""
    for rel in ("prev-archive", "next"):
        for link in _children(head, "link"):
            if link.get("rel") == rel and link.get("href"):
                return join_url(_base(head, where), (link.get("href") or "").strip())
    return ""


def _original(item: Element) -> list[str]:
    """FeedBurner's note of where a link led before it was counted."""
    return [text] if (text := _text(item, "origLink")) else []


def _base(element: Element, where: str) -> str:
    """Where relative references are resolved (XML Base)."""
    above = [base for one in (element, *element.iterancestors()) if (base := one.get(_BASE))]
    for base in reversed(above):
        where = join_url(where, base) or where
    return where


def _plain(title: str) -> str:
    """A title as people read it: many generators escape it twice, or mark it up."""
    return " ".join(html.unescape(_TAG.sub("", html.unescape(title))).split())


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]  # of a comment: no name that is asked for


def _children(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if _name(child) == name)


def _child(element: Element, name: str) -> Element | None:
    return next(_children(element, name), None)


def _text(element: Element, name: str) -> str:
    """The text of the first such child that has some."""
    found = ("".join(map(str, child.itertext())).strip() for child in _children(element, name))
    return next((text for text in found if text), "")
