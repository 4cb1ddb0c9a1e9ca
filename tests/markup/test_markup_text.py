"""Bodies as text: as a person would type it."""

from publisher.core.posts import Markup
from publisher.markup import SafeMarkup

BASE = "https://blog.example/2024/a/"
markup = SafeMarkup()


def text(body: str, kind: Markup = Markup.MARKDOWN, title: str = "") -> str:
    return markup.text(markup.html(body, kind, base_url=BASE, title=title))


def test_paragraphs_are_unwrapped_and_apart_by_blank_lines() -> None:
    assert text("One *two*\n**three**.\n\n`four`  \nfive") == "One two three.\n\nfour\nfive"


def test_links_stand_below_in_numbers_and_bare_addresses_in_place() -> None:
    assert text("See [the docs](/docs), [them](/docs) and <https://x.example/y>, a@b.example.") == (
        "See the docs [1], them [1] and https://x.example/y, a@b.example.\n\n[1] https://blog.example/docs"
    )


def test_lists_nest_and_count() -> None:
    assert text("- one\n- two\n  1. a\n  2. b\n- three\n\nAfter") == (
        "- one\n- two\n  1. a\n  2. b\n- three\n\nAfter"
    )
    assert text("3. c\n\n   more\n4. d") == "3. c\n\n   more\n4. d"


def test_code_is_set_in_and_keeps_its_lines() -> None:
    assert text("```\na\n\n  b <c>\n```\n") == "    a\n\n      b <c>"


def test_headings_are_plain_lines_and_the_title_is_not_repeated() -> None:
    assert text("# A\n\n## B\n\nText", title="A") == "B\n\nText"


def test_images_are_their_alt_text_and_quotations_are_marked() -> None:
    assert text("![A cat](c.png)\n\n![](d.png)\n\n> said *so*") == "A cat\n\n> said so"


def test_tables_are_a_line_a_row() -> None:
    assert text("|a|b|\n|-|-|\n|1|2|\n|3|4|\n\nAfter") == "a | b\n1 | 2\n3 | 4\n\nAfter"


def test_footnotes_read_as_notes() -> None:
    assert text("Word[^1].\n\n[^1]: The note.\n") == "Word (note 1).\n\nNote 1: The note."


def test_html_bodies_are_read_too() -> None:
    body = "<h2>A &amp; B</h2><p>x<br>y</p><ul><li>z</ul><script>no</script>"
    assert text(body, Markup.HTML) == "A & B\n\nx\ny\n\n- z"


def test_a_summary_is_the_first_paragraph_with_words() -> None:
    made = markup.html(
        "![](a.png)\n\nFirst *one*[^1].\n\nSecond\n\n[^1]: n", Markup.MARKDOWN, base_url=BASE, title=""
    )
    assert markup.summary(made) == "First one."
    assert markup.summary("") == ""


def test_a_long_summary_is_cut_at_a_word() -> None:
    found = markup.summary(f"<p>{'word ' * 100}</p>")
    assert found == "word " * 59 + "word…"
    assert len(found) <= 300


def test_a_summary_without_spaces_is_cut_before_no_mark() -> None:
    found = markup.summary("<p>" + "កា" * 300 + "</p>")
    assert len(found) <= 300
    assert found.endswith("ា…")
