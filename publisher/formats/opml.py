"""OPML 2.0 (http://opml.org/spec2.opml): all feeds of a site, for a feed reader to import at once."""

from html import escape

from publisher.core.feeds.feed import Outline
from publisher.core.site import Site
from publisher.formats.shared import cleaned


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
