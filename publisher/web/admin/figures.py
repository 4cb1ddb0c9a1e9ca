"""Figures that a large site cannot count while somebody waits.

    asked for -> counted in a thread -> ready within WAIT: exact    (a site of the usual size)
                                     -> not ready: the last ones, with their time, or none yet

A page is never late for them, and never counts the same thing twice at a time.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar, cast

from publisher.core.errors import PublisherError

log = logging.getLogger(__name__)

T = TypeVar("T")

WAIT = 0.06
"""Seconds that a page waits for a figure, unless it took longer the last time."""

RESTS = 10
"""After a count that took longer than that, none begins for so many times as long as it took."""


class Figure(NamedTuple, Generic[T]):
    """The last count: its value, and when it began if it may be out of date. None: there was none yet."""

    value: T | None
    as_of: datetime | None


@dataclass(slots=True)
class _Count:
    """The state of one figure. `error` is why the last count failed."""

    value: Any = None
    at: datetime | None = None
    error: PublisherError | None = None
    ended: float = 0.0
    took: float = 0.0
    thread: threading.Thread | None = None


class Figures:
    """The figures of one listener, by name."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}
        self._lock = threading.Lock()

    def get(self, name: str, count: Callable[[], T], now: datetime) -> Figure[T]:
        """What `count` returns, or what it returned last if it takes too long. Raises what it raises."""
        with self._lock:
            entry = self._counts.setdefault(name, _Count())
            if entry.thread is None and self._is_due(entry):
                work = (entry, count, now)
                entry.thread = threading.Thread(
                    target=self._count, args=work, name=f"figures {name}", daemon=True
                )
                entry.thread.start()
            thread = entry.thread if entry.took <= WAIT else None
        if thread is not None:
            thread.join(WAIT)
        with self._lock:
            if entry.error is not None:
                raise entry.error
            old = entry.thread is not None or (entry.at is not None and entry.at < now)
            return Figure(cast("T | None", entry.value), entry.at if old else None)

    def _is_due(self, entry: _Count) -> bool:
        return entry.took <= WAIT or time.monotonic() - entry.ended > entry.took * RESTS

    def _count(self, entry: _Count, count: Callable[[], object], now: datetime) -> None:
        began, value, error = time.monotonic(), None, None
        try:
            value = count()
        except PublisherError as why:
            error = why
        except Exception:  # a fault of ours: the page says that there are no figures
            log.exception("figures_failed")
        with self._lock:
            if value is not None:
                entry.value, entry.at = value, now
            entry.error, entry.ended = error, time.monotonic()
            entry.took, entry.thread = entry.ended - began, None
