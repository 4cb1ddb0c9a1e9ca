"""The socket of the store that feeds are made from."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from publisher.core.feeds.paging import MAX_SEQ, ArchivePage, FeedState, Filter, Member, Retagged
from publisher.core.posts.filters import Term, TermKind
from publisher.core.publishing.log import PublishedPost


class ViewStore(Protocol):
    """Feeds as views of the log: which live posts a filter means, found without a look at the others."""

    def content(self) -> int:
        """The state of all posts: another number when any changed."""
        ...

    def content_of(self, meant: Filter) -> int:
        """The state of the posts that are meant: another number when any of them changed."""
        ...

    def terms(self, kind: TermKind) -> Sequence[Term]:
        """The values of that kind that posts bear or once bore, by value."""
        ...

    def members(self, meant: Filter) -> Sequence[Member]:
        """All live posts that are meant, in log order."""
        ...

    def newest_of(self, meant: Filter, limit: int) -> Sequence[PublishedPost]:
        """The live posts that are meant, last first by first publication."""
        ...

    def renewed_of(self, meant: Filter, since: int, limit: int) -> Sequence[PublishedPost]:
        """Live posts that are meant, in the log before row `since` and changed after it: the last changed
        ones, last first by first publication."""
        ...

    def withdrawn(
        self, since: int, limit: int, *, after: int = 0, until: int = MAX_SEQ
    ) -> Sequence[PublishedPost]:
        """The posts of (after, until] that were withdrawn last, by rows after `since`, last first;
        `updated_at` says when."""
        ...

    def retagged(self, since: datetime, limit: int) -> Sequence[Retagged]:
        """The live posts that were given other terms after `since`, last first."""
        ...

    def last_change(self, meant: Filter, limit: int, since: int) -> datetime | None:
        """When the feed of the newest `limit` live posts that are meant last changed for its readers: the
        latest `updated_at` of its posts, and the time of the rows after `since` by which they came out (not
        those of the baseline) or came back. None: it has no posts."""
        ...

    def as_of(self, meant: Filter, page: ArchivePage) -> Sequence[PublishedPost]:
        """The live posts of an archive document as they were at log row `page.as_of`, last first."""
        ...

    def views(self) -> Mapping[tuple[str, str], FeedState]:
        """Every view there has been, by feed and part."""
        ...

    def pages(self) -> Mapping[tuple[str, str], Sequence[ArchivePage]]:
        """The archive documents of each view, by feed and part, oldest first."""
        ...

    def save_views(self, changed: Sequence[tuple[FeedState, Sequence[ArchivePage]]]) -> None:
        """Records these views and, in place of those they had, their archive documents."""
        ...
