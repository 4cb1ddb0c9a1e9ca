"""A reader's preferences as cells of a CSV file: `subscribers export` writes them, `import` reads them."""

import csv
from collections.abc import Collection, Mapping
from datetime import time
from io import StringIO
from zoneinfo import available_timezones

from publisher.core.patterns import lazy
from publisher.core.subscribers.preferences import (
    WEEKDAYS,
    ContentPreference,
    Preferences,
    SchedulePreference,
    normalize_topics,
)

PREFERENCE_COLUMNS = ("cadence", "on", "at", "timezone", "topics", "language", "paused")
EXPORT_COLUMNS: tuple[str, ...] = ("email", "list", "state", "since", "confirmed", *PREFERENCE_COLUMNS)
"""The columns of an export. A file that has them all is read as an export of Publisher."""

_FORMULA = lazy(r"'*[=+\-@\t\r]")
"""What a spreadsheet runs or drops at the start of a cell (OWASP, "CSV Injection"), and our own guard."""

_LANGUAGE = lazy(r"[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_HOUR = lazy(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
_DAYS = frozenset((*WEEKDAYS, *(str(n) for n in range(1, 29))))


class InvalidPreference(Exception):
    """A cell with a value that a reader cannot choose; the text says which cell, and why."""


def guard_formula(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe goes before one that looks like it."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard_formula(cell: str) -> str:
    """The cell that `guard_formula` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def to_cells(choices: Preferences) -> dict[str, str]:
    """A cell for each of CHOICES; "" is the list's own. Topics stand in one cell, apart by ";"; one with a
    ";" or a quote in it is quoted, as in CSV.
    """
    schedule, content = choices.pace, choices.taste
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
    """What cells of those names say; missing ones are empty. `cadences` names those there are. Raises
    InvalidPreference.
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
    return Preferences(pace=schedule, taste=content, paused=given["paused"].casefold() == "yes")


def _require(given: Mapping[str, str], name: str, holds: bool, do: str) -> None:
    if given[name] and not holds:
        raise InvalidPreference(f"{name} is {given[name][:80]!r}; {do}")
