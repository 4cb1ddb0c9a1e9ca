"""Setting types that only mail has: servers, rates, limits, keys, and when mail may leave."""

import re
import sys
from datetime import date, datetime, timedelta
from typing import cast

from publisher.config.types import (
    InvalidValue,
    SettingType,
    read_array,
    read_duration,
    read_filled,
    read_table,
    read_time_of_day,
    whole,
)
from publisher.core.addresses import parse_address
from publisher.core.delivery.bounces import MAX_LOCAL_PART
from publisher.core.delivery.relays import DomainLimit
from publisher.core.delivery.throttling import Canary, QuietHours, WarmUp
from publisher.core.errors import AddressError

FASTEST = 100_000
"""Messages a second: more than any connection carries."""

SHORTEST_RETENTION = timedelta(days=7)
"""Servers try for up to five days (RFC 5321 4.5.4.1), and what comes back then names a delivery."""

LONGEST_RETENTION = timedelta(days=36_500)

_MESSAGES = whole(1, 100_000_000)


def read_host(value: object) -> str:
    """The name of a server in ASCII, or its IP address without brackets."""
    text = read_filled(value)
    if re.fullmatch(r"\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?", text):
        return text.strip("[]")
    try:
        name = text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise InvalidValue from None
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?", name):
        raise InvalidValue
    return name


def read_domain(value: object) -> str:
    """A domain in the spelling that addresses have."""
    try:
        return parse_address(f"a@{read_filled(value)}").domain
    except AddressError:
        raise InvalidValue from None


def read_rate(value: object) -> float:
    """Messages a second."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= FASTEST:
        raise InvalidValue
    return float(value)


def read_domain_limits(value: object) -> dict[str, DomainLimit]:
    """How many connections to a domain's servers, and how many messages a second, by domain."""
    connections = whole(1, 500)
    limits: dict[str, DomainLimit] = {}
    for name, item in read_table(value).items():
        domain, table = read_domain(name), read_table(item)
        if not table or not table.keys() <= {"connections", "rate"}:
            raise InvalidValue
        limits[domain] = DomainLimit(
            connections=connections.read(table["connections"]) if "connections" in table else None,
            rate=read_rate(table["rate"]) if "rate" in table else None,
        )
    return limits


def read_selector(value: object) -> str:
    """A DKIM selector (RFC 6376 3.1): labels of a host name. Raises InvalidValue."""
    text = read_filled(value).lower()
    label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    if not re.fullmatch(rf"{label}(\.{label})*", text) or len(text) > 180:
        raise InvalidValue
    return text


def read_dkim_keys(value: object) -> tuple[tuple[str, str], ...]:
    """(selector, file) of each key."""
    keys: list[tuple[str, str]] = []
    for item in read_array(value):
        table = read_table(item)
        if set(table) != {"selector", "file"}:
            raise InvalidValue
        keys.append((read_selector(table["selector"]), read_filled(table["file"])))
    return tuple(keys)


def read_bounce_address(value: object) -> str:
    """An address whose local part leaves room for what names a delivery (VERP)."""
    try:
        address = parse_address(read_filled(value))
    except AddressError as error:
        raise InvalidValue(f"{error.what}; {error.do}".removesuffix("; ")) from None
    if len(address.local) > MAX_LOCAL_PART or not re.fullmatch(r"[A-Za-z0-9._-]+", address.local):
        raise InvalidValue(
            f"expected at most {MAX_LOCAL_PART} letters, digits, dots and hyphens before the @"
        )
    return str(address)


def read_retention(value: object) -> timedelta | None:
    """How long the ledger keeps deliveries; None: forever."""
    if value == "forever":
        return None
    kept = read_duration(value)
    if not SHORTEST_RETENTION <= kept <= LONGEST_RETENTION:
        raise InvalidValue
    return kept


def read_quiet_hours(value: object) -> QuietHours:
    """Two different times of day with a dash between."""
    start, dash, end = read_filled(value).partition("-")
    if not dash:
        raise InvalidValue
    hours = QuietHours(start=read_time_of_day(start.strip()), end=read_time_of_day(end.strip()))
    if hours.start == hours.end:
        raise InvalidValue
    return hours


def read_warm_up(value: object) -> WarmUp:
    """A day, and how many messages may leave on it and on each day after it."""
    table = read_table(value)
    start, days = table.get("from"), table.get("days")
    if not table.keys() <= {"from", "days"} or "from" not in table or not isinstance(days, list) or not days:
        raise InvalidValue
    if not isinstance(start, date) or isinstance(start, datetime):  # TOML has dates of its own
        try:
            start = date.fromisoformat(read_filled(start))
        except ValueError:
            raise InvalidValue from None
    return WarmUp(start=start, days=tuple(_MESSAGES.read(item) for item in cast("list[object]", days)))


def read_percentage(value: object, most: float) -> float:
    """A share of 1, given in percent: more than 0 and at most `most` percent."""
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3})?) ?%", read_filled(value), re.ASCII)
    if not found or not 0 < float(found[1]) <= most:
        raise InvalidValue
    return float(found[1]) / 100


def read_canary(value: object) -> Canary:
    """Which share of a large mailing goes first, and how many refusals hold the rest."""
    if value == "off":
        return Canary(over=sys.maxsize)
    table, default = read_table(value), Canary()
    if not table.keys() <= {"share", "limit", "over"}:
        raise InvalidValue
    return Canary(
        one_in=round(1 / read_percentage(table["share"], 50)) if "share" in table else default.one_in,
        limit=read_percentage(table["limit"], 100) if "limit" in table else default.limit,
        over=_MESSAGES.read(table["over"]) if "over" in table else default.over,
    )


HOST = SettingType(expects='the name of a server such as "smtp.example.org", or its address', read=read_host)
DOMAIN = SettingType(expects='a domain such as "example.org"', read=read_domain)
RATE = SettingType(
    expects="messages a second, more than 0, such as 50 or 0.5", read=read_rate, verbatim=False
)
PER_DOMAIN = SettingType(
    expects='limits by domain, as in {"gmail.com" = {connections = 2, rate = 5}}',
    read=read_domain_limits,
    verbatim=False,
)
DKIM_KEYS = SettingType(
    expects='keys, as in [{selector = "p1", file = ".publisher/dkim/p1.pem"}]',
    read=read_dkim_keys,
    verbatim=False,
)
BOUNCES = SettingType(expects='an address such as "bounces@example.org"', read=read_bounce_address)
RETENTION = SettingType(
    expects='a duration of at least "7d", such as "400d", or "forever"', read=read_retention
)
QUIET_HOURS = SettingType(expects='two times of day, as in "22:00-07:00"', read=read_quiet_hours)
WARM_UP = SettingType(
    expects="a day and how many messages on it and on those after it, as in "
    '{from = "2026-12-01", days = [50, 100, 500]}',
    read=read_warm_up,
    verbatim=False,
)
CANARY = SettingType(
    expects='"off", or shares and a number, as in {share = "1%", limit = "5%", over = 5000}',
    read=read_canary,
    verbatim=False,
)
