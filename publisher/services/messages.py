"""One reader's message: the cohort's segments with this reader's values in their places, signed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from publisher.core.addresses import Address, parse
from publisher.core.dkim import Signable, signable
from publisher.core.envelopes import return_path
from publisher.core.headers import date_value, to_value
from publisher.core.mailings import Batch, Delivery, Mailing
from publisher.core.messages import Envelope, Message, Place, Segment, fill, is_dotless
from publisher.core.tokens import Claim, Purpose, opaque, seal
from publisher.ports import Signer
from publisher.services.parts import Parts

REMEMBERED = 32
"""Cohorts whose signable form is kept: those of a few mailings under way at once."""

PREFERENCES_FOR = timedelta(days=90)
"""How long the link in a mail opens a reader's preferences; the next mail brings a new one."""


ONCE_FOR = timedelta(minutes=30)
"""How long a link opens what works once. It counts from when it was asked for (services.account)."""


def message_id(parts: Parts, mailing: Mailing, n: int) -> tuple[str, str]:
    """(key, Message-ID) of a delivery: the same on every attempt, and after a restart."""
    return _key(mailing.id, n), _whole(_left(parts, mailing.id, n), mailing.sender)


@dataclass(slots=True)
class _Made:
    """What a cohort's messages share: its segments, the places in them, and how they are signed."""

    segments: Sequence[Segment]
    places: frozenset[Place]
    domain: str
    signer: Signer | None
    signable: Signable | None
    dotless: bool


class Maker:
    """Makes the messages of a run. Signed where the site has keys for the domain of From."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bounces = parse(parts.bounces) if parts.bounces else None
        self._cohorts: dict[tuple[int, int], _Made] = {}

    async def make(self, batch: Batch, row: Delivery, segments: Sequence[Segment]) -> Message:
        """The bytes and the envelope for one delivery: equal for every attempt."""
        made = self._of_cohort(row, segments)
        left, address = _left(self._parts, row.mailing, row.n), parse(row.address)
        values = self._values(batch, row, made, left, address)
        data = fill(segments, values)
        if made.signer is not None and made.signable is not None:
            data = await made.signer.sign(made.domain, made.signable.of(values)) + data
        return Message(
            key=_key(row.mailing, row.n),
            message_id=_whole(left, row.sender),
            envelope=Envelope(mail_from=self._mail_from(row), rcpt_to=str(address)),
            data=data,
            dotless=made.dotless,
        )

    def _of_cohort(self, row: Delivery, segments: Sequence[Segment]) -> _Made:
        made = self._cohorts.get((row.mailing, row.cohort))
        if made is None:
            domain = row.sender.rpartition("@")[2]
            signer = self._parts.signer()  # keys are read when the first message is made
            signer = signer if signer is not None and signer.signs(domain) else None
            places = frozenset(segment for segment in segments if isinstance(segment, Place))
            canonical = signable(segments) if signer else None
            made = _Made(segments, places, domain, signer, canonical, is_dotless(segments))
            if len(self._cohorts) >= REMEMBERED:
                del self._cohorts[next(iter(self._cohorts))]
            self._cohorts[row.mailing, row.cohort] = made
        return made

    def _values(
        self, batch: Batch, row: Delivery, made: _Made, left: str, address: Address
    ) -> dict[Place, bytes]:
        values: dict[Place, bytes] = {
            Place.TO: to_value(address),
            Place.DATE: date_value(batch.date),
            Place.MESSAGE_ID: left.encode("ascii"),
        }
        return values | tokens(self._parts, made.places, row, batch.date)

    def _mail_from(self, row: Delivery) -> str:
        """Where a bounce of this delivery goes: an address of its own, or that of From."""
        if self._bounces is None:
            return row.sender
        return return_path(self._bounces, row.mailing, row.n, self._parts.ring())


class Addressee(Protocol):
    """Whose tokens they are: a delivery, or what stands for one."""

    @property
    def mailing(self) -> int: ...
    @property
    def subscription(self) -> int: ...
    @property
    def generation(self) -> int: ...


def tokens(parts: Parts, places: frozenset[Place], to: Addressee, sent: datetime) -> dict[Place, bytes]:
    """The tokens of one reader for those of `places` that take one, in a mail of `sent`."""
    made: dict[Place, bytes] = {}
    for place in places & _TOKENS.keys():
        purpose = _TOKENS[place]
        claim = Claim(
            purpose=purpose,
            subscription=to.subscription,
            generation=to.mailing if purpose in _OF_MAILING else to.generation,
            expires=sent + _FOR[purpose] if purpose in _FOR else None,
        )
        made[place] = seal(claim, parts.ring()).encode("ascii")
    return made


_TOKENS = {
    Place.UNSUBSCRIBE: Purpose.UNSUBSCRIBE,
    Place.CONFIRM: Purpose.CONFIRM,
    Place.PREFERENCES: Purpose.PREFERENCES,
    Place.VIEW: Purpose.VIEW,
    Place.EXPORT: Purpose.EXPORT,
    Place.ERASE: Purpose.ERASE,
    Place.ADDRESS: Purpose.ADDRESS,
}
_ONCE = frozenset({Purpose.EXPORT, Purpose.ERASE, Purpose.ADDRESS})
_OF_MAILING = _ONCE | {Purpose.VIEW}
_FOR = {Purpose.PREFERENCES: PREFERENCES_FOR, **dict.fromkeys(_ONCE, ONCE_FOR)}


def _key(mailing: int, n: int) -> str:
    return f"{mailing:06d}-{n:08d}"


def _left(parts: Parts, mailing: int, n: int) -> str:
    """The left part of a Message-ID: stable, and not to be guessed."""
    return f"{mailing}.{n}.{opaque(parts.ring(), mailing, n)}"


def _whole(left: str, sender: str) -> str:
    return f"<{left}@{sender.rpartition('@')[2]}>"
