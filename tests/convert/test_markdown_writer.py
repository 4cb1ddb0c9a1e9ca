"""HTML as Markdown that renders to the same words, in the same kinds of blocks."""

import html
import re
from collections import Counter

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from publisher.convert.markdown_writer import MarkdownWriter
from publisher.convert.platform_html import rewrite_cards
from publisher.core.posts.post import MarkupLanguage
from publisher.markup import SafeMarkup

MARKUP = SafeMarkup("https://quay.example/")

PIECES = st.sampled_from(
    [
        *"ab1.)(-+*_`~[]<>!&#|=\\:;\"'$@/^ \né中「",
        *(
            "www.x.example",
            "http://x.example/a_b",
            "&amp;",
            "**",
            "``",
            "```",
            "~~",
            "1. ",
            "- ",
            "# ",
            "<b>",
            "---",
        ),
        *("===", ":::", " {{ x }} ", " {{< b >}} ", " {% c %} "),
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map("".join).map(lambda text: html.escape(text, quote=False))


def element(name: str, inside: str) -> str:
    """An element; no link within a link, which no editor makes."""
    start = (
        'a href="https://y.example/"' if name == "a" and "<a" not in inside else name.replace("a", "em", 1)
    )
    return f"<{start}>{inside}</{start.split()[0]}>"


INLINE = st.recursive(
    TEXTS,
    lambda inside: (
        st.builds(element, st.sampled_from(["em", "strong", "code", "a"]), inside)
        | st.lists(inside, max_size=3).map("".join)
    ),
    max_leaves=5,
)
BLOCKS = st.tuples(
    st.sampled_from(
        [
            "<p>{}</p>",
            "<h2>{}</h2>",
            "<ul><li>{}</li></ul>",
            "<blockquote><p>{}</p></blockquote>",
            "<table><tr><th>h</th></tr><tr><td>{}</td></tr></table>",
        ]
    ),
    INLINE,
).map(lambda block: block[0].replace("{}", block[1]))


def markdown(source: str, lost: Counter[str] | None = None) -> str:
    body = BeautifulSoup(source, "html.parser")
    rewrite_cards(body, Counter() if lost is None else lost)
    return MarkdownWriter(lambda url: url).write(body)


def rendered(text: str) -> str:
    return MARKUP.html(text, MarkupLanguage.MARKDOWN, base_url="https://quay.example/p/", title="\0")


def words(source: str) -> str:
    """The text without its spaces: blocks part words in both, each in its own way."""
    return re.sub(r"\s+", "", BeautifulSoup(source, "html.parser").get_text())


@given(st.lists(BLOCKS, max_size=3).map("".join))
def test_every_word_of_a_body_is_still_there_once_it_is_rendered(source: str) -> None:
    assert words(rendered(markdown(source))) == words(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>a <strong>b</strong>, <em>c</em></p>", "a **b**, *c*\n"),
        ("<p><code>a</code><em></em><code>b</code></p>", "`a`<code>b</code>\n"),
        ("<p>one<br>two</p>", "one\\\ntwo\n"),
        ("<p><em>foo.</em>bar</p>", "<em>foo.</em>bar\n"),
        ('<p><a href="https://x.example/">https://x.example/</a></p>', "<https://x.example/>\n"),
        ('<p><a href="/a b">x</a></p>', "[x](</a b>)\n"),
        ("<h3>C #</h3>", "### C \\#\n"),
        ("<ol start=3><li>a</li><li>b</li></ol>", "3. a\n4. b\n"),
        ('<p>See!<a href="/a">x</a></p>', "See\\![x](/a)\n"),
        ("<p>2024. It rained</p>", "2024\\. It rained\n"),
        ("<p>snake_case and _mark_</p>", "snake_case and \\_mark\\_\n"),
        ('<pre><code class="language-py">a\n\nb_c * d</code></pre>', "```py\na\n\nb_c * d\n```\n"),
        ("<table><tr><th>a</th></tr><tr><td>b|c</td></tr></table>", "| a |\n| --- |\n| b\\|c |\n"),
        ("<p>H<sub>2</sub>O, 10<sup>6</sup></p>", "H<sub>2</sub>O, 10<sup>6</sup>\n"),
        ('<iframe src="https://v.example/1"></iframe>', '<iframe src="https://v.example/1"></iframe>\n'),
        ("<p>Write {{ title }} here</p>", "Write `{{ title }}` here\n"),
        ("<p>a</p><!--more--><p>b</p>", "a\n\n<!-- more -->\n\nb\n"),
    ],
)
def test_what_becomes_of(source: str, expected: str) -> None:
    assert markdown(source) == expected


def test_a_table_that_markdown_cannot_show_stays_html() -> None:
    source = '<table><tr><th colspan="2">a</th></tr><tr><td>b</td><td>c</td></tr></table>'
    assert 'colspan="2"' in rendered(markdown(source))


CARDS = {
    '<div class="kg-card kg-callout-card kg-callout-card-blue"><div class="kg-callout-emoji">💡</div>'
    '<div class="kg-callout-text">Mind <b>it</b></div></div>': "> 💡 Mind **it**\n",
    '<div class="kg-card kg-toggle-card" data-kg-toggle-state="close"><div class="kg-toggle-heading">'
    '<h4 class="kg-toggle-heading-text">More</h4><button class="kg-toggle-card-icon"></button></div>'
    '<div class="kg-toggle-content"><p>In</p></div></div>': (
        "<details>\n<summary>More</summary>\n\nIn\n\n</details>\n"
    ),
    '<figure class="kg-card kg-bookmark-card"><a class="kg-bookmark-container" href="https://x.example/">'
    '<div class="kg-bookmark-content"><div class="kg-bookmark-title">X</div>'
    '<div class="kg-bookmark-description">About</div><div class="kg-bookmark-metadata">'
    '<img class="kg-bookmark-icon" src="i.png"></div></div></a>'
    "</figure>": "> [X](https://x.example/)\n>\n> About\n",
    '<div class="kg-card kg-button-card kg-align-center">'
    '<a href="/go/" class="kg-btn kg-btn-accent">Go</a></div>': ("[Go](/go/)\n"),
    '<figure class="kg-card kg-gallery-card"><div class="kg-gallery-container"><div class="kg-gallery-row">'
    '<div class="kg-gallery-image"><img src="a.jpg" alt="A"></div>'
    '<div class="kg-gallery-image"><img src="b.jpg">'
    "</div></div></div><figcaption>Both</figcaption></figure>": "![A](a.jpg)\n\n![](b.jpg)\n\n*Both*\n",
    '<div class="kg-card kg-file-card"><a class="kg-file-card-container" href="/f.pdf" download><div '
    'class="kg-file-card-contents"><div class="kg-file-card-title">Plan</div>'
    '<div class="kg-file-card-metadata">'
    '<div class="kg-file-card-filename">f.pdf</div>'
    '<div class="kg-file-card-filesize">6 KB</div></div></div></a>'
    "</div>": "[Plan](/f.pdf) (f.pdf, 6 KB)\n",
    '<figure class="kg-card kg-video-card" data-kg-thumbnail="/t.jpg"><div class="kg-video-container"><video '
    'src="/v.mp4" width="9" playsinline></video><div class="kg-video-overlay"><button></button></div></div>'
    "</figure>": '<video controls="" poster="/t.jpg" src="/v.mp4"></video>\n',
}


@pytest.mark.parametrize("card", CARDS)
def test_a_card_of_ghost_is_plain_markdown(card: str) -> None:
    lost: Counter[str] = Counter()
    assert markdown(card, lost) == CARDS[card]
    assert not lost


def test_what_only_works_there_is_taken_out_and_named() -> None:
    lost: Counter[str] = Counter()
    form = '<div class="kg-card kg-signup-card"><form><button>Join</button></form></div>'
    source = f"{form}<script>x</script><p>a</p>"
    assert markdown(source, lost) == "a\n"
    assert lost == {"sign-up form": 1, "script": 1}
