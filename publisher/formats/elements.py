"""What Atom and RSS add to the elements that feedgen has built. Needs no lxml: elements make elements."""

from typing import TYPE_CHECKING

from publisher.core.feeds.feed import Feed, FeedEntry

if TYPE_CHECKING:
    from lxml.etree import _Element as Element  # pyright: ignore[reportPrivateUsage]  # its only name

MEDIA = "http://search.yahoo.com/mrss/"
HISTORY = "http://purl.org/syndication/history/1.0"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


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
