"""Ports of the store for posts: the publication log, and the index of files already read."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from publisher.core.posts.post import FileStat, Post
from publisher.core.publishing.incremental import IndexUpdate, PostKeys
from publisher.core.publishing.log import LogHead, LogKind, LogRow, PublishedPost
from publisher.core.publishing.plan import Plan
from publisher.core.times import LastEntry


class LogStore(Protocol):
    """Posts and the publication log."""

    def head(self) -> LogHead:
        """The seq and instant of the last log row, and the instant of the baseline."""
        ...

    def rows_of_kinds(self, kinds: Collection[LogKind], after: int) -> Sequence[LogRow]:
        """The log's rows of these kinds with a seq beyond `after`, in their order."""
        ...

    def last_entry(self) -> LastEntry | None:
        """The later of the last log row and the last mailing; None if nothing was ever written."""
        ...

    def all_posts(self) -> Sequence[PublishedPost]:
        """Every post of the log, live or not, in order of first publication."""
        ...

    def posts_matching(self, keys: PostKeys) -> Sequence[PublishedPost]:
        """The posts of the log with any of these paths or ids, in order of first publication."""
        ...

    def count_live_posts(self) -> int:
        """How many posts readers can see."""
        ...

    def apply(self, plan: Plan, bodies: Mapping[str, str], now: datetime) -> LogHead:
        """Appends the plan's changes with gapless seq, and stores bodies by body hash. Returns the new head.
        Raises Conflict if the log's head is no longer `plan.head`.
        """
        ...

    def rename_posts(self, ids: Mapping[str, str]) -> None:
        """Gives posts new ids (old id -> new id), those of an adopted feed. No new id may be in the log."""
        ...

    def newest_posts(self, limit: int) -> Sequence[PublishedPost]:
        """Live posts, the last published first."""
        ...

    def published_between(
        self, after: int, until: int, *, shown: Collection[str] = ()
    ) -> Sequence[PublishedPost]:
        """The posts first published in rows (after, until] of the log, without backfill, in log order: live
        ones, and those whose ids are in `shown`.
        """
        ...

    def post_versions(self, wanted: Sequence[tuple[str, str]]) -> Sequence[PublishedPost]:
        """Posts as they were in these (post id, revision), in that order. Raises StoreError if one is
        unknown.
        """
        ...

    def bodies(self, hashes: Iterable[str]) -> Mapping[str, str]:
        """Body hash -> body; unknown hashes are absent."""
        ...

    def bodies_near(self, seq: int, spread: int) -> Iterator[tuple[str, str]]:
        """(post id, body) of the posts first published within `spread` rows of log row `seq`."""
        ...


class FileStore(Protocol):
    """The index of files that were read, so that unchanged ones need not be read again."""

    def index_version(self) -> int:
        """How often the index was updated; while this is the same, so is `indexed_files`."""
        ...

    def indexed_files(self) -> dict[str, dict[str, FileStat]]:
        """Every indexed file: fingerprint of the rules it was read by -> path -> size and mtime."""
        ...

    def file_hashes(self, paths: Sequence[str], rules: str) -> Mapping[str, str]:
        """Path -> hash of the file's bytes, for those of `paths` that were read by these rules."""
        ...

    def unpublished_files(self, paths: Sequence[str]) -> Mapping[str, tuple[str, Post]]:
        """Path -> (hash, post) for those of `paths` that are indexed, by any rules, but are no post of the
        log.
        """
        ...

    def posts_to_plan(
        self, now: datetime
    ) -> tuple[Sequence[tuple[Post, bool, str]], Sequence[PublishedPost]]:
        """What a plan at `now` must consider: (post, settled, hash) of indexed files, and posts of the log
        that are not settled (core.publishing.incremental). A settled file appears only if the clock was set
        back before its date.
        """
        ...

    def save_bodies(self, bodies: Mapping[str, str]) -> None:
        """Stores bodies by body hash, before the plan that names them is applied."""
        ...

    def update_index(self, changes: IndexUpdate) -> int:
        """Records what an applied plan read, and what it left settled. Returns the new `index_version`."""
        ...
