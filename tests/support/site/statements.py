"""SQL compiled once in a process, however many stores its tests open.

SQLAlchemy compiles a statement when an engine first runs it, which takes longer than most statements run, and
keeps it with that engine. Every store has an engine of its own; here all of one kind share one dialect and
what it has compiled.
"""

from functools import cache
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.util import LRUCache

from publisher.stores.sql import sqlite


def keep_statements() -> None:
    """From now on, for all SQLite stores of this process."""
    _share(sqlite)


@cache
def keep_statements_of_postgresql() -> None:
    """The same for stores in PostgreSQL, whose driver is loaded now."""
    from publisher.stores.sql import postgresql

    _share(postgresql)


def _share(module: Any) -> None:
    usual = module._engine
    compiled: LRUCache[object, object] = LRUCache(10_000)
    first: list[Engine] = []

    def sharing_engine(*given: Any) -> Engine:
        engine: Engine = usual(*given)
        if not first:
            first.append(engine)
        engine.dialect = first[0].dialect  # a part of the key of what is compiled
        engine._compiled_cache = compiled  # type: ignore[assignment]
        return engine

    module._engine = sharing_engine
