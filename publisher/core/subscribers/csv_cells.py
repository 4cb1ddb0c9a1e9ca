"""Cells of CSV files: status, dates and tags in other services' exports; and a reader's preferences, which
`subscribers export` writes and `subscribers import` reads.
"""

import csv
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from enum import StrEnum
from io import StringIO
from types import MappingProxyType
from typing import cast
from zoneinfo import available_timezones

from publisher.core.caching import lazy
from publisher.core.subscribers.subscription import (
    WEEKDAYS,
    ContentPreference,
    Preferences,
    SchedulePreference,
    normalize_topics,
)

YES_WORDS, NO_WORDS = frozenset({"true", "yes", "y", "1", "t"}), frozenset({"false", "no", "n", "0", "f", ""})
_GAPS = lazy(r"[\s_\-]+")

_INSTANT = lazy(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,]\d+)?"
    r"(?: ?(Z|UTC|GMT|[+-]\d\d:?\d\d))?(?: UTC| \w{3,5})?)?"
)

PREFERENCE_COLUMNS = ("cadence", "on", "at", "timezone", "topics", "language", "paused")

EXPORT_COLUMNS: tuple[str, ...] = ("email", "list", "state", "since", "confirmed", *PREFERENCE_COLUMNS)
"""The columns of an export. A file that has them all is read as an export of Publisher."""

_FORMULA = lazy(r"'*[=+\-@\t\r]")
"""What a spreadsheet would run or drop at the start of a cell (OWASP, "CSV Injection"), and our own guard."""

