"""SQL compiled once in a process, however many stores its tests open.

SQLAlchemy compiles a statement when an engine first runs it, which takes longer than most statements run, and
keeps it with that engine. Every store has an engine of its own; here all share one dialect and what it has
compiled.
"""

from collections.abc import Callable

from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

from publisher.stores.sql import sqlite

_usual = sqlite._engine
_COMPILED: LRUCache[object, object] = LRUCache(10_000)
_FIRST: list[Engine] = []


def keep_statements() -> None:
    """From now on, for all stores of this process."""
    sqlite._engine = _sharing_engine


def _sharing_engine(connect: Callable[[], object]) -> Engine:
    engine = _usual(connect)  # type: ignore[arg-type]
    if not _FIRST:
        _FIRST.append(engine)
    engine.dialect = _FIRST[0].dialect  # a part of the key of what is compiled
    engine._compiled_cache = _COMPILED  # type: ignore[assignment]
    return engine
