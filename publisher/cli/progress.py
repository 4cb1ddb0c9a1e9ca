"""Long work shown as it goes: a bar on a terminal, JSON events where they were asked for."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from publisher.app import App
from publisher.cli.common import count, echo, say
from publisher.cli.progress_bar import bar
from publisher.core.delivery.holds import in_words
from publisher.core.delivery.mailing import Hold

if TYPE_CHECKING:
    from publisher.services.delivery.deliver import Tally

EVERY = 100
"""Deliveries between two JSON events, and the fewest that are worth a bar."""

FOLDED = 50_000
"""Deliveries that a command folds at most, in a second or two: `run` folds them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """How a delivery went, as JSON; `failed`: the mail server did, which is no success; `idle`: nothing was
    tried and nothing was in the way.
    """

    json: dict[str, Any]
    failed: bool
    idle: bool


def delivery_progress(app: App, *, as_json: bool) -> Delivered:
    """Delivers what is due and tells how it went."""
    planned = app.queued()
    if as_json or planned < EVERY:
        tally, unknown = app.deliver(progress=_events(planned, app.parts.ticks) if as_json else _quiet)
    else:
        with bar("delivering", planned, app.parts.ticks) as update:
            tally, unknown = app.deliver(progress=lambda tally: update(tally.total))
    _still_waiting(app, tally)
    _say_tally(tally, unknown)
    if folded := app.fold(most=FOLDED):
        say(f"folded: {count(folded, 'delivery', 'deliveries')} older than mail.retention")
    found = {name: getattr(tally, name) for name in _WORDS}
    found |= {"unknown": unknown + tally.unknown, "held": tally.held or None}
    found["failing_relays"] = dict(tally.troubles)
    return Delivered(json=found, failed=tally.failed, idle=not (tally.total or tally.held))


def _still_waiting(app: App, tally: "Tally") -> None:
    """A mailing that waits for a server which failed it in an earlier run is a failure of this one too."""
    waiting = next((one for one in app.store.under_way() if one.hold is Hold.SERVER), None)
    if waiting is not None and not tally.failed:
        words = in_words(
            Hold.SERVER, waiting.id, waiting.hold_why, waiting.hold_until, zone=app.settings.site.timezone
        )
        tally.failed, tally.held = True, f"mailing {waiting.id}: {words}"


def _quiet(_tally: "Tally") -> None:
    """Too little to be worth a bar."""


def _events(planned: int, ticks: Callable[[], float]) -> "Callable[[Tally], None]":
    """One line of JSON on stderr for every hundred: what became of them, a second, and seconds to go."""
    start, told = ticks(), 0

    def progress(tally: "Tally") -> None:
        nonlocal told
        if tally.total // EVERY == told // EVERY:
            return
        told = tally.total
        rate = told / max(ticks() - start, 0.001)
        event = {"event": "delivered", "done": told, "of": planned}
        event |= {name: getattr(tally, name) for name in _WORDS}
        left = max(planned - told, 0) / rate
        event |= {"per_second": round(rate, 1), "seconds_left": round(left, 1)}
        echo(json.dumps(event), err=True)

    return progress


def _say_tally(tally: "Tally", unknown: int) -> None:
    if tally.total:
        parts = [f"{getattr(tally, name):,} {name}" for name in _WORDS if getattr(tally, name)]
        say(f"delivered: {', '.join(parts)}")
    for name, why in tally.troubles.items():
        say(f"relay {name} fails: {why}; the others stand in for it")
    if tally.rejected or tally.deferred:
        say("what the server said to whom it did not take: `publisher mailings show ID`")
    if unknown + tally.unknown:
        number = count(unknown + tally.unknown, "delivery", "deliveries")
        say(f"in doubt: {number}; `publisher mailings show ID` lists them, `resolve ID` decides")
    if tally.held:
        say(f"held: {tally.held}")


_WORDS = ("accepted", "rejected", "deferred", "unknown", "skipped")
