"""Messages sent over one session to a server of a test, and the outcome of each."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import declared
from smtp_server import SmtpServer

from publisher.core.delivery.relays import Relay, Security
from publisher.core.mail.message import Envelope, Message, Outcome, SendVerdict
from publisher.transports.smtp import Smtp

SHORT, LONG = timedelta(seconds=0.5), timedelta(minutes=5)
DEFERRED, REJECTED, UNKNOWN, ACCEPTED = (
    SendVerdict.DEFERRED,
    SendVerdict.REJECTED,
    SendVerdict.UNKNOWN,
    SendVerdict.ACCEPTED,
)

MESSAGE = Message(
    key="000012-00000345",
    message_id="<12.345.abc@example.com>",
    envelope=Envelope(mail_from="news@example.com", rcpt_to="ana@example.org"),
    data=b"Subject: x\r\n\r\nHello.\r\n",
)


def relay(port: int, **given: object) -> Relay:
    values = {"host": "127.0.0.1", "port": port, "security": Security.NONE, "connections": 2} | given
    return declared.relay(**values)


def send(server: SmtpServer, *messages: Message, ahead: bool = False, **given: object) -> list[Outcome]:
    """Each message offered and committed on one session; `ahead`: begun with the end of the one before."""
    return sent(Smtp([relay(server.port, **given)]), *messages, ahead=ahead)


def sent(relays: Smtp, *messages: Message, ahead: bool = False) -> list[Outcome]:
    """The same, through these relays."""

    async def work() -> list[Outcome]:
        session = await relays.connect()
        if isinstance(session, Outcome):
            return [session]
        outcomes: list[Outcome] = []
        for message, then in zip(messages, [*messages[1:], None], strict=True):
            early = await session.offer(message)
            outcomes.append(early or await session.commit(then if ahead else None))
        await session.close()
        return outcomes

    return asyncio.run(work())


def to(recipient: str, sender: str = "news@example.com") -> Message:
    return replace(MESSAGE, envelope=Envelope(mail_from=sender, rcpt_to=recipient))


def copies(number: int) -> Sequence[Message]:
    return [
        replace(MESSAGE, key=f"1-{n}", envelope=replace(MESSAGE.envelope, rcpt_to=f"r{n}@example.org"))
        for n in range(1, number + 1)
    ]
