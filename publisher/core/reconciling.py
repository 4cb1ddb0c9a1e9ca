"""Is a store behind what the files beside it tell, and what did it miss?

A store restored from a backup, or made anew, knows nothing of what came after. The journal has every
departure and every mailing's start, public/manifest.json the last numbers. What they say happened, happened.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

SKIPPED = 200
"""Numbers of mailings left out when a store is reconciled: the journal names only every hundredth of the
transactional ones, and no number may be used twice."""

EVERY = 100
"""Of transactional mailings so many share a line of the journal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Somebody who left, or may not be mailed: `key` is the keyed hash of the address, `list` may be empty
    for all lists. `generation` is the life of the subscription that ended; None: whichever there is.
    """

    key: str
    list: str
    kind: str
    generation: int | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A mailing that was started; `at` is the instant it was planned for."""

    mailing: int
    list: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the journal tells: departures and mailings in the order they came. `turn` counts how often a batch
    was begun or ended: who stands at a lower one does not know what was sent since.
    """

    departures: tuple[Departure, ...] = ()
    started: tuple[Started, ...] = ()
    turn: int = 0

    @property
    def last_mailing(self) -> int:
        """The highest number of a mailing."""
        return max((start.mailing for start in self.started), default=0)


KINDS: Mapping[str, str] = {"unsubscribed": "left", "erased": "erased"}
"""The suppression that an event of the journal means, where the event does not name it."""


def told_by(entries: Sequence[tuple[str, Mapping[str, Any]]]) -> Told:
    """What entries of the journal tell; those of other kinds, and damaged ones, tell nothing."""
    departures = [one for entry in entries if (one := _departure(*entry)) is not None]
    started = [start for entry in entries if (start := _started(*entry)) is not None]
    turns = [fields.get("turn") for event, fields in entries if event == "batch"]
    turn = max((turn for turn in turns if isinstance(turn, int)), default=0)
    return Told(departures=tuple(departures), started=tuple(started), turn=turn)


def _departure(event: str, fields: Mapping[str, Any]) -> Departure | None:
    if event not in KINDS and event != "suppressed":
        return None
    try:
        return Departure(
            key=bytes.fromhex(fields["key"]).hex(),
            list=str(fields.get("list", "")),
            kind=KINDS.get(event) or str(fields["kind"]),
            generation=fields.get("generation"),
            at=_instant(fields["at"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _started(event: str, fields: Mapping[str, Any]) -> Started | None:
    if event != "mailing":
        return None
    try:
        return Started(mailing=int(fields["mailing"]), list=str(fields["list"]), at=_instant(fields["at"]))
    except (KeyError, TypeError, ValueError):
        return None


def _instant(text: object) -> datetime:
    at = datetime.fromisoformat(str(text))
    if at.tzinfo is None:
        raise ValueError("naive")
    return at


def missed(told: Told, last_mailing: int, planning: Sequence[int]) -> list[Started]:
    """The mailings that a store whose last is `last_mailing` does not know of, or had only begun to plan."""
    return [start for start in told.started if start.mailing > last_mailing or start.mailing in planning]
