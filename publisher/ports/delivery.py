"""Ports of the store for delivery: the ledger, bounces, quotas, throttling, and catching up after a
restore.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from publisher.core.delivery.bounces import (
    MailboxRefusal,
    RefusedMailing,
    ReportedDelivery,
    ReportEffect,
    ReportKind,
    Severity,
    StoredReport,
)
from publisher.core.delivery.holds import DeclinedCommand, MailingCommand, MailingStatus
from publisher.core.delivery.mailing import (
    Batch,
    CanarySample,
    Delivery,
    DeliveryState,
    Mailing,
    MailingHold,
    RecomposeResult,
    RefusalRuling,
    Route,
    Transition,
    UnknownDelivery,
)
from publisher.core.delivery.relays import MailProvider, Quota, QuotaUse
from publisher.core.delivery.throttling import CircuitBreaker, DeliveryRate
from publisher.core.delivery.webhooks.events import WebhookOutcome
from publisher.core.digests.digest import Correction
from publisher.core.mail.message import Recipe, Segment
from publisher.core.subscribers.subscription import Departure, ListChange, ListChangeResult

CohortPosts = tuple[int, Sequence[tuple[str, str]], str]
"""A cohort's number, its (post id, revision) pairs in the order they are shown, and its language."""


class LedgerStore(Protocol):
    """Mailings, batches and deliveries. Letters name the transitions drawn in core.delivery.mailing."""

    def release_dead_runs(self, run: str, now: datetime, *, alone: bool) -> int:
        """Ends the leases of dead runs: sending -> unknown (f), claimed -> queued (g). With `alone` every run
        but `run` is dead (we hold the lock), else those whose lease ended. Returns how many deliveries are
        now unknown."""
        ...

    def claim_batch(
        self,
        run: str,
        now: datetime,
        lease_until: datetime,
        full: Collection[str] = (),
        lists: Collection[str] | None = None,
    ) -> Batch | None:
        """Leases the next due batch of a ready mailing, and claims its due queued deliveries (a). In the
        domain groups `full` only urgent mail is claimed; only mail of `lists`, if they are given. None if
        there is nothing to claim."""
        ...

    def renew_leases(self, run: str, lease_until: datetime) -> int:
        """Extends the leases of a run; returns how many it holds."""
        ...

    def claimed_deliveries(self, batch: Batch) -> Sequence[Delivery]:
        """The deliveries of a batch that its run claimed and has not sent, in order."""
        ...

    def segments(self, mailing: int, cohort: int) -> tuple[Segment, ...]:
        """What a cohort's message is made of, in order. Raises StoreError if there is no such cohort."""
        ...

    def record_transitions(
        self, transitions: Sequence[Transition], now: datetime, *, run: str = ""
    ) -> list[bool]:
        """Makes transitions of single deliveries, in order and in one transaction that is durable when this
        returns. Returns for each whether it was made: one delivery may be named twice, and only an intent (b)
        that was made itself lets its message be sent.

        A run makes those from b to i, of deliveries that it holds. An answer (c, d, e) also settles one that
        became unknown since (k). What is skipped (i) because its mailing was stopped is cancelled (h) or
        released (g). Without `run`, an operator or a log makes those of unknown deliveries (j, k). Raises
        ValueError for others."""
        ...

    def route_number(self, route: Route) -> int:
        """The number of a route, as `Transition` has it; a new one is stored."""
        ...

    def count_in_outbox(self) -> Mapping[int, int]:
        """Mailing -> how many of its messages the outbox took, of which no operator has decided whether they
        are sent; without cancelled mailings and deliveries archived since."""
        ...

    def send_from_outbox(self, mailing: int, now: datetime) -> int:
        """Queues those messages of a mailing again (m); returns how many."""
        ...

    def keep_in_outbox(self, mailing: int) -> int:
        """Records that those messages of a mailing stay in the outbox; returns how many."""
        ...

    def count_unsent(self, mailing: int) -> Mapping[DeliveryState, int]:
        """State -> how many readers of a mailing could be mailed now and lack a post of it that readers see:
        those whose delivery was cancelled, skipped or rejected."""
        ...

    def release_posts(self, mailing: int, first: int, last: int) -> None:
        """Lets the posts of the deliveries numbered `first` to `last` wait for the next digests of those
        readers who could be mailed now, as far as no mail brought them."""
        ...

    def released_posts(self, slug: str, *, limit: int, mailing: int | None = None) -> Sequence[Correction]:
        """The posts that wait for some reader of a list, released from one mailing or any, oldest first."""
        ...

    def forget_released(self, mailing: int) -> None:
        """Lets no post of a mailing wait any more."""
        ...

    def resend(self, mailing: int, states: Collection[DeliveryState], now: datetime) -> int | None:
        """Queues the messages of a mailing in these states again (n), to readers who could be mailed now and
        have none of its posts; returns how many. None if a run is sending it."""
        ...

    def finish_batch(self, batch: Batch, now: datetime) -> int:
        """Ends the lease. The batch is done, or waits for its earliest not_before; its mailing may be done
        too. Returns the turn, as in `Batch`."""
        ...

    def unknown_deliveries(
        self, mailing: int, *, after: int = 0, limit: int | None = None
    ) -> Sequence[UnknownDelivery]:
        """The deliveries of a mailing in state unknown with a number above `after`, in order."""
        ...

    def count_unknown(self) -> int:
        """How many deliveries of all mailings are in state unknown."""
        ...

    def next_mailing_with_unknown(self, after: int) -> int | None:
        """The lowest id above `after` of a mailing with a delivery in state unknown; None if there is
        none.
        """
        ...

    def apply_command(
        self, mailing: int, command: MailingCommand, now: datetime, *, count_refusals: bool = False
    ) -> MailingStatus | DeclinedCommand | None:
        """Carries out an operator's command (core.delivery.holds), even while a run sends; returns the new
        status, or why not. Refusals of a mailing that was paused for them are forgotten, or with
        `count_refusals` counted against those addresses. None if there is no such mailing."""
        ...

    def unsent_with_withdrawn_posts(self) -> Sequence[int]:
        """Ids of digests and welcome mails with deliveries left to send that show a post which was withdrawn
        since."""
        ...

    def withdrawn_posts_in(self, mailing: int) -> Sequence[str]:
        """Ids of the posts of a mailing that were withdrawn since, sorted. Of a welcome mail that an older
        version planned, those that it may show."""
        ...

    def replace_messages(
        self,
        mailing: int,
        recipes: Mapping[int, Recipe],
        segments: Mapping[str, bytes],
        subject: str,
        now: datetime,
    ) -> RecomposeResult:
        """Replaces the messages of cohorts (number -> recipe) and the subject. If a run is sending the
        mailing, pauses it instead."""
        ...

    def pause_for_operator(self, mailing: int, why: str) -> None:
        """Pauses a mailing until an operator decides; one in planning, once it is ready."""
        ...

    def pause(self, mailing: int, hold: MailingHold, why: str, until: datetime | None) -> bool:
        """Pauses a ready mailing until then or (None) until an operator decides. False if it was not
        ready."""
        ...

    def pause_all(self, hold: MailingHold, why: str, until: datetime | None) -> int:
        """Pauses every ready mailing; returns how many."""
        ...

    def end_relay_pauses(self, relays: Collection[str], what: str = "") -> Sequence[int]:
        """Ends what stopped because one of these relays (names) could not be used, and `what` it did:
        mailings that are paused for it are ready again, and the next message is tried at once. Returns the
        ids of the mailings that go on."""
        ...

    def canary_sample(self, mailing: int) -> CanarySample:
        """How many deliveries of a mailing's canary are untried, settled, and refused."""
        ...

    def running_canaries(self) -> Sequence[int]:
        """Ids of ready mailings of which only the canary may be sent so far."""
        ...

    def pass_canary(self, mailing: int) -> None:
        """Lets the rest of a mailing be sent."""
        ...

    def resume_expired_pauses(self, now: datetime) -> int:
        """Makes mailings ready again whose pause has ended; returns how many."""
        ...

    def mailings(self, *, counted: bool = True) -> Sequence[Mailing]:
        """All mailings, the newest first; with the number of deliveries in each state if `counted`."""
        ...

    def newest_mailings(self, limit: int, *, before: int | None = None) -> Sequence[Mailing]:
        """Mailings with their counts, the newest first; only with ids below `before`, if it is given."""
        ...

    def digests(self, *, before: int | None = None, limit: int) -> Sequence[Mailing]:
        """At most `limit` digests with an id below `before`, the newest first, counted."""
        ...

    def counts_by_domain(self, id: int) -> Mapping[str, Mapping[DeliveryState, int]]:
        """Group of domains ("" for all without one of their own) -> state -> deliveries of a mailing, those
        that a run holds left out."""
        ...

    def unfinished_mailings(self) -> Sequence[Mailing]:
        """Mailings that are neither done nor cancelled, the newest first."""
        ...

    def delivery_totals(self) -> tuple[int, Mapping[DeliveryState, int]]:
        """The number of mailings, and of all their deliveries in each state."""
        ...

    def mailing(self, id: int, *, counted: bool = True) -> Mailing | None:
        """One mailing; None if there is none with that id."""
        ...

    def delivery_state(self, mailing: int, n: int) -> DeliveryState | None:
        """The state of one delivery; None if there is no such row."""
        ...

    def cohorts(self, id: int) -> Sequence[CohortPosts]:
        """The cohorts of a mailing."""
        ...

    def posts_not_on_pages(self) -> Mapping[int, Sequence[str]]:
        """Mailing -> ids of those posts of its first cohort that its page may not show: they were withdrawn
        since, or are only mailed.
        """
        ...

    def posts_mailed_to(
        self, mailing: int, subscription: int
    ) -> tuple[Sequence[tuple[str, str]], str] | None:
        """The (post id, revision) pairs that a mailing showed one reader, and its language; None if they were
        not mailed."""
        ...

    def replies(self, id: int) -> Sequence[tuple[str, int]]:
        """(SMTP reply, how often) of a mailing, the most frequent first, at most 20. Replies that accepted
        are one, cut to what they have in common."""
        ...

    def archive_deliveries(self, before: datetime, *, limit: int) -> int:
        """Deletes deliveries settled before then, about `limit` at once, keeping their counts, replies, and
        who received what. Unknown ones stay, and those of unfinished mailings. Returns how many; 0 if none
        are left."""
        ...

    def count_sendable(self, now: datetime, lists: Collection[str] | None = None) -> int:
        """How many deliveries could be sent at `now`; only those of `lists`, if they are given."""
        ...

    def next_batch_at(self, lists: Collection[str] | None = None) -> datetime | None:
        """When the next batch of a ready mailing is due, or the next pause ends; not before the circuit
        breaker of the server allows it. None if nothing waits. Only of `lists`, if they are given."""
        ...

    def last_batch_times(self) -> Mapping[int, datetime]:
        """Mailing -> when the last of its open batches is due."""
        ...


