"""Words, dates and tags as other services write them."""

from datetime import UTC, datetime

import pytest

from publisher.core.subscribers.csv_cells import (
    STATUS_WORDS,
    RowStatus,
    SourceStatus,
    more_severe,
    normalized,
    parse_date,
    parse_tags,
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
