"""Blogs as their generators' starters make them: addresses, what is left out, whose words are whose."""

from dataclasses import replace
from pathlib import Path

import pytest
from declared import source_rules
from folders import RULES, read

from publisher.core.posts.post import ParsedPost
from publisher.core.site import Person
from publisher.sources import FolderSource

HUGO = {
    "hugo.yaml": "baseURL: https://x.example/\n"
    "permalinks:\n  posts: /:year/:month/:slug/\n  notes: /n/:monthname/:title/\n"
    "  deep: /:sections[1:]/:filename/\n"
}
ELEVENTY = {"eleventy.config.js": ""}
PELICAN = {"pelicanconf.py": ""}
HEXO = {"_config.yml": "source_dir: source\n"}
DOCUSAURUS = {
    "docusaurus.config.ts": "export default {presets: [['classic', {blog: {routeBasePath: '/news'}}]]}"
}
ASTRO = {"astro.config.mjs": ""}
ZOLA = {"zola.toml": "base_url = 'https://x.example'\n"}


def front(*lines: str) -> str:
    return "\n".join(("---", "title: A Title", "date: 2021-02-03", *lines, "---", "Text", ""))


@pytest.mark.parametrize(
    ("config", "path", "lines", "permalink"),
    [
        (HUGO, "content/posts/My First Post.md", (), "/2021/02/a-title/"),
        (HUGO, "content/posts/a.md", ("slug: My Slug",), "/2021/02/my-slug/"),
        (HUGO, "content/notes/Hello/index.md", (), "/n/february/a-title/"),
        (HUGO, "content/deep/One Two/three/My File.md", (), "/one-two/three/my-file/"),
        (HUGO, "content/other/My First Post.md", (), "/other/my-first-post/"),
        (HUGO, "content/other/A -  b!.md", (), "/other/a----b/"),
        (HUGO, "content/posts/b.md", ("url: /own/",), "/own/"),
        (ELEVENTY, "posts/2020-01-02-hello.md", ('permalink: "/w/{{ page.fileSlug }}/"',), "/w/hello/"),
        (ELEVENTY, "posts/a.md", ('permalink: "/{{ title | slugify }}/index.html"',), "/a-title/"),
        (DOCUSAURUS, "blog/2021-08-26-welcome/index.md", ("slug: hi",), "/news/hi"),
        (DOCUSAURUS, "i18n/pt-BR/docusaurus-plugin-content-blog/2021-08-26-a/index.mdx", (),
         "/pt-BR/news/2021/08/26/a"),
        (DOCUSAURUS, "i18n/fr/docusaurus-plugin-content-blog-notes/a.md", ("slug: hi",), "/fr/news/hi"),
        ({"docusaurus.config.js": "i18n: {defaultLocale: 'fr'}"},
         "i18n/fr/docusaurus-plugin-content-blog/2021-08-26-a.md", (), "/blog/2021/08/26/a"),
        ({"docusaurus.config.js": "trailingSlash: true, plugins: [['@docusaurus/plugin-content-blog', "
          "{feedOptions: {type: 'rss'}, path: './news', routeBasePath: '/'}]]"},
         "news/2021-08-26-a.md", (), "/2021/08/26/a/"),
        ({**HEXO, "_config.yml": HEXO["_config.yml"] + "permalink: :category/:title/\n"},
         "source/_posts/a.md", ("categories: [[one], [two, three]]",), "/two/three/a/"),
        (HEXO, "source/_posts/a.md", ("permalink: own/:year/",), "/own/:year/"),
        ({"_config.yml": HEXO["_config.yml"] + "timezone: Asia/Tokyo\n"},
         "source/_posts/a.md", ("date: 2021-02-03T20:00:00Z",), "/2021/02/03/a/"),
        ({"_config.yml": HEXO["_config.yml"] + "timezone: America/New_York\n"},
         "source/_posts/a.md", ('date: "2021-02-03"',), "/2021/02/02/a/"),
        (ELEVENTY, "posts/a.md", ("permalink: {build: /built/}",), "/built/"),
        (ASTRO, "src/pages/posts/Upper Case.md", (), "/posts/Upper%20Case/"),
        (ASTRO, "src/content/blog/Sub Dir/It's Mine.md", (), "/blog/sub-dir/its-mine/"),
        (ZOLA, "content/blog/My Pöst!.md", (), "/blog/my-post/"),
        (ZOLA, "content/blog/日本.md", (), "/blog/%E6%97%A5%E6%9C%AC/"),
    ],
)  # fmt: skip
def test_an_address_is_the_one_that_the_generator_makes(
    config: dict[str, str], path: str, lines: tuple[str, ...], permalink: str, tmp_path: Path
) -> None:
    assert read(tmp_path, {**config, path: front(*lines)})[path].permalink == permalink


