"""Compares the clock with the log. Nothing is written while the clock is behind the last entry, and commands
that only read report it.
"""

from datetime import datetime

from publisher.core.errors import ClockBehind
from publisher.core.times import (
    NOW_LEEWAY,
    AheadCause,
    ClockLag,
    LogAhead,
    accepted_log_ahead,
    clock_lag,
    local_time,
    log_ahead_after,
    log_ahead_from,
)
from publisher.ports import Store

LOG_AHEAD = "log_ahead"
"""The key, in the store, of why the log is ahead of a correct clock: a `core.times.LogAhead`, or ""."""


def log_ahead(store: Store) -> LogAhead | None:
    """Why the log is ahead of the clock, if that is known."""
    return log_ahead_from(store.meta(LOG_AHEAD))


def clock_behind(store: Store, now: datetime) -> ClockLag | None:
    """How far a clock that shows `now` is behind; None if it can be trusted."""
    last = store.last_entry()
    if clock_lag(now, last, None) is None:
        return None
    return clock_lag(now, last, log_ahead(store))


def check_clock(store: Store, zone: str, now: datetime, real: datetime) -> None:
    """Checks the clock; call it before anything is written at `now`, with the machine's time as `real`. If
    `now` is pretended with `--at`, the store records that. Raises ClockBehind.
    """
    last, ahead = store.last_entry(), log_ahead(store)
    lag = clock_lag(now, last, ahead)
    if lag is not None:
        if abs(now - real) > NOW_LEEWAY:
            raise ClockBehind("--at", lag.in_words(zone), "nothing was changed; give a later time")
        do = "nothing was changed; set the clock, or accept it as it is with `publisher reconcile --clock`"
        raise ClockBehind("clock", lag.in_words(zone), do)
    new = log_ahead_after(now, real, last, ahead)
    if new != ahead:
        store.set_meta(LOG_AHEAD, new.to_text() if new else "")


def accept_clock(store: Store, now: datetime) -> ClockLag | None:
    """Trusts the clock from now on; returns how far it was behind, None if it was right."""
    lag, last = clock_behind(store, now), store.last_entry()
    if lag is None or last is None:
        return None
    store.set_meta(LOG_AHEAD, accepted_log_ahead(now, last).to_text())
    return lag


def log_stays_ahead(store: Store, now: datetime) -> bool:
    """Whether posts that are public in the log but due after `now` stay public, because a command was run
    with a later --at or the clock was set back a little.
    """
    head = store.head().at
    if head is None or head <= now or clock_behind(store, now) is not None:
        return False
    ahead = log_ahead(store)
    return ahead is None or ahead.cause is AheadCause.PRETENDED


def describe_log_ahead(store: Store, zone: str, now: datetime) -> str:
    """A sentence about a log that is ahead of `now`; "" if it is not."""
    ahead = log_ahead(store)
    if ahead is None or now >= ahead.until:
        return ""
    until = local_time(ahead.until, zone)
    if ahead.cause is AheadCause.PRETENDED:
        why = "because a command was run with --at: what it published stays, and is not mailed again"
    else:
        why = "because it was written while the clock was wrong"
    return f"the log is ahead of the clock until {until}, {why}"
