"""One reader's message: the cohort's segments with this reader's values in their places, signed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from publisher.core.addresses import is_plain, parse
from publisher.core.delivery.mailing import Batch, Delivery, Mailing
from publisher.core.mail.dkim import Signable, signable
from publisher.core.mail.headers import date_value
from publisher.core.mail.message import Envelope, Message, Placeholder, Segment, SegmentTemplate, is_dotless
from publisher.core.mail.verp import return_path
from publisher.core.tokens import KeyRing, Purpose, halves, mailbox_key, minutes, opaque, sealed
from publisher.ports import PendingSignature, Signer
from publisher.services.deps import Deps

REMEMBERED = 32
"""Cohorts whose signable form is kept: those of a few mailings under way at once."""

PREFERENCES_FOR = timedelta(days=90)
"""How long the link in a mail opens a reader's preferences; the next mail brings a new one."""


ONCE_FOR = timedelta(minutes=30)
"""How long a link opens what works once. It counts from when it was asked for (services.account)."""


def message_id(parts: Deps, mailing: Mailing, n: int) -> tuple[str, str]:
    """(key, Message-ID) of a delivery: the same on every attempt, and after a restart."""
    return _key(mailing.id, n), _whole(_left(parts.ring(), mailing.id, n), mailing.sender)


@dataclass(slots=True)
class _CohortMessages:
    """What a cohort's messages share: their form, and how they are signed."""

    of: Sequence[Segment]  # what it was made of, which may be made anew (services.rewording)
    form: SegmentTemplate
    tokens: Mapping[Placeholder, tuple[Purpose, int]]  # and when each expires, in minutes
    domain: str
    signer: Signer | None
    signable: Signable | None
    dotless: bool
    plain: bool


class PendingMessage:
    """One delivery's message: all but its signature, which may take a while."""

    __slots__ = ("_envelope", "_fields", "_key", "_made", "_message", "_message_id", "_values")

    def __init__(
        self,
        made: _CohortMessages,
        values: Mapping[Placeholder, bytes],
        key: str,
        message_id: str,
        envelope: Envelope,
    ) -> None:
        self._made, self._values = made, values
        self._key, self._message_id, self._envelope = key, message_id, envelope
        self._message: Message | None = None
        self._fields: bytes | PendingSignature = b""
        if made.signer is not None and made.signable is not None:
            self._fields = made.signer.sign(made.domain, made.signable, values)

    @property
    def ready(self) -> Message | None:
        """The bytes and the envelope: equal for every attempt, and the same object each time. None: its
        signature is still made.
        """
        if self._message is not None:
            return self._message
        fields = self._fields if isinstance(self._fields, bytes) else self._fields.fields
        return None if fields is None else self._with(fields)

    async def whole(self) -> Message:
        """`ready`, once it is."""
        return self.ready or self._with(
            self._fields if isinstance(self._fields, bytes) else await self._fields
        )

    def _with(self, fields: bytes) -> Message:
        self._message = message = Message(
            key=self._key,
            message_id=self._message_id,
            envelope=self._envelope,
            data=self._made.form.fill(self._values, fields),
            dotless=self._made.dotless,
            plain=self._made.plain and self._values[Placeholder.TO].isascii(),
        )
        return message


