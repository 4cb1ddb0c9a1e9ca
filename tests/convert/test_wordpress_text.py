"""Bodies of WordPress as the HTML that WordPress makes of them."""

from collections import Counter

import pytest

from publisher.convert.platform_html import html_of_wordpress

UPLOADS = {"7": "/wp-content/uploads/a.jpg", "8": "/wp-content/uploads/b.jpg"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\ntwo\n\nthree", "<p>one<br>\ntwo</p>\n<p>three</p>"),
        ("one\r\n\r\ntwo", "<p>one</p>\n<p>two</p>"),
        ("<h2>a</h2>\n\nb", "<h2>a</h2>\n<p>b</p>"),
        ("<pre>a\n\nb</pre>", "<pre>a\n\nb</pre>"),
        ("https://v.example/1", '<p><a href="https://v.example/1">https://v.example/1</a></p>'),
        ("<!-- wp:paragraph -->\n<p>a</p>\n", "<!-- wp:paragraph -->\n<p>a</p>\n"),
        ('[code language="php"]a < b[/code]', '<pre><code class="language-php">a &lt; b</code></pre>'),
        (
            '[caption id="x"]<img src="a.jpg"> A boat[/caption]',
            '<figure><img src="a.jpg"><figcaption>A boat</figcaption></figure>',
        ),
        (
            '[gallery ids="8,7"]',
            '<div><p><img src="/wp-content/uploads/b.jpg"></p>'
            '<p><img src="/wp-content/uploads/a.jpg"></p></div>',
        ),
        ('[audio src="/a.mp3"]', '<audio controls src="/a.mp3"></audio>'),
        ("a note [1], [sic] and [an aside]", "<p>a note [1], [sic] and [an aside]</p>"),
        ("[[gallery]] shows pictures", "<p>[gallery] shows pictures</p>"),
    ],
)
def test_what_becomes_of(text: str, expected: str) -> None:
    lost: Counter[str] = Counter()
    assert html_of_wordpress(text, UPLOADS, lost) == expected
    assert not lost


def test_a_shortcode_of_a_plugin_goes_and_is_named_while_its_text_stays() -> None:
    lost: Counter[str] = Counter()
    made = html_of_wordpress('[wpforms id="1"] [box color="red"]Mind it[/box] [gallery]', {}, lost)
    assert "Mind it" in made
    assert "[" not in made
    assert lost == {"shortcode [wpforms]": 1, "shortcode [box]": 1, "gallery without ids": 1}
