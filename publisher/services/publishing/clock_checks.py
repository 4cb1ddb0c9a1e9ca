"""The clock against the log: who writes must have a right one, who reads is told of a wrong one."""

from datetime import datetime

from publisher.core.errors import ClockBehind
from publisher.core.times import (
    LEEWAY,
    AheadCause,
    ClockLag,
    LogAhead,
    accepted,
    behind,
    in_zone,
    log_ahead_from,
    noted,
)
from publisher.ports import Store

LOG_AHEAD = "log_ahead"
"""The fact of why the log is ahead of a clock that is right: `core.times.LogAhead`, or ""."""


def log_ahead(store: Store) -> LogAhead | None:
    """Why the log is ahead of the clock, where that is known."""
    return log_ahead_from(store.fact(LOG_AHEAD))


def clock_behind(store: Store, now: datetime) -> ClockLag | None:
    """Whether a clock that shows `now` is wrong; None: it may be believed."""
    last = store.last_entry()
    if behind(now, last, None) is None:
        return None
    return behind(now, last, log_ahead(store))


def may_write(store: Store, zone: str, now: datetime, real: datetime) -> None:
    """To be asked before anything is written at `now`, while the machine's clock shows `real`. Raises
    ClockBehind. Remembers a time that is only pretended.
    """
    last, ahead = store.last_entry(), log_ahead(store)
    wrong = behind(now, last, ahead)
    if wrong is not None:
        raise _refused(wrong, zone, given=abs(now - real) > LEEWAY)
    new = noted(now, real, last, ahead)
    if new != ahead:
        store.keep_fact(LOG_AHEAD, new.to_text() if new else "")


def _refused(wrong: ClockLag, zone: str, *, given: bool) -> ClockBehind:
    if given:
        return ClockBehind("--at", wrong.in_words(zone), "nothing was changed; give a later time")
    do = "nothing was changed; set the clock, or accept it as it is with `publisher reconcile --clock`"
    return ClockBehind("clock", wrong.in_words(zone), do)


def accept(store: Store, now: datetime) -> ClockLag | None:
    """Takes the clock for right; returns what it was behind, None if it was not."""
    wrong, last = clock_behind(store, now), store.last_entry()
    if wrong is None or last is None:
        return None
    store.keep_fact(LOG_AHEAD, accepted(now, last).to_text())
    return wrong


def stays_ahead(store: Store, now: datetime) -> bool:
    """Whether what the log published before its time, by `now`, stays as it is: --at pretended a later time,
    or the clock was set back a little.
    """
    head = store.head().at
    if head is None or head <= now or clock_behind(store, now) is not None:
        return False
    ahead = log_ahead(store)
    return ahead is None or ahead.cause is AheadCause.PRETENDED


def ahead_in_words(store: Store, zone: str, now: datetime) -> str:
    """What to tell a person of a log that is known to be ahead of `now`; "" where it is not."""
    ahead = log_ahead(store)
    if ahead is None or now >= ahead.until:
        return ""
    until = in_zone(ahead.until, zone)
    if ahead.cause is AheadCause.PRETENDED:
        why = "because a command was run with --at: what it published stays, and is not mailed again"
    else:
        why = "because it was written while the clock was wrong"
    return f"the log is ahead of the clock until {until}, {why}"
