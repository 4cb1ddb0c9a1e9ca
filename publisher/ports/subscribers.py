"""Ports of the store for subscribers: subscriptions, confirmation mail, who is due, and planning mailings."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from publisher.core.delivery.mailing import Mailing, MailingState, NewMailing
from publisher.core.delivery.throttling import UNDIVIDED, BatchPlan
from publisher.core.digests.digest import CohortKey, Correction, DueGroup, DueQuery, NextRun, ReaderStatus
from publisher.core.subscribers.subscription import (
    Consent,
    ContentPreference,
    Departure,
    FoundSubscriber,
    NewReader,
    Preferences,
    RemovedList,
    SignupResult,
    Subscription,
    SubscriptionState,
)

if TYPE_CHECKING:
    from publisher.core.subscribers.confirmation_limits import (
        ConfirmationHistory,
        SignUpDecision,
        SignUpRequest,
    )
    from publisher.core.subscribers.csv_cells import RowStatus
    from publisher.core.subscribers.import_rows import ImportOutcome


class SubscriberStore(Protocol):
    """Subscribers and their subscriptions."""

    def subscribe(
        self, slug: str, readers: Sequence[NewReader], consent: Consent
    ) -> Sequence[tuple[SignupResult, Subscription | None]]:
        """Signs readers up to the list `slug`, in one transaction. Returns the result for each, in order. Who
        becomes active starts at the log's head.
        """
        ...

    def import_rows(
        self,
        slug: str,
        rows: "Sequence[tuple[NewReader, RowStatus]]",
        consent: Consent,
        ask: NewMailing | None,
        journal: Callable[[Sequence[Departure]], None],
    ) -> "Sequence[ImportOutcome]":
        """Imports rows of a file to the list `slug`, in one transaction. Returns the outcome of each, in
        order. New pending readers are sent `ask` once. `journal` gets the departures before the commit.
        """
        ...

    def subscription(self, id: int) -> Subscription | None:
        """One subscription; None if there is none with that id."""
        ...

    def confirm(
        self,
        id: int,
        generation: int,
        next_due_at: datetime,
        now: datetime,
        *,
        welcome: NewMailing | None = None,
        planned: Callable[[int], None] = ...,
    ) -> Subscription | None:
        """Makes a pending subscription of this generation active at the log's head, and lifts the
        suppressions `left` and `erased`. Idempotent: only the call that activates it plans `welcome`, and
        passes that mailing's id to `planned`. None if there is no such subscription, or its address is
        blocked. Raises Conflict if the log's head is no longer `welcome.head`.
        """
        ...

    def unsubscribe(self, id: int, generation: int, now: datetime) -> Subscription | None:
        """Ends a subscription of this generation, and suppresses its address on its list as `left`.
        Idempotent. None if there is no such subscription now.
        """
        ...

    def set_preferences(
        self, id: int, generation: int, preferences: Preferences, next_due_at: datetime
    ) -> Subscription | None:
        """Saves what a reader of this generation wants from now on; the offset stays. None if there is no
        such subscription, or it has ended.
        """
        ...

    def subscriptions(
        self, slug: str | None, state: SubscriptionState | None, *, after: int = 0, page: int = 5_000
    ) -> Iterator[Subscription]:
        """Subscriptions of one list or (None) all, in one state or (None) any, in order of id, with ids above
        `after`; streamed, `page` read at a time."""
        ...

    def subscriber_counts(self) -> Mapping[tuple[str, SubscriptionState], int]:
        """(list, state) -> number of subscriptions."""
        ...

    def subscriptions_of(self, key: str) -> Sequence[Subscription]:
        """The subscriptions of an address, by its key."""
        ...

    def suppressions_of(self, key: str) -> Sequence[tuple[str, str, datetime]]:
        """(list, kind, since) of what keeps mail from an address; list "" means every list."""
        ...

    def consent_of(self, subscription: int) -> Mapping[str, str]:
        """The proof of consent; empty if there is none."""
        ...

    def deliveries_to(self, subscription: int) -> Sequence[tuple[int, str, str, datetime]]:
        """(mailing, subject, state, since) of everything planned for a subscription, the oldest first. Of
        archived deliveries only accepted ones are left, with the time their mailing was made.
        """
        ...

    def record_link_request(
        self, id: int, generation: int, now: datetime, *, every: timedelta, most: int, within: timedelta
    ) -> bool:
        """Whether a reader may be sent a one-time link at `now`, and if so records that they are. Not if the
        subscription is pending or of another generation, had one less than `every` ago, or `most` of them
        `within` the time before.
        """
        ...

    def link_owner(self, mailing: int, subscription: int, since: datetime) -> Subscription | None:
        """The subscription whose one-time link came with that mailing. None unless it was asked for after
        `since`, is the last one and was not used.
        """
        ...

    def consume_link(self, mailing: int, subscription: int) -> bool:
        """Uses a one-time link up; False if it was used, or never existed."""
        ...

    def rebuild_address_keys(self, key_of: Callable[[str], str], *, every: bool = False) -> int:
        """Recomputes the keys of addresses that are not all ASCII, or of `every` one, and copies their
        suppressions. Returns how many keys changed.
        """
        ...

    def delete_pending(self, before: datetime) -> int:
        """Deletes pending subscriptions created before then; returns how many."""
        ...


class AdminStore(Protocol):
    """What the admin pages ask about subscribers."""

    def find_subscribers(
        self, text: str = "", *, before: int | None = None, limit: int
    ) -> Sequence[FoundSubscriber]:
        """At most `limit` subscribers whose address has `text` in it, with a number below `before`, the
        newest first.
        """
        ...

    def subscriber_address(self, number: int) -> str | None:
        """The address of a subscriber; None if there is none, or it was erased."""
        ...

    def joined_by_day(self, since: datetime) -> Mapping[tuple[str, int], int]:
        """(list, days since 1970) -> how many of those who are known signed up on that day, in UTC."""
        ...

    def confirmed_by_day(self, since: datetime) -> Mapping[tuple[str, int], int]:
        """(list, days since 1970) -> how many of those who are known confirmed on that day, in UTC."""
        ...


class SignUpStore(Protocol):
    """Confirmation mail: whether it may be sent is decided, counted and acted on in one transaction."""

    def preview_sign_up(self, request: "SignUpRequest", now: datetime) -> "SignUpDecision":
        """What `sign_up` would decide."""
        ...

    def sign_up(
        self, request: "SignUpRequest", mail: NewMailing, expected: "SignUpDecision", now: datetime
    ) -> "SignUpDecision":
        """If the decision is still `expected`, joins its lists, then counts and plans the mail. Returns the
        decision as it is now; nothing is done where it differs.
        """
        ...

    def resend_confirmation(self, ids: Sequence[int], mail: NewMailing, now: datetime) -> int:
        """Plans one more confirmation mail for these pending subscriptions of one reader, without counting
        it. Returns the mailing's id.
        """
        ...

    def pending_in_same_mail(self, id: int) -> Sequence[Subscription]:
        """The pending subscriptions that the same mail asked to confirm, `id` last."""
        ...

    def moved_subscription(self, id: int) -> Subscription | None:
        """The subscription that took the place of `id`, a confirmed change of address."""
        ...

    def confirmation_history(self, mailbox: str) -> "ConfirmationHistory | None":
        """What is known of the confirmation mails to a mailbox, by its key; None if nothing is."""
        ...

    def opted_out_mailboxes(self, keys: Sequence[str]) -> Set[str]:
        """Those of these mailbox keys whose owners want no confirmation mail."""
        ...

    def opt_out_of_confirmations(self, mailbox: str, pending: Sequence[int], now: datetime) -> None:
        """Records that a mailbox wants no confirmation mail, and ends its `pending` subscriptions.
        Idempotent.
        """
        ...

    def lift_blocks(self, key: str, mailbox: str, until: datetime) -> Sequence[str]:
        """Lifts what has kept mail from an address up to `until`, except that its reader left or was erased.
        Returns the names of what was lifted.
        """
        ...

    def reset_confirmation_history(self, mailbox: str) -> None:
        """Forgets the confirmation mails to a mailbox, but not that its owner wants none."""
        ...

    def prune_confirmation_history(self, now: datetime) -> int:
        """Forgets mailboxes that nobody tried for a year; returns how many."""
        ...


class PlanningStore(Protocol):
    """Who is due, and planning mailings. A suppressed reader is never due."""

    def next_runs(self, slug: str) -> Sequence[NextRun]:
        """The schedules that readers of a list have, and when each is due next."""
        ...

    def set_next_runs(self, times: Mapping[int, datetime | None]) -> None:
        """Saves when schedules are due next, by their ids; None: whenever something is published."""
        ...

    def fix_next_due(self, slug: str, now: datetime, *, limit: int, gap: timedelta = timedelta()) -> int:
        """Gives at most `limit` readers, whose due time differs from their schedule's, the schedule's time.
        Those without one may have to wait for `gap` after a mail. Returns how many.
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

    def next_due_at(
        self, now: datetime | None = None, lists: Collection[str] | None = None
    ) -> datetime | None:
        """The earliest due time of any active reader with a schedule, and with `now`, of those without one
        who had a mail just now and for whom more was published since; None if there is none. Only of readers
        of `lists`, if they are given.
        """
        ...

    def removed_lists(self, known: Collection[str]) -> Sequence[RemovedList]:
        """The lists other than those `known` that have active readers or unfinished mailings, by slug."""
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

    def make_due(
        self,
        slug: str,
        now: datetime,
        *,
        limit: int,
        schedule_id: int | None = None,
        due_at: datetime | None = None,
    ) -> int:
        """Makes at most `limit` active readers of a list due at `now`, or since `due_at`, who would be due
        later, all or those with one schedule; returns how many.
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
        self,
        mailing: int,
        *,
        limit: int,
        batch: int,
        now: datetime,
        batch_plan: BatchPlan = UNDIVIDED,
        gap: timedelta = timedelta(),
    ) -> int:
        """Writes deliveries for at most `limit` due readers of the mailing's cohorts, in batches of at most
        `batch`, and moves their offsets and due times, in one transaction; readers without a schedule are due
        again after `gap`. Returns how many; once it is 0 the mailing is ready.
        """
        ...

    def start_transactional(self, new: NewMailing, subscription: int, now: datetime) -> int:
        """Stores a mailing to one reader, ready to be sent; returns its id. Raises StoreError if there is no
        such subscription.
        """
        ...


class MeasureStore(Protocol):
    """Numbers for monitoring, each cheap however many readers there are."""

    def count_files(self) -> int:
        """The files of posts that were read."""
        ...

    def count_documents(self) -> tuple[int, int]:
        """The documents under public/, and how many were ever written there."""
        ...

    def count_failures(self) -> Mapping[str, int]:
        """Area -> how many problems ever came up in it."""
        ...

    def count_unfinished_mailings(self) -> Mapping[MailingState, int]:
        """The mailings in each state that is no end."""
        ...

    def count_readers(self) -> Mapping[tuple[str, SubscriptionState], int]:
        """(list, state) -> number of active and pending subscriptions."""
        ...
