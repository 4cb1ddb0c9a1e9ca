"""What a document is: a feed of some format, a page that names one, or neither."""

from publisher.core.errors import Refused
from publisher.core.publishing.adoption import OldFeed
from publisher.fetching.json_feed import read_json
from publisher.fetching.xml_feed import feed_of_page, read_xml

LARGEST = 64 * 2**20
"""Bytes of a document that is read at all."""


class Reader:
    """`ports.FeedReader`."""

    def feed(self, data: bytes, where: str) -> OldFeed:
        """The feed in `data`, from `where`: a URL, or the name of a file. Raises Refused: it is none."""
        if len(data) > LARGEST:
            raise Refused(where, f"{len(data):,} bytes are too many for a feed", "name another")
        head = data.removeprefix(b"\xef\xbb\xbf").lstrip()
        feed = read_json(head) if head.startswith(b"{") else read_xml(head, where)
        if feed is None:
            raise Refused(where, "no Atom, RSS or JSON feed", "name the address of the feed itself")
        return feed

    def related(self, data: bytes, where: str) -> str:
        """The address of the feed that a web page names (rel=alternate); "" where it names none."""
        return feed_of_page(data, where) if len(data) <= LARGEST else ""
