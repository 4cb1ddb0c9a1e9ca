"""What the store keeps of each feed: which parts it has had, and how far its archive documents go."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from publisher.core.posts.filters import PostFilter, TermKind

Filter = tuple[PostFilter, ...]
"""What the posts of a view match: each of these."""

Terms = frozenset[tuple[TermKind, str]]
"""What a post is found by: kinds and folded values."""

MAX_SEQ = 2**63 - 1
"""No row of a log comes after it."""

LARGEST_PAGE = 100
"""Entries of an archive document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedState:
    """A feed, or one part of a feed that is split. Once there it stays, if only as an empty feed.

    `part` is the folded value, "" for a whole feed; `label` the value as it was first written. `rules`
    names the filter its archives were made by, and `version` the state of its posts then. `updated_at` is
    when it last changed for its readers, by the log up to row `counted`; None: that was never asked.
    """

    feed: str
    part: str = ""
    label: str = ""
    rules: str = ""
    version: int = -1
    updated_at: datetime | None = None
    counted: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retagged:
    """A live post whose author gave it other tags, categories, authors or another language, at `at`."""

    at: datetime
    before: Terms
    after: Terms

    def moves(self, meant: Filter) -> bool:
        """Whether the post joined or left the feed of the posts that are meant."""
        was, now = (all(where.matches_terms(terms) for where in meant) for terms in (self.before, self.after))
        return was is not now


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePage:
    """An archive document of a view: the posts whose first log row lies in (after, until], as they were at
    log row `as_of`. `number` counts from 1, the oldest. `edition` grows when archives are made anew by
    wish; `members` names the posts that are in it now.
    """

    number: int
    after: int
    until: int
    as_of: int
    edition: int
    members: str


Member = tuple[int, str]
"""A live post of a view: the seq of its first log row, and its id."""


def paged(
    pages: Sequence[ArchivePage], members: Sequence[Member], limit: int, head: int, edition: int
) -> tuple[ArchivePage, ...]:
    """The pages of a view as they are now. What is full stays as it was, but for posts that came or went.
    A page is made of the oldest posts in none, when these are more than `limit`: so the subscription
    document, which has the newest `limit`, and the pages leave no gap (RFC 5005 4).
    """
    seqs = [seq for seq, _ in members]
    kept: list[ArchivePage] = []
    start = 0
    for page in pages:
        end = bisect_right(seqs, page.until)
        kept.append(replace(page, members=named(members[start:end])))
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
                members=named(full),
            )
        )
    return tuple(kept)


def page_size(limit: int) -> int:
    """Entries of a full archive document of a feed of `limit`."""
    return min(limit, LARGEST_PAGE)


def named(members: Iterable[Member]) -> str:
    """A name for these posts: 32 hex digits."""
    return hashlib.sha256(repr(list(members)).encode("utf-8", "surrogatepass")).hexdigest()[:32]
