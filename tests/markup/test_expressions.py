"""Expressions in bodies: shown where front matter says what they are, else gone, with a warning."""

import time

import pytest

from publisher.core.posts.post import MarkdownExtension, MarkupLanguage
from publisher.markup import SafeMarkup

BASE = "https://blog.example/news/2024/a/"
QUICK = 3
"""Seconds of a slow machine; what is quadratic takes minutes."""
LIQUID = (MarkdownExtension.TEMPLATES, MarkdownExtension.EJS)
MDX = (MarkdownExtension.MDX, MarkdownExtension.MATH)
VALUES = (("mood", "a *good* one"), ("version", "2"))
markup = SafeMarkup("https://blog.example/news/")


def html(body: str, *extensions: MarkdownExtension) -> str:
    return markup.html(
        body, MarkupLanguage.MARKDOWN, base_url=BASE, title="Title", extensions=extensions, values=VALUES
    )


def removed(body: str, *extensions: MarkdownExtension) -> list[str]:
    return [code for _, code in markup.removed(body, MarkupLanguage.MARKDOWN, extensions, VALUES)]


@pytest.mark.parametrize(
    ("body", "made", "gone"),
    [
        ("v{{ page.version }}, {{ mood }}", "<p>v2, a <em>good</em> one</p>", []),
        ("{{ title }} {{ page.title | upcase }}", "<p>Title TITLE</p>", []),
        ("{{ version | append: '.0' }} {{ nobody | default: 'x' }}", "<p>2.0 x</p>", []),
        ("a{{ nobody }}b{{ site.nothing }}", "<p>ab</p>", ["{{ nobody }}", "{{ site.nothing }}"]),
        ("{{ page.date | date: '%Y' }}a", "<p>a</p>", ["{{ page.date | date: '%Y' }}"]),
        ("{{ 1 + 1 }}{{ 'a' ~ 'b' }}{{ 'a' if mood else 'b' }}c", "<p>c</p>",
         ["{{ 1 + 1 }}", "{{ 'a' ~ 'b' }}", "{{ 'a' if mood else 'b' }}"]),
        ("{{ for }}{{ a[0] }}b", "<p>b</p>", ["{{ for }}", "{{ a[0] }}"]),
        ("`{{ nobody }}` {% raw %}{{ nobody }}{% endraw %}",
         "<p><code>{{ nobody }}</code> {{ nobody }}</p>", []),
        ("<%= version %> a<%= nobody %>b<% if (x) { %>", "<p>2 ab</p>", ["<%= nobody %>"]),
        ('{{< param version >}} {{< param "mood" >}}', "<p>2 a <em>good</em> one</p>", []),
        ("a{{< param nobody >}}", "<p>a</p>", ["{{< param nobody >}}"]),
    ],
)  # fmt: skip
def test_expressions_of_templates(body: str, made: str, gone: list[str]) -> None:
    assert html(body, *LIQUID) == made
    assert removed(body, *LIQUID) == gone


@pytest.mark.parametrize(
    ("body", "made", "gone"),
    [
        ("v{frontMatter.version} {'a'}{' '}{1}", "<p>v2 a 1</p>", []),
        ("a{props.x}b{frontMatter.nobody}", "<p>ab</p>", ["{props.x}", "{frontMatter.nobody}"]),
        ("a\n\n{\n  list.map((x) => { return x })\n}\n", "<p>a</p>",
         ["{ list.map((x) => { return x }) }"]),
        ("`{x}` \\{x}", "<p><code>{x}</code> {x}</p>", []),
        ("```\n{x}\n```", "<pre><code>{x}\n</code></pre>", []),
        ("<b style={{color: 'red'}}>a</b>", "<p><b>a</b></p>", []),
        ("export const a = {b: 1}\n\nc", "<p>c</p>", ["export const a = {b: 1}"]),
        ("export function a() {\n  b();\n\n  return c;\n}\n\nd", "<p>d</p>",
         ["export function a() { b(); return c; }"]),
        ("export const A = () => (\n  <b>\n\n    {x}\n  </b>\n)\nexport {B} from './b'\n\nc", "<p>c</p>",
         ["export const A = () => ( <b> </b> )", "export {B} from './b'"]),
        ("export is a word", "<p>export is a word</p>", []),
        ("A <>b *c*</>\n\n<>\nd\n</>", "<p>A b <em>c</em></p>\n<p>d</p>", []),
        ("<Chart\n  bar={() => {\n\n    return <div>{x}</div>;\n  }}\n/>\n\nb", "<p>b</p>",
         ["<Chart bar={() => { }} />"]),
        ("<Image img={require('./a.png')} alt=\"a\" />\n\nb", "<p>b</p>",
         ["<Image img={require('./a.png')} alt=\"a\" />"]),
        ("import a from './a.png'\n\n<Image src={a} alt=\"A\" />",
         '<img src="https://blog.example/news/2024/a/a.png" alt="A">', []),
        ("a {list.map((x) => (<li key={x}>{`${x}`}</li>))} b", "<p>a  b</p>",
         ["{list.map((x) => (<li key={x}>{ }</li>))}"]),
        ("<Chart of={a}></Chart><Note>\n\nb\n\n</Note>",
         "<blockquote>\n<p><strong>Note</strong></p>\n<p>b</p>\n</blockquote>", ["<Chart of={a}>"]),
        ("<Box if={a && b > 1} title='}'>c</Box> <TOCInline toc={toc} />", "<p>c</p>", []),
        ("<p onClick={() => { a({b: '}'}) }}>c</p>", "<p>c</p>", []),
        ("$${a}_c{$$", "<p>$${a}_c{$$</p>", []),
        ("## A {#own}", '<h2 id="own">A</h2>', []),
        ("a { never closed", "<p>a { never closed</p>", []),
    ],
)  # fmt: skip
def test_expressions_of_mdx(body: str, made: str, gone: list[str]) -> None:
    body = body.replace("\n", "\n").replace("\\\\", "\\")
    assert html(body, *MDX) == made.replace("\n", "\n")
    assert removed(body, *MDX) == gone


def test_where_the_generator_runs_none_they_are_text() -> None:
    body = "{{ nobody }} {x} <%= y %>"
    assert html(body) == "<p>{{ nobody }} {x} &lt;%= y %&gt;</p>"
    assert removed(body) == []


def test_warnings_name_lines_in_their_order() -> None:
    body = "{b}\n\n{% c %}\n{{ d }}\n"
    found = markup.removed(
        body, MarkupLanguage.MARKDOWN, (MarkdownExtension.MDX, MarkdownExtension.TEMPLATES), ()
    )
    assert [line for line, _ in found] == [1, 3, 4]


@pytest.mark.parametrize(
    "scrap",
    [
        "{{ a ",
        "{{ a }} ",
        "{a} ",
        "{a",
        "{{",
        "}{",
        "<%= ",
        "<%= a %>",
        "{{ a | b",
        "{a{b}",
        "{ {",
        "{'a",
        "export {\n\n",
        "export const a = {\n",
        "<A {",
        "<A b={{}} ",
        "<>",
    ],
)
def test_a_body_of_expressions_is_quick(scrap: str) -> None:
    body = (scrap * (990_000 // len(scrap)))[:990_000]
    started = time.process_time()
    html(body, *LIQUID, *MDX)
    assert len(removed(body, *LIQUID, *MDX)) <= 50
    assert time.process_time() - started < QUICK
