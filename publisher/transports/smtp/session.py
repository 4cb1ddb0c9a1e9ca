"""A session: one message at a time over a line, in two steps (RFC 5321 3.3).

    offer    MAIL, RCPT and DATA (at once where the server can, RFC 2920), 354, data without its end
    commit   "." CRLF, and the answer. MAIL, RCPT and DATA of the next go with it, if that is there already
             (RFC 2920 3.1: content may be the first of a group)
    drop     the line is closed before the end: the server must not deliver (RFC 5321 3.8, 6.1)

What is decided before the end is safe to repeat; from the end to the answer a message is in doubt.
"""

import contextlib
from collections.abc import Awaitable, Callable
from functools import lru_cache

from publisher.core.mail.message import Message, Outcome, Phase, SendVerdict
from publisher.transports.smtp.commands import END, ServerRefusal, envelope, stuffed
from publisher.transports.smtp.connection import ConnectionLost, SmtpConnection
from publisher.transports.smtp.replies import SmtpReply

MAIL, RCPT, DATA, BLOCK, ANSWER = 300.0, 300.0, 120.0, 180.0, 600.0
"""Seconds (RFC 5321 4.5.3.2.2 to 6). The answer to a message is waited for ten minutes, whatever is set."""

_LOGIN = frozenset({530, 534, 535, 538})
"""RFC 4954 6: the login is not enough. That is nothing about a message or a reader."""

Reached = Callable[[], Awaitable[SmtpConnection | Outcome]]


