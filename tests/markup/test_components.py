"""MDX's components: their insides are Markdown, and they leave what can be shown without running them."""

import time

import pytest

from publisher.core.posts.post import MarkdownExtension, MarkupLanguage
from publisher.markup import SafeMarkup


def html(body: str, *extensions: MarkdownExtension) -> str:
    markup = SafeMarkup("https://x.example/")
    base = "https://x.example/p/"
    return markup.html(body, MarkupLanguage.MARKDOWN, base_url=base, title="T", extensions=extensions)


def test_what_stands_in_a_component_is_markdown_however_far_it_is_set_in() -> None:
    body = """<Tabs>
    <TabItem value="a" label="Low">
        A **tide**

        ```js
        a()
          b()
        ```
    </TabItem>
    <TabItem value="b" label="High">

        Another

    </TabItem>
</Tabs>

    <Tabs>code</Tabs>
"""
    assert html(body) == (
        "<p><strong>Low</strong></p>\n<p>A <strong>tide</strong></p>\n"
        '<pre><code class="language-js">a()\n  b()\n</code></pre>\n'
        "<p><strong>High</strong></p>\n<p>Another</p>\n"
        "<pre><code>&lt;Tabs&gt;code&lt;/Tabs&gt;\n</code></pre>"
    )


@pytest.mark.parametrize(
    ("opening", "closing", "head"),
    [
        ('<Callout type="tip">', "</Callout>", "<p><strong>Tip</strong></p>\n"),
        ('<Aside\n  type="caution"\n  title="Mind"\n>', "</Aside>", "<p><strong>Mind</strong></p>\n"),
        ("<Note>", "</Note>", "<p><strong>Note</strong></p>\n"),
        ("<Callout>", "</Callout>", ""),
    ],
)
def test_a_note_is_a_quotation(opening: str, closing: str, head: str) -> None:
    found = html(f"- a\n\n  {opening}\n  *b*\n  {closing}\n- c\n")
    quotation = f"<blockquote>\n{head}<p><em>b</em></p>\n</blockquote>"
    assert found == f"<ul>\n<li>\n<p>a</p>\n{quotation}\n</li>\n<li>\n<p>c</p>\n</li>\n</ul>"


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('<Image src="/a.png" alt="A" />', '<img src="https://x.example/a.png" alt="A">'),
        ('import a from "./a.png";\n\n<Zoom src={a} alt={"A"} />',
         '<img src="https://x.example/p/a.png" alt="A">'),
        ('<LiteYouTube id="abcdefghijk" />',
         '<p><a href="https://www.youtube.com/watch?v=abcdefghijk">Video on YouTube</a></p>'),
        ("<Chart code={`a\n  --> b\n\n  <c> \"d\"`} />\n\nAfter", "<p>After</p>"),
        ("<Chart.Pie {...props} />\n\nAfter", "<p>After</p>"),
        ('A <Link to="/a?b=1&c=2">*b*</Link> c',
         '<p>A <a href="https://x.example/a?b=1&amp;c=2"><em>b</em></a> c</p>'),
        ("A <Button>word</Button> and `<Button>`", "<p>A word and <code>&lt;Button&gt;</code></p>"),
        ('<Figure src={hero} alt="x" /> after', "<p>after</p>"),
        ("<Steps>\nOne\n</Lost>\nTwo", "<p>One</p>\n<p>Two</p>"),
        ("```mdx-code-block\n<Tabs>\n\nOne\n\n</Tabs>\n```\n", "<p>One</p>"),
        ("<Table><tr><td>1</td></tr></Table>", "<table><tbody><tr><td>1</td></tr></tbody></table>"),
        ("A<BR>b", "<p>A<br>b</p>"),
    ],
)  # fmt: skip
def test_a_component_leaves_what_can_be_shown(body: str, shown: str) -> None:
    assert html(body) == shown


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("<div>**a** `b` c</div>\n\nd", "<div><strong>a</strong> <code>b</code> c</div>\n<p>d</p>"),
        ("<div className='a'>\n**b**\n</div>\nAfter *c*",
         "<div>\n<p><strong>b</strong></p>\n</div>\n<p>After <em>c</em></p>"),
        ("<table>\n  <tr>\n    <td>\n      **a**\n    </td>\n  </tr>\n</table>",
         "<table>\n<tbody><tr>\n<td>\n<p><strong>a</strong></p>\n</td>\n</tr>\n</tbody></table>"),
        ("- a\n  <div>\n  **b**\n  </div>",
         "<ul>\n<li>\n<p>a</p>\n<div>\n<p><strong>b</strong></p>\n</div>\n</li>\n</ul>"),
        ("```html\n<div>**a**</div>\n```",
         '<pre><code class="language-html">&lt;div&gt;**a**&lt;/div&gt;\n</code></pre>'),
        ("<details>\n<summary>*a*</summary>\nb **c**\n</details>",
         "<details>\n<summary><em>a</em></summary>\n<p>b <strong>c</strong></p>\n</details>"),
        ("<h2>*a* [b](/c)</h2>", '<h2><em>a</em> <a href="https://x.example/c">b</a></h2>'),
    ],
)  # fmt: skip
def test_what_stands_in_html_is_markdown_where_mdx_reads_it(body: str, shown: str) -> None:
    assert html(body, MarkdownExtension.MDX) == shown


@pytest.mark.parametrize(
    "part",
    ["<A", "<A ", "<A>\n", "<A a=", '<A a="', "<A {", "<A\n", "</A>\n", "<A/>", "<A a='b' c>\n  d\n",
     "<A>\n</A>\n", "```mdx-code-block\n", "<div>\n", "<td>*a*</td>\n"],
)  # fmt: skip
def test_many_components_take_time_that_grows_with_their_number(part: str) -> None:
    began = time.process_time()
    html(part * (100_000 // len(part)))
    html(part * 1_900)
    html(part * 1_900, MarkdownExtension.MDX)
    assert time.process_time() - began < 3
