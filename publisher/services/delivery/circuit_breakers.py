"""Brakes: how domains, mailings and the server have answered, and what is stopped because of it.

The canary: a sample of a large mailing goes first, and its answers decide about the rest.

Gates: when mail that nobody waits for may leave. Quiet hours, and a new sender's warm-up.

Quotas of relays: a message goes when its relay takes one more in this hour and this day.

Permits are reserved in the store, some at a time, so that several processes keep one quota together. What a
process reserved and did not use is free again when its run ends; after a kill it counts as sent.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time

from publisher.core.delivery.mailing import Batch, MailingHold, MailingKind
from publisher.core.delivery.relays import RESERVATION_TIME, Quota, QuotaUse, Relay, quota_of
from publisher.core.delivery.throttling import (
    SERVER_SCOPE,
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
from publisher.ports import Clock, Store
from publisher.services.deps import Deps


class CircuitBreakers:
    """The gauges of one run. What brakes or releases is kept in the store; refusals below that are not."""

    def __init__(self, parts: Deps) -> None:
        self._parts = parts
        self._gauges: dict[str, CircuitBreaker] = dict(parts.store.circuit_breakers())

    def gauge(self, scope: str) -> CircuitBreaker:
        """How a scope has answered lately."""
        return self._gauges.get(scope) or CircuitBreaker(scope=scope)

    def stopped(self, scope: str, now: datetime) -> datetime | None:
        """Until when nothing may be tried there; None: now is fine."""
        gauge = self._gauges.get(scope)
        return gauge.until if gauge is not None and gauge.stopped(now) else None

    def probing(self, scope: str) -> bool:
        """Whether a scope may have one message under way only; empty is the server."""
        gauge = self._gauges.get(scope or SERVER_SCOPE)
        return gauge is not None and gauge.probing

    def fair(self, outcome: Outcome, *scopes: str) -> Outcome:
        """The outcome as it is to be settled, as the scopes stood before it."""
        return fair_outcome(outcome, *(self.gauge(scope) for scope in scopes))

    def answered(self, outcome: Outcome, now: datetime, *scopes: str) -> list[CircuitBreaker]:
        """Notes an answer; returns the gauges that it braked or released, which are to be kept."""
        if outcome.verdict is SendVerdict.ACCEPTED and not self._gauges:
            return []
        both = [(self.gauge(scope), record_outcome(self.gauge(scope), outcome, now)) for scope in scopes]
        return [after for before, after in both if self._set(before, after)]

    def brake(self, scope: str, reply: str, now: datetime) -> CircuitBreaker:
        """Stops a scope at once, for longer each time until something is accepted there."""
        after = trip_breaker(self.gauge(scope), reply, now)
        self._gauges[scope] = after
        return after

    async def keep(self, gauges: Sequence[CircuitBreaker]) -> None:
        """Makes them durable."""
        for gauge in gauges:
            await asyncio.to_thread(self._parts.store.save_circuit_breaker, gauge)

    def _set(self, before: CircuitBreaker, after: CircuitBreaker) -> bool:
        """Notes a gauge; whether it is another that must be kept."""
        if after == CircuitBreaker(scope=after.scope):
            self._gauges.pop(after.scope, None)
        elif after != before:
            self._gauges[after.scope] = after
        return (before.failures, before.until) != (after.failures, after.until)


def judge(parts: Deps, mailing: int) -> str:
    """Lets the rest of a mailing go, or holds it, once all of its sample has been tried. Returns why it is
    held; empty where it is not.
    """
    sample = parts.store.canary_sample(mailing)
    rule = parts.pacing.canary
    if sample.untried:
        return ""
    if rule is not None and canary_failed(rule, sample.settled, sample.refused):
        why = f"{sample.refused:,} of the first {sample.settled:,} were refused: look at the replies"
        parts.store.pause(mailing, MailingHold.CANARY, why, None)
        return why
    parts.store.pass_canary(mailing)
    return ""


def judge_left(parts: Deps) -> None:
    """`judge` for each mailing whose sample is out: the run that got its last answer may have died before it
    did, or the mailing was paused then.
    """
    for mailing in parts.store.running_canaries():
        judge(parts, mailing)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendHold:
    """Why a mailing may not leave now, and until when."""

    hold: MailingHold
    why: str
    until: datetime


class SendWindows:
    """The gates of one run; transactional mail passes all of them."""

    def __init__(self, parts: Deps) -> None:
        self._parts = parts
        self._day: date | None = None
        self._left: int | None = None

    def closed(self, batch: Batch, now: datetime) -> SendHold | None:
        """Why this batch may not go at `now`; None: it may."""
        if batch.kind is not MailingKind.DIGEST:
            return None
        hours = self._parts.pacing.quiet
        if hours and (until := quiet_until(hours, self._zone(batch), now)):
            return SendHold(hold=MailingHold.QUIET, why="quiet hours", until=until)
        if self.left(now) == 0:
            why = "a new sender has sent enough for today (mail.warm_up)"
            return SendHold(hold=MailingHold.WARM_UP, why=why, until=next_midnight(now))
        return None

    def stops_at(self, batch: Batch, now: datetime) -> datetime | None:
        """When the next quiet hours stop this batch."""
        hours = self._parts.pacing.quiet
        if hours is None or batch.kind is not MailingKind.DIGEST:
            return None
        return quiet_from(hours, self._zone(batch), now)

    def left(self, now: datetime) -> int | None:
        """How many digests may still leave today; None: no limit."""
        rule = self._parts.pacing.warm_up
        if rule is None:
            return None
        if self._day != utc_day(now):
            self._day = utc_day(now)
            most = warm_up_allowance(rule, now)
            sent = self._parts.store.digests_accepted_since(datetime.combine(self._day, time(0), UTC))
            self._left = None if most is None else max(most - sent, 0)
        return self._left

    def passed(self, batch: Batch) -> None:
        """One more message of the batch is on its way."""
        if self._left and batch.kind is MailingKind.DIGEST:
            self._left -= 1

    def _zone(self, batch: Batch) -> str:
        spec = self._parts.list(batch.list)
        return spec.timezone if spec else self._parts.site.timezone


@dataclass(slots=True)
class _Pool:
    """What is reserved of one relay's quota until then, and how many were sent, the last one at `last`."""

    left: int = 0
    sent: int = 0
    until: datetime | None = None
    last: datetime | None = None
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    def spent(self) -> QuotaUse | None:
        return QuotaUse(sent=self.sent, last=self.last) if self.sent and self.last else None


