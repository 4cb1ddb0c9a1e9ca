"""Mailings that wait (for approval, for their hour, for a relay) when a post in them is withdrawn: what is
still to be sent is made anew without it. What was sent stays sent.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from publisher.core.errors import PublisherError
from publisher.core.holds import Order
from publisher.core.mailings import Hold
from publisher.core.messages import Recipe
from publisher.core.mime import freeze
from publisher.services.compose import digest_of
from publisher.services.linting import digest_message
from publisher.services.parts import Parts


def reword(parts: Parts, now: datetime) -> Sequence[str]:
    """Takes withdrawn posts out of mails that nobody has yet; returns what became of which mailing, in words.
    One that shows nothing else is cancelled, one that cannot be made anew is paused. Raises StoreError.
    """
    told: list[str] = []
    for id in parts.store.with_withdrawn():
        try:
            what = _reworded(parts, id, now)
        except PublisherError as error:
            parts.store.hold(id, Hold.OPERATOR, "a post in it was withdrawn", None)
            what = f"paused, since a post in it was withdrawn and it cannot be made again: {error}"
        if what:
            told.append(f"mailing {id}: {what}")
    return told


def _reworded(parts: Parts, id: int, now: datetime) -> str:
    mailing = parts.store.mailing(id, counted=False)
    spec = parts.list(mailing.list) if mailing else None
    if mailing is None or spec is None:
        parts.store.order(id, Order.CANCEL, now)
        return "cancelled, since a post in it was withdrawn and its list is no longer in publisher.toml"
    recipes: dict[int, Recipe] = {}
    segments: dict[str, bytes] = {}
    subject, left = mailing.subject, False
    for n, posts, language in parts.store.cohorts(id):
        digest = digest_of(parts, spec, posts, mailing.due_before, language=language, public=True)
        shown = tuple(post for post in digest.posts if not post.gone)
        left |= bool(shown)
        if len(shown) == len(digest.posts):
            continue
        digest = replace(digest, posts=shown or digest.posts)
        letter, message = digest_message(parts, digest, id, own=n > 1)
        recipes[n], new = freeze(message)
        segments |= new
        subject = letter.subject if n == 1 else subject
    if not left:
        parts.store.order(id, Order.CANCEL, now)
        return "cancelled, since all posts in it were withdrawn"
    return "made again without a withdrawn post" if parts.store.reword(id, recipes, segments, subject) else ""
