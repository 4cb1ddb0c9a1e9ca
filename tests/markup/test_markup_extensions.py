"""What some generators read beyond CommonMark: only where a post says that its own does."""

import time

import pytest

from publisher.core.extensions import Extension
from publisher.core.posts import Markup
from publisher.markup import SafeMarkup

BASE = "https://blog.example/news/2024/a/"
QUICK = 3
"""Seconds of a slow machine; what is quadratic takes minutes."""
markup = SafeMarkup("https://blog.example/news/")


def html(body: str, *extensions: Extension, kind: Markup = Markup.MARKDOWN) -> str:
    return markup.html(body, kind, base_url=BASE, title="Title", extensions=extensions)


def quick(scrap: str, *extensions: Extension) -> bool:
    body = (scrap * (990_000 // len(scrap)))[:990_000]
    started = time.process_time()
    html(body, *extensions)
    return time.process_time() - started < QUICK


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("Term\n: *meaning*", "<dl>\n<dt>Term</dt>\n<dd><em>meaning</em></dd>\n</dl>"),
        ("One\nTwo\n: a\n: b", "<dl>\n<dt>One</dt>\n<dt>Two</dt>\n<dd>a</dd>\n<dd>b</dd>\n</dl>"),
        ("*One\nterm*\n: a", "<dl>\n<dt><em>One\nterm</em></dt>\n<dd>a</dd>\n</dl>"),
        ("Term\n\n: a", "<dl>\n<dt>Term</dt>\n<dd>\n<p>a</p>\n</dd>\n</dl>"),
        ("Term\n: a\n\n    b\n\nAfter",
         "<dl>\n<dt>Term</dt>\n<dd>\n<p>a</p>\n<p>b</p>\n</dd>\n</dl>\n<p>After</p>"),
        ("Term\n: a\n: b\n\n    c",
         "<dl>\n<dt>Term</dt>\n<dd>\n<p>a</p>\n</dd>\n<dd>\n<p>b</p>\n<p>c</p>\n</dd>\n</dl>"),
        ("> Term\n> : a", "<blockquote>\n<dl>\n<dt>Term</dt>\n<dd>a</dd>\n</dl>\n</blockquote>"),
        ("```\nTerm\n: a\n\n    b\n```", "<pre><code>Term\n: a\n\n    b\n</code></pre>"),
        ("Term\n:meaning", "<p>Term\n:meaning</p>"),
        ("Term\n: a\n\n    {% x %}b", "<dl>\n<dt>Term</dt>\n<dd>\n<p>a</p>\n<p>b</p>\n</dd>\n</dl>"),
    ],
)  # fmt: skip
def test_definitions_are_a_list_of_them(body: str, made: str) -> None:
    assert html(body, Extension.DEFINITIONS) == made


def test_without_the_extension_a_colon_is_a_colon() -> None:
    assert html("Term\n: meaning") == "<p>Term\n: meaning</p>"


def test_lines_end_as_they_are_written_where_the_generator_ends_them() -> None:
    assert html("One\ntwo", Extension.BREAKS) == "<p>One<br>\ntwo</p>"
    assert html("One\ntwo") == "<p>One\ntwo</p>"


@pytest.mark.parametrize(
    "scrap", [": a\n", "a\n: ", "a\n: b\n\n", "a\n\n: b\n\n", "a\n: b\n\n    c\n\n", "\n "]
)
def test_a_body_of_definitions_is_quick(scrap: str) -> None:
    assert quick(scrap, Extension.DEFINITIONS)
    few = scrap * (1_999 // scrap.count(":")) if ":" in scrap else scrap
    started = time.process_time()
    html(few, Extension.DEFINITIONS)
    assert time.process_time() - started < QUICK
