"""Group commit: intents and outcomes of all connections share transactions.

Each connection waits for its own word; whatever has gathered while one transaction was written goes into
the next. So durability costs one fsync for many messages, and a connection never has two in doubt.
"""

import asyncio
from datetime import datetime

from publisher.core.mailings import Result
from publisher.services.parts import Parts

Row = tuple[int, int]
"""(mailing, n): a row of the ledger."""


class GroupCommit:
    """Collects what connections must make durable, and tells each when it is."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._intents: list[tuple[Row, asyncio.Future[bool]]] = []
        self._results: list[tuple[Result, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def intend(self, row: Row) -> bool:
        """Arrow b: True once durable; False when the row may not be sent any more."""
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._intents.append((row, done))
        self._wake()
        return await done

    async def settle(self, result: Result) -> None:
        """Returns once the outcome is durable."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._results.append((result, done))
        self._wake()
        await done

    def _wake(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        await asyncio.sleep(0)  # lets every connection that is ready now join this transaction
        while self._intents or self._results:
            intents, self._intents = self._intents, []
            results, self._results = self._results, []
            try:
                now = self._parts.clock()
                passed = await asyncio.to_thread(
                    self._store, [r for r, _ in results], [r for r, _ in intents], now
                )
            except Exception as error:  # handed to every connection that waits for this transaction
                for _, intent in intents:
                    intent.set_exception(error)
                for _, outcome in results:
                    outcome.set_exception(error)
                continue
            for row, intent in intents:
                intent.set_result(row in passed)
            for _, outcome in results:
                outcome.set_result(None)

    def _store(self, results: list[Result], intents: list[Row], now: datetime) -> set[Row]:
        return self._parts.store.record(self._parts.run, results, intents, now)
