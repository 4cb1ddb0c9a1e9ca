"""Pictures that a script would have loaded are shown; what has no address becomes its words, and is named."""

import pytest

from publisher.core.posts.post import MarkupLanguage
from publisher.markup import SafeMarkup

GIF = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"
SVG = "data:image/svg+xml,%3Csvg%20xmlns='http://www.w3.org/2000/svg'/%3E"
A = '<img src="https://e.example/i/a.png" alt="a">'
markup = SafeMarkup("https://e.example/")


def html(body: str) -> str:
    return markup.html(body, MarkupLanguage.HTML, base_url="https://e.example/p/", title="t")


def faults(body: str) -> list[tuple[int, str]]:
    return list(markup.faults(body, MarkupLanguage.MARKDOWN, base_url="https://e.example/p/", title="t"))


@pytest.mark.parametrize(
    "body",
    [
        '<img data-src="/i/a.png" class="lazy" alt="a">',
        f'<img src="{GIF}" data-src="/i/a.png" alt="a">',
        f'<img src="{SVG}" data-original="/i/a.png" alt="a">',
        '<img src="/i/small.jpg" data-lazy-src="/i/a.png" alt="a">',
        '<img src="" data-src="/i/a.png" alt="a">',
        '<img src="javascript:x" data-src="/i/a.png" alt="a">',
        f'<img src="{GIF}" alt="a"><noscript><img src="/i/a.png" alt="a"></noscript>',
        f'<noscript><img src="/i/a.png" alt="a"></noscript><img src="{GIF}" alt="a">',
        '<img data-src="/i/a.png" alt="a"><noscript><img src="/i/a.png" alt="a"></noscript>',
        '<noscript><img src="/i/a.png" alt="a"></noscript>',
    ],
)
def test_a_picture_that_a_script_would_have_loaded_is_shown_once(body: str) -> None:
    assert html(body) == A
    assert faults(body) == []


@pytest.mark.parametrize(
    ("body", "source"),
    [
        ('<img srcset="/a.png 300w, /b.png 900w, /c.png 3000w" alt="">', "b"),
        (f'<img src="{GIF}" data-srcset="/a.png 1x, /b.png 2x" alt="">', "b"),
        ('<picture><source data-srcset="/b.png"><img alt=""></picture>', "b"),
        ('<img data-lazy-srcset="/b.png 2000w, /c.png 3000w" alt="">', "b"),
    ],
)
def test_a_picture_of_which_only_a_set_is_known_is_one_of_it(body: str, source: str) -> None:
    assert f'<img src="https://e.example/{source}.png"' in html(body)


def test_a_picture_that_is_only_fetched_is_not_taken_out_of_a_noscript() -> None:
    assert (
        html('<p>x</p><noscript><img height="1" width="1" src="https://s.example/p"></noscript>')
        == "<p>x</p>"
    )


def test_pictures_of_their_own_stay_two() -> None:
    assert html(f'<p><img src="{GIF}" alt="dot"> and <img src="/i/a.png" alt="a"></p>').count("<img") == 2
    assert html('<p><img src="/i/a.png" alt="a"><img src="/i/a.png" alt="a"></p>').count("<img") == 2


@pytest.mark.parametrize(
    "address", ["", "javascript:x", "file:///x.png", "http://[x", "{{ page.hero }}", "ftp://e/x"]
)
def test_a_picture_without_an_address_becomes_its_words(address: str) -> None:
    assert html(f'<p>A <img src="{address}" alt="low &amp; high"> B</p>') == "<p>A low &amp; high B</p>"
    assert html(f'<p>A<img src="{address}"></p>') == "<p>A</p>"
    [(line, what)] = faults(f'First.\n\n<p>A <img src="{address}" alt="low"> B</p>')
    assert line == 3
    assert what.startswith("picture without an address that readers can use")
    assert (address or "it is empty") in what


@pytest.mark.parametrize("address", ["", "javascript:x", "file:///x.png", "http://[x"])
def test_a_link_without_an_address_becomes_its_words(address: str) -> None:
    kept = '<a href="https://e.example/b">B</a>'
    assert html(f'<p><a href="{address}"><b>A</b></a> <a href="/b">B</a></p>') == f"<p><b>A</b> {kept}</p>"
    assert html(f'<p><a href="{address}" id="n">A</a></p>') == '<p><a id="n">A</a></p>'


def test_faults_are_named_by_the_lines_they_stand_on_and_code_has_none() -> None:
    body = "\n".join(
        [
            "![a](file:///a.png) and `![b](file:///a.png)`",  # 1
            "```",
            "![c](file:///a.png)",
            "```",
            "[run](javascript:x)",  # 5
            "",
            "![again](file:///a.png)",  # 7
            "[dev](http://localhost:3000/) [dev](http://localhost:3000/)",  # 8
            "<ftp://e.example/x>",  # 9
            '<img src="https://s.example/p.gif" width="1" height="1">',  # 10
            "![]()",  # 11
            "",
            "[there][1] [b](/b) ![](/c.png) <https://e.example/>",
            "",
            "[1]: http://intranet/",  # 15
        ]
    )
    found = faults(body)
    assert [line for line, _ in found] == [1, 5, 7, 8, 9, 10, 11, 15]
    said = dict(found)
    assert said[8] == (
        "link that only this machine or network can reach ('http://localhost:3000/'): readers cannot"
    )
    assert said[9].startswith("mail programs do not follow ftp: links ('ftp://e.example/x')")


def test_a_site_of_this_machine_may_link_to_it() -> None:
    home = SafeMarkup("http://localhost:4000/")
    body = "[here](/x) [there](http://localhost:3000/)"
    assert home.faults(body, MarkupLanguage.MARKDOWN, base_url="http://localhost:4000/p/", title="t") == []
