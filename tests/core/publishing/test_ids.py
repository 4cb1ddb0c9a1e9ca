"""Ids: minted from what the author wrote, legal, and never two alike by accident."""

import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import Post
from publisher.core.publishing.log import IdRules, as_iri, mint

NAMING = IdRules(authority="example.org,2024")
POST = Post(
    path="2024/a.md",
    title="A",
    instant=datetime(2024, 10, 25, tzinfo=UTC),
    permalink="/2024/a/",
    url="https://example.org/2024/a/",
    base_url="https://example.org/2024/a/",
    slug="a",
    language="en",
    body_hash="0" * 64,
)
# RFC 4151 2.1 and RFC 3986: specific = *( pchar / "/" / "?" )
TAG = re.compile(r"tag:example\.org,2024:(?:[A-Za-z0-9/?:@!$&'()*+,;=._~-]|%[0-9A-Fa-f]{2})*")


def explicit(id: str) -> str:
    return mint(replace(POST, explicit_id=id), NAMING)


def test_an_id_is_a_tag_of_the_permalink() -> None:
    assert mint(POST, NAMING) == "tag:example.org,2024:/2024/a/"


def test_an_explicit_id_goes_into_the_tag() -> None:
    assert explicit("b5a2") == "tag:example.org,2024:b5a2"
    assert mint(replace(POST, explicit_id="b5a2"), NAMING, by_path=True) == "tag:example.org,2024:b5a2"


@pytest.mark.parametrize(
    "iri",
    [
        "https://old.example.org/?p=7",
        "http://old.example.org/ü#x",
        "urn:uuid:6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "tag:old.example.org,2009:/a%2Fb",
        "URN:isbn:0",
        "doi:10.1000/182",
    ],
)
def test_an_iri_of_the_author_is_kept_to_the_letter(iri: str) -> None:
    assert explicit(iri) == iri


def test_an_id_of_ghost_is_kept_to_the_letter() -> None:
    assert explicit("671b2a0f9c1e4d0001a2b3c4") == "671b2a0f9c1e4d0001a2b3c4"
    assert explicit("671B2A0F9C1E4D0001A2B3C4") == "tag:example.org,2024:671B2A0F9C1E4D0001A2B3C4"


@given(st.text(st.characters(exclude_categories=("Z", "C")), min_size=1))
def test_every_format_can_write_the_iri_of_an_author_as_it_is(text: str) -> None:
    id = explicit(f"https://old.example.org/{text}")
    assert as_iri(id, NAMING.authority) == id


@pytest.mark.parametrize(
    ("code", "specific"),
    [
        ("ART:17", "ART:17"),
        ("note:2024", "note:2024"),
        ("https://example.org/with space", "https://example.org/with%20space"),
        ("https:", "https:"),
        ("50 %", "50%20%25"),
        ("a#b", "a%23b"),
        ("កូដ", "%E1%9E%80%E1%9E%BC%E1%9E%8A"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_a_code_of_the_author_is_percent_encoded(code: str, specific: str) -> None:
    assert explicit(code) == f"tag:example.org,2024:{specific}"


def test_a_permalink_is_encoded_already_and_a_path_is_not() -> None:
    odd = replace(POST, permalink="/50%25/", path="50%25.md")
    assert mint(odd, NAMING) == "tag:example.org,2024:/50%25/"
    assert mint(odd, NAMING, by_path=True) == "tag:example.org,2024:/50%2525.md"


@given(st.text(st.characters(), min_size=1), st.booleans())
def test_every_id_of_ours_is_a_legal_tag(text: str, by_path: bool) -> None:
    assert TAG.fullmatch(mint(replace(POST, path=text), NAMING, by_path=True))
    code = replace(POST, explicit_id="x " + text)
    assert TAG.fullmatch(mint(code, NAMING, by_path=by_path))


@given(st.text("a% 20/ü", max_size=6), st.text("a% 20/ü", max_size=6))
def test_different_paths_and_codes_never_share_an_id(one: str, other: str) -> None:
    pair = [replace(POST, path=text, explicit_id=None) for text in (one, other)]
    codes = [replace(POST, explicit_id="x" + text) for text in (one, other)]
    assert len({mint(p, NAMING, by_path=True) for p in pair}) == len({one, other})
    assert len({mint(p, NAMING) for p in codes}) == len({one, other})


def test_a_site_may_keep_its_permalinks_as_ids() -> None:
    naming = replace(NAMING, by_permalink=True)
    assert mint(POST, naming) == POST.base_url
    assert mint(replace(POST, url="https://elsewhere.example/"), naming) == POST.base_url
    assert mint(replace(POST, explicit_id="7"), naming) == mint(replace(POST, explicit_id="7"), NAMING)
    assert mint(POST, naming, by_path=True) == mint(POST, NAMING, by_path=True)


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("https://old.example/?p=7", "https://old.example/?p=7"),
        ("tag:example.org,2024:/a/", "tag:example.org,2024:/a/"),
        ("urn:uuid:1225c695", "urn:uuid:1225c695"),
        ("671b2a0f9c1e", "tag:example.org,2024:671b2a0f9c1e"),
        ("7 at https://old.example", "tag:example.org,2024:7%20at%20https://old.example"),
        ("/2024/a", "tag:example.org,2024:/2024/a"),
        ("http:", "tag:example.org,2024:http:"),
    ],
)
def test_where_only_an_iri_may_stand_an_adopted_id_is_made_one(id: str, expected: str) -> None:
    assert as_iri(id, NAMING.authority) == expected


@given(st.text())
def test_two_adopted_ids_are_never_made_one(text: str) -> None:
    made = as_iri(text, NAMING.authority)
    assert made == text or made != as_iri(f"{text}/", NAMING.authority)
