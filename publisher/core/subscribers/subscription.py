"""Lists, what readers may choose about their digests, and the life of a subscription.

    pending -(confirm)-> active -(unsubscribe)-> unsubscribed -(sign up again)-> pending
    pending -(7 days)-> gone (the row is deleted)

The state belongs to the subscription (subscriber x list). `generation` grows by one with each sign-up after a
departure: tokens and deliveries of an earlier life do nothing.

A list has defaults, and `readers_choose` names what its readers may change. Their choices are stored as made,
and apply as far as the list currently allows them.

A departure (somebody left, or must not be mailed) is written to the journal before the store is changed, so a
crash in between loses nothing: it is replayed. Replaying one that the store already has, or that was never
committed, does no harm. A departure ends the life of the subscription it was about and no later one: somebody
who came back stays.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType

from publisher.core.posts.filters import PostFilter, fold_term

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PENDING_FOR = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When digests are due, by the wall clock of `timezone` (IANA). `cadence` names one of
    `cadences.CADENCES`. `on` is a weekday ("mon") or a day of the month ("1" to "28"); "" means Monday for
    weekly digests, the first for monthly ones, and nothing to other cadences.
    """

    cadence: str
    timezone: str
    at: time
    on: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePreference:
    """A reader's own schedule; empty fields mean the list's."""

    cadence: str = ""
    on: str = ""
    at: time | None = None
    timezone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentPreference:
    """Which posts a reader wants: those with any of `topics`, and those in `language` (BCP 47, also the
    language of their mail). Empty: all posts of the list. Topics are sorted, each once.
    """

    topics: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Everything a reader may choose. While `paused`, posts wait for them and nothing is lost."""

    schedule: SchedulePreference = field(default_factory=SchedulePreference)
    content: ContentPreference = field(default_factory=ContentPreference)
    paused: bool = False


NO_CHOICES = Preferences()
"""The list's defaults for everything."""


def normalize_topics(words: Iterable[str]) -> tuple[str, ...]:
    """Topics sorted, each once whatever its capitals, without empty ones."""
    first: dict[str, str] = {}
    for word in words:
        if key := fold_term(word):
            first.setdefault(key, " ".join(word.split()))
    return tuple(first[key] for key in sorted(first))


class SubscriptionState(StrEnum):
    """The state of a subscription."""

    PENDING = "pending"
    ACTIVE = "active"
    UNSUBSCRIBED = "unsubscribed"


class SubscriptionEvent(StrEnum):
    """A transition of a subscription."""

    SIGN_UP = "sign-up"
    CONFIRM = "confirm"
    UNSUBSCRIBE = "unsubscribe"


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
    HOUR = "hour"  # and its time zone


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingList:
    """One `[[lists]]` of the settings.

    `sender` is the From header's display name and address as one RFC 5322 mailbox. `cadence`, `on`, `at`
    and `timezone` are its schedule. `where` selects its posts. `content` is the `digests.Layout` of its mail,
    `template` the folder under templates/email for its digests. Fewer posts than `min_posts` wait for more;
    beyond `max_posts` only titles are listed. `max_late` is how long after its due time a digest may still be
    planned while `run` is there for the next one; None: the cadence's own limit. `delay` is how long a post
    waits in case its author changes it. Readers whose digests are immediate get the next one `min_gap` after
    the last at the earliest. With `approve` each mailing waits for an operator's approval.
    `welcome` is "none" or "latest". `subject` is Jinja source; "" for the template's own.
    """

    slug: str
    title: str
    sender: str
    timezone: str
    description: str
    reply_to: str
    cadence: str
    on: str
    at: time
    where: PostFilter
    content: str
    min_posts: int
    max_posts: int
    max_late: timedelta | None
    delay: timedelta
    min_gap: timedelta
    approve: bool
    template: str
    welcome: str
    readers_choose: tuple[ListChoice, ...]
    subject: str


def schedule_for(spec: MailingList, chosen: SchedulePreference) -> Schedule:
    """When a reader's digests are due: by their own choice as far as the list allows it, else by the list."""
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
    """The language (BCP 47) of a list's mails and pages: the reader's choice, else the only language of the
    list's posts, else `usual`, the site's.
    """
    only = spec.where.language[0] if len(spec.where.language) == 1 else ""
    return content_for(spec, chosen).language or only or usual


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """How a subscription came about; kept as proof. `form` names the way in ("form", "cli", "import")."""

    at: datetime
    origin: str
    form: str
    wording: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One reader on one list. `offset` is the log seq up to which everything was planned or skipped.
    `asked_at` is when they were last sent a single-use link (see `services.subscribers.account`).
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
class FoundSubscriber:
    """A subscriber by number, as a search finds them, with the lists they are on."""

    number: int
    address: str
    lists: tuple[tuple[str, SubscriptionState], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReader:
    """A sign-up or an import line, ready to be stored. `key` is the keyed hash of the address.

    `active` readers start at the head of the log and are due at `next_due_at`; others are pending. `choices`
    are for a new subscription: they change nothing for a reader who is already there. `own_wish` is whether
    the reader acted in person: only then may somebody who left come back.
    """

    address: str
    key: str
    active: bool
    own_wish: bool
    next_due_at: datetime | None = None
    choices: Preferences = NO_CHOICES


class SignupResult(StrEnum):
    """The result of a sign-up or of an import line."""

    ADDED = "added"
    ALREADY = "already"  # pending or active before, and unchanged
    ACTIVATED = "activated"  # was pending, and the request states consent
    RETURNED = "returned"  # had left, and starts a new life as pending
    LEFT = "left"  # had left or is suppressed: refused


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
class RemovedList:
    """A list that settings no longer name, with the number of its active readers and of its mailings that are
    not finished. Nothing is mailed to it until an operator renames or closes it, or puts it back.
    """

    slug: str
    readers: int
    mailings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """An operator gave the list `list` the slug `to`, or closed it (`to` is ""). Closing ends subscriptions
    up to number `subscription` and none that came later. `title` is what readers knew the list by.
    """

    list: str
    to: str
    at: datetime
    subscription: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChangeResult:
    """How many readers a `ListChange` moved or ended; of those moved, how many were `on_both` lists and go on
    as readers of the new one, and how many `had_left` that one and stay out.
    """

    readers: int = 0
    on_both: int = 0
    had_left: int = 0


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