def test_a_permalink_in_our_settings_counts_before_those_of_sections(tmp_path: Path) -> None:
    read(tmp_path, {**HUGO, "content/posts/a.md": front()})
    ours = source_rules(site_url="https://x.example/", permalink="/p/:slug/")
    (found,) = FolderSource(tmp_path, ours, tmp_path).scan()
    assert isinstance(found, ParsedPost)
    assert found.post.permalink == "/p/a/"


@pytest.mark.parametrize(
    ("config", "path", "lines", "why"),
    [
        (HUGO, "content/posts/a.md", ("build:", "  list: never"), "build.list: never"),
        (HUGO, "content/posts/a.md", ("build:", "  render: false"), "build.render: false"),
        (HUGO, "content/posts/a/index.md", ("headless: true",), "headless: true"),
        (ELEVENTY, "posts/a.md", ("permalink: false",), "permalink: false"),
        (ELEVENTY, "posts/a.md", ("eleventyExcludeFromCollections: true",),
         "eleventyExcludeFromCollections: true"),
        (ZOLA, "content/blog/a.md", ("render: false",), "render: false"),
        (ASTRO, "src/content/blog/_a.md", (), "a name that begins with _"),
        (HEXO, "source/about/index.md", (), "not in _posts"),
        (HUGO, "content/posts/a.md", ("build:", "  list: always"), None),
        (ELEVENTY, "posts/a.md", ("permalink: /a/",), None),
        (HEXO, "source/_posts/a.md", (), None),
    ],
)  # fmt: skip
def test_what_a_generator_leaves_out_is_left_out(
    config: dict[str, str], path: str, lines: tuple[str, ...], why: str | None, tmp_path: Path
) -> None:
    folder = "source" if config is HEXO else ""
    found = read(tmp_path, {**config, path: front(*lines)}, folder=folder)
    assert found[path.removeprefix(f"{folder}/")].hidden == why


def test_a_post_without_front_matter_is_dated_by_the_folders_of_docusaurus(tmp_path: Path) -> None:
    found = read(tmp_path, {**DOCUSAURUS, "blog/2021/09/01/nested.md": "# Nested\n"})
    post = found["blog/2021/09/01/nested.md"]
    assert (post.hidden, post.title, post.permalink) == (None, "Nested", "/news/2021/09/01/nested")


@pytest.mark.parametrize(
    ("config", "path", "tags"),
    [
        (ELEVENTY, "posts/a.md", ("two words",)),
        (HEXO, "source/_posts/a.md", ("two words",)),
        (ZOLA, "content/a.md", ("two words",)),
        (PELICAN, "content/a.md", ("two words",)),
        ({"_config.yml": "title: x\n"}, "_posts/2021-02-03-a.md", ("two", "words")),
        ({}, "a.md", ("two", "words")),
    ],
)
def test_a_text_of_tags_is_one_tag_except_where_jekyll_parts_it(
    config: dict[str, str], path: str, tags: tuple[str, ...], tmp_path: Path
) -> None:
    assert read(tmp_path, {**config, path: front("tags: two words")})[path].tags == tags


def test_hugos_params_are_fields_of_the_post(tmp_path: Path) -> None:
    text = "+++\ntitle='A'\ndate=2021-02-03\n[params]\nauthor='Jo'\nsubtitle='Deep'\ntitle='Not this'\n+++\n"
    post = read(tmp_path, {**HUGO, "content/posts/a.md": text})["content/posts/a.md"]
    assert (post.title, [author.name for author in post.authors], post.summary) == ("A", ["Jo"], "Deep")


