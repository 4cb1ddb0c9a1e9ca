"""Front matter keys of Publisher's own: what each value means, and what is said of any other."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from declared import source_rules
from paths import ROOT

from publisher.core.posts.post import NO_OPTIONS, BadPost, ParsedPost, PostMailOptions, PostOptions
from publisher.sources import SourceRules
from publisher.sources.build_post import build_post
from publisher.sources.fields.options import COMMON_KEYS, GENERATOR_KEYS, OWN_KEYS, front_matter_reference
from publisher.sources.frontmatter.containers import Container
from publisher.sources.frontmatter.values import COLLECTED, COMPUTED, FrontMatter, Value, fold
from publisher.sources.generators.profiles import PROFILES
from publisher.sources.parse_post import read_post

OURS = source_rules(site_url="https://example.org/")
JEKYLL = replace(OURS, profile="jekyll")


def read(front: str, rules: SourceRules = OURS, body: str = "Text.\n") -> ParsedPost | BadPost:
    data = f"---\ntitle: A\ndate: 2024-10-01\n{front}\n---\n{body}".encode()
    return read_post("2024-10-01-a.md", data, rules)


def options(front: str, rules: SourceRules = OURS) -> PostOptions:
    found = read(front, rules)
    assert isinstance(found, ParsedPost), str(found)
    return found.post.options


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("description: none of these keys", NO_OPTIONS),
        ("subject: '  A   letter '", PostOptions(subject="A letter")),
        ("Pre-Header: Salt &amp; light", PostOptions(preheader="Salt & light")),
        ("mail: only", PostOptions(mail_only=True)),
        ("mail: [Only, correction]", PostOptions(mail_only=True)),
        ("mail: excerpt", PostOptions(mail_excerpt=True)),
        ("pinned: true", PostOptions(pinned=True)),
        ("pinned: no", NO_OPTIONS),
        ("series: Salt\nseries_part: 3", PostOptions(series="Salt", series_part=3)),
        ("series: [Salt]\nseries_order: 3", PostOptions(series="Salt", series_part=3)),
        ("toc: yes", PostOptions(toc=True)),
        ("reading_time: true", PostOptions(reading_time=0)),
        ("readingTime: 12", PostOptions(reading_time=12)),
        ("reading_time: 1", PostOptions(reading_time=1)),
        ("reading_time: false\nsubject:\ntoc: ''", NO_OPTIONS),
    ],
)
def test_an_option_means_what_its_author_wrote(front: str, expected: PostOptions) -> None:
    assert options(front) == expected


def test_a_correction_of_a_post_that_is_only_mailed_is_both() -> None:
    found = read("mail: [only, correction]")
    assert isinstance(found, ParsedPost)
    assert (found.post.mail, found.post.options.mail_only) == (PostMailOptions.CORRECTION, True)


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        ("mail: sometimes", "mail: sometimes is not never, only, excerpt or correction; correct it"),
        ("mail: [never, only]", "mail: never contradicts never, only; write one of them"),
        ("mail: [only, excerpt]", "mail: only contradicts excerpt; write one of them"),
        ("subject: [a, b]", "subject: is not one text; write it in quotes"),
        ("preheader: {a: b}", "preheader: is not one text; write it in quotes"),
        ("pinned: forever", "pinned: forever is neither true nor false; correct it"),
        ("series: [a, b]", "series: is not one text; write it in quotes"),
        ("series_part: two", "series_part: two is not a number from 1 to 10,000; correct it"),
        ("series_part: 0", "series_part: 0 is not a number from 1 to 10,000; correct it"),
        ("toc: left", "toc: left is neither true nor false; correct it"),
        (
            "reading_time: 5 min",
            "reading_time: 5 min is neither true nor minutes from 1 to 600; correct it",
        ),
    ],
)
def test_an_unknown_value_holds_the_post_and_names_its_line(front: str, reason: str) -> None:
    found = read(front)
    assert isinstance(found, BadPost)
    assert (found.line, found.reason) == (4, reason)
    if not front.startswith("mail"):  # a theme of the generator's may have a meaning for it
        assert options(front, JEKYLL) == NO_OPTIONS


def test_the_mark_ends_what_a_mail_shows_although_the_post_has_a_summary() -> None:
    body = "First.\n\n<!-- more -->\n\nThen.\n"
    found = read("mail: excerpt\nsummary: In short", body=body)
    assert isinstance(found, ParsedPost)
    assert (found.post.summary, found.body[: found.post.lead]) == ("In short", "First.\n\n")


class Asked(dict[str, Value]):
    """Front matter that remembers which keys it was asked for."""

    def __init__(self, values: Mapping[str, Value]) -> None:
        super().__init__(values)
        self.keys_asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.keys_asked.add(key)
        return super().get(key, default)

    def __contains__(self, key: object) -> bool:
        self.keys_asked.add(str(key))
        return super().__contains__(key)


def test_the_reference_names_every_key_that_is_read() -> None:
    asked: set[str] = set()
    for profile in PROFILES:
        rules = replace(OURS, profile=profile, encrypted_tags=("x",))
        for more in ({}, {"password": "", "tags": "x"}, {"image": "a.png", "title": "A", "series": "S"}):
            values = Asked({"date": "2024-10-01", **more})
            front = FrontMatter(values=values, lines={}, line=1)
            container = Container(front=front, body="Text {{ site.x }}\n")
            build_post("_posts/2024-10-01-a.md", container, rules, (), {})
            asked |= values.keys_asked
    named = {fold(key) for doc in (*OWN_KEYS, *COMMON_KEYS, *GENERATOR_KEYS) for key in doc.keys}
    assert {"lastmod", "coverimage", "headless", "series"} <= asked
    assert asked - {COMPUTED, COLLECTED} - named == set()


def test_the_reference_is_written() -> None:
    assert (ROOT / "docs/reference/front-matter.md").read_text("utf-8") == front_matter_reference()
