"""SMTP as a transport. Several relays are one transport: connections are distributed by weight, and if one
relay fails another takes over.

A relay has failed if it cannot be reached, refuses the sender, loses connections, or cannot accept a message.
It is then tried last for a while. Until another relay fails too, mail goes through that one, or waits for a
free connection to it.

A session: one message at a time over a connection, in two steps (RFC 5321 3.3).

    offer    MAIL, RCPT and DATA (pipelined where the server allows it, RFC 2920), 354, the data
             without its end
    commit   "." CRLF, and the reply. If the next message is known, its MAIL, RCPT and DATA go in
             the same packet (RFC 2920 3.1: content may be the first of a group)
    drop     closes the connection before the end: the server must not deliver (RFC 5321 3.8, 6.1)

A message that was decided before the end is safe to repeat; between the end and the reply its outcome is
unknown.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING

from publisher.core.delivery.relays import Relay, describe_quota, label_header, quota_of
from publisher.core.mail.message import MailTransport, Message, Outcome, Phase, SendVerdict
from publisher.transports.smtp.connection import ConnectionLost, SmtpConnection, make_context, open_connection
from publisher.transports.smtp.protocol import END, ServerRefusal, SmtpReply, dot_stuffed, envelope

if TYPE_CHECKING:
    from publisher.ports import RelayQuotas


MAIL, RCPT, DATA, BLOCK, ANSWER = 300.0, 300.0, 120.0, 180.0, 600.0
"""Seconds (RFC 5321 4.5.3.2.2 to 6). The wait for the reply to a message is ten minutes, whatever is set."""

LOGIN_CODES = frozenset({530, 534, 535, 538})
"""RFC 4954 6: the login does not suffice. That says nothing about a message or a reader."""

Reconnect = Callable[[], Awaitable[SmtpConnection | Outcome]]


class SmtpSession:
    """Sends over one connection, which `reconnect` opens again if the server closed it between messages."""

    def __init__(self, connection: SmtpConnection, reconnect: Reconnect) -> None:
        self._connection: SmtpConnection | None = connection
        self._offered: SmtpConnection | None = None
        self._begun: Message | None = None
        self._pipelining = True
        self._reconnect = reconnect

    @property
    def relay(self) -> str:
        """The relay that has the message offered."""
        return "" if self._offered is None else self._offered.name

    async def offer(self, message: Message) -> Outcome | None:
        """Sends everything but the end of the data. Returns an Outcome if the server refused, so that nothing
        was delivered.
        """
        if self._offered is not None:
            raise RuntimeError("offer before the last message was committed or dropped")
        while True:
            begun = self._begun is message
            if self._begun is not None and not begun:
                self._close()  # the server waits for data that will not come
            self._begun = None
            if self._connection and (begun or self._connection.idle):
                connection: SmtpConnection | Outcome = self._connection
            else:
                connection = await self._reopen()
            if isinstance(connection, Outcome):
                return connection
            if connection.take_permit is not None and not await connection.take_permit():
                await self._quit(connection)
                continue
            reused = connection.used > 0  # a server may close an idle connection; that is no failure
            connection.used += 1
            try:
                outcome = await self._transmit(connection, message, begun=begun)
            except ConnectionLost as lost:
                connection.return_permit()
                self._close()
                self._pipelining = self._pipelining and not begun  # the server lost what came with the dot
                outcome = Outcome(verdict=SendVerdict.DEFERRED, reply=str(lost)[:500], phase=Phase.DATA)
                if not reused and not connection.report_failure(outcome.reply):
                    return outcome
            else:
                if outcome is not None:
                    connection.return_permit()
                again = reused and outcome is not None and outcome.reply.startswith("421 ")
                refused = outcome if outcome and outcome.phase is Phase.SENDER else None
                if not again and not (refused and connection.report_failure(refused.reply)):
                    return outcome
                self._close()

    async def _reopen(self) -> SmtpConnection | Outcome:
        self._close()
        connection = await self._reconnect()
        if isinstance(connection, SmtpConnection):
            self._connection = connection
        return connection

    async def commit(self, then: Message | None = None) -> Outcome:
        """Ends the data and waits up to ten minutes for the reply; UNKNOWN if none arrives. `then`, the
        message that will be offered next, is begun in the same packet where the server allows it.
        """
        connection, self._offered = self._offered, None
        if connection is None:
            raise RuntimeError("commit without an offer")
        if not connection.idle:  # whatever it sent before the end is not a reply to the message
            why = f"{connection.name}: replied, or closed the connection, before the end of the message"
            self._close()
            connection.report_failure(why)
            return Outcome(verdict=SendVerdict.DEFERRED, reply=why, phase=Phase.DATA)
        try:
            connection.send(END + self._commands_of_next(then, connection))
            reply = await connection.answer(ANSWER)
        except ConnectionLost as lost:
            self._close()
            connection.report_failure(str(lost))
            return Outcome(verdict=SendVerdict.UNKNOWN, reply=str(lost)[:500])
        outcome = final_outcome(reply)
        if reply.code == 421 or outcome.verdict is SendVerdict.UNKNOWN:
            self._close()
        return outcome

    def _commands_of_next(self, message: Message | None, connection: SmtpConnection) -> bytes:
        """The commands that begin `message`, if they may be sent with the end of the one before it."""
        may = self._pipelining and connection.take_permit is None and "PIPELINING" in connection.extensions
        if message is None or not may:
            return b""
        commands = envelope(labeled(message, connection), connection.extensions)
        if isinstance(commands, ServerRefusal):
            return b""
        self._begun = message
        return b"".join(commands) + b"DATA\r\n"

    async def drop(self) -> None:
        """Closes the connection before the end of the data, if anything is offered or begun."""
        if self._offered is not None:
            self._offered.return_permit()
        if self._offered is not None or self._begun is not None:
            self._offered = None
            self._close()

    async def close(self) -> None:
        """Sends QUIT unless a message is offered or begun, and closes the connection."""
        if self._connection is not None and self._offered is None and self._begun is None:
            await self._quit(self._connection)
        self._offered = None
        self._close()

    async def _quit(self, connection: SmtpConnection) -> None:
        """Sends QUIT, and closes the connection."""
        if connection.idle:
            with contextlib.suppress(ConnectionLost):  # it is closed anyway
                await connection.ask(b"QUIT\r\n", 5.0)
        self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        self._begun = None
        if connection is not None:
            connection.break_off("was closed by Publisher")

    async def _transmit(self, connection: SmtpConnection, message: Message, *, begun: bool) -> Outcome | None:
        message = labeled(message, connection)
        commands = (b"", b"") if begun else envelope(message, connection.extensions)
        if isinstance(commands, ServerRefusal):
            return Outcome(verdict=SendVerdict.REJECTED, reply=commands.why, phase=commands.phase)
        refused = await self._begin(connection, *commands, begun=begun)
        if refused is not None:
            return refused
        connection.send(message.data if message.dotless else dot_stuffed(message.data))
        await connection.flushed(BLOCK)
        self._offered = connection
        return None

    async def _begin(
        self, connection: SmtpConnection, mail: bytes, rcpt: bytes, *, begun: bool
    ) -> Outcome | None:
        """MAIL, RCPT and DATA, unless they were sent already. None once the server waits for the data."""
        pipelining = "PIPELINING" in connection.extensions
        if pipelining and not begun:
            connection.send(mail + rcpt + b"DATA\r\n")
        refused: Outcome | None = None
        for command, phase, expected, seconds in (
            (mail, Phase.SENDER, 250, MAIL),
            (rcpt, Phase.RECIPIENT, 250, RCPT),
            (b"DATA\r\n", Phase.DATA, 354, DATA),
        ):
            if not pipelining:
                connection.send(command)
            reply = connection.next_reply() or await connection.reply(seconds)
            if refused is None and reply.code != expected and not (expected == 250 and reply.code == 251):
                refused = refusal(reply, phase)
                if reply.code == 421 or reply.code < 400 or reply.code in LOGIN_CODES:
                    self._close()  # it is closing, out of step, or wants another login
                    return refused
                if not pipelining:
                    break
            elif refused is not None and reply.code < 400:
                self._close()  # it waits for data though RCPT failed (RFC 2920 3.1)
                return refused
        if refused is not None and not connection.dead:
            try:  # clears this envelope before the next message (RFC 5321 4.1.1.5)
                if (await connection.ask(b"RSET\r\n", MAIL)).code != 250:
                    self._close()
            except ConnectionLost:
                self._close()
        return refused


def labeled(message: Message, connection: SmtpConnection) -> Message:
    """The message as its relay gets it: with the header that its provider hands back, if it has one."""
    if connection.provider is None:
        return message
    header = label_header(connection.provider, message.message_id)
    return replace(message, data=header + message.data) if header else message


def refusal(reply: SmtpReply, phase: Phase) -> Outcome:
    """The outcome of a message that the server refused before its data: 5xx is permanent unless it is about
    the login.
    """
    final = reply.code >= 500 and reply.code not in LOGIN_CODES
    text = str(reply) if reply.code >= 400 else f"answered out of step: {reply}"[:500]
    return Outcome(verdict=SendVerdict.REJECTED if final else SendVerdict.DEFERRED, reply=text, phase=phase)


@lru_cache(maxsize=64)  # small servers send the same reply each time
def final_outcome(reply: SmtpReply) -> Outcome:
    """The outcome of a message from the reply to its end."""
    match reply.code // 100:
        case 2:
            return Outcome(verdict=SendVerdict.ACCEPTED, reply=str(reply))
        case 4:
            return Outcome(verdict=SendVerdict.DEFERRED, reply=str(reply))
        case 5:
            return Outcome(verdict=SendVerdict.REJECTED, reply=str(reply))
        case _:
            return Outcome(verdict=SendVerdict.UNKNOWN, reply=f"answered out of step: {reply}"[:500])


FIRST_REST, LONGEST_REST = 15.0, 600.0
"""Seconds for which a relay that failed is tried last; doubled with each failure in a row."""

CLOSING = 10
"""Turns of the event loop after which a connection that was aborted has closed, TLS included."""


@dataclass(slots=True)
class _RelayState:
    """A relay with its number of open connections and consecutive failures. `problem` is the last failure."""

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
        problems: list[str] = []
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
                problems.append(str(error))
                self._mark_failed(state, problems[-1])
                continue
            state.failures, state.rests_until, state.problem = 0, 0.0, ""
            self._watch(connection, state)
            return connection
        if used_up and len(used_up) == len(self._relays):
            why, until = "; ".join(used_up), min(used_up.values())
            return Outcome(verdict=SendVerdict.DEFERRED, reply=why[:500], phase=Phase.QUOTA, until=until)
        why = "; ".join([*problems, *used_up]) or "every connection is in use"
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

        connection.provider = state.relay.provider
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
