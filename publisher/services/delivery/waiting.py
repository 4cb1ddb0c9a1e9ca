"""A thread that waits in a loop's stead: one thing after the other, at a fraction of an executor's cost."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

T = TypeVar("T")


class Waiter:
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
