"""Dates in the forms in which people write them. An impossible or unknown one is None, never an exception."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from publisher.core.caching import lazy

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ABBREVIATIONS = {  # those of RFC 822 and others that posts use; hours from UTC
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
_DATE_FORMS = (
    lazy(r"(?P<y>\d{4})(?P<sep>[-/.])(?P<m>\d{1,2})(?P=sep)(?P<d>\d{1,2})(?!\d)"),
    lazy(r"(?P<y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})(?![\d:])"),  # 20240102
    lazy(rf"{_WEEKDAY}{_MONTH}\s+{_DAY},?\s+{_YEAR}", re.IGNORECASE),
    lazy(rf"{_WEEKDAY}{_DAY}[\s-]+{_MONTH},?[\s-]+{_YEAR}", re.IGNORECASE),
)
_BETWEEN = r"(?:\s*[Tt,_]\s*|\s*-\s*|\s+(?:at\s+|@\s*)?)"
_HALF = r"(?:\s*(?P<half>[AaPp])(?:\.[Mm]\.|[Mm]\b))"
_TIME_FORMS = (
    rf"(?P<h>\d{{1,2}})\s?:\s?(?P<min>\d{{2}})(?::(?P<s>\d{{2}})(?:[.,](?P<f>\d{{1,9}}))?)?{_HALF}?",
    r"(?P<h>\d{1,2})\s?h(?:\s?(?P<min>\d{2})(?:m\b)?(?:\s?(?P<s>\d{2})s\b)?)?(?![a-z\d])",  # 18h30, 18h
    rf"(?P<h>\d{{1,2}}){_HALF}",  # 6pm
    rf"(?P<h>\d{{1,2}})\.(?P<min>\d{{2}})(?:\.(?P<s>\d{{2}}))?{_HALF}?(?![.\d])",  # 18.30
    r"(?P<h>\d{2})(?P<min>\d{2})(?P<s>\d{2})?(?![.:\d])",  # 1830
    r"(?P<h>\d{1,2})(?=\s*Z?$)",  # 2026-11-20 18
)
_ZONE = (
    r"(?:\s*(?P<zone>(?:UTC|GMT)?[+-](?:\d{4}|\d{1,2}(?::\d{2})?)(?!\d)"
    r"|[A-Za-z]+/[A-Za-z_/]+|[A-Za-z]{1,4}\b))?"
)
_WRITTEN = tuple(f"{_BETWEEN}{clock}{_ZONE}" for clock in _TIME_FORMS)
_TIMES = tuple(lazy(source, re.IGNORECASE) for source in _WRITTEN)
_BARE = _WRITTEN[3:5]
"""Times that Ruby ignores: it needs a colon, an "h", or am or pm."""
_ODD_OFFSET = lazy(r"\s*[+-]\d")
_TIMELIKE = lazy(r"\d|\b(?:[ap]\.?m\b|noon|midnight)", re.IGNORECASE)
"""In the rest of a text: something that may be a time."""

_OFFSET = lazy(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?")
_AT_THE_END = lazy(r":\d{2}(?:\.\d+)?\s*([Zz]|[+-]\d{2}:?\d{2})$")
_ISO_FORM = lazy(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_NUMERIC_FORM = lazy(r"(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<y>\d{4})(?!\d)")


class DateOrder(StrEnum):
    """How a generator reads a date of three numbers whose year comes last."""

    DAY_FIRST = "day"  # Ruby's Date
    MONTH_FIRST = "month"  # JavaScript's Date, Python's dateutil
    NONE = "none"  # not at all, or unknown


@dataclass(frozen=True, slots=True)
class ParsedDate:
    """The instant that a text names (aware, UTC; None: no date, or an impossible one), and what the author
    should check about it ("" for nothing).
    """

    at: datetime | None
    doubt: str = ""


def parse_date(text: str, zone: tzinfo) -> datetime | None:
    """The instant `text` names, aware and UTC, to the microsecond; `zone` where it names none.

    A day without a time means its first moment. Words after the date are ignored ("2016-07-19 (optional)").
    None: no date, or an impossible one.
    """
    return read_date(text, zone).at


def read_date(text: str, zone: tzinfo, order: DateOrder = DateOrder.NONE, *, bare: bool = True) -> ParsedDate:
    """Like `parse_date`, with doubts. `order` is how the generator reads 05/11/2026, `bare` whether it reads
    a time without a colon (18.30).
    """
    if (found := parse_iso(text, zone)) is not None:
        return ParsedDate(found)
    text = text.replace("\u00a0", " ").replace("\u202f", " ").strip()
    for pattern in _DATE_FORMS:
        if match := pattern.match(text):
            named = match["m"]
            month = int(named) if named.isdigit() else _MONTHS.index(named[:3].lower()) + 1
            day = (int(match["y"]), month, int(match["d"]))
            return with_time(day, text, match.end(), zone, bare=bare)
    return parse_numeric_date(text, zone, order, bare=bare)


def with_time(day: tuple[int, int, int], text: str, end: int, zone: tzinfo, *, bare: bool) -> ParsedDate:
    """`day` with the time in `text` after position `end`, and a doubt if not all of it was understood."""
    time = next((found for pattern in _TIMES if (found := pattern.match(text, end))), None)
    try:
        if time and _ODD_OFFSET.match(text, time.end()):
            return ParsedDate(None)  # "12:00-400" is a mistake: better the next candidate than a guess
        at = to_instant(day, time, zone)
    except (ValueError, OverflowError):
        return ParsedDate(None)
    rest = text[time.end() if time else end :].strip()
    if _TIMELIKE.search(rest):
        return ParsedDate(at, f"{rest[:30]!r} is not understood; write the time as 18:30")
    if time and not bare and time.re.pattern in _BARE:
        return ParsedDate(at, "the generator does not read that time and takes midnight; write it as 18:30")
    return ParsedDate(at)


def parse_iso(text: str, zone: tzinfo) -> datetime | None:
    """The instant of a date and time in the most common form; None for anything else. Agrees with the
    patterns in a fifth of the time.
    """
    if _ISO_FORM.fullmatch(text) is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_numeric_date(text: str, zone: tzinfo, order: DateOrder, *, bare: bool) -> ParsedDate:
    """05/11/2026 and the like, in the generator's order. If that is unknown, "/" is read month first, as in
    JavaScript, and other separators only if there is just one way to read them.
    """
    match = _NUMERIC_FORM.match(text)
    if match is None:
        return ParsedDate(None)
    first, second = int(match["a"]), int(match["b"])
    several = first <= 12 and second <= 12 and first != second
    if several and order is DateOrder.NONE and match["sep"] != "/":
        return ParsedDate(None)
    day_first = first > 12 or (second <= 12 and order is DateOrder.DAY_FIRST)
    day, month = (first, second) if day_first else (second, first)
    found = with_time((int(match["y"]), month, day), text, match.end(), zone, bare=bare)
    if several and found.at and order is not DateOrder.DAY_FIRST and not found.doubt:
        iso = f"{int(match['y']):04}-{month:02}-{day:02}"
        return ParsedDate(found.at, f"read with the month first, as {iso}; write it so")
    return found


def offset_in(text: str) -> tzinfo | None:
    """The offset at the end of a date ("...T08:00:00+02:00", "... -0500", "...Z"); None if it has none."""
    match = _AT_THE_END.search(text)
    if match is None:
        return None
    return UTC if match[1] in "Zz" else parse_zone(match[1], UTC)


@lru_cache(maxsize=64)
def find_zone(name: str) -> tzinfo | None:
    """The time zone of an IANA name; None if there is none."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return None


