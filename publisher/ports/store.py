"""The sockets of the store: one for each thing it keeps, and `Store`, which is all of them.

The socket of what a store keeps so that addresses stay right and hubs are told.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from publisher.core.delivery.mailing import NewMailing
from publisher.core.feeds.feed_documents import Document, Version
from publisher.core.feeds.redirects import Redirect
from publisher.core.feeds.websub import Ping
from publisher.core.posts.post import FileStat, Post
from publisher.core.publishing.incremental import IndexUpdate, PostKeys
from publisher.core.publishing.log import LogHead, PublishedPost
from publisher.core.publishing.plan import Plan
from publisher.core.subscribers.departures import Departure
from publisher.core.subscribers.preferences import Preferences
from publisher.core.subscribers.subscription import (
    Consent,
    NewReader,
    SignupResult,
    Subscription,
    SubscriptionState,
)
from publisher.core.times import LastEntry
from publisher.ports.feeds import ViewStore
from publisher.ports.ledger import BounceStore, LedgerStore, QuotaStore, ReconcilingStore, ThrottleStore
from publisher.ports.planning import PlanningStore

if TYPE_CHECKING:
    from publisher.core.subscribers.confirmation_limits import (
        ConfirmationHistory,
        SignUpDecision,
        SignUpRequest,
    )
    from publisher.core.subscribers.import_rows import ImportOutcome
    from publisher.core.subscribers.import_states import RowStatus


class PublishStateStore(Protocol):
    """What outlives a publish: facts of the last one, addresses that moved or ended, hubs to be told."""

    def fact(self, name: str) -> str:
        """What was kept under that name; "" where nothing was."""
        ...

    def keep_fact(self, name: str, value: str) -> None: ...
    def moves(self) -> Sequence[Redirect]:
        """By path."""
        ...

    def move(self, path: str) -> Redirect | None: ...
    def save_moves(self, new: Sequence[Redirect], gone: Sequence[str] = ()) -> None: ...
    def former_addresses(self) -> Mapping[str, str]:
        """The paths under public/ that pages of posts had before, each with the id of its post."""
        ...

    def add_former_addresses(self, found: Mapping[str, str]) -> None:
        """More of them, path to post id; what is known already stays."""
        ...

    def redirects(self) -> Mapping[str, str]:
        """Where former addresses and aliases of posts lead: path to path, both relative to public/."""
        ...

    def set_redirects(self, wanted: Mapping[str, str], now: datetime) -> None:
        """`redirects` are these and no others."""
        ...

    def set_withdrawn(self, paths: Iterable[str], now: datetime) -> None:
        """The addresses of withdrawn posts are these and no others."""
        ...

    def pings(self) -> Sequence[Ping]:
        """All that are queued, placed or not, given up or not."""
        ...

    def place_pings(self) -> None:
        """The documents that pings were queued with can be fetched now."""
        ...

    def claim_pings(self, now: datetime, until: datetime) -> Sequence[Ping]:
        """Those placed whose time has come; nobody else gets them before `until`."""
        ...

    def end_ping(self, ping: Ping) -> None:
        """Told; one queued meanwhile for newer bytes stays."""
        ...

    def defer_ping(self, ping: Ping) -> None:
        """Not told: to be tried again at its `next_at`, or given up."""
        ...


class LogStore(Protocol):
    """Posts and the publication log."""

    def head(self) -> LogHead: ...
    def last_entry(self) -> LastEntry | None:
        """The latest instant of the log and the last mailing; None: nothing was ever written."""
        ...

    def known(self) -> Sequence[PublishedPost]: ...
    def known_by(self, names: PostKeys) -> Sequence[PublishedPost]:
        """The posts of the log that bear any of these names."""
        ...

    def live(self) -> int:
        """How many posts readers see."""
        ...

    def apply(self, plan: Plan, bodies: Mapping[str, str], now: datetime) -> LogHead:
        """Appends the plan's changes with gapless seq and keeps their bodies (by body hash).
        Raises Conflict when the log's head is no longer `plan.head`."""
        ...

    def rename(self, ids: Mapping[str, str]) -> None:
        """Gives posts of the log other ids, old to new: those of an adopted feed. New ids are not in it."""
        ...

    def newest(self, limit: int) -> Sequence[PublishedPost]:
        """Live posts, last first by first publication."""
        ...

    def fresh(self, after: int, until: int, *, shown: Collection[str] = ()) -> Sequence[PublishedPost]:
        """Live posts, and those of the ids `shown`, whose first published row, not backfill, lies in
        (after, until], in log order."""
        ...

    def versions(self, wanted: Sequence[tuple[str, str]]) -> Sequence[PublishedPost]:
        """The posts as they were in those (post id, revision), in that order. Raises StoreError: unknown."""
        ...

    def bodies(self, hashes: Iterable[str]) -> Mapping[str, str]: ...
    def bodies_near(self, seq: int, spread: int) -> Iterator[tuple[str, str]]:
        """(post id, body) of the posts first published within `spread` rows of the log's row `seq`."""
        ...