def test_data_of_folders_fill_what_eleventys_posts_do_not_say(tmp_path: Path) -> None:
    files = {
        ".eleventy.js": "",
        "src/src.json": '{"author": "Site", "lang": "de"}',
        "src/posts/posts.json": '{"permalink": "/w/{{ page.fileSlug }}/", "tags": ["posts", "Diary"],'
        ' "author": "Jo"}',
        "src/posts/2021-02-03-a.md": "---\ntitle: A\n---\n",
        "src/posts/b.md": front("permalink: /own/", "tags: [Own]"),
        "src/wip/wip.11tydata.json": '{"draft": true}',
        "src/wip/c.md": front(),
    }
    found = read(tmp_path, files, folder="src")
    first, own, draft = (found[path] for path in ("posts/2021-02-03-a.md", "posts/b.md", "wip/c.md"))
    assert (first.permalink, first.tags, first.authors[0].name, first.language) == (
        "/w/a/",
        ("Diary",),
        "Jo",
        "de",
    )
    assert (own.permalink, own.tags) == ("/own/", ("Diary", "Own"))
    assert (draft.hidden, draft.authors[0].name) == ("draft: true", "Site")


PELICAN_SETTINGS = """
import os
from pathlib import Path
AUTHOR = 'Ana Lim'
PATH = "content"
SITEURL = os.environ["NOWHERE"]  # would raise if it were run
TIMEZONE = 'Asia/Tokyo'
DEFAULT_LANG = "fr"
ARTICLE_PATHS = ["blog", 'notes']
ARTICLE_EXCLUDES = ['blog/old']
DEFAULT_METADATA = {'status': 'published', 'summary': 'Said for all.'}
Path("ran").touch()
"""


def test_pelicans_settings_say_who_where_and_in_which_language(tmp_path: Path) -> None:
    files = {
        "pelicanconf.py": PELICAN_SETTINGS,
        "content/blog/a.md": "Title: A\nDate: 2021-02-03 09:00\n\nWords\n",
        "content/blog/trips/b.md": "Title: B\nDate: 2021-02-03\nAuthor: Bo\nLang: de\nCategory: Far\n\nW\n",
        "content/notes/sea/c.md": "Title: C\nDate: 2021-02-03\nSummary: Own.\n\nWords\n",
        "content/blog/old/d.md": "Title: D\nDate: 2021-02-03\n\nWords\n",
        "content/drafted/e.md": "Title: E\nDate: 2021-02-03\n\nWords\n",
    }
    found = read(tmp_path, files, folder="content")
    first, own, deep = (found[path] for path in ("blog/a.md", "blog/trips/b.md", "notes/sea/c.md"))
    assert [post.categories for post in (first, own, deep)] == [("blog",), ("Far",), ("sea",)]
    assert [post.language for post in (first, own, deep)] == ["fr", "de", "fr"]
    assert [post.authors[0].name for post in (first, own, deep)] == ["Ana Lim", "Bo", "Ana Lim"]
    assert [post.summary for post in (first, deep)] == ["Said for all.", "Own."]
    assert str(first.instant) == "2021-02-03 00:00:00+00:00"
    assert found["blog/old/d.md"].hidden == "in content/blog/old"
    assert found["drafted/e.md"].hidden == "not in ARTICLE_PATHS"
    assert not list(tmp_path.rglob("ran"))


@pytest.mark.parametrize(
    ("settings", "path", "categories"),
    [
        ("USE_FOLDER_AS_CATEGORY = False", "content/sea/a.md", ()),
        ("DEFAULT_CATEGORY = 'misc'", "content/a.md", ("misc",)),
        ("DEFAULT_CATEGORY = 'misc'", "content/sea/a.md", ("sea",)),
        ("PATH = '.'", "content/a.md", ("content",)),
        ("PATH = 'content/'", "content/a.md", ()),
        ("PATH = HERE + '/content'", "content/sea/a.md", ("sea",)),
        ("print 'python 2'\nDEFAULT_CATEGORY = 'old'", "content/a.md", ("old",)),
        ("x = " + "(" * 3000, "content/sea/a.md", ("sea",)),
    ],
)
def test_a_folder_is_a_category_below_pelicans_path(
    settings: str, path: str, categories: tuple[str, ...], tmp_path: Path
) -> None:
    files = {"pelicanconf.py": settings + "\n", path: "Title: A\nDate: 2021-02-03\n\nWords\n"}
    assert read(tmp_path, files)[path].categories == categories


