"""What Python-Markdown, kramdown, MDX, Hugo and Hexo read in a body and CommonMark does not."""

import time

import pytest

from publisher.core.posts.post import MarkupLanguage
from publisher.markup import SafeMarkup
from publisher.markup.markdown.commonmark import to_html

BASE = "https://blog.example/news/2024/a/"
HERE = BASE
JS = '<pre><code class="language-js">a\n</code></pre>'
markup = SafeMarkup("https://blog.example/news/")

QUICK = 3
"""Seconds of a slow machine; what is quadratic takes minutes."""


def html(body: str) -> str:
    return markup.html(body, MarkupLanguage.MARKDOWN, base_url=BASE, title="Title")


def quotation(*paragraphs: str) -> str:
    return "\n".join(["<blockquote>", *(f"<p>{words}</p>" for words in paragraphs), "</blockquote>"])


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ('!!! note "Mind"\n    One *it*.\n\n    Two.\n\nAfter',
         quotation("<strong>Mind</strong>", "One <em>it</em>.", "Two.") + "\n<p>After</p>"),
        ("!!! tip\n    One", quotation("<strong>Tip</strong>", "One")),
        ('!!! note ""\n    One', quotation("One")),
        ("```\n!!! note\n    One\n```", "<pre><code>!!! note\n    One\n</code></pre>"),
        ("Hey!!! note", "<p>Hey!!! note</p>"),
        ("{% note warning %}\nOne\n{% endnote %}\nAfter",
         quotation("<strong>Warning</strong>", "One") + "\n<p>After</p>"),
        ('{{< admonition tip "Do it" >}}\nOne\n{{< /admonition >}}',
         quotation("<strong>Do it</strong>", "One")),
        ('{{% callout type="info" title="T" %}}\nOne\n{{% /callout %}}',
         quotation("<strong>T</strong>", "One")),
        ('{{< alert "some-icon" >}}One{{< /alert >}}', quotation("One")),
        ("{{< notice tip >}}\nOne", "<p>One</p>"),
        ("`{% note %}` and `{% endnote %}`", "<p><code>{% note %}</code> and <code>{% endnote %}</code></p>"),
    ],
)  # fmt: skip
def test_notes_set_apart_become_quotations(body: str, made: str) -> None:
    assert html(body) == made


@pytest.mark.parametrize(
    "body",
    [
        "[TOC]\n\nText",
        "[[toc]]\n\nText",
        "[[_TOC_]]\n\nText",
        "* TOC\n{:toc}\n\nText",
        "1. x\n{:.a toc}\n\nText",
    ],
)
def test_a_list_of_the_contents_goes(body: str) -> None:
    assert html(body) == "<p>Text</p>"


def test_what_is_no_list_of_the_contents_stays() -> None:
    assert html("`[TOC]`") == "<p><code>[TOC]</code></p>"
    assert "<li>x</li>" in html("* x\n{: .toc-entry}\n")


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ('<div markdown="1">\n*One*\n</div>', "<div>\n<p><em>One</em></p>\n</div>"),
        ("``` {.python #x}\na\n```", '<pre><code class="language-python">a\n</code></pre>'),
        ("{% codeblock lang:js a.js %}\na\n{% endcodeblock %}", JS),
        ("`{{</* x */>}}`", "<p><code>{{&lt; x &gt;}}</code></p>"),
        ("See {{%/* x 1 */%}}.", "<p>See {{% x 1 %}}.</p>"),
        ("{% youtube https://youtu.be/abcdefghijk?t=1 %}",
         '<p><a href="https://www.youtube.com/watch?v=abcdefghijk">Video on YouTube</a></p>'),
        ("{% asset_link a.zip All of it false %}", f'<p><a href="{HERE}a.zip">All of it</a></p>'),
        ('{% asset_link a.zip "All of it" %}', f'<p><a href="{HERE}a.zip">All of it</a></p>'),
        ("![a]({% asset_path a.png %})", f'<p><img src="{HERE}a.png" alt="a"></p>'),
    ],
)  # fmt: skip
def test_what_each_engine_would_have_made(body: str, made: str) -> None:
    assert html(body) == made


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ("import {\n  A,\n  B,\n} from '@x/y';\nexport const z = {\n  a: 1,\n};\n\nText", "<p>Text</p>"),
        ("import a from './p.png'\n\n<img src={a} width={30} onClick={() => go({a})} />",
         f'<img src="{HERE}p.png" width="30">'),
        ("<img src={require('./p.png').default} alt=\"A\" />", f'<img src="{HERE}p.png" alt="A">'),
        ("<img src={useBaseUrl('/p.png')} />", '<img src="https://blog.example/p.png">'),
        ("<div style={{color: 'red', top: 1}}>\n\nText\n\n</div>", "<div>\n<p>Text</p>\n</div>"),
        ("A {/* b */}\n\n{/*\n## c `d`\n\n    e\n\n{{< f >}}\n*/}\n\nG `{/* h */}`",
         "<p>A</p>\n<p>G <code>{/* h */}</code></p>"),
        ("A {/* never closed", "<p>A {/* never closed</p>"),
        ("```a``` {{ x | y }}b\n\nc", "<p><code>a</code> b</p>\n<p>c</p>"),
        ("`<img src={a} />`", "<p><code>&lt;img src={a} /&gt;</code></p>"),
        ("import is a word, and so is export; don't mind.",
         "<p>import is a word, and so is export; don't mind.</p>"),
        ('<a href="{{ site.baseurl }}/x">x</a>', '<p><a href="https://blog.example/news/x">x</a></p>'),
    ],
)  # fmt: skip
def test_code_of_mdx_goes_and_what_its_attributes_plainly_say_stays(body: str, made: str) -> None:
    assert html(body) == made


