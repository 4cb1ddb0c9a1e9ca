"""The plan of a publish: what would change, decided before anything is written; and the guards that stop it
until the author confirms.

A feed that makes old posts look new cannot be taken back, because readers have seen it. So a plan that looks
like an accident (an unmounted folder, changed settings, a lost store) is reported, not carried out.

After a lost store, the feeds under public/ still hold what readers have seen: the ids, the order in which
posts became public, and when each was last changed. `RecoveredFeeds` gives these to the first plan of a new
store, which so continues where the old one stopped; the feeds keep their bytes.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from publisher.core.posts.post import BadPost, Post
from publisher.core.publishing.adoption import AdoptedEntries, OldEntry, merge_entries
from publisher.core.publishing.log import IdRules, LogKind, as_iri

MAX_AT_ONCE, MISSING_SHARE = 5, 0.2
"""More than 5 and more than 20 % of the live posts missing at once is an accident."""

CHURN_SHARE = 0.5
"""More than 5 and more than half of the live posts changed at once: by settings or a tool, not by an
author.
"""

EXAMPLES = 3
"""How many examples a stop gives."""

_EARLIEST = datetime.min.replace(tzinfo=UTC)


class Guard(StrEnum):
    """What a guard protects against."""

    MISSING = "missing"
    CHURN = "churn"


REMEDIES = {
    Guard.MISSING: "fix the folder, or `publisher publish --force missing` withdraws them",
    Guard.CHURN: "`publisher publish --accept-new` if that is meant",
}
"""What to do about each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldFileAnswers:
    """The author's answers about held files: the paths that are new posts, and those that are known posts
    under another name (new path -> old path).
    """

    new: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict[str, str])