class MessageBuilder:
    """Makes the messages of a run. Signed where the site has keys for the domain of From."""

    def __init__(self, parts: Deps) -> None:
        self._parts = parts
        self._bounces = parse(parts.bounces) if parts.bounces else None
        self._cohorts: dict[tuple[int, int, datetime], _CohortMessages] = {}

    def begin(self, batch: Batch, row: Delivery, segments: Sequence[Segment]) -> PendingMessage:
        """Begins the message of one delivery."""
        made, ring = self._of_cohort(batch, row, segments), self._parts.ring()
        address = row.address if is_plain(row.address) else str(parse(row.address))
        left = _left(ring, row.mailing, row.n)
        values: dict[Placeholder, bytes] = {
            Placeholder.TO: address.encode(),
            Placeholder.DATE: date_value(batch.date),
            Placeholder.MESSAGE_ID: left.encode("ascii"),
        }
        for place, (purpose, expires) in made.tokens.items():
            life = row.mailing if purpose in _OF_MAILING else row.generation
            of = row.subscription, life
            if purpose is Purpose.NEVER_ASK:
                of = halves(mailbox_key(parse(address), ring))
            values[place] = sealed(purpose, *of, expires, ring).encode("ascii")
        envelope = Envelope(mail_from=self._mail_from(row, ring), rcpt_to=address)
        return PendingMessage(made, values, _key(row.mailing, row.n), _whole(left, row.sender), envelope)

    def _of_cohort(self, batch: Batch, row: Delivery, segments: Sequence[Segment]) -> _CohortMessages:
        of = row.mailing, row.cohort, batch.date
        made = self._cohorts.get(of)
        if made is not None and made.of is not segments and made.of == segments:
            made.of = segments  # read again, and the same
        if made is None or made.of is not segments:
            domain = row.sender.rpartition("@")[2]
            signer = self._parts.signer()  # keys are read when the first message is made
            signer = signer if signer is not None and signer.signs(domain) else None
            canonical = signable(segments) if signer else None
            form = SegmentTemplate(segments)
            tokens = _kinds(form.places, batch.date)
            plain = all(isinstance(segment, Placeholder) or segment.isascii() for segment in segments)
            made = _CohortMessages(
                segments, form, tokens, domain, signer, canonical, is_dotless(segments), plain
            )
            if len(self._cohorts) >= REMEMBERED and of not in self._cohorts:
                del self._cohorts[next(iter(self._cohorts))]
            self._cohorts[of] = made
        return made

    def _mail_from(self, row: Delivery, ring: KeyRing) -> str:
        """Where a bounce of this delivery goes: an address of its own, or that of From."""
        if self._bounces is None:
            return row.sender
        return return_path(self._bounces, row.mailing, row.n, ring)


class Addressee(Protocol):
    """Whose tokens they are: a delivery, or what stands for one."""

    @property
    def mailing(self) -> int: ...
    @property
    def subscription(self) -> int: ...
    @property
    def generation(self) -> int: ...


def tokens(
    parts: Deps, places: frozenset[Placeholder], to: Addressee, sent: datetime
) -> dict[Placeholder, bytes]:
    """The tokens of one reader for those of `places` that take one, in a mail of `sent`."""
    made: dict[Placeholder, bytes] = {}
    for place, (purpose, expires) in _kinds(places, sent).items():
        life = to.mailing if purpose in _OF_MAILING else to.generation
        made[place] = sealed(purpose, to.subscription, life, expires, parts.ring()).encode("ascii")
    return made


def _kinds(places: frozenset[Placeholder], sent: datetime) -> Mapping[Placeholder, tuple[Purpose, int]]:
    """The places that take a token, what it is for, and the minute it expires in (0: never)."""
    found = {place: _TOKENS[place] for place in places & _TOKENS.keys()}
    return {
        place: (purpose, minutes(sent + _FOR[purpose]) if purpose in _FOR else 0)
        for place, purpose in found.items()
    }


_TOKENS = {
    Placeholder.UNSUBSCRIBE: Purpose.UNSUBSCRIBE,
    Placeholder.CONFIRM: Purpose.CONFIRM,
    Placeholder.PREFERENCES: Purpose.PREFERENCES,
    Placeholder.VIEW: Purpose.VIEW,
    Placeholder.EXPORT: Purpose.EXPORT,
    Placeholder.ERASE: Purpose.ERASE,
    Placeholder.ADDRESS: Purpose.ADDRESS,
    Placeholder.NEVER_ASK: Purpose.NEVER_ASK,
}
_ONCE = frozenset({Purpose.EXPORT, Purpose.ERASE, Purpose.ADDRESS})
_OF_MAILING = _ONCE | {Purpose.VIEW}
_FOR = {Purpose.PREFERENCES: PREFERENCES_FOR, **dict.fromkeys(_ONCE, ONCE_FOR)}


def _key(mailing: int, n: int) -> str:
    return f"{mailing:06d}-{n:08d}"


def _left(ring: KeyRing, mailing: int, n: int) -> str:
    """The left part of a Message-ID: stable, and not to be guessed."""
    return f"{mailing}.{n}.{opaque(ring, mailing, n)}"


def _whole(left: str, sender: str) -> str:
    return f"<{left}@{sender.rpartition('@')[2]}>"