@pytest.mark.parametrize(
    "scrap",
    ["!!! note\n", "import {\n", "import a\n", "export const a = {\n", "<a b={", "<a b={c} ", "{% note %}\n",
     "[toc]\n",
     "* x\n{:", '<div markdown="1">\n', "{{</* ", "export default (\n", "{% endnote %}", "``` {.a\n",
     "{/* ", "{/**/}", "{/* `"],
)  # fmt: skip
def test_a_body_of_such_marks_is_quick(scrap: str) -> None:
    body = (scrap * (990_000 // len(scrap)))[:990_000]
    started = time.process_time()
    html(body)
    assert time.process_time() - started < QUICK


def test_nothing_in_a_comment_is_template_code_that_was_left_out() -> None:
    assert markup.removed("{/* {{< a >}}\n\n*/}{{< b >}}", MarkupLanguage.MARKDOWN) == [(3, "{{< b >}}")]


@pytest.mark.parametrize(
    ("body", "made"),
    [
        ('{% codepen "https://www.codepen.io/a/pen/b" %}',
         '<p><a href="https://www.codepen.io/a/pen/b">codepen.io/a/pen/b</a></p>'),
        ("{{< embed url=https://x.example/?a=1&b=2 >}}",
         '<p><a href="https://x.example/?a=1&amp;b=2">x.example/?a=1&amp;b=2</a></p>'),
        ('{% widget "https://x.example/" 3 %}', ""),
        ("```js:a.js\na\n```", JS),
        ("```js,ignore\na\n```", JS),
        ('{% include video id="abcdefghijk" provider="youtube" %}',
         '<p><a href="https://www.youtube.com/watch?v=abcdefghijk">Video on YouTube</a></p>'),
        ('{% include video id="1" provider="nobody" %}', ""),
        ('{% include figure image_path="/a.png" alt="A" %}',
         '<img src="https://blog.example/news/a.png" alt="A">'),
        ('{% include figure image_path="https://x.example/a.png" alt="A" %}',
         '<img src="https://x.example/a.png" alt="A">'),
        ('{% widget "/a" %}', ""),
        ("{{< text yaml >}}\na:\n---\nb: {}\n{{< /text >}}",
         '<pre><code class="language-yaml">a:\n---\nb: {}\n</code></pre>'),
        ("{% terminal %}\n$ a\n{% endterminal %}", "<pre><code>$ a\n</code></pre>"),
        ("{{< text >}}\n*a*\n{{< /text >}}", "<p><em>a</em></p>"),
        ('[![a](/a.png){:\n.icon width="7"}](/b) c',
         '<p><a href="https://blog.example/b"><img src="https://blog.example/a.png" alt="a"></a> c</p>'),
        ("[a](/b){: .c\nrel='d' }", '<p><a href="https://blog.example/b">a</a></p>'),
        ("[a](ftp://x.example/b.tgz)", '<p><a href="ftp://x.example/b.tgz">a</a></p>'),
    ],
)  # fmt: skip
def test_what_a_tag_says_plainly_is_shown(body: str, made: str) -> None:
    assert html(body) == made


@pytest.mark.parametrize(
    ("link", "place"),
    [("#fn:x", "#fn-x"), ("#fnref:x", "#fnref-x"), ("#fn:2", "#fn-y"), ("#fn2", "#fn-y"),
     ("#fnref1", "#fnref-x"),
     ("#user-content-fn-x", "#fn-x"), ("#fn:none", "#fn:none"), ("#fn9", "#fn9"), ("#fn0", "#fn0")],
)  # fmt: skip
def test_a_link_to_a_footnote_leads_to_the_place_we_make(link: str, place: str) -> None:
    html = to_html(f"A[^x] b[^y] [see]({link})\n\n[^x]: One\n[^y]: Two\n")
    assert f'<a href="{place}">see</a>' in html
