"""Group commit: intents and outcomes of all connections share transactions.

Each connection waits for its own intent; whatever has gathered while one transaction was made durable goes
into the next. So durability costs one fsync for many messages.

A connection does not wait for an outcome. It is in the transaction of the same connection's next intent at
the latest, and before it, so a connection never has two unknown outcomes; its next message is on its way
meanwhile. An outcome waits a moment for such an intent, since a transaction of its own would cost as much as
one for all of them.

The event loop itself writes, for handing the work to a thread would cost more than the work. For the same
reason it waits for a disk that is fast; for a slow one a thread waits, and messages go on their way
meanwhile. Where another writer is at work, a thread does both.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from queue import SimpleQueue
from time import perf_counter
from typing import Any, TypeVar

from publisher.core.delivery.mailing import DeliveryResult
from publisher.services.deps import Deps

T = TypeVar("T")


Row = tuple[int, int]
"""(mailing, n): a row of the ledger."""

Intent = tuple[Row, "asyncio.Future[bool]"]
Settled = tuple[DeliveryResult, Callable[[], None]]

MAX_WAIT = 0.005
"""Seconds that an outcome waits for an intent to go with."""

FAST_FLUSH = 0.001
"""Seconds that a disk may take, averaged over the last flushes, for the loop to wait for it."""


class WorkerThread:
    """A thread that waits in a loop's stead, one thing after the other, at a fraction of an executor's cost.
    Started with the first thing to wait for; ended by `close`.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def wait_for(
        self, work: Callable[[], T], loop: asyncio.AbstractEventLoop, then: Callable[[T | Exception], None]
    ) -> None:
        """Does `work` in the thread; then `then` is called in the loop, with what it returned or raised."""

        def do() -> None:
            try:
                found: T | Exception = work()
            except Exception as error:
                found = error
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(then, found)

        if self._thread is None:
            self._thread = threading.Thread(target=self._work, daemon=True)
            self._thread.start()
        self._queue.put(do)

    def close(self) -> None:
        """Returns when all that was asked for is done."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while (work := self._queue.get()) is not None:
            work()


class GroupCommit:
    """Collects what connections must make durable, and tells each when it is."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._intents: list[Intent] = []
        self._results: list[Settled] = []
        self._urgent = False
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._writing: asyncio.Future[None] | None = None
        self._failed: Exception | None = None
        self._thread = WorkerThread()
        self._average_flush = 0.0

    async def intend(self, row: Row) -> bool:
        """Arrow b: True once durable; False when the row may not be sent any more. Raises what the store
        raised, now or for an outcome that nobody waited for.
        """
        self._raise_failure()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        self._intents.append((row, done))
        if self._writing is None:
            self._start_writing(loop)
        return await done

    async def settle(self, result: DeliveryResult) -> None:
        """Returns once the outcome is durable. Raises as `intend` does."""
        self._raise_failure()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(done)
        done.add_done_callback(self._waiting.discard)

        def durable() -> None:
            if not done.done():  # done: whoever asked is gone
                done.set_result(None)

        self._results.append((result, durable))
        self._hurry()
        await done

    def settle_later(self, result: DeliveryResult, then: Callable[[], None]) -> None:
        """The outcome goes into the next transaction; `then` is called once it is durable."""
        self._results.append((result, then))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MAX_WAIT, self._hurry_after_wait)

    async def flush(self) -> None:
        """Returns once all that was handed over is durable. Raises as `intend` does."""
        if self._results:
            self._hurry()
        while self._writing is not None:
            await asyncio.shield(self._writing)
        self._raise_failure()

    def close(self) -> None:
        """Ends the thread; `flush` first."""
        if self._timer is not None:
            self._timer.cancel()
        self._thread.close()

    def _raise_failure(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _start_writing(self, loop: asyncio.AbstractEventLoop) -> None:
        self._writing = loop.create_future()
        loop.call_soon(self._collect, loop, 0)

    def _hurry(self) -> None:
        """The outcomes that have gathered wait no longer."""
        self._urgent = True
        if self._writing is None:
            self._start_writing(asyncio.get_running_loop())

    def _hurry_after_wait(self) -> None:
        self._timer = None
        if self._results:
            self._hurry()

    def _collect(self, loop: asyncio.AbstractEventLoop, before: int) -> None:
        """Lets every connection that is ready now join this transaction, for as long as more of them come."""
        gathered = len(self._intents) + len(self._results)
        if gathered > before:
            loop.call_soon(self._collect, loop, gathered)
        elif (self._intents or self._urgent) and self._failed is None:
            self._write(loop)
        else:
            self._finish_writing()

    def _finish_writing(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None and not writing.done():
            writing.set_result(None)

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        intents, self._intents = self._intents, []
        results, self._results, self._urgent = self._results, [], False
        rows, settled, run = (
            [row for row, _ in intents],
            [result for result, _ in results],
            self._deps.process.run_id,
        )
        record: tuple[str, list[DeliveryResult], list[Row], datetime] = (
            run,
            settled,
            rows,
            self._deps.process.clock(),
        )
        store, then = self._deps.adapters.store, partial(self._written, loop, intents, results)
        try:
            passed = store.try_record_progress(*record)
        except Exception as error:
            then(error)
            return
        if passed is None:  # another writer is at work
            self._thread.wait_for(partial(store.record_progress, *record), loop, then)
        elif self._average_flush > FAST_FLUSH:
            self._thread.wait_for(partial(self._flush, passed), loop, then)
        else:
            then(self._flush(passed))

    def _flush(self, passed: set[Row]) -> set[Row] | Exception:
        begin = perf_counter()
        try:
            self._deps.adapters.store.flush()
        except Exception as error:
            return error
        self._average_flush += (perf_counter() - begin - self._average_flush) / 16
        return passed

    def _written(
        self,
        loop: asyncio.AbstractEventLoop,
        intents: Sequence[Intent],
        results: Sequence[Settled],
        passed: set[Row] | Exception,
    ) -> None:
        if isinstance(passed, Exception):
            self._fail(passed, intents)
            return
        for _, then in results:
            then()
        for row, intent in intents:
            if not intent.done():  # done: whoever asked is gone
                intent.set_result(row in passed)
        self._collect(loop, 0)

    def _fail(self, error: Exception, intents: Sequence[Intent]) -> None:
        """Raised in every connection that waits, or asks next."""
        self._failed = error
        waiting: list[asyncio.Future[Any]] = [*(f for _, f in [*intents, *self._intents]), *self._waiting]
        for future in waiting:
            if not future.done():
                future.set_exception(error)
        self._finish_writing()
