"""The socket of the store for the ledger: batches, deliveries, and what slows them down.

The socket of the store for what a restored one is told.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from publisher.core.delivery.bounces import MailboxRefusal, RefusedMailing, Severity
from publisher.core.delivery.holds import Declined, MailingCommand, MailingStatus
from publisher.core.delivery.mailing import (
    Batch,
    CanarySample,
    Delivery,
    DeliveryResult,
    DeliveryState,
    InDoubt,
    Mailing,
    MailingHold,
    Reworded,
)
from publisher.core.delivery.relay_quotas import Quota, QuotaUse
from publisher.core.delivery.throttling import CircuitBreaker, DeliveryRate
from publisher.core.mail.message import Recipe, Segment
from publisher.core.subscribers.departures import Departure

CohortPosts = tuple[int, Sequence[tuple[str, str]], str]
"""A cohort's number, its (post id, revision) pairs in the order they are shown, and its language."""


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

    def settle(self, run: str, results: Sequence[DeliveryResult], now: datetime) -> None:
        """Arrows c, d, e, f, g, i, and h where the mailing was cancelled."""
        ...

    def record(
        self, run: str, results: Sequence[DeliveryResult], intents: Sequence[tuple[int, int]], now: datetime
    ) -> set[tuple[int, int]]:
        """`settle` and `intend` in one transaction: what group commit calls. Returns as `intend` does."""
        ...

    def record_at_once(
        self, run: str, results: Sequence[DeliveryResult], intents: Sequence[tuple[int, int]], now: datetime
    ) -> set[tuple[int, int]] | None:
        """`record` that waits for no other writer and no disk: durable, and to be relied on, after `flush`.
        None: it would have to wait, and nothing was written."""
        ...

    def flush(self) -> None:
        """Returns when what `record_at_once` wrote before is durable."""
        ...

    def finish(self, batch: Batch, now: datetime) -> int:
        """Ends the lease: the batch is done, or waits for its earliest not_before; so may be the mailing.
        Returns the turn, as in `Batch`."""
        ...

    def in_doubt(self, mailing: int, *, after: int = 0, limit: int | None = None) -> Sequence[InDoubt]:
        """Its deliveries in state unknown, those after number `after`; in order."""
        ...

    def doubtful(self) -> int:
        """How many deliveries of all mailings are in state unknown."""
        ...

    def next_doubtful(self, after: int) -> int | None:
        """The first mailing after that one with a delivery in state unknown."""
        ...

    def resolve(self, results: Sequence[DeliveryResult], now: datetime) -> int:
        """Arrows j and k from unknown, in one transaction; how many rows were unknown."""
        ...

    def order(
        self, mailing: int, order: MailingCommand, now: datetime, *, count_refusals: bool = False
    ) -> MailingStatus | Declined | None:
        """Carries out an order (core.holds.obey), also while a run sends; None: no such mailing. What it does
        not let go on because too many refused it counts for those readers only with `count_refusals`."""
        ...

    def with_withdrawn(self) -> Sequence[int]:
        """The digests with something left to send that show a post which was withdrawn since, by id."""
        ...

    def withdrawn_in(self, mailing: int) -> Sequence[str]:
        """The ids of the posts of a mailing that were withdrawn since."""
        ...

    def reword(
        self,
        mailing: int,
        recipes: Mapping[int, Recipe],
        segments: Mapping[str, bytes],
        subject: str,
        now: datetime,
    ) -> Reworded:
        """Gives these cohorts other messages; where a run sends them now, it is stopped instead."""
        ...

    def stop(self, mailing: int, why: str) -> None:
        """Pauses a mailing, also one that is planned still, until an operator decides."""
        ...

    def hold(self, mailing: int, hold: MailingHold, why: str, until: datetime | None) -> bool:
        """Pauses a ready mailing, `until` then or (None) until an operator decides; False: not ready."""
        ...

    def hold_all(self, hold: MailingHold, why: str, until: datetime | None) -> int:
        """Pauses every ready mailing; returns how many."""
        ...

    def sample(self, mailing: int) -> CanarySample:
        """How the canary of a mailing stands."""
        ...

    def sampling(self) -> Sequence[int]:
        """The ready mailings whose canary is out."""
        ...

    def pass_canary(self, mailing: int) -> None:
        """The rest of a mailing may go."""
        ...

    def go_on(self, now: datetime) -> int:
        """Mailings whose pause has come to its end are ready again; returns how many."""
        ...

    def mailings(self, *, counted: bool = True) -> Sequence[Mailing]:
        """All of them, newest first."""
        ...

    def under_way(self) -> Sequence[Mailing]:
        """Those that are neither done nor cancelled, newest first."""
        ...

    def totals(self) -> tuple[int, Mapping[DeliveryState, int]]:
        """How many mailings there are, and of all of them together how many deliveries in each state."""
        ...

    def mailing(self, id: int, *, counted: bool = True) -> Mailing | None: ...
    def state_of(self, mailing: int, n: int) -> DeliveryState | None:
        """The state of one delivery."""
        ...

    def cohorts(self, id: int) -> Sequence["CohortPosts"]: ...
    def taken_back(self) -> Mapping[int, Sequence[str]]:
        """By mailing, the posts of its page (of the first cohort) that were withdrawn since."""
        ...

    def shown_to(self, mailing: int, subscription: int) -> tuple[Sequence[tuple[str, str]], str] | None:
        """What one reader was mailed: (post id, revision) pairs, and the language; None: nothing."""
        ...

    def replies(self, id: int) -> Sequence[tuple[str, int]]:
        """The servers' words and how often, most frequent first; at most 20."""
        ...

    def fold(self, before: datetime, *, limit: int) -> int:
        """Of deliveries settled before then, about `limit` at once, the counts stay, what servers said, and
        that it came to whom it came; returns how many. What is in doubt, or of a mailing under way, stays."""
        ...

    def queued(self, now: datetime) -> int:
        """How many deliveries could go out at `now`."""
        ...

    def next_batch_at(self) -> datetime | None: ...
    def last_turns(self) -> Mapping[int, datetime]:
        """When the last open batch of each mailing under way has its turn."""
        ...


