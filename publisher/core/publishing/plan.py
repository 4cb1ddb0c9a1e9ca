"""The plan of a publish: what would change, decided before anything is written."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from publisher.core.posts.post import BadPost, Post
from publisher.core.publishing.guards import NO_ANSWERS, Guard, HeldFileAnswers, Stop
from publisher.core.publishing.ids import IdRules
from publisher.core.publishing.log import LogKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRules:
    """What make_plan needs from the settings and the command line. `meant` are guards that the author has
    confirmed; `authority_before` is the id authority of the last publish, "" before the first. `log_ahead`:
    the log is ahead of the clock for a harmless reason, so posts published early stay. `answers` are the
    author's answers about held files. `pages`: posts have pages on this site.
    """

    naming: IdRules
    max_age: timedelta
    backfill: bool = False
    meant: frozenset[Guard] = frozenset()
    authority_before: str = ""
    log_ahead: bool = False
    pages: bool = False
    answers: HeldFileAnswers = NO_ANSWERS


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row to append to the log, and the post as it will be. `updated` is when a post recovered from feeds
    last changed for its readers.
    """

    kind: LogKind
    id: str
    post: Post
    backfill: bool = False
    updated: datetime | None = None


class HoldReason(StrEnum):
    """Why a file is left alone for now."""

    AMBIGUOUS = "may be a post that moved"
    MISSING = "its file is missing; withdrawn if it stays away"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPost:
    """A post that is held, so nothing about it changes. `may_be` are the known paths of posts it could be."""

    path: str
    why: HoldReason
    may_be: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.may_be:
            return f"{self.path}: {self.why}"
        old = " or ".join(self.may_be)
        answer = f"`--as-rename {self.may_be[0]} {self.path}`" if len(self.may_be) == 1 else "`--as-rename`"
        return (
            f"{self.path}: may be {old} under another name; say which with `publisher publish` and "
            f"{answer} or `--as-new {self.path}`"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rename:
    """A known post found under another path; its id stays."""

    id: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a publish would do. `changes` become log rows in this order; `touched` are known posts that
    changed without being news (tags, a new path, a rewrite while hidden); `missing` are ids not found by
    this scan; `unsettled` are files still being written: to be looked at again soon. `head` is the log's
    seq the plan was made on: applying it to another log is refused. One with `stops` is not carried out.
    `recovered` counts new posts that feeds of a lost store name. `read_anew` are those of `touched` whose
    text this version of Publisher reads differently from the same bytes (see `incremental`); `sources` are
    the ids of posts with the hash of the file each stands for now, where the log does not know it yet, and
    `reader` the version that read them. `kept_dates` are those of `touched` that keep the date they were
    published with from now on (`Post.dated`). `readdressed` are paths under public/ of pages that are
    elsewhere from now on, with the ids of their posts.
    """

    head: int
    baseline: bool
    changes: tuple[Change, ...] = ()
    touched: tuple[tuple[str, Post], ...] = ()
    renamed: tuple[Rename, ...] = ()
    missing: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    held: tuple[HeldPost, ...] = ()
    bad: tuple[BadPost, ...] = ()
    unsettled: tuple[str, ...] = ()
    next_at: datetime | None = None
    stops: tuple[Stop, ...] = ()
    recovered: int = 0
    read_anew: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    reader: str = ""
    kept_dates: tuple[Post, ...] = ()
    readdressed: tuple[tuple[str, str], ...] = ()

    @property
    def stop(self) -> str:
        """Why it is not carried out, in one line; "" if nothing stops it."""
        return "; ".join(stop.text for stop in self.stops)

    @property
    def nothing(self) -> bool:
        """Whether applying this plan would leave the store as it is."""
        return not (self.changes or self.touched or self.missing or self.found or self.baseline)

    @property
    def hash(self) -> str:
        """12 hex digits that identify what applying this plan would do: equal actions give equal hashes. What
        is held, bad or due later is no action; a rename is in the path of the post that moved.
        """
        deeds = (self.head, self.baseline, self.changes, self.touched, self.missing, self.found)
        return hashlib.sha256(repr(deeds).encode()).hexdigest()[:12]


def changes_of_kind(plan: Plan, kind: LogKind) -> Sequence[Change]:
    """The changes of one kind, in order."""
    return [change for change in plan.changes if change.kind is kind]
