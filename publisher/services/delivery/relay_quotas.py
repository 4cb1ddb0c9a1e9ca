"""Quotas of relays: a message goes when its relay takes one more in this hour and this day.

Permits are reserved in the store, some at a time, so that several processes keep one quota together. What a
process reserved and did not use is free again when its run ends; after a kill it counts as sent.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from publisher.core.delivery.relay_quotas import HELD, Quota, Spent, quota_of
from publisher.core.delivery.relays import Relay
from publisher.ports import Clock, Store


@dataclass(slots=True)
class _Pool:
    """What is reserved of one relay's quota until then, and how many were sent, the last one at `last`."""

    left: int = 0
    sent: int = 0
    until: datetime | None = None
    last: datetime | None = None
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    def spent(self) -> Spent | None:
        return Spent(sent=self.sent, last=self.last) if self.sent and self.last else None


class Quotas:
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
            if not pool.left or pool.until is None or not now < pool.until <= now + HELD:
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

    async def settle(self) -> None:
        """Counts what was sent; what was not is free again."""
        for name, pool in self._pools.items():
            spent = pool.spent()
            await asyncio.to_thread(self._store().settle_quota, name, self._run, spent, self._clock())
        self._pools.clear()

    def _reserve(self, quota: Quota, pool: _Pool, now: datetime) -> datetime | None:
        number, until = self._store().reserve(quota, self._run, pool.spent(), now)
        pool.left, pool.sent, pool.last, pool.until = number, 0, None, now + HELD
        return until
