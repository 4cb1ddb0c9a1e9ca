"""Recognizes a foreign document: a feed of some format, a page that links to one, or neither. Reads JSON
Feed 1.0 and 1.1 itself.
"""

import json
from typing import Any, cast

from publisher.core.errors import Refused
from publisher.core.publishing.adoption import OldEntry, OldFeed
from publisher.fetching.xml_feed import linked_feed, parse_time, read_xml

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
        feed = read_json(head) if head.startswith(b"{") else read_xml(head, where)
        if feed is None:
            raise Refused(where, "no Atom, RSS or JSON feed", "name the address of the feed itself")
        return feed

    def related(self, data: bytes, where: str) -> str:
        """The address of the feed that a web page links to (rel=alternate); "" if there is none."""
        return linked_feed(data, where) if len(data) <= LARGEST else ""


def read_json(data: bytes) -> OldFeed | None:
    """The feed, newest entries first; None if it is not a JSON Feed."""
    try:
        value: object = json.loads(data)
    except (ValueError, RecursionError):
        return None
    feed = _object(value)
    if "jsonfeed.org/version/" not in _text(feed.get("version")):
        return None
    value = feed.get("items")
    items = cast("list[object]", value) if isinstance(value, list) else []
    entries = [entry for item in items if (entry := _json_entry(_object(item))) is not None]
    return OldFeed(entries=tuple(entries), title=_text(feed.get("title")), older=_text(feed.get("next_url")))


def _json_entry(item: Json) -> OldEntry | None:
    links = tuple(link for key in ("url", "external_url") if (link := _text(item.get(key))))
    id = _text(item.get("id")) or (links[0] if links else "")
    if not id:
        return None
    return OldEntry(
        id=id,
        links=links or ((id,) if id.startswith("http") else ()),
        title=_text(item.get("title")),
        published=parse_time(_text(item.get("date_published"))),
        updated=parse_time(_text(item.get("date_modified"))),
    )


def _object(value: object) -> Json:
    return cast("Json", value) if isinstance(value, dict) else {}


def _text(value: object) -> str:
    """A number is an id too (JSON Feed 1.1: "coerced to string")."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    return str(value).strip()
