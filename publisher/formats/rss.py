"""RSS 2.0, by the RSS Advisory Board's Best Practices Profile."""

import re
from datetime import UTC, datetime
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from publisher.core.caching import LruCache
from publisher.core.feeds.feed import Feed, FeedEntry, FeedFormat
from publisher.formats.shared import (
    MEDIA,
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
    with_names,
)

if TYPE_CHECKING:
    from lxml.etree import _Element as Element  # pyright: ignore[reportPrivateUsage]  # its only name

ATOM = "http://www.w3.org/2005/Atom"
CONTENT = "http://purl.org/rss/1.0/modules/content/"
CREATIVE_COMMONS = "http://backend.userland.com/creativeCommonsRssModule"
DC = "http://purl.org/dc/elements/1.1/"
MINUTES_TO_LIVE = 60
WIDEST, HIGHEST = 144, 400
"""Pixels of the channel's image (RSS 2.0)."""

_CDATA_END, _SPLIT = "]]>", "]]\ue000>"
"""What would end a CDATA section, and what stands for it until the document is written."""
_CDATA = re.compile(rb"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)
_TITLE = re.compile(rb"<title>[^<]*</title>")


class Rss:
    """Writes application/rss+xml."""

    name: str = FeedFormat.RSS
    label = "RSS"
    suffix = "xml"
    media_type = "application/rss+xml"

    def write(self, feed: Feed, cache: LruCache | None = None) -> bytes:
        """The document. Content is a CDATA section, which is smaller and which every reader decodes; in
        titles & and < are written as the profile recommends. A summary is plain text and `description` holds
        HTML, hence the escape.
        """
        feed = prepare(feed, cache)
        spaces = {"dc": DC, **({"creativeCommons": CREATIVE_COMMONS} if feed.license else {})}
        generator = new_feed(feed, (self.name, self.media_type), complete_channel, **spaces)
        generator.description(feed.description or feed.title)
        generator.ttl(MINUTES_TO_LIVE)
        author = feed_author(feed)
        if author and email(author):
            generator.managingEditor(f"{email(author)} ({author.name})")
        data: bytes = _TITLE.sub(_with_numeric_references, generator.rss_str(pretty=True))
        items = [keep(cache, (self.name, entry), partial(write_item, entry)) for entry in feed.entries]
        return insert_before(data, b"  </channel>", items)


def write_item(entry: FeedEntry) -> bytes:
    """The item's lines in any document: every namespace has the same prefix in each."""
    about = (Rss.name, Rss.media_type)
    generator = new_feed(feed_of_one(entry), about, lambda _feed, _element: None, dc=DC)
    generator.description("-")
    new_entry(generator, entry, complete_item).description(escape(entry.summary, quote=False))
    lines = cut_out(generator.rss_str(pretty=True), b"    <item", b"  </channel>")
    parts = _CDATA.split(lines)
    parts[::2] = [_TITLE.sub(_with_numeric_references, part) for part in parts[::2]]
    return b"".join(parts).replace(_SPLIT.encode(), b"]]]]><![CDATA[>")


def _with_numeric_references(title: re.Match[bytes]) -> bytes:
    """A title element with & and < as the profile recommends ("Character Data")."""
    return title[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")


def rfc822(instant: datetime) -> str:
    """`Fri, 25 Oct 2024 08:38:59 +0000`: in English whatever the locale, with a numeric zone."""
    from email.utils import format_datetime  # loads sockets: not before it is needed

    return format_datetime(instant.astimezone(UTC))


def complete_channel(feed: Feed, root: "Element") -> None:
    """Adds what RSS itself has no elements for; names the author if there is no address for managingEditor,
    which must have one. The picture is added if RSS can show it: JPEG, GIF or PNG, as far as its address
    tells.
    """
    channel = root.find("channel")
    if channel is None:
        return
    complete_feed(feed, channel, (Rss.name, Rss.media_type), f"{{{ATOM}}}link")
    author = feed_author(feed)
    if author and not email(author):
        add_child(channel, f"{{{DC}}}creator", author.name)
    if feed.license:
        add_child(channel, f"{{{CREATIVE_COMMONS}}}license", feed.license)
    logo = feed.logo
    if logo is None:
        return
    suffix = logo.url.rpartition(".")[2].lower()
    if suffix in {"jpg", "jpeg", "gif", "png"} or not suffix.isalnum():
        image = add_child(channel, "image")
        for tag, text in (("url", logo.url), ("title", feed.title), ("link", feed.site_url)):
            add_child(image, tag, text)
        if logo.width and logo.height:
            shrink = min(1.0, WIDEST / logo.width, HIGHEST / logo.height)
            add_child(image, "width", str(max(1, int(logo.width * shrink))))
            add_child(image, "height", str(max(1, int(logo.height * shrink))))


def complete_item(entry: FeedEntry, element: "Element") -> None:
    """Adds dates, authors' names and the content, for which RSS has no elements of its own.

    pubDate is not left to feedgen: it would change the locale of the whole process for each date.
    """
    from lxml.etree import CDATA  # feedgen has loaded it

    complete_entry(entry, element)
    if not entry.summary and (entry.content is not None or not entry.title):
        # Content must come after a description (the profile, "content:encoded"); an item has one, or a title.
        add_child(element, "description", "")
    add_child(element, "pubDate", rfc822(entry.published))
    add_child(element, f"{{{ATOM}}}updated", rfc3339(entry.updated))
    if names := ", ".join(person.name for person in with_names(entry.authors)):
        add_child(element, f"{{{DC}}}creator", names)  # readers keep only one of several
    if entry.language:
        add_child(element, f"{{{DC}}}language", entry.language)
    for category in element.findall("category"):
        category.attrib.pop("domain", "")  # rss-parser would give an object instead of the text
    if entry.content is not None:
        content = add_child(element, f"{{{CONTENT}}}encoded")
        content.text = CDATA(entry.content.replace(_CDATA_END, _SPLIT))
    for file in entry.enclosures[:1]:  # RSS has one (the profile, "enclosure")
        add_child(element, "enclosure", url=file.url, type=file.media_type, length=str(file.size))
    for file in entry.enclosures[1:]:
        kind = file.media_type.partition("/")[0]
        medium = kind if kind in ("image", "audio", "video") else "document"
        sizes = {"type": file.media_type, "fileSize": str(file.size), "medium": medium}
        add_child(element, f"{{{MEDIA}}}content", url=file.url, **sizes)
