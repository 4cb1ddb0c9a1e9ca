"""A preview sent as a test: to one address, marked, and no mailing, no reader and no count knows of it."""

import asyncio
from dataclasses import replace
from datetime import datetime

from publisher.core.addresses import Address, parse, parse_mailbox
from publisher.core.mail.dkim import signable
from publisher.core.mail.headers import to_value
from publisher.core.mail.message import Envelope, Message, Outcome, Place, fill
from publisher.core.mail.mime import compose
from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Parts
from publisher.services.digests.preview import Drawn, preview

TEST = "[Test] "


def send_test(
    parts: Parts, spec: MailingList, address: str, now: datetime, *, dry_run: bool
) -> tuple[Drawn, Outcome | None]:
    """Sends the preview to `address`, its subject marked; the ledger never hears of it, and its links are
    nobody's. Raises as `preview` does, and AddressError.
    """
    drawn = preview(parts, spec, now)
    to = parse(address)
    letter = replace(drawn.letter, subject=TEST + drawn.letter.subject)
    left = f"test.{parts.nonce()}"
    values = drawn.values | {Place.TO: to_value(to), Place.MESSAGE_ID: left.encode()}
    drawn = replace(drawn, letter=letter, segments=compose(letter), values=values)
    return drawn, None if dry_run else asyncio.run(_send(parts, spec, drawn, to, left))


async def _send(parts: Parts, spec: MailingList, drawn: Drawn, to: Address, left: str) -> Outcome:
    sender = parse_mailbox(spec.sender).address
    data = fill(drawn.segments, drawn.values)
    signer = parts.signer()
    if signer is not None and signer.signs(sender.domain):
        fields = signer.sign(sender.domain, signable(drawn.segments), drawn.values)
        data = (fields if isinstance(fields, bytes) else await fields) + data
    session = await parts.transport.connect()
    if isinstance(session, Outcome):
        return session
    envelope = Envelope(mail_from=str(sender), rcpt_to=str(to))
    message = Message(key=left, message_id=f"<{left}@{sender.domain}>", envelope=envelope, data=data)
    try:
        return await session.offer(message) or await session.commit()
    finally:
        await session.close()
