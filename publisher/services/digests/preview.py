"""Preview: a digest as its readers would get it, without touching the store.

A preview sent as a test: to one address, marked, and no mailing, no reader and no count knows of it.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from publisher.core.addresses import Address, parse_address, parse_mailbox
from publisher.core.digests.digest import DigestSelector
from publisher.core.digests.due import CohortKey
from publisher.core.errors import Refused
from publisher.core.mail.dkim import canonical_message
from publisher.core.mail.headers import date_value, to_value
from publisher.core.mail.lint import LintProblem
from publisher.core.mail.message import (
    EmailContent,
    Envelope,
    Message,
    Outcome,
    Placeholder,
    Segment,
    fill,
    split_at_marks,
)
from publisher.core.mail.mime import compose
from publisher.core.publishing.log import PublishedPost
from publisher.core.subscribers.preferences import ContentPreference
from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Deps
from publisher.services.digests.cohorts import foreseen
from publisher.services.digests.compose import LintedMail, judged
from publisher.services.digests.projection import DigestMaterial, foresee
from publisher.services.digests.reader_preview import next_for
from publisher.services.digests.schedule import question
from publisher.services.mail.messages import reader_tokens

RECENT = 5
"""How many of the newest posts stand in for a digest when nobody has anything new to get."""

SOMEBODY = "reader@example.org"


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPreview:
    """One mail, ready to be looked at: what it is made of, one reader's values, and what the lint says.
    `note` says why its reader would not get it by itself yet.
    """

    letter: EmailContent
    segments: tuple[Segment, ...]
    values: dict[Placeholder, bytes]
    problems: tuple[LintProblem, ...]
    note: str = ""

    def files(self) -> dict[str, bytes]:
        """subject.txt, body.html, body.txt and message.eml."""
        return {
            "subject.txt": (self.letter.subject + "\n").encode(),
            "body.html": self._whole(self.letter.html),
            "body.txt": self._whole(self.letter.text),
            "message.eml": fill(self.segments, self.values),
        }

    def _whole(self, text: str) -> bytes:
        pieces = split_at_marks(text, self.letter.marks)
        return fill([p if isinstance(p, Placeholder) else p.encode() for p in pieces], self.values)


def preview(parts: Deps, spec: MailingList, now: datetime, *, reader: str = "") -> RenderedPreview:
    """What the longest waiting reader would get next, else the newest posts; with `reader`, an address of the
    list, exactly what that reader would get if `publish` ran now, links and all: only Message-ID is made when
    it is sent, and a signature with it. Raises TemplateError, SourceError; Refused: nothing was published
    yet, the address gets no mail of the list, or there is nothing for it.
    """
    if reader:
        return _for_reader(parts, spec, now, parse_address(reader, where="--as"))
    log = foresee(parts, now)
    posts = _waiting(parts, spec, log, now) or _recent(parts)
    if not posts:
        raise Refused(f"preview {spec.slug}", "no post is published yet", "run `publisher publish` first")
    digest = foreseen(parts, spec, log, posts, now, language="")
    made = judged(parts, digest, parts.store.next_mailing_id())
    return _drawn(parts, made, now, parse_address(SOMEBODY), NOBODY)


def _for_reader(parts: Deps, spec: MailingList, now: datetime, address: Address) -> RenderedPreview:
    log = foresee(parts, now)
    mine = next_for(parts, spec, now, address, log)
    reader = _SampleReader(mine.mailing, mine.reader.id, mine.reader.generation)
    digest = foreseen(parts, spec, log, mine.posts, now, language=mine.language)
    made = judged(parts, digest, mine.mailing, own=mine.own)
    return _drawn(parts, made, now, parse_address(mine.reader.address), reader, note=mine.note)


class _SampleReader(NamedTuple):
    mailing: int
    subscription: int
    generation: int


NOBODY = _SampleReader(0, 0, 0)


def _drawn(
    parts: Deps, made: LintedMail, now: datetime, address: Address, reader: _SampleReader, *, note: str = ""
) -> RenderedPreview:
    places = frozenset(segment for segment in made.message if isinstance(segment, Placeholder))
    values = {
        Placeholder.TO: to_value(address),
        Placeholder.DATE: date_value(now),
        Placeholder.MESSAGE_ID: b"preview",
        **reader_tokens(parts, places, reader, now),
    }
    return RenderedPreview(
        letter=made.letter, segments=made.message, values=values, problems=made.problems, note=note
    )


def _waiting(parts: Deps, spec: MailingList, log: DigestMaterial, now: datetime) -> Sequence[PublishedPost]:
    """What matches the list of the posts since the reader of the list who stands furthest back."""
    behind = parts.store.lowest_offset(spec.slug)
    if behind is None:
        return ()
    fresh = log.fresh(behind, question(parts, spec, now, log).head)
    return DigestSelector(spec, fresh, {}).of(CohortKey(behind), ContentPreference(), least=1).posts


def _recent(parts: Deps) -> Sequence[PublishedPost]:
    return tuple(reversed(parts.store.newest_posts(RECENT)))


Draw = Callable[[], RenderedPreview]
"""Draws the mail anew: templates and settings may have changed."""


TEST = "[Test] "


def send_test(
    parts: Deps, spec: MailingList, address: str, now: datetime, *, dry_run: bool
) -> tuple[RenderedPreview, Outcome | None]:
    """Sends the preview to `address`, its subject marked; the ledger never hears of it, and its links are
    nobody's. Raises as `preview` does, and AddressError.
    """
    drawn = preview(parts, spec, now)
    to = parse_address(address)
    letter = replace(drawn.letter, subject=TEST + drawn.letter.subject)
    left = f"test.{parts.nonce()}"
    values = drawn.values | {Placeholder.TO: to_value(to), Placeholder.MESSAGE_ID: left.encode()}
    drawn = replace(drawn, letter=letter, segments=compose(letter), values=values)
    return drawn, None if dry_run else asyncio.run(_send(parts, spec, drawn, to, left))


async def _send(parts: Deps, spec: MailingList, drawn: RenderedPreview, to: Address, left: str) -> Outcome:
    sender = parse_mailbox(spec.sender).address
    data = fill(drawn.segments, drawn.values)
    signer = parts.signer()
    if signer is not None and signer.signs(sender.domain):
        fields = signer.sign(sender.domain, canonical_message(drawn.segments), drawn.values)
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