class SmtpSession:
    """One connection's worth of sending. Its line is opened anew when the server closed it between messages.

    `reach` opens a line.
    """

    def __init__(self, line: SmtpConnection, reach: Reached) -> None:
        self._line: SmtpConnection | None = line
        self._offered: SmtpConnection | None = None
        self._begun: Message | None = None
        self._ahead = True
        self._reach = reach

    async def offer(self, message: Message) -> Outcome | None:
        """All but the end of the data. An Outcome: it is decided, and nothing was delivered."""
        if self._offered is not None:
            raise RuntimeError("offer before the last message was committed or dropped")
        while True:
            begun = self._begun is message
            if self._begun is not None and not begun:
                self._let_go()  # the server waits for data that will not come
            self._begun = None
            if begun and self._line:
                line: SmtpConnection | Outcome = self._line
            else:
                line = self._line if self._line and self._line.idle else await self._fresh()
            if isinstance(line, Outcome):
                return line
            if line.permit is not None and not await line.permit():
                await self._leave(line)
                continue
            again = line.used > 0  # a server may have closed a line that rested: that is nobody's fault
            line.used += 1
            try:
                outcome = await self._offer(line, message, begun)
            except ConnectionLost as lost:
                line.give_back()
                self._let_go()
                self._ahead = self._ahead and not begun  # a server that loses what comes with the dot
                outcome = Outcome(verdict=SendVerdict.DEFERRED, reply=str(lost)[:500], phase=Phase.DATA)
                if not again and not line.blame(outcome.reply):
                    return outcome
            else:
                if outcome is not None:
                    line.give_back()
                again = again and outcome is not None and outcome.reply.startswith("421 ")
                refused = outcome if outcome and outcome.phase is Phase.SENDER else None
                if not again and not (refused and line.blame(refused.reply)):
                    return outcome
                self._let_go()

    async def commit(self, then: Message | None = None) -> Outcome:
        """Ends the data and waits for the answer, ten minutes at most. UNKNOWN when none came. `then`, the
        message that will be offered next, is begun with it where the server can.
        """
        line, self._offered = self._offered, None
        if line is None:
            raise RuntimeError("commit without an offer")
        if not line.idle:  # it spoke before the end: whatever it said is no answer to the whole message
            why = f"{line.name}: spoke, or closed the connection, before the end of the message"
            self._let_go()
            line.blame(why)
            return Outcome(verdict=SendVerdict.DEFERRED, reply=why, phase=Phase.DATA)
        try:
            line.say(END + self._beginning(then, line))
            reply = await line.answer(ANSWER)
        except ConnectionLost as lost:
            self._let_go()
            line.blame(str(lost))
            return Outcome(verdict=SendVerdict.UNKNOWN, reply=str(lost)[:500])
        outcome = _ended(reply)
        if reply.code == 421 or outcome.verdict is SendVerdict.UNKNOWN:
            self._let_go()
        return outcome

    def _beginning(self, message: Message | None, line: SmtpConnection) -> bytes:
        """What begins `message` on the line, if that may be said with the end of another."""
        if message is None or not self._ahead or line.permit is not None or "PIPELINING" not in line.can:
            return b""
        commands = envelope(message, line.can)
        if isinstance(commands, ServerRefusal):
            return b""
        self._begun = message
        return b"".join(commands) + b"DATA\r\n"

    async def drop(self) -> None:
        """Closes the line before the end of the data, if anything is offered or begun."""
        if self._offered is not None:
            self._offered.give_back()
        if self._offered is not None or self._begun is not None:
            self._offered = None
            self._let_go()

    async def close(self) -> None:
        """QUIT where nothing is offered; the line is closed in any case."""
        if self._line is not None and self._offered is None and self._begun is None:
            await self._leave(self._line)
        self._offered = None
        self._let_go()

    async def _leave(self, line: SmtpConnection) -> None:
        """QUIT, and the line is closed."""
        if line.idle:
            with contextlib.suppress(ConnectionLost):  # it was to be closed anyway
                await line.ask(b"QUIT\r\n", 5.0)
        self._let_go()

    async def _fresh(self) -> SmtpConnection | Outcome:
        self._let_go()
        line = await self._reach()
        if isinstance(line, SmtpConnection):
            self._line = line
        return line

    def _let_go(self) -> None:
        line, self._line = self._line, None
        self._begun = None
        if line is not None:
            line.break_off("was closed by us")

    async def _offer(self, line: SmtpConnection, message: Message, begun: bool) -> Outcome | None:
        commands = (b"", b"") if begun else envelope(message, line.can)
        if isinstance(commands, ServerRefusal):
            return Outcome(verdict=SendVerdict.REJECTED, reply=commands.why, phase=commands.phase)
        refused = await self._begin(line, *commands, begun=begun)
        if refused is not None:
            return refused
        line.say(message.data if message.dotless else stuffed(message.data))
        await line.flushed(BLOCK)
        self._offered = line
        return None

    async def _begin(self, line: SmtpConnection, mail: bytes, rcpt: bytes, *, begun: bool) -> Outcome | None:
        """MAIL, RCPT, DATA, unless they were said already. None: the server waits for the data."""
        together = "PIPELINING" in line.can
        if together and not begun:
            line.say(mail + rcpt + b"DATA\r\n")
        refused: Outcome | None = None
        for command, phase, wanted, seconds in (
            (mail, Phase.SENDER, 250, MAIL),
            (rcpt, Phase.RECIPIENT, 250, RCPT),
            (b"DATA\r\n", Phase.DATA, 354, DATA),
        ):
            if not together:
                line.say(command)
            reply = line.at_hand() or await line.reply(seconds)
            if refused is None and reply.code != wanted and not (wanted == 250 and reply.code == 251):
                refused = _refused(reply, phase)
                if reply.code == 421 or reply.code < 400 or reply.code in _LOGIN:
                    self._let_go()  # closing, out of step, or not for us: nothing more can come of it
                    return refused
                if not together:
                    break
            elif refused is not None and reply.code < 400:
                self._let_go()  # it waits for the data of nobody (RFC 2920 3.1): end nothing, leave
                return refused
        if refused is not None and not line.dead:
            await self._reset(line)
        return refused

    async def _reset(self, line: SmtpConnection) -> None:
        """RSET: the next message begins with nothing of this one (RFC 5321 4.1.1.5)."""
        try:
            reply = await line.ask(b"RSET\r\n", MAIL)
        except ConnectionLost:
            self._let_go()
        else:
            if reply.code != 250:
                self._let_go()


def _refused(reply: SmtpReply, phase: Phase) -> Outcome:
    """The verdict on a message that a server would not begin: 5xx is for good, but where it is about us."""
    final = reply.code >= 500 and reply.code not in _LOGIN
    words = str(reply) if reply.code >= 400 else f"answered out of step: {reply}"[:500]
    return Outcome(verdict=SendVerdict.REJECTED if final else SendVerdict.DEFERRED, reply=words, phase=phase)


@lru_cache(maxsize=64)  # of small servers it is the same each time
def _ended(reply: SmtpReply) -> Outcome:
    match reply.code // 100:
        case 2:
            return Outcome(verdict=SendVerdict.ACCEPTED, reply=str(reply))
        case 4:
            return Outcome(verdict=SendVerdict.DEFERRED, reply=str(reply))
        case 5:
            return Outcome(verdict=SendVerdict.REJECTED, reply=str(reply))
        case _:
            return Outcome(verdict=SendVerdict.UNKNOWN, reply=f"answered out of step: {reply}"[:500])
