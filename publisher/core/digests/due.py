"""Who is due: readers in groups that are to get the same, and how a store is asked for them."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from publisher.core.subscribers.preferences import Pace

USUAL_TASTE = 1
"""The store's number of the taste that wants everything."""

MOST_CORRECTIONS = 60
"""Corrections in one mailing at most, a bit each of a 64-bit number; the log is taken up to there."""


class Stand(NamedTuple):
    """Where a reader stands: their `offset` in the log, the store's number of their `taste`, and which of a
    mailing's corrections are for them: bit i of `had` is the i-th.
    """

    offset: int
    taste: int = USUAL_TASTE
    had: int = 0


class Correction(NamedTuple):
    """A `corrected` row of the log, and the seq at which its post was first published."""

    seq: int
    first_seq: int
    post_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The question: who of `list` is due at `now`, when posts up to log seq `head` may be mailed?
    `corrections` lie at or before `head`, oldest first. With `everyone` those are due too whose time is
    still to come.
    """

    list: str
    now: datetime
    head: int
    corrections: tuple[Correction, ...] = ()
    everyone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DueGroup:
    """Due readers of one rhythm (the store's number of it) who stand alike. `oldest` is their earliest
    next_due_at; `skipped`: their last digest was skipped.
    """

    rhythm: int
    stand: Stand
    readers: int
    oldest: datetime
    skipped: bool = False


class Candidate(NamedTuple):
    """A reader of a list, and where they stand. `why` they are left out: "pending", "unsubscribed", "paused",
    "suppressed", or "later" where their time has not come; "" for those who are due.
    """

    subscription: int
    address: str
    why: str
    rhythm: int
    stand: Stand
    skipped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A pace that readers of a list have, and when it is due next as far as the store knows; None: whenever
    something is published, or not yet known.
    """

    id: int
    pace: Pace
    next_at: datetime | None
