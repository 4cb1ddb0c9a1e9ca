"""Opens a connection: connect, greeting, EHLO, TLS, login. Any failure raises ConnectionLost with the
reason.
"""

import asyncio
import os
import ssl
from collections.abc import Callable

from publisher.core.delivery.relays import Relay, Security
from publisher.transports.smtp.connection import ConnectionLost, ReplyTimeout, SmtpConnection
from publisher.transports.smtp.protocol import auth_plain, login_response, mask_credentials, parse_extensions

CONNECT, GREETING, COMMAND = 60.0, 300.0, 300.0
"""Seconds (RFC 5321 4.5.3.2.1; EHLO, STARTTLS and AUTH as MAIL, 4.5.3.2.2)."""

_EHLO_UNKNOWN = frozenset({500, 501, 502, 504, 550, 554})
"""How servers older than EHLO answer it (RFC 5321 3.2, 4.2.4)."""


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
            f"{connection.name}: the login was refused (check username and password in mail.relays): {said}"
        )


_MAY_WAIT_FOR_TLS = '; it did not even greet: if it waits for TLS, mail.relays.security must be "tls"'
_BEGINS_IN_CLEAR = '; it does not begin with TLS: mail.relays.security may have to be "starttls"'


def describe_error(error: OSError) -> str:
    """Why there is no connection, or no TLS on it, in lower case."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        hint = _BEGINS_IN_CLEAR if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE") else ""
        return f"TLS failed ({(error.reason or str(error)).lower().replace('_', ' ')}){hint}"
    known = os.strerror(error.errno) if error.errno and error.errno > 0 else ""
    return (known or error.strerror or str(error) or type(error).__name__).lower()