class BounceStore(Protocol):
    """What mailboxes refused, and whether it counts (core.delivery.bounces)."""

    def mailings_with_undecided_refusals(self, since: datetime) -> Sequence[RefusedMailing]:
        """The mailings whose refusals are not decided. For mail to one reader each, the share is that of all
        such mail after `since`."""
        ...

    def refused_mailing(self, mailing: int) -> RefusedMailing:
        """How many readers refused a mailing."""
        ...

    def undecided_refusals(
        self, mailing: int, *, final: bool = False
    ) -> Iterator[tuple[str, Sequence[MailboxRefusal]]]:
        """(address key, refusals) for each address whose refusal of this mailing is not decided: that one,
        and its others that count. `final`: only where one is enough."""
        ...

    def refusals_of(self, key: str) -> Sequence[MailboxRefusal]:
        """The recent refusals of an address, the oldest first."""
        ...

    def count_refusals(self, mailing: int) -> Mapping[tuple[Severity, bool | None], int]:
        """(severity, whether it counts) -> number of addresses that refused a mailing."""
        ...

    def decide_refusals(self, mailing: int, *, count: bool, keys: Sequence[str] | None = None) -> int:
        """Decides whether a mailing's open refusals count: all, or those of `keys`. Returns how many."""
        ...

    def rule_on_refusals(self, mailing: int, ruling: RefusalRuling) -> None:
        """Records an operator's ruling: whether the refusals of a mailing count, open and later ones."""
        ...

    def reported_delivery(self, mailing: int, n: int) -> ReportedDelivery | None:
        """A delivery and its reader, archived or not. None: there is none, or it was archived by a version
        that kept no number of it."""
        ...

    def report_result(self, digest: str) -> tuple[ReportKind, ReportEffect] | None:
        """What the message with this SHA-256 was and did, if it was read before and stored."""
        ...

    def record_report(self, report: StoredReport, delivery: ReportedDelivery | None) -> bool:
        """Stores a message that came back and, with its `severity`, the refusal it tells, in one transaction.
        False, and nothing is changed, if it was stored before. Of those about no delivery some are kept."""
        ...

    def reports_of(self, key: str) -> Sequence[StoredReport]:
        """The reports about an address, the oldest first."""
        ...

    def kept_messages(self) -> Sequence[StoredReport]:
        """The messages that nothing could be made of, the oldest first."""
        ...

    def count_reports(
        self, since: datetime, *, mailing: int | None = None
    ) -> Mapping[tuple[ReportKind, ReportEffect], int]:
        """(kind, effect) -> number of the messages that came back from `since` on, about a mailing or all."""
        ...

    def forget_reports(self, bodies_before: datetime, now: datetime) -> int:
        """Forgets the messages themselves that came before then, and reports too old to matter. Returns how
        many rows changed."""
        ...


