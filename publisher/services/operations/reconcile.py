"""Brings a restored or new store up to date with the files beside it: the journal and public/manifest.json.

    behind -> open deliveries become unknown -> departures -> withdrawals -> for each missed mailing, the log
    as it was then, and its readers' offsets move past it -> ids skip what was used -> no longer behind

A crash between any two steps is safe: the store stays behind until all are done, and each can be repeated.
Nothing is sent. A reader may miss a post that was back-dated in the meantime; nobody gets a post twice.
"""

import json
import logging
from collections import Counter
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
from publisher.core.mail.message import MailTransport
from publisher.core.subscribers.subscription import Departure, ListChange, SubscriptionState
from publisher.ports import Store
from publisher.services.delivery.deliver import RESTORED
from publisher.services.deps import Deps
from publisher.services.operations.mailings import doubt_mailed_again
from publisher.services.publishing.folder_snapshot import SnapshotCache
from publisher.services.publishing.publish import (
    missing_withdrawals,
    recall_withdrawn_pages,
    replay_withdrawals,
    update_log,
)
from publisher.services.subscribers.lists import missing_list_changes, replay_list_changes

SEEN, HEAD, BEGUN = "journal_seen", "reconciled_head", "reconcile_begun"
"""Keys in the store: how many bytes of the journal it has taken in, the head of the log that was given up,
and when
an unfinished reconcile began."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLag:
    """What the files have and the store lacks. As text, it is part of a sentence for the operator."""

    departures: tuple[Departure, ...]
    started: tuple[StartedMailing, ...]
    log_head: int
    never: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    sent: bool = False
    begun: bool = False
    withdrawn: tuple[JournaledWithdrawal, ...] = ()
    lists: tuple[ListChange, ...] = ()

    @property
    def departures_only(self) -> bool:
        """Whether the store lacks only departures and changes of lists, and so no mail went out that it does
        not know of.
        """
        return bool(self.departures or self.never or self.lists) and not (
            self.started or self.log_head or self.sent or self.begun or self.withdrawn
        )

    def __str__(self) -> str:
        gone, missed, hidden = len(self.departures), len(self.started), len(self.withdrawn)
        words = [f"{gone} departure{'s' * (gone > 1)}"] if gone else []
        words += [f"{missed} mailing{'s' * (missed > 1)}"] if missed else []
        words += [f"{hidden} withdrawal{'s' * (hidden > 1)}"] if hidden else []
        words += [f"the log up to {self.log_head}"] if self.log_head else []
        words += [f"{len(self.never)} of those who want no confirmation mail"] if self.never else []
        words += [f"{len(self.lists)} renamed or closed list{'s' * (len(self.lists) > 1)}"] * bool(self.lists)
        words += ["what was sent since"] if self.sent else []
        return "it lacks " + ", ".join(words) if words else "it was reconciled in part"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a reconcile did: how many departures and withdrawals it replayed, how many deliveries now have an
    unknown outcome, and how many readers' offsets it moved, by list. `lost` counts, by list, the readers who
    confirmed and whom the store does not have.
    """

    departures: int
    doubts: int
    moved: dict[str, int]
    withdrawn: int = 0
    lost: dict[str, int] = field(default_factory=dict[str, int])


def store_lag(deps: Deps, manifest: bytes | None) -> StoreLag | None:
    """What the store lacks of the journal and the manifest; None if it is up to date. A site without lists
    mails nobody and can lack only withdrawals.
    """
    store = deps.adapters.store
    seen = int(store.meta(SEEN) or 0)
    entries, size = deps.adapters.journal.since(seen)
    journal = summarize_journal(entries)
    log_head, given_up = store.head(), int(store.meta(HEAD) or 0)
    withdrawn = missing_withdrawals(store, journal.withdrawn, after=log_head.seq)
    lists = missing_list_changes(store, journal.lists)
    if not deps.rules.lists:
        lacks = StoreLag(departures=(), started=(), log_head=0, withdrawn=withdrawn, lists=lists)
    else:
        last_mailing, head = store.next_mailing_id() - 1, _number_in(manifest, "log_head")
        if log_head.baseline_at is None and not size and not _number_in(manifest, "last_mailing"):
            # A new store where nothing was ever mailed: services.publishing.post_ids recovers what the feeds
            # under public/ say was published, and nobody can be mailed twice.
            if head > given_up:
                store.set_meta(HEAD, str(head))
            return None
        lacks = StoreLag(
            departures=tuple(store.missing_departures(journal.departures)),
            started=tuple(start for start in journal.started if start.mailing > last_mailing),
            log_head=head if head > max(log_head.seq, given_up) else 0,
            never={mailbox: at for mailbox, at in journal.never.items() if not _is_opted_out(store, mailbox)},
            sent=journal.turn > store.batch_count() or journal.last_mailing > last_mailing,
            begun=bool(store.meta(BEGUN)),
            withdrawn=withdrawn,
            lists=lists,
        )
    if lacks != StoreLag(departures=(), started=(), log_head=0):
        return lacks
    if size != seen:
        store.set_meta(SEEN, str(size))
    return None