def test_the_sites_own_settings_come_before_pelicans(tmp_path: Path) -> None:
    rules = replace(RULES, author=Person(name="Site"), language="de")
    (tmp_path / "pelicanconf.py").write_text("AUTHOR = 'Ana'\nDEFAULT_LANG = 'fr'\n")
    (tmp_path / "content").mkdir()
    (tmp_path / "content/a.md").write_text("Title: A\nDate: 2021-02-03\n\nWords\n")
    [found] = FolderSource(tmp_path, rules).scan()
    assert isinstance(found, ParsedPost)
    assert (found.post.authors[0].name, found.post.language) == ("Site", "de")


def test_eleventys_data_of_a_post_and_of_the_blog_count(tmp_path: Path) -> None:
    files = {
        ".eleventy.js": "",
        "_data/metadata.json": '{"language": "km", "author": {"name": "Ana", "email": "a@b.example"}}',
        "posts/posts.json": '{"tags": ["posts", "Diary"]}',
        "posts/a.md": front("title: A"),
        "posts/a.json": '{"lang": "ja", "tags": ["Sea"], "author": "Bo"}',
        "posts/a.11tydata.json": '{"author": "Cy"}',
        "posts/b.md": front("title: B", "tags: [Own]"),
        "posts/b.json": '{"tags": ["Added"]}',
        "posts/c/index.md": front("title: C"),
        "posts/c/index.11tydata.json": '{"draft": true}',
        "posts/d.json": "{",
        "posts/d.md": front("title: D"),
    }
    found = read(tmp_path, files)
    a, b, c, d = (found[f"posts/{name}.md"] for name in ("a", "b", "c/index", "d"))
    assert (a.language, a.tags, a.authors[0].name) == ("ja", ("Diary", "Sea"), "Cy")
    assert (b.language, b.tags, b.authors[0].email) == ("km", ("Diary", "Added", "Own"), "a@b.example")
    assert c.hidden == "draft: true"
    assert (d.tags, d.hidden) == (("Diary",), None)


def test_a_data_file_that_changed_has_its_posts_read_again(tmp_path: Path) -> None:
    files = {".eleventy.js": "", "posts/a.md": front("title: A"), "posts/a.json": '{"tags": ["Sea"]}'}
    read(tmp_path, files)
    source = FolderSource(tmp_path, RULES)
    before = source.fingerprint(["posts/a.md"])
    assert source.fingerprint(["posts/a.md"]) == before
    (tmp_path / "posts/a.json").write_text('{"tags": ["Land"]}')
    assert source.fingerprint(["posts/a.md"]) != before


def test_data_files_that_are_code_are_named_and_not_run(tmp_path: Path) -> None:
    files = {
        ".eleventy.js": "",
        "_data/metadata.js": "",
        "_data/other.js": "",
        "posts/posts.11tydata.js": "",
        "posts/a.md": front("title: A"),
        "posts/a.11tydata.cjs": "",
        "posts/script.js": "",
    }
    read(tmp_path, files)
    unread = FolderSource(tmp_path / "posts", RULES).unread()
    assert list(unread) == ["_data/metadata.js", "posts/a.11tydata.cjs", "posts/posts.11tydata.js"]