class StoredRelayQuotas:
    """`ports.Quotas`."""

    def __init__(self, store: Callable[[], Store], run: str, clock: Clock) -> None:
        self._store, self._run, self._clock = store, run, clock
        self._pools: dict[str, _Pool] = {}

    async def take(self, relay: Relay) -> datetime | None:
        """Takes a permit for one message. An instant: there is none before then."""
        quota = quota_of(relay)
        if quota is None:
            return None
        pool = self._pools.setdefault(quota.relay, _Pool())
        async with pool.alone:
            now = self._clock()
            if not pool.left or pool.until is None or not now < pool.until <= now + RESERVATION_TIME:
                until = await asyncio.to_thread(self._reserve, quota, pool, now)
                if until is not None:
                    return until
            pool.left, pool.sent, pool.last = pool.left - 1, pool.sent + 1, now
            return None

    def give_back(self, relay: Relay) -> None:
        """The message was refused before it went."""
        quota = quota_of(relay)
        pool = self._pools.get(quota.relay) if quota else None
        if pool is not None and pool.sent:
            pool.left, pool.sent = pool.left + 1, pool.sent - 1

    async def release_unused(self) -> None:
        """Counts what was sent; what was not is free again."""
        for name, pool in self._pools.items():
            spent = pool.spent()
            await asyncio.to_thread(self._store().release_quota, name, self._run, spent, self._clock())
        self._pools.clear()

    def _reserve(self, quota: Quota, pool: _Pool, now: datetime) -> datetime | None:
        number, until = self._store().reserve_quota(quota, self._run, pool.spent(), now)
        pool.left, pool.sent, pool.last, pool.until = number, 0, None, now + RESERVATION_TIME
        return until
