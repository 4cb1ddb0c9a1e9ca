"""Reconcile: a store that was restored, or made anew, catches up with the files beside it.

    behind -> what could be sent is in doubt -> departures -> withdrawals -> for each mailing missed: the log
    as it was then, and its readers have had it -> numbers -> no longer behind

Each step may be the last before a crash: the store stays behind until all are done, and each does no harm
twice. Nothing is sent. A reader may miss a post that was back-dated meanwhile; nobody gets one twice.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from publisher.core.delivery.reconciliation import (
    MAILING_NUMBERS_SKIPPED,
    SUBSCRIPTION_NUMBERS_SKIPPED,
    JournaledWithdrawal,
    JournalSummary,
    StartedMailing,
    missed_mailings,
    summarize_journal,
)
from publisher.core.subscribers.departures import Departure
from publisher.ports import Store
from publisher.services.delivery.unknown_outcomes import RESTORED
from publisher.services.deps import Deps
from publisher.services.publishing.folder_snapshot import SnapshotCache
from publisher.services.publishing.publish import update_log
from publisher.services.publishing.withdrawals import (
    missing_withdrawals,
    recall_withdrawn_pages,
    replay_withdrawals,
)

SEEN, HEAD, BEGUN = "journal_seen", "reconciled_head", "reconcile_begun"
"""Facts: how many bytes of the journal the store knows of, the log's head that was given up, and since when a
reconcile is under way."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLag:
    """What the store does not know: how the files tell it, in a person's words."""

    departures: tuple[Departure, ...]
    started: tuple[StartedMailing, ...]
    log_head: int
    never: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    sent: bool = False
    begun: bool = False
    withdrawn: tuple[JournaledWithdrawal, ...] = ()

    @property
    def departures_only(self) -> bool:
        """Whether nothing is lacking but departures: no mail went out that the store does not know of."""
        return bool(self.departures or self.never) and not (
            self.started or self.log_head or self.sent or self.begun or self.withdrawn
        )

    def __str__(self) -> str:
        gone, missed, hidden = len(self.departures), len(self.started), len(self.withdrawn)
        words = [f"{gone} departure{'s' * (gone > 1)}"] if gone else []
        words += [f"{missed} mailing{'s' * (missed > 1)}"] if missed else []
        words += [f"{hidden} withdrawal{'s' * (hidden > 1)}"] if hidden else []
        words += [f"the log up to {self.log_head}"] if self.log_head else []
        words += [f"{len(self.never)} of those who want no confirmation mail"] if self.never else []
        words += ["what was sent since"] if self.sent else []
        return "it lacks " + ", ".join(words) if words else "it was reconciled in part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a reconcile did: departures and withdrawals replayed, deliveries now in doubt, readers moved on by
    list.
    """

    departures: int
    doubts: int
    moved: dict[str, int]
    withdrawn: int = 0


def store_lag(deps: Deps, manifest: bytes | None) -> StoreLag | None:
    """Whether the store lacks what the journal or public/manifest.json tell; None: it is up to date. A site
    without lists mails nobody, and can lack nothing but withdrawals.
    """
    seen = _seen(deps.adapters.store)
    entries, size = deps.adapters.journal.since(seen)
    told = summarize_journal(entries)
    withdrawn = missing_withdrawals(deps.adapters.store, told.withdrawn, after=deps.adapters.store.head().seq)
    if not deps.rules.lists:
        if withdrawn:
            return StoreLag(departures=(), started=(), log_head=0, withdrawn=withdrawn)
        if size != seen:
            deps.adapters.store.set_meta(SEEN, str(size))
        return None
    last, head = _last(deps.adapters.store), _told(manifest, "log_head")
    new = size != seen
    if deps.adapters.store.head().baseline_at is None and not size and not _told(manifest, "last_mailing"):
        _begin(deps.adapters.store, head)
        return None
    lacks = StoreLag(
        departures=tuple(deps.adapters.store.missing_departures(told.departures)),
        started=tuple(start for start in told.started if start.mailing > last),
        log_head=head
        if head > max(deps.adapters.store.head().seq, int(deps.adapters.store.meta(HEAD) or 0))
        else 0,
        never={
            mailbox: at for mailbox, at in told.never.items() if not _wants_none(deps.adapters.store, mailbox)
        },
        sent=told.turn > deps.adapters.store.batch_count() or told.last_mailing > last,
        begun=bool(deps.adapters.store.meta(BEGUN)),
        withdrawn=withdrawn,
    )
    if lacks != StoreLag(departures=(), started=(), log_head=0):
        return lacks
    if new:
        deps.adapters.store.set_meta(SEEN, str(size))
    return None


def finish_departures(store: Store, lacks: StoreLag) -> None:
    """Does what was written down and not done: a crash came between, or the change is being made right now by
    another process, which finds it done. Nothing else happened since, so nothing is in doubt.
    """
    _stop_asking(store, lacks.never)
    store.apply_departures(lacks.departures)
    log.info("departures replayed", extra={"departures": len(lacks.departures)})


def _begin(store: Store, head: int) -> None:
    """A new store where nothing was ever mailed: feeds that stand already say what was published (see
    services.recovering), and there is nobody to mail it twice."""
    if head > int(store.meta(HEAD) or 0):
        store.set_meta(HEAD, str(head))


def reconcile(deps: Deps, lacks: StoreLag, manifest: bytes | None, now: datetime) -> Reconciled:
    """Brings the store up to what the files tell. Raises SourceError, StoreError, OutputError."""
    deps.adapters.store.set_meta(BEGUN, now.isoformat())
    deps.process.failpoint("reconcile:begun")
    entries, size = deps.adapters.journal.since(0)
    told = summarize_journal(entries)
    doubts = deps.adapters.store.mark_open_unknown(RESTORED, now)
    for allowed in told.allowed:
        deps.adapters.store.lift_blocks(allowed.key, allowed.mailbox, allowed.at)
    _stop_asking(deps.adapters.store, told.never)
    departures = deps.adapters.store.missing_departures(told.departures)
    deps.adapters.store.apply_departures(departures)
    withdrawn = missing_withdrawals(deps.adapters.store, told.withdrawn, after=0)
    replay_withdrawals(deps.adapters.store, withdrawn)
    recall_withdrawn_pages(deps.adapters)
    deps.process.failpoint("reconcile:departed")
    moved = _serve(deps, told)
    deps.process.failpoint("reconcile:served")
    last = max(_last(deps.adapters.store), told.last_mailing, _told(manifest, "last_mailing"))
    deps.adapters.store.reserve_mailing_ids(last + MAILING_NUMBERS_SKIPPED)
    deps.adapters.store.advance_batch_count(told.turn)
    numbers = [departure.subscription or 0 for departure in told.departures]
    last_subscription = max((deps.adapters.store.last_subscription_id(), *numbers))
    deps.adapters.store.reserve_subscription_ids(last_subscription + SUBSCRIPTION_NUMBERS_SKIPPED)
    if lacks.log_head:
        deps.adapters.store.set_meta(HEAD, str(lacks.log_head))
    deps.adapters.store.set_meta(SEEN, str(size))
    deps.adapters.store.set_meta(BEGUN, "")
    return Reconciled(departures=len(departures), doubts=doubts, moved=moved, withdrawn=len(withdrawn))


def _serve(deps: Deps, told: JournalSummary) -> dict[str, int]:
    """Each mailing that was missed, in its order: what was public then enters the log, and its readers have
    had it.
    """
    moved: dict[str, int] = {}
    planning = [mailing.id for mailing in deps.adapters.store.mailings_in_planning()]
    for start in missed_mailings(told, _last(deps.adapters.store), planning):
        update_log(deps, start.at, SnapshotCache(), None)
        readers = deps.adapters.store.advance_offsets(start.list, start.at, deps.adapters.store.head().seq)
        moved[start.list] = moved.get(start.list, 0) + readers
    return moved


def _stop_asking(store: Store, never: Mapping[str, datetime]) -> None:
    """Mailboxes whose owners want no confirmation mail."""
    for mailbox, at in never.items():
        if not _wants_none(store, mailbox):
            store.opt_out_of_confirmations(mailbox, (), at)


def _wants_none(store: Store, mailbox: str) -> bool:
    asked = store.confirmation_history(mailbox)
    return asked is not None and asked.never is not None


def _last(store: Store) -> int:
    return store.next_mailing_id() - 1


def _seen(store: Store) -> int:
    return int(store.meta(SEEN) or 0)


def _told(manifest: bytes | None, name: str) -> int:
    """A number that a manifest tells; one that is none tells nothing."""
    try:
        return int(json.loads(manifest or b"{}").get(name, 0))
    except (ValueError, TypeError, AttributeError):
        return 0
