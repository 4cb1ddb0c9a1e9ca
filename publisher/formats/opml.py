"""OPML 2.0 (http://opml.org/spec2.opml): all feeds of a site, for a reader to take in at once."""

from html import escape

from publisher.core.feeds.feed import Outline
from publisher.core.site import Site
from publisher.formats.clean import cleaned


def opml(site: Site, outlines: tuple[Outline, ...]) -> bytes:
    """The document. It bears no date: nothing but its feeds changes a byte of it."""
    site, outlines = cleaned(site), cleaned(outlines)
    owner = f"<ownerName>{escape(site.author.name, quote=False)}</ownerName>" if site.author else ""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<opml version="2.0">',
        f"<head><title>{escape(site.title, quote=False)}</title>{owner}</head>",
        "<body>",
        *(_line(site, outline) for outline in outlines),
        "</body>",
        "</opml>",
    ]
    return ("\n".join(lines) + "\n").encode()


def _line(site: Site, outline: Outline) -> str:
    title = outline.title or site.title
    if not outline.url:
        inside = "".join(f"\n{_line(site, part)}" for part in outline.parts)
        return f"<outline {_attributes(text=title, title=title)}>{inside}\n</outline>"
    address = {"xmlUrl": outline.url, "htmlUrl": outline.page or site.url}
    return f"<outline {_attributes(type='rss', text=title, title=title, **address)}/>"


def _attributes(**values: str) -> str:
    """Line ends as references: a parser would make spaces of them (XML 1.0 3.3.3)."""
    return " ".join(f'{name}="{escape(value).replace(chr(10), "&#10;")}"' for name, value in values.items())
