"""The sockets of the store: one for each thing it keeps, and `Store`, which is all of them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from publisher.core.documents import Document, Version
from publisher.core.holds import Declined, Order, Standing
from publisher.core.lists import Consent, Joined, NewReader, Subscription
from publisher.core.lists import State as SubscriptionState
from publisher.core.log import Head, Known
from publisher.core.mailings import (
    Batch,
    Delivery,
    Hold,
    InDoubt,
    Mailing,
    Result,
    Sample,
    State,
)
from publisher.core.messages import Segment
from publisher.core.pacing import Gauge, Pace
from publisher.core.plans import Plan
from publisher.core.posts import FileStat, Post
from publisher.core.rhythms import Choices
from publisher.core.settling import Memory, Names
from publisher.core.websub import Ping
from publisher.ports.planning import PlanningStore
from publisher.ports.promises import PromiseStore
from publisher.ports.reconciling import ReconcilingStore
from publisher.ports.views import ViewStore


class LogStore(Protocol):
    """Posts and the publication log."""

    def head(self) -> Head: ...
    def known(self) -> Sequence[Known]: ...
    def known_by(self, names: Names) -> Sequence[Known]:
        """The posts of the log that bear any of these names."""
        ...

    def live(self) -> int:
        """How many posts readers see."""
        ...

    def apply(self, plan: Plan, bodies: Mapping[str, str], now: datetime) -> Head:
        """Appends the plan's changes with gapless seq and keeps their bodies (by body hash).
        Raises Conflict when the log's head is no longer `plan.head`."""
        ...

    def rename(self, ids: Mapping[str, str]) -> None:
        """Gives posts of the log other ids, old to new: those of an adopted feed. New ids are not in it."""
        ...

    def newest(self, limit: int) -> Sequence[Known]:
        """Live posts, last first by first publication."""
        ...

    def fresh(self, after: int, until: int) -> Sequence[Known]:
        """Live posts whose first published row, not backfill, lies in (after, until], in log order."""
        ...

    def versions(self, wanted: Sequence[tuple[str, str]]) -> Sequence[Known]:
        """The posts as they were in those (post id, revision), in that order. Raises StoreError: unknown."""
        ...

    def bodies(self, hashes: Iterable[str]) -> Mapping[str, str]: ...


class FileStore(Protocol):
    """What is remembered of files that were read, so that they need not be read again."""

    def remembered(self) -> int:
        """How often something was remembered: while it is the same, so is `seen`."""
        ...

    def seen(self, rules: str) -> Mapping[str, FileStat]:
        """Every remembered file by path; of those read by other rules the size is -1."""
        ...

    def hashes(self, paths: Sequence[str], rules: str) -> Mapping[str, str]:
        """The hashes of those files, where they were read by these rules."""
        ...

    def unsettled(self, now: datetime) -> tuple[Sequence[tuple[Post, bool]], Sequence[Known]]:
        """What a plan at `now` must look at: the posts of remembered files, and posts of the log that are in
        no settled pair (core.settling). True: the file is settled, but the clock stands before its instant.
        """
        ...

    def keep_bodies(self, bodies: Mapping[str, str]) -> None:
        """Stores bodies by their hash, before the plan that names them is applied."""
        ...

    def remember(self, memory: Memory) -> int:
        """Remembers what a plan that was carried out left settled or not; returns the new `remembered`."""
        ...


class DocumentStore(Protocol):
    """What was written under public/, and what was wrong at the last look."""

    def documents(self) -> Mapping[str, Document]: ...
    def save_documents(
        self,
        written: Sequence[Document],
        gone: Sequence[str],
        pings: Sequence[Ping] = (),
        versions: Sequence[Version] = (),
    ) -> None:
        """Records `written` and forgets `gone`; hubs are to be told `pings` once `place_pings` says so.
        `versions` are what those of `written` that are feeds hold now."""
        ...

    def feed_versions(self, path: str) -> Mapping[str, tuple[str, ...]]:
        """What the feed document at `path` holds and held, the newest first: hash -> marks of its entries."""
        ...

    def set_problems(self, area: str, problems_now: Sequence[str], now: datetime) -> None:
        """Replaces the problems of one area ("posts", "mail", "schedule"); an empty sequence clears it."""
        ...

    def problems(self) -> Sequence[tuple[str, datetime, str]]:
        """(area, since, text), oldest first."""
        ...


class SubscriberStore(Protocol):
    """Subscribers and their subscriptions."""

    def join(
        self, spec: str, readers: Sequence[NewReader], consent: Consent
    ) -> Sequence[tuple[Joined, Subscription | None]]:
        """Signs readers up to list `spec`, in one transaction; new active ones stand at the log's head."""
        ...

    def subscription(self, id: int) -> Subscription | None: ...
    def confirm(self, id: int, generation: int, next_due_at: datetime, now: datetime) -> Subscription | None:
        """Makes a pending subscription of this generation active at the head; lifts `left`. None: no such."""
        ...

    def confirmations(self, id: int, generation: int) -> tuple[int, datetime | None]:
        """How many confirmation mails this life of a subscription was planned, and when the last was."""
        ...

    def unsubscribe(self, id: int, generation: int, now: datetime) -> Subscription | None:
        """Ends a subscription of this generation, idempotent. None: no such generation now."""
        ...

    def choose(
        self, id: int, generation: int, choices: Choices, next_due_at: datetime
    ) -> Subscription | None:
        """What a reader of this generation wants from now on. None: no such, or they have left."""
        ...

    def subscriptions(self, spec: str | None, state: SubscriptionState | None) -> Iterator[Subscription]:
        """In the order they came, streamed."""
        ...

    def subscriber_counts(self) -> Mapping[tuple[str, SubscriptionState], int]:
        """How many subscriptions, by (list, state)."""
        ...

    def of_person(self, key: str) -> Sequence[Subscription]:
        """The subscriptions of an address, by its key."""
        ...

    def blocks(self, key: str) -> Sequence[tuple[str, str, datetime]]:
        """(list, kind, since) of what keeps mail from an address; list "" is every list."""
        ...

    def consent(self, subscription: int) -> Mapping[str, str]: ...
    def received(self, subscription: int) -> Sequence[tuple[int, str, str, datetime]]:
        """(mailing, subject, state, since) of everything planned for a subscription, oldest first."""
        ...

    def erase(self, key: str, now: datetime) -> int:
        """Forgets a person but for what keeps them from being written to; how many subscriptions."""
        ...

    def forget_pending(self, before: datetime) -> int:
        """Deletes pending subscriptions created before; returns how many."""
        ...