def test_posts_of_eleventys_that_are_templates_are_named(tmp_path: Path) -> None:
    dated = "---\ntitle: A\ndate: 2024-05-01\n---\n{{ x }}\n"
    posts = {
        "posts/a.njk": "---\ntitle: A\n---\n", "posts/b.liquid": dated, "2024-05-03-c.webc": "c",
        "d.njk": dated,
        "e.hbs": "---\ntags: [posts]\n---\n", "posts/f.11ty.js": "module.exports = {}",
    }  # fmt: skip
    pages = {
        "index.njk": "---\ntitle: Home\n---\n", "archive.njk": "---\ntags: x\npagination:\n  data: p\n---\n",
        "_includes/2024-05-01-x.njk": dated, "posts/index.njk": "---\ntitle: All\n---\n",
        "sitemap.xml.njk": dated,
        "posts/g.njk": "---\neleventyExcludeFromCollections: true\n---\n", "about.liquid": "About",
        "pages/pages.json": '{"layout": "p"}', "pages/p.njk": "P",
        "posts/h.njk": "---\ndraft: true\n---\n", "README.njk": "x",
    }  # fmt: skip
    files = {
        ".eleventy.js": "",
        "posts/posts.json": '{"tags": ["posts"]}',
        "posts/x.md": front("title: X"),
    }
    read(tmp_path, {**files, **posts, **pages})
    found = FolderSource(tmp_path, RULES, tmp_path).unreadable()
    assert [path for path, _ in found] == sorted(posts)
    assert {name for _, name in found} == {"Nunjucks", "Liquid", "WebC", "Handlebars", "JavaScript"}
    (tmp_path / ".eleventy.js").unlink()
    (tmp_path / "hugo.toml").write_text("title = 'x'\n")
    assert FolderSource(tmp_path, RULES, tmp_path).unreadable() == []


def test_front_matter_may_name_its_language(tmp_path: Path) -> None:
    heads = {
        "json": '{"title": "A", "date": "2024-05-01", "tags": ["x"]}',
        "js": '{\n  title: "A",\n  date: "2024-05-01", tags: ["x"], more() { return 1 }\n}',
        "javascript": "const title = 'A';\nconst date = \"2024-05-01\";\nexport const tags = [\n  'x'\n];",
        "toml": "title = 'A'\ndate = 2024-05-01\ntags = ['x']",
        "yaml": "title: A\ndate: 2024-05-01\ntags: [x]",
    }
    files = {f"posts/{name}.md": f"---{name}\n{head}\n---\nBody\n" for name, head in heads.items()}
    found = read(tmp_path, {".eleventy.js": "", **files})
    said = {(post.title, str(post.instant)[:10], post.tags, post.hidden) for post in found.values()}
    assert (said, len(found)) == ({("A", "2024-05-01", ("x",), None)}, len(heads))


def test_a_post_of_hexos_without_a_date_is_told_of(tmp_path: Path) -> None:
    files = {**HEXO, "source/_posts/hello-world.md": "---\ntitle: Hello World\n---\nWelcome\n"}
    found = read(
        tmp_path, {**files, "source/_posts/b.md": front(), "source/about.md": "---\ntitle: A\n---\n"}
    )
    assert {path: (post.hidden, len(post.warnings)) for path, post in found.items()} == {
        "source/_posts/hello-world.md": ("no date", 1),
        "source/_posts/b.md": (None, 0),
        "source/about.md": ("not in _posts", 0),
    }


def test_posts_whose_names_end_otherwise_are_named(tmp_path: Path) -> None:
    ends = (".mkd", ".MD", ".mdown", ".htm")
    files = {"_config.yml": "title: x\n", **{f"_posts/2024-05-01-a{end}": front() for end in ends}}
    read(tmp_path, {**files, "README.MD": "# Read me\n", "about.htm": front(), "_posts/x.mkd": "No date\n"})
    found = FolderSource(tmp_path, RULES, tmp_path).unreadable()
    kinds = {".htm": "HTML in a .htm file"}
    assert dict(found) == {
        f"_posts/2024-05-01-a{end}": kinds.get(end, f"Markdown in a {end} file") for end in ends
    }


def test_pages_that_hugo_makes_with_code_and_pelicans_html_are_told_of(tmp_path: Path) -> None:
    files = {"hugo.toml": "title = 'x'\n", "content/books/_content.gotmpl": "{{ .AddPage }}", "x.gotmpl": "x"}
    read(tmp_path / "hugo", files)
    found = FolderSource(tmp_path / "hugo", RULES, tmp_path).unreadable()
    assert found == [("content/books/_content.gotmpl", "a content adapter")]
    page = '<html><head><title>T</title><meta name="date" content="2024-05-01"></head><body>x</body></html>'
    (post,) = read(tmp_path / "pelican", {**PELICAN, "content/a.html": page}).values()
    assert (post.hidden, [warning[:40] for warning in post.warnings]) == (
        "no front matter",
        ["is HTML whose title and date are in <meta>"[:40]],
    )


