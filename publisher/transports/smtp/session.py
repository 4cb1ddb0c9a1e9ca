"""A session: one message at a time over a connection, in two steps (RFC 5321 3.3).

    offer    MAIL, RCPT and DATA (pipelined where the server allows it, RFC 2920), 354, the data without its
    end
    commit   "." CRLF, and the reply. If the next message is known, its MAIL, RCPT and DATA go in the same
    packet
             (RFC 2920 3.1: content may be the first of a group)
    drop     closes the connection before the end: the server must not deliver (RFC 5321 3.8, 6.1)

A message that was decided before the end is safe to repeat; between the end and the reply its outcome is
unknown.
"""

import contextlib
from collections.abc import Awaitable, Callable
from functools import lru_cache

from publisher.core.mail.message import Message, Outcome, Phase, SendVerdict
from publisher.transports.smtp.connection import ConnectionLost, SmtpConnection
from publisher.transports.smtp.protocol import END, ServerRefusal, SmtpReply, dot_stuffed, envelope

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
        commands = envelope(message, connection.extensions)
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
