"""Deliver: batches whose time has come go out, and the ledger knows who got what.

    claim [deliver:claimed] -> offer [deliver:offered] -> intent durable [deliver:intended]
      -> commit [deliver:committed] -> outcome durable [deliver:settled] -> finish [deliver:finished]

Up to the intent a crash repeats safely, for the message was not ended. From then until the outcome is
recorded it is unknown what became of it, and it is listed, unless the transport can tell. No transaction is
open while talking to a server.

A run begins by looking up the deliveries whose outcome is unknown, because an earlier run died before it knew
the answer: the transport is asked, a relay's log may prove the outcome, and the rest waits for an operator.

    unknown deliveries -> the log, line by line -> what each of our lines proves -> resolved, some hundreds in
        one transaction -> [resolve:settled]

Nothing is written before the whole log was read. A kill between two transactions leaves the rest unknown, and
the same command resolves it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from itertools import islice
from typing import Any, TypeVar, cast

from publisher.core.delivery.mailing import (
    FROM_LOG_REPLY,
    Mailing,
    MailingKind,
    Transition,
    TransitionCause,
    UnknownDelivery,
)
from publisher.core.delivery.relay_logs import DeliveryEvidence, LoggedOutcome, RelayLog
from publisher.core.errors import Refused
from publisher.core.mail.message import SendVerdict
from publisher.core.tokens import address_key
from publisher.ports import Store
from publisher.services.delivery.outcomes import DeliveryStats
from publisher.services.delivery.safeguards import count_bounces, judge_finished_canaries
from publisher.services.deps import Deps
from publisher.services.digests.planner import remake_before_sending, remake_withdrawn
from publisher.services.mail.messages import message_id

__all__ = ["DeliveryStats", "archive_settled", "deliver", "recover"]

PART = 1_000
"""Unknown deliveries held in memory at a time: a restored store may have a million."""

RESOLVE_CHUNK = 200
"""Deliveries resolved in one transaction."""

MAX_TRIES = 2
"""How often a message that one person waits for may be sent when nobody can tell whether it arrived."""

RESTORED = "the store was restored: it may have been sent after the backup"
"""The reply of a delivery that became unknown because its store was restored."""

_LOOKUP_CAUSES = {
    SendVerdict.ACCEPTED: TransitionCause.FOUND_ACCEPTED,
    SendVerdict.REJECTED: TransitionCause.FOUND_REJECTED,
    SendVerdict.DEFERRED: TransitionCause.FOUND_ABSENT,
}

_LOG_CAUSES = {
    LoggedOutcome.ACCEPTED: TransitionCause.FOUND_ACCEPTED,
    LoggedOutcome.REJECTED: TransitionCause.FOUND_REJECTED,
    LoggedOutcome.NOT_TAKEN: TransitionCause.FOUND_ABSENT,
}


def look_up_outcomes(deps: Deps, now: datetime) -> int:
    """Resolves each unknown delivery that the transport which took it can tell of (k). A message that one
    person waits for is otherwise sent once more. Returns how many remain unknown.
    """
    store, last = deps.adapters.store, 0
    while (id := store.next_mailing_with_unknown(last)) is not None:
        last = id
        mailing = store.mailing(id, counted=False)
        may_tell = deps.adapters.transport.can_look_up
        if mailing is not None and (may_tell or mailing.kind is not MailingKind.DIGEST):
            found = (_looked_up(deps, mailing, delivery) for delivery in unknown_deliveries(store, id))
            resolve_deliveries(store, filter(None, found), now)
    return store.count_unknown()


def unknown_deliveries(store: Store, id: int) -> Iterator[UnknownDelivery]:
    """The mailing's deliveries whose outcome is unknown, in order."""
    part = store.unknown_deliveries(id, limit=PART)
    while part:
        yield from part
        part = store.unknown_deliveries(id, after=part[-1].n, limit=PART)


def resolve_deliveries(store: Store, transitions: Iterable[Transition], now: datetime) -> int:
    """Records what became of unknown deliveries (j, k); returns how many were unknown until now."""
    transitions, resolved = iter(transitions), 0
    while part := list(islice(transitions, RESOLVE_CHUNK)):
        resolved += sum(store.record_transitions(part, now))
    return resolved


def _looked_up(deps: Deps, mailing: Mailing, delivery: UnknownDelivery) -> Transition | None:
    """What to record of an unknown delivery; None: an operator decides."""
    transport, known = deps.adapters.transport, None
    if delivery.route is None or delivery.route.transport == transport.name:
        known = transport.lookup(*message_id(deps.process.keyring(), mailing, delivery.n))
    if known is not None and delivery.route is None and known.verdict is not SendVerdict.ACCEPTED:
        known = None  # another transport may have taken it: that this one does not have it proves nothing
    if known is not None and known.verdict is not SendVerdict.UNKNOWN:
        cause = _LOOKUP_CAUSES[known.verdict]
        return Transition(mailing=delivery.mailing, n=delivery.n, cause=cause, reply=known.reply)
    if mailing.kind is MailingKind.DIGEST or delivery.attempts >= MAX_TRIES:
        return None
    reply = f"in doubt: sent once more, somebody waits for it; before: {delivery.reply}"[:500]
    return Transition(mailing=delivery.mailing, n=delivery.n, cause=TransitionCause.RESEND, reply=reply)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettledDelivery:
    """A delivery that a log resolves, and how."""

    doubt: UnknownDelivery
    became: LoggedOutcome
    reply: str


