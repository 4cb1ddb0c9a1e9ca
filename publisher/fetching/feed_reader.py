"""Reads other sites' feeds: Atom 1.0 and 0.3, RSS 2.0 and earlier, RSS 1.0 (RDF), JSON Feed 1.0 and 1.1; and
finds the feed that a web page links to. The exports of Ghost and WordPress are read as feeds of all their
posts.

XML elements are recognized by their local names, because old feeds spell namespaces in many ways. Entities
are not expanded, nothing is fetched, and XML that is not well-formed is read as far as possible.
"""

import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from lxml import etree

from publisher.core.errors import Refused
from publisher.core.publishing.adoption import BlogExport, ExportState, OldEntry, OldFeed, join_url
from publisher.fetching.blog_exports import ghost_export, read_wordpress_export, xml_parser

Element = etree._Element  # pyright: ignore[reportPrivateUsage]  # lxml has no other name for its type
_XML_BASE = "{http://www.w3.org/XML/1998/namespace}base"
_RDF_ABOUT = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}about"
_TAG = re.compile(r"<[^>]*>")
_FEED_TYPE = re.compile(r"application/(atom\+xml|rss\+xml|feed\+json)", re.IGNORECASE)
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_BARE_AMPERSAND = re.compile(rb"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)")
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")

LARGEST = 64 * 2**20
"""Bytes of a document that is read at all."""

Json = dict[str, Any]


class ForeignFeedReader:
    """`ports.FeedReader`."""

    def feed(self, data: bytes, where: str) -> OldFeed:
        """The feed in `data`, from `where`: a URL, or the name of a file. Raises Refused: not a feed."""
        if len(data) > LARGEST:
            raise Refused(where, f"{len(data):,} bytes are too many for a feed", "name another")
        head = data.removeprefix(b"\xef\xbb\xbf").lstrip()
        if head.startswith(b"{"):
            feed = read_json(head)
        elif b"wordpress.org/export/" in head[:4096] and (export := read_wordpress_export(head)) is not None:
            feed = feed_of_export(export)
        else:
            feed = read_xml(head, where)
        if feed is None and data[:4] == b"PK\x03\x04":
            what = "an archive, which has no ids of the old feed"
            raise Refused(
                where, what, "adopt the address of the old feed; ids of older posts follow its rule"
            )
        if feed is None:
            raise Refused(
                where, "no Atom, RSS or JSON feed, and no export", "name the address of the feed itself"
            )
        return feed

    def related(self, data: bytes, where: str) -> str:
        """The address of the feed that a web page links to (rel=alternate); "" if there is none."""
        return linked_feed(data, where) if len(data) <= LARGEST else ""


def read_json(data: bytes) -> OldFeed | None:
    """The feed, newest entries first; None if it is neither a JSON Feed nor an export of Ghost."""
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if (export := ghost_export(value)) is not None:
        return feed_of_export(export)
    feed = _json_object(value)
    if "jsonfeed.org/version/" not in _json_text(feed.get("version")):
        return None
    value = feed.get("items")
    items = cast("list[object]", value) if isinstance(value, list) else []
    entries = [entry for item in items if (entry := _json_entry(_json_object(item))) is not None]
    return OldFeed(
        entries=tuple(entries), title=_json_text(feed.get("title")), older=_json_text(feed.get("next_url"))
    )


def feed_of_export(export: BlogExport) -> OldFeed:
    """The old platform's feed with every public post: the feed itself shows only the last 15 or 20, the
    export has all of them. Neither Ghost nor WordPress calls its guids permalinks.
    """
    return OldFeed(
        title=export.title,
        entries=tuple(
            OldEntry(
                id=post.id,
                links=(post.url,) if post.url else (),
                title=post.title,
                published=post.published,
                updated=post.updated,
                is_permalink=False,
            )
            for post in reversed(export.posts)
            if post.id and post.state is ExportState.PUBLISHED
        ),
    )


def _json_entry(item: Json) -> OldEntry | None:
    links = tuple(link for key in ("url", "external_url") if (link := _json_text(item.get(key))))
    id = _json_text(item.get("id")) or (links[0] if links else "")
    if not id:
        return None
    return OldEntry(
        id=id,
        links=links or ((id,) if id.startswith("http") else ()),
        title=_json_text(item.get("title")),
        published=parse_time(_json_text(item.get("date_published"))),
        updated=parse_time(_json_text(item.get("date_modified"))),
    )


