"""Port of the store for digests: who is due, and planning their mailings."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from publisher.core.delivery.mailing import Mailing, NewMailing
from publisher.core.delivery.throttling import UNDIVIDED, BatchPlan
from publisher.core.digests.due import CohortKey, Correction, DueGroup, DueQuery, NextRun, ReaderStatus
from publisher.core.subscribers.subscription import ContentPreference


class PlanningStore(Protocol):
    """Who is due, and planning mailings. A suppressed reader is never due."""

    def next_runs(self, slug: str) -> Sequence[NextRun]:
        """The schedules that readers of a list have, and when each is due next."""
        ...

    def set_next_runs(self, times: Mapping[int, datetime | None]) -> None:
        """Saves when schedules are due next, by their ids; None: whenever something is published."""
        ...

    def fix_next_due(self, slug: str, now: datetime, *, limit: int) -> int:
        """Gives at most `limit` readers, whose due time differs from their schedule's, the schedule's time.
        Returns how many.
        """
        ...

    def seq_at(self, before: datetime) -> int:
        """The seq of the last log row at or before an instant; 0 if there is none."""
        ...

    def logged_at(self, seq: int) -> datetime | None:
        """When a row entered the log; None if there is no such row."""
        ...

    def corrections(self, after: int, until: int, *, limit: int) -> Sequence[Correction]:
        """The `corrected` rows in (after, until] of the log, the oldest first; only the last of each post."""
        ...

    def content_preferences(self, ids: Sequence[int]) -> Mapping[int, ContentPreference]:
        """Content preferences by their ids."""
        ...

    def due_groups(self, due: DueQuery) -> Sequence[DueGroup]:
        """The due readers, in groups that can share a mailing."""
        ...

    def count_not_due(self, due: DueQuery) -> Mapping[str, int]:
        """Reason -> number of readers of a list who are not due: "pending", "unsubscribed", "paused",
        "suppressed", or "later" if their time has not come.
        """
        ...

    def candidates(self, due: DueQuery, subscription: int | None = None) -> Iterator[ReaderStatus]:
        """Every reader of a list, due or not, or just one of them, in order of id. Streamed."""
        ...

    def next_due_at(self) -> datetime | None:
        """The earliest due time of any active reader with a schedule; None if there is none."""
        ...

    def lowest_offset(self, slug: str) -> int | None:
        """The lowest offset of the list's active subscriptions; None if it has none."""
        ...

    def reschedule(
        self,
        due: DueQuery,
        *,
        limit: int,
        schedule_ids: Sequence[int] | None = None,
        cohort_keys: Sequence[CohortKey] | None = None,
        suppressed: bool = False,
        pass_over: bool = False,
    ) -> int:
        """Moves at most `limit` due readers to the next time of their schedule: those with the schedules
        `schedule_ids`, or with `cohort_keys`, or the `suppressed` ones. With `pass_over` their offset becomes
        `due.head`, so they will not get those posts. Returns how many.
        """
        ...

    def skip_digest(
        self, due: DueQuery, schedule_id: int, cohort_keys: Sequence[CohortKey], *, limit: int
    ) -> int:
        """Skips the digest of at most `limit` due readers of one schedule, with these cohort keys, unless
        their last one was skipped. Their offset stays. Returns how many.
        """
        ...

    def make_due(self, slug: str, now: datetime, *, limit: int) -> int:
        """Makes at most `limit` active readers of a list due at `now` who would be due later; returns how
        many.
        """
        ...

    def next_mailing_id(self) -> int:
        """The id that the next mailing will get, unless somebody else starts one first: for links to its
        page.
        """
        ...

    def start_mailing(self, new: NewMailing, now: datetime) -> int:
        """Stores a mailing's content, in state planning; returns its id. Raises Conflict if `new.id` is
        taken.
        """
        ...

    def mailings_in_planning(self) -> Sequence[Mailing]:
        """Mailings in state planning, the oldest first. Deletes those whose content a crash left
        incomplete.
        """
        ...

    def plan_chunk(
        self, mailing: int, *, limit: int, batch: int, now: datetime, batch_plan: BatchPlan = UNDIVIDED
    ) -> int:
        """Writes deliveries for at most `limit` due readers of the mailing's cohorts, in batches of at most
        `batch`, and moves their offsets and due times, in one transaction. Returns how many; once it is 0 the
        mailing is ready.
        """
        ...

    def start_transactional(self, new: NewMailing, subscription: int, now: datetime) -> int:
        """Stores a mailing to one reader, ready to be sent; returns its id. Raises StoreError if there is no
        such subscription.
        """
        ...
