"""Bodies as text: as a person would type it, meaning what they meant."""

import re
from collections import Counter
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.mail.message import VERBATIM, finish_text, strip_marks
from publisher.core.posts.post import MarkdownExtension, MarkupLanguage
from publisher.markup import SafeMarkup

BASE = "https://blog.example/2024/a/"
markup = SafeMarkup()


def text(body: str, kind: MarkupLanguage = MarkupLanguage.MARKDOWN, title: str = "") -> str:
    made = markup.html(body, kind, base_url=BASE, title=title, extensions=(MarkdownExtension.DEFINITIONS,))
    return finish_text(markup.text(made, title)).removesuffix("\n")


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


CODES = [
    "a\n\n  b <c>",
    "all:\n\techo one \\\n\t\ttwo",
    "x = 1   \n\n\n\ny = 2\t",
    "    set in\n\nout",
    "- no\n1. list\n> nor quotation",
    "curl https://example.org/" + "long/" * 40 + " \\\n  --header 'A: b'",
    "From here\n.\n-- ",
    "~~x~~ 10^6 [1] &amp; ☐",
]


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    "around", ["{}", "Before\n\n{}\n\nAfter", "- item\n\n{}\n\n- other", "> said\n>\n{}"]
)
def test_code_is_what_its_author_wrote(code: str, around: str) -> None:
    fenced = f"````\n{code}\n````"
    prefix = "> " if ">" in around else "  " if "-" in around else ""
    body = around.format("\n".join((prefix + line) for line in fenced.split("\n")))
    lines = text(body).split("\n")
    wanted = code.split("\n")
    assert any(lines[at : at + len(wanted)] == wanted for at in range(len(lines))), lines


def test_code_stands_apart_from_what_is_around_it() -> None:
    assert text("1. one\n\n   ```\n   code\n   ```\n\n2. two\n\n- ```\n  x\n  ```") == (
        "1. one\n\ncode\n\n2. two\n\n-\n\nx"
    )


def test_code_within_a_sentence_keeps_its_spaces() -> None:
    assert text("Run `a  b`, then <samp>c</samp>.") == "Run a  b, then c."


def test_headings_are_plain_lines_and_the_title_is_not_repeated() -> None:
    assert text("# A\n\n## B\n\nText", title="A") == "B\n\nText"


def test_images_are_their_alt_text_and_quotations_are_marked() -> None:
    assert text("![A cat](c.png)\n\n![](d.png)\n\n> said *so*") == "A cat\n\n> said so"


def test_tables_are_a_line_a_row() -> None:
    assert text("|a|b|\n|-|-|\n|1|2|\n|3|4|\n\nAfter") == "a | b\n1 | 2\n3 | 4\n\nAfter"


def test_columns_of_a_table_are_aligned_for_wide_letters_too() -> None:
    assert text("|Name|Price|\n|-|-:|\n|Apples|~~9~~ 7|\n|りんご|20|") == (
        "Name   |   Price\nApples | ~~9~~ 7\nりんご |      20"
    )


def test_cells_over_columns_and_rows_keep_their_places() -> None:
    body = (
        "<table><caption>Tides</caption><tr><th colspan=2>When<th>High<tr><td rowspan=2>Mon<td>early<td>4.1"
        "<tr><td>late<td><p>3.9</p><p>m</p><tr><td>Tue<td>a<br>b<td><ul><li>1<li>2</ul></table>"
    )
    assert text(body, MarkupLanguage.HTML) == (
        "Tides\n\nWhen |       | High\nMon  | early | 4.1\nMon  | late  | 3.9 m\nTue  | a; b  | 1; 2"
    )


def test_a_table_too_wide_for_a_line_says_each_row_by_the_names_of_its_columns() -> None:
    long = "very " * 20 + "long"
    assert (
        text(f"|Name|What?|\n|-|-|\n|A|{long}|\n|B||\n") == f"- Name: A\n  What? {long}\n- Name: B\n  What? -"
    )


