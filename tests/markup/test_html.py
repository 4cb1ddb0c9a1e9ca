"""Bodies as HTML: safe, self-contained, without what a generator would have run."""

import time

import pytest
from declared import source_rules
from paths import SHARED

from publisher.core.mail.message import strip_marks
from publisher.core.posts.post import AssetLocation, MarkupLanguage, ParsedPost
from publisher.markup import SafeMarkup
from publisher.sources import FolderSource

BASE = "https://blog.example/2024/a/"
SEED = SHARED / "seed"
markup = SafeMarkup()

QUICK = 3
"""Seconds of a slow machine; what is quadratic takes minutes."""


def html(body: str, kind: MarkupLanguage = MarkupLanguage.MARKDOWN, title: str = "") -> str:
    return markup.html(body, kind, base_url=BASE, title=title)


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("[a](b)", '<p><a href="https://blog.example/2024/a/b">a</a></p>'),
        ("[a](/b c)", "<p>[a](/b c)</p>"),
        ("[a](</b c>)", '<p><a href="https://blog.example/b%20c">a</a></p>'),
        ("[a](//x.example/b)", '<p><a href="https://x.example/b">a</a></p>'),
        ("[a](#top)", '<p><a href="https://blog.example/2024/a/#top">a</a></p>'),
        ("[a](../../caf%C3%A9)", '<p><a href="https://blog.example/caf%C3%A9">a</a></p>'),
        ("[a](/café)", '<p><a href="https://blog.example/caf%C3%A9">a</a></p>'),
        ("[a](mailto:a@b.example)", '<p><a href="mailto:a@b.example">a</a></p>'),
        ("[a](tel:+855)", '<p><a href="tel:+855">a</a></p>'),
        ("![a](b.png)", '<p><img src="https://blog.example/2024/a/b.png" alt="a"></p>'),
        ("![a](data:image/png;base64,AA)", '<p><img src="data:image/png;base64,AA" alt="a"></p>'),
        (
            '<img srcset="a.png 1x, /b.png 2x" src=c.png>',
            '<img srcset="https://blog.example/2024/a/a.png 1x, https://blog.example/b.png 2x"'
            ' src="https://blog.example/2024/a/c.png">',
        ),
        (
            '<div><video src="v.mp4" poster="/p.png"></video></div>',
            '<div><video src="https://blog.example/2024/a/v.mp4" poster="https://blog.example/p.png"></video></div>',
        ),
        ('<q cite="/s">x</q>', '<p><q cite="https://blog.example/s">x</q></p>'),
    ],
)
def test_every_url_is_absolute(body: str, made: str) -> None:
    assert html(body) == made


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("<script>alert(1)</script>", ""),
        ("<style>p{}</style><p onclick='x' style='a:b' class='c'>y</p>", "<p>y</p>"),
        ('<a href="javascript:alert(1)">x</a>', "x"),
        ('<a href="java&#1;script:alert(1)">x</a>', "x"),
        ('<a href=" JaVaScript:alert(1)">x</a>', "x"),
        ('<img src="data:text/html,x">', ""),
        ('<a href="data:image/png;base64,AA">x</a>', "x"),
        ("<form><input><button>b</button>kept</form>", "kept"),
        ('<iframe src="//v.example/1?a=1&amp;b=2" width=1>x</iframe>',
         '<p><a href="https://v.example/1?a=1&amp;b=2">https://v.example/1?a=1&amp;b=2</a></p>'),
        ("<iframe srcdoc='<b>'></iframe>", ""),
        ("<svg><script>1</script></svg>x", "x"),
        ("a\x00b\x0bc\x85d\ufffee&#1;f&#x81;g", "abcdefg"),
        (
            '<math><mtext><table><mglyph><style><img src=x onerror="alert(1)">',
            "<math><mtext><table></table></mtext></math>",
        ),
        ('<math><mi href="javascript:x" onclick="x">a</mi></math>', "<math><mi>a</mi></math>"),
        (
            "<math><mi>a</mi><annotation-xml encoding='a/b'><script>x</script>b</annotation-xml></math>",
            "<math><mi>a</mi></math>",
        ),
        ("]]>", "]]&gt;"),
    ],
)  # fmt: skip
def test_nothing_active_and_nothing_illegal_is_left(body: str, made: str) -> None:
    assert html(body, MarkupLanguage.HTML) == made


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ('# The "Title" of Cambodia\'s\n\nText\n', "The “Title” of Cambodia’s"),
        ("### *The*  `Title`\n\nText\n", "the title"),
        ("Title\n=====\n\nText\n", "Title"),
        ("<h2 id=x>Ti<b>t</b>le</h2>\n\nText\n", "Title"),
    ],
)
def test_a_first_heading_equal_to_the_title_is_dropped(body: str, title: str) -> None:
    assert html(body, title=title) == "<p>Text</p>"


