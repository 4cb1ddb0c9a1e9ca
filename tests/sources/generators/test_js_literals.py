"""JavaScript beside posts: what is written out in it counts, and none of it is run."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from declared import source_rules
from folders import read

from publisher.core.posts.post import BadPost, ParsedPost
from publisher.sources import FolderSource
from publisher.sources.generators import js_literals
from publisher.sources.generators.js_literals import JsCode, exported, known
from publisher.sources.generators.profiles import slug_filter, slugify_filter

RULES = source_rules(site_url="https://blog.example/")
POST = "---\ntitle: Low Tide\ndate: 2024-05-01\n---\nBody\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("module.exports = {a: 'b', \"c-d\": [1, -2.5,], e: {f: true, g: null}}", None),
        ("// x = {}\nexport default {\n  a: `b`, /* {} */ 'c-d': ['1', \"-2.5\"], e: {f: true, g: null},\n};",
         None),
        ("export default () => ({ a: 'b', 'c-d': [1, -2.5], e: {f: true, g: undefined} })", None),
        ("module.exports = function (d) { return { a: 'b', 'c-d': [1, -2.5], e: {f: !0, g: null} } }",
         {"a": "b", "c-d": ["1", "-2.5"], "e": {"g": None}}),
        ("module.exports = {...more, x, [y]: 1, z() { return {} }, async w() {}, a: 'it\\'s \\u0041\\n'}",
         {"a": "it's A\n"}),
        ("module.exports = {a: 'b' + 'c', d: e(1, {f: 2}), g: [1, ...h, i], j: `k${l}`}", {"g": ["1"]}),
    ],
)  # fmt: skip
def test_what_is_written_out_is_read(text: str, found: dict[str, object] | None) -> None:
    whole = {"a": "b", "c-d": ["1", "-2.5"], "e": {"f": "true", "g": None}}
    top = exported(text)
    assert top is not None
    assert known(top) == (whole if found is None else found)


@pytest.mark.parametrize("text", ["", "x", "const a = {b: 1}", "module.exports = more", "export default [1]"])
def test_a_script_that_gives_out_no_object_says_nothing(text: str) -> None:
    assert exported(text) is None


def test_a_quote_in_a_regular_expression_loses_nothing_behind_it() -> None:
    source = "module.exports = {slug: (s) => s.replace(/['\"`{]/g, ''), tags: ['a'], b: 4 / 2, c: 'd'}"
    top = exported(source)
    assert top is not None
    assert top["slug"] == "(s) => s.replace(/['\"`{]/g, '')"
    assert known(top) == {"tags": ["a"], "c": "d"}


def test_posts_keep_what_stands_behind_such_a_quote_or_a_comment(tmp_path: Path) -> None:
    data = """const clean = (text) => text.replace(/["']/g, "");
export default { clean, title2: (data) => clean(data.title).replace(/`/, ''),
  permalink: "/behind/{{ page.fileSlug }}/" };
"""
    typed = "const data = { permalink: '/t/{{ page.fileSlug }}/', tags: ['tides'] as const } satisfies Data;"
    own = '---js\nconst title = "Own"; // it\'s one\nconst date = "2024-05-01" // of spring\n---\nBody\n'
    files = {".eleventy.js": "", "a/a.11tydata.mjs": data, "a/x.md": POST, "own.md": own}
    files |= {"t/t.11tydata.ts": f"{typed}\nexport default data;", "t/x.md": POST}
    found = read(tmp_path, files)
    assert found["a/x.md"].permalink == "/behind/x/"
    assert (found["t/x.md"].permalink, found["t/x.md"].tags) == ("/t/x/", ("tides",))
    assert (found["own.md"].title, f"{found['own.md'].instant:%Y-%m-%d}") == ("Own", "2024-05-01")


def test_literals_are_read_as_javascript_means_them() -> None:
    cases = {
        "('x')": "x", "['a', ...['b'], // c\n 'd', ...e]": ["a", "b", "d"], "{...{a: 1}, ...f, b: +2}":
        {"a": "1", "b": "+2"}, "{['a']: 1, [b]: 2, 3: 4}": {"a": "1", "3": "4"}, "1_000": "1000",
        r"'\x41\u{1F600}\ud83d\ude00\u{110000}'": "A\U0001f600\U0001f600\ufffd", "'a\\\n\\\r\nb'": "ab",
        "{a, get b() { return 1 }, set c(d) {}, async e() {}, *f() {}, g: <p className='x'>it's</p>}": {},
        "`a\nb`": "a\nb", "`${a}`": None, "/'/": None, "- 2": "-2", "-a": None, "0x10": None, "!0": None,
    }  # fmt: skip
    for literal, meant in cases.items():
        top = exported(f"export default {{it: {literal}, after: 'z'}}")
        assert top is not None, literal
        assert (known(top["it"]), top["after"]) == (meant, "z"), literal


def test_a_name_alone_and_a_method_are_code_and_not_nothing() -> None:
    top = exported(
        "export default {permalink, async tags() { return [] }, get date() { return 1 }, set b(c) {}}"
    )
    assert top == {"permalink": "permalink", "tags": "async () { return [] }", "date": "() { return 1 }"}
    assert all(isinstance(value, JsCode) for value in top.values())


def test_typescript_is_read_by_the_suffix_of_its_file() -> None:
    typed = "export default {a: <const>'b', c: ['d'] as const, e: f!} satisfies Data as Data;"
    assert known(exported(typed, ".ts") or {}) == {"a": "b", "c": ["d"]}
    assert exported("type A = {b: 1};\nexport default <Data>{a: 'b'}", ".mts") == {"a": "b"}
    shown = "const x = <p>it's</p>;\nexport default {a: 'b', c: <i>'</i>} as Data"
    assert known(exported(shown, ".tsx") or {}) == {"a": "b"}


def test_what_a_module_gives_out_may_be_named_wrapped_or_returned() -> None:
    for text in (
        "const data = {a: '1'}; export default data",
        "export { data as default }; export const data = {a: '1'}",
        "export default data; function data() { const b = () => { return {c: 2} }; return {a: '1'} }",
        "exports = module.exports = ({a: '1'})",
        "module.exports = (async () => ({a: '1'}))()",
        "module.exports = cached(async function () { if (x) { return {a: '1'} } })",
        "// module.exports = {b: 2}\n'export default {c: 3}'; export default async () => { return {a: '1'} }",
    ):
        assert exported(text) == {"a": "1"}, text
    for text in ("let data = {a: '1'}; export default data", "export default class { a = 1 }", "a = {b: 1}"):
        assert exported(text) is None, text


def test_a_script_of_any_kind_is_read_or_given_up_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(js_literals, "MAX_SECONDS", 0.05)
    began = time.process_time()
    parts = ("{", "{a:[", "a<b,", '"\\"', "/[", "/*", "`", "a:1,", "(=>(", "[a(", "a:b?{", "${", "return{")
    for part in parts:  # in some of them tree-sitter would spend minutes on mending what is broken
        exported("module.exports = {" + part * (60_000 // len(part)), ".ts")
        exported("export default " + part * 10_000)
    assert time.process_time() - began < 15


@pytest.mark.parametrize(
    ("permalink", "address"),
    [
        ("'/notes/{{ page.fileSlug }}/'", "/notes/a/"),
        ("(data) => `/notes/${data.page.fileSlug}/`", "/notes/a/"),
        ("({ page }) => `/notes/${page.fileSlug}/index.html`", "/notes/a/"),
        ("function (data) { return `notes/${this.slug(data.slug || data.page.fileSlug)}/index.html`; }",
         "/notes/a/"),
        ("function ({ title }) { return `/notes/${this.slugify(title)}/`; }", "/notes/low-tide/"),
        ("data => data.draft ? false : `/notes/${data.page.fileSlug}/`", "/notes/a/"),
        ("(data) => { if (data.draft && E.E) { return false; }\n return `/n/${data?.page.fileSlug}/` }",
         "/n/a/"),
        ("(data) => (data.draft ? false : data.permalink)", "/posts/a/"),
        ("({ draft, permalink }) => { if (draft) return false; return permalink; }", "/posts/a/"),
        ("async ({ page }) => { return '/n/' }", "/n/"),
        ("false", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("inside", ["{}", "{{eleventyComputed: {}}}"])
def test_a_permalink_in_eleventys_code_is_read_where_it_is_one_template(
    permalink: str, address: str | None, inside: str, tmp_path: Path
) -> None:
    said = f"{{permalink: {permalink}}}"
    data = f"module.exports = {said};" if inside == "{}" else f"export default {{eleventyComputed: {said}}};"
    files = {".eleventy.js": "", "posts/posts.11tydata.js": data, "posts/a.md": POST}
    found = read(tmp_path, files)["posts/a.md"]
    assert (found.hidden is None) == (address is not None)
    assert address is None or found.permalink == address


def test_a_function_that_may_say_anything_holds_the_posts_and_says_what_to_set(tmp_path: Path) -> None:
    functions = (
        "(data) => data.draft ? '/x/' : `/notes/${data.page.fileSlug}/`",
        "(data) => data.old ? false : `/notes/${data.page.fileSlug}/`",
        "(data) => data.draft || data.old ? false : `/notes/${data.page.fileSlug}/`",
        "(data) => makeLink(data)",
        "(data) => `/${base}/${data.page.fileSlug}/`",
        "(data) => `/${slugify(data.title)}/`",
        "({ page }) => `/${title}/${page.fileSlug}/`",
        "(data) => `/${data.title.toLowerCase()}/`",
        "(data) => '/n/' + data.page.fileSlug + '/'",
        "(data) => { const a = 1; return `/n/${data.page.fileSlug}/` }",
        "makeLink",
    )
    for number, function in enumerate(functions):
        for data in (f"{{permalink: {function}}}", f"{{eleventyComputed: {{permalink: {function}}}}}"):
            files = {".eleventy.js": "", "posts/posts.11tydata.mjs": f"export default {data};"}
            files |= {"posts/a.md": POST, "posts/draft.md": POST.replace("title", "draft: true\ntitle")}
            root = tmp_path / f"{number}{'Computed' in data}"
            assert [*read(root, files)] == ["posts/draft.md"], function
            (bad,) = (it for it in FolderSource(root, RULES).scan() if isinstance(it, BadPost))
            assert "set posts.permalink to what it makes" in bad.reason
            rules = replace(RULES, permalink="/:year/:slug/")
            found = [it.post for it in FolderSource(root, rules).scan() if isinstance(it, ParsedPost)]
            assert [it.permalink for it in found if it.path == "posts/a.md"] == ["/2024/a/"]


def test_what_eleventy_computes_counts_before_what_a_post_says(tmp_path: Path) -> None:
    own = POST.replace("title", "permalink: /own/\ntitle")
    computed = own.replace("title", 'eleventyComputed: {permalink: "/c/{{ title | slugify }}/"}\ntitle', 1)
    files = {
        ".eleventy.js": "",
        "a/a.11tydata.js": "module.exports = {permalink: (data) => `/a/${data.page.fileSlug}/`}",
        "b/b.11tydata.js": "module.exports = "
        "{eleventyComputed: {permalink: (d) => `/b/${d.page.fileSlug}/`}}",
        "c/c.11tydata.cjs": "module.exports = {eleventyComputed: {permalink: (d) => d.permalink}}",
        "s/s.11tydata.js": 'import slugify from "@sindresorhus/slugify"; export default '
        "{permalink: (d) => `/s/${slugify(d.title)}/`}",
        **{f"{name}/x.md": own for name in "abc"},
        "s/x.md": POST,
        "c/y.md": computed,
        "2024-05-03-h.html": "<h1>Head</h1>hello",
    }
    found = read(tmp_path, files)
    assert {path: post.permalink for path, post in found.items()} == {
        "2024-05-03-h.html": "/2024-05-03-h/",
        "a/x.md": "/own/",
        "b/x.md": "/b/x/",
        "c/x.md": "/own/",
        "c/y.md": "/c/low-tide/",
        "s/x.md": "/s/low-tide/",
    }
    assert {post.hidden for post in found.values()} == {None}


@pytest.mark.parametrize(
    ("permalink", "address"),
    [
        ("/{{ page.date | date: '%Y/%m/%d' }}/{{ page.fileSlug }}/", "/2024/05/01/a/"),
        ("/{{ page.date | dateFilter('yyyy/LL') }}/{{ title | slugify }}/", "/2024/05/low-tide-and-uefer/"),
        ("/{{ page.date | formatDate('YYYY-M-D') }}/{{ title | slug }}/", "/2024-5-1/low-tide-and-ufer/"),
        ("/{{ date | date('YYYY') }}/{{ title | slugify | upper }}.html", "/2024/LOW-TIDE-AND-UEFER.html"),
        ("/{{ nothing or page.fileSlug | append: '-x' }}/", "/a-x/"),
        ("/{{ nothing | default('b') }}/", "/b/"),
    ],
)
def test_eleventys_filters_fill_in_a_permalink(permalink: str, address: str, tmp_path: Path) -> None:
    post = f'---\ntitle: Low Tide & Üfer\ndate: 2024-05-01\npermalink: "{permalink}"\n---\nBody\n'
    assert read(tmp_path, {".eleventy.js": "", "posts/a.md": post})["posts/a.md"].permalink == address


def test_a_permalink_that_only_eleventy_can_fill_in_holds_the_post_and_says_what_to_set(
    tmp_path: Path,
) -> None:
    template = "/{{ page.date | year }}/{{ page.fileSlug }}/"
    files = {".eleventy.js": "", "posts/posts.json": f'{{"permalink": "{template}"}}', "posts/a.md": POST}
    files["posts/draft.md"] = POST.replace("title", "draft: true\ntitle")
    assert [*read(tmp_path, files)] == ["posts/draft.md"]
    (bad,) = (it for it in FolderSource(tmp_path, RULES).scan() if isinstance(it, BadPost))
    said = "needs the filter 'year', which is code; set posts.permalink to what it makes"
    assert bad.reason == f"permalink: {template!r} {said}"
    rules = replace(RULES, permalink="/:year/:slug/")
    found = {
        it.post.path: it.post for it in FolderSource(tmp_path, rules).scan() if isinstance(it, ParsedPost)
    }
    assert (found["posts/a.md"].permalink, found["posts/a.md"].warnings) == ("/2024/a/", ())


@pytest.mark.parametrize(
    ("title", "slugified", "slug"),
    [
        ("It's a Test", "its-a-test", "it's-a-test"),
        ("C++ and C#", "c-and-c", "c++-and-c"),
        ("a_b", "a-b", "a_b"),
        ("Foo.Bar v1.2", "foo-bar-v1-2", "foo.bar-v1.2"),
        ("don\u2019t stop", "don-t-stop", "don't-stop"),
        ("Привет", "privet", "privet"),
        ("日本語 title", "title", "title"),
    ],
)
def test_slugs_are_spelt_as_eleventys_packages_do(title: str, slugified: str, slug: str) -> None:
    assert (slugify_filter(title), slug_filter(title)) == (slugified, slug)


def test_tags_that_only_make_collections_are_none(tmp_path: Path) -> None:
    data = "module.exports = {tags: ['_post', '_post_en', 'posts', 'tides'], layout: 'post.njk'}"
    files = {".eleventy.js": "", "posts/posts.11tydata.js": data, "posts/a.md": POST}
    assert read(tmp_path, files)["posts/a.md"].tags == ("tides",)


def test_a_blogs_own_author_and_language_may_stand_in_code(tmp_path: Path) -> None:
    data = "module.exports = {url: u(), language: 'km', author: {name: 'Ana', email: mail}}"
    found = read(tmp_path, {".eleventy.js": "", "_data/metadata.js": data, "a.md": POST})["a.md"]
    assert (found.language, [person.name for person in found.authors]) == ("km", ["Ana"])


@pytest.mark.parametrize(
    ("config", "package", "address"),
    [
        ("module.exports = () => ({ dir: { output: 'o', input: './src/site/' } })", "", "/content/notes/a/"),
        ("export const config = { dir: { input: 'src' } }", "", "/site/content/notes/a/"),
        ("export default (c) => { c.setInputDirectory('.') }", "", "/src/site/content/notes/a/"),
        ("", '{"scripts": {"build": "eleventy --quiet --input=src/site"}}', "/content/notes/a/"),
        ("", "", "/notes/a/"),
    ],
)
def test_addresses_begin_in_eleventys_input(config: str, package: str, address: str, tmp_path: Path) -> None:
    path = "src/site/content/notes/a.md"
    files = {"eleventy.config.js": config, "package.json": package, path: POST}
    assert read(tmp_path, files)[path].permalink == address