STARTERS = {
    "eleventy-base-blog": (
        {
            "eleventy.config.js": "export const config = { dir: { input: 'content', includes: '../_includes',"
            " data: '../_data', output: '_site' } };",
            "README.md": "# eleventy-base-blog\n",
            "_data/metadata.js": "export default { title: 'B', language: 'en', author: { name: 'N' } }",
            "content/content.11tydata.js": "export default {\n\tlayout: 'layouts/home.njk',\n};",
            "content/blog/blog.11tydata.js": "export default { tags: ['posts'], layout: 'post.njk' };",
            "content/index.njk": "---js\nconst eleventyNavigation = { key: 'Home' };\n---\n{% set x = 1 %}",
            "content/blog.njk": "---js\nconst eleventyNavigation = { key: 'Archive' };\n---\n",
            "content/tag-pages.njk": "---js\nconst pagination = { data: 'collections' };\n---\n",
            "content/404.md": "---js\nconst permalink = '404.html';\nconst a = true;\n---\n# Not found\n",
            "content/about.md": "---js\nconst eleventyNavigation = { key: 'About' };\n---\n# About\n",
            "content/blog/firstpost.md": "---\ntitle: T\ndate: 2018-05-01\ntags: [another tag]\n---\nText\n",
            "content/blog/fourthpost/fourthpost.md": "---\ntitle: T\ndate: 2018-09-30\n---\n![](./p.png)\n",
            "content/blog/fifthpost.md": "---\ntitle: T\ndate: 2023-01-23\ndraft: true\n---\nText\n",
        },
        {"/blog/firstpost/", "/blog/fourthpost/"},
    ),
    "astro": (
        {
            "astro.config.mjs": "export default defineConfig({ site: 'https://example.com' });",
            "README.md": "# Astro Starter Kit: Blog\n",
            "src/content.config.ts": "const blog = defineCollection({ loader: glob({"
            " base: './src/content/blog', pattern: '**/*.{md,mdx}' }) });\n"
            "export const collections = { blog };",
            "src/pages/blog/[...slug].astro": "---\nconst posts = await getCollection('blog');\n---\n",
            "src/content/blog/first-post.md": "---\ntitle: 'T'\npubDate: 'Jul 08 2022'\n---\nText\n",
            "src/content/blog/using-mdx.mdx": "---\ntitle: 'T'\npubDate: 'Jun 01 2024'\n---\nText\n",
        },
        {"/blog/first-post/", "/blog/using-mdx/"},
    ),
    "docusaurus": (
        {
            "docusaurus.config.js": "presets: [['classic', { docs: { sidebarPath: './sidebars.js' }, blog: {"
            " showReadingTime: true, feedOptions: { type: ['rss', 'atom'] } } }]]",
            "docs/intro.md": "---\nsidebar_position: 1\n---\n# Tutorial Intro\n",
            "src/pages/markdown-page.md": "---\ntitle: P\n---\nText\n",
            "blog/2019-05-28-first-blog-post.md": "---\nslug: first-blog-post\ntitle: T\n---\nText\n",
            "blog/2021-08-26-welcome/index.md": "---\nslug: welcome\ntitle: T\n---\nA\n<!-- truncate -->\n",
        },
        {"/blog/first-blog-post", "/blog/welcome"},
    ),
    "zola": (
        {
            "config.toml": 'base_url = "https://example.com"\ncompile_sass = true\n[markdown]\n[extra]\n',
            "content/_index.md": '+++\ntitle = "Home"\nsort_by = "date"\n+++\n',
            "content/blog/_index.md": '+++\ntitle = "List"\nsort_by = "date"\n+++\n',
            "content/blog/first.md": '+++\ntitle = "T"\ndate = 2019-11-27\n+++\n\nText\n',
            "themes/t/content/x.md": '+++\ntitle = "T"\ndate = 2019-11-27\n+++\nText\n',
        },
        {"/blog/first/"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_at_its_root_has_its_posts_and_nothing_to_mend(name: str, tmp_path: Path) -> None:
    files, addresses = STARTERS[name]
    found = read(tmp_path, files)
    assert {post.permalink for post in found.values() if post.hidden is None} == addresses
    assert [post.warnings for post in found.values() if post.warnings] == []
    source = FolderSource(tmp_path, RULES, tmp_path)
    assert (source.unreadable(), list(source.unread())) == ([], [])