def test_other_headings_stay_with_their_ids() -> None:
    assert html("# One\n\n# Two\n", title="Two") == '<h1 id="one">One</h1>\n<h1 id="two">Two</h1>'


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("a {% include x.html %} b {{< tweet 1 >}}{{% note %}}c{{% /note %}}", "<p>a  b c</p>"),
        ("{{ site.baseurl }}/x [a]({{ '/y' | relative_url }})",
         '<p>/x <a href="https://blog.example/y">a</a></p>'),
        ('[a]({{< ref "/news/other.md#top" >}})', '<p><a href="https://blog.example/news/other/#top">a</a></p>'),
        ("{% raw %}{{ x }} {% y %}{% endraw %}", "<p>{{ x }} {% y %}</p>"),
        ("a{% comment %}b\n\nc{% endcomment %}d", "<p>ad</p>"),
        ("`{% code %}` and {{ handlebars }}", "<p><code>{% code %}</code> and {{ handlebars }}</p>"),
        ("```\n{{< x >}}\n```", "<pre><code>{{&lt; x &gt;}}\n</code></pre>"),
        ("text\n\n    {% x %}\n", "<p>text</p>\n<pre><code>{% x %}\n</code></pre>"),
        ("{% highlight ruby %}\nputs {{ x }}\n{% endhighlight %}",
         '<pre><code class="language-ruby">puts {{ x }}\n</code></pre>'),
        ('{{< figure src="/a.png" alt="A" caption="C" >}}',
         '<figure><img src="https://blog.example/a.png" alt="A"><figcaption>C</figcaption></figure>'),
        ("{{< youtube abcdefghijk >}}",
         '<p><a href="https://www.youtube.com/watch?v=abcdefghijk">Video on YouTube</a></p>'),
        ('<a href="https://x.example/">https://x.example/</a>',
         '<p><a href="https://x.example/">https://x.example/</a></p>'),
        ("never closed {% here", "<p>never closed  here</p>"),
        ("# Head {#own}\n\nText{: .lead}\n{: #x .y}\n\n*a*{: .b}",
         '<h1 id="own">Head</h1>\n<p>Text\n<a id="x"></a></p>\n<p><em>a</em></p>'),
    ],
)  # fmt: skip
def test_template_code_outside_code_never_reaches_a_reader(body: str, made: str) -> None:
    assert html(body) == made


def test_githubs_extensions_are_understood() -> None:
    made = html(
        "|a|\n|-|\n|b|\n\n~~x~~ www.example.com\n\n- [x] done\n- [ ] todo\n\nNote[^1]\n\n[^1]: Foot\n"
    )
    for part in ("<table>", "<del>x</del>", 'href="http://www.example.com"', "☑ done", "☐ todo", 'id="fn-1"'):
        assert part in made


@pytest.mark.parametrize(
    "body",
    ["[" * 5_000_000, "<div>" * 150_000, "&" * 900_000, "> " * 400_000, "a@b.c " * 150_000, "# a\n" * 200_000,
     "{% raw %}" * 100_000, "<b id=x>" * 9_000, "*a **b " * 7_000],
    ids=["brackets", "depth", "entities", "quotes", "addresses", "headings", "raw", "elements", "stars"],
)  # fmt: skip
@pytest.mark.parametrize("kind", list(MarkupLanguage))
def test_no_body_takes_long(body: str, kind: MarkupLanguage) -> None:
    started = time.process_time()
    html(body, kind)
    assert time.process_time() - started < QUICK


FILES = {
    "p q.png": AssetLocation(url="https://cdn.example/assets/1-p.png", width=40, height=20),
    "a.pdf": AssetLocation(url="https://cdn.example/assets/2-a.pdf"),
}


@pytest.mark.parametrize(
    ("body", "made"),
    [
        (
            "![x](p%20q.png)",
            '<img src="https://cdn.example/assets/1-p.png" alt="x" width="40" height="20">',
        ),
        (
            '<img src="./p q.png" width="9">',
            '<img src="https://cdn.example/assets/1-p.png" width="9">',
        ),
        ("[x](a.pdf#page=2)", '<a href="https://cdn.example/assets/2-a.pdf#page=2">x</a>'),
        (
            '<img srcset="p%20q.png 1x, other.png 2x">',
            'srcset="https://cdn.example/assets/1-p.png 1x, https://blog.example/2024/a/other.png 2x"',
        ),
        ("[x](/a.pdf)", '<a href="https://blog.example/a.pdf">x</a>'),
        ("[x](b.pdf)", '<a href="https://blog.example/2024/a/b.pdf">x</a>'),
    ],
)
def test_a_file_beside_the_post_is_where_it_was_put(body: str, made: str) -> None:
    found = markup.html(body, MarkupLanguage.MARKDOWN, base_url=BASE, title="", files=FILES)
    assert made in found


def test_text_names_the_place_of_a_file_too() -> None:
    made = markup.html("See [x](a.pdf).", MarkupLanguage.MARKDOWN, base_url=BASE, title="", files=FILES)
    found = strip_marks(markup.text(made))
    assert found == "See x [1].\n\n[1] https://cdn.example/assets/2-a.pdf"


