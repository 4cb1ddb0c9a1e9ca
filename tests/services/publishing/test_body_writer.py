"""Bodies are stored by another thread while files are read; none is lost, and no failure is."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from publisher.core.errors import PublisherError
from publisher.ports import Store
from publisher.services.publishing.scan import BATCH_CHARACTERS, BodyWriter
from publisher.stores import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/publisher.db", create=True)
    yield opened
    opened.close()


def test_every_body_is_stored_when_the_block_ends(store: Store) -> None:
    bodies = {f"{n:064}": f"{n}" * (BATCH_CHARACTERS // 3 + 1) for n in range(10)} | {"f" * 64: ""}
    with BodyWriter(store) as writer:
        for name, body in bodies.items():
            writer.keep(name, body)
    assert store.bodies(bodies) == bodies


def read(store: Store, *bodies: str) -> None:
    """Keeps these, then fails."""
    with BodyWriter(store) as writer:
        for n, body in enumerate(bodies):
            writer.keep(f"{n:064}", body)
        raise ZeroDivisionError


def test_a_failure_to_store_is_raised_where_bodies_are_read(store: Store, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "publisher.db") as broken:
        broken.execute("ALTER TABLE bodies RENAME TO elsewhere")
    broken.close()
    with pytest.raises(PublisherError):
        read(store, *["x" * (BATCH_CHARACTERS + 1)] * 2)


def test_a_failure_to_read_is_not_hidden(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        read(store, "x" * (BATCH_CHARACTERS + 1))