def test_a_table_that_lays_out_a_page_is_its_blocks() -> None:
    body = "<table><tr><td><h2>A</h2><p>b</p><td><pre>c\n d</pre></table>"
    assert text(body, MarkupLanguage.HTML) == "A\n\nb\n\nc\n d"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("~~free~~ paid", "~~free~~ paid"),
        ("<del>free</del> <ins>paid</ins>, <s>a </s>b, <strike>c</strike>", "~~free~~ paid, ~~a~~ b, ~~c~~"),
        ("<del><p>one</p><p>two</p></del>", "~~one~~\n\n~~two~~"),
        ("~~[a](/b) and `c`~~", "~~a [1] and c~~\n\n[1] https://blog.example/b"),
        ("10<sup>6</sup>, 10<sup>-6</sup>, m<sup>2</sup>, Ca<sup>2+</sup>", "10^6, 10^-6, m^2, Ca^2+"),
        ("x<sup>n+1</sup> e<sup><i>x</i> / 2</sup>", "x^(n+1) e^(x / 2)"),
        ("4<sup>th</sup> 1<sup>st</sup> XIX<sup>e</sup> n<sup>o</sup> 2<sup>nd</sup>", "4th 1st XIXe no 2nd"),
        ("Acme<sup>TM</sup> <sup>14</sup>C a<sup>*</sup> b<sup>[2]</sup>", "Acme™ 14C a* b[2]"),
        ("<sup>Set in small print.</sup>", "Set in small print."),
        ("H<sub>2</sub>O Fe<sub>2</sub>O<sub>3</sub> Ca(OH)<sub>2</sub>", "H2O Fe2O3 Ca(OH)2"),
        ("x<sub>1</sub> x<sub>ij</sub> x<sub>i+1</sub> log<sub>2</sub> n", "x_1 x_ij x_(i+1) log_2 n"),
        ('<abbr title="Low water">LW</abbr>, <abbr title="Low water">LW</abbr>', "LW (Low water), LW"),
        ("<q>a <q>b</q> c</q>", "“a ‘b’ c”"),
        ("<kbd>Ctrl</kbd>+<kbd>C</kbd> <mark>m</mark> <u>u</u>", "Ctrl+C m u"),
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby><ruby>字<rt>ji</rt></ruby>", "漢(kan)字(ji)"),
        ("co&shy;operate 10&nbsp;km", "cooperate 10\xa0km"),
        ("$$a_1^2$$ 😀", "$$a_1^2$$ 😀"),
    ],
)  # fmt: skip
def test_what_changes_the_meaning_is_kept(body: str, wanted: str) -> None:
    assert (
        text(body, MarkupLanguage.HTML if body.startswith("<del><p>") else MarkupLanguage.MARKDOWN) == wanted
    )


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("- [x] done\n- [ ] to do\n\n  more", "- [x] done\n- [ ] to do\n\n  more"),
        ('<ol start="9"><li>a<li>b<li value="20">c<li>d</ol>', "9. a\n10. b\n20. c\n21. d"),
        ("<ol reversed><li>a<ol><li>x</ol><li>b</ol>", "2. a\n   1. x\n1. b"),
        ('<ol reversed start="10"><li>a<li>b</ol><ol start="-1"><li>c<li>d</ol>',
         "10. a\n9. b\n\n-1. c\n0. d"),
        ('<ol type="a" start="26"><li>a<li>b</ol><ol type="I" start="3"><li>c<li>d</ol>',
         "z. a\naa. b\n\nIII. c\nIV. d"),
        ("Term\n: meaning\n: other\n\nSecond\n: what\n\n> c",
         "Term\n  meaning\n  other\n\nSecond\n  what\n\n> c"),
        ("> a\n>\n> - b\n>   - c\n\ntext\n\n> d", "> a\n>\n> - b\n>   - c\n\ntext\n\n> d"),
        ("<details><summary>More</summary>\n\ninside\n\n</details>", "More\n\ninside"),
    ],
)  # fmt: skip
def test_lists_say_what_a_browser_shows(body: str, wanted: str) -> None:
    assert text(body, MarkupLanguage.HTML if body.startswith("<ol") else MarkupLanguage.MARKDOWN) == wanted


