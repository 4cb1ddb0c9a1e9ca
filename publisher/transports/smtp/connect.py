"""Opening a line: connect, greeting, EHLO, TLS, login. All that can fail is a Lost with the reason."""

import asyncio
import os
import ssl
from collections.abc import Callable

from publisher.core.delivery.relays import Relay, Security
from publisher.transports.smtp.commands import abilities, login, masked, plain
from publisher.transports.smtp.connection import ConnectionLost, ReplyTimeout, SmtpConnection

CONNECT, GREETING, COMMAND = 60.0, 300.0, 300.0
"""Seconds (RFC 5321 4.5.3.2.1; EHLO, STARTTLS and AUTH as MAIL, 4.5.3.2.2)."""

_NOT_KNOWN = frozenset({500, 501, 502, 504, 550, 554})
"""How servers older than EHLO answer it (RFC 5321 3.2, 4.2.4)."""


def trusted() -> ssl.SSLContext:
    """Certificates are checked against the system's authorities (or SSL_CERT_FILE), names against the host;
    TLS 1.2 or newer. There is no way to turn this off.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def open_line(relay: Relay, context: Callable[[], ssl.SSLContext]) -> SmtpConnection:
    """A line on which messages can go. Raises Lost: the relay's name, what happened, and never a password."""
    line = await _connected(relay, context)
    try:
        await _greeted(line, relay)
        if relay.security is Security.STARTTLS:
            await _secure(line, relay, context())
        if relay.username:
            await _log_in(line, relay)
    except BaseException:
        line.break_off("was not ready for mail")
        raise
    return line


async def _connected(relay: Relay, context: Callable[[], ssl.SSLContext]) -> SmtpConnection:
    loop = asyncio.get_running_loop()
    patience = relay.timeout.total_seconds()
    seconds = min(CONNECT, patience)
    secure = relay.security is Security.TLS
    try:
        async with asyncio.timeout(seconds):
            _, line = await loop.create_connection(
                lambda: SmtpConnection(relay.name, patience, loop),
                relay.host,
                relay.port,
                ssl=context() if secure else None,
                server_hostname=relay.host if secure else None,
            )
    except TimeoutError:
        raise ConnectionLost(f"{relay.name}: no connection in {seconds:g} s") from None
    except OSError as error:
        raise ConnectionLost(f"{relay.name}: {_words(error)}") from None
    return line


async def _greeted(line: SmtpConnection, relay: Relay) -> None:
    try:
        greeting = await line.reply(GREETING)
    except ReplyTimeout as silent:
        raise ConnectionLost(f"{silent}{_MUTE if relay.security is Security.STARTTLS else ''}") from None
    if greeting.code != 220:
        raise ConnectionLost(f"{line.name}: {greeting}")
    await _hello(line, relay)


async def _hello(line: SmtpConnection, relay: Relay) -> None:
    """EHLO; HELO where the server knows no better, and nothing that only EHLO offers is needed."""
    name = _own_name(line)
    reply = await line.ask(f"EHLO {name}\r\n".encode(), COMMAND)
    if reply.code == 250:
        line.can = abilities(reply)
        return
    needed = relay.security is Security.STARTTLS or relay.username
    if reply.code in _NOT_KNOWN and not needed:
        reply = await line.ask(f"HELO {name}\r\n".encode(), COMMAND)
        if reply.code == 250:
            return
    raise ConnectionLost(f"{line.name}: {reply}")


async def _secure(line: SmtpConnection, relay: Relay, context: ssl.SSLContext) -> None:
    if "STARTTLS" not in line.can:
        why = 'offers no STARTTLS, and mail.relays.security is "starttls"; mail is not sent without it'
        raise ConnectionLost(f"{line.name}: {why}")
    reply = await line.ask(b"STARTTLS\r\n", COMMAND)
    if reply.code != 220:
        raise ConnectionLost(f"{line.name}: STARTTLS was refused: {reply}")
    if not line.idle:  # CVE-2011-0411: what was slipped in before TLS must not count after it
        raise ConnectionLost(
            f"{line.name}: something was slipped in before TLS; mail is not sent over this line"
        )
    loop = asyncio.get_running_loop()
    seconds = min(COMMAND, line.patience)
    try:
        async with asyncio.timeout(seconds):
            secured = await loop.start_tls(line.transport, line, context, server_hostname=relay.host)
    except TimeoutError:
        raise ConnectionLost(f"{line.name}: TLS was not ready in {seconds:g} s") from None
    except OSError as error:
        raise ConnectionLost(f"{line.name}: {_words(error)}") from None
    if secured is None:
        raise ConnectionLost(f"{line.name}: closed the connection")
    line.secured(secured)
    await _hello(line, relay)


async def _log_in(line: SmtpConnection, relay: Relay) -> None:
    """AUTH PLAIN or LOGIN. `config` lets a password go only through TLS or to this machine itself."""
    if "PLAIN" in line.can.logins:
        reply = await line.ask(plain(relay.username, relay.password), COMMAND)
    elif "LOGIN" in line.can.logins:
        reply = await line.ask(b"AUTH LOGIN\r\n", COMMAND)
        for secret in (relay.username, relay.password):
            if reply.code == 334:
                reply = await line.ask(login(secret), COMMAND)
    else:
        offered = " ".join(line.can.logins) or "no login"
        raise ConnectionLost(f"{line.name}: offers {offered}; Publisher knows PLAIN and LOGIN")
    if reply.code != 235:
        said = masked(str(reply), relay.username, relay.password)
        raise ConnectionLost(
            f"{line.name}: the login was refused (look at username and password in mail.relays): {said}"
        )


_MUTE = '; it did not even greet: if it waits for TLS, mail.relays.security must be "tls"'
_CLEAR = '; it does not begin with TLS: mail.relays.security may have to be "starttls"'


def _own_name(line: SmtpConnection) -> str:
    """Our end of the line as an address literal (RFC 5321 4.1.3): needs no DNS, and is never wrong."""
    address = str(line.transport.get_extra_info("sockname")[0]).partition("%")[0]
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not to be trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        clear = _CLEAR if error.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE") else ""
        return f"TLS failed ({(error.reason or str(error)).lower().replace('_', ' ')}){clear}"
    known = os.strerror(error.errno) if error.errno and error.errno > 0 else ""
    return (known or error.strerror or str(error) or type(error).__name__).lower()
