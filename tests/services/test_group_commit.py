"""Group commit: who waits for what, in which order it becomes durable, and what a store that fails does."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from publisher.core.mailings import Cause, Result
from publisher.services.commit import GroupCommit
from publisher.services.parts import Parts

NOW = datetime(2024, 10, 25, 9, tzinfo=UTC)
Rows = set[tuple[int, int]]


class Book:
    """A ledger that writes down each transaction, and may refuse."""

    def __init__(self, *, gone: Rows = frozenset(), error: Exception | None = None) -> None:  # type: ignore[assignment]  # none by default
        self.transactions: list[tuple[list[int], list[int]]] = []
        self.gone, self.error = set(gone), error

    def record(self, run: str, results: list[Result], intents: list[tuple[int, int]], now: datetime) -> Rows:
        if self.error is not None:
            raise self.error
        assert (run, now) == ("run", NOW)
        self.transactions.append(([result.n for result in results], [n for _, n in intents]))
        return set(intents) - self.gone


class Site:
    """As much of the parts as group commit uses."""

    run = "run"

    def __init__(self, store: Book) -> None:
        self.store = store

    def clock(self) -> datetime:
        return NOW


def with_commit(book: Book, work: Any) -> Any:
    async def main() -> Any:
        return await cast("Coroutine[Any, Any, Any]", work(GroupCommit(cast("Parts", Site(book)))))

    return asyncio.run(main())


def result(n: int) -> Result:
    return Result(mailing=1, n=n, cause=Cause.ACCEPT)


def test_what_is_ready_together_is_one_transaction() -> None:
    book = Book(gone={(1, 2)})

    async def work(commit: GroupCommit) -> list[bool]:
        return await asyncio.gather(*(commit.intend((1, n)) for n in (1, 2, 3)))

    assert with_commit(book, work) == [True, False, True]
    assert book.transactions == [([], [1, 2, 3])]


def test_an_outcome_nobody_waits_for_is_durable_with_the_next_intent_at_the_latest() -> None:
    book = Book()
    durable: list[int] = []

    async def connection(commit: GroupCommit) -> None:
        for n in range(1, 6):
            assert await commit.intend((1, n))
            assert durable == list(range(1, n)), "never two of one connection in doubt"
            commit.settle_later(result(n), lambda n=n: durable.append(n))  # type: ignore[misc]
        await commit.flush()

    with_commit(book, connection)
    assert durable == [1, 2, 3, 4, 5]
    assert [n for settled, _ in book.transactions for n in settled] == [1, 2, 3, 4, 5]
    for settled, intended in book.transactions:
        assert all(before < now for before in settled for now in intended), "settled first"


def test_settle_waits_until_its_own_outcome_is_durable() -> None:
    book = Book()

    async def work(commit: GroupCommit) -> None:
        await commit.settle(result(7))
        assert book.transactions == [([7], [])]

    with_commit(book, work)


def test_a_store_that_fails_is_told_to_all_who_wait_and_to_whoever_asks_next() -> None:
    book = Book(error=OSError("the disk is full"))

    async def work(commit: GroupCommit) -> None:
        waiting = [commit.intend((1, 1)), commit.settle(result(2)), commit.intend((1, 3))]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(each) for each in found] == ["the disk is full"] * 3
        commit.settle_later(result(4), lambda: pytest.fail("it is not durable"))
        for again in (commit.intend((1, 5)), commit.flush(), commit.settle(result(6))):
            with pytest.raises(OSError, match=r"^the disk is full$"):
                await again

    with_commit(book, work)


def test_a_connection_that_is_gone_stops_no_other() -> None:
    book = Book()

    async def work(commit: GroupCommit) -> None:
        gone = asyncio.create_task(commit.intend((1, 1)))
        stays = asyncio.create_task(commit.intend((1, 2)))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays

    with_commit(book, work)