class WebhookStore(Protocol):
    """What webhooks of providers need to remember (core.delivery.webhooks)."""

    def bind_webhook_token(self, digest: str, body: str, now: datetime) -> bool:
        """Remembers the token with this SHA-256 together with that of the request it came in. False: it came
        with another one before."""
        ...

    def add_webhook_counts(
        self, counts: Mapping[tuple[MailProvider, WebhookOutcome], int], now: datetime
    ) -> None:
        """Adds what came to the counts of the day."""
        ...

    def count_webhooks(self, since: datetime) -> Mapping[tuple[MailProvider, WebhookOutcome], int]:
        """How much came since that day began."""
        ...

    def keep_confirmation(self, topic: str, token: str, now: datetime) -> None:
        """Keeps the token that confirms a subscription of the topic, in place of any other."""
        ...

    def confirmation(self, topic: str) -> str:
        """The token that confirms the topic; "" for none."""
        ...

    def drop_confirmation(self, topic: str) -> None:
        """Forgets that token."""
        ...

    def forget_webhooks(self, now: datetime) -> None:
        """Forgets all of this that is too old to matter."""
        ...


class QuotaStore(Protocol):
    """How much of their quotas relays have used (core.delivery.relay_quotas), over all processes."""

    def reserve_quota(
        self, quota: Quota, run: str, sent: QuotaUse | None, now: datetime
    ) -> tuple[int, datetime | None]:
        """Counts what `run` sent of its last reservation, ends that, and makes another. Returns its size and,
        if that is 0, when there will be more."""
        ...

    def release_quota(self, relay: str, run: str, sent: QuotaUse | None, now: datetime) -> None:
        """Counts what `run` sent of its last reservation, and frees the rest."""
        ...

    def quota_used(self, relay: str, now: datetime) -> Sequence[QuotaUse]:
        """What a relay accepted within a day, and what is reserved of it."""
        ...