def finish_departures(store: Store, lacks: StoreLag) -> None:
    """Carries out changes of lists and departures that are in the journal and not in the store, because of a
    crash or because another process is carrying them out now and will find them done. Nothing else is
    lacking, so no outcome is unknown.
    """
    replay_list_changes(store, lacks.lists)
    _opt_out(store, lacks.never)
    store.apply_departures(lacks.departures)
    log.info("departures_replayed", extra={"departures": len(lacks.departures)})


def reconcile(deps: Deps, lacks: StoreLag, manifest: bytes | None, now: datetime) -> Reconciled:
    """Brings the store up to date with the files. Raises SourceError, StoreError, OutputError."""
    store = deps.adapters.store
    store.set_meta(BEGUN, now.isoformat())
    deps.process.failpoint("reconcile:begun")
    entries, size = deps.adapters.journal.since(0)
    journal = summarize_journal(entries)
    lost_readers = lost_confirmations(deps)
    known = max(journal.last_mailing, store.next_mailing_id() - 1)
    lost = {transport for transport, turn in journal.turns.items() if turn > store.batch_count()}
    complete = _number_in(manifest, "last_mailing") <= known  # else the journal is an older one, too
    only_outbox = complete and lost <= {MailTransport.OUTBOX}
    unknown = store.mark_open_unknown(RESTORED, now, only_outbox=only_outbox)
    for mailing in journal.in_outbox:
        store.keep_in_outbox(mailing)  # it may have been sent since
    for allowed in journal.allowed:
        store.lift_blocks(allowed.key, allowed.mailbox, allowed.at)
    _opt_out(store, journal.never)
    replay_list_changes(store, missing_list_changes(store, journal.lists))
    departures = store.missing_departures(journal.departures)
    store.apply_departures(departures)
    withdrawn = missing_withdrawals(store, journal.withdrawn, after=0)
    replay_withdrawals(store, withdrawn)
    recall_withdrawn_pages(deps.adapters)
    deps.process.failpoint("reconcile:departed")
    doubt_mailed_again(store, journal.mailed_again)
    moved = _replay_mailings(deps, journal)
    deps.process.failpoint("reconcile:served")
    last = max(store.next_mailing_id() - 1, journal.last_mailing, _number_in(manifest, "last_mailing"))
    store.reserve_mailing_ids(last + MAILING_NUMBERS_SKIPPED)
    store.advance_batch_count(journal.turn)
    subscriptions = [departure.subscription or 0 for departure in journal.departures]
    subscriptions += [one.subscription for one in journal.confirmed]
    last_subscription = max((store.last_subscription_id(), *subscriptions))
    store.reserve_subscription_ids(last_subscription + SUBSCRIPTION_NUMBERS_SKIPPED)
    if lacks.log_head:
        store.set_meta(HEAD, str(lacks.log_head))
    store.set_meta(SEEN, str(size))
    store.set_meta(BEGUN, "")
    return Reconciled(
        departures=len(departures),
        doubts=unknown,
        moved=moved,
        withdrawn=len(withdrawn),
        lost=lost_readers,
    )


def lost_confirmations(deps: Deps) -> dict[str, int]:
    """How many readers confirmed since the store was backed up and are not in it, by list."""
    store = deps.adapters.store
    entries, _ = deps.adapters.journal.since(int(store.meta(SEEN) or 0))
    lost = Counter[str]()
    for one in summarize_journal(entries).confirmed:
        found = store.subscription(one.subscription)
        waits = found is not None and found.state is SubscriptionState.PENDING
        if found is None or waits or found.generation < one.generation:
            lost[one.list] += 1
    return dict(lost)


def _replay_mailings(deps: Deps, journal: JournalSummary) -> dict[str, int]:
    """For each missed mailing, in order: brings the log up to its time and moves its readers' offsets past
    it, as they have had it. Returns how many offsets moved, by list.
    """
    store = deps.adapters.store
    moved: dict[str, int] = {}
    planning = [mailing.id for mailing in store.mailings_in_planning()]
    for start in missed_mailings(journal, store.next_mailing_id() - 1, planning):
        update_log(deps, start.at, SnapshotCache(), None)
        if start.remakes is not None:  # its readers were not those who were due
            continue
        readers = store.advance_offsets(start.list, start.at, store.head().seq)
        moved[start.list] = moved.get(start.list, 0) + readers
    return moved


def _opt_out(store: Store, mailboxes: Mapping[str, datetime]) -> None:
    """Stops confirmation mails to mailboxes whose owners asked for that."""
    for mailbox, at in mailboxes.items():
        if not _is_opted_out(store, mailbox):
            store.opt_out_of_confirmations(mailbox, (), at)


def _is_opted_out(store: Store, mailbox: str) -> bool:
    asked = store.confirmation_history(mailbox)
    return asked is not None and asked.never is not None


def _number_in(manifest: bytes | None, name: str) -> int:
    """A number in a manifest; 0 if it is missing or not a number."""
    try:
        return int(json.loads(manifest or b"{}").get(name, 0))
    except (ValueError, TypeError, AttributeError):
        return 0
