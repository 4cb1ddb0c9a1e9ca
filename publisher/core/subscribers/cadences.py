"""Cadences: when digests are due, by the wall clock of a time zone.

Add a cadence as a class and an entry in the registry. If a clock change skips the hour of a digest, the
digest is due as far after the gap as the hour lies inside it; if the hour occurs twice, it is due the first
time. A local day that was skipped (30 December 2011 in Samoa) coincides with the next.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from publisher.core.subscribers.subscription import WEEKDAYS, Schedule

TIME_STEP = timedelta(milliseconds=1)
"""The store's smallest step of time."""

_MARGIN = timedelta(days=2)
"""The most days between the local day of an instant and that of the nearest occurrence: no clock jumps
farther.
"""


class Immediate:
    """Every instant is an occurrence, so posts never wait."""

    name = "immediate"
    at_once = True
    max_late: timedelta | None = None

    def after(self, instant: datetime, schedule: Schedule) -> datetime:
        """The next instant there is."""
        return instant + TIME_STEP

    def latest(self, instant: datetime, schedule: Schedule) -> datetime:
        """`instant` itself."""
        return instant


class Daily:
    """Every local day at the schedule's hour. Base class of cadences on certain days."""

    name = "daily"
    at_once = False
    max_late: timedelta | None = timedelta(hours=12)

    def falls_on(self, day: date, schedule: Schedule) -> bool:
        """Whether a digest is due on that local day."""
        return True

    def after(self, instant: datetime, schedule: Schedule) -> datetime:
        """The first occurrence strictly after `instant` (aware; the answer is UTC)."""
        day = _local_day(instant, schedule) - _MARGIN
        while not self.falls_on(day, schedule) or (due := at_local(day, schedule)) <= instant:
            day += timedelta(days=1)
        return due

    def latest(self, instant: datetime, schedule: Schedule) -> datetime:
        """The last occurrence at or before `instant`."""
        day = _local_day(instant, schedule) + _MARGIN
        while not self.falls_on(day, schedule) or (due := at_local(day, schedule)) > instant:
            day -= timedelta(days=1)
        return due


class Weekly(Daily):
    """One day of the week."""

    name = "weekly"
    max_late = timedelta(days=3)

    def falls_on(self, day: date, schedule: Schedule) -> bool:
        """Whether it is the weekday that `on` names ("mon"); Monday if it names none."""
        return WEEKDAYS[day.weekday()] == (schedule.on or "mon")


class Monthly(Daily):
    """One day of the month, from 1 to 28, which every month has."""

    name = "monthly"
    max_late = timedelta(days=10)

    def falls_on(self, day: date, schedule: Schedule) -> bool:
        """Whether it is the day of the month that `on` names; the first if it names none."""
        return day.day == int(schedule.on or 1)


def at_local(day: date, schedule: Schedule) -> datetime:
    """The schedule's hour on a local day, as UTC. If clocks skip that hour, the moment after the gap that is
    as far from midnight by the old offset; if they repeat it, the first.
    """
    local = datetime.combine(day, schedule.at, tzinfo=ZoneInfo(schedule.timezone))
    return local.astimezone(UTC)


def _local_day(instant: datetime, schedule: Schedule) -> date:
    return instant.astimezone(ZoneInfo(schedule.timezone)).date()


CADENCES: Mapping[str, Immediate | Daily] = MappingProxyType(
    {cadence.name: cadence for cadence in (Immediate(), Daily(), Weekly(), Monthly())}
)
