"""A mailing (one digest going out) and the life of its deliveries.

    mailing:   planning -> ready -> done       ready <-> paused       any -> cancelled

    delivery:  queued -a-> claimed -b-> sending -c-> accepted
                                               -d-> queued (deferred: not_before)     -e-> rejected
                                               -f-> unknown
               claimed -d-> queued      claimed -e-> rejected              (refused before b)
               claimed -g-> queued      queued|claimed -h-> cancelled      queued|claimed -i-> skipped
               unknown -j-> queued | accepted      unknown -k-> accepted | rejected | queued
               queued|claimed|sending -l-> unknown
               accepted -m-> queued        (only what the outbox took: docs/decisions/0028)
               rejected|skipped|cancelled -n-> queued      (`mailings resend`: the reader has nothing of it)

The letters are `TransitionCause`. Terminal: accepted, rejected, skipped, cancelled (invariant 8).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from publisher.core.digests.digest import CohortKey, Correction


class MailingState(StrEnum):
    """The state of a mailing."""

    PLANNING = "planning"
    READY = "ready"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


class MailingHold(StrEnum):
    """Why a mailing is paused, or will be when it is planned."""

    APPROVAL = "approval"  # its list requires an operator's approval
    OPERATOR = "operator"  # `mailings pause`
    CANARY = "canary"  # too many of the first few were refused
    SERVER = "server"  # the mail server fails; continues by itself
    QUIET = "quiet"  # quiet hours; continues by itself
    WARM_UP = "warm-up"  # a new sender's limit for today; continues by itself
    REFUSALS = "refusals"  # so many mailboxes refused it that the relay must be at fault
    QUOTA = "quota"  # the relays' quota for this hour or day is used up; continues by itself


class RefusalRuling(StrEnum):
    """Whether a mailing's refusals count, if an operator or `bounces.is_mass_refusal` decided that."""

    COUNT = "count"  # those mailboxes are gone
    IGNORE = "ignore"  # it was the relay


class RecomposeResult(StrEnum):
    """The result of composing a mailing again."""

    SAME = "same"  # nothing differs
    CHANGED = "changed"
    STOPPED = "stopped"  # a run was sending it; it is composed again once that run has stopped


class MailingKind(StrEnum):
    """A digest for many, or a transactional message that one person waits for."""

    DIGEST = "digest"
    CONFIRM = "confirm"
    WELCOME = "welcome"  # once, when a reader has confirmed
    ACCOUNT = "account"  # a link that works once, for a reader who asked for it


PRIORITY: Mapping[MailingKind, int] = MappingProxyType(
    {MailingKind.CONFIRM: 0, MailingKind.ACCOUNT: 0, MailingKind.WELCOME: 5, MailingKind.DIGEST: 10}
)
"""Lower goes first: a person is waiting for a confirmation."""