class BounceStore(Protocol):
    """What mailboxes refused, and what that comes to (core.bounces)."""

    def undecided(self, since: datetime) -> Sequence[RefusedMailing]:
        """The mailings of which it is not decided whether their refusals count. Of mails to one reader each
        the share is of all of them since then."""
        ...

    def refused(self, mailing: int) -> RefusedMailing:
        """How many of a mailing's readers refused it."""
        ...

    def refusals(self, mailing: int) -> Iterator[tuple[str, Sequence[MailboxRefusal]]]:
        """For each address whose refusal of that mailing is not decided: its key, and that refusal with the
        others that count."""
        ...

    def refusals_of(self, key: str) -> Sequence[MailboxRefusal]:
        """What an address refused lately, oldest first."""
        ...

    def refusals_by(self, mailing: int) -> Mapping[tuple[Severity, bool | None], int]:
        """How many addresses refused a mailing, by (severity, counts)."""
        ...

    def decide_refusals(self, mailing: int, *, count: bool, keys: Sequence[str] | None = None) -> int:
        """The open refusals of a mailing count from now on, or never will: all, or those of `keys`. Returns
        how many."""
        ...


class QuotaStore(Protocol):
    """What relays have taken lately (core.quotas)."""

    def reserve(
        self, quota: Quota, run: str, sent: QuotaUse | None, now: datetime
    ) -> tuple[int, datetime | None]:
        """Counts what `run` sent of its last reservation, which ends, and reserves some more: how many, and
        when there is more where that is none."""
        ...

    def settle_quota(self, relay: str, run: str, sent: QuotaUse | None, now: datetime) -> None:
        """Counts what `run` sent of its last reservation; what is left of it is free again."""
        ...

    def spent(self, relay: str, now: datetime) -> Sequence[QuotaUse]:
        """What a relay took within a day, or is reserved."""
        ...


class ThrottleStore(Protocol):
    """What of the pacing must survive a crash."""

    def gauges(self) -> Mapping[str, CircuitBreaker]:
        """Every brake that was not released, by its scope."""
        ...

    def set_gauge(self, gauge: CircuitBreaker) -> None:
        """Keeps a brake; a gauge without failures releases it."""
        ...

    def pace(self, since: datetime) -> Mapping[int, DeliveryRate]:
        """What was settled of each mailing in the minutes from `since` on."""
        ...

    def digests_since(self, since: datetime) -> int:
        """How many deliveries of digests were accepted in the minutes from `since` on."""
        ...


class ReconcilingStore(Protocol):
    """Departures, numbers and positions, from the files beside the store."""

    def last_subscription(self) -> int:
        """The highest number of a subscription; 0 without any."""
        ...

    def lacking(self, departures: Sequence[Departure]) -> Sequence[Departure]:
        """Those of `departures` that are not done in the store, in their order."""
        ...

    def depart(self, departures: Sequence[Departure]) -> int:
        """Does them, in one transaction: ends subscriptions, suppresses, erases, moves a subscription to its
        new address. Idempotent; a later life of a subscription stays. Returns how many subscriptions ended,
        or were forgotten."""
        ...

    def doubt_open(self, why: str, now: datetime) -> int:
        """Whatever could still be sent may have been sent already: in doubt. Returns how many."""
        ...

    def served(self, spec: str, at: datetime, head: int) -> int:
        """Readers of a list who were due at `at` have had everything up to `head`; returns how many."""
        ...

    def turn(self) -> int:
        """How often a batch was begun or ended."""
        ...

    def skip_turns(self, last: int) -> None:
        """Turns up to `last` are over."""
        ...

    def skip_subscriptions(self, last: int) -> None:
        """Numbers of subscriptions up to `last` are taken."""
        ...

    def skip_mailings(self, last: int) -> None:
        """Numbers of mailings up to `last` are taken."""
        ...
