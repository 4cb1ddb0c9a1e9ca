"""Kinds of values that only mail has: servers, rates, limits of domains, keys.

Kinds of values that say when mail may leave, and how much of it.
"""

import re
import sys
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import cast

from publisher.config.types import CLOCK, DURATION, FILLED, InvalidValue, SettingType, whole
from publisher.core.addresses import parse
from publisher.core.delivery.relays import DomainLimit
from publisher.core.delivery.throttling import Canary, QuietHours, WarmUp
from publisher.core.errors import AddressError
from publisher.core.mail.verp import LONGEST_LOCAL

FASTEST = 100_000
"""Messages a second: more than any line carries."""


def _host(value: object) -> str:
    text: str = FILLED.read(value)
    if re.fullmatch(r"\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?", text):
        return text.strip("[]")
    try:
        name = text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise InvalidValue from None
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?", name):
        raise InvalidValue
    return name


def _rate(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= FASTEST:
        raise InvalidValue
    return float(value)


def _domain(value: object) -> str:
    try:
        domain: str = parse(f"a@{FILLED.read(value)}").domain
    except AddressError:
        raise InvalidValue from None
    return domain


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise InvalidValue
    return cast("Mapping[str, object]", value)


def _connections(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 500:
        raise InvalidValue
    return value


def _limit(value: object) -> DomainLimit:
    table = _table(value)
    if not table or not table.keys() <= {"connections", "rate"}:
        raise InvalidValue
    return DomainLimit(
        connections=_connections(table["connections"]) if "connections" in table else None,
        rate=_rate(table["rate"]) if "rate" in table else None,
    )


def _per_domain(value: object) -> dict[str, DomainLimit]:
    return {_domain(name): _limit(limit) for name, limit in _table(value).items()}


def _keys(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        raise InvalidValue
    return tuple(_key(item) for item in cast("list[object]", value))


def _key(value: object) -> tuple[str, str]:
    table = _table(value)
    if set(table) != {"selector", "file"}:
        raise InvalidValue
    return selector(table["selector"]), FILLED.read(table["file"])


def selector(value: object) -> str:
    """A DKIM selector (RFC 6376 3.1): labels of a host name. Raises Wrong."""
    text: str = FILLED.read(value).lower()
    label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    if not re.fullmatch(rf"{label}(\.{label})*", text) or len(text) > 180:
        raise InvalidValue
    return text


def _bounces(value: object) -> str:
    text: str = FILLED.read(value)
    try:
        address = parse(text)
    except AddressError as error:
        raise InvalidValue(f"{error.what}; {error.do}".removesuffix("; ")) from None
    if len(address.local) > LONGEST_LOCAL or not re.fullmatch(r"[A-Za-z0-9._-]+", address.local):
        raise InvalidValue(f"expected at most {LONGEST_LOCAL} letters, digits, dots and hyphens before the @")
    return str(address)


LEAST_KEPT = timedelta(days=7)
"""Servers try for up to five days (RFC 5321 4.5.4.1), and what comes back then names a delivery."""

MOST_KEPT = timedelta(days=36_500)


def _retention(value: object) -> timedelta | None:
    if value == "forever":
        return None
    kept: timedelta = DURATION.read(value)
    if not LEAST_KEPT <= kept <= MOST_KEPT:
        raise InvalidValue
    return kept


RETENTION = SettingType(expects='a duration of at least "7d", such as "400d", or "forever"', read=_retention)
HOST = SettingType(expects='the name of a server such as "smtp.example.org", or its address', read=_host)
RATE = SettingType(expects="messages a second, more than 0, such as 50 or 0.5", read=_rate, verbatim=False)
DOMAIN = SettingType(expects='a domain such as "example.org"', read=_domain)
PER_DOMAIN = SettingType(
    expects='limits by domain, as in {"gmail.com" = {connections = 2, rate = 5}}',
    read=_per_domain,
    verbatim=False,
)
DKIM_KEYS = SettingType(
    expects='keys, as in [{selector = "p1", file = ".publisher/dkim/p1.pem"}]', read=_keys, verbatim=False
)
BOUNCES = SettingType(expects='an address such as "bounces@example.org"', read=_bounces)

_MANY = whole(1, 100_000_000)


def _throttle_table(value: object, *keys: str) -> Mapping[str, object]:
    if not isinstance(value, dict) or not cast("dict[str, object]", value).keys() <= set(keys):
        raise InvalidValue
    return cast("dict[str, object]", value)


def _quiet(value: object) -> QuietHours:
    start, dash, end = FILLED.read(value).partition("-")
    if not dash:
        raise InvalidValue
    hours = QuietHours(start=CLOCK.read(start.strip()), end=CLOCK.read(end.strip()))
    if hours.start == hours.end:
        raise InvalidValue
    return hours


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):  # TOML has dates of its own
        return value
    try:
        return date.fromisoformat(FILLED.read(value))
    except ValueError:
        raise InvalidValue from None


def _warm_up(value: object) -> WarmUp:
    table = _throttle_table(value, "from", "days")
    days = table.get("days")
    if "from" not in table or not isinstance(days, list) or not days:
        raise InvalidValue
    return WarmUp(
        start=_day(table["from"]), days=tuple(_MANY.read(item) for item in cast("list[object]", days))
    )


def _share(value: object, most: float) -> float:
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3})?) ?%", FILLED.read(value), re.ASCII)
    if not found or not 0 < float(found[1]) <= most:
        raise InvalidValue
    return float(found[1]) / 100


def _canary(value: object) -> Canary:
    if value == "off":
        return Canary(over=sys.maxsize)
    table, usual = _throttle_table(value, "share", "limit", "over"), Canary()
    return Canary(
        one_in=round(1 / _share(table["share"], 50)) if "share" in table else usual.one_in,
        limit=_share(table["limit"], 100) if "limit" in table else usual.limit,
        over=_MANY.read(table["over"]) if "over" in table else usual.over,
    )


QUIET_HOURS = SettingType(expects='two times of day, as in "22:00-07:00"', read=_quiet)
WARM_UP = SettingType(
    expects="a day and how many messages on it and on those after it, as in "
    '{from = "2026-12-01", days = [50, 100, 500]}',
    read=_warm_up,
    verbatim=False,
)
CANARY = SettingType(
    expects='"off", or shares and a number, as in {share = "1%", limit = "5%", over = 5000}',
    read=_canary,
    verbatim=False,
)
