"""Figures: exact where they are counted in time, the last ones where they are not."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from publisher.core.errors import StoreError
from publisher.web.admin.figures import Figures

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_what_is_counted_in_time_is_exact_and_what_is_not_comes_later() -> None:
    figures, go, began = Figures(), threading.Event(), threading.Event()
    assert figures.get("quick", lambda: 1, NOW) == (1, None)
    assert figures.get("quick", lambda: 2, NOW + timedelta(seconds=1)) == (2, None)

    def slow() -> int:
        began.set()
        go.wait(30)
        return 7

    assert figures.get("slow", slow, NOW) == (None, None)
    began.wait(30)
    later = NOW + timedelta(minutes=1)
    assert figures.get("slow", lambda: 8, later) == (None, None)  # never twice at a time
    go.set()
    for thread in threading.enumerate():
        if thread.name.startswith("figures"):
            thread.join(30)
    assert figures.get("slow", lambda: 8, later) == (7, NOW)  # it rests, and says of when that is


def test_a_count_that_fails_says_why() -> None:
    figures = Figures()

    def fail() -> int:
        raise StoreError("the store", "does not answer", "try again")

    with pytest.raises(StoreError):
        figures.get("readers", fail, NOW)
    assert figures.get("readers", lambda: 3, NOW) == (3, None)