class LedgerStore(Protocol):
    """Batches and deliveries."""

    def recover(self, run: str, now: datetime, *, alone: bool) -> int:
        """Batches of dead runs are let go: sending -> unknown, claimed -> queued. `alone`: every run but
        `run` is dead (we hold the lock); else those whose lease ended. Returns how many are now unknown."""
        ...

    def claim(
        self, run: str, now: datetime, lease_until: datetime, full: Collection[str] = ()
    ) -> Batch | None:
        """Takes the next batch whose time has come, of a ready mailing; its due queued rows are claimed. Of
        `full` pacing groups only what somebody waits for."""
        ...

    def renew(self, run: str, lease_until: datetime) -> int:
        """Keeps the leases of a run for longer; returns how many it holds."""
        ...

    def claimed(self, batch: Batch) -> Sequence[Delivery]: ...
    def segments(self, mailing: int, cohort: int) -> Sequence[Segment]: ...
    def intend(self, run: str, rows: Sequence[tuple[int, int]], now: datetime) -> set[tuple[int, int]]:
        """Arrow b for (mailing, n) rows: those returned are durable; the others must not be sent."""
        ...

    def settle(self, run: str, results: Sequence[Result], now: datetime) -> None:
        """Arrows c, d, e, f, g, i, and h where the mailing was cancelled."""
        ...

    def record(
        self, run: str, results: Sequence[Result], intents: Sequence[tuple[int, int]], now: datetime
    ) -> set[tuple[int, int]]:
        """`settle` and `intend` in one transaction: what group commit calls. Returns as `intend` does."""
        ...

    def finish(self, batch: Batch, now: datetime) -> int:
        """Ends the lease: the batch is done, or waits for its earliest not_before; so may be the mailing.
        Returns the turn, as in `Batch`."""
        ...

    def in_doubt(self, mailing: int | None) -> Sequence[InDoubt]: ...
    def resolve(self, mailing: int, n: int, result: Result, now: datetime) -> bool:
        """Arrows j and k from unknown; False where the row was not unknown."""
        ...

    def order(self, mailing: int, order: Order, now: datetime) -> Standing | Declined | None:
        """Carries out an order (core.holds.obey), also while a run sends; None: no such mailing."""
        ...

    def hold(self, mailing: int, hold: Hold, why: str, until: datetime | None) -> bool:
        """Pauses a ready mailing, `until` then or (None) until an operator decides; False: not ready."""
        ...

    def hold_all(self, hold: Hold, why: str, until: datetime | None) -> int:
        """Pauses every ready mailing; returns how many."""
        ...

    def sample(self, mailing: int) -> Sample:
        """How the canary of a mailing stands."""
        ...

    def pass_canary(self, mailing: int) -> None:
        """The rest of a mailing may go."""
        ...

    def go_on(self, now: datetime) -> int:
        """Mailings whose pause has come to its end are ready again; returns how many."""
        ...

    def mailings(self, *, counted: bool = True) -> Sequence[Mailing]:
        """All of them, newest first; counting reads the whole ledger."""
        ...

    def mailing(self, id: int, *, counted: bool = True) -> Mailing | None: ...
    def state_of(self, mailing: int, n: int) -> State | None:
        """The state of one delivery."""
        ...

    def cohorts(self, id: int) -> Sequence["CohortPosts"]: ...
    def shown_to(self, mailing: int, subscription: int) -> tuple[Sequence[tuple[str, str]], str] | None:
        """What one reader was mailed: (post id, revision) pairs, and the language; None: nothing."""
        ...

    def replies(self, id: int) -> Sequence[tuple[str, int]]:
        """The servers' words and how often, most frequent first; at most 20."""
        ...

    def queued(self, now: datetime) -> int:
        """How many deliveries could go out at `now`."""
        ...

    def next_batch_at(self) -> datetime | None: ...


class PacingStore(Protocol):
    """What of the pacing must survive a crash."""

    def gauges(self) -> Mapping[str, Gauge]:
        """Every brake that was not released, by its scope."""
        ...

    def set_gauge(self, gauge: Gauge) -> None:
        """Keeps a brake; a gauge without failures releases it."""
        ...

    def pace(self, since: datetime) -> Mapping[int, Pace]:
        """What was settled of each mailing in the minutes from `since` on."""
        ...


CohortPosts = tuple[int, Sequence[tuple[str, str]], str]
"""A cohort's number, its (post id, revision) pairs in the order they are shown, and its language."""


class Store(
    LogStore,
    ViewStore,
    FileStore,
    DocumentStore,
    SubscriberStore,
    PlanningStore,
    LedgerStore,
    PacingStore,
    PromiseStore,
    ReconcilingStore,
    Protocol,
):
    """All of it: one database."""

    def close(self) -> None: ...
