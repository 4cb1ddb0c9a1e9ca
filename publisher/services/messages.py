"""One reader's message: the cohort's segments with this reader's values in their places."""

from collections.abc import Sequence

from publisher.core.addresses import parse
from publisher.core.envelopes import return_path
from publisher.core.headers import date_value, to_value
from publisher.core.mailings import Batch, Delivery, Mailing
from publisher.core.messages import Envelope, Message, Place, Segment, fill
from publisher.core.tokens import Claim, Purpose, opaque, seal
from publisher.services.parts import Parts


def message_id(parts: Parts, mailing: Mailing, n: int) -> tuple[str, str]:
    """(key, Message-ID) of a delivery: the same on every attempt, and after a restart."""
    return _key(mailing.id, n), _whole(_left(parts, mailing.id, n), mailing.sender)


def message_for(parts: Parts, batch: Batch, row: Delivery, segments: Sequence[Segment]) -> Message:
    """The bytes and the envelope for one delivery. Only the places that occur are computed."""
    left = _left(parts, row.mailing, row.n)
    wanted = {segment for segment in segments if isinstance(segment, Place)}
    address = parse(row.address)
    values: dict[Place, bytes] = {
        Place.TO: to_value(address),
        Place.DATE: date_value(batch.date),
        Place.MESSAGE_ID: left.encode(),
    }
    for place, purpose in _TOKENS.items():
        if place in wanted:
            claim = Claim(purpose=purpose, subscription=row.subscription, generation=row.generation)
            values[place] = seal(claim, parts.ring()).encode()
    return Message(
        key=_key(row.mailing, row.n),
        message_id=_whole(left, row.sender),
        envelope=Envelope(mail_from=_mail_from(parts, row), rcpt_to=str(address)),
        data=fill(segments, values),
    )


_TOKENS = {Place.UNSUBSCRIBE: Purpose.UNSUBSCRIBE, Place.CONFIRM: Purpose.CONFIRM}


def _mail_from(parts: Parts, row: Delivery) -> str:
    """Where a bounce of this delivery goes: an address of its own, or that of From."""
    if not parts.bounces:
        return row.sender
    return return_path(parse(parts.bounces), row.mailing, row.n, parts.ring())


def _key(mailing: int, n: int) -> str:
    return f"{mailing:06d}-{n:08d}"


def _left(parts: Parts, mailing: int, n: int) -> str:
    """The left part of a Message-ID: stable, and not to be guessed."""
    return f"{mailing}.{n}.{opaque(parts.ring(), mailing, n)}"


def _whole(left: str, sender: str) -> str:
    return f"<{left}@{sender.rpartition('@')[2]}>"
