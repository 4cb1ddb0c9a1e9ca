"""What planning would do for a list now: groups of due readers, and what is for each. Writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from publisher.core.digests import Share, Shares
from publisher.core.due import MOST_CORRECTIONS, Correction, Due, DueGroup
from publisher.core.lists import MailingList, taste_of
from publisher.core.log import Kind, Known
from publisher.core.plans import Plan
from publisher.core.posts import Mail
from publisher.core.rhythms import Taste
from publisher.core.settling import Names
from publisher.services.parts import Parts
from publisher.services.timing import late_rhythms, question


class Verdict(StrEnum):
    """What becomes of a group of due readers."""

    MAIL = "mail"
    WAITS = "waits"  # for more posts: fewer than min_posts
    NOTHING = "nothing"  # nothing that is new is for them
    LATE = "late"  # past max_late: the posts wait for the next digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Due readers who stand alike, with what they want and what is for them."""

    due: DueGroup
    taste: Taste
    share: Share
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A list's due readers at `due.now`."""

    spec: MailingList
    due: Due
    groups: tuple[Group, ...] = ()

    @property
    def readers(self) -> int:
        """How many readers would get a digest now."""
        return sum(group.due.readers for group in self.of(Verdict.MAIL))

    def of(self, verdict: Verdict) -> list[Group]:
        """The groups that end so."""
        return [group for group in self.groups if group.verdict is verdict]


def ahead(parts: Parts, made: Plan, now: datetime) -> tuple[Outlook, ...]:
    """The outlook of each list once `made` is applied."""
    new = [(made.head + n, change) for n, change in enumerate(made.changes, start=1)]
    coming = [
        Known(id=change.id, post=change.post, live=True, first_seq=seq, updated_at=now)
        for seq, change in new
        if change.kind is Kind.PUBLISHED and not change.backfill and not made.baseline
    ]
    going = frozenset(change.id for change in made.changes if change.kind is Kind.WITHDRAWN)
    return tuple(outlook(parts, spec, now, coming=coming, going=going) for spec in parts.lists)


def outlook(
    parts: Parts,
    spec: MailingList,
    now: datetime,
    *,
    at_once: bool = False,
    coming: Sequence[Known] = (),
    going: frozenset[str] = frozenset(),
) -> Outlook:
    """Who of a list is due at `now`, and with what; `at_once`: nothing waits for more posts, or to be ripe,
    and nothing is too late.
    For a look ahead, `coming` are posts about to enter the log, and `going` the ids of those about to leave.
    """
    asked = question(parts, spec, now, at_once=at_once)
    coming = () if spec.delay and not at_once else coming
    ahead = replace(asked, head=max([asked.head, *[known.first_seq for known in coming]]))
    groups = parts.store.due(ahead)
    if not groups:
        return Outlook(spec=spec, due=ahead)
    back = min(group.stand.offset for group in groups)
    due, corrected = _corrected(parts, ahead, back)
    if due.corrections:
        groups = parts.store.due(due)
    fresh = [*parts.store.fresh(back, due.head), *coming]
    shares = Shares(spec, [known for known in fresh if known.id not in going], corrected)
    return _judged(parts, spec, due, groups, shares, at_once=at_once)


def _judged(
    parts: Parts, spec: MailingList, due: Due, groups: Sequence[DueGroup], shares: Shares, *, at_once: bool
) -> Outlook:
    tastes = parts.store.tastes([group.stand.taste for group in groups])
    newest: dict[int, datetime] = {}
    for group in groups:
        newest[group.rhythm] = max(group.oldest, newest.get(group.rhythm, group.oldest))
    late = set[int]() if at_once else late_rhythms(parts, spec, newest, due.now)
    least = 1 if at_once else spec.min_posts

    def judge(group: DueGroup) -> Group:
        taste = taste_of(spec, tastes[group.stand.taste])
        share = shares.of(group.stand, taste, least=least)
        verdict = Verdict.LATE if group.rhythm in late else _verdict(share)
        return Group(due=group, taste=taste, share=share, verdict=verdict)

    return Outlook(spec=spec, due=due, groups=tuple(map(judge, groups)))


def _verdict(share: Share) -> Verdict:
    if share.waits:
        return Verdict.WAITS
    return Verdict.MAIL if share.posts else Verdict.NOTHING


def _corrected(parts: Parts, due: Due, back: int) -> tuple[Due, Mapping[int, tuple[Correction, Known]]]:
    """The question with the corrections after `back`, and the posts of those that may still be mailed, by
    their place. Of very many, the log is taken up to where they still have a bit each.
    """
    found = parts.store.corrections(back, due.head, limit=MOST_CORRECTIONS + 1)
    while len(found) > MOST_CORRECTIONS:
        due = replace(due, head=found[-1].seq - 1)
        found = parts.store.corrections(back, due.head, limit=MOST_CORRECTIONS + 1)
    if not found:
        return due, {}
    posts = parts.store.known_by(Names(ids=frozenset(row.post_id for row in found)))
    by_id = {known.id: known for known in posts if known.live and known.post.mail is not Mail.NEVER}
    places = {n: (row, by_id[row.post_id]) for n, row in enumerate(found) if row.post_id in by_id}
    return replace(due, corrections=tuple(found)), places
