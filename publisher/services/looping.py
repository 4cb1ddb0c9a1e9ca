"""The loop that mail is sent in: uvloop's where it is there (it has none for Windows), and little garbage
collection meanwhile, for next to nothing that is made for a message is in a cycle.
"""

import asyncio
import contextlib
import gc
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")

SELDOM = 50_000
"""Objects that came and stayed before those are looked through; Python's own 700 come with 25 messages."""


def run(main: Coroutine[Any, Any, T]) -> T:
    """What `asyncio.run` does. Returns and raises what `main` does."""
    with _seldom(), asyncio.Runner(loop_factory=_loops()) as runner:
        return runner.run(main)


def _loops() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@contextlib.contextmanager
def _seldom() -> Generator[None, None, None]:
    """What is there already is not looked at; all is as before afterwards."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
