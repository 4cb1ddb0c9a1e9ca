"""The writer of the ledger: intents and outcomes of all connections share transactions, so that one flush of
the disk makes many of them durable.

A transaction begins when every connection that is ready has added to it. A connection waits for its own
intent. It does not wait for an acceptance: that is in the transaction of its next intent at the latest, and
before it, so a connection never has two unknown outcomes, and its next message is on its way meanwhile. An
acceptance waits a moment for such an intent, since a transaction of its own would cost as much as one for
all of them.

The event loop itself writes, and waits for the disk and for other writers: docs/decisions/0023.
"""

import asyncio
from collections.abc import Callable

from publisher.core.delivery.mailing import Transition
from publisher.ports import Clock, Store

MAX_WAIT = 0.005
"""Seconds that an outcome waits for an intent to go with."""


class LedgerWriter:
    """Collects transitions of one run, and tells each when it is durable. Every method raises what the store
    raised, then or earlier.
    """

    def __init__(self, store: Store, run_id: str, clock: Clock) -> None:
        self._store, self._run_id, self._clock = store, run_id, clock
        self._pending: list[tuple[Transition, asyncio.Future[bool] | Callable[[], None]]] = []
        self._collecting = False
        self._timer: asyncio.TimerHandle | None = None
        self._failure: Exception | None = None

    async def record(self, transition: Transition) -> bool:
        """Returns once it is durable: whether the delivery made the transition."""
        self.raise_failure()
        durable: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pending.append((transition, durable))
        self._start()
        return await durable

    def record_later(self, transition: Transition, durable: Callable[[], None]) -> None:
        """Records it with what comes next; `durable` is called then."""
        self._pending.append((transition, durable))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(MAX_WAIT, self._waited)

    def flush(self) -> None:
        """Makes durable what is pending."""
        self.raise_failure()
        self._write()
        self.raise_failure()

    def raise_failure(self) -> None:
        """Raises what the store raised, if it did."""
        if self._failure is not None:
            raise self._failure

    def _waited(self) -> None:
        self._timer = None
        if self._pending:
            self._start()

    def _start(self) -> None:
        if not self._collecting:
            self._collecting = True
            asyncio.get_running_loop().call_soon(self._collect, 0)

    def _collect(self, before: int) -> None:
        """Lets every connection that is ready now join this transaction, for as long as more of them come."""
        if len(self._pending) > before:
            asyncio.get_running_loop().call_soon(self._collect, len(self._pending))
        else:
            self._collecting = False
            self._write()

    def _write(self) -> None:
        if self._failure is not None or not self._pending:
            return
        pending, self._pending = self._pending, []
        try:
            transitions = [transition for transition, _ in pending]
            made = self._store.record_transitions(transitions, self._clock(), run=self._run_id)
        except Exception as error:
            self._failure = error
            for _, durable in pending:
                if not callable(durable) and not durable.done():
                    durable.set_exception(error)
            return
        for (_, durable), was_made in zip(pending, made, strict=True):
            if callable(durable):
                durable()
            elif not durable.done():  # else whoever asked is gone
                durable.set_result(was_made)
