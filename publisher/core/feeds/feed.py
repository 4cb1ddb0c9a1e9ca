"""A feed: a view of the log, as a value from which every format is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from publisher.core.posts.filters import EVERYTHING, PostFilter, TermKind
from publisher.core.posts.post import Image
from publisher.core.site import Person

VALUE = ":value"
"""In the paths of a feed that is split: the name of the part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSpec:
    """One `[[feeds]]` of the settings.

    `content` is "full" or "summary"; `limit` counts entries. `paths` says where a format's document stands
    instead of its usual place; with `split_by` each has ":value" in it, and each value has a feed of its
    own. With `archive`, older posts stay in archive documents.
    """

    slug: str
    title: str = ""
    formats: tuple[str, ...] = ("atom", "rss", "json")
    limit: int = 20
    content: str = "full"
    paths: Mapping[str, str] = field(default_factory=dict[str, str])
    archive: bool = True
    where: PostFilter = EVERYTHING
    split_by: TermKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A category or tag of an entry (RFC 4287 4.2.2).

    `scheme` tells categories from tags; it may be empty.
    """

    term: str
    scheme: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A file that belongs to an entry (RFC 4287 4.2.7.2): only where type and true length are known."""

    url: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
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
    enclosures: tuple[Enclosure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A post that was withdrawn at `at` (RFC 6721). Never beside an entry of the same id."""

    id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Where a document stands in the history of its feed (RFC 5005). The maps go from a format's name to
    an absolute URL: of the subscription document, of the archive before this one, of the one after it.

    `archive`: it is an archive document; `complete`: it holds all there is.
    """

    archive: bool = False
    complete: bool = False
    current: Mapping[str, str] = field(default_factory=dict[str, str])
    previous: Mapping[str, str] = field(default_factory=dict[str, str])
    following: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A whole feed, newest entry first.

    `self_urls` maps a format's name to the absolute URL it is fetched from. `hubs` are told of changes
    (WebSub 4). `license` is an absolute URL, "" where there is none (RFC 4946); `logo` the site's picture.
    """

    id: str
    title: str
    site_url: str
    self_urls: Mapping[str, str]
    updated: datetime
    language: str
    description: str = ""
    author: Person | None = None
    copyright: str = ""
    license: str = ""
    logo: Image | None = None
    hubs: tuple[str, ...] = ()
    history: History = field(default_factory=History)
    tombstones: tuple[Tombstone, ...] = ()
    entries: tuple[FeedEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A feed as a line of an OPML list, or a group of them where it has `parts` and no `url`."""

    title: str
    url: str = ""
    page: str = ""
    parts: tuple["Outline", ...] = ()
