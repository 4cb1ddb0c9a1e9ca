"""Mailings as text and as JSON, and the progress of long work: a bar on a terminal's stderr, or JSON events
with --json.

The bar shows how much is done, how fast, and how much time is left:

    delivering  ━━━━━━━━━━━━━━━━━━━━━╸──────    1,140 of 1,500  312/s    2 s left

It fits the terminal's current width, is drawn at most ten times a second, and is erased when the work is
done, because the final message says more. It has no colors if NO_COLOR is set.
"""

import json
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from publisher.app import App
from publisher.cli.common import count, echo, say, utc
from publisher.cli.help import STYLE, colored
from publisher.core.delivery.holds import describe_hold
from publisher.core.delivery.mailing import DeliveryState, Mailing, MailingHold, MailingKind

if TYPE_CHECKING:
    from publisher.services.delivery.deliver import DeliveryStats


REDRAW_EVERY = 0.1
"""Seconds between two updates."""

SHOWN_AFTER = 1.0
"""Seconds that a step takes before a bar is shown for it."""

FINE, PLAIN = ("━", "╸", "─"), ("=", ">", "-")
"""A full cell, half a cell, an empty cell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarStyle:
    """How a bar is drawn."""

    marks: tuple[str, str, str] = FINE
    colored: bool = False


def shows_bars(file: TextIO) -> bool:
    """Whether `file` is a terminal that can draw them, with neither --quiet nor a log as JSON on it."""
    capable = file.isatty() and os.environ.get("TERM") != "dumb"
    return capable and not STYLE.quiet and not STYLE.log_as_json


@contextmanager
def bar(
    label: str, total: int | None, ticks: Callable[[], float], out: TextIO | None = None
) -> Generator[Callable[[int], None], None, None]:
    """Yields a function that shows how much of `total` (None: unknown) is done so far. It shows nothing if
    `out` (stderr) is not a capable terminal. `ticks` is a monotonic clock in seconds.
    """
    file = out or sys.stderr
    if not shows_bars(file):
        yield lambda _: None
        return
    style = BarStyle(marks=_marks(file), colored=colored(file))
    start, drawn = ticks(), float("-inf")

    def show(done: int) -> None:
        nonlocal drawn
        now = ticks()
        if now - drawn >= REDRAW_EVERY:
            drawn = now
            columns = os.get_terminal_size(file.fileno()).columns or 80
            file.write(f"\r{line(label, done, total, now - start, columns, style)}\x1b[K")
            file.flush()

    show(0)
    try:
        yield show
    finally:
        file.write("\r\x1b[K")
        file.flush()


class ProgressLine:
    """A bar for each step of some work, once that step has taken a second. `ticks` is a monotonic clock in
    seconds.
    """

    def __init__(self, file: TextIO, ticks: Callable[[], float]) -> None:
        self._file, self._ticks = file, ticks
        self._style = BarStyle(marks=_marks(file), colored=colored(file)) if shows_bars(file) else None
        self._step, self._began, self._drawn = "", ticks(), 0.0

    def __call__(self, what: str, done: int, of: int) -> None:
        """Shows how much of a step is done; `of` is 0 if nobody knows."""
        if self._style is None:
            return
        now = self._ticks()
        if what != self._step:
            self._step, self._began = what, now
        if now - self._began >= SHOWN_AFTER and now - self._drawn >= REDRAW_EVERY:
            self._drawn = now
            columns = os.get_terminal_size(self._file.fileno()).columns or 80
            shown = line(what, done, of, now - self._began, columns, self._style)
            self._file.write(f"\r{shown}\x1b[K")
            self._file.flush()

    def erase(self) -> None:
        """Removes the bar before something else is printed."""
        if self._drawn:
            self._drawn = 0.0
            self._file.write("\r\x1b[K")
            self._file.flush()


@contextmanager
def progress_line(ticks: Callable[[], float]) -> Generator[ProgressLine, None, None]:
    """Yields what shows bars on stderr, and erases the last."""
    progress = ProgressLine(sys.stderr, ticks)
    try:
        yield progress
    finally:
        progress.erase()


@contextmanager
def showing_progress(app: App) -> Generator[ProgressLine, None, None]:
    """Shows a bar for each step of what `app` does, once that has taken a second."""
    with progress_line(app.monotonic) as progress:  # not app.deps, which open the store
        app.progress = progress
        yield progress


def line(
    label: str,
    done: int,
    total: int | None,
    seconds: float,
    columns: int,
    style: BarStyle = BarStyle(),
) -> str:
    """The line after `seconds`, with as much as fits into `columns`."""
    rate = done / seconds if done and seconds >= 1 else 0.0
    per = f"{rate:,.0f}/s" if rate else ""
    if not total:
        return "  ".join(filter(None, (label, f"{done:,}", per)))[: columns - 1]
    share = min(done / total, 1.0)
    left = f"{_span((total - done) / rate)} left" if rate and done < total else ""
    number = f"{done:>{len(f'{total:,}')},} of {total:,}"
    percent = f"{share:>4.0%}"
    left, per = f"{left:>11}", f"{per:>8}"  # fixed widths, so that the line does not jump
    for least, *words in ((14, number, per, left), (14, number, left), (8, percent, left), (8, percent)):
        right = "  ".join(words)
        room = columns - 1 - len(label) - len(right) - 4
        if room >= least:
            return f"{label}  {_filled(share, room, style)}  {right}".rstrip()
    return percent.strip()[: columns - 1]


def _filled(share: float, cells: int, style: BarStyle) -> str:
    """Draws the bar in steps of half a cell: green where done, faint elsewhere."""
    full, half, empty = style.marks
    whole, odd = divmod(round(share * cells * 2), 2)
    done, rest = full * whole + half * odd, empty * (cells - whole - odd)
    return f"\x1b[32m{done}\x1b[0;2m{rest}\x1b[0m" if style.colored else done + rest


def _span(seconds: float) -> str:
    """A duration in its largest unit, never zero."""
    for size, unit in ((1, "s"), (60, "min")):
        if seconds / size < 99.5:
            return f"{max(round(seconds / size), 1)} {unit}"
    hours = seconds / 3600
    return f"{hours:.1f} h" if hours < 99.95 else f"{hours / 24:.0f} days"


def _marks(file: TextIO) -> tuple[str, str, str]:
    """FINE marks if the terminal's encoding has them, else PLAIN."""
    try:
        "".join(FINE).encode(file.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return FINE


EVERY = 100
"""Deliveries between two JSON events, and the fewest for which a bar is shown."""

FOLDED = 50_000
"""The most deliveries that a command folds, which takes a second or two. `run` folds them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """How a delivery went. `json` has the counts. `failed`: the mail server failed. `idle`: nothing was
    tried, and nothing was held back.
    """

    json: dict[str, Any]
    failed: bool
    idle: bool


def delivery_progress(app: App, *, as_json: bool) -> Delivered:
    """Delivers what is due, and returns how it went."""
    planned = app.queued()
    if as_json or planned < EVERY:
        tally, unknown = app.deliver(
            progress=_events(planned, app.deps.process.monotonic) if as_json else _quiet
        )
    else:
        with bar("delivering", planned, app.deps.process.monotonic) as update:
            tally, unknown = app.deliver(progress=lambda tally: update(tally.total))
    if note := app.outbox_note():
        say(f"note: {note}")
    _still_waiting(app, tally)
    _say_tally(tally, unknown)
    if folded := app.archive_deliveries(most=FOLDED):
        say(f"folded: {count(folded, 'delivery', 'deliveries')} older than mail.retention")
    found = {name: getattr(tally, name) for name in _WORDS}
    found |= {"unknown": unknown + tally.unknown, "held": tally.held or None}
    found["failing_relays"] = dict(tally.troubles)
    return Delivered(json=found, failed=tally.failed, idle=not (tally.total or tally.held))


def _still_waiting(app: App, tally: "DeliveryStats") -> None:
    """Counts a mailing that still waits for a server which failed in an earlier run as a failure of this run
    too.
    """
    waiting = next((one for one in app.store.unfinished_mailings() if one.hold is MailingHold.SERVER), None)
    if waiting is not None and not tally.failed:
        words = describe_hold(
            MailingHold.SERVER,
            waiting.id,
            waiting.hold_why,
            waiting.hold_until,
            zone=app.settings.site.timezone,
        )
        tally.failed, tally.held = True, f"mailing {waiting.id}: {words}"


def _quiet(_tally: "DeliveryStats") -> None:
    """Shows nothing, since there is too little for a bar."""


def _events(planned: int, ticks: Callable[[], float]) -> "Callable[[DeliveryStats], None]":
    """Prints a line of JSON on stderr for every hundred deliveries: their outcomes, the rate per second, and
    the seconds left.
    """
    start, reported = ticks(), 0

    def progress(tally: "DeliveryStats") -> None:
        nonlocal reported
        if tally.total // EVERY == reported // EVERY:
            return
        reported = tally.total
        rate = reported / max(ticks() - start, 0.001)
        event = {"event": "delivered", "done": reported, "of": planned}
        event |= {name: getattr(tally, name) for name in _WORDS}
        left = max(planned - reported, 0) / rate
        event |= {"per_second": round(rate, 1), "seconds_left": round(left, 1)}
        echo(json.dumps(event), err=True)

    return progress


def _say_tally(tally: "DeliveryStats", unknown: int) -> None:
    if tally.total:
        parts = [f"{getattr(tally, name):,} {name}" for name in _WORDS if getattr(tally, name)]
        say(f"delivered: {', '.join(parts)}")
    for name, why in tally.troubles.items():
        say(f"relay {name} fails: {why}; the other relays take over")
    if tally.rejected or tally.deferred:
        say("replies for the recipients it refused: `publisher mailings show ID`")
    if unknown + tally.unknown:
        number = count(unknown + tally.unknown, "delivery", "deliveries")
        say(f"unknown: {number}; `publisher mailings show ID` lists them, `resolve ID` decides")
    if tally.held:
        say(f"held: {tally.held}")


_WORDS = ("accepted", "rejected", "deferred", "unknown", "skipped")


def mailing_json(mailing: Mailing) -> dict[str, Any]:
    """A mailing as JSON."""
    return {
        "id": mailing.id,
        "list": mailing.list,
        "kind": mailing.kind,
        "state": mailing.state,
        "hold": mailing.hold,
        "hold_why": mailing.hold_why or None,
        "hold_until": utc(mailing.hold_until),
        "subject": mailing.subject,
        "created": utc(mailing.created_at),
        "remakes": mailing.remakes,
        "planned": mailing.planned,
        "counts": {state.value: mailing.counts.get(state, 0) for state in DeliveryState},
    }


def state_text(mailing: Mailing) -> str:
    """The state of a mailing, and what holds it back."""
    return f"{mailing.state} ({mailing.hold})" if mailing.hold else mailing.state.value


def counts_text(mailing: Mailing) -> str:
    """How many deliveries are in each state."""
    return ", ".join(f"{number:,} {state}" for state, number in mailing.counts.items() if number) or "nobody"


def after_cancel(mailing: Mailing) -> str:
    """What becomes of the posts of a cancelled mailing, and what an operator can do for its readers."""
    if mailing.kind is not MailingKind.DIGEST:
        return "its reader gets no other"
    return (
        f"these readers will not get its posts unless you run `publisher mailings remake "
        f"{mailing.id}` (mail them as they are now) or `publisher mailings release {mailing.id}` (with the "
        "next digest)"
    )
