"""The backlog: posts that are published and not mailed yet, for how many readers, why, and until when."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from publisher.core.subscribers.subscription import MailingList
from publisher.services.deps import Deps
from publisher.services.digests.due_readers import DueReaderGroup, due_report
from publisher.services.digests.schedule import ripens


class Reason(StrEnum):
    """Why readers wait for posts."""

    SCHEDULED = "scheduled"  # for the time of their digest
    SKIPPED = "skipped"  # their last digest was too late, so for the next
    MIN_POSTS = "min_posts"  # for more posts
    DELAY = "delay"  # for the list's delay to be over
    DUE = "due"  # for nothing: the next publish mails them
    PAUSED = "paused"  # they paused


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """`readers` of a list wait for at most `posts` posts each, `until` their digest is due; None: that is not
    known. `posts` is 0 for paused readers, for whom nothing is looked up.
    """

    list: str
    why: Reason
    readers: int
    posts: int = 0
    until: datetime | None = None


def backlog(parts: Deps, now: datetime, *, paused: bool = False) -> list[Waiting]:
    """Who waits at `now`, by list, time and reason; with `paused` also those who take a pause."""
    return [waiting for spec in parts.lists for waiting in _of_list(parts, spec, now, paused=paused)]


def _of_list(parts: Deps, spec: MailingList, now: datetime, *, paused: bool) -> list[Waiting]:
    look = due_report(parts, spec, now, at_once=True, everyone=True)
    ripe = ripens(parts, spec, now) if spec.delay else None
    at_once = {beat.id for beat in parts.store.next_runs(spec.slug) if beat.next_at is None}
    found: dict[tuple[bool, datetime, Reason], Waiting] = {}
    for group in look.groups:
        if not group.share.posts:
            continue
        due = None if group.due.rhythm in at_once or group.due.oldest <= now else group.due.oldest
        why, until = _why(spec, group, due, ripe)
        key = (until is None, until or now, why)
        before = found.get(key, Waiting(list=spec.slug, why=why, readers=0, until=until))
        found[key] = Waiting(
            list=spec.slug,
            why=why,
            readers=before.readers + group.due.readers,
            posts=max(before.posts, len(group.share.posts)),
            until=until,
        )
    result = [found[key] for key in sorted(found)]
    if paused and (number := parts.store.count_not_due(look.due).get("paused", 0)):
        result.append(Waiting(list=spec.slug, why=Reason.PAUSED, readers=number))
    return result


def _why(
    spec: MailingList, group: DueReaderGroup, due: datetime | None, ripe: datetime | None
) -> tuple[Reason, datetime | None]:
    """For what a group waits whose time comes at `due`, where the next post's delay is over at `ripe`."""
    if len(group.share.posts) < spec.min_posts:
        return Reason.MIN_POSTS, None
    if due is None and ripe is not None:
        return Reason.DELAY, ripe
    if due is None:
        return Reason.DUE, None
    return (Reason.SKIPPED if group.due.skipped else Reason.SCHEDULED), due
