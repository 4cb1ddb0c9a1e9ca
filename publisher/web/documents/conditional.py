"""Conditional requests (RFC 9110 13): what a client already has need not be sent again. Pure."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

_TAG = re.compile(rb'(W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_BETWEEN = re.compile(rb"[ \t]*(?:,[ \t]*)+")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_MONTH = "(?P<month>" + "|".join(_MONTHS) + ")"
_DATES = (
    re.compile(rf"(?:{'|'.join(_DAYS)}), (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT"),
    re.compile(
        rf"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT"
    ),
    re.compile(rf"(?:{'|'.join(_DAYS)}) {_MONTH} (?P<day>\d\d| \d) {_TIME} (?P<year>\d{{4}})"),
)


class Verdict(Enum):
    """What the preconditions of a GET or HEAD come to."""

    SEND = 200
    NOT_MODIFIED = 304
    FAILED = 412


@dataclass(frozen=True, slots=True)
class Conditions:
    """The precondition headers of one request, each with all its field lines in order."""

    if_match: tuple[bytes, ...] = ()
    if_none_match: tuple[bytes, ...] = ()
    if_modified_since: tuple[bytes, ...] = ()
    if_unmodified_since: tuple[bytes, ...] = ()


NAMES = {
    b"if-match": "if_match",
    b"if-none-match": "if_none_match",
    b"if-modified-since": "if_modified_since",
    b"if-unmodified-since": "if_unmodified_since",
}
"""The headers that make conditions, and the field of `Conditions` each fills."""


def evaluate(given: Conditions, etag: bytes, modified: datetime, now: datetime) -> Verdict:
    """What to answer for a document with this strong `etag` and time (whole seconds), in the order of
    RFC 9110 13.2.2. Dates that are malformed, given twice or in the future say nothing.
    """
    if given.if_match:
        if not _matches(given.if_match, etag, weakly=False):
            return Verdict.FAILED
    elif (unmodified := _date(given.if_unmodified_since, now)) and modified > unmodified:
        return Verdict.FAILED
    if given.if_none_match:
        return Verdict.NOT_MODIFIED if _matches(given.if_none_match, etag, weakly=True) else Verdict.SEND
    since = _date(given.if_modified_since, now)
    return Verdict.NOT_MODIFIED if since and modified <= since else Verdict.SEND


def _matches(fields: tuple[bytes, ...], etag: bytes, *, weakly: bool) -> bool:
    """RFC 9110 8.8.3.2: a list of entity tags, or "*", against the one that is current."""
    value = b",".join(fields).strip(b" \t")
    if value in {b"*", etag}:  # nearly every client sends back the one it was given
        return True
    return any(tag == etag or (weakly and tag == b"W/" + etag) for tag in tags(value))


def tags(value: bytes) -> list[bytes]:
    """The tags of a list, as far as it can be read (a comma may stand inside a tag)."""
    listed: list[bytes] = []
    at = 0
    while found := _TAG.match(value, at):
        listed.append(found[0])
        between = _BETWEEN.match(value, found.end())
        if between is None:
            break
        at = between.end()
    return listed


def is_date(value: bytes, modified: datetime, now: datetime) -> bool:
    """Whether `value` is the HTTP date of `modified` exactly (RFC 9110 13.1.5)."""
    return parse_http_date(value.decode("latin-1"), now) == modified


def _date(fields: tuple[bytes, ...], now: datetime) -> datetime | None:
    if len(fields) != 1:
        return None
    found = parse_http_date(fields[0].decode("latin-1"), now)
    return found if found and found <= now else None


def http_date(instant: datetime) -> str:
    """IMF-fixdate (RFC 9110 5.6.7), whatever the locale: "Sun, 06 Nov 1994 08:49:37 GMT"."""
    utc = instant.astimezone(UTC)
    return f"{_DAYS[utc.weekday()]}, {utc:%d} {_MONTHS[utc.month - 1]} {utc.year:04d} {utc:%H:%M:%S} GMT"


def parse_http_date(text: str, now: datetime) -> datetime | None:
    """An HTTP-date in any of its three forms (RFC 9110 5.6.7), or None. Two-digit years lie within
    50 years of `now`.
    """
    for form in _DATES:
        if found := form.fullmatch(text.strip(" \t")):
            return _instant(found, now)
    return None


def _instant(found: re.Match[str], now: datetime) -> datetime | None:
    year = int(found["year"])
    if len(found["year"]) == 2:
        year += now.year // 100 * 100
        year -= 100 if year > (now + timedelta(days=50 * 365)).year else 0
    second = min(int(found["second"]), 59)  # a leap second
    try:
        return datetime(
            year,
            _MONTHS.index(found["month"]) + 1,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            second,
            tzinfo=UTC,
        )
    except ValueError:
        return None
