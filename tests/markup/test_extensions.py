"""What some generators read beyond CommonMark: only where a post says that its own does."""

import re
import time

import pytest

from publisher.core.posts.mathml import without_mathml
from publisher.core.posts.post import MarkdownExtension, MarkupLanguage
from publisher.markup import SafeMarkup
from publisher.markup.html.sanitize import sanitize

BASE = "https://blog.example/news/2024/a/"
QUICK = 3
"""Seconds of a slow machine; what is quadratic takes minutes."""
markup = SafeMarkup("https://blog.example/news/")


def html(body: str, *extensions: MarkdownExtension, kind: MarkupLanguage = MarkupLanguage.MARKDOWN) -> str:
    return markup.html(body, kind, base_url=BASE, title="Title", extensions=extensions)


def quick(scrap: str, *extensions: MarkdownExtension) -> bool:
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
    assert html(body, MarkdownExtension.DEFINITIONS) == made


def test_without_the_extension_a_colon_is_a_colon() -> None:
    assert html("Term\n: meaning") == "<p>Term\n: meaning</p>"


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("Our LW and LWA.\n\n*[LW]: Low <water>",
         '<p>Our <abbr title="Low &lt;water&gt;">LW</abbr> and LWA.</p>'),
        ("R&D\n*[R&D]: Research & \"Development\"\n\nAfter",
         '<p><abbr title="Research &amp; &quot;Development&quot;">R&amp;D</abbr></p>\n<p>After</p>'),
        ("`LW` [LW](/a)\n\n*[LW]: x",
         '<p><code>LW</code> <a href="https://blog.example/a"><abbr title="x">LW</abbr></a></p>'),
        ("A B\n\n*[A]:\n    long\n*[B]:", '<p><abbr title="long">A</abbr> B</p>'),
        ("LW LW A\n\n*[LW]: a\n*[LW A]: b", '<p><abbr title="a">LW</abbr> <abbr title="b">LW A</abbr></p>'),
        ("amp & <abbr title=\"mine\">LW</abbr>\n\n*[amp]: a\n*[LW]: b",
         '<p><abbr title="a">amp</abbr> &amp; <abbr title="mine">LW</abbr></p>'),
        ("```\n*[LW]: x\n```\n\nLW", "<pre><code>*[LW]: x\n</code></pre>\n<p>LW</p>"),
    ],
)  # fmt: skip
def test_abbreviations_say_what_they_stand_for(body: str, made: str) -> None:
    assert html(body, MarkdownExtension.ABBREVIATIONS) == made


def test_without_the_extension_the_line_of_an_abbreviation_is_a_line() -> None:
    assert html("*[LW]: Low water") == "<p>*[LW]: Low water</p>"


@pytest.mark.parametrize("scrap", ["*[a]: b\n", "*[", "*[a]:\n    ", "a *[a", "& &amp;\n\n*[&]: x\n"])
def test_a_body_of_abbreviations_is_quick(scrap: str) -> None:
    assert quick(scrap, MarkdownExtension.ABBREVIATIONS)


def test_lines_end_as_they_are_written_where_the_generator_ends_them() -> None:
    assert html("One\ntwo", MarkdownExtension.BREAKS) == "<p>One<br>\ntwo</p>"
    assert html("One\ntwo") == "<p>One\ntwo</p>"


