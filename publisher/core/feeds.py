"""A feed: a view of the log, as a value from which every format is written."""

from dataclasses import dataclass
from datetime import datetime

from publisher.core.posts import Image
from publisher.core.site import Person


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSpec:
    """One `[[feeds]]` of the settings.

    `content` is "full" or "summary"; `limit` counts entries.
    """

    slug: str
    title: str = ""
    formats: tuple[str, ...] = ("atom", "rss", "json")
    limit: int = 20
    content: str = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category or tag of an entry (RFC 4287 4.2.2).

    `scheme` tells categories from tags; it may be empty.
    """

    term: str
    scheme: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One post in a feed (RFC 4287 4.1.2).

    `title` and `summary` are plain text; `content` is safe HTML with absolute URLs, None in summary
    feeds. `published` <= `updated`, both aware and UTC. `language` is "" where it is the feed's.
    """

    id: str
    url: str
    title: str
    published: datetime
    updated: datetime
    summary: str = ""
    content: str | None = None
    language: str = ""
    authors: tuple[Person, ...] = ()
    categories: tuple[Category, ...] = ()
    image: Image | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A whole feed, newest entry first.

    `self_urls` maps a format's name to the absolute URL it is fetched from.
    """

    id: str
    title: str
    site_url: str
    self_urls: dict[str, str]
    updated: datetime
    language: str
    description: str = ""
    author: Person | None = None
    copyright: str = ""
    entries: tuple[Entry, ...] = ()
