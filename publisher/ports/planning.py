"""The socket of the store for mail planning: who is due, and the writing of mailings."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from publisher.core.delivery.mailing import Mailing, NewMailing
from publisher.core.delivery.throttling import WHOLE, BatchPlan
from publisher.core.digests.due import Candidate, CohortKey, Correction, Due, DueGroup, NextRun
from publisher.core.subscribers.preferences import ContentPreference


class PlanningStore(Protocol):
    """Who is due, and the writing of mailings."""

    def beats(self, spec: str) -> Sequence[NextRun]:
        """The paces that readers of a list have."""
        ...

    def set_beats(self, times: Mapping[int, datetime | None]) -> None:
        """When these rhythms are due next; None: whenever something is published."""
        ...

    def mend(self, spec: str, now: datetime, *, limit: int) -> int:
        """Readers who would be due at another time to come than their rhythm is: at most `limit` get its
        time. Returns how many."""
        ...

    def ripe(self, before: datetime) -> int:
        """The seq of the last row of the log at or before an instant; 0 for none."""
        ...

    def logged_at(self, seq: int) -> datetime | None:
        """When a row entered the log; None: there is none of that number."""
        ...

    def corrections(self, after: int, until: int, *, limit: int) -> Sequence[Correction]:
        """The `corrected` rows in (after, until], oldest first, the last one of each post."""
        ...

    def tastes(self, ids: Sequence[int]) -> Mapping[int, ContentPreference]: ...
    def due(self, due: Due) -> Sequence[DueGroup]:
        """The due readers in groups; suppressed ones are nobody's due readers."""
        ...

    def left_out(self, due: Due) -> Mapping[str, int]:
        """How many readers of a list are not due, by why: "pending", "unsubscribed", "paused", "suppressed",
        or "later" where their time has not come."""
        ...

    def candidates(self, due: Due, subscription: int | None = None) -> Iterator[Candidate]:
        """Every reader of a list, due or not, in the order they came; or one of them. Streamed."""
        ...

    def next_due(self) -> datetime | None:
        """The earliest next_due_at of an active reader who is not served at once."""
        ...

    def furthest_back(self, spec: str) -> int | None:
        """The lowest offset of the list's active subscriptions; None: it has none."""
        ...

    def put_off(
        self,
        due: Due,
        *,
        limit: int,
        rhythms: Sequence[int] | None = None,
        stands: Sequence[CohortKey] | None = None,
        suppressed: bool = False,
        pass_over: bool = False,
    ) -> int:
        """At most `limit` due readers get the next time of their rhythm, and with `pass_over` the offset
        `due.head`: those of `rhythms`, or at `stands`, or who are `suppressed`. Returns how many."""
        ...

    def skip(self, due: Due, rhythm: int, stands: Sequence[CohortKey], *, limit: int) -> int:
        """The digest of at most `limit` due readers of a rhythm, at `stands`, is skipped, if their last one
        was not: they are due when their rhythm is. Returns how many."""
        ...

    def call_up(self, spec: str, now: datetime, *, limit: int) -> int:
        """Active readers of a list who are due later are due at `now`, at most `limit`; returns how many."""
        ...

    def next_mailing(self) -> int:
        """The id the next mailing will get, if nobody else starts one first: for links to its page."""
        ...

    def start(self, new: NewMailing, now: datetime) -> int:
        """Freezes a mailing in state planning; returns its id. Raises Conflict when `new.id` is taken."""
        ...

    def unplanned(self) -> Sequence[Mailing]:
        """Mailings still in state planning, oldest first. What was not yet frozen is gone after this."""
        ...

    def plan_chunk(
        self, mailing: int, *, limit: int, batch: int, now: datetime, cut: BatchPlan = WHOLE
    ) -> int:
        """Writes deliveries and batches for at most `limit` due readers of the mailing's cohorts and moves
        their offset and due time, in one transaction. Returns how many; with 0 the mailing is ready."""
        ...

    def start_for_one(self, new: NewMailing, subscription: int, now: datetime) -> int:
        """A transactional mailing with one delivery, ready at once; returns its id."""
        ...
