"""What a reader chose as cells of a CSV file, and back: what `subscribers export` writes, `import` reads."""

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
"""The columns of an export. A file that has them all was written by one, and is understood as such."""

_FORMULA = lazy(r"'*[=+\-@\t\r]")
"""What a spreadsheet runs or swallows at the start of a cell (OWASP, "CSV Injection"), and our own guard."""

_LANGUAGE = lazy(r"[A-Za-z0-9]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_HOUR = lazy(r"[0-2]\d:[0-5]\d")
_DAYS = frozenset((*WEEKDAYS, *(str(n) for n in range(1, 29))))


class InvalidPreference(Exception):
    """A cell that says nothing a reader can choose; its text says which, and why."""


def guard_formula(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe leads one that begins like it."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguard_formula(cell: str) -> str:
    """The cell that `guarded` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def to_cells(choices: Preferences) -> dict[str, str]:
    """A cell for each of CHOICES; "" is the list's own. Topics stand in one cell, apart by ";"; one with a
    ";" or a quote in it is quoted, as in CSV.
    """
    pace, taste = choices.pace, choices.taste
    return {
        "cadence": pace.cadence,
        "on": pace.on,
        "at": f"{pace.at:%H:%M}" if pace.at else "",
        "timezone": pace.timezone,
        "topics": _joined(taste.topics),
        "language": taste.language,
        "paused": "yes" if choices.paused else "",
    }


def from_cells(cells: Mapping[str, str], cadences: Collection[str]) -> Preferences:
    """What cells of those names say; missing ones are empty. `cadences` names those there are. Raises
    NoChoice.
    """
    given = {name: cells.get(name, "").strip() for name in PREFERENCE_COLUMNS}
    _must(given, "cadence", given["cadence"] in cadences, f"use one of {', '.join(cadences)}")
    _must(given, "on", given["on"] in _DAYS, "use a weekday such as mon, or a day of the month, 1 to 28")
    _must(given, "timezone", given["timezone"] in available_timezones(), "use a name such as Europe/Berlin")
    _must(given, "language", bool(_LANGUAGE.fullmatch(given["language"])), "use a tag such as pt-BR")
    _must(given, "paused", given["paused"].casefold() in ("yes", "no"), "use yes, or nothing")
    pace = SchedulePreference(
        cadence=given["cadence"], on=given["on"], at=_hour(given["at"]), timezone=given["timezone"]
    )
    taste = ContentPreference(topics=_parted(given["topics"]), language=given["language"])
    return Preferences(pace=pace, taste=taste, paused=given["paused"].casefold() == "yes")


def _must(given: Mapping[str, str], name: str, holds: bool, do: str) -> None:
    if given[name] and not holds:
        raise InvalidPreference(f"{name} is {given[name][:80]!r}; {do}")


def _hour(text: str) -> time | None:
    if not text:
        return None
    try:
        if _HOUR.fullmatch(text):
            return time.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidPreference(f"at is {text[:80]!r}; use an hour such as 18:30")


def _joined(topics: tuple[str, ...]) -> str:
    cell = StringIO()
    csv.writer(cell, delimiter=";", lineterminator="").writerow(topics)
    return cell.getvalue()


def _parted(cell: str) -> tuple[str, ...]:
    words: list[str] = next(csv.reader([cell], delimiter=";", skipinitialspace=True), [""])
    return normalize_topics(words)
