"""The loop that mail is sent in: uvloop's where it is there, for it takes less time for each message."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """What `asyncio.run` does: returns and raises what `main` does."""
    with asyncio.Runner(loop_factory=_loops()) as runner:
        return runner.run(main)


def _loops() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # comes with uvicorn, but not for Windows
    except ImportError:
        return None
    return uvloop.new_event_loop
