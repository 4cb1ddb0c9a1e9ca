"""Lists, cadences, and the life of a subscription.

    pending -(confirm)-> active -(unsubscribe)-> unsubscribed -(sign up again)-> pending
    pending -(7 days)-> gone (the row is deleted)

The state belongs to the subscription (subscriber x list). `generation` grows by one with each sign-up
after a departure: tokens and deliveries of an earlier life do nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """The state of a subscription."""

    PENDING = "pending"
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"


class Event(StrEnum):
    """What may happen to a subscription."""

    SIGN_UP = "sign-up"
    CONFIRM = "confirm"
    UNSUBSCRIBE = "unsubscribe"


PENDING_FOR = timedelta(days=7)

_NEXT: Mapping[tuple[State, Event], State] = MappingProxyType(
    {
        (State.PENDING, Event.SIGN_UP): State.PENDING,
        (State.PENDING, Event.CONFIRM): State.ACTIVE,
        (State.PENDING, Event.UNSUBSCRIBE): State.UNSUBSCRIBED,
        (State.ACTIVE, Event.SIGN_UP): State.ACTIVE,
        (State.ACTIVE, Event.CONFIRM): State.ACTIVE,
        (State.ACTIVE, Event.UNSUBSCRIBE): State.UNSUBSCRIBED,
        (State.UNSUBSCRIBED, Event.SIGN_UP): State.PENDING,
        (State.UNSUBSCRIBED, Event.CONFIRM): State.UNSUBSCRIBED,
        (State.UNSUBSCRIBED, Event.UNSUBSCRIBE): State.UNSUBSCRIBED,
    }
)


def after(state: State, event: Event) -> State:
    """The state that follows. Total: every event is harmless in every state (one click is idempotent)."""
    return _NEXT[state, event]


def new_life(state: State, event: Event) -> bool:
    """Whether this event starts a new generation."""
    return state is State.UNSUBSCRIBED and event is Event.SIGN_UP


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingList:
    """One `[[lists]]` of the settings.

    `sender` is the From header's display name and address as one RFC 5322 mailbox. `at` is local wall
    time in `timezone` (IANA). `max_late` is how long after its due time a digest may still be planned.
    `subject` is Jinja source; empty for the template's own. `content` is the `digests.Layout` readers get
    unless they chose another; `template` is the folder under templates/email/ that makes digests.
    """

    slug: str
    title: str
    sender: str
    timezone: str
    description: str = ""
    reply_to: str = ""
    cadence: str = "daily"
    at: time = time(8, 0)
    max_posts: int = 20
    max_late: timedelta = timedelta(hours=12)
    subject: str = ""
    content: str = "full"
    template: str = "digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """How a subscription came about; kept as proof. `form` names the door ("form", "cli", "import")."""

    at: datetime
    origin: str
    form: str
    wording: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One reader on one list. `offset` is the log seq up to which everything was planned or passed over."""

    id: int
    list: str
    address: str
    state: State
    generation: int
    offset: int
    next_due_at: datetime | None
    created_at: datetime
    confirmed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReader:
    """A sign-up or an import line, ready to be stored. `key` is the keyed hash of the address.

    `active` readers stand at the head at once and are due at `next_due_at`; others are pending.
    `own_wish` is whether the reader acted in person: only then may somebody who left come back.
    """

    address: str
    key: str
    active: bool
    own_wish: bool
    next_due_at: datetime | None = None


class Joined(StrEnum):
    """What a sign-up or import line came to."""

    ADDED = "added"
    ALREADY = "already"  # pending or active before, and unchanged
    ACTIVATED = "activated"  # was pending, and the wish states consent
    RETURNED = "returned"  # had left, and starts a new life as pending
    LEFT = "left"  # had left or is suppressed: refused
