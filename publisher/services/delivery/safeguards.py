"""What limits sending: circuit breakers, canaries, send windows, the quotas of relays; and bounces: when
refusals by mailboxes hold a mailing, and which addresses get no more mail because of them.

    refused, not decided -> journal -> suppressed [bounces:suppressed] -> counted [bounces:counted]

A refusal is decided once its mailing was tried at every reader, and was not stopped because too many refused
it. Undecided ones are looked at again after each run and before the next, so a kill between two of these
steps counts nothing twice.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice

from publisher.core.delivery.bounces import (
    RefusedMailing,
    final_may_count,
    is_mass_refusal,
    limit_reached,
    refusal_ruling,
)
from publisher.core.delivery.mailing import Batch, MailingHold, MailingKind, MailingState, RefusalRuling
from publisher.core.delivery.relays import RESERVATION_TIME, QuotaUse, Relay, quota_of
from publisher.core.delivery.throttling import (
    SERVER_SCOPE,
    Canary,
    CircuitBreaker,
    canary_failed,
    fair_outcome,
    next_midnight,
    quiet_from,
    quiet_until,
    record_outcome,
    trip_breaker,
    utc_day,
    warm_up_allowance,
)
from publisher.core.mail.message import Outcome, SendVerdict
from publisher.core.subscribers.subscription import ALL_LISTS, BOUNCE
from publisher.ports import Clock, Store
from publisher.services.deps import Deps, SiteRules
from publisher.services.subscribers.departures import suppress_keys

RECENT = timedelta(hours=24)
"""Transactional mails of this time are judged together: do very many mailboxes refuse them?"""

CHUNK = 500
"""Addresses decided in one transaction."""


class CircuitBreakers:
    """The circuit breakers of one run, by scope: a domain, a mailing or the server. The store keeps those
    that open or close; failures below the limit are the run's alone.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._breakers: dict[str, CircuitBreaker] = dict(store.circuit_breakers())

    def breaker(self, scope: str) -> CircuitBreaker:
        """How a scope has answered lately."""
        return self._breakers.get(scope) or CircuitBreaker(scope=scope)

    def open_until(self, scope: str, now: datetime) -> datetime | None:
        """Until when nothing may be tried there; None: now is fine."""
        breaker = self._breakers.get(scope)
        return breaker.until if breaker is not None and breaker.stopped(now) else None

    def half_open(self, scope: str) -> bool:
        """Whether a scope may have only one message under way; "" is the server."""
        breaker = self._breakers.get(scope or SERVER_SCOPE)
        return breaker is not None and breaker.probing

    def fair(self, outcome: Outcome, *scopes: str) -> Outcome:
        """The outcome to record for the reader, as the scopes stood before it."""
        return fair_outcome(outcome, *(self.breaker(scope) for scope in scopes))

    def answered(self, outcome: Outcome, now: datetime, *scopes: str) -> list[CircuitBreaker]:
        """Notes an answer; returns the breakers that it opened or closed, which `save` must keep."""
        if outcome.verdict is SendVerdict.ACCEPTED and not self._breakers:
            return []
        changed: list[CircuitBreaker] = []
        for scope in scopes:
            before = self.breaker(scope)
            after = record_outcome(before, outcome, now)
            if after == CircuitBreaker(scope=scope):
                self._breakers.pop(scope, None)
            elif after != before:
                self._breakers[scope] = after
            if (before.failures, before.until) != (after.failures, after.until):
                changed.append(after)
        return changed

    def open(self, scope: str, reply: str, now: datetime) -> CircuitBreaker:
        """Stops a scope at once, for longer each time until something is accepted there."""
        after = trip_breaker(self.breaker(scope), reply, now)
        self._breakers[scope] = after
        return after

    async def save(self, breakers: Sequence[CircuitBreaker]) -> None:
        """Makes them durable."""
        for breaker in breakers:
            await asyncio.to_thread(self._store.save_circuit_breaker, breaker)


