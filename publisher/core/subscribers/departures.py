"""Departures: somebody left, or must not be mailed. Which subscriptions each one ends, and whether it has
been applied.

A departure is written to the journal before the store is changed, so a crash in between loses nothing: it is
replayed, and replaying one that the store already has, or that was never committed, does no harm. It ends the
life of the subscription it was about and no later one: somebody who came back stays.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from publisher.core.subscribers.subscription import SubscriptionState

ALL_LISTS = ""
"""The `list` of a departure from every list."""

LEFT, ERASED, BOUNCE = "left", "erased", "bounce"
"""The kinds with rules of their own. A mailbox that bounces keeps its subscription, in case it works
again.
"""

READER_KINDS = (LEFT, ERASED)
"""The kinds that are lifted when the reader confirms in person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """`key` is the keyed hash of the address, `list` is ALL_LISTS or a list's slug, `kind` the name of the
    suppression it leaves. It ends lives up to (`subscription`, `generation`): subscriptions are numbered in
    the order they were made, and no number is used twice. `generation` None: every life of that subscription.
    `subscription` None (written by 0.1 before it was recorded): every subscription of that address.

    A change of address is the old address's departure; `to` and `to_key` are the subscription of the new
    address, which takes the old one's place, and that address's key.
    """

    key: str
    list: str
    kind: str
    at: datetime
    subscription: int | None = None
    generation: int | None = None
    to: int | None = None
    to_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionLife:
    """A subscription of the address that a departure is about, as it is now."""

    subscription: int
    list: str
    state: SubscriptionState
    generation: int


def lives_ended_by(departure: Departure, lives: Sequence[SubscriptionLife]) -> list[SubscriptionLife]:
    """The current lives that a departure ends."""
    if departure.kind == BOUNCE:
        return []
    here = [life for life in lives if departure.list in (ALL_LISTS, life.list)]
    return [
        life for life in here if life.state is not SubscriptionState.UNSUBSCRIBED and _covers(departure, life)
    ]


def has_returned(departure: Departure, lives: Sequence[SubscriptionLife]) -> bool:
    """Whether a later life shows that the reader returned, which lifts what only they can lift."""
    here = [life for life in lives if departure.list in (ALL_LISTS, life.list)]
    return departure.kind in READER_KINDS and any(not _covers(departure, life) for life in here)


def is_applied(
    departure: Departure, lives: Sequence[SubscriptionLife], blocks: Collection[tuple[str, str]]
) -> bool:
    """Whether replaying a departure would change nothing. `blocks` are (list, kind) of the address."""
    if lives_ended_by(departure, lives):
        return False
    kinds = {LEFT: READER_KINDS}.get(departure.kind, (departure.kind,))
    suppressed = any((there, kind) in blocks for there in (ALL_LISTS, departure.list) for kind in kinds)
    return suppressed or has_returned(departure, lives)


def _covers(departure: Departure, life: SubscriptionLife) -> bool:
    """Whether the life is the one that departed, or one before it."""
    if departure.subscription is None or life.subscription == departure.subscription:
        return departure.generation is None or life.generation <= departure.generation
    return life.subscription < departure.subscription
