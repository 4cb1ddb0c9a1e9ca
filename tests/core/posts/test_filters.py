"""Which posts a filter means, and what the parts of a split feed are called."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.filters import (
    EVERYTHING,
    MAX_PART_NAME_BYTES,
    PostFilter,
    TermKind,
    feed_part_name,
    fold_term,
    terms_of,
)
from publisher.core.site import Person
from tests.support.site.plans import post

SEA = post(
    "sea",
    categories=("Open Source",),
    tags=("Tides", "tides ", "Low_Water"),
    authors=(Person(name="Zoë Writer"), Person(name="Bo")),
    language="pt-BR",
)


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        (EVERYTHING, True),
        (PostFilter(category=("open-source",)), True),
        (PostFilter(tag=("low water",)), True),
        (PostFilter(tag=("no", "TIDES")), True),
        (PostFilter(tag=("tides",), author=("zoë writer",)), True),
        (PostFilter(tag=("tides",), author=("Ann",)), False),
        (PostFilter(language=("pt",)), True),
        (PostFilter(language=("pt_br",)), True),
        (PostFilter(language=("p",)), False),
        (PostFilter(category=("tides",)), False),
    ],
)
def test_a_post_matches_when_it_bears_one_value_of_each_kind(where: PostFilter, meant: bool) -> None:
    assert where.matches(SEA) is meant


def test_a_post_bears_each_value_once_as_it_was_first_written() -> None:
    assert list(terms_of(SEA)) == [
        (TermKind.CATEGORY, "open-source", "Open Source"),
        (TermKind.TAG, "tides", "Tides"),
        (TermKind.TAG, "low-water", "Low_Water"),
        (TermKind.AUTHOR, "zoë-writer", "Zoë Writer"),
        (TermKind.AUTHOR, "bo", "Bo"),
        (TermKind.LANGUAGE, "pt-br", "pt-BR"),
    ]


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("Open Source", "open-source"),
        ("Zoë", "zoë"),
        ("日本語", "日本語"),
        ("हिन्दी", "हिन्दी"),
        ("مرحبا بالعالم", "مرحبا-بالعالم"),
        ("C", "c"),
        ("C++", "c~cedb1bac7e"),
        ("../../etc/passwd", "etc-passwd~3754d6cb3a"),
        ("index", "index~1bc04b5291"),
        ("CON", "con~1143da2bc5"),
        ("🐟", "~486681b315"),
        ("x" * 300, "x" * MAX_PART_NAME_BYTES + "~0d4e2ca9e9"),
    ],
)
def test_a_part_is_named_after_its_value(value: str, name: str) -> None:
    assert feed_part_name(fold_term(value)) == name


@given(st.lists(st.text(st.characters(exclude_categories=())), min_size=2, max_size=2))
def test_different_values_never_share_a_name_and_every_name_fits_every_disk(values: list[str]) -> None:
    keys = [fold_term(value) or "-" for value in values]
    one, two = map(feed_part_name, keys)
    assert (one == two) == (keys[0] == keys[1])
    for name in (one, two):
        assert 0 < len(name.encode()) <= MAX_PART_NAME_BYTES + 11
        assert not set(name) & set('/\\.:*?"<>| \0')
        assert unicodedata.normalize("NFC", name) == name
        assert feed_part_name(name) == name or "~" in name


@given(st.text(st.characters(exclude_categories=())))
def test_folding_twice_is_folding_once(value: str) -> None:
    assert fold_term(fold_term(value)) == fold_term(value)
