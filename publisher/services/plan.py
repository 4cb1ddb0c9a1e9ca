"""Mail planning: who is due, what they get, and a mailing frozen for them.

    due -> digests -> start -> [plan:started] -> journal -> chunks, one transaction each -> [plan:chunk]
        -> ready -> [plan:ready]

A mailing in state planning after a crash is gone on with where it stands: its head, posts and content are
frozen, and a subscription is planned in the transaction that moves its offset.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from publisher.core.addresses import parse_mailbox
from publisher.core.digests import cohorts
from publisher.core.errors import Conflict
from publisher.core.lists import MailingList
from publisher.core.log import Known
from publisher.core.mailings import Cohort, DueGroup, Mailing, MailingKind, NewMailing
from publisher.core.mime import freeze
from publisher.services.compose import digest_message, digest_of
from publisher.services.parts import Parts

CHUNK = 10_000
"""Subscriptions planned in one transaction."""

TRIES = 5
"""How often the id of a new mailing is asked for again when another took it meanwhile."""

CLOCK_SLIP = timedelta(hours=26)
"""A daily reader due later than this was given a due time by a clock that was ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What planning would do for one list: groups of due readers, and the posts each group would get.

    `late` is whether their time is past by more than max_late: the posts wait for the next digest.
    """

    spec: MailingList
    groups: tuple[tuple[DueGroup, tuple[Known, ...]], ...]
    late: bool = False

    @property
    def readers(self) -> int:
        """How many readers would get a digest now."""
        return 0 if self.late else sum(group.readers for group, posts in self.groups if posts)


def outlook(parts: Parts, spec: MailingList, now: datetime) -> Outlook:
    """Who of a list is due at `now`, and with what. Writes nothing."""
    due = parts.store.due(spec.slug, now)
    if not due:
        return Outlook(spec=spec, groups=())
    head = parts.store.head().seq
    fresh = parts.store.fresh(min(group.offset for group in due), head)
    posts = cohorts(fresh, [group.offset for group in due])
    return Outlook(
        spec=spec,
        groups=tuple((group, posts[group.offset]) for group in due),
        late=_too_late(parts, spec, due, now),
    )


def _too_late(parts: Parts, spec: MailingList, due: Sequence[DueGroup], now: datetime) -> bool:
    """Whether the occurrence that is due lies more than max_late back."""
    latest = parts.cadences[spec.cadence].latest(now, spec)
    return now - max(latest, *(group.oldest for group in due)) > spec.max_late


def plan_mail(parts: Parts, now: datetime) -> list[int]:
    """Plans every list's due digests; returns the ids of mailings that became ready. Safe to call twice.

    Raises TemplateError and AddressError before anything of that list is written.
    """
    ready = [_resume(parts, mailing, now) for mailing in parts.store.unplanned()]
    for spec in parts.lists:
        _mend_clock(parts, spec, now)
        ready += _plan_list(parts, outlook(parts, spec, now), now)
    return ready


def _mend_clock(parts: Parts, spec: MailingList, now: datetime) -> None:
    """Readers who signed up while the clock was ahead would wait for that day: they get the next one."""
    cadence = parts.cadences[spec.cadence]
    upcoming = cadence.after(now - timedelta(milliseconds=1), spec)
    parts.store.set_due(spec.slug, after=upcoming + CLOCK_SLIP, until=None, next_due_at=upcoming)


def _plan_list(parts: Parts, look: Outlook, now: datetime) -> list[int]:
    spec = look.spec
    following = parts.cadences[spec.cadence].after(now, spec)
    if look.late:
        parts.store.set_due(spec.slug, after=None, until=now, next_due_at=following)
        return []
    head = parts.store.head().seq
    idle = [group.offset for group, posts in look.groups if not posts]
    if idle:
        parts.store.pass_over(spec.slug, idle, head, now, following)
    if look.readers == 0:
        return []
    mailing = _start(parts, look, head, now)
    parts.reach("plan:started")
    return [_go_on(parts, mailing, spec, head, now)]


def _start(parts: Parts, look: Outlook, head: int, now: datetime) -> int:
    """Starts the mailing under the id its links name; a confirmation mail may take that id meanwhile."""
    for _ in range(TRIES):
        try:
            return parts.store.start(_freeze(parts, look, head, now), now)
        except Conflict:
            continue
    return parts.store.start(replace(_freeze(parts, look, head, now), id=None), now)


def _freeze(parts: Parts, look: Outlook, head: int, now: datetime) -> NewMailing:
    """Renders each distinct set of posts once, however many offsets stand before it."""
    spec = look.spec
    number = parts.store.next_mailing()
    made: dict[tuple[tuple[str, str], ...], tuple[str, ...]] = {}
    segments: dict[str, bytes] = {}
    frozen: list[Cohort] = []
    subject = ""
    for n, (group, posts) in enumerate(((g, p) for g, p in look.groups if p), start=1):
        pairs = tuple((known.id, known.post.revision) for known in posts)
        if pairs not in made:
            letter, message = digest_message(parts, digest_of(parts, spec, pairs, now), number)
            made[pairs], new = freeze(message)
            segments |= new
            subject = subject or letter.subject
        frozen.append(Cohort(n=n, offset=group.offset, posts=pairs, recipe=made[pairs]))
    return NewMailing(
        list=spec.slug,
        kind=MailingKind.DIGEST,
        head=head,
        due_before=now,
        sender=str(parse_mailbox(spec.sender).address),
        subject=subject,
        cohorts=tuple(frozen),
        segments=segments,
        id=number,
    )


def _resume(parts: Parts, mailing: Mailing, now: datetime) -> int:
    spec = parts.list(mailing.list)
    if spec is None:
        return mailing.id  # the list left the settings: what is planned stands, nothing is added
    return _go_on(parts, mailing.id, spec, mailing.head, now)


def _go_on(parts: Parts, mailing: int, spec: MailingList, head: int, now: datetime) -> int:
    fields = {"at": now.isoformat(), "mailing": mailing, "list": spec.slug, "head": head}
    parts.journal.append("mailing", fields)
    following = parts.cadences[spec.cadence].after(now, spec)
    while parts.store.plan_chunk(mailing, following, limit=CHUNK, batch=parts.batch, now=now):
        parts.reach("plan:chunk")
    parts.reach("plan:ready")
    return mailing
