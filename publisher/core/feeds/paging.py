"""What the store keeps about each feed: the parts it has had, and which posts its archive documents hold."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from publisher.core.posts.filters import PostFilter, TermKind

CombinedFilter = tuple[PostFilter, ...]
"""Filters that a post of the feed must match, every one of them."""

Terms = frozenset[tuple[TermKind, str]]
"""The terms of a post: kinds and folded values."""

MAX_SEQ = 2**63 - 1
"""No row of the log comes after it."""

MAX_PAGE_ENTRIES = 100
"""Entries of an archive document."""


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


PageMember = tuple[int, str]
"""A live post of a feed: the seq of its first log row, and its id."""


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
