"""Preview: a digest as its readers would get it, without touching the store; and one sent as a test."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from publisher.core.addresses import Address, parse, parse_mailbox
from publisher.core.digests import Shares
from publisher.core.dkim import signable
from publisher.core.due import Stand
from publisher.core.errors import Refused
from publisher.core.headers import date_value, to_value
from publisher.core.lint import Problem
from publisher.core.lists import MailingList, State, Subscription, taste_of
from publisher.core.log import Known
from publisher.core.messages import Envelope, Letter, Message, Outcome, Place, Segment, cut, fill
from publisher.core.mime import compose
from publisher.core.rhythms import Taste
from publisher.services.compose import Pairs, composed, digest_of
from publisher.services.linting import problems
from publisher.services.messages import tokens
from publisher.services.parts import Parts
from publisher.services.timing import ripe_head

RECENT = 5
"""How many of the newest posts stand in for a digest when nobody has anything new to get."""

SOMEBODY = "reader@example.org"
TEST = "[Test] "


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One mail, ready to be looked at: what it is made of, one reader's values, and what the lint says."""

    letter: Letter
    segments: tuple[Segment, ...]
    values: dict[Place, bytes]
    problems: tuple[Problem, ...]

    def files(self) -> dict[str, bytes]:
        """subject.txt, body.html, body.txt and message.eml."""
        return {
            "subject.txt": (self.letter.subject + "\n").encode(),
            "body.html": self._whole(self.letter.html),
            "body.txt": self._whole(self.letter.text),
            "message.eml": fill(self.segments, self.values),
        }

    def _whole(self, text: str) -> bytes:
        pieces = cut(text, self.letter.marks)
        return fill([p if isinstance(p, Place) else p.encode() for p in pieces], self.values)


def preview(parts: Parts, spec: MailingList, now: datetime, *, reader: str = "") -> Drawn:
    """What the longest waiting reader would get next, else the newest posts; with `reader`, an address of the
    list, exactly what that reader would get now, links and all. Raises TemplateError; Refused: nothing was
    published yet, the address is not on the list, or there is nothing for it.
    """
    if reader:
        return _for_reader(parts, spec, now, parse(reader, where="--as"))
    pairs = _waiting(parts, spec, now) or _recent(parts)
    if not pairs:
        raise Refused(f"preview {spec.slug}", "no post is published yet", "run `publisher publish` first")
    return _drawn(parts, spec, pairs, now, address=parse(SOMEBODY))


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
        data = await signer.sign(sender.domain, signable(drawn.segments).of(drawn.values)) + data
    session = await parts.transport.connect()
    if isinstance(session, Outcome):
        return session
    envelope = Envelope(mail_from=str(sender), rcpt_to=str(to))
    message = Message(key=left, message_id=f"<{left}@{sender.domain}>", envelope=envelope, data=data)
    try:
        return await session.offer(message) or await session.commit()
    finally:
        await session.close()


def _for_reader(parts: Parts, spec: MailingList, now: datetime, address: Address) -> Drawn:
    found = _subscription(parts, spec, str(address))
    taste = taste_of(spec, found.choices.taste)
    fresh = parts.store.fresh(found.offset, ripe_head(parts, spec, now))
    share = Shares(spec, fresh, {}).of(Stand(found.offset), taste, least=1)
    if not share.posts:
        raise Refused(
            f"preview {spec.slug}", f"nothing is new for {address}", "leave out --as for the newest posts"
        )
    return _drawn(
        parts,
        spec,
        _pairs(share.posts),
        now,
        address=parse(found.address),
        reader=found,
        language=taste.language,
    )


def _subscription(parts: Parts, spec: MailingList, address: str) -> Subscription:
    for found in parts.store.subscriptions(spec.slug, State.ACTIVE):
        if found.address.casefold() == address.casefold():
            return found
    raise Refused(
        f"preview {spec.slug}", f"{address} is no active reader of it", "see `publisher subscribers list`"
    )


class _Reader(NamedTuple):
    mailing: int
    subscription: int
    generation: int


def _drawn(
    parts: Parts,
    spec: MailingList,
    pairs: Pairs,
    now: datetime,
    *,
    address: Address,
    reader: Subscription | None = None,
    language: str = "",
) -> Drawn:
    number = parts.store.next_mailing()
    letter, segments = composed(parts, digest_of(parts, spec, pairs, now, language=language), number)
    places = frozenset(segment for segment in segments if isinstance(segment, Place))
    who = _Reader(number, reader.id, reader.generation) if reader else _Reader(0, 0, 0)  # of nobody
    values = {
        Place.TO: to_value(address),
        Place.DATE: date_value(now),
        Place.MESSAGE_ID: b"preview",
        **tokens(parts, places, who, now),
    }
    return Drawn(letter=letter, segments=segments, values=values, problems=problems(parts, letter, segments))


def _waiting(parts: Parts, spec: MailingList, now: datetime) -> Pairs:
    """What matches the list of the posts since the reader of the list who stands furthest back."""
    behind = parts.store.furthest_back(spec.slug)
    if behind is None:
        return ()
    fresh = parts.store.fresh(behind, ripe_head(parts, spec, now))
    return _pairs(Shares(spec, fresh, {}).of(Stand(behind), Taste(), least=1).posts)


def _recent(parts: Parts) -> Pairs:
    return _pairs(tuple(reversed(parts.store.newest(RECENT))))


def _pairs(posts: tuple[Known, ...]) -> Pairs:
    return tuple((known.id, known.post.revision) for known in posts)


Draw = Callable[[], Drawn]
"""Draws the mail anew: templates and settings may have changed."""
