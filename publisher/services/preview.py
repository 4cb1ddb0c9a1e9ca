"""Preview: the next digest of a list, as files, without touching the store."""

from datetime import datetime

from publisher.core.errors import Refused
from publisher.core.headers import date_value
from publisher.core.lists import MailingList
from publisher.core.messages import Place, cut, fill
from publisher.core.tokens import Claim, Purpose, seal
from publisher.services.compose import Pairs, composed, digest_of
from publisher.services.parts import Parts

RECENT = 5
"""How many of the newest posts stand in for a digest when nobody has anything new to get."""


def preview(parts: Parts, spec: MailingList, now: datetime) -> dict[str, bytes]:
    """subject.txt, body.html, body.txt and message.eml of what the longest waiting reader would get next,
    else of the newest posts. Raises Refused when nothing was published yet, TemplateError.
    """
    pairs = _waiting(parts, spec) or _recent(parts)
    if not pairs:
        raise Refused(f"preview {spec.slug}", "no post is published yet", "run `publisher publish` first")
    letter, segments = composed(parts, digest_of(parts, spec, pairs, now), None)
    claim = Claim(
        purpose=Purpose.UNSUBSCRIBE, subscription=0, generation=0
    )  # of nobody: its link does nothing
    values = {
        Place.TO: b"reader@example.org",
        Place.DATE: date_value(now),
        Place.MESSAGE_ID: b"preview",
        Place.UNSUBSCRIBE: seal(claim, parts.ring()).encode(),
        Place.PREFERENCES: seal(claim, parts.ring()).encode(),
    }

    def whole(text: str) -> bytes:
        pieces = cut(text, letter.marks)
        return fill([p if isinstance(p, Place) else p.encode() for p in pieces], values)

    return {
        "subject.txt": (letter.subject + "\n").encode(),
        "body.html": whole(letter.html),
        "body.txt": whole(letter.text),
        "message.eml": fill(segments, values),
    }


def _waiting(parts: Parts, spec: MailingList) -> Pairs:
    """What was published since the reader of the list who stands furthest back."""
    behind = parts.store.furthest_back(spec.slug)
    if behind is None:
        return ()
    fresh = parts.store.fresh(behind, parts.store.head().seq)
    return tuple((known.id, known.post.revision) for known in fresh)


def _recent(parts: Parts) -> Pairs:
    newest = parts.store.newest(RECENT)
    return tuple((known.id, known.post.revision) for known in reversed(newest))
