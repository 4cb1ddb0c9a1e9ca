"""Cells of an export say exactly what a reader chose, and nothing else is taken for it."""

from datetime import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.csv_cells import (
    PREFERENCE_COLUMNS,
    InvalidPreference,
    from_cells,
    guard_formula,
    to_cells,
    unguard_formula,
)
from publisher.core.subscribers.subscription import (
    WEEKDAYS,
    ContentPreference,
    Preferences,
    SchedulePreference,
    normalize_topics,
)

TOPICS = st.lists(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=12), max_size=4
)
PACES = st.builds(
    SchedulePreference,
    cadence=st.sampled_from(["", *CADENCES]),
    on=st.sampled_from(["", *WEEKDAYS, "1", "28"]),
    at=st.none() | st.builds(time, hour=st.integers(0, 23), minute=st.integers(0, 59)),
    timezone=st.sampled_from(["", "UTC", "Asia/Kathmandu", "America/Argentina/Buenos_Aires"]),
)
TASTES = st.builds(
    ContentPreference,
    topics=st.builds(normalize_topics, TOPICS),
    language=st.sampled_from(["", "de", "pt-BR", "zh-Hant-TW"]),
)


@given(st.builds(Preferences, pace=PACES, taste=TASTES, paused=st.booleans()))
def test_what_a_reader_chose_comes_back(choices: Preferences) -> None:
    cells = to_cells(choices)
    assert tuple(cells) == PREFERENCE_COLUMNS
    assert from_cells(cells, CADENCES) == choices


def test_topics_are_read_as_people_write_them_too() -> None:
    cells = {"topics": 'Boats; "a; b" ;fish', "paused": "Yes"}
    assert from_cells(cells, CADENCES) == Preferences(
        taste=ContentPreference(topics=("a; b", "Boats", "fish")), paused=True
    )
    assert from_cells({}, CADENCES) == Preferences()


@pytest.mark.parametrize(
    ("cell", "value", "said"),
    [
        ("cadence", "hourly", "cadence is 'hourly'; use one of immediate, daily, weekly, monthly"),
        ("on", "29", "on is '29'; use a weekday such as mon, or a day of the month, 1 to 28"),
        ("at", "8pm", "at is '8pm'; use an hour such as 18:30"),
        ("at", "25:00", "at is '25:00'; use an hour such as 18:30"),
        ("timezone", "../etc", "timezone is '../etc'; use a name such as Europe/Berlin"),
        ("language", "<b>", "language is '<b>'; use a tag such as pt-BR"),
        ("paused", "perhaps", "paused is 'perhaps'; use yes, or nothing"),
    ],
)
def test_what_nobody_can_choose_is_named(cell: str, value: str, said: str) -> None:
    given: dict[str, Any] = {cell: value}
    with pytest.raises(InvalidPreference) as error:
        from_cells(given, CADENCES)
    assert str(error.value) == said


@given(st.text(alphabet="=+-@\t\r'a", max_size=5) | st.text(max_size=8))
def test_a_spreadsheet_runs_no_cell_and_every_cell_comes_back(cell: str) -> None:
    assert guard_formula(cell)[:1] not in tuple("=+-@\t\r")
    assert unguard_formula(guard_formula(cell)) == cell


def test_an_apostrophe_before_anything_else_stays() -> None:
    assert guard_formula("o'hara") == unguard_formula("o'hara") == "o'hara"
    assert unguard_formula("'tis@example.org") == "'tis@example.org"
    assert unguard_formula("'=1+1") == "=1+1"
