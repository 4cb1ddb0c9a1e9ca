"""[[lists]]: when, what, and what readers may choose."""

from datetime import time, timedelta
from pathlib import Path

import pytest

from publisher.config import load
from publisher.core.errors import SettingsError
from publisher.core.posts.filters import PostFilter
from publisher.core.subscribers.subscription import ListChoice


def test_a_list_says_when_and_what_in_full(tmp_path: Path) -> None:
    [spec] = load(site(tmp_path, _LIST + _IN_FULL)).lists
    assert (spec.cadence, spec.on, spec.at, spec.min_posts) == ("monthly", "15", time(18, 30), 3)
    assert spec.where == PostFilter(category=("news",), language=("en", "de"))
    assert spec.readers_choose == (ListChoice.HOUR, ListChoice.TOPICS)
    assert (spec.delay, spec.approve, spec.welcome) == (timedelta(minutes=20), True, "latest")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('cadence = "weekly"\non = 3', 'lists[0].on is 3; expected a day of the week such as "mon", for'),
        (
            'cadence = "monthly"\non = "mon"',
            'lists[0].on is "mon"; expected 1 to 28, for the list is monthly',
        ),
        ("on = 29", "lists[0].on is 29; expected a day of the week"),
        ('where = {colour = "red"}', "expected a filter by category, tag, author or language"),
        ('where = {tag = [""]}', "expected a filter by category, tag, author or language"),
        ('readers_choose = ["colour"]', 'expected a list of "cadence", "topics", "language" or "hour"'),
    ],
)
def test_what_a_list_cannot_be_is_refused_with_its_line(tmp_path: Path, line: str, problem: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(site(tmp_path, f"{_LIST}{line}\n"))
    assert problem in str(error.value)


_LIST = """
[site]
title = "T"
url = "https://example.org/"

[[lists]]
slug = "l"
from = "l@example.org"
"""
_IN_FULL = """
cadence = "monthly"
on = 15
at = "18:30"
min_posts = 3
where = {category = "news", language = ["en", "de"]}
readers_choose = ["hour", "topics"]
delay = "20m"
approve = true
welcome = "latest"
"""


def site(folder: Path, text: str) -> Path:
    (folder / "publisher.toml").write_text(text, encoding="utf-8")
    return folder