_LANGUAGE = lazy(r"[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_HOUR = lazy(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_DAYS = frozenset((*WEEKDAYS, *(str(n) for n in range(1, 29))))


class SourceStatus(StrEnum):
    """The status of a subscriber at the service a file comes from, from the mildest to the most severe: when
    a row states several, the most severe one counts.
    """

    SUBSCRIBED = "subscribed"
    UNCONFIRMED = "unconfirmed"
    INACTIVE = "inactive"  # gets no mail there, for a reason the file does not give
    NOT_SUBSCRIBED = "not subscribed"  # a contact who never opted in
    LEFT = "left"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    BLOCKED = "blocked"  # by the operator of that service


_SEVERITY = {status: number for number, status in enumerate(SourceStatus)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RowStatus:
    """What a row says about its subscriber. `reason` is shown to people ("status is unsubscribed") and empty
    for SUBSCRIBED. `at` is when they left or bounced, None where the file does not say.
    """

    status: SourceStatus
    reason: str = ""
    at: datetime | None = None


SUBSCRIBED = RowStatus(status=SourceStatus.SUBSCRIBED)
"""The status of a row that does not state one: it is in a list of subscribers."""


def more_severe(one: RowStatus, other: RowStatus) -> RowStatus:
    """The more severe of two statuses of one row; of equal ones, the one with a date."""
    if one.status is other.status:
        return one if other.at is None else other
    return other if _SEVERITY[other.status] > _SEVERITY[one.status] else one


_WORDS: Mapping[SourceStatus, str] = {
    SourceStatus.SUBSCRIBED: "active|subscribed|confirmed|enabled|regular|opted in|opt in",
    SourceStatus.INACTIVE: "disabled|invalid|archived|paused|needs attention|needs approval",
    SourceStatus.UNCONFIRMED: "unconfirmed|pending|unactivated|unverified|not confirmed|validating",
    SourceStatus.NOT_SUBSCRIBED: "non subscribed|nonsubscribed|never subscribed",
    SourceStatus.LEFT: "unsubscribed|unsubscribe|cancelled|canceled|opted out|opt out|inactive|removed|left"
    "|deleted",
    SourceStatus.BOUNCED: "bounced|bounce|hard bounce|hard bounced|cleaned|undeliverable|unreachable",
    SourceStatus.COMPLAINED: "complained|complaint|junk|spam|marked as spam",
    SourceStatus.BLOCKED: "blocklisted|blocked|blacklisted|suppressed",
}

STATUS_WORDS: Mapping[str, SourceStatus] = MappingProxyType(
    {word: status for status, words in _WORDS.items() for word in words.split("|")}
)
"""Status words that mean the same everywhere, in the form of `normalized`. "inactive" means unsubscribed at
beehiiv and unconfirmed at Kit; in an unknown file the stricter reading counts.
"""


def normalized(text: str) -> str:
    """A column name or a status word, normalized: "Email_Address" and "email address" are the same."""
    return _GAPS.sub(" ", text.strip("\ufeff \t\r\n\u00a0")).strip().casefold()


def parse_date(text: str) -> datetime | None:
    """A date as exports write it: ISO 8601, "2024-03-13 11:33:53 UTC", Go's "2024-01-01 00:00:00 +0000 UTC".
    UTC where no zone is given. None for anything else, including ambiguous dates such as 03/04/2024.
    """
    found = _INSTANT.fullmatch(text.strip())
    if found is None:
        return None
    day, clock, zone = found.groups()
    offset = "+00:00" if zone in (None, "Z", "UTC", "GMT") else zone
    try:
        return datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_tags(cell: str) -> list[str]:
    """The tags in a cell, separated by commas or semicolons, quoted or not (Mailchimp writes `"News","Art"`),
    or a JSON list. Empty ones are dropped.
    """
    text = cell.strip()
    if text.startswith("["):
        try:
            read: object = json.loads(text)
        except ValueError:
            read = None
        if isinstance(read, list):
            tags: list[str] = []
            for item in cast("list[object]", read):
                if isinstance(item, dict):  # an object with a name
                    item = cast("dict[str, object]", item).get("name", "")
                tags.append(str(item).strip())
            return [tag for tag in tags if tag]
    separator = ";" if ";" in text and not text.startswith('"') else ","
    rows = csv.reader([text.replace("\n", " ")], delimiter=separator, skipinitialspace=True)
    words: list[str] = next(rows, [""])
    return [word.strip() for word in words if word.strip()]


class InvalidPreference(Exception):
    """A cell with a value that a reader cannot choose; the text says which cell, and why."""


def guard_formula(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: one that looks like it gets an apostrophe in front."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard_formula(cell: str) -> str:
    """The cell that `guard_formula` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def to_cells(choices: Preferences) -> dict[str, str]:
    """A cell for each of PREFERENCE_COLUMNS; "" is the list's default. Topics are in one cell, separated by
    ";"; one with a ";" or a quote in it is quoted, as in CSV.
    """
    schedule, content = choices.schedule, choices.content
    topics = StringIO()
    csv.writer(topics, delimiter=";", lineterminator="").writerow(content.topics)
    return {
        "cadence": schedule.cadence,
        "on": schedule.on,
        "at": f"{schedule.at:%H:%M}" if schedule.at else "",
        "timezone": schedule.timezone,
        "topics": topics.getvalue(),
        "language": content.language,
        "paused": "yes" if choices.paused else "",
    }


def from_cells(cells: Mapping[str, str], cadences: Collection[str]) -> Preferences:
    """The preferences in cells by column name; missing ones are empty. `cadences` are the known cadences.
    Raises InvalidPreference.
    """
    given = {name: cells.get(name, "").strip() for name in PREFERENCE_COLUMNS}
    _require(given, "cadence", given["cadence"] in cadences, f"use one of {', '.join(cadences)}")
    _require(given, "on", given["on"] in _DAYS, "use a weekday such as mon, or a day of the month, 1 to 28")
    _require(
        given, "timezone", given["timezone"] in available_timezones(), "use a name such as Europe/Berlin"
    )
    _require(given, "language", bool(_LANGUAGE.fullmatch(given["language"])), "use a tag such as pt-BR")
    _require(given, "paused", given["paused"].casefold() in ("yes", "no"), "use yes, or nothing")
    _require(given, "at", bool(_HOUR.fullmatch(given["at"])), "use an hour such as 18:30")
    schedule = SchedulePreference(
        cadence=given["cadence"],
        on=given["on"],
        at=time.fromisoformat(given["at"]) if given["at"] else None,
        timezone=given["timezone"],
    )
    topics: list[str] = next(csv.reader([given["topics"]], delimiter=";", skipinitialspace=True), [""])
    content = ContentPreference(topics=normalize_topics(topics), language=given["language"])
    return Preferences(schedule=schedule, content=content, paused=given["paused"].casefold() == "yes")


def _require(given: Mapping[str, str], name: str, holds: bool, do: str) -> None:
    if given[name] and not holds:
        raise InvalidPreference(f"{name} is {given[name][:80]!r}; {do}")