class DeliveryState(StrEnum):
    """The state of a delivery."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    SENDING = "sending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


TERMINAL = frozenset(
    {DeliveryState.ACCEPTED, DeliveryState.REJECTED, DeliveryState.SKIPPED, DeliveryState.CANCELLED}
)

NOT_RECEIVED = frozenset({DeliveryState.REJECTED, DeliveryState.SKIPPED, DeliveryState.CANCELLED})
"""The ends in which a reader has nothing."""


class TransitionCause(StrEnum):
    """The cause of a transition, by its letter in the drawing."""

    CLAIM = "a"  # a worker takes a batch under a lease and a run token
    INTEND = "b"  # the body is sent without its end, the intent is durable
    ACCEPT = "c"  # 2xx
    DEFER = "d"  # 4xx, or no connection
    REJECT = "e"  # 5xx, or the sixth deferral
    LOSE = "f"  # the connection or the worker died between b and the reply
    RELEASE = "g"  # the lease ran out before b
    CANCEL = "h"  # an operator cancelled the mailing
    SKIP = "i"  # the reader is no longer eligible
    RESEND = "j"  # an operator decides that it did not arrive
    ASSUME = "j'"  # an operator decides that it did
    FOUND_ACCEPTED = "k"  # learned later: it was taken
    FOUND_REJECTED = "k'"  # learned later: it was refused
    FOUND_ABSENT = "k''"  # learned later: it never arrived
    RESTORE = "l"  # the store was restored from a backup: a run after it may have sent it
    LEAVE_OUTBOX = "m"  # an operator sends what was only written to the outbox
    SEND_AGAIN = "n"  # an operator sends what never arrived to a reader who has nothing of it


TRANSITIONS: Mapping[tuple[DeliveryState, TransitionCause], DeliveryState] = MappingProxyType(
    {
        (DeliveryState.QUEUED, TransitionCause.CLAIM): DeliveryState.CLAIMED,
        (DeliveryState.CLAIMED, TransitionCause.INTEND): DeliveryState.SENDING,
        (DeliveryState.SENDING, TransitionCause.ACCEPT): DeliveryState.ACCEPTED,
        (DeliveryState.SENDING, TransitionCause.DEFER): DeliveryState.QUEUED,
        # refused at MAIL, RCPT or DATA, so before b
        (DeliveryState.CLAIMED, TransitionCause.DEFER): DeliveryState.QUEUED,
        (DeliveryState.SENDING, TransitionCause.REJECT): DeliveryState.REJECTED,
        (DeliveryState.CLAIMED, TransitionCause.REJECT): DeliveryState.REJECTED,  # refused for good before b
        (DeliveryState.SENDING, TransitionCause.LOSE): DeliveryState.UNKNOWN,
        (DeliveryState.CLAIMED, TransitionCause.RELEASE): DeliveryState.QUEUED,
        (DeliveryState.QUEUED, TransitionCause.CANCEL): DeliveryState.CANCELLED,
        (DeliveryState.CLAIMED, TransitionCause.CANCEL): DeliveryState.CANCELLED,
        (DeliveryState.QUEUED, TransitionCause.SKIP): DeliveryState.SKIPPED,
        (DeliveryState.CLAIMED, TransitionCause.SKIP): DeliveryState.SKIPPED,
        (DeliveryState.UNKNOWN, TransitionCause.RESEND): DeliveryState.QUEUED,
        (DeliveryState.UNKNOWN, TransitionCause.ASSUME): DeliveryState.ACCEPTED,
        (DeliveryState.UNKNOWN, TransitionCause.FOUND_ACCEPTED): DeliveryState.ACCEPTED,
        (DeliveryState.UNKNOWN, TransitionCause.FOUND_REJECTED): DeliveryState.REJECTED,
        (DeliveryState.UNKNOWN, TransitionCause.FOUND_ABSENT): DeliveryState.QUEUED,
        (DeliveryState.QUEUED, TransitionCause.RESTORE): DeliveryState.UNKNOWN,
        (DeliveryState.CLAIMED, TransitionCause.RESTORE): DeliveryState.UNKNOWN,
        (DeliveryState.SENDING, TransitionCause.RESTORE): DeliveryState.UNKNOWN,
        (DeliveryState.ACCEPTED, TransitionCause.LEAVE_OUTBOX): DeliveryState.QUEUED,
        (DeliveryState.REJECTED, TransitionCause.SEND_AGAIN): DeliveryState.QUEUED,
        (DeliveryState.SKIPPED, TransitionCause.SEND_AGAIN): DeliveryState.QUEUED,
        (DeliveryState.CANCELLED, TransitionCause.SEND_AGAIN): DeliveryState.QUEUED,
    }
)


def next_state(state: DeliveryState, cause: TransitionCause) -> DeliveryState | None:
    """The state that follows, or None if the drawing has no such arrow."""
    return TRANSITIONS.get((state, cause))


def states_before(cause: TransitionCause) -> tuple[DeliveryState, ...]:
    """The states an arrow may start from, for the WHERE of an UPDATE."""
    return tuple(state for state, c in TRANSITIONS if c is cause)


DEFERRALS = tuple(timedelta(minutes=m) for m in (1, 5, 30, 120, 720))
"""How long a deferred delivery waits, by how often it was deferred before; the sixth deferral is final."""


def deferral_delay(attempts: int) -> timedelta | None:
    """How long to wait after attempt number `attempts` (from 1) was deferred; None: give up."""
    return DEFERRALS[attempts - 1] if attempts <= len(DEFERRALS) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMailing:
    """A mailing to be started, with everything of it that is frozen. `segments` are named by their SHA-256.
    `id` is the one its content already mentions (see `next_mailing_id`), None if it mentions none. With
    `approve` it is paused once planned, until an operator approves (`MailingHold.APPROVAL`). `remakes` is the
    id of the stopped mailing whose readers it is for.
    """

    list: str
    kind: MailingKind
    head: int
    due_before: datetime
    sender: str
    subject: str
    cohorts: tuple["Cohort", ...]
    segments: Mapping[str, bytes]
    id: int | None = None
    approve: bool = False
    corrections: tuple[Correction, ...] = ()
    remakes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Readers of one mailing who get the same content: those who are due and have one of `cohort_keys`.
    `recipe` is the message as names of stored segments and placeholders, in order (see `mail.message`);
    `posts` are (post id, revision), oldest first; `language` is what it speaks (BCP 47).
    """

    n: int
    posts: tuple[tuple[str, str], ...]
    recipe: tuple[str, ...]
    language: str = ""
    cohort_keys: tuple[CohortKey, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """One digest or transactional message going out. `head` is the log seq it was frozen at, `due_before` the
    instant it was planned for: subscriptions due until then belong to it. `sender` is the addr-spec of From
    when it was planned: the envelope's sender, and its domain is the right side of each Message-ID. `counts`
    has every state that occurs, unfinished ones included. While `canary`, only the sample goes out. `hold` is
    why it is paused, or will be once it is planned; `hold_why` says so in words, `hold_until` is when it
    continues by itself. `refusals`: whether its refusals count, if that was decided for all of them.
    `remakes` is the id of the stopped mailing that it was made from.
    """

    id: int
    list: str
    kind: MailingKind
    state: MailingState
    head: int
    due_before: datetime
    created_at: datetime
    planned: int
    sender: str
    subject: str
    hold: MailingHold | None = None
    hold_why: str = ""
    hold_until: datetime | None = None
    canary: bool = False
    refusals: RefusalRuling | None = None
    remakes: int | None = None
    counts: Mapping[DeliveryState, int] = field(default_factory=dict[DeliveryState, int])


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A range [lo, hi] of a mailing's deliveries, held by one run under a lease.

    `date` is when the batch was first claimed: the Date header of all its messages, on every attempt. A
    `canary` batch belongs to the sample that goes first. `turn` counts how often a batch was begun or ended
    in this store.
    """

    id: int
    mailing: int
    lo: int
    hi: int
    group: str
    run: str
    date: datetime
    list: str
    kind: MailingKind
    canary: bool = False
    turn: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One claimed row of the ledger, with what is needed to make its message. `attempts` counts this one;
    `sender` is the mailing's, `key` the address's; `soft`: the address has recent soft refusals.
    """

    mailing: int
    n: int
    cohort: int
    subscription: int
    generation: int
    list: str
    address: str
    attempts: int
    sender: str
    key: str = ""
    soft: bool = False


GIVEN_UP = re.compile(r"given up after \d+ attempts: ")
"""The beginning of the reply of a delivery that was deferred too often (see `given_up_reply`)."""


def given_up_reply(attempts: int, reply: str) -> str:
    """The reply recorded for a delivery whose last attempt was deferred."""
    return f"given up after {attempts} attempts: {reply}"


ASSUMED_REPLY = "taken for accepted by the operator"
"""The beginning of the reply recorded for arrow j', since no server sent one."""

FROM_LOG_REPLY = "accepted, by the relay's log"
"""The reply recorded for a delivery that a log settled (arrow k), since no server sent us one."""


@dataclass(frozen=True, slots=True)
class Route:
    """How a message went out: by which transport and, of several mail servers, by which relay. Only the
    transport that took a message can tell what became of it.
    """

    transport: str
    relay: str = ""

    def __str__(self) -> str:
        return f"{self.transport} ({self.relay})" if self.relay else self.transport


class Transition(NamedTuple):
    """One transition of one delivery, as the ledger records it. `reply` is what a server or an operator said.
    `not_before` is when a delivery that is queued again may be tried. With `key`, the key of the reader's
    address, a refusal counts against the mailbox if its reply says so (`bounces`), and an acceptance resets
    its soft refusals. An intent has the `route` that the message is about to take
    (`LedgerStore.route_number`).
    """

    mailing: int
    n: int
    cause: TransitionCause
    reply: str = ""
    not_before: datetime | None = None
    key: str = ""
    route: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownDelivery:
    """A delivery with an unknown outcome: `sending` in a run that died, now `unknown`. `at` is its last
    change. `route` is how it went out; None if that is not known, because an older version or a run after
    the backup sent it.
    """

    mailing: int
    n: int
    address: str
    at: datetime
    reply: str
    attempts: int = 1
    route: Route | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CanarySample:
    """The progress of a mailing's canary: deliveries not tried yet, those with a final answer, and how many
    of these were refused or bounced.
    """

    untried: int
    settled: int
    refused: int


def count_unfinished(counts: Mapping[DeliveryState, int]) -> int:
    """How many deliveries of `counts` are unfinished: still to be sent, or with an unknown outcome."""
    return sum(number for state, number in counts.items() if state not in TERMINAL)
