"""Group commit: intents and outcomes of all connections share transactions.

Each connection waits for its own intent; whatever has gathered while one transaction was made durable goes
into the next. So durability costs one fsync for many messages.

An outcome need not be waited for. It is in the transaction of the same connection's next intent at the latest
and before it, so a connection never has two messages in doubt; its next message is on its way meanwhile. For
that intent it waits a while: a transaction of its own would cost as much as one for all of them.

The loop itself writes, for handing the work to a thread would cost more than the work. For the same reason it
waits for a disk that is quick; for one that is not a thread waits, and messages go on their way meanwhile.
Where another writer is at work, a thread does both.

A thread that waits in a loop's stead: one thing after the other, at a fraction of an executor's cost.
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


class WorkerThread:
    """Begun with the first thing to be waited for; ended by `close`."""

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
            self._thread = threading.Thread(target=_serve, args=[self._queue], daemon=True)
            self._thread.start()
        self._queue.put(do)

    def close(self) -> None:
        """Returns when all that was asked for is done."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None


def _serve(queue: "SimpleQueue[Callable[[], None] | None]") -> None:
    while (work := queue.get()) is not None:
        work()


Row = tuple[int, int]
"""(mailing, n): a row of the ledger."""

Intent = tuple[Row, "asyncio.Future[bool]"]
Ended = tuple[DeliveryResult, Callable[[], None]]


PATIENCE = 0.005
"""Seconds that an outcome waits for an intent to go with."""

QUICK = 0.001
"""Seconds that a disk may take, on the average of the last times, for the loop to wait for it."""


class GroupCommit:
    """Collects what connections must make durable, and tells each when it is."""

    def __init__(self, parts: Deps) -> None:
        self._parts = parts
        self._intents: list[Intent] = []
        self._results: list[Ended] = []
        self._pressing = False
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._writing: asyncio.Future[None] | None = None
        self._failed: Exception | None = None
        self._thread = WorkerThread()
        self._took = 0.0

    async def intend(self, row: Row) -> bool:
        """Arrow b: True once durable; False when the row may not be sent any more. Raises what the store
        raised, now or for an outcome that nobody waited for.
        """
        self._check()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        self._intents.append((row, done))
        if self._writing is None:
            self._wake(loop)
        return await done

    async def settle(self, result: DeliveryResult) -> None:
        """Returns once the outcome is durable. Raises as `intend` does."""
        self._check()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(done)
        done.add_done_callback(self._waiting.discard)

        def durable() -> None:
            if not done.done():  # done: whoever asked is gone
                done.set_result(None)

        self._results.append((result, durable))
        self._press()
        await done

    def settle_later(self, result: DeliveryResult, then: Callable[[], None]) -> None:
        """The outcome goes into the next transaction; `then` is called once it is durable."""
        self._results.append((result, then))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._ring)

    async def flush(self) -> None:
        """Returns once all that was handed over is durable. Raises as `intend` does."""
        if self._results:
            self._press()
        while self._writing is not None:
            await asyncio.shield(self._writing)
        self._check()

    def close(self) -> None:
        """Ends the thread; `flush` first."""
        if self._timer is not None:
            self._timer.cancel()
        self._thread.close()

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        self._writing = loop.create_future()
        loop.call_soon(self._gather, loop, 0)

    def _press(self) -> None:
        """The outcomes that are there wait no longer."""
        self._pressing = True
        if self._writing is None:
            self._wake(asyncio.get_running_loop())

    def _ring(self) -> None:
        self._timer = None
        if self._results:
            self._press()

    def _gather(self, loop: asyncio.AbstractEventLoop, before: int) -> None:
        """Lets every connection that is ready now join this transaction: as long as more of them come."""
        there = len(self._intents) + len(self._results)
        if there > before:
            loop.call_soon(self._gather, loop, there)
        elif (self._intents or self._pressing) and self._failed is None:
            self._write(loop)
        else:
            self._rest()

    def _rest(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None and not writing.done():
            writing.set_result(None)

    def _write(self, loop: asyncio.AbstractEventLoop) -> None:
        intents, self._intents = self._intents, []
        results, self._results, self._pressing = self._results, [], False
        rows, ended, run = [row for row, _ in intents], [result for result, _ in results], self._parts.run
        what: tuple[str, list[DeliveryResult], list[Row], datetime] = (run, ended, rows, self._parts.clock())
        store, then = self._parts.store, partial(self._written, loop, intents, results)
        try:
            passed = store.try_record_progress(*what)
        except Exception as error:
            then(error)
            return
        if passed is None:
            self._thread.wait_for(partial(store.record_progress, *what), loop, then)
        elif self._took > QUICK:
            self._thread.wait_for(partial(self._flush, passed), loop, then)
        else:
            then(self._flush(passed))

    def _flush(self, passed: set[Row]) -> set[Row] | Exception:
        begin = perf_counter()
        try:
            self._parts.store.flush()
        except Exception as error:
            return error
        self._took += (perf_counter() - begin - self._took) / 16
        return passed

    def _written(
        self,
        loop: asyncio.AbstractEventLoop,
        intents: Sequence[Intent],
        results: Sequence[Ended],
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
        self._gather(loop, 0)

    def _fail(self, error: Exception, intents: Sequence[Intent]) -> None:
        """Told to every connection that waits, or asks next."""
        self._failed = error
        waiting: list[asyncio.Future[Any]] = [*(f for _, f in [*intents, *self._intents]), *self._waiting]
        for future in waiting:
            if not future.done():
                future.set_exception(error)
        self._rest()