@pytest.mark.parametrize(
    ("language", "body", "made"),
    [
        ("ar", "`a`", '<p><code dir="ltr">a</code></p>'),
        ("he", "```sh\na\n```", '<pre dir="ltr"><code class="language-sh">a\n</code></pre>'),
        ("fa", '<samp>a</samp> <code dir="rtl">b</code> <kbd>c</kbd>',
         '<p><samp dir="ltr">a</samp> <code dir="rtl">b</code> <kbd>c</kbd></p>'),
        ("en", '`a` <bdo dir="rtl">b</bdo>', '<p><code dir="ltr">a</code> <bdo dir="rtl">b</bdo></p>'),
        ("en", "`a`\n\n    b", "<p><code>a</code></p>\n<pre><code>b\n</code></pre>"),
        ("", "`a`", "<p><code>a</code></p>"),
    ],
)  # fmt: skip
def test_code_runs_from_left_to_right_in_every_language(language: str, body: str, made: str) -> None:
    assert markup.html(body, MarkupLanguage.MARKDOWN, base_url=BASE, title="", language=language) == made


def test_formulas_stay_and_are_words_where_no_formula_can_be_shown() -> None:
    made = html('a <math display="block"><msup><mi>x</mi><mn>2</mn></msup></math> b')
    assert made == '<p>a <math display="block"><msup><mi>x</mi><mn>2</mn></msup></math> b</p>'
    assert markup.text(made) == markup.summary(made) == "a x^2 b"
    katex = (
        '<span class="katex"><span class="katex-mathml"><math><semantics><mrow><mi>e</mi></mrow>'
        '<annotation encoding="application/x-tex">\\mathrm e</annotation></semantics></math></span>'
        '<span class="katex-html" aria-hidden="true"><span class="base"><i>e</i></span></span></span>'
    )
    assert markup.text(html(f"k {katex} z")) == "k e z"
    only_html = katex.replace("math>", "b>").replace("<math>", "<b>")
    assert "e" in markup.text(html(only_html)), "without its MathML the other copy is all there is"


def test_what_is_hidden_does_not_become_visible() -> None:
    assert html('<div hidden><p>no <b>never</b></p><img src="/a.png"></div>\n\nyes') == "<p>yes</p>"
    assert (
        html('a <img hidden src="/a.png"><span hidden="until-found">b <i hidden>c</i></span> d')
        == "<p>a  d</p>"
    )
    assert html('<p title="hidden">a</p>') == '<p title="hidden">a</p>'


def test_an_excerpt_is_whole_leading_blocks_within_its_bytes() -> None:
    whole = html("Ééé\n\n- one\n- two\n\nlast")
    assert markup.excerpt(whole, 1000) == (whole, False)
    assert markup.excerpt(whole, 20) == ("<p>Ééé</p>", True)
    assert markup.excerpt(whole, 60) == ("<p>Ééé</p>\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>", True)
    assert markup.excerpt(whole, 5) == ("", True)


def test_an_excerpt_ends_inside_a_list_a_table_or_a_box_that_is_too_long() -> None:
    items = "".join(f"<li>item {n}</li>\n" for n in range(100))
    for before, after in (
        ("<ul>\n", "</ul>"),
        ("<div>\n<ol>\n", "</ol>\n</div>"),
        ("<p>A</p>\n<ul>\n", "</ul>"),
    ):
        short, cut = markup.excerpt(before + items + after, 100)
        assert cut
        assert len(short) <= 100
        beginning, end = before.replace("\n", ""), after.replace("\n", "")
        assert short.replace("\n", "").startswith(f"{beginning}<li>item 0</li><li>item 1</li>")
        assert short.endswith(f"</li>{end}")
    rows = "".join(f"<tr><td>{n}</td></tr>\n" for n in range(100))
    table = f"<table>\n<thead>\n<tr><th>N</th></tr>\n</thead>\n<tbody>\n{rows}</tbody>\n</table>"
    short, _ = markup.excerpt(table, 200)
    assert short.endswith("</td></tr></tbody></table>")
    assert "<th>N</th>" in short
    assert short.count("<tr>") > 3
    for opening, closing in (("<p>", "</p>"), ("<ul><li>", "</li></ul>"), ("<pre>", "</pre>")):
        assert markup.excerpt(opening + "word " * 100 + closing, 100) == ("", True)


@pytest.mark.skipif(not SEED.is_dir(), reason="the seed article is not beside the repository")
def test_the_seed_article_does_not_repeat_its_title() -> None:
    (found,) = FolderSource(SEED, source_rules(site_url="https://blog.example/")).scan()
    assert isinstance(found, ParsedPost)
    post = found.post
    made = markup.html(found.body, post.markup, base_url=post.base_url, title=post.title)
    assert "<h1" not in made
    assert made.startswith('<p><img src="https://github.com/user-attachments/assets/d1f388d9')
    assert markup.summary(made).startswith("Prime Minister Hun Manet shakes hands")
