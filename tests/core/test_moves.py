"""Where an address leads now, in one step."""

from datetime import UTC, datetime

import pytest

from publisher.core.moves import Fate, Move, straightened

NOW = datetime(2024, 10, 25, 8, tzinfo=UTC)
BASE = "https://example.org/"


def moved(path: str, target: str) -> Move:
    return Move(path=path, fate=Fate.MOVED, target=target, at=NOW)


def test_a_chain_is_made_one_step() -> None:
    chain = [moved("a.xml", "b.xml"), moved("b.xml", f"{BASE}c.xml"), moved("c.xml", "https://new.example/d")]
    assert [move.target for move in straightened(chain, BASE)] == ["https://new.example/d"] * 3


def test_what_leads_to_an_end_still_leads_there() -> None:
    chain = [moved("a.xml", "b.xml"), Move(path="b.xml", fate=Fate.ENDED, at=NOW)]
    assert straightened(chain, BASE) == chain


@pytest.mark.parametrize("target", ["a.xml", f"{BASE}a.xml"])
def test_a_circle_is_refused(target: str) -> None:
    with pytest.raises(ValueError, match=r"^a\.xml would lead back to itself$"):
        straightened([moved("a.xml", target)], BASE)
    with pytest.raises(ValueError, match="would lead back to itself"):
        straightened([moved("a.xml", "b.xml"), moved("b.xml", target)], BASE)
