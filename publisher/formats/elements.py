"""Small steps on the elements feedgen has built. Needs no import of lxml: elements make elements."""

from typing import TYPE_CHECKING

from publisher.core.feeds.feed import Feed, FeedEntry
from publisher.core.posts.post import Image

if TYPE_CHECKING:
    from lxml.etree import _Element as Element  # pyright: ignore[reportPrivateUsage]  # its only name

MEDIA = "http://search.yahoo.com/mrss/"
HISTORY = "http://purl.org/syndication/history/1.0"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def mend_entry(entry: FeedEntry, element: "Element") -> None:
    """What an Atom entry and an RSS item need alike: the true title, the language, the picture."""
    set_text(element, "title", entry.title)
    if entry.language:
        element.set(_XML_LANG, entry.language)
    if entry.image:
        child(element, f"{{{MEDIA}}}content", **_media(entry.image))


def mend_feed(feed: Feed, element: "Element", format: tuple[str, str], link: str) -> None:
    """What both formats say of the whole feed in the same words: hubs, licence, and its history
    (RFC 5005). `format` is the name and the media type; `link` the tag of a link.
    """
    name, media_type = format
    for hub in feed.hubs:
        child(element, link, rel="hub", href=hub)
    if feed.license:
        child(element, link, rel="license", href=feed.license)
    of = feed.history
    for rel, urls in (
        ("current", of.current),
        ("prev-archive", of.previous),
        ("next-archive", of.following),
    ):
        if name in urls:
            child(element, link, rel=rel, type=media_type, href=urls[name])
    for mark, true in (("archive", of.archive), ("complete", of.complete)):
        if true:
            child(element, f"{{{HISTORY}}}{mark}")


def namespaces(feed: Feed) -> dict[str, str]:
    """Those of our elements that this feed has, by prefix."""
    used = {
        "media": MEDIA if any(entry.image for entry in feed.entries) else "",
        "fh": HISTORY if feed.history.archive or feed.history.complete else "",
    }
    return {prefix: uri for prefix, uri in used.items() if uri}


def child(parent: "Element", tag: str, text: str | None = None, **attributes: str) -> "Element":
    """A new last child of `parent`."""
    node = parent.makeelement(tag, attributes)
    node.text = text
    parent.append(node)
    return node


def set_text(parent: "Element", tag: str, text: str, **attributes: str) -> None:
    """Gives the first child named `tag`, where there is one, this text and these attributes."""
    node = parent.find(tag)
    if node is not None:
        node.text = text
        for name, value in attributes.items():
            node.set(name, value)


def _media(image: Image) -> dict[str, str]:
    """The attributes of media:content (Media RSS 1.5.1). No type: a URL does not tell it."""
    sizes = {"width": image.width, "height": image.height}
    return {"url": image.url, "medium": "image"} | {name: str(px) for name, px in sizes.items() if px}
