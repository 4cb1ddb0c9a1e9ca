"""What became of addresses that readers know: moved for ever, ended, or taken back with their post."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum


class Fate(StrEnum):
    """Why there is no document at an address any more, and the status of HTTP that says so (RFC 9110 15)."""

    MOVED = "moved"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"


STATUS = {Fate.MOVED: 301, Fate.ENDED: 410, Fate.WITHDRAWN: 410}


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One address: `path` is relative to public/. `target` is where a moved one is now: an absolute URL, or
    a path relative to public/; "" for the others.
    """

    path: str
    fate: Fate
    at: datetime
    target: str = ""


def straightened(moves: Iterable[Move], base_url: str) -> list[Move]:
    """Each move leads to where things are now, in one step (a reader follows few). `base_url` is that of
    public/. Raises ValueError: some lead in a circle.
    """
    at = {move.path: move for move in moves}
    return [_straight(move, at, base_url) for move in at.values()]


def _straight(move: Move, at: Mapping[str, Move], base_url: str) -> Move:
    seen = {move.path}
    while move.fate is Fate.MOVED:
        path = move.target.removeprefix(base_url)
        if path in seen:
            raise ValueError(f"{path} would lead back to itself")
        after = at.get(path)
        if after is None or after.fate is not Fate.MOVED:
            return move
        seen.add(path)
        move = replace(move, target=after.target)
    return move
