"""An empty store, made once in a process and copied: making its tables takes longer than most tests."""

import shutil
import tempfile
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from pathlib import Path

from publisher.core.delivery.mailing import Route, Transition, TransitionCause
from publisher.ports import Store
from publisher.stores import open_store

Row = tuple[int, int]
"""(mailing, n): a delivery."""

_FOLDER = tempfile.TemporaryDirectory()


def new_store(file: Path) -> Store:
    """A store in `file`, which is not there yet."""
    shutil.copy(_empty(), file)
    return open_store(f"sqlite:///{file}", create=False)


@cache
def _empty() -> Path:
    file = Path(_FOLDER.name) / "empty.db"
    open_store(f"sqlite:///{file}", create=True).close()
    return file


def mark_sending(
    store: Store, run: str, rows: Iterable[Row], now: datetime, route: Route | None = None
) -> set[Row]:
    """A run makes its intents to send these (mailing, n) durable; returns those that may be sent."""
    way = None if route is None else store.route_number(route)
    intents = [
        Transition(mailing=mailing, n=n, cause=TransitionCause.INTEND, route=way) for mailing, n in rows
    ]
    made = store.record_transitions(intents, now, run=run)
    return {(one.mailing, one.n) for one, done in zip(intents, made, strict=True) if done}