def to_instant(day: tuple[int, int, int], time: re.Match[str] | None, zone: tzinfo) -> datetime:
    """The UTC instant of a day and a time (None: its first moment). Raises ValueError, OverflowError."""
    if time is None:
        return datetime(*day, tzinfo=zone).astimezone(UTC)
    hour = int(time["h"])
    groups = time.groupdict()
    if half := groups.get("half"):
        if not 1 <= hour <= 12:
            raise ValueError(hour)
        hour = hour % 12 + (12 if half in "Pp" else 0)
    micro = int((groups.get("f") or "0").ljust(6, "0")[:6])
    clock = (hour, int(groups.get("min") or 0), int(groups.get("s") or 0), micro)
    return datetime(*day, *clock, tzinfo=parse_zone(time["zone"], zone)).astimezone(UTC)


def parse_zone(word: str | None, default: tzinfo) -> tzinfo:
    """The zone of an offset, an abbreviation or an IANA name; `default` for anything else."""
    if not word:
        return default
    if match := _OFFSET.fullmatch(word):
        span = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        return timezone(span if match[1] == "+" else -span)
    if word.upper() in _ABBREVIATIONS:
        return timezone(timedelta(hours=_ABBREVIATIONS[word.upper()]))
    if "/" in word or word.upper() in _REGIONS:
        return find_zone(_REGIONS.get(word.upper(), word)) or default
    return default
