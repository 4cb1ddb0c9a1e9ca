"""One TCP connection to a server: commands go out, replies come in, in order, each in its time.

A protocol of its own instead of asyncio's streams: no task or copy between the socket and the reply.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

from publisher.transports.smtp.commands import ServerExtensions
from publisher.transports.smtp.replies import MAX_UNREAD, ProtocolError, ReplyReader, SmtpReply


class ConnectionLost(Exception):
    """The connection broke, or could not be opened. The text says why, in one line."""


class ReplyTimeout(ConnectionLost):
    """No reply came in time."""


class SmtpConnection(asyncio.Protocol):
    """A connection. `patience` is the most seconds to wait for an answer, but for that to a message;
    `extensions` are what the server offers; `used` counts messages it was asked to take. `blame` tells the
    owner that the server fails and why, and returns whether another may do better. Where the relay has a
    quota, `permit` takes a permit for a message and tells whether there was one, and `give_back` returns it.
    """

    def __init__(self, name: str, patience: float, loop: asyncio.AbstractEventLoop) -> None:
        self.name, self.patience, self.extensions, self.used = name, patience, ServerExtensions(), 0
        self._loop = loop
        self._closed = False
        self._on_close: Callable[[], None] = lambda: None
        self.blame: Callable[[str], bool] = lambda _: False
        self.permit: Callable[[], Awaitable[bool]] | None = None
        self.give_back: Callable[[], None] = lambda: None
        self._reader = ReplyReader()
        self._replies: deque[SmtpReply] = deque()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._lost: str = ""
        self._write_paused = False
        self._deadline = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    @property
    def dead(self) -> bool:
        """Whether nothing more can be sent on it."""
        return bool(self._lost)

    @property
    def idle(self) -> bool:
        """Whether the server has sent nothing that is unread."""
        return not (self._lost or self._replies or self._reader.unfinished)

    @property
    def transport(self) -> asyncio.Transport:
        """What bytes go through. Raises ConnectionLost."""
        if self._transport is None or self._lost:
            raise ConnectionLost(f"{self.name}: {self._lost or 'not connected'}")
        return self._transport

    def secured(self, transport: asyncio.Transport) -> None:
        """Goes on over TLS: what was offered before it no longer counts (RFC 3207 4.2)."""
        self._transport, self.extensions = transport, ServerExtensions()
        self._write_paused = False
        transport.set_write_buffer_limits(high=1, low=0)

    def on_close(self, call: Callable[[], None]) -> None:
        """Calls `call` once, when the connection is closed."""
        if self._closed:
            call()
        else:
            self._on_close = call

    def send(self, data: bytes) -> None:
        """Sends. Raises ConnectionLost."""
        self.transport.write(data)

    async def flushed(self, seconds: float) -> None:
        """Returns when all that was sent has left this process. Raises ConnectionLost: nothing moved for
        `seconds`.
        """
        seconds = min(seconds, self.patience)
        while self._write_paused:
            left = self.transport.get_write_buffer_size()
            if not await self._wait(seconds) and left == self.transport.get_write_buffer_size():
                raise self._timed_out(seconds)

    def next_received(self) -> SmtpReply | None:
        """The next reply, if it has come already."""
        return self._replies.popleft() if self._replies else None

    async def reply(self, seconds: float) -> SmtpReply:
        """The next reply. Raises ConnectionLost: none came within `seconds` and `patience`, the connection
        broke, or it was no SMTP reply.
        """
        return await self.answer(min(seconds, self.patience))

    async def answer(self, seconds: float) -> SmtpReply:
        """`reply`, without the bound of `patience`: for the end of a message."""
        while not self._replies:
            if self._lost:
                raise ConnectionLost(f"{self.name}: {self._lost}")
            if not await self._wait(seconds):
                raise self._timed_out(seconds)
        return self._replies.popleft()

    async def ask(self, command: bytes, seconds: float) -> SmtpReply:
        """Sends one command and returns its reply. Raises ConnectionLost."""
        if not self.idle:
            self.break_off("spoke when it was not asked")
        self.send(command)
        return await self.reply(seconds)

    def break_off(self, why: str) -> None:
        """Closes the connection at once: a message whose data was not ended is not delivered."""
        if not self._lost:
            self._lost = why
            self._wake()
        if self._transport is not None:
            self._transport.abort()

    def _timed_out(self, seconds: float) -> ReplyTimeout:
        self.break_off(f"no answer in {seconds:g} s")
        return ReplyTimeout(f"{self.name}: {self._lost}")

    async def _wait(self, seconds: float) -> bool:
        """Waits until something happens. False: nothing did."""
        self._waiter = self._loop.create_future()
        self._deadline = self._loop.time() + seconds
        self._set_timer()
        try:
            await self._waiter
        except TimeoutError:
            return False
        finally:
            self._waiter, self._deadline = None, float("inf")
        return True

    def _set_timer(self) -> None:
        """One timer for each connection, moved when it fires: one for each reply costs more than the
        reply.
        """
        if self._timer is None or self._timer.when() > self._deadline:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(self._deadline, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() >= self._deadline:
            if not self._waiter.done():
                self._waiter.set_exception(TimeoutError())
        else:
            self._set_timer()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast("asyncio.Transport", transport)  # a TCP connection is one, in every loop
        self._transport.set_write_buffer_limits(high=1, low=0)
        found = transport.get_extra_info("socket")
        if found is not None:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Called by the loop."""
        try:
            self._replies.extend(self._reader.feed(data))
        except ProtocolError as garbled:
            self.break_off(f"gave an answer that is none: {garbled}")
            return
        if len(self._replies) > MAX_UNREAD:
            self.break_off("sends replies without end")
        elif self._replies:
            self._wake()

    def pause_writing(self) -> None:
        """Called by the loop."""
        self._write_paused = True

    def resume_writing(self) -> None:
        """Called by the loop."""
        self._write_paused = False
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the loop, once."""
        self._lost = self._lost or (f"the connection broke ({exc})" if exc else "closed the connection")
        if self._timer is not None:
            self._timer.cancel()
        self._wake()
        self._closed = True
        self._on_close()
