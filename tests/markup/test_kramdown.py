"""What kramdown reads that CommonMark does not, as kramdown shows it."""

import time

import pytest

from publisher.core.posts.post import MarkdownExtension, MarkupLanguage
from publisher.markup import SafeMarkup

READ = (MarkdownExtension.TABLES, MarkdownExtension.AFTER_HTML)
QUICK = 3
"""Seconds of a slow machine; what is quadratic takes minutes."""
markup = SafeMarkup("https://blog.example/")


def html(body: str, *extensions: MarkdownExtension) -> str:
    return markup.html(
        body,
        MarkupLanguage.MARKDOWN,
        base_url="https://blog.example/a/",
        title="Title",
        extensions=extensions,
    )


def rows(*given: str, tag: str = "td") -> str:
    return "".join(
        "<tr>\n" + "".join(f"<{tag}>{cell}</{tag}>\n" for cell in row.split(",")) + "</tr>\n" for row in given
    )


@pytest.mark.parametrize(
    ("body", "head", "inside"),
    [
        ("| a | b |\n| c | d |", "", ("a,b", "c,d")),
        ("a | b\nc | *d*", "", ("a,b", "c,<em>d</em>")),
        ("| a |", "", ("a",)),
        ("|---|---|\n| a | b |", "", ("a,b",)),
        (
            "| a | b |\n|---+---|\n| c `x|y` | d\\|e |\n|===\n| f | g |",
            "a,b",
            ("c <code>x|y</code>,d|e", "f,g"),
        ),
        ("| a |\n|---|\n| b | c |", "a,", ("b,c",)),
        ("| a | b |\n| c | d |\n{: .wide}", "", ("a,b", "c,d")),
    ],
)
def test_a_table_needs_no_rule(body: str, head: str, inside: tuple[str, ...]) -> None:
    heads = f"<thead>\n{rows(head, tag='th')}</thead>\n" if head else ""
    made = f"<table>\n{heads}<tbody>\n{rows(*inside)}</tbody>\n</table>"
    assert html("x\n\n" + body + "\n\ny", *READ) == f"<p>x</p>\n{made}\n<p>y</p>"


@pytest.mark.parametrize(
    "body", ["a | b", "para\n| a | b |", "`a | b`\n`c | d`", "- a | b\n- c | d", "# a | b"]
)
def test_what_is_no_table_stays(body: str) -> None:
    assert "<table" not in html(body, *READ)


def test_without_the_extension_a_table_needs_its_rule() -> None:
    assert html("| a | b |\n| c | d |") == "<p>| a | b |\n| c | d |</p>"


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("<div>\nx *y*\n</div>\nText *b*", "<div>\nx *y*\n</div>\n<p>Text <em>b</em></p>"),
        ("<div>x</div> Text *b*", "<div>x</div>\n<p>Text <em>b</em></p>"),
        ("<div>\n\n*a*\n\n</div>\nText *b*", "<div>\n<p><em>a</em></p>\n</div>\n<p>Text <em>b</em></p>"),
        ("<div><div>a</div>b *c*\n</div>\nText *b*",
         "<div><div>a</div>b *c*\n</div>\n<p>Text <em>b</em></p>"),
        ("<hr>Text *b*", "<hr>\n<p>Text <em>b</em></p>"),
        ("<table><tr><td>a</td></tr></table>\nText *b*",
         "<table><tbody><tr><td>a</td></tr></tbody></table>\n<p>Text <em>b</em></p>"),
        ("```\n<div>x</div>\nText *b*\n```", "<pre><code>&lt;div&gt;x&lt;/div&gt;\nText *b*\n</code></pre>"),
        ("<div>x</div>\n    <p>y</p>", "<div>x</div>\n    <p>y</p>"),
    ],
)  # fmt: skip
def test_text_after_html_is_markdown(body: str, made: str) -> None:
    assert html(body, *READ) == made


def test_where_the_generator_reads_commonmark_html_ends_at_a_blank_line() -> None:
    assert html("<div>x</div>\nText *b*") == "<div>x</div>\nText *b*"


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("<!-- more -->Text *b*", "<p>Text <em>b</em></p>"),
        ("Lead\n<!--more--> Text *b*", "<p>Lead</p>\n\n<p>Text <em>b</em></p>"),
        ("`<!-- more -->Text`", "<p><code>&lt;!-- more --&gt;Text</code></p>"),
        ("<div>\n<!-- x --> a\n    <b>c</b>\n</div>", "<div>\n a\n    <b>c</b>\n</div>"),
    ],
)
def test_text_after_a_comment_is_markdown_everywhere(body: str, made: str) -> None:
    assert html(body) == made


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("## A {#own}", '<h2 id="own">A</h2>'),
        ("## A `b` {#own .wide}", '<h2 id="own">A <code>b</code></h2>'),
        ("## !!!", "<h2>!!!</h2>"),
        ("## What's New? (v2.0)", '<h2 id="whats-new-v20">What\'s New? (v2.0)</h2>'),
        ("A\n{:#own}\n\nB", '<p>A\n<a id="own"></a></p>\n<p>B</p>'),
        ("{: #own .lead}\nA", '<p><a id="own"></a>\nA</p>'),
        ("*A*{: #own}", '<p><em>A</em><a id="own"></a></p>'),
        ("A\n{: .lead}", "<p>A</p>"),
        ("* {:.wide} A", "<ul>\n<li>A</li>\n</ul>"),
        ("{::nomarkdown}<b>A</b>{:/nomarkdown} b{:/}", "<p><b>A</b> b</p>"),
        ("`{:#own}`", "<p><code>{:#own}</code></p>"),
    ],
)
def test_a_place_that_its_author_named_can_be_linked_to(body: str, made: str) -> None:
    assert html(body) == made


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("# Title\n\na", "<p>a</p>"),
        ("![](/a.png)\n\n# Title\n\na", '<p><img src="https://blog.example/a.png" alt=""></p>\n<p>a</p>'),
        ("# [Title](/x)\n\na", '<h1 id="title"><a href="https://blog.example/x">Title</a></h1>\n<p>a</p>'),
        ("a\n\n# Title\n\nb", '<p>a</p>\n<h1 id="title">Title</h1>\n<p>b</p>'),
    ],
)
def test_only_a_heading_that_opens_the_post_and_says_no_more_is_its_title_again(body: str, made: str) -> None:
    assert html(body) == made


@pytest.mark.parametrize(
    "scrap",
    ["| a ", "|\n", "| a |\n", "|-", "<div>\n", "</div>a\n", "<div>x</div>y\n", "<!-- a -->b\n", "<!--",
     "# A {#b}\n", "a\n{:#b}\n", "`|", "| `a|b` |\n", "<p>\n\n", "<a id=\"x\"></a>"],
)  # fmt: skip
def test_a_body_of_such_marks_is_quick(scrap: str) -> None:
    body = (scrap * (990_000 // len(scrap)))[:990_000]
    started = time.process_time()
    html(body, *READ)
    assert time.process_time() - started < QUICK
