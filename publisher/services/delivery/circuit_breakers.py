"""Brakes: how domains, mailings and the server have answered, and what is stopped because of it."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from publisher.core.delivery.throttling import SERVER, Gauge, braked, fair, read
from publisher.core.mail.message import Outcome, Verdict
from publisher.services.deps import Parts


class Brakes:
    """The gauges of one run. What brakes or releases is kept in the store; refusals below that are not."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._gauges: dict[str, Gauge] = dict(parts.store.gauges())

    def gauge(self, scope: str) -> Gauge:
        """How a scope has answered lately."""
        return self._gauges.get(scope) or Gauge(scope=scope)

    def stopped(self, scope: str, now: datetime) -> datetime | None:
        """Until when nothing may be tried there; None: now is fine."""
        gauge = self._gauges.get(scope)
        return gauge.until if gauge is not None and gauge.stopped(now) else None

    def probing(self, scope: str) -> bool:
        """Whether a scope may have one message under way only; empty is the server."""
        gauge = self._gauges.get(scope or SERVER)
        return gauge is not None and gauge.probing

    def fair(self, outcome: Outcome, *scopes: str) -> Outcome:
        """The outcome as it is to be settled, as the scopes stood before it."""
        return fair(outcome, *(self.gauge(scope) for scope in scopes))

    def answered(self, outcome: Outcome, now: datetime, *scopes: str) -> list[Gauge]:
        """Notes an answer; returns the gauges that it braked or released, which are to be kept."""
        if outcome.verdict is Verdict.ACCEPTED and not self._gauges:
            return []
        both = [(self.gauge(scope), read(self.gauge(scope), outcome, now)) for scope in scopes]
        return [after for before, after in both if self._set(before, after)]

    def brake(self, scope: str, reply: str, now: datetime) -> Gauge:
        """Stops a scope at once, for longer each time until something is accepted there."""
        after = braked(self.gauge(scope), reply, now)
        self._gauges[scope] = after
        return after

    async def keep(self, gauges: Sequence[Gauge]) -> None:
        """Makes them durable."""
        for gauge in gauges:
            await asyncio.to_thread(self._parts.store.set_gauge, gauge)

    def _set(self, before: Gauge, after: Gauge) -> bool:
        """Notes a gauge; whether it is another that must be kept."""
        if after == Gauge(scope=after.scope):
            self._gauges.pop(after.scope, None)
        elif after != before:
            self._gauges[after.scope] = after
        return (before.failures, before.until) != (after.failures, after.until)
