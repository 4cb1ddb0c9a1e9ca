"""The publication log: everything a reader ever receives comes from it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from publisher.core.posts.post import Post


class LogKind(StrEnum):
    """What happened to a post, as readers see it."""

    PUBLISHED = "published"
    UPDATED = "updated"
    CORRECTED = "corrected"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHead:
    """Where the log stands.

    `seq` is 0 and `at` None while it is empty; `baseline_at` is None before the first run.
    """

    seq: int
    at: datetime | None
    baseline_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRow:
    """One line of the log. `seq` is gapless from 1, in commit order; `at` never goes back."""

    seq: int
    kind: LogKind
    post_id: str
    at: datetime
    revision: str
    backfill: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPost:
    """A post of the log as it is now: its id, its last good version, and whether readers see it.

    `missing_since` and `missing_scans` count the scans that did not find its file. `stored_as` is the name of
    its version in the store, "" if that is `post.revision`. `file_hash` is the hash of the bytes it was read
    from, `reader` the version of the reader; both are None if an older Publisher did not record them.
    `first`: nothing has happened to it since it was published as news, so `updated_at` is when that was.
    """

    id: str
    post: Post
    live: bool
    first_seq: int
    updated_at: datetime
    missing_since: datetime | None = None
    missing_scans: int = 0
    stored_as: str = ""
    file_hash: str | None = None
    reader: str | None = None
    first: bool = False

    @property
    def revision(self) -> str:
        """What names this version in the store: it stays when another version of Publisher would name the
        same text differently."""
        return self.stored_as or self.post.revision
