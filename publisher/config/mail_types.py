"""Kinds of values that only mail has: servers, rates, limits of domains, keys."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import cast

from publisher.config.types import DURATION, FILLED, Kind, Wrong
from publisher.core.addresses import parse
from publisher.core.delivery.relays import Limit
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
        raise Wrong from None
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?", name):
        raise Wrong
    return name


def _rate(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= FASTEST:
        raise Wrong
    return float(value)


def _domain(value: object) -> str:
    try:
        domain: str = parse(f"a@{FILLED.read(value)}").domain
    except AddressError:
        raise Wrong from None
    return domain


def _table(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Wrong
    return cast("Mapping[str, object]", value)


def _connections(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 500:
        raise Wrong
    return value


def _limit(value: object) -> Limit:
    table = _table(value)
    if not table or not table.keys() <= {"connections", "rate"}:
        raise Wrong
    return Limit(
        connections=_connections(table["connections"]) if "connections" in table else None,
        rate=_rate(table["rate"]) if "rate" in table else None,
    )


def _per_domain(value: object) -> dict[str, Limit]:
    return {_domain(name): _limit(limit) for name, limit in _table(value).items()}


def _keys(value: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list):
        raise Wrong
    return tuple(_key(item) for item in cast("list[object]", value))


def _key(value: object) -> tuple[str, str]:
    table = _table(value)
    if set(table) != {"selector", "file"}:
        raise Wrong
    return selector(table["selector"]), FILLED.read(table["file"])


def selector(value: object) -> str:
    """A DKIM selector (RFC 6376 3.1): labels of a host name. Raises Wrong."""
    text: str = FILLED.read(value).lower()
    label = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
    if not re.fullmatch(rf"{label}(\.{label})*", text) or len(text) > 180:
        raise Wrong
    return text


def _bounces(value: object) -> str:
    text: str = FILLED.read(value)
    try:
        address = parse(text)
    except AddressError as error:
        raise Wrong(f"{error.what}; {error.do}".removesuffix("; ")) from None
    if len(address.local) > LONGEST_LOCAL or not re.fullmatch(r"[A-Za-z0-9._-]+", address.local):
        raise Wrong(f"expected at most {LONGEST_LOCAL} letters, digits, dots and hyphens before the @")
    return str(address)


LEAST_KEPT = timedelta(days=7)
"""Servers try for up to five days (RFC 5321 4.5.4.1), and what comes back then names a delivery."""

MOST_KEPT = timedelta(days=36_500)


def _retention(value: object) -> timedelta | None:
    if value == "forever":
        return None
    kept: timedelta = DURATION.read(value)
    if not LEAST_KEPT <= kept <= MOST_KEPT:
        raise Wrong
    return kept


RETENTION = Kind(expects='a duration of at least "7d", such as "400d", or "forever"', read=_retention)
HOST = Kind(expects='the name of a server such as "smtp.example.org", or its address', read=_host)
RATE = Kind(expects="messages a second, more than 0, such as 50 or 0.5", read=_rate, verbatim=False)
DOMAIN = Kind(expects='a domain such as "example.org"', read=_domain)
PER_DOMAIN = Kind(
    expects='limits by domain, as in {"gmail.com" = {connections = 2, rate = 5}}',
    read=_per_domain,
    verbatim=False,
)
DKIM_KEYS = Kind(
    expects='keys, as in [{selector = "p1", file = ".publisher/dkim/p1.pem"}]', read=_keys, verbatim=False
)
BOUNCES = Kind(expects='an address such as "bounces@example.org"', read=_bounces)
