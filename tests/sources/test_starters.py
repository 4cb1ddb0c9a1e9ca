"""Blogs as their generators' starters make them: addresses, what is left out, whose words are whose."""

from pathlib import Path

import pytest

from publisher.core.posts import Parsed, Post
from publisher.sources import FolderSource, SourceRules

RULES = SourceRules(site_url="https://x.example/")
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


def read(root: Path, files: dict[str, str], folder: str = "") -> dict[str, Post]:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    found = FolderSource(root / folder, RULES, root).scan()
    return {item.post.path: item.post for item in found if isinstance(item, Parsed)}


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
        (HUGO, "content/other/A -  b!.md", (), "/other/a-b/"),
        (HUGO, "content/posts/b.md", ("url: /own/",), "/own/"),
        (ELEVENTY, "posts/2020-01-02-hello.md", ('permalink: "/w/{{ page.fileSlug }}/"',), "/w/hello/"),
        (ELEVENTY, "posts/a.md", ('permalink: "/{{ title | slugify }}/index.html"',), "/a-title/"),
        (ELEVENTY, "posts/a.md", ('permalink: "/{{ pagination.page }}/"',), "/posts/a/"),
        (DOCUSAURUS, "blog/2021-08-26-welcome/index.md", ("slug: hi",), "/news/hi"),
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
    ours = SourceRules(site_url="https://x.example/", permalink="/p/:slug/")
    (found,) = FolderSource(tmp_path, ours, tmp_path).scan()
    assert isinstance(found, Parsed)
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
    found = read(tmp_path, {**config, path: front(*lines)}, folder)
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
    found = read(tmp_path, files, "src")
    first, own, draft = (found[path] for path in ("posts/2021-02-03-a.md", "posts/b.md", "wip/c.md"))
    assert (first.permalink, first.tags, first.authors[0].name, first.language) == (
        "/w/a/",
        ("Diary",),
        "Jo",
        "de",
    )
    assert (own.permalink, own.tags) == ("/own/", ("Own",))
    assert (draft.hidden, draft.authors[0].name) == ("draft: true", "Site")