NO_ANSWERS = HeldFileAnswers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why a plan is not carried out. `examples` are a few of the affected files."""

    guard: Guard
    text: str
    examples: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} (such as {', '.join(self.examples)})" if self.examples else self.text


def remedies(stops: Sequence[Stop]) -> str:
    """What to do about `stops`, in one line."""
    return "; ".join(REMEDIES[guard] for guard in dict.fromkeys(stop.guard for stop in stops))


def check_missing(live: int, away: Sequence[str], early: Sequence[str] = ()) -> tuple[Stop, ...]:
    """Stops if too many files of the `live` posts are missing (`away`), or were published and are now dated
    in the future (`early`).
    """
    if not is_mass_loss(live, len(away) + len(early)):
        return ()
    text = f"{len(away)} of {live} published posts are missing at once; is the folder complete?"
    if early:
        more = f" and {len(away)} are missing" if away else ""
        text = f"{len(early)} of {live} published posts are dated in the future{more}; is the clock right?"
    return (Stop(guard=Guard.MISSING, text=text, examples=tuple(sorted([*early, *away])[:EXAMPLES])),)


def check_churn(live: int, changed: Sequence[str]) -> tuple[Stop, ...]:
    """Stops if too many of the `live` posts would become updates at once (`changed`)."""
    number = len(changed)
    if number > MAX_AT_ONCE and number > live * CHURN_SHARE:
        text = (
            f"{number} of {live} published posts would become updates at once; "
            "did a setting change (posts.permalink, posts.profile)?"
        )
        return (Stop(guard=Guard.CHURN, text=text, examples=tuple(sorted(changed)[:EXAMPLES])),)
    return ()


def is_mass_loss(number: int, lost: int) -> bool:
    """Whether so many posts are missing that it must be an accident: many at once, or all posts of a small
    site, as when its folder is not mounted.
    """
    return (lost > MAX_AT_ONCE and lost > number * MISSING_SHARE) or 1 < lost == number


def check_authority(live: int, before: str, now: str) -> tuple[Stop, ...]:
    """Stops if the ids of new posts and feeds would have another authority than those of live posts."""
    if not live or not before or before == now:
        return ()
    text = (
        f'site.id_authority was "{before}" and is now "{now}": feeds get other ids, and so would '
        f'every post when the store is lost; write id_authority = "{before}" into publisher.toml'
    )
    return (Stop(guard=Guard.CHURN, text=text),)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRules:
    """What make_plan needs from the settings and the command line. `confirmed` are guards that the author has
    confirmed; `authority_before` is the id authority of the last publish, "" before the first. `log_ahead`:
    the log is ahead of the clock for a harmless reason, so posts published early stay. `answers` are the
    author's answers about held files. `pages`: posts have pages on this site.
    """

    naming: IdRules
    max_age: timedelta
    backfill: bool = False
    confirmed: frozenset[Guard] = frozenset()
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
    """Why a file is held for now."""

    AMBIGUOUS = "may be a post that moved"
    MISSING = "its file is missing; withdrawn if it stays away"
    COPY = "looks like a copy"
    MANY_NEW = "one of many new posts at once"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldPost:
    """A post that is held, so that nothing about it changes. `may_be` are the paths of the posts it may
    be.
    """

    path: str
    reason: HoldReason
    may_be: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.may_be:
            return f"{self.path}: {self.reason}"
        old = " or ".join(self.may_be)
        if self.reason is HoldReason.COPY:
            return (
                f"{self.path}: looks like a copy of {old}; take one of them away, or say `publisher publish "
                f"--as-new {self.path}` if it is a post of its own"
            )
        answer = f"`--as-rename {self.may_be[0]} {self.path}`" if len(self.may_be) == 1 else "`--as-rename`"
        return (
            f"{self.path}: may be {old} under another name; say which with `publisher publish` and "
            f"{answer} or `--as-new {self.path}`"
        )


def describe_held(held: "Sequence[HeldPost]") -> list[str]:
    """A line for each post that is held, and one for all that are held because they are many."""
    lines = [str(hold) for hold in held if hold.reason is not HoldReason.MANY_NEW]
    if many := [hold.path for hold in held if hold.reason is HoldReason.MANY_NEW]:
        more = f" and {len(many) - EXAMPLES:,} more" if len(many) > EXAMPLES else ""
        lines.append(
            f"{len(many):,} new posts at once ({', '.join(many[:EXAMPLES])}{more}): none is published; "
            "`publisher publish --accept-new` publishes and mails them, `--backfill` mails none of them"
        )
    return lines


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
    elsewhere from now on, with the ids of their posts. `not_public` are the posts that were never published
    and are not now: dated in the future, hidden by their author, without a date, or expired.
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
    not_public: tuple[Post, ...] = ()

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


class RecoveredFeeds:
    """The entries of the feeds under public/, in the order in which they became public."""

    def __init__(self, entries: Sequence[OldEntry] = ()) -> None:
        self.entries = tuple(merge_entries(entries))
        self._adopted = AdoptedEntries(self.entries)
        self._place = {entry.id: place for place, entry in enumerate(self.entries)}
        self._updated: dict[str, datetime] = {}  # the latest time that any document gives
        for entry in entries:
            if entry.updated:
                self._updated[entry.id] = max(self._updated.get(entry.id, _EARLIEST), entry.updated)

    def ids(self, posts: Sequence[Post], taken: Collection[str]) -> dict[str, str]:
        """The ids of posts that are among these entries, by path, except for ids that are `taken`."""
        return {it.post.path: it.entry.id for it in self._adopted.found(posts, taken)}

    def in_old_order(self, changes: Sequence[Change], authority: str) -> list[Change]:
        """The new posts in their old order, with the time of their last change. A post in no feed comes
        before all posts in feeds, or after them if it is newer.
        """
        if not self.entries:
            return list(changes)
        places = {change.id: self._place_of(change.id, authority) for change in changes}
        newest = max((_instant(c) for c in changes if places[c.id] is not None), default=_EARLIEST)

        def rank(change: Change) -> tuple[int, int]:
            place = places[change.id]
            return (2 if _instant(change) > newest else 0, 0) if place is None else (1, place)

        ordered: list[Change] = []
        for change in sorted(changes, key=rank):
            place = places[change.id]
            updated = None if place is None else self._updated.get(self.entries[place].id)
            ordered.append(replace(change, updated=updated) if updated else change)
        return ordered

    def stops(self, changes: Sequence[Change], authority: str) -> tuple[Stop, ...]:
        """Stops the plan if most entries of the feeds match none of these posts: the feeds are another
        site's, or the posts lost what identified them.
        """
        here = {self._place_of(change.id, authority) for change in changes}
        lost = [entry for place, entry in enumerate(self.entries) if place not in here]
        if not is_mass_loss(len(self.entries), len(lost)):
            return ()
        text = (
            f"the store is new, and the feeds under public/ name {len(self.entries)} posts of which "
            f"{len(lost)} do not match any post here: readers would see old posts as new"
        )
        return (Stop(guard=Guard.CHURN, text=text, examples=tuple(entry.id for entry in lost[:3])),)

    def count_known(self, changes: Sequence[Change], authority: str) -> int:
        """How many of `changes` the feeds name."""
        return sum(self._place_of(change.id, authority) is not None for change in changes)

    def _place_of(self, id: str, authority: str) -> int | None:
        """The position of a post; in Atom, ids are IRIs."""
        return self._place.get(id, self._place.get(as_iri(id, authority)))


def _instant(change: Change) -> datetime:
    return change.post.instant or _EARLIEST
