"""How a folder of posts is read: what settings decide."""

from dataclasses import dataclass

from publisher.core.site import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRules:
    """The rules of one site.

    `site_url` is absolute and ends in "/". `timezone` (IANA) is that of dates without one, and of the
    date words in `permalink`; its words are :year :month :day :title :slug :categories, or one of
    Jekyll's names (pretty, date, ordinal, none). :title is the file's own name where that is dated, as
    in Jekyll, else the title made fit for a URL. `link_fields` and `id_fields` are front matter that
    names the canonical URL and a permanent id, first found wins. Globs know `**`, `*` and `?`. With
    `pages` Publisher makes a page of each post: permalinks are under /posts/, files beside posts assets.
    """

    site_url: str
    pages: bool = False
    timezone: str = "UTC"
    language: str = "en"
    author: Person | None = None
    include: tuple[str, ...] = ("**/*.md", "**/*.markdown", "**/*.html")
    exclude: tuple[str, ...] = ()
    permalink: str = ":year/:month/:day/:slug/"
    link_fields: tuple[str, ...] = ("canonical_url", "origin_url")
    id_fields: tuple[str, ...] = ("id", "guid", "uuid", "code")