@pytest.mark.parametrize(
    "scrap", [": a\n", "a\n: ", "a\n: b\n\n", "a\n\n: b\n\n", "a\n: b\n\n    c\n\n", "\n "]
)
def test_a_body_of_definitions_is_quick(scrap: str) -> None:
    assert quick(scrap, MarkdownExtension.DEFINITIONS)
    few = scrap * (1_999 // scrap.count(":")) if ":" in scrap else scrap
    started = time.process_time()
    html(few, MarkdownExtension.DEFINITIONS)
    assert time.process_time() - started < QUICK


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("Hi :smile::tada: :+1:", "<p>Hi 😄🎉 👍</p>"),
        ("好:smile:", "<p>好😄</p>"),
        ("**:white_check_mark:** :no_such_name:", "<p><strong>✅</strong> :no_such_name:</p>"),
        ("At 10:30:45 and 10:100:45", "<p>At 10:30:45 and 10:100:45</p>"),
        ("`:smile:`\n\n    :smile:", "<p><code>:smile:</code></p>\n<pre><code>:smile:\n</code></pre>"),
        ("https://x.example/:smile:/",
         '<p><a href="https://x.example/:smile:/">https://x.example/:smile:/</a></p>'),
        ("[a](/:smile:/)", '<p><a href="https://blog.example/:smile:/">a</a></p>'),
    ],
)  # fmt: skip
def test_emoji_are_shown_by_their_names(body: str, made: str) -> None:
    assert html(body, MarkdownExtension.EMOJI) == made


def test_emoji_are_named_in_html_too_and_only_where_the_generator_reads_them() -> None:
    assert html("<p>:smile:</p>", MarkdownExtension.EMOJI, kind=MarkupLanguage.HTML) == "<p>😄</p>"
    assert html(":smile:") == "<p>:smile:</p>"


@pytest.mark.parametrize(
    ("extension", "body", "made"),
    [
        (MarkdownExtension.HIGHLIGHT, "==a *b*== c == d", "<p><mark>a <em>b</em></mark> c == d</p>"),
        (MarkdownExtension.INSERTED, "++a++ C++", "<p><ins>a</ins> C++</p>"),
        (MarkdownExtension.SUBSCRIPT, "H~2~O ~~no~~", "<p>H<sub>2</sub>O <del>no</del></p>"),
        (MarkdownExtension.SUPERSCRIPT, "x^2^", "<p>x<sup>2</sup></p>"),
    ],
)
def test_marks_that_plugins_add_are_read_where_the_blog_has_them(
    extension: MarkdownExtension, body: str, made: str
) -> None:
    assert html(body, extension) == made
    assert html(body) != made


TEX = (MarkdownExtension.MATH, MarkdownExtension.DOLLARS, MarkdownExtension.BRACKETS)


