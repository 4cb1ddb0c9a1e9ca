"""A feed as a value, from which every format is written; how it is cut to a size that readers accept; and
what the store keeps about it: the parts it has had, and which posts its archive documents hold.

A feed is a view of the publication log: the newest live posts that match a filter.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import accumulate

from publisher.core.posts.filters import PostFilter, TermKind
from publisher.core.posts.post import Image
from publisher.core.site import Person

PART_PLACEHOLDER = ":value"
"""Stands for the name of the part in the paths of a split feed."""

CombinedFilter = tuple[PostFilter, ...]
"""Filters that a post of the feed must match, every one of them."""

Terms = frozenset[tuple[TermKind, str]]
"""The terms of a post: kinds and folded values."""

PageMember = tuple[int, str]
"""A live post of a feed: the seq of its first log row, and its id."""

MAX_SEQ = 2**63 - 1
"""No row of the log comes after it."""

MAX_PAGE_ENTRIES = 100
"""Entries of an archive document."""

MAX_DOCUMENT_BYTES = 5_000_000
"""The largest document in any format; feed readers refuse much larger ones."""

ENVELOPE_BYTES = 3_000
"""Room for everything in a document that is not an entry."""

SHORTENED_CHARACTERS = 300
"""The length of a summary or title where not even all summaries fit."""


class FeedFormat(StrEnum):
    """The formats a feed is written in, in the order they are offered to readers."""

    ATOM = "atom"
    RSS = "rss"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSpec:
    """One `[[feeds]]` of the settings.

    `content` is "full" or "summary"; `limit` counts entries. `paths` gives, by format, a path other than the
    usual one; with `split_by`, each path contains ":value", and every value has a feed of its own. With
    `archive`, older posts stay available in archive documents.
    """

    slug: str
    title: str
    formats: tuple[str, ...]
    limit: int
    content: str
    paths: Mapping[str, str]
    archive: bool
    where: PostFilter
    split_by: TermKind | None


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
    `is_permalink` is what RSS says of the id (isPermaLink); None: whether it is `url`.
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
    is_permalink: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tombstone:
    """A post that was withdrawn at `at` (RFC 6721). A feed never has both a tombstone and an entry of one
    id.
    """

    id: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A document's place in the history of its feed (RFC 5005). The maps go from the name of a format to an
    absolute URL: of the subscription document, of the previous archive, and of the next one.

    `archive`: this is an archive document; `complete`: it holds every entry there is.
    """

    archive: bool = False
    complete: bool = False
    current: Mapping[str, str] = field(default_factory=dict[str, str])
    previous: Mapping[str, str] = field(default_factory=dict[str, str])
    following: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A whole feed, newest entry first.

    `self_urls` maps the name of a format to the absolute URL it is fetched from. `hubs` are notified of
    changes (WebSub 4). `license` is an absolute URL, "" for none (RFC 4946); `logo` is the site's picture,
    and `icon` the URL of a square one, "" for none.
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
    icon: str = ""
    hubs: tuple[str, ...] = ()
    history: History = field(default_factory=History)
    tombstones: tuple[Tombstone, ...] = ()
    entries: tuple[FeedEntry, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A feed as an outline of an OPML list, or a group of feeds, which has `parts` and no `url`."""

    title: str
    url: str = ""
    page: str = ""
    parts: tuple["Outline", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """A feed, or one part of a split feed. Once it exists it stays, if only as an empty feed.

    `part` is the folded value, "" for a whole feed; `label` is the value as first written. `rules` identifies
    the filter its archives were made with, and `version` the state of its posts at that time. `updated_at` is
    when it last changed for its readers, by the log up to row `counted`; None if that is not known yet.
    """

    feed: str
    part: str = ""
    label: str = ""
    rules: str = ""
    version: int = -1
    updated_at: datetime | None = None
    counted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedEntries:
    """What a feed may show after its rules changed: posts whose first log row is in `kept`, or comes after
    row `after`.
    """

    after: int
    kept: frozenset[int]

    def has(self, seq: int) -> bool:
        """Whether the post that was first published by log row `seq` may be shown."""
        return seq > self.after or seq in self.kept


@dataclass(frozen=True, slots=True, kw_only=True)
class TermChange:
    """A live post whose author gave it other tags, categories, authors or another language, at `at`."""

    at: datetime
    before: Terms
    after: Terms

    def changes_membership(self, filters: CombinedFilter) -> bool:
        """Whether the post joined or left a feed with these filters."""
        was, now = (all(one.matches_terms(terms) for one in filters) for terms in (self.before, self.after))
        return was is not now


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePage:
    """An archive document of a feed: the posts whose first log row lies in (after, until], as they were at
    log row `as_of`. `number` counts from 1, the oldest. `edition` grows when an operator has archives made
    anew; `members` is a hash that identifies the posts in it now.
    """

    number: int
    after: int
    until: int
    as_of: int
    edition: int
    members: str


def truncate_feed(feed: Feed, largest: int = MAX_DOCUMENT_BYTES) -> Feed:
    """`feed`, so that no format makes more than `largest` bytes of it. From the newest on, entries keep their
    content while there is room for the summaries of the rest. If not even the summaries fit, they are
    shortened, and the oldest entries that still do not fit are left out.
    """
    room = largest - ENVELOPE_BYTES
    if sum(map(_max_bytes, feed.entries)) <= room:
        return feed
    entries = [replace(entry, content=None) for entry in feed.entries]
    if sum(map(_max_bytes, entries)) > room:
        entries = [_shortened(entry) for entry in entries]
        total = list(accumulate(map(_max_bytes, entries)))
        entries = entries[: bisect_right(total, room)]
    room -= sum(map(_max_bytes, entries))
    kept: list[FeedEntry] = []
    for entry, full in zip(entries, feed.entries, strict=False):
        more = _escaped_bytes(full.content or "")
        fits = full.content is not None and entry.summary == full.summary and more <= room
        room -= more if fits else 0
        kept.append(full if fits else entry)
    return replace(feed, entries=tuple(kept))


def _shortened(entry: FeedEntry) -> FeedEntry:
    title, summary = (
        text if len(text) <= SHORTENED_CHARACTERS else text[: SHORTENED_CHARACTERS - 1] + "…"
        for text in (entry.title, entry.summary)
    )
    return replace(
        entry,
        title=title,
        summary=summary,
        categories=entry.categories[:20],
        authors=entry.authors[:20],
        enclosures=entry.enclosures[:5],
    )


def _max_bytes(entry: FeedEntry) -> int:
    """An upper bound for the size of `entry` in any format."""
    small = [entry.id, entry.url, entry.title, entry.summary, entry.summary]
    small += [text for c in entry.categories for text in (c.term, c.scheme, c.label, " " * 60)]
    small += [text for p in entry.authors for text in (p.name, p.email or "", p.url or "", " " * 60)]
    small += [text for f in entry.enclosures for text in (f.url, f.media_type, " " * 100)]
    small += [entry.image.url, entry.image.url] if entry.image else []
    return 1_000 + sum(map(_escaped_bytes, small)) + _escaped_bytes(entry.content or "")


def _escaped_bytes(text: str) -> int:
    """Bytes of UTF-8 where "&" and "<" are escaped twice, as in the HTML of an RSS summary."""
    data = text.encode("utf-8", "surrogatepass")
    return len(data) + 10 * (data.count(b"&") + data.count(b"<")) + 9 * data.count(b">") + data.count(b'"')


def update_pages(
    pages: Sequence[ArchivePage], members: Sequence[PageMember], limit: int, head: int, edition: int
) -> tuple[ArchivePage, ...]:
    """The archive pages of a feed now. Existing pages keep their range, though posts in it may come and go.
    A new page takes the oldest posts that are on no page yet, whenever these are more than `limit`: so the
    pages and the subscription document, which has the newest `limit`, leave no gap (RFC 5005 4).
    """
    seqs = [seq for seq, _ in members]
    kept: list[ArchivePage] = []
    start = 0
    for page in pages:
        end = bisect_right(seqs, page.until)
        kept.append(replace(page, members=hash_members(members[start:end])))
        start = end
    size = page_size(limit)
    while len(members) - start > limit:
        full = members[start : start + size]
        start += size
        after = kept[-1].until if kept else 0
        kept.append(
            ArchivePage(
                number=len(kept) + 1,
                after=after,
                until=full[-1][0],
                as_of=head,
                edition=edition,
                members=hash_members(full),
            )
        )
    return tuple(kept)


def page_size(limit: int) -> int:
    """How many entries a full archive document has, for a feed of `limit` entries."""
    return min(limit, MAX_PAGE_ENTRIES)


def hash_members(members: Iterable[PageMember]) -> str:
    """A hash that identifies this set of posts: 32 hex digits."""
    return hashlib.sha256(repr(list(members)).encode("utf-8", "surrogatepass")).hexdigest()[:32]
