"""The headers of a request for a document: preconditions (RFC 9110 13), encodings (12.5.3), one range (14).

Pure: also decides whether the preconditions hold and which encoding to send.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

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

_RANGE = re.compile(rb"bytes[ \t]*=[ \t]*(\d*)-(\d*)[ \t]*", re.IGNORECASE)
_FEED = re.compile(
    rb"(?:\A|,)[ \t]*feed[ \t]*(?:;[ \t]*q=(?!0(?:\.0*)?[ \t]*(?:,|\Z))[\d.]+[ \t]*)?(?=,|\Z)", re.IGNORECASE
)
_MEMBER = re.compile(
    rb"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*"
    rb"(?:;[ \t]*q[ \t]*=[ \t]*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*)?",
    re.IGNORECASE,
)
_ALIASES = {b"x-gzip": b"gzip"}  # RFC 9110 8.4.1.3

IDENTITY = "identity"

UNUSUAL_HEADERS = frozenset({b"content-length", b"transfer-encoding", b"expect", b"upgrade"})
"""Headers of a request that has a body or wants another protocol."""

AGENT = b"user-agent"

TOLD_READERS = re.compile(rb"(?<![0-9.])(\d{1,8}) (?:subscriber|reader)s?\b", re.IGNORECASE)
"""How the User-Agent of a service that polls a feed for many says how many these are."""

USED_HEADERS = UNUSUAL_HEADERS | {
    b"a-im",
    b"accept-encoding",
    b"host",
    b"if-match",
    b"if-modified-since",
    b"if-none-match",
    b"if-range",
    b"if-unmodified-since",
    b"range",
}


class DocumentRequest(NamedTuple):
    """A GET or HEAD. `headers` holds the used headers by lower-case name, repeated ones joined by commas (RFC
    9110 5.3): that is right for lists, and makes a repeated date or range invalid, so it is ignored. A
    User-Agent is there only if it tells of readers.
    """

    head: bool
    headers: Mapping[bytes, bytes]


def parse_request(method: str, headers: Iterable[tuple[bytes, bytes]]) -> DocumentRequest:
    """The request with these headers, their names in lower case."""
    used: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in USED_HEADERS:
            used[name] = value if name not in used else b"%s,%s" % (used[name], value)
        elif name == AGENT and TOLD_READERS.search(value):
            used[name] = value
    return DocumentRequest(method == "HEAD", used)


def evaluate(headers: Mapping[bytes, bytes], etag: bytes, modified: datetime, now: datetime) -> int:
    """The status that the preconditions come to: 200, 304 or 412, in the order of RFC 9110 13.2.2. `etag` is
    the document's strong tag and `modified` its time in whole seconds. Dates that are malformed, repeated or
    in the future are ignored.
    """
    if b"if-match" in headers:
        if not any_tag_matches(headers[b"if-match"], etag, weakly=False):
            return 412
    elif b"if-unmodified-since" in headers:
        since = past_date(headers[b"if-unmodified-since"], now)
        if since is not None and modified > since:
            return 412
    if b"if-none-match" in headers:
        return 304 if any_tag_matches(headers[b"if-none-match"], etag, weakly=True) else 200
    if b"if-modified-since" in headers:
        since = past_date(headers[b"if-modified-since"], now)
        return 304 if since is not None and modified <= since else 200
    return 200


def any_tag_matches(tags: bytes, etag: bytes, *, weakly: bool) -> bool:
    """RFC 9110 8.8.3.2: whether a list of entity tags, or "*", names the current one."""
    tags = tags.strip(b" \t")
    if tags == etag or tags == b"*":  # nearly every client sends back the one it was given
        return True
    return any(tag == etag or (weakly and tag == b"W/" + etag) for tag in entity_tags(tags))


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


def past_date(value: bytes, now: datetime) -> datetime | None:
    """The HTTP date `value`, unless it is malformed or in the future."""
    found = parse_http_date(value.decode("latin-1"), now)
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


def wants_delta(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the client takes the entries that its version of a feed lacks (A-IM: feed; RFC 3229 10.5.3)."""
    return b"if-none-match" in headers and _FEED.search(headers.get(b"a-im", b"")) is not None


def parse_range(value: bytes) -> tuple[int | None, int | None] | None:
    """One range of bytes (RFC 9110 14.1.2) as (first, last), None for an open end. Several ranges, or an
    invalid one, are ignored: None.
    """
    found = _RANGE.fullmatch(value.strip())
    if found is None or len(value) > 60:
        return None
    first, last = (int(part) if part else None for part in found.groups())
    if first is None and last is None:
        return None
    return None if first is not None and last is not None and last < first else (first, last)


@lru_cache(maxsize=256)
def choose_encoding(accept: bytes | None, available: tuple[str, ...]) -> str | None:
    """The one of `available` codings (best first) that a client with this Accept-Encoding prefers; "identity"
    if it names none of them; None if it accepts nothing we have.

    Among equally preferred codings, the best. A member that cannot be parsed is ignored.
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