def judge_canary(store: Store, rule: Canary | None, mailing: int) -> str:
    """Once a large mailing's sample has been tried, lets the rest go or holds the mailing. Returns why it is
    held, or "".
    """
    sample = store.canary_sample(mailing)
    if sample.untried:
        return ""
    if rule is not None and canary_failed(rule, sample.settled, sample.refused):
        why = f"{sample.refused:,} of the first {sample.settled:,} were refused: look at the replies"
        store.pause(mailing, MailingHold.CANARY, why, None)
        return why
    store.pass_canary(mailing)
    return ""


def judge_finished_canaries(store: Store, rule: Canary | None) -> None:
    """`judge_canary` for each mailing whose sample has been tried: the run that got its last answer may have
    died before it decided, or the mailing was paused then.
    """
    for mailing in store.running_canaries():
        judge_canary(store, rule, mailing)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendHold:
    """Why a mailing may not leave now, and until when."""

    hold: MailingHold
    reason: str
    until: datetime


class SendWindows:
    """When digests may leave: outside quiet hours, and within a new sender's warm-up. Transactional mail
    always may.
    """

    def __init__(self, rules: SiteRules, store: Store) -> None:
        self._rules, self._store = rules, store
        self._day: date | None = None
        self._left: int | None = None

    def closed(self, batch: Batch, now: datetime) -> SendHold | None:
        """Why this batch may not go at `now`; None: it may."""
        if batch.kind is not MailingKind.DIGEST:
            return None
        hours = self._rules.throttling.quiet
        if hours and (until := quiet_until(hours, self._zone(batch), now)):
            return SendHold(hold=MailingHold.QUIET, reason="quiet hours", until=until)
        if self.left(now) == 0:
            reason = "a new sender has sent enough for today (mail.warm_up)"
            return SendHold(hold=MailingHold.WARM_UP, reason=reason, until=next_midnight(now))
        return None

    def stops_at(self, batch: Batch, now: datetime) -> datetime | None:
        """When the next quiet hours stop this batch."""
        hours = self._rules.throttling.quiet
        if hours is None or batch.kind is not MailingKind.DIGEST:
            return None
        return quiet_from(hours, self._zone(batch), now)

    def left(self, now: datetime) -> int | None:
        """How many digests may still leave today; None: no limit."""
        rule = self._rules.throttling.warm_up
        if rule is None:
            return None
        if self._day != utc_day(now):
            self._day = utc_day(now)
            most = warm_up_allowance(rule, now)
            sent = self._store.digests_accepted_since(datetime.combine(self._day, time(0), UTC))
            self._left = None if most is None else max(most - sent, 0)
        return self._left

    def passed(self, batch: Batch) -> None:
        """One more message of the batch is on its way."""
        if self._left and batch.kind is MailingKind.DIGEST:
            self._left -= 1

    def _zone(self, batch: Batch) -> str:
        spec = self._rules.list(batch.list)
        return spec.timezone if spec else self._rules.site.timezone


@dataclass(slots=True)
class _Permits:
    """Permits reserved of one relay's quota until `until`, and how many were used, the last one at `last`."""

    left: int = 0
    sent: int = 0
    until: datetime | None = None
    last: datetime | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def used(self) -> QuotaUse | None:
        return QuotaUse(sent=self.sent, last=self.last) if self.sent and self.last else None