class ThrottleStore(Protocol):
    """The state of throttling that must survive a crash."""

    def circuit_breakers(self) -> Mapping[str, CircuitBreaker]:
        """Scope -> breaker, of those that are open."""
        ...

    def save_circuit_breaker(self, breaker: CircuitBreaker) -> None:
        """Saves a breaker; deletes it if it is closed."""
        ...

    def delivery_rates(self, since: datetime) -> Mapping[int, DeliveryRate]:
        """Mailing -> what was settled of it in the minutes from `since` on."""
        ...

    def digests_accepted_since(self, since: datetime) -> int:
        """How many deliveries of digests were accepted in the minutes from `since` on."""
        ...


class ReconcilingStore(Protocol):
    """What a restored store must catch up on, from the journal beside it. Every method is idempotent."""

    def last_subscription_id(self) -> int:
        """The highest id of a subscription; 0 if there is none."""
        ...

    def missing_departures(self, departures: Sequence[Departure]) -> Sequence[Departure]:
        """Those that have not happened in this store, in their order."""
        ...

    def apply_departures(self, departures: Sequence[Departure]) -> int:
        """Carries departures out, in one transaction: ends subscriptions, suppresses, erases, moves a
        subscription to a new address. Later generations are left alone. Returns how many subscriptions ended
        or were erased."""
        ...

    def list_changes(self) -> Sequence[ListChange]:
        """The lists that were renamed or closed, in order."""
        ...

    def apply_list_change(self, change: ListChange) -> ListChangeResult:
        """Renames or closes a list, in one transaction. A renamed list takes its mailings, its readers and
        who left it along. A reader of both lists goes on as a reader of the new one; who left that one stays
        out."""
        ...

    def mark_open_unknown(self, why: str, now: datetime, *, only_outbox: bool = False) -> int:
        """Makes every delivery that could still be sent unknown: a lost run may have sent it. With
        `only_outbox` the lost runs wrote to the outbox, which can tell; otherwise nothing that the outbox
        lacks is taken for unsent. Returns how many."""
        ...

    def advance_offsets(self, slug: str, at: datetime, head: int) -> int:
        """Moves the offsets of a list's readers who were due at `at` up to `head`; returns how many."""
        ...

    def batch_count(self) -> int:
        """How often a batch was claimed or finished."""
        ...

    def advance_batch_count(self, last: int) -> None:
        """Raises `batch_count` to `last`."""
        ...

    def reserve_subscription_ids(self, last: int) -> None:
        """Gives no new subscription an id up to `last`."""
        ...

    def reserve_mailing_ids(self, last: int) -> None:
        """Gives no new mailing an id up to `last`."""
        ...