@pytest.mark.parametrize(
    "picture",
    [
        "![](a.png)", "![image](a.png)", "![IMG_2034.jpg](a.png)", "![IMG_2034](a.png)", "![a-2](a-2.png)",
        "![Screenshot 2026-03-01 at 10.31.22 AM](a.png)", "![Alt text](a.png)", "![The title](a.png)",
        "![https://x.example/a.png](a.png)", "![图片](a.png)", "[![](a.png)](a-large.png)",
    ],
)  # fmt: skip
def test_an_alt_text_that_says_nothing_is_left_out(picture: str) -> None:
    assert text(f"One\n\n{picture}\n\nTwo", title="The title") == "One\n\nTwo"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("![Two boats](a.png)", "Two boats"),
        ("![Cat](cat.png)", "Cat"),
        ("![Two boats](a.png)\n\n![Two boats](b.png)", "Two boats"),
        ('![](a.png "At low water")', "At low water"),
        (
            '<figure><img src="a.png" alt="Low water"><figcaption>Low <em>water</em></figcaption></figure>',
            "Low water",
        ),
        ("[![](a.png)](https://x.example/y)", "https://x.example/y"),
        ("[![Two boats](a.png)](/y)", "Two boats [1]\n\n[1] https://blog.example/y"),
        ("I ![😄](s.png) you", "I 😄 you"),
    ],
)
def test_an_alt_text_that_says_something_is_said_once(body: str, wanted: str) -> None:
    assert text(body) == wanted


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ('<video src="/v.mp4" poster="p.png">no <a href="/x">player</a></video>',
         "Watch the video: https://blog.example/v.mp4"),
        ('<audio controls><source src="a.ogg" type="audio/ogg"><source src="a.mp3"></audio>',
         "Listen to the recording: https://blog.example/2024/a/a.ogg"),
        ('<video src="/v.mp4" title="Low  water"></video>',
         "Watch the video (Low water): https://blog.example/v.mp4"),
        ("<video>What it shows</video>", "What it shows"),
        ('<iframe src="https://v.example/1"></iframe>', "https://v.example/1"),
    ],
)  # fmt: skip
def test_what_a_mail_cannot_play_is_an_address(body: str, wanted: str) -> None:
    assert text(f"<p>One</p>{body}<p>Two</p>", MarkupLanguage.HTML) == f"One\n\n{wanted}\n\nTwo"


def test_the_number_of_a_link_follows_the_whole_word_and_no_number_of_the_author() -> None:
    assert text("[post](/a)s as in [7], [b](/b). [文](/c)章") == (
        "posts [8] as in [7], b [9]. 文 [10]章"
        "\n\n[8] https://blog.example/a\n[9] https://blog.example/b\n[10] https://blog.example/c"
    )


def test_a_link_around_blocks_keeps_its_address() -> None:
    made = '<a href="https://x.example/y"><figure><img alt="Two boats"></figure></a>'
    assert text(made, MarkupLanguage.HTML) == "Two boats [1]\n\n[1] https://x.example/y"


def test_footnotes_by_any_name_and_in_any_dialect_are_notes() -> None:
    assert text("A[^b-c][^d].\n\n[^b-c]: one\n[^d]: two [up](#x)").split("\n\n")[:2] == [
        "A (note 1) (note 2).", "Note 1: one\nNote 2: two up [1]",
    ]  # fmt: skip
    hand = '<p>A<sup id="ref1"><a href="#n1">1</a></sup></p><p id="n1">1: one</p>'
    assert text(hand, MarkupLanguage.HTML) == "A (note 1)\n\n1: one"
    elsewhere = '<p>A <a href="https://x.example/#fn-2">2</a></p>'
    assert text(elsewhere, MarkupLanguage.HTML) == "A 2 [1]\n\n[1] https://x.example/#fn-2"


def _visible(made: str) -> str:
    """What a browser shows of safe HTML, without its spaces."""
    shown = re.sub(r"<(video|audio)\b.*?</\1>|<[^>]*>", "", made, flags=re.DOTALL)
    return "".join(unescape(shown).split())


