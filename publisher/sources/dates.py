"""The forms a date is written in. An impossible or unknown one is None, never an exception."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ABBREVIATIONS = {  # the ones of RFC 822 and those that posts use; hours from UTC
    "Z": 0, "UT": 0, "UTC": 0, "GMT": 0, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6,
    "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10, "WET": 0, "WEST": 1, "BST": 1, "CET": 1,
    "CEST": 2, "EET": 2, "EEST": 3, "MSK": 3, "JST": 9, "KST": 9, "ICT": 7, "SGT": 8, "HKT": 8, "AEST": 10,
    "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
_REGIONS = {
    "ET": "America/New_York",
    "CT": "America/Chicago",
    "MT": "America/Denver",
    "PT": "America/Los_Angeles",
}

_WEEKDAY = r"(?:[a-z]+,?\s+)?"
_MONTH = rf"(?P<m>{'|'.join(_MONTHS)})[a-z]*\.?"
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<y>\d{4})(?!\d)"
_DAYS = (
    re.compile(r"(?P<y>\d{4})(?P<sep>[-/.])(?P<m>\d{1,2})(?P=sep)(?P<d>\d{1,2})(?!\d)"),
    re.compile(rf"{_WEEKDAY}{_MONTH}\s+{_DAY},?\s+{_YEAR}", re.IGNORECASE),
    re.compile(rf"{_WEEKDAY}{_DAY}[\s-]+{_MONTH},?[\s-]+{_YEAR}", re.IGNORECASE),
)
_TIME = re.compile(
    r"(?:\s*[Tt,]\s*|\s+(?:at\s+)?)(?P<h>\d{1,2}):(?P<min>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\b\.?)?"
    r"(?:\s*(?P<zone>(?:UTC|GMT)?[+-](?:\d{4}|\d{1,2}(?::\d{2})?)(?!\d)|[A-Za-z]+/[A-Za-z_/]+|[A-Za-z]{1,4}\b))?"
)
_ODD_OFFSET = re.compile(r"\s*[+-]\d")
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?")
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_NUMBERS = re.compile(r"(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4})(?!\d)")


def parse_date(text: str, zone: tzinfo) -> datetime | None:
    """The instant `text` names, aware and UTC, to the microsecond; `zone` where it names none.

    A day without a time is its first moment. Words after the date are passed over ("2016-07-19
    (optional)"). None: no date, or one that no calendar has.
    """
    if (found := _iso(text, zone)) is not None:
        return found
    text = text.replace("\u00a0", " ").replace("\u202f", " ").strip()
    for pattern in _DAYS:
        if match := pattern.match(text):
            day = (int(match["y"]), _month(match["m"]), int(match["d"]))
            try:
                return _instant(day, _time(text, match.end()), zone)
            except (ValueError, OverflowError):
                return None
    return _of_numbers(text, zone)


def _iso(text: str, zone: tzinfo) -> datetime | None:
    """The instant of a date and time as most are written; None: it is written otherwise, or is none. It says
    what the patterns would, in a fifth of the time.
    """
    if _ISO.fullmatch(text) is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _of_numbers(text: str, zone: tzinfo) -> datetime | None:
    """10/25/2024 has its month first, as in JavaScript; with other signs only what can be read in one way is
    a date.
    """
    match = _NUMBERS.match(text)
    if match is None:
        return None
    first, second = int(match["a"]), int(match["b"])
    if first <= 12 and second <= 12 and first != second and match["sep"] != "/":
        return None
    month, day = (second, first) if first > 12 else (first, second)
    try:
        return _instant((int(match["y"]), month, day), _time(text, match.end()), zone)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=64)
def zone_named(name: str) -> tzinfo | None:
    """The zone of an IANA name; None where there is none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return None


def _time(text: str, start: int) -> re.Match[str] | None:
    time = _TIME.match(text, start)
    if time and _ODD_OFFSET.match(text, time.end()):
        raise ValueError(text)  # "12:00-400" is a mistake: better the next candidate than a guess
    return time


def _instant(day: tuple[int, int, int], time: re.Match[str] | None, zone: tzinfo) -> datetime:
    if time is None:
        return datetime(*day, tzinfo=zone).astimezone(UTC)
    hour = int(time["h"])
    if time["half"]:
        if not 1 <= hour <= 12:
            raise ValueError(hour)
        hour = hour % 12 + (12 if time["half"] in "Pp" else 0)
    micro = int((time["f"] or "0").ljust(6, "0")[:6])
    clock = (hour, int(time["min"]), int(time["s"] or 0), micro)
    return datetime(*day, *clock, tzinfo=_zone(time["zone"], zone)).astimezone(UTC)


def _zone(word: str | None, default: tzinfo) -> tzinfo:
    if not word:
        return default
    if match := _OFFSET.fullmatch(word):
        span = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        return timezone(span if match[1] == "+" else -span)
    if word.upper() in _ABBREVIATIONS:
        return timezone(timedelta(hours=_ABBREVIATIONS[word.upper()]))
    return (
        zone_named(_REGIONS.get(word.upper(), word)) or default
        if "/" in word or word.upper() in _REGIONS
        else default
    )


def _month(word: str) -> int:
    return int(word) if word.isdigit() else _MONTHS.index(word[:3].lower()) + 1
