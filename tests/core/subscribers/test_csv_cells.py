"""Cells of CSV files: states and dates in other services' exports, and preferences in our own."""

from datetime import UTC, datetime, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.subscribers.cadences import CADENCES
from publisher.core.subscribers.csv_cells import (
    PREFERENCE_COLUMNS,
    STATUS_WORDS,
    InvalidPreference,
    RowStatus,
    SourceStatus,
    from_cells,
    guard_formula,
    more_severe,
    normalized,
    parse_date,
    parse_tags,
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

DAY = datetime(2024, 3, 13, 11, 33, 53, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-13T11:33:53Z",
        "2024-03-13T11:33:53.980Z",
        "2024-03-13 11:33:53",
        "2024-03-13 11:33:53 UTC",
        "2024-03-13 11:33:53 +0000 UTC",
        "2024-03-13 11:33:53.123456 +0000 UTC",
        "2024-03-13 13:33:53 +0200 CEST",
        "2024-03-13T13:33:53+02:00",
        " 2024-03-13 11:33:53 ",
    ],
)
def test_dates_are_read_as_exports_write_them(text: str) -> None:
    assert parse_date(text) == DAY


@pytest.mark.parametrize("text", ["", "yes", "03/04/2024", "2024-13-01", "2024-03-13 yesterday at noon", "9"])
def test_what_is_no_date_or_means_two_days_is_none(text: str) -> None:
    assert parse_date(text) is None


def test_a_day_is_its_midnight() -> None:
    assert parse_date("2024-03-13") == datetime(2024, 3, 13, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["Email_Address", " email address", "EMAIL-ADDRESS ", "\ufeffEmail  Address"]
)
def test_heads_are_compared_by_their_words(text: str) -> None:
    assert normalized(text) == "email address"


def test_of_two_statements_the_worse_one_counts_and_the_one_with_a_date() -> None:
    left = RowStatus(status=SourceStatus.LEFT, reason="a")
    dated = RowStatus(status=SourceStatus.LEFT, reason="b", at=DAY)
    bounced = RowStatus(status=SourceStatus.BOUNCED)
    assert more_severe(left, dated) is more_severe(dated, left) is dated
    assert more_severe(dated, bounced) is more_severe(bounced, dated) is bounced


def test_every_word_is_spelled_as_it_is_compared() -> None:
    assert all(normalized(word) == word for word in STATUS_WORDS)


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ("", []),
        ("news", ["news"]),
        ("news, art ,", ["news", "art"]),
        ("news;art", ["news", "art"]),
        ('"Lorem Editors"', ["Lorem Editors"]),
        ('"Art, old","News"', ["Art, old", "News"]),
        ('["Art, old", "News", ""]', ["Art, old", "News"]),
        ('[{"id": 1, "name": "VIP"}]', ["VIP"]),
        ("[no json", ["[no json"]),
    ],
)
def test_tags_stand_in_one_cell(cell: str, tags: list[str]) -> None:
    assert parse_tags(cell) == tags


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


@given(st.builds(Preferences, schedule=PACES, content=TASTES, paused=st.booleans()))
def test_what_a_reader_chose_comes_back(choices: Preferences) -> None:
    cells = to_cells(choices)
    assert tuple(cells) == PREFERENCE_COLUMNS
    assert from_cells(cells, CADENCES) == choices


def test_topics_are_read_as_people_write_them_too() -> None:
    cells = {"topics": 'Boats; "a; b" ;fish', "paused": "Yes"}
    assert from_cells(cells, CADENCES) == Preferences(
        content=ContentPreference(topics=("a; b", "Boats", "fish")), paused=True
    )
    assert from_cells({}, CADENCES) == Preferences()


@pytest.mark.parametrize(
    ("cell", "value", "said"),
    [
        ("cadence", "hourly", f"cadence is 'hourly'; use one of {', '.join(CADENCES)}"),
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
