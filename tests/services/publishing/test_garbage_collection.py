"""Who looks for cycles, and when."""

import gc
from collections.abc import Iterator

import pytest

from publisher.app.open_site import gc_paused


class Cycle:
    """Refers to itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def eager() -> Iterator[list[int]]:
    """Every few objects are looked through; the generations that were."""
    before = gc.get_threshold()
    looked: list[int] = []

    def note(phase: str, found: dict[str, int]) -> None:
        if phase == "start":
            looked.append(found["generation"])

    gc.collect()
    gc.set_threshold(50, 20, 100_000)  # the young are looked at often, and not all that a test run has
    gc.callbacks.append(note)
    yield looked
    gc.callbacks.remove(note)
    gc.set_threshold(*before)


def test_nobody_looks_for_cycles_while_many_values_are_made(eager: list[int]) -> None:
    with gc_paused():
        eager.clear()
        kept = [Cycle() for _ in range(1000)]
        assert eager == []
    assert len(kept) == 1000


def test_what_was_made_meanwhile_is_not_looked_through_at_once(eager: list[int]) -> None:
    with gc_paused():
        kept = [Cycle() for _ in range(1000)]
    young = {id(it) for it in gc.get_objects(generation=0)}
    assert not young & {id(it) for it in kept}
    assert gc.get_freeze_count() == 0


def test_cycles_made_meanwhile_are_found_later() -> None:
    with gc_paused():
        for _ in range(1000):
            Cycle()
    assert gc.collect() >= 1000


@pytest.mark.parametrize("before", [True, False])
def test_it_is_as_before_afterwards(before: bool) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if before else gc.disable)()
        with gc_paused(), gc_paused():
            assert not gc.isenabled()
        assert gc.isenabled() is before
    finally:
        (gc.enable if was else gc.disable)()
