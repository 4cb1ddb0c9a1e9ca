"""One TCP connection to a server: sends commands and receives replies, in order, each with a time limit.

An asyncio.Protocol rather than streams: there is no task and no copy between the socket and the reply.

`open_connection` opens one: connect, greeting, EHLO, TLS, login. Any failure raises ConnectionLost with the
reason.
"""

import asyncio
import os
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from typing import cast

from publisher.core.delivery.relays import LOGIN_REFUSED, MailProvider, Relay, Security
from publisher.transports.smtp.protocol import (
    MAX_UNREAD,
    ProtocolError,
    ReplyReader,
    ServerExtensions,
    SmtpReply,
    auth_plain,
    login_response,
    mask_credentials,
    parse_extensions,
)

CONNECT, GREETING, COMMAND = 60.0, 300.0, 300.0
"""Seconds (RFC 5321 4.5.3.2.1; EHLO, STARTTLS and AUTH as MAIL, 4.5.3.2.2)."""

_EHLO_UNKNOWN = frozenset({500, 501, 502, 504, 550, 554})
"""How servers older than EHLO answer it (RFC 5321 3.2, 4.2.4)."""

_MAY_WAIT_FOR_TLS = '; it did not even greet: if it waits for TLS, mail.relays.security must be "tls"'
_BEGINS_IN_CLEAR = '; it does not begin with TLS: mail.relays.security may have to be "starttls"'


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
        self.provider: MailProvider | None = None
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


def make_context() -> ssl.SSLContext:
    """TLS 1.2 or newer. Certificates are verified against the system's authorities (or SSL_CERT_FILE), and
    must name the host; no setting turns this off.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def open_connection(relay: Relay, context: Callable[[], ssl.SSLContext]) -> SmtpConnection:
    """A connection that is ready for messages. Raises ConnectionLost with the relay's name and what happened,
    never with a password.
    """
    connection = await _connect(relay, context)
    try:
        try:
            greeting = await connection.reply(GREETING)
        except ReplyTimeout as silent:
            hint = _MAY_WAIT_FOR_TLS if relay.security is Security.STARTTLS else ""
            raise ConnectionLost(f"{silent}{hint}") from None
        if greeting.code != 220:
            raise ConnectionLost(f"{connection.name}: {greeting}")
        await _say_hello(connection, relay)
        if relay.security is Security.STARTTLS:
            await _start_tls(connection, relay, context())
        if relay.username:
            await _log_in(connection, relay)
    except BaseException:
        connection.break_off("was not ready for mail")
        raise
    return connection


async def _connect(relay: Relay, context: Callable[[], ssl.SSLContext]) -> SmtpConnection:
    loop = asyncio.get_running_loop()
    patience = relay.timeout.total_seconds()
    seconds = min(CONNECT, patience)
    secure = relay.security is Security.TLS
    try:
        async with asyncio.timeout(seconds):
            _, connection = await loop.create_connection(
                lambda: SmtpConnection(relay.name, patience, loop),
                relay.host,
                relay.port,
                ssl=context() if secure else None,
                server_hostname=relay.host if secure else None,
            )
    except TimeoutError:
        raise ConnectionLost(f"{relay.name}: no connection in {seconds:g} s") from None
    except OSError as error:
        raise ConnectionLost(f"{relay.name}: {describe_error(error)}") from None
    return connection


async def _say_hello(connection: SmtpConnection, relay: Relay) -> None:
    """EHLO, or HELO where the server does not know EHLO and no extension is needed. The client names itself
    by its IP address (RFC 5321 4.1.3), which needs no DNS and is never wrong.
    """
    address = str(connection.transport.get_extra_info("sockname")[0]).partition("%")[0]
    name = f"[IPv6:{address}]" if ":" in address else f"[{address}]"
    reply = await connection.ask(f"EHLO {name}\r\n".encode(), COMMAND)
    if reply.code == 250:
        connection.extensions = parse_extensions(reply)
        return
    needed = relay.security is Security.STARTTLS or relay.username
    if reply.code in _EHLO_UNKNOWN and not needed:
        reply = await connection.ask(f"HELO {name}\r\n".encode(), COMMAND)
        if reply.code == 250:
            return
    raise ConnectionLost(f"{connection.name}: {reply}")


async def _start_tls(connection: SmtpConnection, relay: Relay, context: ssl.SSLContext) -> None:
    if "STARTTLS" not in connection.extensions:
        why = 'offers no STARTTLS, and mail.relays.security is "starttls"; mail is not sent without it'
        raise ConnectionLost(f"{connection.name}: {why}")
    reply = await connection.ask(b"STARTTLS\r\n", COMMAND)
    if reply.code != 220:
        raise ConnectionLost(f"{connection.name}: STARTTLS was refused: {reply}")
    if not connection.idle:  # CVE-2011-0411: bytes injected before TLS must not count after it
        raise ConnectionLost(
            f"{connection.name}: sent data between STARTTLS and TLS; no mail is sent over this connection"
        )
    loop = asyncio.get_running_loop()
    seconds = min(COMMAND, connection.patience)
    try:
        async with asyncio.timeout(seconds):
            secured = await loop.start_tls(
                connection.transport, connection, context, server_hostname=relay.host
            )
    except TimeoutError:
        raise ConnectionLost(f"{connection.name}: TLS was not ready in {seconds:g} s") from None
    except OSError as error:
        raise ConnectionLost(f"{connection.name}: {describe_error(error)}") from None
    if secured is None:
        raise ConnectionLost(f"{connection.name}: closed the connection")
    connection.switch_to_tls(secured)
    await _say_hello(connection, relay)


async def _log_in(connection: SmtpConnection, relay: Relay) -> None:
    """AUTH PLAIN or LOGIN. Settings allow a password only over TLS or to this machine itself."""
    logins = connection.extensions.logins
    if "PLAIN" in logins:
        reply = await connection.ask(auth_plain(relay.username, relay.password), COMMAND)
    elif "LOGIN" in logins:
        reply = await connection.ask(b"AUTH LOGIN\r\n", COMMAND)
        for secret in (relay.username, relay.password):
            if reply.code == 334:
                reply = await connection.ask(login_response(secret), COMMAND)
    else:
        offered = " ".join(logins) or "no login"
        raise ConnectionLost(f"{connection.name}: offers {offered}; Publisher knows PLAIN and LOGIN")
    if reply.code != 235:
        said = mask_credentials(str(reply), relay.username, relay.password)
        raise ConnectionLost(
            f"{connection.name}: {LOGIN_REFUSED} (check username and password in mail.relays): {said}"
        )


def describe_error(error: OSError) -> str:
    """Why there is no connection, or no TLS on it, in lower case."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        hint = _BEGINS_IN_CLEAR if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE") else ""
        return f"TLS failed ({(error.reason or str(error)).lower().replace('_', ' ')}){hint}"
    known = os.strerror(error.errno) if error.errno and error.errno > 0 else ""
    return (known or error.strerror or str(error) or type(error).__name__).lower()