@pytest.mark.parametrize(
    ("body", "made"),
    [
        (r"a $$x_1 \\ \{*y*\} & <b> \, z_2$$ *b*",
         r"<p>a $$x_1 \\ \{*y*\} &amp; &lt;b&gt; \, z_2$$ <em>b</em></p>"),
        (r"a $$x_1 \\ \{*y*\} \& <b> \, z_2$$", r"<p>a «x_1 \\ \{*y*\} \&amp; &lt;b&gt; \, z_2»</p>"),
        ("$$\n\\begin{a}\n\n    - x_1 \\\\\n=====\n1. y_2\n$$\n\nAfter",
         "<p>$$\n\\begin{a}\n    - x_1 \\\\\n=====\n1. y_2\n$$</p>\n<p>After</p>"),
        (r"\(a_1*b*c_1\) \[ d_1\\e_1 \]", r"<p>«a_1*b*c_1» «=d_1\\e_1»</p>"),
        (r"\(a_1*b\)", "<p>«a_1*b»</p>"),
        ("$a_1*b*c$ and *d*", "<p>«a_1*b*c» and <em>d</em></p>"),
        ("$5 *or* $10, US$7 *or* CA$8", "<p>$5 <em>or</em> $10, US$7 <em>or</em> CA$8</p>"),
        ("`$$a*b*$$` $$$ *c* $$$", "<p><code>$$a*b*$$</code> $$$ <em>c</em> $$$</p>"),
        (r"\$$a*b*$$", "<p>$$a<em>b</em>$$</p>"),
        ("$$a\n\n*b*$$", "<p>$$a</p>\n<p><em>b</em>$$</p>"),
        ("$$ {% raw %}{{x}}{% endraw %} $$", "<p>«={{x}}»</p>"),
        ('[a](http://x.example/?$$q_"$$) ![$$"<b>$$](x.png)',
         '<p><a href="http://x.example/?$$q_&quot;$$">a</a> '
         f'<img src="{BASE}x.png" alt="$$&quot;&lt;b&gt;$$"></p>'),
        ("# On $$x_1$$", '<h1 id="on-x1">On «x_1»</h1>'),
        ("> $$\n> x\n> $$", "<blockquote>\n<p>«=x»</p>\n</blockquote>"),
        ("| $a|b$ |\n|---|\n| c |", "<table>\n<thead>\n<tr>\n<th>«a|b»</th>\n</tr>\n</thead>\n"
         "<tbody>\n<tr>\n<td>c</td>\n</tr>\n</tbody>\n</table>"),
        (r"$$\begin{aligned} a &= b \\ &= c \end{aligned}$$",
         r"<p>«=\begin{aligned} a &amp;= b \\ &amp;= c \end{aligned}»</p>"),
        (r"$\begin{gather*} a \\ b \end{gather*}$", r"<p>«\begin{gather*} a \\ b \end{gather*}»</p>"),
        (r"$a & b$ $\begin{tikz} x \end{tikz}$", r"<p>$a &amp; b$ $\begin{tikz} x \end{tikz}$</p>"),
        (r"$\nosuch{x}$ $\frac{1$ $\left( x$", r"<p>$\nosuch{x}$ $\frac{1$ $\left( x$</p>"),
    ],
)  # fmt: skip
def test_tex_is_set_as_mathml_or_shown_as_its_author_wrote_it(body: str, made: str) -> None:
    shown = re.sub(r'<math alttext="([^"]*)" display="inline">.*?</math>', r"«\1»", html(body, *TEX))
    assert re.sub(r'<math alttext="([^"]*)" display="block">.*?</math>', r"«=\1»", shown) == made


def test_a_formula_is_mathml_on_pages_and_tex_in_mails() -> None:
    made = html(r"Area $\frac{\mathrm{d}a}{2}$", *TEX)
    assert made == (
        r'<p>Area <math alttext="\frac{\mathrm{d}a}{2}" display="inline"><mrow><mfrac><mrow>'
        '<mi mathvariant="normal">d</mi><mi>a</mi></mrow><mrow><mn>2</mn></mrow></mfrac></mrow></math></p>'
    )
    assert without_mathml(made) == r"<p>Area \frac{\mathrm{d}a}{2}</p>"
    assert SafeMarkup().text(made) == r"Area \frac{\mathrm{d}a}{2}"


@pytest.mark.parametrize(
    "tex",
    [
        r"\text{<script>alert(1)</script>}", r"\href{javascript:alert(1)}{x}", r"\style{position:fixed}{x}",
        r"\newcommand{\a}{\a\a}\a", "{" * 900 + "x" + "}" * 900, r"\sqrt" * 300 + "x", "x_{" * 900, "&",
        "<b>", r"\class{x}{y}", r"\unicode{x3c}script", '"onload="alert(1)',
    ],
)  # fmt: skip
def test_no_formula_brings_in_what_a_post_may_not_hold(tex: str) -> None:
    made = html(f"a $${tex}$$ b", *TEX)
    tags = "".join(re.findall(r"<[^>]*>", re.sub(r'alttext="[^"]*"', "", made)))
    for bad in ("script", "href", "style=", "class=", "alert", "onload"):
        assert bad not in tags
    assert sanitize(made, BASE) == made


def test_aligned_equations_are_a_table() -> None:
    made = html(r"$$\begin{aligned} a &= b \\ &= c \end{aligned}$$", *TEX)
    assert made.count("<mtr>") == 2
    assert made.count('columnalign="right"') == 2
    assert "<mo>&amp;</mo>" not in made