def _json_object(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _json_text(value: object) -> str:
    """A number is an id too (JSON Feed 1.1: "coerced to string")."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return str(value).strip()


def read_xml(data: bytes, where: str) -> OldFeed | None:
    """The feed, in its own order; None if it is not a feed."""
    root = _parse(data, xml_parser(recover=False))
    if root is None:  # mostly an ampersand, a named entity of HTML or a control character
        repaired = _BARE_AMPERSAND.sub(b"&amp;", _CONTROLS.sub(b"", data))
        root = _parse(repaired, xml_parser(recover=True))
    if root is None or _name(root) not in ("feed", "rss", "RDF"):
        return None
    channel = root if _name(root) == "feed" else _child(root, "channel")
    items = [item for item in root.iter() if _name(item) in ("entry", "item")]
    read = _atom_entry if _name(root) == "feed" else _rss_entry
    entries = [entry for item in items if (entry := read(item, where)) is not None]
    head = root if channel is None else channel
    return OldFeed(entries=tuple(entries), title=_text(head, "title"), older=_older_url(head, where))


def linked_feed(data: bytes, where: str) -> str:
    """The first feed that a page links to, other than a feed of comments; "" if there is none."""
    root = _parse(data, etree.HTMLParser(no_network=True, huge_tree=False))
    for link in () if root is None else root.iter("link"):
        rel, media_type = (link.get("rel") or "").lower().split(), link.get("type") or ""
        is_comments = "comment" in f"{link.get('title')} {link.get('href')}".lower()
        if "alternate" in rel and _FEED_TYPE.search(media_type) and link.get("href") and not is_comments:
            return join_url(where, (link.get("href") or "").strip())
    return ""


def parse_time(text: str) -> datetime | None:
    """A time as feeds write it, RFC 3339 in Atom and JSON Feed, RFC 822 in RSS: aware, UTC. A time without a
    zone is UTC. None if it is neither.
    """
    text = text.strip()
    try:
        found = datetime.fromisoformat(text) if _ISO.match(text) else parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _parse(data: bytes, parser: etree.XMLParser | etree.HTMLParser) -> Element | None:
    try:
        return etree.fromstring(data, parser)
    except (etree.LxmlError, ValueError):
        return None


def _atom_entry(item: Element, where: str) -> OldEntry | None:
    links = [
        join_url(_base_url(item, where), (child.get("href") or "").strip())
        for child in _children(item, "link")
        if child.get("href") and (child.get("rel") or "alternate") == "alternate"
    ]
    return _entry(_text(item, "id"), [*_counted_link(item), *links], item, ("published", "issued", "created"))


def _rss_entry(item: Element, where: str) -> OldEntry | None:
    guid = _child(item, "guid")
    name = _text(item, "guid") or item.get(_RDF_ABOUT) or ""
    links = [*_counted_link(item), _text(item, "link")]
    is_permalink = guid is None or (guid.get("isPermaLink") or "true").strip().lower() != "false"
    if is_permalink:
        links.append(name)
    urls = [join_url(where, link) for link in links if link]
    entry = _entry(name, urls, item, ("pubDate", "date", "published"))
    if entry is None or guid is None or not name.startswith(("http:", "https:")):
        return entry
    return replace(entry, is_permalink=is_permalink)


def _entry(id: str, links: list[str], item: Element, dates: tuple[str, ...]) -> OldEntry | None:
    """An entry is known by its id, or else by its link; None if it has neither."""
    links = [link for link in links if link.startswith(("http:", "https:"))]
    name = id or next(iter(links), "")
    if not name:
        return None
    if name.startswith(("http:", "https:")):
        links.append(name)  # last: it may be a former address
    # Many generators escape a title twice, or mark it up.
    title = " ".join(html.unescape(_TAG.sub("", html.unescape(_text(item, "title")))).split())
    times = [parse_time(text) for date in dates if (text := _text(item, date))]
    return OldEntry(
        id=name,
        links=tuple(dict.fromkeys(links)),
        title=title,
        published=next(iter(times), None),
        updated=parse_time(_text(item, "updated") or _text(item, "modified")),
    )


def _older_url(head: Element, where: str) -> str:
    """The document before this one: an archive (RFC 5005 4) or the next page (RFC 5005 3)."""
    for rel in ("prev-archive", "next"):
        for link in _children(head, "link"):
            if link.get("rel") == rel and link.get("href"):
                return join_url(_base_url(head, where), (link.get("href") or "").strip())
    return ""


def _counted_link(item: Element) -> list[str]:
    """The address behind a link that FeedBurner counts."""
    return [text] if (text := _text(item, "origLink")) else []


def _base_url(element: Element, where: str) -> str:
    """What relative references are resolved against (XML Base)."""
    bases = [base for one in (element, *element.iterancestors()) if (base := one.get(_XML_BASE))]
    for base in reversed(bases):
        where = join_url(where, base) or where
    return where


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]  # a comment has no name that is looked for


def _children(element: Element, name: str) -> Iterator[Element]:
    return (child for child in element if _name(child) == name)


def _child(element: Element, name: str) -> Element | None:
    return next(_children(element, name), None)


def _text(element: Element, name: str) -> str:
    """The text of the first child of that name that has some; "" if there is none."""
    found = ("".join(map(str, child.itertext())).strip() for child in _children(element, name))
    return next((text for text in found if text), "")
