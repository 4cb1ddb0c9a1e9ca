"""Template tags of Zola, Hugo and its themes: what they show, or lead to, is shown without running them."""

import time

import pytest

from publisher.core.posts.post import MarkupLanguage
from publisher.markup import SafeMarkup

BASE = "https://blog.example/news/2024/a/"
SITE = "https://blog.example/news"
QUICK = 3
"""Seconds of a slow machine; what is quadratic takes minutes."""
markup = SafeMarkup(f"{SITE}/")


def html(body: str, kind: MarkupLanguage = MarkupLanguage.MARKDOWN) -> str:
    return markup.html(body, kind, base_url=BASE, title="Title")


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ('[a]({{ get_url(path="img/a.png") }})', f'<p><a href="{SITE}/img/a.png">a</a></p>'),
        ('[a]({{ get_url(path="@/blog/a.md#b") }})', f'<p><a href="{SITE}/blog/a/#b">a</a></p>'),
        ('<a href="@/x.md">a</a>', f'<p><a href="{SITE}/x/">a</a></p>'),
        ("[a](@/blog/_index.md) `[a](@/b.md)`",
         f'<p><a href="{SITE}/blog/">a</a> <code>[a](@/b.md)</code></p>'),
        ('{{ resize_image(path="a.jpg", width=3, op="fit") }}', f'<img src="{BASE}a.jpg" alt="">'),
        ('{{ resize_image(path="static/b/a.jpg", alt="A") }}', f'<img src="{SITE}/b/a.jpg" alt="A">'),
        ('{{ image(src="a.jpg", alt="A") }}', f'<img src="{BASE}a.jpg" alt="A">'),
        ('{% quote(author="V") %}\nOne\n{% end %}\n\nAfter',
         "<blockquote>\n<p>One</p>\n</blockquote>\n<p>After</p>"),
        ("{% note() %}\nOne\n\n{% gallery() %}Two{% end %}\n{% end %}\n\nAfter",
         "<blockquote>\n<p><strong>Note</strong></p>\n<p>One</p>\n<p>Two</p>\n</blockquote>\n<p>After</p>"),
    ],
)  # fmt: skip
def test_zolas_tags_show_what_they_mean(body: str, made: str) -> None:
    assert html(body).replace("<p><img", "<img").replace('"></p>', '">') == made


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ('{{< details "More" >}}\n*One*\n{{< /details >}}\nAfter',
         "<blockquote>\n<details>\n<summary><strong>More</strong></summary>\n<p><em>One</em></p>\n</details>\n"
         "</blockquote>\n<p>After</p>"),
        ('{{% expand summary="More" open=true %}}\nOne\n{{% /expand %}}',
         "<blockquote>\n<details open=\"\">\n<summary><strong>More</strong></summary>\n<p>One</p>\n"
         "</details>\n</blockquote>"),
        ('{{< button href="/a?b=1&c=2" >}}*Words*{{< /button >}} after',
         '<p><a href="https://blog.example/a?b=1&amp;c=2"><em>Words</em></a> after</p>'),
        ('{{< button url="/a" text="Words" >}} after',
         '<p><a href="https://blog.example/a">Words</a> after</p>'),
        ('{{< button href="/a" >}} after\n{{< notice tip >}}\nOne\n{{< /notice >}}',
         '<p><a href="https://blog.example/a">/a</a> after</p>\n'
         "<blockquote>\n<p><strong>Tip</strong></p>\n<p>One</p>\n</blockquote>"),
        ('{{< button icon="a" >}}Words{{< /button >}}', "<p>Words</p>"),
        ('{{< tab "Linux" >}}\nOne\n{{< /tab >}}', "<p><strong>Linux</strong></p>\n<p>One</p>"),
        ("A{{% comment %}}B{{% /comment %}}C", "<p>AC</p>"),
        ("A {% blockquote %}never closed", "<p>A never closed</p>"),
    ],
)  # fmt: skip
def test_what_stands_between_tags_of_hugos_themes_keeps_its_title_or_link(body: str, made: str) -> None:
    assert html(body) == made


@pytest.mark.parametrize(
    ("tag", "url", "words"),
    [
        ("{{< gist user 50a7482715eac222 a.go >}}", "https://gist.github.com/user/50a7482715eac222",
         "Code on GitHub"),
        ("{% gist 50a7482715eac222 a.rb %}", "https://gist.github.com/50a7482715eac222", "Code on GitHub"),
        ('{{< x user="me" id="1453110110599868418" >}}', "https://twitter.com/me/status/1453110110599868418",
         "A post on Twitter"),
        ("{{< vimeo_simple 19899678 >}}", "https://vimeo.com/19899678", "Video on Vimeo"),
        ("{{< instagram CxOWiQNP2MO >}}", "https://www.instagram.com/p/CxOWiQNP2MO/", "A post on Instagram"),
        ('{{< qr text="https://a.example/b" />}}', "https://a.example/b", "https://a.example/b"),
        ('{{< codepen user="me" id="aBc" >}}', "https://codepen.io/me/pen/aBc", "Code on CodePen"),
        ("{% jsfiddle abc123 %}", "https://jsfiddle.net/abc123", "Code on JSFiddle"),
        ("{% iframe https://a.example/b 10 20 %}", "https://a.example/b", "https://a.example/b"),
        ("{{< bilibili BV1xx411c7mD >}}", "https://www.bilibili.com/video/BV1xx411c7mD", "Video on Bilibili"),
    ],
)  # fmt: skip
def test_what_is_shown_elsewhere_is_linked(tag: str, url: str, words: str) -> None:
    assert html(tag) == f'<p><a href="{url}">{words}</a></p>'
    assert markup.removed(tag, MarkupLanguage.MARKDOWN) == []


def test_a_tag_whose_arguments_do_not_suffice_goes_with_a_warning() -> None:
    assert html("A {{< instagram ../x >}}{{< codepen >}}") == "<p>A</p>"
    found = markup.removed("A {{< instagram ../x >}}", MarkupLanguage.MARKDOWN)
    assert found == [(1, "{{< instagram ../x >}}")]


def test_a_quotation_is_no_template_code_that_was_left_out() -> None:
    assert (
        markup.removed("{% quote() %}a{% end %}{{< notice tip >}}b{{< /notice >}}", MarkupLanguage.MARKDOWN)
        == []
    )


def test_quotations_between_tags_are_so_in_html_too() -> None:
    made = html("{% blockquote A %}<p>One</p>{% endblockquote %}", MarkupLanguage.HTML)
    assert made.split() == ["<blockquote>", "<p>One</p>", "</blockquote>"]


@pytest.mark.parametrize(
    "scrap",
    ["{% quote() %}", "{% end %}", "{{< button href=a >}}", "{{< button href=a >}}{{< /button >}}",
     "{{< details ", "{{< tab a >}}", "@/a.md", 'href="@/a.md"', '{{ get_url(path="@/a.md") }}', "](@/"],
)  # fmt: skip
def test_a_body_of_such_tags_is_quick(scrap: str) -> None:
    started = time.process_time()
    html((scrap * (990_000 // len(scrap)))[:990_000])
    html(scrap * 900)
    assert time.process_time() - started < QUICK
