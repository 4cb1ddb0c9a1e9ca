"""Cadences: when a list's digests are due, by the wall clock of the list's zone.

One class a cadence, one line in the registry. Local time exists here and nowhere else in core.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from publisher.core.lists import MailingList


class Daily:
    """Every day at the list's hour."""

    name = "daily"

    def after(self, instant: datetime, spec: MailingList) -> datetime:
        """The first occurrence strictly after `instant` (aware; the answer is UTC)."""
        day = _local_day(instant, spec) - timedelta(days=1)
        while (due := at_local(day, spec)) <= instant:
            day += timedelta(days=1)
        return due

    def latest(self, instant: datetime, spec: MailingList) -> datetime:
        """The last occurrence at or before `instant`."""
        day = _local_day(instant, spec) + timedelta(days=1)
        while (due := at_local(day, spec)) > instant:
            day -= timedelta(days=1)
        return due


def at_local(day: date, spec: MailingList) -> datetime:
    """The list's hour on a local day, as UTC. Where clocks skip that hour, the moment after the gap that
    is as far from midnight by the old offset; where they repeat it, the first.
    """
    local = datetime.combine(day, spec.at, tzinfo=ZoneInfo(spec.timezone))
    return local.astimezone(UTC)


def _local_day(instant: datetime, spec: MailingList) -> date:
    return instant.astimezone(ZoneInfo(spec.timezone)).date()


CADENCES: Mapping[str, Daily] = MappingProxyType({cadence.name: cadence for cadence in (Daily(),)})
