"""Films become links in a mail; pictures get a width where it is known, or where Outlook needs one."""

from collections.abc import Callable

import pytest

from publisher.core.digests.digest import Digest, DigestLinks, DigestPost
from publisher.core.posts.post import Image
from publisher.rendering import JinjaRenderer
from publisher.rendering.post_bodies import mail_body, page_body

MakePost = Callable[..., DigestPost]
MakeDigest = Callable[..., Digest]

FILM = "https://x.example/v.mp4?a=1&amp;b=2"
PICTURE = '<img src="https://x.example/p.png" alt="P">'
IN_OUTLOOK = (
    '<!--[if mso]><img src="https://x.example/p.png" alt="P" width="{}"><![endif]-->'
    "<!--[if !mso]><!-->" + PICTURE + "<!--<![endif]-->"
)


@pytest.mark.parametrize(
    ("html", "made"),
    [
        (f'<video src="{FILM}" controls=""></video>', f'<p><a href="{FILM}">Watch the video</a></p>'),
        (f'<p>a <video src="{FILM}"></video></p>', f'<p>a <a href="{FILM}">Watch the video</a></p>'),
        (
            f'<video src="{FILM}" poster="https://x.example/p.png" width="320" height="180"></video>',
            f'<p><a href="{FILM}"><img src="https://x.example/p.png" alt="" width="320" height="180"><br>'
            "Watch the video</a></p>",
        ),
        (
            '<video title="Low > &quot;water&quot;"><source src="https://x.example/a.webm"><source src="b">'
            "</video>",
            '<p><a href="https://x.example/a.webm">Watch the video: Low &gt; &quot;water&quot;</a></p>',
        ),
        (
            '<audio src="https://x.example/a.mp3"><a href="https://x.example/a.mp3">get it</a></audio>',
            '<p><a href="https://x.example/a.mp3">Listen to the recording</a></p>',
        ),
        ("<video><p>What it shows</p></video>", "<p>What it shows</p>"),
        (
            f'<video src="{FILM}"></video><video src="https://x.example/w.mp4"></video>',
            f'<p><a href="{FILM}">Watch the video</a></p>'
            '<p><a href="https://x.example/w.mp4">Watch the video (2)</a></p>',
        ),
    ],
)
def test_a_mail_links_to_what_it_cannot_play(html: str, made: str) -> None:
    assert mail_body(html) == made
    shown = page_body(html)
    assert ' controls=""' in shown
    assert shown.replace(' controls=""', "") == html.replace(' controls=""', "")


def test_a_poster_of_unknown_size_has_the_columns_width_in_outlook() -> None:
    made = mail_body(f'<video src="{FILM}" poster="https://x.example/p.png"></video>')
    assert made.count('width="536"') == made.count("[if mso]") == 1
    assert made.count("<img ") == 2
    assert made.count("Watch the video") == 1


@pytest.mark.parametrize(
    ("html", "made"),
    [
        ("<p>{}</p>", f"<p>{IN_OUTLOOK.format(536)}</p>"),
        ("<p>\n<em><a>{}</a></em>&nbsp;</p>", f"<p>\n<em><a>{IN_OUTLOOK.format(536)}</a></em>&nbsp;</p>"),
        ("<figure>{}<figcaption>c</figcaption></figure>",
         f"<figure>{IN_OUTLOOK.format(536)}<figcaption>c</figcaption></figure>"),
        ("a<hr>{}<p>b</p>", f"a<hr>{IN_OUTLOOK.format(536)}<p>b</p>"),
        ("<ul><li>{}</li></ul>", f"<ul><li>{IN_OUTLOOK.format(496)}</li></ul>"),
        ("<p>a line {} of text</p>", f"<p>a line {PICTURE} of text</p>"),
        ("<p>{}<br>below</p>", f"<p>{PICTURE}<br>below</p>"),
        ("<p>{0}{0}</p>", f"<p>{PICTURE}{PICTURE}</p>"),
        ("<table><tr><td>{}</td></tr></table>",
         f'<div class="wide"><table><tr><td>{PICTURE}</td></tr></table></div>'),
    ],
)  # fmt: skip
def test_a_picture_of_unknown_size_has_the_columns_width_where_it_is_alone(html: str, made: str) -> None:
    assert mail_body(html.format(PICTURE)) == made


@pytest.mark.parametrize("size", [' width="40"', ' width="50%"', ' height="30"', ' width="40" height="30"'])
def test_a_picture_whose_size_is_known_needs_no_condition(size: str) -> None:
    assert mail_body(f'<p><img src="https://x.example/p.png" alt=""{size}></p>') == (
        f'<p><img src="https://x.example/p.png" alt=""{size}></p>'
    )


def test_the_size_in_front_matter_is_that_of_the_picture_in_the_body() -> None:
    image = Image(url="https://x.example/p.png?a&b", alt="", width=1072, height=500)
    html = '<p><img src="https://x.example/p.png?a&amp;b" alt="P"></p>'
    assert 'alt="P" width="536" height="250">' in mail_body(html, 3, image)
    assert 'alt="P" width="1072" height="500">' in page_body(html, image)


def test_no_address_or_words_end_the_condition() -> None:
    made = mail_body('<p><img src="https://x.example/--><b>" alt="a --> <![endif]--> b" srcset="c 1x"></p>')
    copy = made.partition("<!--[if mso]>")[2].partition("<![endif]-->")[0]
    assert copy == (
        '<img src="https://x.example/--&gt;&lt;b&gt;" alt="a --&gt; &lt;![endif]--&gt; b" width="536">'
    )


def test_conditions_survive_inlining_and_the_hero_has_one(
    post: MakePost, digest: MakeDigest, links: DigestLinks, renderer: JinjaRenderer
) -> None:
    shown = post(html=f"<p>a</p><p>{PICTURE}</p>", image=Image(url="https://x.example/hero.png", alt="H"))
    html = renderer.digest(digest(shown), links).html
    for name in ("hero", "p"):
        assert f'<!--[if mso]><img src="https://x.example/{name}.png"' in html
        assert f'<!--[if !mso]><!--><img src="https://x.example/{name}.png"' in html
    assert html.count("<![endif]-->") == html.count("<!--[if ") == 7
