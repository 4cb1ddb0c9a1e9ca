"""When two addresses are the same page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.publishing.adoption import page_key, path_key

SAME = [
    "https://example.org/2024/a/",
    "http://example.org/2024/a",
    "HTTPS://WWW.Example.ORG:443/2024/a/index.html",
    "https://example.org/2024/a.html",
    "https://example.org//2024/%61/?utm_source=feed&utm_medium=rss#top",
    " https://example.org/2024/a/?fbclid=1 ",
]


@pytest.mark.parametrize("url", SAME)
def test_what_generators_and_campaigns_add_makes_no_other_page(url: str) -> None:
    assert page_key(url) == page_key(SAME[0])
    assert path_key(url) == path_key("/2024/a/")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/2024/b/",
        "https://example.org/2024/A/",
        "https://other.example/2024/a/",
        "https://example.org:8080/2024/a/",
        "https://example.org/2024/a/?p=7",
    ],
)
def test_another_page_is_another(url: str) -> None:
    assert page_key(url) != page_key(SAME[0])


def test_the_order_of_a_query_says_nothing_and_its_values_do() -> None:
    assert page_key("https://e.org/?b=2&a=1") == page_key("https://e.org/?a=1&b=2&ref=hn")
    assert page_key("https://e.org/?p=1") != page_key("https://e.org/?p=2")
    assert page_key("https://e.org/?p=") != page_key("https://e.org/")


def test_accents_are_the_same_however_they_are_written() -> None:
    assert page_key("https://e.org/caf%C3%A9") == page_key("https://e.org/cafe\u0301/")


@pytest.mark.parametrize("text", ["", "not a link", "mailto:a@e.org", "tag:e.org,2024:/a/", "https://[::1/"])
def test_what_is_no_page_has_no_name(text: str) -> None:
    assert (page_key(text), path_key(text)) == ("", "")


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    assert page_key(text) == page_key(text.strip())
    path_key(text)