@dataclass(slots=True, kw_only=True)
class LogReport:
    """What a log came to: lines, those of a known format, when it begins and ends where it says so, and how
    many deliveries were unknown, and became what.
    """

    lines: int
    understood: int
    first: datetime | None
    last: datetime | None
    before: int
    became: Counter[LoggedOutcome] = field(default_factory=Counter[LoggedOutcome])

    @property
    def remaining(self) -> int:
        """How many are unknown still."""
        return self.before - self.became.total()


def resolve_by_log(
    deps: Deps,
    mailing: Mailing,
    unknown: Callable[[], Iterable[UnknownDelivery]],
    lines: Iterable[bytes],
    now: datetime,
    *,
    local: tzinfo,
    dry_run: bool,
    resolved: Callable[[SettledDelivery], None] = lambda _: None,
) -> LogReport:
    """Resolves what `lines`, oldest first, prove of the deliveries that `unknown` gives, which is called
    twice; `resolved` is called with each. Raises StoreError, and what `lines` raises, before anything is
    resolved.
    """
    wanted = {
        message_id(deps.process.keyring(), mailing, delivery.n)[1].strip("<>").encode("ascii"): delivery.n
        for delivery in unknown()
    }
    log = RelayLog(wanted=wanted, since=mailing.created_at, now=now, local=local)
    for line in lines:
        log.read(line)
    first, last = log.covers()
    report = LogReport(lines=log.lines, understood=log.understood, first=first, last=last, before=len(wanted))
    proven = _proven(unknown(), log.found)
    if not dry_run:  # some may go out again: without posts that were withdrawn since
        with suppress(Refused):  # then `remake_withdrawn` stops the mailing below
            remake_before_sending(deps, mailing.id, now)
    while part := list(islice(proven, RESOLVE_CHUNK)):
        if not dry_run:
            resolve_deliveries(deps.adapters.store, (_logged(deps, one) for one in part), now)
            deps.process.failpoint("resolve:settled")
        for one in part:
            report.became[one.became] += 1
            resolved(one)
    if report.became[LoggedOutcome.NOT_TAKEN] and not dry_run:
        remake_withdrawn(deps, now)
    return report


def _proven(
    unknown: Iterable[UnknownDelivery], found: dict[int, DeliveryEvidence]
) -> Iterator[SettledDelivery]:
    for delivery in unknown:
        evidence = found.get(delivery.n)
        # A restored store does not know how often a message was tried after the backup.
        attempts = None if delivery.reply.startswith(RESTORED) else delivery.attempts
        proof = evidence.proves(attempts) if evidence is not None else None
        if proof is not None:
            yield SettledDelivery(doubt=delivery, became=proof[0], reply=proof[1])


def _logged(deps: Deps, one: SettledDelivery) -> Transition:
    reply = FROM_LOG_REPLY if one.became is LoggedOutcome.ACCEPTED else one.reply
    key = address_key(one.doubt.address, deps.process.keyring())
    cause = _LOG_CAUSES[one.became]
    return Transition(mailing=one.doubt.mailing, n=one.doubt.n, cause=cause, reply=reply, key=key)


T = TypeVar("T")

ARCHIVE_CHUNK = 1_000
"""Deliveries archived in one transaction: it takes some hundredths of a second."""

PAUSE_FACTOR = 3
"""How long other processes may write after each transaction, as a multiple of the time it took. SQLite has no
queue for its lock; a process that waits retries now and then. If the pause were only as long as the
transaction, every other retry would miss it, and some processes would miss ten in a row.
"""


def recover(deps: Deps, now: datetime, *, alone: bool) -> int:
    """Frees what dead runs held, and decides what they left undecided: canaries that were tried, bounces, and
    unknown outcomes that the transport can look up. Returns how many deliveries remain unknown.
    """
    deps.adapters.store.resume_expired_pauses(now)
    deps.adapters.store.release_dead_runs(deps.process.run_id, now, alone=alone)
    judge_finished_canaries(deps.adapters.store, deps.rules.throttling.canary)
    count_bounces(deps, now)
    return look_up_outcomes(deps, now)


def deliver(
    deps: Deps,
    *,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[DeliveryStats], None] = lambda _: None,
) -> DeliveryStats:
    """Sends what is due now, over the transport's connections, then returns. `stopping` is asked before each
    message; what is in flight is finished. Call `recover` first.
    """
    if not deps.adapters.store.unfinished_mailings():
        return DeliveryStats()  # most starts: the code that sends is not even loaded
    from publisher.services.delivery.worker import DeliveryWorker

    try:
        return run(DeliveryWorker(deps, stopping, progress).run())
    except BaseExceptionGroup as several:
        error: BaseException = several
        while inner := cast("tuple[BaseException, ...]", getattr(error, "exceptions", ())):
            error = inner[0]  # one connection's error ended the run; that is the one to show
        raise error from several


def run(main: Coroutine[Any, Any, T]) -> T:
    """Does what `asyncio.run` does, in uvloop's loop where there is one: it takes less time per message."""
    try:
        import uvloop  # comes with uvicorn, but not for Windows
    except ImportError:
        return asyncio.run(main)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def archive_settled(
    deps: Deps,
    keep: timedelta,
    *,
    most: int | None = None,
    pause: Callable[[float], bool] = lambda _: False,
) -> int:
    """Archives deliveries that were settled longer ago than `keep`, until none is left or at least `most` are
    archived; returns how many. After each transaction it calls `pause` with the seconds to wait so that
    others can write; `pause` returns whether to stop.
    """
    before, archived = deps.process.clock() - keep, 0
    while most is None or archived < most:
        began = deps.process.monotonic()
        number = deps.adapters.store.archive_deliveries(before, limit=ARCHIVE_CHUNK)
        archived += number
        if not number or pause((deps.process.monotonic() - began) * PAUSE_FACTOR):
            break
    return archived
