"""The writer of the ledger: who waits for what, what shares a transaction, and a store that fails."""

import asyncio
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from publisher.core.delivery.mailing import Transition, TransitionCause
from publisher.ports import Store
from publisher.services.delivery.outcomes import LedgerWriter

NOW = datetime(2024, 10, 25, 9, tzinfo=UTC)
Rows = set[tuple[int, int]]


class Book:
    """A store that writes down each transaction, and may refuse."""

    def __init__(self, *, gone: Rows | None = None, error: Exception | None = None) -> None:
        self.transactions: list[list[tuple[str, int]]] = []
        self.gone, self.error = gone or set(), error

    def record_transitions(self, transitions: Sequence[Transition], now: datetime, *, run: str) -> list[bool]:
        if self.error is not None:
            raise self.error
        assert (run, now) == ("run", NOW)
        self.transactions.append([(one.cause.name, one.n) for one in transitions])
        return [(one.mailing, one.n) not in self.gone for one in transitions]


def with_writer(book: Book, work: Any) -> Any:
    async def main() -> Any:
        writer = LedgerWriter(cast("Store", book), "run", lambda: NOW)
        return await cast("Coroutine[Any, Any, Any]", work(writer))

    return asyncio.run(main())


def intent(n: int) -> Transition:
    return Transition(mailing=1, n=n, cause=TransitionCause.INTEND)


def accepted(n: int) -> Transition:
    return Transition(mailing=1, n=n, cause=TransitionCause.ACCEPT)


def test_what_is_ready_together_is_one_transaction() -> None:
    book = Book(gone={(1, 2)})

    async def work(writer: LedgerWriter) -> list[bool]:
        return await asyncio.gather(*(writer.record(intent(n)) for n in (1, 2, 3)))

    assert with_writer(book, work) == [True, False, True]
    assert book.transactions == [[("INTEND", 1), ("INTEND", 2), ("INTEND", 3)]]


def test_an_outcome_nobody_waits_for_is_durable_with_the_next_intent_at_the_latest() -> None:
    book = Book()
    durable: list[int] = []

    async def connection(writer: LedgerWriter) -> None:
        for n in range(1, 6):
            assert await writer.record(intent(n))
            assert ("INTEND", n) in book.transactions[-1]
            assert durable == list(range(1, n)), "never two of one connection in doubt"
            writer.record_later(accepted(n), lambda n=n: durable.append(n))  # type: ignore[misc]
        writer.flush()

    with_writer(book, connection)
    assert durable == [1, 2, 3, 4, 5]
    written = [each for transaction in book.transactions for each in transaction]
    assert written == [(name, n) for n in range(1, 6) for name in ("INTEND", "ACCEPT")], "in this order"


def test_an_outcome_waits_a_while_for_an_intent_to_go_with() -> None:
    book = Book()

    async def work(writer: LedgerWriter) -> None:
        for n in range(1, 4):
            writer.record_later(accepted(n), lambda: None)
            await asyncio.sleep(0)
        assert book.transactions == []
        await writer.record(intent(4))

    with_writer(book, work)
    assert book.transactions == [[("ACCEPT", 1), ("ACCEPT", 2), ("ACCEPT", 3), ("INTEND", 4)]]


def test_an_outcome_with_which_nothing_goes_is_durable_soon() -> None:
    book = Book()

    async def work(writer: LedgerWriter) -> None:
        for n in (1, 2):
            durable = asyncio.Event()
            writer.record_later(accepted(n), durable.set)
            async with asyncio.timeout(30):
                await durable.wait()

    with_writer(book, work)
    assert book.transactions == [[("ACCEPT", 1)], [("ACCEPT", 2)]]


def test_a_store_that_fails_is_told_to_all_who_wait_and_to_whoever_asks_next() -> None:
    book = Book(error=OSError("the disk is full"))

    async def work(writer: LedgerWriter) -> None:
        waiting = [writer.record(intent(1)), writer.record(accepted(2)), writer.record(intent(3))]
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert [str(each) for each in found] == ["the disk is full"] * 3
        writer.record_later(accepted(4), lambda: pytest.fail("it is not durable"))
        with pytest.raises(OSError, match=r"^the disk is full$"):
            await writer.record(intent(5))
        with pytest.raises(OSError, match=r"^the disk is full$"):
            writer.flush()

    with_writer(book, work)


def test_a_connection_that_is_gone_stops_no_other() -> None:
    book = Book()

    async def work(writer: LedgerWriter) -> None:
        gone = asyncio.ensure_future(writer.record(intent(1)))
        stays = asyncio.ensure_future(writer.record(intent(2)))
        await asyncio.sleep(0)
        gone.cancel()
        assert await stays

    with_writer(book, work)
