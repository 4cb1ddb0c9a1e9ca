"""Kinds of values that say when mail may leave, and how much of it."""

import re
import sys
from collections.abc import Mapping
from datetime import date, datetime
from typing import cast

from publisher.config.types import CLOCK, FILLED, Kind, Wrong, whole
from publisher.core.delivery.throttling import Canary, QuietHours, WarmUp

_MANY = whole(1, 100_000_000)


def _table(value: object, *keys: str) -> Mapping[str, object]:
    if not isinstance(value, dict) or not cast("dict[str, object]", value).keys() <= set(keys):
        raise Wrong
    return cast("dict[str, object]", value)


def _quiet(value: object) -> QuietHours:
    start, dash, end = FILLED.read(value).partition("-")
    if not dash:
        raise Wrong
    hours = QuietHours(start=CLOCK.read(start.strip()), end=CLOCK.read(end.strip()))
    if hours.start == hours.end:
        raise Wrong
    return hours


def _day(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):  # TOML has dates of its own
        return value
    try:
        return date.fromisoformat(FILLED.read(value))
    except ValueError:
        raise Wrong from None


def _warm_up(value: object) -> WarmUp:
    table = _table(value, "from", "days")
    days = table.get("days")
    if "from" not in table or not isinstance(days, list) or not days:
        raise Wrong
    return WarmUp(
        start=_day(table["from"]), days=tuple(_MANY.read(item) for item in cast("list[object]", days))
    )


def _share(value: object, most: float) -> float:
    found = re.fullmatch(r"(\d{1,3}(?:\.\d{1,3})?) ?%", FILLED.read(value), re.ASCII)
    if not found or not 0 < float(found[1]) <= most:
        raise Wrong
    return float(found[1]) / 100


def _canary(value: object) -> Canary:
    if value == "off":
        return Canary(over=sys.maxsize)
    table, usual = _table(value, "share", "limit", "over"), Canary()
    return Canary(
        one_in=round(1 / _share(table["share"], 50)) if "share" in table else usual.one_in,
        limit=_share(table["limit"], 100) if "limit" in table else usual.limit,
        over=_MANY.read(table["over"]) if "over" in table else usual.over,
    )


QUIET_HOURS = Kind(expects='two times of day, as in "22:00-07:00"', read=_quiet)
WARM_UP = Kind(
    expects="a day and how many messages on it and on those after it, as in "
    '{from = "2026-12-01", days = [50, 100, 500]}',
    read=_warm_up,
    verbatim=False,
)
CANARY = Kind(
    expects='"off", or shares and a number, as in {share = "1%", limit = "5%", over = 5000}',
    read=_canary,
    verbatim=False,
)
