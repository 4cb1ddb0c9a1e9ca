"""Group commit: intents and outcomes of all connections share transactions.

Each connection waits for its own intent; whatever has gathered while one transaction was written goes into
the next. So durability costs one fsync for many messages.

An outcome need not be waited for. It is in the transaction of the same connection's next intent at the latest
and before it, so a connection never has two messages in doubt; its next message is on its way meanwhile.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from publisher.core.mailings import Result
from publisher.services.parts import Parts

Row = tuple[int, int]
"""(mailing, n): a row of the ledger."""


class GroupCommit:
    """Collects what connections must make durable, and tells each when it is."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._intents: list[tuple[Row, asyncio.Future[bool]]] = []
        self._results: list[tuple[Result, Callable[[], None]]] = []
        self._waiting: set[asyncio.Future[None]] = set()
        self._writing: asyncio.Task[None] | None = None
        self._failed: Exception | None = None

    async def intend(self, row: Row) -> bool:
        """Arrow b: True once durable; False when the row may not be sent any more. Raises what the store
        raised, now or for an outcome that nobody waited for.
        """
        self._check()
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._intents.append((row, done))
        self._wake()
        return await done

    async def settle(self, result: Result) -> None:
        """Returns once the outcome is durable. Raises as `intend` does."""
        self._check()
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(done)
        done.add_done_callback(self._waiting.discard)

        def durable() -> None:
            if not done.done():  # done: whoever asked is gone
                done.set_result(None)

        self.settle_later(result, durable)
        await done

    def settle_later(self, result: Result, then: Callable[[], None]) -> None:
        """The outcome goes into the next transaction; `then` is called once it is durable."""
        self._results.append((result, then))
        self._wake()

    async def flush(self) -> None:
        """Returns once all that was handed over is durable. Raises as `intend` does."""
        while self._writing is not None and not self._writing.done():
            await asyncio.shield(self._writing)
        self._check()

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _wake(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._intents or self._results:
            await self._gather()
            intents, self._intents = self._intents, []
            results, self._results = self._results, []
            try:
                passed = await asyncio.to_thread(
                    self._store, [r for r, _ in results], [r for r, _ in intents], self._parts.clock()
                )
            except Exception as error:  # told to every connection that waits, or asks next
                self._fail(error, [future for _, future in [*intents, *self._intents]])
                return
            for _, then in results:
                then()
            for row, intent in intents:
                if not intent.done():  # done: whoever asked is gone
                    intent.set_result(row in passed)

    async def _gather(self) -> None:
        """Lets every connection that is ready now join this transaction: as long as more of them come."""
        before = -1
        while (there := len(self._intents) + len(self._results)) > before:
            before = there
            await asyncio.sleep(0)

    def _fail(self, error: Exception, intents: Iterable["asyncio.Future[bool]"]) -> None:
        self._failed = error
        waiting: list[asyncio.Future[Any]] = [*intents, *self._waiting]
        for future in waiting:
            if not future.done():
                future.set_exception(error)

    def _store(self, results: list[Result], intents: list[Row], now: datetime) -> set[Row]:
        return self._parts.store.record(self._parts.run, results, intents, now)
