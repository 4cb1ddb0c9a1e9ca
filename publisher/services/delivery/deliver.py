"""Deliver: batches whose time has come go out, and the ledger knows who got what.

    claim [deliver:claimed] -> offer [deliver:offered] -> intent durable [deliver:intended]
      -> commit [deliver:committed] -> outcome durable [deliver:settled] -> finish [deliver:finished]

Up to the intent a crash repeats safely, for the message was not ended; from then to the outcome it is in
doubt, and listed, unless the transport can recall it. No transaction is open while talking to a server.

The loop that mail is sent in: uvloop's where it is there, for it takes less time for each message.
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, TypeVar, cast

from publisher.services.delivery import outcomes
from publisher.services.delivery.circuit_breakers import judge_left
from publisher.services.delivery.outcomes import DeliveryStats
from publisher.services.delivery.unknown_outcomes import ask_about_doubts
from publisher.services.deps import Deps

__all__ = ["DeliveryStats", "deliver", "recover"]


def recover(parts: Deps, now: datetime, *, alone: bool) -> int:
    """Frees what dead runs held, and decides what they left undecided: samples that were answered, and what
    is in doubt where the transport can tell. Returns how many deliveries remain unknown.
    """
    parts.store.resume_expired_pauses(now)
    parts.store.release_dead_runs(parts.run, now, alone=alone)
    judge_left(parts)
    outcomes.judge(parts, now)
    return ask_about_doubts(parts, now)


def deliver(
    parts: Deps,
    *,
    stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[DeliveryStats], None] = lambda _: None,
) -> DeliveryStats:
    """Drains what is due now, over the transport's connections, then returns. `stopping` is asked before
    each message: what is in flight is finished. Call `recover` first.
    """
    if not parts.store.unfinished_mailings():
        return DeliveryStats()  # most starts: what sends is not even loaded
    from publisher.services.delivery.worker import DeliveryWorker

    try:
        return run(DeliveryWorker(parts, stopping, progress).run())
    except BaseExceptionGroup as several:  # one connection's error ends the run; it is the one to show
        raise _first(several) from several


def _first(error: BaseException) -> BaseException:
    inner = cast("tuple[BaseException, ...]", getattr(error, "exceptions", ()))  # of a group, however deep
    return _first(inner[0]) if inner else error


T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """What `asyncio.run` does: returns and raises what `main` does."""
    with asyncio.Runner(loop_factory=_loops()) as runner:
        return runner.run(main)


def _loops() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # comes with uvicorn, but not for Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