def test_a_formula_that_cannot_be_set_is_named_with_its_line() -> None:
    body = "One $x$\n\n`$\\no$`\n\nTwo $\\nosuch{x}$ {% raw %}\n"
    found = SafeMarkup().unset_formulas(body, MarkupLanguage.MARKDOWN, TEX)
    assert found == [(5, r"\nosuch{x}")]
    assert SafeMarkup().unset_formulas(body, MarkupLanguage.HTML, TEX) == []


def test_without_the_extension_dollars_are_dollars() -> None:
    assert html("$$a*b*$$ $c*d*$") == "<p>$$a<em>b</em>$$ $c<em>d</em>$</p>"
    assert html(r"\(a\)") == "<p>(a)</p>"


def test_nothing_that_travels_hidden_can_be_brought_in() -> None:
    hidden = "".join(map(chr, range(0xFDD0, 0xFDF0)))
    assert html(f"a{hidden}b", *TEX) == "<p>ab</p>"
    assert html(f"<b title='{hidden}a'>a</b>", *TEX, kind=MarkupLanguage.HTML) == '<b title="a">a</b>'
    entities = "".join(f"&#{number};" for number in range(0xFDD0, 0xFDF0))
    made = html(f"<b title='{entities}'>{entities}</b>", *TEX, kind=MarkupLanguage.HTML)
    assert made.count("<") == made.count(">") == made.count('"') == 2
    links = "".join(f"[a](javascript%EF%B7%{0x90 + number:X}x) " for number in range(32))
    assert "javascript:" not in html(links, *TEX)


@pytest.mark.parametrize(
    "scrap",
    ["$$ ", "$", "$a", "\\(", "\\( \\) ", "$$\n\n", "$ a$", ":a", ":a1:b2:", ":smile: ", "==a", "~a", "^a "],
)
def test_a_body_of_any_such_mark_is_quick(scrap: str) -> None:
    assert quick(scrap, *MarkdownExtension)
    started = time.process_time()
    html(scrap * 9_000, *MarkdownExtension)
    assert time.process_time() - started < QUICK


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ('![A pier](p.png "Ebb *at* & on")',
         f'<figure><img src="{BASE}p.png" alt="A pier"><figcaption>Ebb *at* &amp; on</figcaption></figure>'),
        ('[![A](p.png "T")](/b/)',
         f'<figure><a href="https://blog.example/b/"><img src="{BASE}p.png" alt="A"></a>'
         "<figcaption>T</figcaption></figure>"),
        ('a ![A](p.png "T")', f'<p>a <img src="{BASE}p.png" alt="A" title="T"></p>'),
        ("![A](p.png)", f'<p><img src="{BASE}p.png" alt="A"></p>'),
        ('![A](p.png " ")', f'<p><img src="{BASE}p.png" alt="A" title=" "></p>'),
    ],
)  # fmt: skip
def test_a_title_is_a_caption_where_that_is_on(body: str, made: str) -> None:
    assert html(body, MarkdownExtension.CAPTIONS) == made
    assert "<figure" not in html(body)


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ("> [!WARNING] Spring tide\n> a", "⚠️ Spring tide"),
        ("> [!WARNING]\n> a", "Warning"),
        ("> [!CAUTION] Spring tide\n> a", "🛑 Spring tide"),
        ("> [!note] Spring tide\n> a", "Spring tide"),
        ("> [!Tip] Spring tide\n> a", "💡 Spring tide"),
        (":::danger Spring tide\na\n:::", "🛑 Spring tide"),
        ('!!! important "Spring tide"\n    a', "❗ Spring tide"),
        ("!!! important\n    a", "Important"),
    ],
)
def test_a_callout_with_a_title_of_its_own_keeps_a_sign_of_its_kind(body: str, head: str) -> None:
    assert html(body) == f"<blockquote>\n<p><strong>{head}</strong></p>\n<p>a</p>\n</blockquote>"


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ("> [!note]- More\n> a", ""),
        ("> [!note]+ More\n> a", ' open=""'),
        ('??? note "More"\n    a', ""),
        ('???+ note "More"\n    a', ' open=""'),
        (":::details More\na\n:::", ""),
        (":::details More {open}\na\n:::", ' open=""'),
        ('{{< details "More" >}}\na\n{{< /details >}}', ""),
        ('{{< expand title="More" open="true" >}}\na\n{{< /expand >}}', ' open=""'),
        ('<Collapse title="More">\n\na\n\n</Collapse>', ""),
    ],
)
def test_a_fold_stays_a_fold(body: str, state: str) -> None:
    assert html(body) == (
        f"<blockquote>\n<details{state}>\n<summary><strong>More</strong></summary>\n<p>a</p>\n</details>\n</blockquote>"
    )


