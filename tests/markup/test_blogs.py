"""What generators add to Markdown: admonitions, tags with arguments, expressions, imports."""

import time

import pytest

from publisher.core.posts.post import MarkupLanguage
from publisher.markup import SafeMarkup

BASE = "https://blog.example/news/2024/a/"
markup = SafeMarkup("https://blog.example/news/")

QUICK = 3
"""Seconds of a slow machine; what is quadratic takes minutes."""


def html(body: str) -> str:
    return markup.html(body, MarkupLanguage.MARKDOWN, base_url=BASE, title="Title")


@pytest.mark.parametrize(
    ("body", "made"),
    [
        (":::note\nHi *you*\n:::\nAfter",
         "<blockquote>\n<p><strong>Note</strong></p>\n<p>Hi <em>you</em></p>\n</blockquote>\n<p>After</p>"),
        (":::tip[My title]\nHi\n:::",
         "<blockquote>\n<p><strong>💡 My title</strong></p>\n<p>Hi</p>\n</blockquote>"),
        (":::warning Mind the gap\nHi\n:::",
         "<blockquote>\n<p><strong>⚠️ Mind the gap</strong></p>\n<p>Hi</p>\n</blockquote>"),
        ("::::info\n:::note\nA\n:::\n::::",
         "<blockquote>\n<p><strong>Info</strong></p>\n<blockquote>\n<p><strong>Note</strong></p>\n<p>A</p>\n"
         "</blockquote>\n</blockquote>"),
        ("```\n:::note\nx\n:::\n```", "<pre><code>:::note\nx\n:::\n</code></pre>"),
        (":::note never closed", "<p>:::note never closed</p>"),
        ("> [!WARNING] Mind **the** gap\n> Hi",
         "<blockquote>\n<p><strong>⚠️ Mind the gap</strong></p>\n<p>Hi</p>\n</blockquote>"),
        ("> [!tip]- Folded\n> Hi",
         "<blockquote>\n<details>\n<summary><strong>💡 Folded</strong></summary>\n<p>Hi</p>\n"
         "</details>\n</blockquote>"),
        ("> [!my-own|right]+\n> Hi",
         "<blockquote>\n<details open=\"\">\n<summary><strong>My-own</strong></summary>\n<p>Hi</p>\n"
         "</details>\n</blockquote>"),
        ("- > [!note]\n  > Hi",
         "<ul>\n<li>\n<blockquote>\n<p><strong>Note</strong></p>\n<p>Hi</p>\n</blockquote>\n</li>\n</ul>"),
        ("`> [!NOTE]`\n\n```\n> [!NOTE] x\n```",
         "<p><code>&gt; [!NOTE]</code></p>\n<pre><code>&gt; [!NOTE] x\n</code></pre>"),
        ("> a\n> [!x](/y)", '<blockquote>\n<p>a\n<a href="https://blog.example/y">!x</a></p>\n</blockquote>'),
        ("> [!WARNING]\n> Hi", "<blockquote>\n<p><strong>Warning</strong></p>\n<p>Hi</p>\n</blockquote>"),
    ],
)  # fmt: skip
def test_admonitions_become_quotations(body: str, made: str) -> None:
    assert html(body) == made


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("{{ site.baseurl }}/x {{ site.url }}", "<p>/news/x https://blog.example</p>".replace("https://blog.example",
         '<a href="https://blog.example">https://blog.example</a>')),
        ("[a]({{ '/y' | relative_url }})", '<p><a href="https://blog.example/news/y">a</a></p>'),
        ("[a]({{ '/y' | absolute_url }})", '<p><a href="https://blog.example/news/y">a</a></p>'),
        ('[a]({{ "/y" | url }})', '<p><a href="https://blog.example/news/y">a</a></p>'),
        ("[a]({{ '/y' | prepend: site.baseurl }})", '<p><a href="https://blog.example/news/y">a</a></p>'),
        ("{{ page.title }}{{ page.foo | upcase }}{{ x | f }}", "<p>Title</p>"),
        ('{{ youtube(id="abcdefghijk") }}',
         '<p><a href="https://www.youtube.com/watch?v=abcdefghijk">Video on YouTube</a></p>'),
        ("{% include figure.html src='/x.png' caption='Cap' %}",
         '<figure><img src="https://blog.example/x.png" alt=""><figcaption>Cap</figcaption></figure>'),
        ('{% img left /a.png 200 300 "Words" %}', '<img src="https://blog.example/a.png" alt="Words">'),
        ('{% image "./a.jpg", "Words" %}', '<img src="https://blog.example/news/2024/a/a.jpg" alt="Words">'),
        ('{% quote(author="V") %}\nHi\n{% end %}'.replace("{% end %}", "{% endquote %}"),
         "<blockquote>\n<p>Hi</p>\n</blockquote>"),
        ("[a]({% post_url 2024-01-02-x %})", "<p>a</p>"),
        ("[a]({% link assets/d.pdf %})", '<p><a href="https://blog.example/news/assets/d.pdf">a</a></p>'),
        ('[a]({{< ref "other.md" >}})', '<p><a href="https://blog.example/news/2024/other/">a</a></p>'),
        ("{{< vimeo 123456 >}}", '<p><a href="https://vimeo.com/123456">Video on Vimeo</a></p>'),
        ("import X from './x.js'\n\n<X client:load />\n\nText{/* note */}", "<p>Text</p>"),
        ("```js\nimport X from './x.js'\n```",
         '<pre><code class="language-js">import X from \'./x.js\'\n</code></pre>'),
    ],
)  # fmt: skip
def test_what_a_generator_would_have_made_is_made_where_it_can_be_known(body: str, made: str) -> None:
    assert html(body) == made


