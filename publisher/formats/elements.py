"""Small steps on the elements feedgen has built. Needs no import of lxml: elements make elements."""

from typing import TYPE_CHECKING

from publisher.core.feeds import Entry
from publisher.core.posts import Image

if TYPE_CHECKING:
    from lxml.etree import _Element as Element  # pyright: ignore[reportPrivateUsage]  # its only name

MEDIA = "http://search.yahoo.com/mrss/"
_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def mend_entry(entry: Entry, element: "Element") -> None:
    """What an Atom entry and an RSS item need alike: the true title, the language, the picture."""
    set_text(element, "title", entry.title)
    if entry.language:
        element.set(_XML_LANG, entry.language)
    if entry.image:
        child(element, f"{{{MEDIA}}}content", **_media(entry.image))


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
