"""Is the clock right? The log never goes back, so a clock well behind its last entry is wrong.

Two things put the log ahead of a clock that is right: a command that pretended a later time (`--at`), and a
clock that was wrong until now and is right again (`reconcile --clock`). Both are remembered as `LogAhead`.
"""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

TOLERANCE = timedelta(minutes=5)
"""How far behind the log a clock may be: clocks are set, and machines differ."""

LEEWAY = timedelta(minutes=1)
"""How far ahead a given time may be and still be now: a script took it from another machine's clock."""


class Cause(StrEnum):
    """Why the log is ahead of a clock that is right."""

    PRETENDED = "at"  # a command was run with --at and a time to come
    ACCEPTED = "accepted"  # `reconcile --clock`: the clock was wrong when those entries were written


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAhead:
    """Entries up to `until` are known to be ahead of the clock. `sure` is the latest time that the clock is
    known to have shown since: one before it is wrong all the same.
    """

    until: datetime
    sure: datetime
    cause: Cause

    def to_text(self) -> str:
        """For the store: JSON."""
        fields = {"until": self.until.isoformat(), "sure": self.sure.isoformat(), "cause": self.cause.value}
        return json.dumps(fields)


def log_ahead_from(text: str) -> LogAhead | None:
    """What `to_text` made; None of ""."""
    if not text:
        return None
    fields = json.loads(text)
    until, sure = (datetime.fromisoformat(fields[name]).astimezone(UTC) for name in ("until", "sure"))
    return LogAhead(until=until, sure=sure, cause=Cause(fields["cause"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class LastEntry:
    """The latest instant that the store holds: of the log, or of the mailing of that number."""

    at: datetime
    mailing: int = 0

    @property
    def name(self) -> str:
        """ "the log's last entry", or "mailing 12"."""
        return f"mailing {self.mailing}" if self.mailing else "the log's last entry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A clock that shows `now` is wrong: `than` was written at `at`, later."""

    now: datetime
    at: datetime
    than: str

    @property
    def right_at(self) -> datetime:
        """What the clock must show to be believed again."""
        return self.at - TOLERANCE

    def in_words(self, zone: str) -> str:
        """ "it is 2020-01-01 01:00 CET, but mailing 12 is from 2026-11-02 10:00 CET"."""
        return f"it is {in_zone(self.now, zone)}, but {self.than} is from {in_zone(self.at, zone)}"


def behind(now: datetime, last: LastEntry | None, ahead: LogAhead | None) -> Behind | None:
    """Whether a clock that shows `now` is wrong, by the store's last entry; None: it may be believed."""
    if last is None or now >= last.at - TOLERANCE:
        return None
    if ahead is None or last.at > ahead.until:
        return Behind(now=now, at=last.at, than=last.name)
    if now >= ahead.sure - TOLERANCE:
        return None
    return Behind(now=now, at=ahead.sure, than="the last known right time")


def noted(now: datetime, real: datetime, last: LastEntry | None, ahead: LogAhead | None) -> LogAhead | None:
    """What is to be remembered once something is written at `now`, while the machine's clock shows `real`."""
    if now > real + LEEWAY:
        known = [real] if last is None else [real, ahead.sure if ahead else min(last.at, now)]
        until = max(now, ahead.until) if ahead else now
        return LogAhead(until=until, sure=max(known), cause=ahead.cause if ahead else Cause.PRETENDED)
    if ahead is None or now >= ahead.until:
        return None
    return replace(ahead, sure=now) if now - ahead.sure > TOLERANCE else ahead


def accepted(now: datetime, last: LastEntry) -> LogAhead:
    """What is to be remembered once an operator says that `now` is right."""
    return LogAhead(until=last.at, sure=now, cause=Cause.ACCEPTED)


def in_zone(value: datetime, zone: str) -> str:
    """An instant for a person, by the clock of a zone: "2026-11-25 09:00 CET"."""
    return f"{value.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}"
