"""What a request for a document asks: conditions (RFC 9110 13), encodings (12.5.3) and a range (14), read
once.

Pure: which conditions hold, and which encoding is sent, are decided here too.
"""

import re
from collections.abc import Iterable, Sequence
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


class ConditionResult(Enum):
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


CONDITION_HEADERS = {
    b"if-match": "if_match",
    b"if-none-match": "if_none_match",
    b"if-modified-since": "if_modified_since",
    b"if-unmodified-since": "if_unmodified_since",
}
"""The headers that make conditions, and the field of `Conditions` each fills."""


def evaluate(given: Conditions, etag: bytes, modified: datetime, now: datetime) -> ConditionResult:
    """What to answer for a document with this strong `etag` and time (whole seconds), in the order of RFC
    9110 13.2.2. Dates that are malformed, repeated or in the future are ignored.
    """
    if given.if_match:
        if not any_tag_matches(given.if_match, etag, weakly=False):
            return ConditionResult.FAILED
    elif (unmodified := single_date(given.if_unmodified_since, now)) and modified > unmodified:
        return ConditionResult.FAILED
    if given.if_none_match:
        return (
            ConditionResult.NOT_MODIFIED
            if any_tag_matches(given.if_none_match, etag, weakly=True)
            else ConditionResult.SEND
        )
    since = single_date(given.if_modified_since, now)
    return ConditionResult.NOT_MODIFIED if since and modified <= since else ConditionResult.SEND


def any_tag_matches(fields: tuple[bytes, ...], etag: bytes, *, weakly: bool) -> bool:
    """RFC 9110 8.8.3.2: a list of entity tags, or "*", against the one that is current."""
    value = b",".join(fields).strip(b" \t")
    if value in {b"*", etag}:  # nearly every client sends back the one it was given
        return True
    return any(tag == etag or (weakly and tag == b"W/" + etag) for tag in entity_tags(value))


def entity_tags(value: bytes) -> list[bytes]:
    """The tags of a list, up to what cannot be read (a comma may be part of a tag)."""
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


def single_date(fields: tuple[bytes, ...], now: datetime) -> datetime | None:
    """The date of a header that was sent once, and is not in the future."""
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
    found = next((found for form in _DATES if (found := form.fullmatch(text.strip(" \t")))), None)
    if found is None:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        year += now.year // 100 * 100
        year -= 100 if year > (now + timedelta(days=50 * 365)).year else 0
    month = _MONTHS.index(found["month"]) + 1
    hour, minute = int(found["hour"]), int(found["minute"])
    second = min(int(found["second"]), 59)  # a leap second
    try:
        return datetime(year, month, int(found["day"]), hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


_RANGE = re.compile(rb"bytes[ \t]*=[ \t]*(\d*)-(\d*)[ \t]*", re.IGNORECASE)
_FEED = re.compile(
    rb"(?:\A|,)[ \t]*feed[ \t]*(?:;[ \t]*q=(?!0(?:\.0*)?[ \t]*(?:,|\Z))[\d.]+[ \t]*)?(?=,|\Z)", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class DocumentRequest:
    """One request. `accept_encoding` is None where it was not sent; `range` is one range of bytes, (from, to)
    with None for an open end, or None for the whole document.
    """

    head: bool
    conditions: Conditions | None = None
    accept_encoding: bytes | None = None
    deltas: bool = False
    range: tuple[int | None, int | None] | None = None
    if_range: bytes | None = None


def parse_request(method: str, headers: Iterable[tuple[bytes, bytes]]) -> DocumentRequest:
    """What a GET or HEAD with these headers (names in lower case) asks for."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        if name in _OF_USE:
            found.setdefault(name, []).append(value)
    if not found:
        return _PLAIN if method == "GET" else _HEAD
    given = {key: tuple(found[name]) for name, key in CONDITION_HEADERS.items() if name in found}
    accept = found.get(b"accept-encoding")
    ranges = found.get(b"range", [])
    condition = found.get(b"if-range")
    return DocumentRequest(
        head=method == "HEAD",
        conditions=Conditions(**given) if given else None,
        accept_encoding=b",".join(accept) if accept else None,
        deltas=any(_FEED.search(value) for value in found.get(b"a-im", [])),
        range=parse_range(ranges[0]) if len(ranges) == 1 and method == "GET" else None,
        if_range=condition[0].strip() if condition else None,
    )


def parse_range(value: bytes) -> tuple[int | None, int | None] | None:
    """One range of bytes (RFC 9110 14.1.2). Several ranges, or an invalid one, are ignored."""
    found = _RANGE.fullmatch(value.strip())
    if found is None or len(value) > 60:
        return None
    first, last = (int(part) if part else None for part in found.groups())
    if first is None and last is None:
        return None
    return None if first is not None and last is not None and last < first else (first, last)


_OF_USE = frozenset({*CONDITION_HEADERS, b"accept-encoding", b"a-im", b"range", b"if-range"})
_PLAIN, _HEAD = DocumentRequest(head=False), DocumentRequest(head=True)

_MEMBER = re.compile(
    rb"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*"
    rb"(?:;[ \t]*q[ \t]*=[ \t]*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*)?",
    re.IGNORECASE,
)
_ALIASES = {b"x-gzip": b"gzip"}  # RFC 9110 8.4.1.3

IDENTITY = "identity"


def choose_encoding(accept: bytes | None, available: Sequence[str]) -> str | None:
    """The one of `available` codings (the better first) that a client with this Accept-Encoding prefers;
    "identity" where it names none of them; None: it takes nothing that we have.

    Between codings it likes as much, the better one. A member that cannot be read says nothing.
    """
    if accept is None:
        return IDENTITY
    liked = quality_values(accept)
    rest = liked.get(b"*")
    best, most = None, 0.0
    for coding in available:
        weight = liked.get(coding.encode(), rest or 0.0)
        if weight > most:
            best, most = coding, weight
    plain = liked.get(b"identity")
    if plain is None:  # acceptable unless excluded, but what was named is liked better
        return best or (None if rest == 0 else IDENTITY)
    return IDENTITY if plain > most else best


def quality_values(accept: bytes) -> dict[bytes, float]:
    """The weight of each coding or language named, in lower case, from 0 to 1."""
    named: dict[bytes, float] = {}
    for member in accept.split(b","):
        if found := _MEMBER.fullmatch(member):
            coding = found[1].lower()
            named[_ALIASES.get(coding, coding)] = float(found[2] or 1)
    return named
