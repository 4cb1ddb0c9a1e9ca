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

from publisher.core.posts.filters import EVERYTHING, PostFilter
from publisher.core.subscribers.preferences import (
    NO_CHOICES,
    ContentPreference,
    Preferences,
    Schedule,
    SchedulePreference,
)


class SubscriptionState(StrEnum):
    """The state of a subscription."""

    PENDING = "pending"
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"


class SubscriptionEvent(StrEnum):
    """What may happen to a subscription."""

    SIGN_UP = "sign-up"
    CONFIRM = "confirm"
    UNSUBSCRIBE = "unsubscribe"


PENDING_FOR = timedelta(days=7)

_NEXT: Mapping[tuple[SubscriptionState, SubscriptionEvent], SubscriptionState] = MappingProxyType(
    {
        (SubscriptionState.PENDING, SubscriptionEvent.SIGN_UP): SubscriptionState.PENDING,
        (SubscriptionState.PENDING, SubscriptionEvent.CONFIRM): SubscriptionState.ACTIVE,
        (SubscriptionState.PENDING, SubscriptionEvent.UNSUBSCRIBE): SubscriptionState.UNSUBSCRIBED,
        (SubscriptionState.ACTIVE, SubscriptionEvent.SIGN_UP): SubscriptionState.ACTIVE,
        (SubscriptionState.ACTIVE, SubscriptionEvent.CONFIRM): SubscriptionState.ACTIVE,
        (SubscriptionState.ACTIVE, SubscriptionEvent.UNSUBSCRIBE): SubscriptionState.UNSUBSCRIBED,
        (SubscriptionState.UNSUBSCRIBED, SubscriptionEvent.SIGN_UP): SubscriptionState.PENDING,
        (SubscriptionState.UNSUBSCRIBED, SubscriptionEvent.CONFIRM): SubscriptionState.UNSUBSCRIBED,
        (SubscriptionState.UNSUBSCRIBED, SubscriptionEvent.UNSUBSCRIBE): SubscriptionState.UNSUBSCRIBED,
    }
)


def next_subscription_state(state: SubscriptionState, event: SubscriptionEvent) -> SubscriptionState:
    """The state that follows. Total: every event is harmless in every state (one click is idempotent)."""
    return _NEXT[state, event]


def starts_new_life(state: SubscriptionState, event: SubscriptionEvent) -> bool:
    """Whether this event starts a new generation."""
    return state is SubscriptionState.UNSUBSCRIBED and event is SubscriptionEvent.SIGN_UP


class ListChoice(StrEnum):
    """What a list may let its readers choose."""

    CADENCE = "cadence"
    TOPICS = "topics"
    LANGUAGE = "language"
    HOUR = "hour"  # and the clock it is read on


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingList:
    """One `[[lists]]` of the settings.

    `sender` is the From header's display name and address as one RFC 5322 mailbox. `cadence`, `on`, `at`
    and `timezone` are its rhythm. `where` says which posts it has. `content` is the `digests.Layout` of its
    mail, `template` the folder under templates/email that makes its digests. Fewer posts than `min_posts`
    wait; of more than `max_posts` the rest is named. `max_late` is how long after its due time a digest may
    still be planned while `run` is there for the next one; None: as its cadence says. `delay` is how long a
    post waits for its author's second thoughts. With `approve` a mailing waits for a person's word. `welcome`
    is "none" or "latest". `subject` is Jinja source; empty for the template's own.
    """

    slug: str
    title: str
    sender: str
    timezone: str
    description: str = ""
    reply_to: str = ""
    cadence: str = "daily"
    on: str = ""
    at: time = time(8, 0)
    where: PostFilter = EVERYTHING
    content: str = "full"
    min_posts: int = 1
    max_posts: int = 20
    max_late: timedelta | None = None
    delay: timedelta = timedelta(0)
    approve: bool = False
    template: str = "digest"
    welcome: str = "none"
    readers_choose: tuple[ListChoice, ...] = ()
    subject: str = ""


def schedule_for(spec: MailingList, chosen: SchedulePreference) -> Schedule:
    """When a reader's digests are due: by their own choice as far as the list allows it, else by the
    list's.
    """
    own = chosen.cadence if ListChoice.CADENCE in spec.readers_choose else ""
    hour = ListChoice.HOUR in spec.readers_choose
    cadence = own or spec.cadence
    return Schedule(
        cadence=cadence,
        on=(chosen.on if own else "") or (spec.on if cadence == spec.cadence else ""),
        at=(chosen.at if hour else None) or spec.at,
        timezone=(chosen.timezone if hour else "") or spec.timezone,
    )


def content_for(spec: MailingList, chosen: ContentPreference) -> ContentPreference:
    """Which posts a reader wants, as far as the list lets readers choose."""
    return ContentPreference(
        topics=chosen.topics if ListChoice.TOPICS in spec.readers_choose else (),
        language=chosen.language if ListChoice.LANGUAGE in spec.readers_choose else "",
    )


def mail_language(spec: MailingList, chosen: ContentPreference, usual: str) -> str:
    """The language (BCP 47) that mails and pages of a list speak: the one the reader chose, else the only one
    the posts of the list are in, else `usual`, the site's.
    """
    only = spec.where.language[0] if len(spec.where.language) == 1 else ""
    return content_for(spec, chosen).language or only or usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """How a subscription came about; kept as proof. `form` names the door ("form", "cli", "import")."""

    at: datetime
    origin: str
    form: str
    wording: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One reader on one list. `offset` is the log seq up to which everything was planned or passed over.
    `asked_at` is when they were last sent a link that works once (see `services.subscribers.account`).
    """

    id: int
    list: str
    address: str
    state: SubscriptionState
    generation: int
    offset: int
    next_due_at: datetime | None
    created_at: datetime
    confirmed_at: datetime | None = None
    asked_at: datetime | None = None
    choices: Preferences = NO_CHOICES


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReader:
    """A sign-up or an import line, ready to be stored. `key` is the keyed hash of the address.

    `active` readers stand at the head at once and are due at `next_due_at`; others are pending. The
    `choices` are those of a new life: they change nothing of a reader who is there already.
    `own_wish` is whether the reader acted in person: only then may somebody who left come back.
    """

    address: str
    key: str
    active: bool
    own_wish: bool
    next_due_at: datetime | None = None
    choices: Preferences = NO_CHOICES


class SignupResult(StrEnum):
    """What a sign-up or import line came to."""

    ADDED = "added"
    ALREADY = "already"  # pending or active before, and unchanged
    ACTIVATED = "activated"  # was pending, and the wish states consent
    RETURNED = "returned"  # had left, and starts a new life as pending
    LEFT = "left"  # had left or is suppressed: refused
