"""What an operator does for the readers who have nothing of a mailing: because it was cancelled or is held,
or because servers refused it.

    cancel what is left -> [again:cancelled] -> journal -> release their posts, a chunk at a time
        -> [again:released] -> remake: a new mailing of these posts alone, planned as any other

A crash between any two steps is safe: what was released waits for the next digest, and the command can be
given again. Nobody gets a post that a mail has brought, is bringing, or may have brought.
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from enum import StrEnum

from publisher.core.delivery.holds import FINISHED, DeclinedCommand, MailingCommand
from publisher.core.delivery.mailing import DeliveryState, Mailing, MailingKind, MailingState
from publisher.core.errors import Refused, UsageError
from publisher.core.subscribers.subscription import MailingList
from publisher.ports import Store
from publisher.services.deps import Deps
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


STATES: Mapping[Unsent, Collection[DeliveryState]] = {
    Unsent.UNSENT: (DeliveryState.CANCELLED, DeliveryState.SKIPPED),
    Unsent.REJECTED: (DeliveryState.REJECTED,),
}

_OPEN = (DeliveryState.QUEUED, DeliveryState.CLAIMED)


def count_without(store: Store, mailing: Mailing) -> int:
    """How many readers have nothing of a mailing yet and could be mailed, those included to whom it is still
    to be sent.
    """
    return sum(mailing.counts.get(state, 0) for state in _OPEN) + sum(store.count_unsent(mailing.id).values())


def unsent_list(deps: Deps, mailing: Mailing) -> MailingList:
    """The list of a mailing. Raises Refused, UsageError if nothing of it can be released or sent again."""
    where = f"mailing {mailing.id}"
    if mailing.kind is not MailingKind.DIGEST:
        raise UsageError(where, f"is no digest but a {mailing.kind} mail", "name a digest")
    spec = deps.rules.list(mailing.list)
    if spec is None:
        raise Refused(where, f"its list {mailing.list!r} is no longer in publisher.toml", "")
    if mailing.state is MailingState.PLANNING:
        raise Refused(where, "is still being planned", "say it again in a moment")
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
    queued = deps.adapters.store.resend(mailing.id, STATES[which], now)
    if queued is None:
        raise Refused(f"mailing {mailing.id}", "a run is still sending it", "say it again in a moment")
    deps.process.failpoint("again:queued")
    return queued


def doubt_mailed_again(store: Store, mailings: Collection[int]) -> None:
    """After a restore: nothing of these mailings waits or is sent again, for a run after the backup may have
    sent it.
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
