"""What operators do with a mailing: hold or cancel it, resolve unknown outcomes, verify its bytes, send what
only the outbox took, and mail the readers who have nothing of it because it was cancelled or is held, or
because servers refused it. For the last:

    cancel what is left -> [again:cancelled] -> journal -> release their posts, a chunk at a time
        -> [again:released] -> remake: a new mailing of these posts alone, planned as any other

A crash between any two steps is safe: what was released waits for the next digest, and the command can be
given again. Nobody gets a post that a mail has brought, is bringing, or may have brought.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from publisher.core.delivery.holds import FINISHED, DeclinedCommand, MailingCommand, MailingStatus
from publisher.core.delivery.mailing import (
    ASSUMED_REPLY,
    DeliveryState,
    Mailing,
    MailingKind,
    MailingState,
    Transition,
    TransitionCause,
    UnknownDelivery,
)
from publisher.core.errors import Refused, UsageError
from publisher.core.mail.mime import freeze_segments
from publisher.core.subscribers.subscription import MailingList
from publisher.ports import Store
from publisher.services.delivery.deliver import resolve_deliveries, unknown_deliveries
from publisher.services.delivery.safeguards import count_bounces
from publisher.services.deps import Deps
from publisher.services.digests.compose import digest_of, lint_digest
from publisher.services.digests.due_readers import CHUNK
from publisher.services.digests.planner import (
    finish_planning,
    plan_remake,
    remake_before_sending,
    remake_report,
)
from publisher.services.publishing.preflight import check_public_url

DOUBTED = "mailed_again"
"""The fact in the store that names mailings about which a run after the backup may know more."""


class Unsent(StrEnum):
    """Whose message is sent again."""

    UNSENT = "unsent"  # it was never sent: cancelled, or skipped
    REJECTED = "rejected"  # servers refused it


UNSENT_STATES: Mapping[Unsent, Collection[DeliveryState]] = {
    Unsent.UNSENT: (DeliveryState.CANCELLED, DeliveryState.SKIPPED),
    Unsent.REJECTED: (DeliveryState.REJECTED,),
}

_OPEN = (DeliveryState.QUEUED, DeliveryState.CLAIMED)


def find_mailing(store: Store, id: int) -> Mailing:
    """The mailing with that id, with its counts. Raises UsageError if there is none."""
    found = store.mailing(id)
    if found is None:
        raise UsageError("mailings", f"no mailing {id}", "`publisher mailings list` names them")
    return found


def apply_command(
    deps: Deps, id: int, command: MailingCommand, now: datetime, *, count_refusals: bool = False
) -> MailingStatus:
    """Carries out a command at once, even while another process sends. If the mailing was held for too many
    refusals, `count_refusals` says whether they count as bounces. Approving or resuming a mailing makes it
    anew if one of its posts was withdrawn. Raises Refused, UsageError.
    """
    if command in (MailingCommand.APPROVE, MailingCommand.RESUME):
        remake_before_sending(deps, id, now)
    answer = deps.adapters.store.apply_command(id, command, now, count_refusals=count_refusals)
    if answer is None:
        raise UsageError("mailings", f"no mailing {id}", "`publisher mailings list` names them")
    if isinstance(answer, DeclinedCommand):
        raise Refused(f"mailing {id}", answer.reason, answer.remedy)
    count_bounces(deps, now)
    return answer


def unknown_deliveries_to(store: Store, id: int, addresses: Sequence[str]) -> list[UnknownDelivery]:
    """The deliveries of unknown outcome to these addresses. Raises UsageError if an address has none."""
    found = [doubt for doubt in unknown_deliveries(store, id) if doubt.address in addresses]
    for address in addresses:
        if address not in {doubt.address for doubt in found}:
            raise UsageError(
                f"mailing {id}", f"no outcome for {address} is unknown", "`mailings show` lists them"
            )
    return found


def resolve(deps: Deps, chosen: Iterable[UnknownDelivery], *, resend: bool, now: datetime) -> int:
    """Resolves unknown outcomes (arrow j): each message is sent again with the same Message-ID, without posts
    withdrawn since, or assumed to be accepted. Raises Refused if a mail cannot be made without such a post.
    """
    cause = TransitionCause.RESEND if resend else TransitionCause.ASSUME
    words = "to be sent again by the operator" if resend else ASSUMED_REPLY
    made: set[int] = set()

    def decided(doubt: UnknownDelivery) -> Transition:
        if resend and doubt.mailing not in made:
            remake_before_sending(deps, doubt.mailing, now)
            made.add(doubt.mailing)
        reply = words + (f"; before: {doubt.reply}" if doubt.reply else "")
        return Transition(mailing=doubt.mailing, n=doubt.n, cause=cause, reply=reply[:500])

    return resolve_deliveries(deps.adapters.store, map(decided, chosen), now)


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildProof:
    """The result of rebuilding one cohort: the SHA-256 of its frozen bytes, with placeholders by their names,
    and how the rebuilt bytes differ, "" if they do not.
    """

    cohort: int
    sha256: str
    differs: str = ""


def verify_rebuild(deps: Deps, mailing: Mailing) -> Iterator[RebuildProof]:
    """Checks that a mailing's frozen bytes are complete, and whether today's posts, templates and settings
    make the same bytes. Only digests are rendered again. Raises StoreError if segments are missing.
    """
    for cohort, posts, language in deps.adapters.store.cohorts(mailing.id):
        segments = deps.adapters.store.segments(mailing.id, cohort)
        seen = hashlib.sha256()
        for segment in segments:
            seen.update(segment if isinstance(segment, bytes) else f"[{segment.value}]".encode())
        differs = ""
        if mailing.kind is MailingKind.DIGEST and posts:
            frozen = freeze_segments(segments)[0]
            differs = _difference(deps, mailing, posts, language, frozen, own=cohort > 1)
        yield RebuildProof(cohort=cohort, sha256=seen.hexdigest(), differs=differs)


def _difference(
    deps: Deps,
    mailing: Mailing,
    posts: Sequence[tuple[str, str]],
    language: str,
    frozen: Sequence[str],
    *,
    own: bool,
) -> str:
    """Renders a cohort again and tells how it differs from the `frozen` segments; "" if it does not."""
    spec = deps.rules.list(mailing.list)
    if spec is None:
        return "its list is no longer in publisher.toml"
    digest = digest_of(deps, spec, posts, mailing.due_before, language=language)
    rebuilt = freeze_segments(lint_digest(deps, digest, mailing.id, own=own).message)[0]
    if list(frozen) == list(rebuilt):
        return ""
    return "today's templates, settings or version would make different bytes; readers get the frozen ones"


def send_from_outbox(deps: Deps, ids: Iterable[int], now: datetime) -> int:
    """Queues what the outbox took of these mailings, for the transport that sends now, with the same
    Message-IDs and without posts withdrawn since; returns how many messages. Raises Refused if a mail cannot
    be made without such a post.
    """
    sent = 0
    for id in ids:
        remake_before_sending(deps, id, now)
        deps.adapters.journal.append("outbox", {"mailing": id, "at": now.isoformat()})
        deps.process.failpoint("outbox:journaled")
        sent += deps.adapters.store.send_from_outbox(id, now)
        deps.process.failpoint("outbox:queued")
    return sent


def keep_in_outbox(deps: Deps, ids: Iterable[int]) -> int:
    """Leaves what the outbox took of these mailings there for good; returns how many messages."""
    return sum(deps.adapters.store.keep_in_outbox(id) for id in ids)


def count_without(store: Store, mailing: Mailing) -> int:
    """How many readers have nothing of a mailing yet and could be mailed, those included to whom it is still
    to be sent.
    """
    return sum(mailing.counts.get(state, 0) for state in _OPEN) + sum(store.count_unsent(mailing.id).values())


def unsent_list(deps: Deps, mailing: Mailing) -> MailingList:
    """The list of a mailing. Raises Refused, UsageError if nothing of it can be released or sent again."""
    where = f"mailing {mailing.id}"
    if mailing.kind is not MailingKind.DIGEST:
        raise UsageError(where, f"is not a digest but a {mailing.kind} mail", "name a digest")
    spec = deps.rules.list(mailing.list)
    if spec is None:
        raise Refused(where, f"its list {mailing.list!r} is no longer in publisher.toml", "")
    if mailing.state is MailingState.PLANNING:
        raise Refused(where, "is still being planned", "try again in a moment")
    if mailing.state is MailingState.READY:
        what = "is being sent"
        raise Refused(where, what, f"`publisher mailings pause {mailing.id}` first")
    if mailing.id in _doubted(deps.adapters.store):
        what = "its posts were released or sent again before the store was restored, so readers may have them"
        raise Refused(where, what, "set `mail: correction` in a post to mail it again")
    return spec


def release(deps: Deps, mailing: Mailing, now: datetime) -> None:
    """Stops a mailing and lets its posts go into the next digests of the readers who have nothing of it. Safe
    to repeat. Raises Refused, UsageError, StoreError, OutputError.
    """
    unsent_list(deps, mailing)
    store = deps.adapters.store
    if mailing.state not in FINISHED:
        answer = store.apply_command(mailing.id, MailingCommand.CANCEL, now)
        if isinstance(answer, DeclinedCommand):
            raise Refused(f"mailing {mailing.id}", answer.reason, answer.remedy)
    deps.process.failpoint("again:cancelled")
    _journal(deps, mailing, now)
    for first in range(1, mailing.planned + 1, CHUNK):
        store.release_posts(mailing.id, first, first + CHUNK - 1)
    deps.process.failpoint("again:released")


def remake(deps: Deps, mailing: Mailing, now: datetime) -> Mailing | None:
    """Stops a mailing and makes a new one of its posts as they are now, for the readers who have nothing of
    it; returns it, None if there is nobody. Where readers chose other topics meanwhile, or paused, their
    posts wait for their next digest. Raises Refused, UsageError, LintError, TemplateError, StoreError,
    OutputError.
    """
    spec = unsent_list(deps, mailing)
    if (error := check_public_url(deps, now)) is not None:
        raise error
    finish_planning(deps)  # of the same mailing, perhaps, where a crash ended this command
    release(deps, mailing, now)
    report = remake_report(deps, spec, mailing, now)
    if not report.readers:
        return None
    return deps.adapters.store.mailing(plan_remake(deps, report))


def resend(deps: Deps, mailing: Mailing, which: Unsent, now: datetime) -> int:
    """Queues a mailing's messages again as they are, with the same Message-IDs, for readers who have nothing
    of it; returns how many. Posts that were withdrawn since are taken out. Raises Refused, UsageError,
    StoreError, OutputError.
    """
    unsent_list(deps, mailing)
    remake_before_sending(deps, mailing.id, now)
    _journal(deps, mailing, now)
    queued = deps.adapters.store.resend(mailing.id, UNSENT_STATES[which], now)
    if queued is None:
        raise Refused(f"mailing {mailing.id}", "a run is still sending it", "try again in a moment")
    deps.process.failpoint("again:queued")
    return queued


def doubt_mailed_again(store: Store, mailings: Collection[int]) -> None:
    """After a restore, ensures that nothing of these mailings waits or is sent again: a run after the backup
    may have sent it.
    """
    if not mailings:
        return
    for mailing in mailings:
        store.forget_released(mailing)
    store.set_meta(DOUBTED, " ".join(map(str, sorted({*mailings} | _doubted(store)))))


def _doubted(store: Store) -> set[int]:
    return set(map(int, (store.meta(DOUBTED) or "").split()))


def _journal(deps: Deps, mailing: Mailing, now: datetime) -> None:
    deps.adapters.journal.append("mailed-again", {"mailing": mailing.id, "at": now.isoformat()})
    deps.process.failpoint("again:journaled")