class StoredRelayQuotas:
    """`ports.Quotas`: a message goes when its relay takes one more in this hour and this day.

    A run reserves permits in the store, some at a time, so that several processes keep one quota together.
    Permits it did not use are free again when it ends; after a kill they count as sent.
    """

    def __init__(self, store: Callable[[], Store], run: str, clock: Clock) -> None:
        self._store, self._run, self._clock = store, run, clock
        self._permits: dict[str, _Permits] = {}

    async def take(self, relay: Relay) -> datetime | None:
        """Takes a permit for one message. Returns an instant if there is none before then."""
        quota = quota_of(relay)
        if quota is None:
            return None
        permits = self._permits.setdefault(quota.relay, _Permits())
        async with permits.lock:
            now = self._clock()
            if not permits.left or permits.until is None or not now < permits.until <= now + RESERVATION_TIME:
                number, until = await asyncio.to_thread(
                    self._store().reserve_quota, quota, self._run, permits.used(), now
                )
                permits.left, permits.sent, permits.last, permits.until = (
                    number,
                    0,
                    None,
                    now + RESERVATION_TIME,
                )
                if until is not None:
                    return until
            permits.left, permits.sent, permits.last = permits.left - 1, permits.sent + 1, now
            return None

    def give_back(self, relay: Relay) -> None:
        """The message was refused before it went."""
        quota = quota_of(relay)
        permits = self._permits.get(quota.relay) if quota else None
        if permits is not None and permits.sent:
            permits.left, permits.sent = permits.left + 1, permits.sent - 1

    async def release_unused(self) -> None:
        """Counts what was sent, and frees what was not."""
        for name, permits in self._permits.items():
            await asyncio.to_thread(
                self._store().release_quota, name, self._run, permits.used(), self._clock()
            )
        self._permits.clear()


def hold_if_too_many_refused(store: Store, mailing: int) -> str:
    """Holds a mailing that so many mailboxes refuse that the relay must be wrong. Returns why, or ""."""
    seen = store.refused_mailing(mailing)
    if seen.canary or seen.ruling is not None or not is_mass_refusal(seen.share):
        return ""
    why = (
        f"{seen.share.refused:,} of {seen.share.tried:,} mailboxes refused it, so the relay may be wrong: "
        "look at the replies"
    )
    return why if store.pause(mailing, MailingHold.REFUSALS, why, None) else ""


def count_bounces(deps: Deps, now: datetime) -> int:
    """Decides the refusals that can be decided; returns how many addresses were suppressed."""
    store, suppressed = deps.adapters.store, 0
    for refused in store.mailings_with_undecided_refusals(now - RECENT):
        if refused.state is MailingState.READY and hold_if_too_many_refused(store, refused.mailing):
            continue
        ruling = refusal_ruling(refused)
        if ruling is RefusalRuling.IGNORE:
            store.decide_refusals(refused.mailing, count=False)
        elif ruling is RefusalRuling.COUNT:
            suppressed += _count_refusals(deps, refused.mailing, now)
        elif final_may_count(refused):
            suppressed += _count_refusals(deps, refused.mailing, now, final=True)
    return suppressed


def refusals_to_decide(store: Store, now: datetime) -> Sequence[RefusedMailing]:
    """Mailings that are over, and that so many reports say were refused that an operator must decide whether
    they count.
    """
    return [
        refused
        for refused in store.mailings_with_undecided_refusals(now - RECENT)
        if refused.state in (MailingState.DONE, MailingState.CANCELLED) and refusal_ruling(refused) is None
    ]


def _count_refusals(deps: Deps, mailing: int, now: datetime, *, final: bool = False) -> int:
    suppressed, by_key = 0, iter(deps.adapters.store.undecided_refusals(mailing, final=final))
    while chunk := list(islice(by_key, CHUNK)):
        gone = [
            (key, ALL_LISTS)
            for key, refusals in chunk
            if limit_reached(refusals, deps.rules.bounce_limits)
            and not any(kind == BOUNCE for _, kind, _ in deps.adapters.store.suppressions_of(key))
        ]
        # First suppressed, then counted: in this order a kill loses no suppression.
        suppress_keys(deps, gone, BOUNCE, now)
        deps.process.failpoint("bounces:suppressed")
        suppressed += len(gone)
        deps.adapters.store.decide_refusals(mailing, count=True, keys=[key for key, _ in chunk])
        deps.process.failpoint("bounces:counted")
    return suppressed