def test_folds_hold_whatever_is_in_them_and_each_other() -> None:
    made = html("> [!tip]- Outer **words**\n> ~~~\n> code\n>\n> > [!bug]+\n> > b\nlazy\n\nafter")
    assert made == (
        "<blockquote>\n<details>\n<summary><strong>💡 Outer words</strong></summary>\n<pre><code>code\n\n"
        "&gt; [!bug]+\n&gt; b\n</code></pre>\n</details>\n</blockquote>\n<p>lazy</p>\n<p>after</p>"
    )
    made = html("> [!tip]-\n> a\n>\n> > [!bug]+\n> > b\nlazy\n\n> plain")
    assert made == (
        "<blockquote>\n<details>\n<summary><strong>Tip</strong></summary>\n<p>a</p>\n<blockquote>\n"
        '<details open="">\n<summary><strong>Bug</strong></summary>\n<p>b\nlazy</p>\n</details>\n'
        "</blockquote>\n</details>\n</blockquote>\n"
        "<blockquote>\n<p>plain</p>\n</blockquote>"
    )


def test_a_frame_becomes_a_link_with_its_title() -> None:
    body = '<iframe title="Ebb &amp; flow" src="https://v.example/e"></iframe>'
    assert html(body) == '<p><a href="https://v.example/e">Ebb &amp; flow</a></p>'
    assert html(body.replace(' title="Ebb &amp; flow"', "")).endswith(">https://v.example/e</a></p>")


def test_what_no_reader_can_see_is_named_once_with_its_line() -> None:
    body = (
        'A\n\n<form action="/vote"><input name="a"></form>\n\n<poll-box id="3"></poll-box>\n\n'
        '<Poll id="3" />\n\n'
        '<script src="https://poll.example/3.js"></script>\n\n`<canvas>`\n\n<form></form> <Poll />\n\n'
        '<blockquote>a</blockquote><script src="https://social.example/w.js"></script>\n<script>x</script>\n'
        '<Image src="/a.png" alt="A" />\n'
    )
    found = markup.faults(body, MarkupLanguage.MARKDOWN, base_url=BASE, title="T")
    left_out = [(line, what.partition(">")[0] + ">") for line, what in found if "left out" in what]
    assert left_out == [(3, "<form>"), (3, "<input>"), (5, "<poll-box>"), (7, "<Poll>"), (9, "<script>")]
    for word in ("form", "Poll", "script", "canvas", "poll"):
        assert f"<{word}" not in html(body).replace("<code>&lt;canvas", "")


@pytest.mark.parametrize(
    ("words", "alt", "width"),
    [("", "", ""), ("|A pier", "A pier", ""), ("|300", "", "300"), ("|A pier|300x200", "A pier", "300")],
)
def test_an_obsidian_picture_may_have_words_and_a_width(words: str, alt: str, width: str) -> None:
    shown = f' width="{width}"' if width else ""
    assert f'<img src="{BASE}p.jpg" alt="{alt}"{shown}>' in html(f"![[p.jpg{words}]]")
