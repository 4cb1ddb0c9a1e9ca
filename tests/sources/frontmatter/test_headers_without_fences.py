"""Pelican's `Key: value` headers and Hexo's front matter without an opening fence."""

import pytest
from declared import source_rules

from publisher.core.posts.post import BadPost, ParsedPost
from publisher.sources.parse_post import read_post

RULES = source_rules(site_url="https://blog.example/")


def parsed(text: str) -> ParsedPost:
    found = read_post("a.md", text.encode(), RULES)
    assert isinstance(found, ParsedPost), str(found)
    return found


PELICAN = """Title: My super post: a tale
Date: 2010-12-03 10:20
Category: Python
Tags: pelican, publishing; x
Authors: Alexis Metaireau, Conan Doyle
Summary: Short version
    for index and feeds
Status: published

This is the content.
"""


def test_a_pelican_header_ends_at_the_first_blank_line() -> None:
    found = parsed(PELICAN)
    post = found.post
    assert (found.container, found.line, found.body) == ("pelican", 10, "This is the content.\n")
    assert (post.title, post.categories) == ("My super post: a tale", ("Python",))
    assert post.summary == "Short version for index and feeds"
    assert [person.name for person in post.authors] == ["Alexis Metaireau", "Conan Doyle"]


def test_pelicans_tags_part_at_semicolons_else_at_commas() -> None:
    assert parsed(PELICAN).post.tags == ("pelican, publishing", "x")
    assert parsed("title: A\ndate: 2024-05-01\ntags: a b, c\n\nx").post.tags == ("a b", "c")


def test_hexos_front_matter_may_lack_its_opening_fence() -> None:
    found = parsed("title: Hello\ndate: 2024-05-01 10:00:00\ntags:\n- a\n- b\n---\nBody\n")
    assert (found.container, found.body, found.line) == ("hexo", "Body\n", 7)
    assert (found.post.title, found.post.tags) == ("Hello", ("a", "b"))


def test_hexos_json_ends_with_semicolons() -> None:
    found = parsed('"title": "Hello",\n"date": "2024/05/01"\n;;;\nBody\n')
    assert (found.container, found.post.title, found.body) == ("json", "Hello", "Body\n")


@pytest.mark.parametrize(
    "text",
    [
        "Note: this is a text\n\nand goes on\n",
        "Title: of a play, and nothing else\nwords without a key\n\nmore",
        "Summary: it was fun\n\nmore",
        "https://example.org/\n\nmore",
        "Description: x\n---\nA heading's underline\n",
    ],
)
def test_a_text_that_begins_with_a_word_and_a_colon_is_a_text(text: str) -> None:
    found = parsed(text)
    assert (found.container, found.body) == ("none", text)
    assert found.post.hidden == "neither front matter nor a dated name"


def test_a_broken_header_names_its_line() -> None:
    found = read_post("a.md", b"title: A\ndate: 2024-05-01\ntags: [a\n---\nBody\n", RULES)
    assert isinstance(found, BadPost)
    assert str(found).startswith("a.md:4: broken YAML")


def test_a_header_ends_at_a_line_that_is_not_indented_and_says_so() -> None:
    found = parsed("Title: Hamsters\nDate: 2026-11-05 10:00\nSummary: Long\nand wrapped.\nTags: x\n\nBody.\n")
    assert (found.container, found.line, found.post.title) == ("pelican", 4, "Hamsters")
    assert (found.body, found.post.tags) == ("and wrapped.\nTags: x\n\nBody.\n", ())
    assert found.post.warnings[0].startswith("line 4: 'and wrapped.' ends the header")
