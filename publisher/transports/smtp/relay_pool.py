"""Several relays as one transport: connections are distributed by weight, and if one relay fails another
takes over.

A relay has failed if it cannot be reached, refuses the sender, loses connections, or cannot accept a message.
It is then tried last for a while. Until another relay fails too, mail goes through that one, or waits for a
free connection to it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import TYPE_CHECKING

from publisher.core.delivery.relays import Relay, describe_quota, quota_of
from publisher.core.mail.message import MailTransport, Outcome, Phase, SendVerdict
from publisher.transports.smtp.connection import ConnectionLost, SmtpConnection, make_context, open_connection
from publisher.transports.smtp.session import SmtpSession

if TYPE_CHECKING:
    from publisher.ports import RelayQuotas

FIRST_REST, LONGEST_REST = 15.0, 600.0
"""Seconds for which a relay that failed is tried last; doubled with each failure in a row."""

CLOSING = 10
"""Turns of the event loop after which a connection that was aborted has closed, TLS included."""


@dataclass(slots=True)
class _RelayState:
    """A relay, its open connections, and its failures in a row; `problem` is why it failed last."""

    relay: Relay
    open: int = 0
    failures: int = 0
    rests_until: float = 0.0
    problem: str = ""

    @property
    def load(self) -> float:
        """Its connections for each unit of weight, with one more than now."""
        return (self.open + 1) / self.relay.weight


class Smtp:
    """Mail servers. `connections` is the sum of the relays'; `quotas` limit how much each relay is sent."""

    name: str = MailTransport.SMTP
    can_look_up = False  # a server cannot be asked

    def __init__(self, relays: Sequence[Relay], quotas: "RelayQuotas | None" = None) -> None:
        if not relays:
            raise ValueError("no relay")
        self._quotas = quotas
        self.connections = sum(relay.connections for relay in relays)
        self._relays = [_RelayState(relay) for relay in relays]
        self._context = cache(make_context)  # made for the first connection with TLS

    async def connect(self) -> SmtpSession | Outcome:
        """A session; DEFERRED, with the reason, where no relay can be reached."""
        reached = await self._open()
        if isinstance(reached, Outcome):
            return reached
        return SmtpSession(reached, self._open)

    @property
    def troubles(self) -> Mapping[str, str]:
        """Why relays failed that have not worked since, by name; empty if there is only one relay."""
        several = len(self._relays) > 1
        return {state.relay.name: state.problem for state in self._relays if state.problem and several}

    async def rest(self) -> None:
        """Stores how many messages each relay accepted, and returns unused permits."""
        if self._quotas is not None:
            await self._quotas.release_unused()

    def lookup(self, key: str, message_id: str) -> None:
        """A server cannot be asked what became of a message."""

    async def _open(self) -> SmtpConnection | Outcome:
        """A connection to the least loaded relay; those that failed recently are tried last."""
        problem = ""
        tried: list[_RelayState] = []
        used_up: dict[str, datetime] = {}
        await self._await_closing()
        while (state := self._least_loaded(tried)) is not None:
            tried.append(state)
            if (until := await self._take_permit(state.relay)) is not None:
                quota = quota_of(state.relay)
                used_up[state.relay.name if quota is None else describe_quota(quota)] = until
                continue
            state.open += 1
            try:
                connection = await open_connection(state.relay, self._context)
            except BaseException as error:
                state.open -= 1
                self._return_permit(state.relay)
                if not isinstance(error, ConnectionLost):
                    raise
                problem = str(error)
                self._mark_failed(state, problem)
                continue
            state.failures, state.rests_until, state.problem = 0, 0.0, ""
            self._watch(connection, state)
            return connection
        if used_up and len(used_up) == len(self._relays):
            why, until = "; ".join(used_up), min(used_up.values())
            return Outcome(verdict=SendVerdict.DEFERRED, reply=why[:500], phase=Phase.QUOTA, until=until)
        why = "; ".join([*([problem] if problem else []), *used_up]) or "every connection is in use"
        return Outcome(verdict=SendVerdict.DEFERRED, reply=why[:500], phase=Phase.CONNECT)

    def _watch(self, connection: SmtpConnection, state: _RelayState) -> None:
        """Makes the connection report when it closes or its relay fails and, if the relay has a quota, ask
        for permits. Its first message uses the permit that was taken to open it.
        """

        def closed() -> None:
            state.open -= 1
            if not connection.used:
                connection.return_permit()

        def report_failure(why: str) -> bool:
            self._mark_failed(state, why)
            now = asyncio.get_running_loop().time()
            return any(other.rests_until <= now for other in self._relays)

        async def take_permit() -> bool:
            return connection.used == 0 or await self._take_permit(state.relay) is None

        connection.on_close(closed)
        connection.report_failure = report_failure
        if self._quotas is not None and quota_of(state.relay) is not None:
            connection.take_permit = take_permit
            connection.return_permit = partial(self._return_permit, state.relay)

    async def _take_permit(self, relay: Relay) -> datetime | None:
        return None if self._quotas is None else await self._quotas.take(relay)

    def _return_permit(self, relay: Relay) -> None:
        if self._quotas is not None:
            self._quotas.give_back(relay)

    async def _await_closing(self) -> None:
        """Lets the event loop close connections that were just aborted, so that they no longer count as
        open.
        """
        for _ in range(CLOSING):
            if any(state.open < state.relay.connections for state in self._relays):
                return
            await asyncio.sleep(0)

    def _least_loaded(self, tried: Sequence[_RelayState]) -> _RelayState | None:
        now = asyncio.get_running_loop().time()
        left = [s for s in self._relays if all(s is not t for t in tried)]
        good = [s for s in left if s.rests_until <= now] or left
        free = [s for s in good if s.open < s.relay.connections]
        return min(free, key=lambda s: (max(s.rests_until - now, 0.0), s.load), default=None)

    def _mark_failed(self, state: _RelayState, why: str) -> None:
        rest = min(FIRST_REST * 2**state.failures, LONGEST_REST)
        state.failures += 1
        state.problem = why.removeprefix(f"{state.relay.name}: ")
        state.rests_until = asyncio.get_running_loop().time() + rest
