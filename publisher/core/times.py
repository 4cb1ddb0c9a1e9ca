"""Times as a person gives them: an instant, `tomorrow`, `+1d`, `08:00`."""

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

FORMS = "an ISO 8601 time such as 2026-05-01T08:00:00Z, or tomorrow, +1d, 08:00"

_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_DURATION = re.compile(r"(?:\d{1,6}[dhms])+")
_CLOCK = re.compile(r"(tomorrow)?[ T]?(\d{1,2}:\d\d(?::\d\d)?)?")


def read_duration(text: str) -> timedelta:
    """What "24h", "1d12h" or "30m" means; a day is 24 hours. Raises ValueError."""
    try:
        if _DURATION.fullmatch(text):
            return _duration(text)
    except OverflowError:
        pass
    raise ValueError(f"{text!r} is not a duration such as 24h, 1d or 30m")


def read_time(text: str, now: datetime, zone: str) -> datetime:
    """The instant (UTC) that `text` means at `now`, by the clock of `zone`. Raises ValueError.

    - an ISO 8601 instant; without an offset it is UTC
    - `tomorrow`: this time of day on the next day of the calendar; `tomorrow 08:00`: that time of it
    - `+1d`, `+12h`, `+1d12h`, `+30m`: that much later; a day is 24 hours, whatever clocks do
    - `08:00`: the next time the clock shows it, today or tomorrow

    Where a clock skips a time of day, the moment as far after the gap as it lies in it; where a clock shows
    it twice, the first.
    """
    try:
        return _read(text.strip(), now, zone)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a time; give {FORMS}") from None


def _read(text: str, now: datetime, zone: str) -> datetime:
    if text.startswith("+") and _DURATION.fullmatch(text[1:]):
        return now + _duration(text)
    if text and (found := _CLOCK.fullmatch(text)):
        return _by_the_clock(bool(found[1]), found[2], now, zone)
    parsed = datetime.fromisoformat(text)
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _duration(text: str) -> timedelta:
    steps = re.findall(r"(\d+)([dhms])", text)
    return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in steps), timedelta())


def _by_the_clock(tomorrow: bool, clock: str | None, now: datetime, zone: str) -> datetime:
    here = now.astimezone(ZoneInfo(zone))
    at = time.fromisoformat(f"0{clock}" if clock[1] == ":" else clock) if clock else here.time()
    day = here.date() + timedelta(days=tomorrow)
    found = datetime.combine(day, at, ZoneInfo(zone)).astimezone(UTC)
    if not tomorrow and found < now:
        found = datetime.combine(day + timedelta(days=1), at, ZoneInfo(zone)).astimezone(UTC)
    return found
