"""What a reader chose: when their digests come, and what is in them.

A list has defaults; `readers_choose` names what its readers may change. A reader's choices are stored as
made, and apply as far as the list currently allows them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import time

from publisher.core.posts.filters import fold_term

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When digests are due, by the wall clock of `timezone` (IANA). `cadence` names one of
    `cadences.CADENCES`; `on` is a weekday ("mon") or a day of the month ("1" to "28"), and "" where the
    cadence has no use for it: weekly is then on Mondays, monthly on the first.
    """

    cadence: str
    timezone: str
    on: str = ""
    at: time = time(8, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulePreference:
    """A reader's own schedule; empty fields mean the list's."""

    cadence: str = ""
    on: str = ""
    at: time | None = None
    timezone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentPreference:
    """Which posts a reader wants: those of any of `topics`, and those in `language` (BCP 47, which is also
    the language their mail speaks). Empty: whatever the list has. Topics stand sorted, each once.
    """

    topics: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """Everything a reader may choose. While `paused`, posts wait for them and nothing is lost."""

    pace: SchedulePreference = field(default_factory=SchedulePreference)
    taste: ContentPreference = field(default_factory=ContentPreference)
    paused: bool = False


NO_CHOICES = Preferences()
"""Everything as the list has it."""


def normalize_topics(words: Iterable[str]) -> tuple[str, ...]:
    """Topics in their one order, each once however it is capitalised; empty words are none."""
    first: dict[str, str] = {}
    for word in words:
        if key := fold_term(word):
            first.setdefault(key, " ".join(word.split()))
    return tuple(first[key] for key in sorted(first))
