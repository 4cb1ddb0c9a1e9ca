"""A session: one message at a time over a connection, in two steps (RFC 5321 3.3).

    offer    MAIL, RCPT and DATA (at once where the server can, RFC 2920), 354, data without its end
    commit   "." CRLF, and the answer. MAIL, RCPT and DATA of the next go with it, if that is there already
             (RFC 2920 3.1: content may be the first of a group)
    drop     the connection is closed before the end: the server must not deliver (RFC 5321 3.8, 6.1)

What is decided before the end is safe to repeat; from the end to the answer a message is in doubt.
"""

import contextlib
from collections.abc import Awaitable, Callable
from functools import lru_cache

from publisher.core.mail.message import Message, Outcome, Phase, SendVerdict
from publisher.transports.smtp.commands import END, ServerRefusal, dot_stuffed, envelope
from publisher.transports.smtp.connection import ConnectionLost, SmtpConnection
from publisher.transports.smtp.replies import SmtpReply

MAIL, RCPT, DATA, BLOCK, ANSWER = 300.0, 300.0, 120.0, 180.0, 600.0
"""Seconds (RFC 5321 4.5.3.2.2 to 6). The answer to a message is waited for ten minutes, whatever is set."""

LOGIN_CODES = frozenset({530, 534, 535, 538})
"""RFC 4954 6: the login is not enough. That is nothing about a message or a reader."""

Reconnect = Callable[[], Awaitable[SmtpConnection | Outcome]]


class SmtpSession:
    """Sends over one connection, which `reconnect` opens anew when the server closed it between messages."""

    def __init__(self, connection: SmtpConnection, reconnect: Reconnect) -> None:
        self._connection: SmtpConnection | None = connection
        self._offered: SmtpConnection | None = None
        self._begun: Message | None = None
        self._ahead = True
        self._reconnect = reconnect

    async def offer(self, message: Message) -> Outcome | None:
        """Sends all but the end of the data. An Outcome: it is decided, and nothing was delivered."""
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
            if connection.permit is not None and not await connection.permit():
                await self._quit(connection)
                continue
            reused = connection.used > 0  # a server may close a connection that rested: nobody's fault
            connection.used += 1
            try:
                outcome = await self._transmit(connection, message, begun=begun)
            except ConnectionLost as lost:
                connection.give_back()
                self._close()
                self._ahead = self._ahead and not begun  # a server that loses what comes with the dot
                outcome = Outcome(verdict=SendVerdict.DEFERRED, reply=str(lost)[:500], phase=Phase.DATA)
                if not reused and not connection.blame(outcome.reply):
                    return outcome
            else:
                if outcome is not None:
                    connection.give_back()
                again = reused and outcome is not None and outcome.reply.startswith("421 ")
                refused = outcome if outcome and outcome.phase is Phase.SENDER else None
                if not again and not (refused and connection.blame(refused.reply)):
                    return outcome
                self._close()

    async def _reopen(self) -> SmtpConnection | Outcome:
        self._close()
        connection = await self._reconnect()
        if isinstance(connection, SmtpConnection):
            self._connection = connection
        return connection

    async def commit(self, then: Message | None = None) -> Outcome:
        """Ends the data and waits for the reply, ten minutes at most. UNKNOWN when none came. `then`, the
        message that will be offered next, is begun in the same packet where the server allows it.
        """
        connection, self._offered = self._offered, None
        if connection is None:
            raise RuntimeError("commit without an offer")
        if not connection.idle:  # it spoke before the end: whatever it said is no answer to the whole message
            why = f"{connection.name}: spoke, or closed the connection, before the end of the message"
            self._close()
            connection.blame(why)
            return Outcome(verdict=SendVerdict.DEFERRED, reply=why, phase=Phase.DATA)
        try:
            connection.send(END + self._begin_with_end(then, connection))
            reply = await connection.answer(ANSWER)
        except ConnectionLost as lost:
            self._close()
            connection.blame(str(lost))
            return Outcome(verdict=SendVerdict.UNKNOWN, reply=str(lost)[:500])
        outcome = final_outcome(reply)
        if reply.code == 421 or outcome.verdict is SendVerdict.UNKNOWN:
            self._close()
        return outcome

    def _begin_with_end(self, message: Message | None, connection: SmtpConnection) -> bytes:
        """The commands that begin `message`, if they may be sent with the end of another."""
        may = self._ahead and connection.permit is None and "PIPELINING" in connection.extensions
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
            self._offered.give_back()
        if self._offered is not None or self._begun is not None:
            self._offered = None
            self._close()

    async def close(self) -> None:
        """QUIT where nothing is offered; the connection is closed in any case."""
        if self._connection is not None and self._offered is None and self._begun is None:
            await self._quit(self._connection)
        self._offered = None
        self._close()

    async def _quit(self, connection: SmtpConnection) -> None:
        """Sends QUIT, and closes the connection."""
        if connection.idle:
            with contextlib.suppress(ConnectionLost):  # it was to be closed anyway
                await connection.ask(b"QUIT\r\n", 5.0)
        self._close()

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        self._begun = None
        if connection is not None:
            connection.break_off("was closed by us")

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
        """MAIL, RCPT, DATA, unless they were sent already. None: the server waits for the data."""
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
            reply = connection.next_received() or await connection.reply(seconds)
            if refused is None and reply.code != expected and not (expected == 250 and reply.code == 251):
                refused = refusal(reply, phase)
                if reply.code == 421 or reply.code < 400 or reply.code in LOGIN_CODES:
                    self._close()  # closing, out of step, or not for us: nothing more can come of it
                    return refused
                if not pipelining:
                    break
            elif refused is not None and reply.code < 400:
                self._close()  # it waits for the data of nobody (RFC 2920 3.1): end nothing, leave
                return refused
        if refused is not None and not connection.dead:
            try:  # the next message begins with nothing of this one (RFC 5321 4.1.1.5)
                if (await connection.ask(b"RSET\r\n", MAIL)).code != 250:
                    self._close()
            except ConnectionLost:
                self._close()
        return refused


def refusal(reply: SmtpReply, phase: Phase) -> Outcome:
    """The outcome of a message that a server would not begin: 5xx is permanent, unless it is about us."""
    final = reply.code >= 500 and reply.code not in LOGIN_CODES
    text = str(reply) if reply.code >= 400 else f"answered out of step: {reply}"[:500]
    return Outcome(verdict=SendVerdict.REJECTED if final else SendVerdict.DEFERRED, reply=text, phase=phase)


@lru_cache(maxsize=64)  # of small servers it is the same each time
def final_outcome(reply: SmtpReply) -> Outcome:
    """The outcome of a message whose data was ended."""
    match reply.code // 100:
        case 2:
            return Outcome(verdict=SendVerdict.ACCEPTED, reply=str(reply))
        case 4:
            return Outcome(verdict=SendVerdict.DEFERRED, reply=str(reply))
        case 5:
            return Outcome(verdict=SendVerdict.REJECTED, reply=str(reply))
        case _:
            return Outcome(verdict=SendVerdict.UNKNOWN, reply=f"answered out of step: {reply}"[:500])
