"""Times as people write them (an instant, `tomorrow`, `+1d`, `08:00`), and whether the clock can be right.

The log never goes back, so a clock well behind its last entry is wrong. Two things put the log ahead of a
correct clock: a command that pretended a later time (`--at`), and a clock that was wrong until now
(`reconcile --clock`). Both are recorded as `LogAhead`.
"""

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

TIME_FORMS = "an ISO 8601 time such as 2026-05-01T08:00:00Z, or tomorrow, +1d, 08:00"

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:\d{1,6}[dhms])+")
_CLOCK = re.compile(r"(tomorrow)?[ T]?(\d{1,2}:\d\d(?::\d\d)?)?")


def parse_duration(text: str) -> timedelta:
    """A duration such as "24h", "1d12h" or "30m"; a day is 24 hours. Raises ValueError."""
    try:
        if _DURATION.fullmatch(text):
            return _duration(text)
    except OverflowError:
        pass
    raise ValueError(f"{text!r} is not a duration such as 24h, 1d or 30m")


def parse_time(text: str, now: datetime, zone: str) -> datetime:
    """The instant (UTC) that `text` means at `now`, by the clock of `zone`. Raises ValueError.

    - an ISO 8601 instant; without an offset it is UTC
    - `tomorrow`: this time of day on the next day of the calendar; `tomorrow 08:00`: that time of it
    - `+1d`, `+12h`, `+1d12h`, `+30m`: that much later; a day is 24 hours, whatever clocks do
    - `08:00`: the next time the clock shows it, today or tomorrow

    A time of day that the clock skips means the moment as far after the gap as it lies inside it; one that
    the clock shows twice means the first.
    """
    trimmed = text.strip()
    try:
        if trimmed.startswith("+") and _DURATION.fullmatch(trimmed[1:]):
            return now + _duration(trimmed)
        if trimmed and (found := _CLOCK.fullmatch(trimmed)):
            return _at_local_time(bool(found[1]), found[2], now, ZoneInfo(zone))
        parsed = datetime.fromisoformat(trimmed)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time; give {TIME_FORMS}") from None


def _duration(text: str) -> timedelta:
    steps = re.findall(r"(\d+)([dhms])", text)
    return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in steps), timedelta())


def _at_local_time(tomorrow: bool, clock: str | None, now: datetime, zone: ZoneInfo) -> datetime:
    here = now.astimezone(zone)
    at = time.fromisoformat(f"0{clock}" if clock[1] == ":" else clock) if clock else here.time()
    day = here.date() + timedelta(days=tomorrow)
    found = datetime.combine(day, at, zone).astimezone(UTC)
    if not tomorrow and found < now:
        found = datetime.combine(day + timedelta(days=1), at, zone).astimezone(UTC)
    return found


CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far behind the log a clock may be: clocks are set, and machines differ."""

NOW_LEEWAY = timedelta(minutes=1)
"""How far ahead a given time may be and still count as now: a script may take it from another machine."""


class AheadCause(StrEnum):
    """Why the log is ahead of a correct clock."""

    PRETENDED = "at"  # a command was run with --at and a future time
    ACCEPTED = "accepted"  # `reconcile --clock`: the clock was wrong when those entries were written


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAhead:
    """Entries up to `until` are known to be ahead of the clock. `sure` is the latest time that the clock is
    known to have shown since then: a clock before that is wrong after all.
    """

    until: datetime
    sure: datetime
    cause: AheadCause

    def to_text(self) -> str:
        """As JSON, for the store."""
        fields = {"until": self.until.isoformat(), "sure": self.sure.isoformat(), "cause": self.cause.value}
        return json.dumps(fields)


def log_ahead_from(text: str) -> LogAhead | None:
    """The value that `to_text` wrote; None for ""."""
    if not text:
        return None
    fields = json.loads(text)
    until, sure = (datetime.fromisoformat(fields[name]).astimezone(UTC) for name in ("until", "sure"))
    return LogAhead(until=until, sure=sure, cause=AheadCause(fields["cause"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LastEntry:
    """The latest instant in the store: of the log, or of the mailing with that number."""

    at: datetime
    mailing: int = 0

    @property
    def name(self) -> str:
        """ "the log's last entry", or "mailing 12"."""
        return f"mailing {self.mailing}" if self.mailing else "the log's last entry"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockLag:
    """A clock that shows `now` is wrong: `than` was written at `at`, later."""

    now: datetime
    at: datetime
    than: str

    @property
    def right_at(self) -> datetime:
        """What the clock must show to be believed again."""
        return self.at - CLOCK_TOLERANCE

    def in_words(self, zone: str) -> str:
        """ "it is 2020-01-01 01:00 CET, but mailing 12 is from 2026-11-02 10:00 CET"."""
        return f"it is {local_time(self.now, zone)}, but {self.than} is from {local_time(self.at, zone)}"


def clock_lag(now: datetime, last: LastEntry | None, ahead: LogAhead | None) -> ClockLag | None:
    """Whether a clock that shows `now` is wrong, by the store's last entry; None: it may be believed."""
    if last is None or now >= last.at - CLOCK_TOLERANCE:
        return None
    if ahead is None or last.at > ahead.until:
        return ClockLag(now=now, at=last.at, than=last.name)
    if now >= ahead.sure - CLOCK_TOLERANCE:
        return None
    return ClockLag(now=now, at=ahead.sure, than="the last known right time")


def log_ahead_after(
    now: datetime, real: datetime, last: LastEntry | None, ahead: LogAhead | None
) -> LogAhead | None:
    """What is to be remembered once something is written at `now`, while the machine's clock shows `real`."""
    if now > real + NOW_LEEWAY:
        known = [real] if last is None else [real, ahead.sure if ahead else min(last.at, now)]
        until = max(now, ahead.until) if ahead else now
        return LogAhead(until=until, sure=max(known), cause=ahead.cause if ahead else AheadCause.PRETENDED)
    if ahead is None or now >= ahead.until:
        return None
    return replace(ahead, sure=now) if now - ahead.sure > CLOCK_TOLERANCE else ahead


def accepted_log_ahead(now: datetime, last: LastEntry) -> LogAhead:
    """What is to be remembered once an operator says that `now` is right."""
    return LogAhead(until=last.at, sure=now, cause=AheadCause.ACCEPTED)


def local_time(value: datetime, zone: str) -> str:
    """An instant for a person, by the clock of a zone: "2026-11-25 09:00 CET"."""
    return f"{value.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"
