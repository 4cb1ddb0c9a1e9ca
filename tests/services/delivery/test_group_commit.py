"""Group commit: who waits for what, in which order it becomes durable, and what a store that fails does."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from publisher.core.delivery.mailing import DeliveryResult, TransitionCause
from publisher.services.delivery.group_commit import GroupCommit
from publisher.services.deps import Deps

pytestmark = pytest.mark.parametrize("how", ["quick", "slow", "busy", "at times busy"])

NOW = datetime(2024, 10, 25, 9, tzinfo=UTC)
Rows = set[tuple[int, int]]


class Book:
    """A ledger that writes down each transaction, and may refuse. Another writer may be `busy` at it, or its
    disk takes its time; whoever is told what was not yet flushed is told too early.
    """

    def __init__(self, how: str, *, gone: Rows | None = None, error: Exception | None = None) -> None:
        self.transactions: list[tuple[list[int], list[int]]] = []
        self.how, self.gone, self.error = how, gone or set(), error
        self.durable: set[int] = set()
        self.threads: set[int] = set()

    def record_progress(
        self, run: str, results: list[DeliveryResult], intents: list[tuple[int, int]], now: datetime
    ) -> Rows:
        passed = self._record(run, results, intents, now)
        self.flush()
        return passed

    def try_record_progress(
        self, run: str, results: list[DeliveryResult], intents: list[tuple[int, int]], now: datetime
    ) -> Rows | None:
        if self.how == "busy" or (self.how == "at times busy" and len(self.transactions) % 2):
            return None
        return self._record(run, results, intents, now)

    def flush(self) -> None:
        if self.error is not None:
            raise self.error
        self.threads.add(threading.get_ident())
        if self.how == "slow":
            time.sleep(0.02)
        self.durable = {n for both in self.transactions for ns in both for n in ns}

    def _record(
        self, run: str, results: list[DeliveryResult], intents: list[tuple[int, int]], now: datetime
    ) -> Rows:
        if self.error is not None and self.how != "quick":
            raise self.error
        assert (run, now) == ("run", NOW)
        self.transactions.append(([result.n for result in results], [n for _, n in intents]))
        return set(intents) - self.gone


def deps(store: Book) -> Deps:
    """As much of them as group commit uses."""
    adapters = SimpleNamespace(store=store)
    process = SimpleNamespace(clock=lambda: NOW, run_id="run")
    return cast("Deps", SimpleNamespace(adapters=adapters, process=process))


def with_commit(book: Book, work: Any) -> Any:
    async def main() -> Any:
        commit = GroupCommit(deps(book))
        try:
            return await cast("Coroutine[Any, Any, Any]", work(commit))
        finally:
            commit.close()

    return asyncio.run(main())


def result(n: int) -> DeliveryResult:
    return DeliveryResult(mailing=1, n=n, cause=TransitionCause.ACCEPT)


def test_what_is_ready_together_is_one_transaction(how: str) -> None:
    book = Book(how, gone={(1, 2)})

    async def work(commit: GroupCommit) -> list[bool]:
        return await asyncio.gather(*(commit.intend((1, n)) for n in (1, 2, 3)))

    assert with_commit(book, work) == [True, False, True]
    assert book.transactions == [([], [1, 2, 3])]


def test_an_outcome_nobody_waits_for_is_durable_with_the_next_intent_at_the_latest(how: str) -> None:
    book = Book(how)
    durable: list[int] = []

    async def connection(commit: GroupCommit) -> None:
        for n in range(1, 6):
            assert await commit.intend((1, n))
            assert n in book.durable
            assert durable == list(range(1, n)), "never two of one connection in doubt"
            commit.settle_later(result(n), lambda n=n: durable.append(n))  # type: ignore[misc]
        await commit.flush()

    with_commit(book, connection)
    assert durable == [1, 2, 3, 4, 5]
    assert [n for settled, _ in book.transactions for n in settled] == [1, 2, 3, 4, 5]
    for settled, intended in book.transactions:
        assert all(before < now for before in settled for now in intended), "settled first"


def test_an_outcome_waits_a_while_for_an_intent_to_go_with(how: str) -> None:
    book = Book(how)

    async def work(commit: GroupCommit) -> None:
        for n in range(1, 4):
            commit.settle_later(result(n), lambda: None)
            await asyncio.sleep(0)
        assert book.transactions == []
        await commit.intend((1, 4))

    with_commit(book, work)
    assert book.transactions == [([1, 2, 3], [4])]


def test_an_outcome_with_which_nothing_goes_is_durable_soon(how: str) -> None:
    book = Book(how)

    async def work(commit: GroupCommit) -> None:
        for n in (1, 2):
            there = asyncio.Event()
            commit.settle_later(result(n), there.set)
            async with asyncio.timeout(30):
                await there.wait()
            assert n in book.durable

    with_commit(book, work)
    assert book.transactions == [([1], []), ([2], [])]


def test_a_thread_waits_for_a_slow_disk_and_for_another_writer(how: str) -> None:
    book = Book(how)

    async def work(commit: GroupCommit) -> None:
        for n in range(4):
            assert await commit.intend((1, n))

    with_commit(book, work)
    elsewhere = book.threads - {threading.get_ident()}
    assert bool(elsewhere) == (how != "quick")


def test_settle_waits_until_its_own_outcome_is_durable(how: str) -> None:
    book = Book(how)

    async def work(commit: GroupCommit) -> None:
        await commit.settle(result(7))
        assert book.transactions == [([7], [])]

    with_commit(book, work)


def test_a_store_that_fails_is_told_to_all_who_wait_and_to_whoever_asks_next(how: str) -> None:
    book = Book(how, error=OSError("the disk is full"))

    async def work(commit: GroupCommit) -> None:
        waiting = [commit.intend((1, 1)), commit.settle(result(2)), commit.intend((1, 3))]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(each) for each in found] == ["the disk is full"] * 3
        commit.settle_later(result(4), lambda: pytest.fail("it is not durable"))
        for again in (commit.intend((1, 5)), commit.flush(), commit.settle(result(6))):
            with pytest.raises(OSError, match=r"^the disk is full$"):
                await again

    with_commit(book, work)


def test_a_connection_that_is_gone_stops_no_other(how: str) -> None:
    book = Book(how)

    async def work(commit: GroupCommit) -> None:
        gone = asyncio.create_task(commit.intend((1, 1)))
        stays = asyncio.create_task(commit.intend((1, 2)))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays

    with_commit(book, work)