class FileStore(Protocol):
    """What is remembered of files that were read, so that they need not be read again."""

    def remembered(self) -> int:
        """How often something was remembered: while it is the same, so is `seen`."""
        ...

    def seen(self) -> dict[str, dict[str, FileStat]]:
        """Every remembered file: by the rules it was read by, then by path."""
        ...

    def hashes(self, paths: Sequence[str], rules: str) -> Mapping[str, str]:
        """The hashes of those files, where they were read by these rules."""
        ...

    def unpublished(self, paths: Sequence[str]) -> Mapping[str, tuple[str, Post]]:
        """Of those files the remembered ones that stand for no post of the log, whatever rules they were read
        by: the hash of each and what was read of it."""
        ...

    def unsettled(self, now: datetime) -> tuple[Sequence[tuple[Post, bool, str]], Sequence[PublishedPost]]:
        """What a plan at `now` must look at: the posts of remembered files with the hash of their bytes, and
        posts of the log that are in no settled pair (core.settling). True: the file is settled, but the clock
        stands before its instant.
        """
        ...

    def keep_bodies(self, bodies: Mapping[str, str]) -> None:
        """Stores bodies by their hash, before the plan that names them is applied."""
        ...

    def remember(self, memory: IndexUpdate) -> int:
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
    ) -> Sequence[tuple[SignupResult, Subscription | None]]:
        """Signs readers up to list `spec`, in one transaction; new active ones stand at the log's head."""
        ...

    def import_rows(
        self,
        spec: str,
        rows: "Sequence[tuple[NewReader, RowStatus]]",
        consent: Consent,
        ask: NewMailing | None,
        journal: Callable[[Sequence[Departure]], None],
    ) -> "Sequence[ImportOutcome]":
        """Stores rows of a file on list `spec` in one transaction; returns the outcome of each. Whoever is
        new and pending gets `ask`, once. `journal` is called with the departures before the commit."""
        ...

    def subscription(self, id: int) -> Subscription | None: ...
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
        """Makes a pending subscription of this generation active at the head; lifts `left`. None: no such.
        However often it is called, `welcome` is planned once, and `planned` told its number; Conflict: the
        log has moved meanwhile."""
        ...

    def unsubscribe(self, id: int, generation: int, now: datetime) -> Subscription | None:
        """Ends a subscription of this generation, idempotent. None: no such generation now."""
        ...

    def choose(
        self, id: int, generation: int, choices: Preferences, next_due_at: datetime
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

    def ask(
        self, id: int, generation: int, now: datetime, *, every: timedelta, most: int, within: timedelta
    ) -> bool:
        """Whether a reader of this generation, pending ones excepted, may be sent a link that works once at
        `now`, and then notes that they are: not sooner than `every`, not more than `most` `within` a time."""
        ...

    def asked(self, mailing: int, subscription: int, since: datetime) -> Subscription | None:
        """The subscription whose link that works once was brought by that mailing, asked for after `since`,
        the last one and not used yet. None: no such."""
        ...

    def spend(self, mailing: int, subscription: int) -> bool:
        """Uses that link up; False: it was used, or is none."""
        ...

    def rekey(self, key_of: Callable[[str], str]) -> int:
        """Gives each address beyond ASCII the key that `key_of` makes of it, and what stood against the key
        before stands against the new one too. Returns how many changed."""
        ...

    def forget_pending(self, before: datetime) -> int:
        """Deletes pending subscriptions created before; returns how many."""
        ...


class SignUpStore(Protocol):
    """Who may be asked to confirm: decided, counted and acted on in one transaction."""

    def foresee(self, wish: "SignUpRequest", now: datetime) -> "SignUpDecision":
        """What `sign_up` would come to."""
        ...

    def sign_up(
        self, wish: "SignUpRequest", mail: NewMailing, asks: "SignUpDecision", now: datetime
    ) -> "SignUpDecision":
        """Joins the lists of `asks`, counts the mail and plans it, if that is still what the wish comes to;
        else does nothing and returns what it comes to now."""
        ...

    def ask_again(self, ids: Sequence[int], mail: NewMailing, now: datetime) -> int:
        """Plans one more mail that asks about these pending subscriptions of one reader, and counts nothing;
        returns its number."""
        ...

    def asked_together(self, id: int) -> Sequence[Subscription]:
        """The pending subscriptions that one mail asked to confirm, that of `id` last."""
        ...

    def arrival(self, id: int) -> Subscription | None:
        """The subscription that goes on in place of `id`, a change of address that was confirmed."""
        ...

    def asked_of(self, mailbox: str) -> "ConfirmationHistory | None":
        """What is remembered of a mailbox, by its key."""
        ...

    def wanting_none(self, keys: Sequence[str]) -> Set[str]:
        """Those of the mailboxes of these keys whose owner wants no confirmation mail."""
        ...

    def never_ask(self, mailbox: str, pending: Sequence[int], now: datetime) -> None:
        """The owner of a mailbox wants no confirmation mail; their pending subscriptions end. Idempotent."""
        ...

    def allow(self, key: str, mailbox: str, until: datetime) -> Sequence[str]:
        """Lifts what kept mail from an address up to `until`, but not that it left or was erased; what."""
        ...

    def forget_mailbox(self, mailbox: str) -> None:
        """Forgets how often a mailbox was asked; that its owner wants no such mail stays."""
        ...

    def forget_asked(self, now: datetime) -> int:
        """Forgets mailboxes that nobody tried for a year; returns how many."""
        ...


class Store(
    LogStore,
    ViewStore,
    FileStore,
    DocumentStore,
    SubscriberStore,
    SignUpStore,
    PlanningStore,
    LedgerStore,
    ThrottleStore,
    BounceStore,
    QuotaStore,
    PublishStateStore,
    ReconcilingStore,
    Protocol,
):
    """All of it: one database."""

    def close(self) -> None: ...
