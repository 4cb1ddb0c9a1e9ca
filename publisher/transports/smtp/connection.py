"""One TCP connection to a server: sends commands and receives replies, in order, each with a time limit.

An asyncio.Protocol rather than streams: there is no task and no copy between the socket and the reply.
"""

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

from publisher.transports.smtp.protocol import (
    MAX_UNREAD,
    ProtocolError,
    ReplyReader,
    ServerExtensions,
    SmtpReply,
)


class ConnectionLost(Exception):
    """The connection broke or could not be opened. The text says why, in one line."""


class ReplyTimeout(ConnectionLost):
    """No reply arrived in time."""


class SmtpConnection(asyncio.Protocol):
    """A connection. `patience` limits the wait for each reply, in seconds, except for the reply to a message;
    `extensions` are those the server offers; `used` counts the messages offered on it.

    `report_failure` tells the owner why the server failed, and returns whether another relay is available. If
    the relay has a quota, `take_permit` takes a permit for one message and returns whether there was one, and
    `return_permit` gives it back.
    """

    def __init__(self, name: str, patience: float, loop: asyncio.AbstractEventLoop) -> None:
        self.name, self.patience, self.extensions, self.used = name, patience, ServerExtensions(), 0
        self._loop = loop
        self._closed = False
        self._on_close: Callable[[], None] = lambda: None
        self.report_failure: Callable[[str], bool] = lambda _: False
        self.take_permit: Callable[[], Awaitable[bool]] | None = None
        self.return_permit: Callable[[], None] = lambda: None
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
        """Whether the connection is open and everything the server sent has been read."""
        return not (self._lost or self._replies or self._reader.unfinished)

    @property
    def transport(self) -> asyncio.Transport:
        """The asyncio transport. Raises ConnectionLost."""
        if self._transport is None or self._lost:
            raise ConnectionLost(f"{self.name}: {self._lost or 'not connected'}")
        return self._transport

    def switch_to_tls(self, transport: asyncio.Transport) -> None:
        """Continues over TLS; extensions offered before it no longer count (RFC 3207 4.2)."""
        self._transport, self.extensions = transport, ServerExtensions()
        self._write_paused = False
        transport.set_write_buffer_limits(high=1, low=0)

    def on_close(self, call: Callable[[], None]) -> None:
        """Sets what to call when the connection has closed; it is called at once if it already has."""
        if self._closed:
            call()
        else:
            self._on_close = call

    def send(self, data: bytes) -> None:
        """Sends. Raises ConnectionLost."""
        self.transport.write(data)

    async def flushed(self, seconds: float) -> None:
        """Returns once everything sent has left this process. Raises ConnectionLost if nothing moved for
        `seconds`.
        """
        seconds = min(seconds, self.patience)
        while self._write_paused:
            left = self.transport.get_write_buffer_size()
            if not await self._wait(seconds) and left == self.transport.get_write_buffer_size():
                raise self._timed_out(seconds)

    def next_reply(self) -> SmtpReply | None:
        """The next reply if it has arrived, else None."""
        return self._replies.popleft() if self._replies else None

    async def reply(self, seconds: float) -> SmtpReply:
        """The next reply. Raises ConnectionLost: none arrived within `seconds` and `patience`, the connection
        broke, or it was not an SMTP reply.
        """
        return await self.answer(min(seconds, self.patience))

    async def answer(self, seconds: float) -> SmtpReply:
        """`reply` without the limit of `patience`: for the end of a message."""
        while not self._replies:
            if self._lost:
                raise ConnectionLost(f"{self.name}: {self._lost}")
            if not await self._wait(seconds):
                raise self._timed_out(seconds)
        return self._replies.popleft()

    async def ask(self, command: bytes, seconds: float) -> SmtpReply:
        """Sends one command and returns its reply. Raises ConnectionLost."""
        if not self.idle:
            self.break_off("sent an unexpected reply")
        self.send(command)
        return await self.reply(seconds)

    def break_off(self, why: str) -> None:
        """Closes the connection at once. The server must not deliver a message whose data was not ended."""
        if not self._lost:
            self._lost = why
            self._wake()
        if self._transport is not None:
            self._transport.abort()

    def _timed_out(self, seconds: float) -> ReplyTimeout:
        self.break_off(f"no answer in {seconds:g} s")
        return ReplyTimeout(f"{self.name}: {self._lost}")

    async def _wait(self, seconds: float) -> bool:
        """Waits until something happens; False if nothing did in `seconds`."""
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
        """One timer per connection, moved when it fires: a timer per reply would cost more than the reply."""
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
            self.break_off(f"sent no SMTP reply: {garbled}")
            return
        if len(self._replies) > MAX_UNREAD:
            self.break_off("sent too many replies")
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
