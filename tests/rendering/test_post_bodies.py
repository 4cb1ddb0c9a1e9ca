"""What a post's HTML becomes inside a mail."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from publisher.core.digests.digest import DigestPost
from publisher.core.posts.post import Image
from publisher.rendering.display_text import clip, machine, script, time
from publisher.rendering.languages import Languages
from publisher.rendering.post_bodies import id_prefix, mail_body, page_body, shows_picture


@pytest.mark.parametrize(
    ("levels", "lowered"),
    [
        ("1 2 3", "3 4 5"),
        ("2 4 2 3", "3 4 3 4"),
        ("3 2 3", "3 3 4"),
        ("6 1 1", "3 3 3"),
        ("1 2 3 4 5 6", "3 4 5 6 6 6"),
    ],
)
def test_headings_are_lowered_without_a_gap(levels: str, lowered: str) -> None:
    def write(numbers: str) -> str:
        return "".join(f"<h{n}>x</h{n}>" for n in numbers.split())

    assert mail_body(write(levels)) == write(lowered)


def test_what_looks_like_a_tag_inside_an_attribute_stays() -> None:
    picture = '<img src="https://e.example/a.png" alt="an <h1> tag" width="20">'
    assert mail_body(picture) == picture


def test_what_looks_like_an_attribute_inside_an_attribute_stays() -> None:
    for words in ("x class=", "my alt=", " width=9000 ", "style='a' onclick=x"):
        picture = f'<img title="{words}" src="https://e.example/a.png" alt="{words}" width="9">'
        assert mail_body(picture) == picture
    assert mail_body("<img title='a \"b\"' src=https://e.example/a.png width=9>") == (
        '<img title="a &quot;b&quot;" src="https://e.example/a.png" width="9" alt="">'
    )


def test_a_picture_that_cannot_be_shown_leaves_its_words() -> None:
    assert (
        mail_body('<p>A <img src="file:///x.png" alt="tide &amp; time"> B</p>')
        == "<p>A tide &amp; time B</p>"
    )
    assert mail_body('<p><img alt="map"></p>') == "<p>map</p>"
    assert mail_body('<p>A<img src="https://stats.example/p.gif" width="1" height="1"></p>') == "<p>A</p>"


def test_a_link_that_no_mailbox_follows_leaves_its_words() -> None:
    assert mail_body('<p><a href="ftp://e.example/x">the <b>file</b></a>, <a id="n">here</a></p>') == (
        '<p>the <b>file</b>, <a id="n">here</a></p>'
    )
    kept = '<p><a href="http://localhost:3000/">http://localhost:3000/</a> <a href="#n">above</a></p>'
    assert mail_body(kept) == kept


def test_no_two_posts_of_a_mail_share_an_id(post: Callable[..., DigestPost]) -> None:
    html = '<h2 id="a">A</h2><p><a href="#a">up</a></p>'
    html += '<table><tr><th id="h">x</th><td headers="h">y</td></tr></table>'
    one, two = post(id="tag:1", html=html), post(id="tag:2", html=html)
    made = [mail_body(it.html, prefix=id_prefix(it)) for it in (one, two, one)]
    assert made[0] == made[2]
    for text in made[:2]:
        ids = re.findall(r' id="([^"]+)"', text)
        assert [*re.findall(r'href="#([^"]+)"', text), *re.findall(r'headers="([^"]+)"', text)] == ids
    assert not set(re.findall(r' id="([^"]+)"', made[0])) & set(re.findall(r' id="([^"]+)"', made[1]))
    assert id_prefix(post(html="<p>none</p>")) == ""


def test_an_id_that_a_post_uses_twice_stays_where_it_was_first() -> None:
    html = '<p id="a">One</p><p id="a">Two</p><h2 id="b">Head</h2><p><a href="#a">up</a></p>'
    for made in (mail_body(html, prefix="p-"), page_body(html)):
        assert re.findall(r' id="([^"]*)"', made) in (["p-a", "p-b"], ["a", "b"])
        assert "Two" in made


def test_a_footnote_in_a_mail_has_no_way_back_that_would_open_the_web_page() -> None:
    note = '<li id="fn-1">\n<p>One. <a href="https://e.example/p/#fnref-1">↩</a></p>\n</li>'
    twice = note.replace("</a>", '</a> <a href="https://e.example/p/#fnref-1-2">↩<sup>2</sup></a>')
    assert mail_body(note) == mail_body(twice) == '<li id="fn-1">\n<p>One.</p>\n</li>'
    alone = '<li><pre>x</pre>\n<p><a href="#fnref:1">&#8617;&#xfe0e;</a></p>\n</li>'
    assert mail_body(alone) == "<li><pre>x</pre>\n</li>"
    for kept in (
        '<p><a href="https://e.example/p/#fnref-1">see note one</a></p>',
        '<p>x<sup><a href="https://e.example/p/#fn-1" id="fnref-1">1</a></sup></p>',
    ):
        assert mail_body(kept) == kept


def test_a_formula_in_a_mail_looks_like_one() -> None:
    made = mail_body(
        r'<p><math alttext="\frac{a}{2}"><mfrac><mi>a</mi><mn>2</mn></mfrac></math>, <math><mi>t</mi></math>'
        " and <math><mn>2</mn></math>, <math><msup><mi>x</mi><mn>2</mn></msup></math></p>"
    )
    assert made == r'<p><code dir="ltr">\frac{a}{2}</code>, <i>t</i> and 2, x^2</p>'


def test_tables_get_a_box_that_scrolls() -> None:
    assert mail_body("<table><tr><td>1</td></tr></table>") == (
        '<div class="wide"><table><tr><td>1</td></tr></table></div>'
    )


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<p>words first</p>", True),
        ('<p><img src="https://e.example/other.png"></p>', False),
        ('<figure>\n<img src="https://e.example/other.png"></figure>', False),
        ('<p>words</p><img src="https://e.example/a.png?x=1&amp;y=2">', False),
    ],
)
def test_a_posts_picture_is_shown_once(html: str, shown: bool, post: Callable[..., DigestPost]) -> None:
    assert shows_picture(post(html=html, image=Image(url="https://e.example/a.png?x=1&y=2"))) is shown
    assert not shows_picture(post(html=html, image=None))


def test_a_picture_must_be_on_the_web(post: Callable[..., DigestPost]) -> None:
    assert not shows_picture(post(image=Image(url="file:///etc/passwd")))


def test_clipping_ends_after_a_whole_word() -> None:
    assert clip("one two\nthree", 20) == "one two three"
    assert clip("one two three", 12) == "one two…"
    assert clip("undividable", 6) == "undiv…"


def test_instants_are_written_in_local_time() -> None:
    instant = datetime(2024, 12, 31, 20, 15, 9, tzinfo=UTC)
    assert Languages([]).words("en").day(instant, "Asia/Phnom_Penh") == "1 January 2025"
    assert time(instant, "Asia/Phnom_Penh") == "03:15"
    assert machine(instant) == "2024-12-31T20:15:09Z"


@pytest.mark.parametrize(
    ("language", "name"),
    [("en", "latn"), ("km", "khmr"), ("ar-EG", "arab"), ("zh", "hans"), ("zh-TW", "hant"),
     ("zh-Hant", "hant"),     ("ja", "jpan"), ("sr-Cyrl", "cyrl"), ("he", "hebr")],
)  # fmt: skip
def test_a_language_names_its_script(language: str, name: str) -> None:
    assert script(language) == name


def test_what_is_played_on_a_page_has_controls() -> None:
    made = page_body('<video src="a.mp4" title="x"></video><audio controls src="b.mp3"></audio>')
    assert made.count(" controls=") == 2