WORD = st.text("abc\U0001f600é漢ក", min_size=1, max_size=6)
INLINE = st.recursive(
    WORD,
    lambda inner: st.builds(
        "<{0}>{1} {2}</{0}>".format,
        st.sampled_from(["em", "del", "s", "q", "code", "kbd", "b", "u", "mark"]),
        inner,
        inner,
    ),
    max_leaves=5,
)
BLOCK = st.recursive(
    st.builds("<{0}>{1}</{0}>".format, st.sampled_from(["p", "h2", "pre", "dl", "figure"]), INLINE),
    lambda inner: st.one_of(
        st.builds("<{0}><li>{1}<li>{2}</{0}>".format, st.sampled_from(["ul", "ol"]), inner, INLINE),
        st.builds("<blockquote>{}{}</blockquote>".format, inner, inner),
        st.builds("<table><tr><th>{}<th>{}<tr><td>{}<td>{}</table>".format, INLINE, INLINE, inner, INLINE),
        st.builds("<details><summary>{}</summary>{}</details>".format, INLINE, inner),
        st.builds("{}\n{}".format, inner, inner),
    ),
    max_leaves=8,
)


@given(BLOCK)
def test_every_word_a_browser_shows_is_in_the_text_in_order(body: str) -> None:
    made = markup.html(body, MarkupLanguage.HTML, base_url=BASE, title="")
    found = "".join(strip_marks(markup.text(made)).split())
    shown = _visible(made)
    if "<table" in made:  # a table too wide for a mail is a list that names its columns in each row
        assert not Counter(shown) - Counter(found), found
        return
    rest = iter(found)
    assert all(char in rest for char in shown), found


@given(st.text(st.sampled_from("ab \t\n<>&-*`~^|#.\\"), min_size=1).filter(lambda code: code.strip() != ""))
def test_any_code_block_is_kept_to_the_character(code: str) -> None:
    made = f"<pre><code>{code.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</code></pre>"
    lines = markup.text(f"<p>a</p>{made}<p>b</p>").split("\n")[2:-2]
    assert all(line.startswith(VERBATIM) for line in lines)
    assert "\n".join(line[1:] for line in lines) == code.removesuffix("\n")


def test_footnotes_read_as_notes() -> None:
    assert text("Word[^1].\n\n[^1]: The note.\n") == "Word (note 1).\n\nNote 1: The note."


def test_html_bodies_are_read_too() -> None:
    body = "<h2>A &amp; B</h2><p>x<br>y</p><ul><li>z</ul><script>no</script>"
    assert text(body, MarkupLanguage.HTML) == "A & B\n\nx\ny\n\n- z"


def test_a_summary_is_the_first_paragraph_with_words() -> None:
    made = markup.html(
        "![](a.png)\n\nFirst *one*[^1].\n\nSecond\n\n[^1]: n",
        MarkupLanguage.MARKDOWN,
        base_url=BASE,
        title="",
    )
    assert markup.summary(made) == "First one."
    assert markup.summary("") == ""


def test_a_summary_does_not_say_what_a_callout_is_called() -> None:
    for body in ("> [!NOTE]\n> First *one*.", "> [!NOTE]- More\n> Folded.\n\nFirst *one*."):
        made = markup.html(body, MarkupLanguage.MARKDOWN, base_url="https://e.example/", title="T")
        assert markup.summary(made) == "First one."
    assert markup.summary("<blockquote>\n<p><strong>Alone</strong></p>\n</blockquote>") == "Alone"


def test_a_summary_means_what_the_paragraph_means() -> None:
    made = markup.html(
        "~~Free~~ Paid: 10<sup>6</sup> [boats](/b)[^1], <q>a</q> ![Pic](p.png) `c`.\n\n[^1]: n",
        MarkupLanguage.MARKDOWN, base_url=BASE, title="",
    )  # fmt: skip
    assert markup.summary(made) == "~~Free~~ Paid: 10^6 boats, “a” c."
    assert markup.summary(made, whole=True).startswith("~~Free~~ Paid: 10^6 boats")


def test_a_long_summary_is_cut_at_a_word() -> None:
    found = markup.summary(f"<p>{'word ' * 100}</p>")
    assert found == "word " * 59 + "word…"
    assert len(found) <= 300


def test_a_summary_without_spaces_is_cut_before_no_mark() -> None:
    found = markup.summary("<p>" + "កា" * 300 + "</p>")
    assert len(found) <= 300
    assert found.endswith("ា…")
