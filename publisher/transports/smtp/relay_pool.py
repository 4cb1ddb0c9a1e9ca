"""Several relays as one way out: lines are shared out by weight; where one relay fails, another is asked.

A relay fails that cannot be reached, refuses our sender, loses lines, or takes no message like this. Then it
rests: as long as another relay does not, that one is asked, or waited for while all its lines are in use.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING

from publisher.core.delivery.relay_quotas import in_words, quota_of
from publisher.core.delivery.relays import Relay
from publisher.core.mail.message import Outcome, Phase, SendVerdict
from publisher.transports.smtp.connect import open_line, trusted
from publisher.transports.smtp.connection import ConnectionLost, SmtpConnection
from publisher.transports.smtp.session import SmtpSession

if TYPE_CHECKING:
    from publisher.ports import RelayQuotas

FIRST_REST, LONGEST_REST = 15.0, 600.0
"""Seconds that a relay is asked last after it failed; doubled each time."""


CLOSING = 10
"""Turns of the loop until it has closed a line for sure, TLS and all."""


@dataclass(slots=True)
class _RelayState:
    """A relay, how many lines to it are open, and how it fared; `said` is why it failed last."""

    relay: Relay
    open: int = 0
    failures: int = 0
    rested: float = 0.0
    said: str = ""

    @property
    def load(self) -> float:
        """How much of its share it carries, were one line more given to it."""
        return (self.open + 1) / self.relay.weight


class Smtp:
    """Mail servers. `connections` is the sum of the relays'. `quotas` tell how much more a relay takes."""

    name, recalls = "smtp", False  # a server cannot be asked

    def __init__(self, relays: Sequence[Relay], quotas: "RelayQuotas | None" = None) -> None:
        if not relays:
            raise ValueError("no relay")
        self._quotas = quotas
        self.connections = sum(relay.connections for relay in relays)
        self._ways = [_RelayState(relay) for relay in relays]

    async def connect(self) -> SmtpSession | Outcome:
        """A session; DEFERRED, with the reason, where no relay can be reached."""
        reached = await self._reach()
        if isinstance(reached, Outcome):
            return reached
        return SmtpSession(reached, self._reach)

    @property
    def troubles(self) -> Mapping[str, str]:
        """Why relays failed that were of no use since, by their names; none where there is no other."""
        several = len(self._ways) > 1
        return {way.relay.name: way.said for way in self._ways if way.said and several}

    async def rest(self) -> None:
        """What relays take in an hour is counted, and what nobody used is free for others."""
        if self._quotas is not None:
            await self._quotas.settle()

    def recall(self, key: str, message_id: str) -> None:
        """A server cannot be asked what became of a message."""

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return trusted()

    async def _reach(self) -> SmtpConnection | Outcome:
        """A line to the relay that carries least of its share; those that failed lately are asked last."""
        said = ""
        tried: list[_RelayState] = []
        used_up: dict[str, datetime] = {}
        await self._room()
        while (way := self._next(tried)) is not None:
            tried.append(way)
            if (until := await self._take(way.relay)) is not None:
                used_up[_words(way.relay)] = until
                continue
            way.open += 1
            try:
                line = await open_line(way.relay, lambda: self._context)
            except ConnectionLost as lost:
                way.open -= 1
                self._give_back(way.relay)
                said = str(lost)
                self._failed(way, said)
                continue
            except BaseException:
                way.open -= 1
                self._give_back(way.relay)
                raise
            way.failures, way.rested, way.said = 0, 0.0, ""
            line.when_over(partial(self._released, way, line))
            line.blame = partial(self._blamed, way)
            self._meter(line, way.relay)
            return line
        if used_up and len(used_up) == len(self._ways):
            why, until = "; ".join(used_up), min(used_up.values())
            return Outcome(verdict=SendVerdict.DEFERRED, reply=why[:500], phase=Phase.QUOTA, until=until)
        said = "; ".join([*([said] if said else []), *used_up]) or "every connection is in use"
        return Outcome(verdict=SendVerdict.DEFERRED, reply=said[:500], phase=Phase.CONNECT)

    def _meter(self, line: SmtpConnection, relay: Relay) -> None:
        """A line to a relay with a quota: its first message has the permit that was taken to open it."""
        if self._quotas is None or quota_of(relay) is None:
            return

        async def permit() -> bool:
            return line.used == 0 or await self._take(relay) is None

        line.permit, line.give_back = permit, partial(self._give_back, relay)

    async def _take(self, relay: Relay) -> datetime | None:
        return None if self._quotas is None else await self._quotas.take(relay)

    def _give_back(self, relay: Relay) -> None:
        if self._quotas is not None:
            self._quotas.give_back(relay)

    async def _room(self) -> None:
        """Lets the loop see that lines are closed which were broken off just now: they are in use no more."""
        for _ in range(CLOSING):
            if any(way.open < way.relay.connections for way in self._ways):
                return
            await asyncio.sleep(0)

    def _next(self, tried: Sequence[_RelayState]) -> _RelayState | None:
        now = asyncio.get_running_loop().time()
        left = [w for w in self._ways if all(w is not t for t in tried)]
        good = [w for w in left if w.rested <= now] or left
        free = [w for w in good if w.open < w.relay.connections]
        return min(free, key=lambda way: (max(way.rested - now, 0.0), way.load), default=None)

    def _blamed(self, way: _RelayState, why: str) -> bool:
        """A line to this relay was of no use. Whether another relay, which did not fail lately, may do."""
        self._failed(way, why)
        now = asyncio.get_running_loop().time()
        return any(other.rested <= now for other in self._ways)

    def _failed(self, way: _RelayState, why: str) -> None:
        rest = min(FIRST_REST * 2**way.failures, LONGEST_REST)
        way.failures += 1
        way.said = why.removeprefix(f"{way.relay.name}: ")
        way.rested = asyncio.get_running_loop().time() + rest

    def _released(self, way: _RelayState, line: SmtpConnection) -> None:
        way.open -= 1
        if not line.used:
            line.give_back()


def _words(relay: Relay) -> str:
    quota = quota_of(relay)
    return relay.name if quota is None else in_words(quota)
