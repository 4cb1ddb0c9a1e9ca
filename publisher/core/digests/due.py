"""Who is due: readers in groups that get the same digest, and the query that a store answers with them. Also
the log as a plan will leave it, for previews of what will be due.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from publisher.core.posts.post import Post
from publisher.core.publishing.log import LogKind, PublishedPost
from publisher.core.publishing.plan import Plan
from publisher.core.subscribers.subscription import SchedulePreference

DEFAULT_CONTENT_ID = 1
"""The store's number of the content preference that wants everything."""

MAX_CORRECTIONS = 60
"""Corrections in one mailing at most, a bit each of a 64-bit number; the log is taken up to there."""


class CohortKey(NamedTuple):
    """What readers of one cohort have in common: their `offset` in the log, the store's number of their
    content preference, and which of a mailing's corrections they get: bit i stands for the i-th.
    """

    offset: int
    content_id: int = DEFAULT_CONTENT_ID
    corrections: int = 0


class Correction(NamedTuple):
    """A `corrected` row of the log, and the seq at which its post was first published. With `released`, a
    post instead that an operator released for the readers of a stopped mailing; then `seq` is `first_seq`.
    """

    seq: int
    first_seq: int
    post_id: str
    released: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DueQuery:
    """Asks a store which readers of `list` are due at `now`, if posts up to log seq `head` may be mailed.
    `corrections` lie at or before `head`, oldest first. With `everyone`, readers whose time is still to come
    are due too. With `remakes`, the id of a stopped mailing, those are due for whom its posts were released
    and who have not paused.
    """

    list: str
    now: datetime
    head: int
    corrections: tuple[Correction, ...] = ()
    everyone: bool = False
    remakes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DueGroup:
    """Due readers with one schedule (by the store's number of it) and one cohort key. `oldest` is their
    earliest next_due_at; `skipped`: their last digest was skipped.
    """

    schedule_id: int
    cohort_key: CohortKey
    readers: int
    oldest: datetime
    skipped: bool = False


class ReaderStatus(NamedTuple):
    """A reader of a list, due or not. `left_out` says why they are not due: "pending", "unsubscribed",
    "paused", "suppressed", or "later" if their time has not come; "" for those who are due.
    """

    subscription: int
    address: str
    left_out: str
    schedule_id: int
    cohort_key: CohortKey
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NextRun:
    """A schedule that readers of a list have, and when it is next due; None if that is whenever something is
    published, or not known yet.
    """

    id: int
    preference: SchedulePreference
    next_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectedLog:
    """The log as a plan will leave it. `head` is its last seq. `new` are posts that enter the log and may be
    mailed, in log order; `posts` the known ones that change, by id, and `live` those that readers cease to
    see, or see again. `corrected` are the seqs of `corrected` rows by the id of their post.
    """

    head: int = 0
    new: tuple[PublishedPost, ...] = ()
    posts: Mapping[str, Post] = field(default_factory=dict[str, Post])
    live: Mapping[str, bool] = field(default_factory=dict[str, bool])
    corrected: Mapping[str, int] = field(default_factory=dict[str, int])

    def then(self, known: Iterable[PublishedPost]) -> list[PublishedPost]:
        """Posts of the log as they will stand, without those that readers will not see."""
        after: list[PublishedPost] = []
        for k in known:
            if self.live.get(k.id, k.live):
                post = self.posts.get(k.id, k.post)
                name = k.stored_as if post.revision == k.post.revision else ""
                after.append(replace(k, post=post, live=True, stored_as=name))
        return after

    @property
    def back(self) -> Sequence[str]:
        """The ids of posts that readers will see again."""
        return [id for id, live in self.live.items() if live]

    def corrections(self, before: Sequence[Correction], first_seqs: Mapping[str, int]) -> list[Correction]:
        """The corrections of the log with those to come, oldest first, the last of each post."""
        kept = [row for row in before if row.post_id not in self.corrected]
        new = (
            Correction(seq=seq, first_seq=first_seqs[id], post_id=id) for id, seq in self.corrected.items()
        )
        return sorted([*kept, *new])


def project_log(made: Plan, now: datetime) -> ProjectedLog:
    """The log after `made` is carried out at `now`. A plan that is stopped leaves it as it is."""
    if made.stops:
        return ProjectedLog(head=made.head)
    rows = [(made.head + n, change) for n, change in enumerate(made.changes, start=1)]
    old = [(seq, change) for seq, change in rows if change.kind is not LogKind.PUBLISHED]
    return ProjectedLog(
        head=made.head + len(rows),
        new=tuple(
            PublishedPost(id=change.id, post=change.post, live=True, first_seq=seq, updated_at=now)
            for seq, change in rows
            if change.kind is LogKind.PUBLISHED and not change.backfill and not made.baseline
        ),
        posts=dict(made.touched) | {change.id: change.post for _, change in old},
        live={
            change.id: change.kind is LogKind.RESTORED
            for _, change in old
            if change.kind in (LogKind.WITHDRAWN, LogKind.RESTORED)
        },
        corrected={change.id: seq for seq, change in old if change.kind is LogKind.CORRECTED},
    )