def test_template_code_that_is_taken_away_is_named_with_its_line() -> None:
    body = (
        "a\n\n{% foo bar %}\n`{% x %}`\n\n```\n{{< y >}}\n```\n{{< gallery dir='x' >}} "
        "{% raw %}{% z %}{% endraw %}\n"
        "{% assign a = 1 %}{{< youtube abcdefghijk >}}{{< /gallery >}}\n"
    )
    assert markup.removed(body, MarkupLanguage.MARKDOWN) == [
        (3, "{% foo bar %}"),
        (9, "{{< gallery dir='x' >}}"),
    ]
    assert markup.removed("no code", MarkupLanguage.MARKDOWN) == []


def test_heavy_pictures_written_into_a_body_become_links() -> None:
    picture = f'<img alt="Graph" src="data:image/png;base64,{"A" * 60_000}">'
    made = html(f"{picture}\n\n{picture}\n\n{picture}")
    assert made.count("data:image/png") == 1
    assert made.count(f'<a href="{BASE}">Graph</a>') == 2
    assert len(made) < 120_000


def test_a_body_dense_with_links_is_quick() -> None:
    body = "".join(f"* [word {n}](path/{n}.html#x) ![p](/img/{n}.png)\n" for n in range(20_000))[:990_000]
    started = time.process_time()
    html(body)
    assert time.process_time() - started < QUICK


@pytest.mark.parametrize(
    "scrap", ["{% x ", "{% x %}", "{{< x ", "{{% ", "{% raw %}{% x %}", "{{ a | ", ":::note\n"]
)
def test_a_body_of_template_code_is_quick_to_render_and_to_check(scrap: str) -> None:
    body = (scrap * (990_000 // len(scrap)))[:990_000]
    started = time.process_time()
    html(body)
    assert len(markup.removed(body, MarkupLanguage.MARKDOWN)) <= 50
    assert time.process_time() - started < QUICK


def test_a_whole_lead_is_its_summary() -> None:
    assert markup.summary("<p>One</p>\n<p>Two</p>", whole=True) == "One Two"
    assert len(markup.summary(f"<p>{'word ' * 400}</p>", whole=True)) <= 1000
