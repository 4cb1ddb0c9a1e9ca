"""Deliver: batches whose time has come go out, and the ledger knows who got what.

    claim [deliver:claimed] -> offer [deliver:offered] -> intent durable [deliver:intended]
      -> commit [deliver:committed] -> outcome durable [deliver:settled] -> finish [deliver:finished]

Up to the intent a crash repeats safely, for the message was not ended. From then until the outcome is
recorded it is unknown what became of it, and it is listed, unless the transport can tell. No transaction is
open while talking to a server.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

from publisher.services.delivery.outcomes import DeliveryStats
from publisher.services.delivery.safeguards import count_bounces, judge_finished_canaries
from publisher.services.delivery.unknown_outcomes import look_up_outcomes
from publisher.services.deps import Deps

__all__ = ["DeliveryStats", "archive_settled", "deliver", "recover"]

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
