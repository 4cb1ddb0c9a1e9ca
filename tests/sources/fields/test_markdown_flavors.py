"""What a post's generator reads in Markdown: by its habit, and by the blog's own configuration."""

import time
from pathlib import Path

import folders
import pytest
from declared import source_rules

from publisher.core.posts.post import MarkdownExtension, ParsedPost
from publisher.sources.build_post import shown_values
from publisher.sources.frontmatter.values import FrontMatter
from publisher.sources.parse_post import read_post

GOOD = "---\ntitle: A\ndate: 2024-05-01\n---\nBody\n"
DEFINITIONS, BREAKS, EMOJI = MarkdownExtension.DEFINITIONS, MarkdownExtension.BREAKS, MarkdownExtension.EMOJI
ABBREVIATIONS, TABLES, AFTER_HTML = (
    MarkdownExtension.ABBREVIATIONS,
    MarkdownExtension.TABLES,
    MarkdownExtension.AFTER_HTML,
)
MATH, DOLLARS, BRACKETS = MarkdownExtension.MATH, MarkdownExtension.DOLLARS, MarkdownExtension.BRACKETS
TEMPLATES, EJS, MDX = MarkdownExtension.TEMPLATES, MarkdownExtension.EJS, MarkdownExtension.MDX
PASSED = """[markup.goldmark.extensions.passthrough]
enable = true
[markup.goldmark.extensions.passthrough.delimiters]
block = [['$$', '$$']]
inline = [['\\(', '\\)']]
"""


def read(
    root: Path, files: dict[str, str], post: str, profile: str = "auto"
) -> tuple[MarkdownExtension, ...]:
    rules = source_rules(site_url="https://blog.example/", profile=profile)
    (found,) = folders.read(root, {**files, post: GOOD}, rules).values()
    return found.extensions


@pytest.mark.parametrize(
    ("profile", "extensions"),
    [
        ("none", {DEFINITIONS, ABBREVIATIONS, AFTER_HTML}),
        ("jekyll", {DEFINITIONS, ABBREVIATIONS, TABLES, AFTER_HTML, MATH, TEMPLATES}),
        ("hugo", {DEFINITIONS}),
        ("pelican", {DEFINITIONS, ABBREVIATIONS, AFTER_HTML}),
        ("hexo", {DEFINITIONS, BREAKS, TEMPLATES}),
        ("eleventy", {TEMPLATES, EJS}),
        ("astro", set()),
        ("docusaurus", {EMOJI, MDX}),
        ("zola", set()),
    ],
)
def test_each_generator_has_its_habits(
    profile: str, extensions: set[MarkdownExtension], tmp_path: Path
) -> None:
    assert set(read(tmp_path, {}, "2024-05-01-a.md", profile)) == extensions


@pytest.mark.parametrize(
    ("name", "text", "post", "extension", "on"),
    [
        ("_config.yml", "markdown: kramdown\n", "_posts/2024-05-01-a.md", DEFINITIONS, True),
        ("_config.yml", "markdown: CommonMarkGhPages\n", "_posts/2024-05-01-a.md", DEFINITIONS, False),
        ("hugo.toml", "[markup.goldmark.extensions]\ndefinitionList = false\n", "content/a.md", DEFINITIONS,
         False),
        ("config/_default/hugo.toml", "title = 'x'\n", "content/a.md", DEFINITIONS, True),
        ("hugo.yaml", "markup: {goldmark: {renderer: {hardWraps: true}}}\n", "content/a.md", BREAKS, True),
        ("pelicanconf.py", "MARKDOWN = {'extension_configs': {'markdown.extensions.extra': {}}}\n",
         "content/a.md", DEFINITIONS, True),
        ("pelicanconf.py", "MARKDOWN = {'extensions': ['nl2br']}\n", "content/a.md", DEFINITIONS, False),
        ("pelicanconf.py", "MARKDOWN = {'extensions': ['nl2br']}\n", "content/a.md", BREAKS, True),
        ("_config.yml", "source_dir: source\nmarked: {breaks: false}\n", "source/_posts/a.md", BREAKS, False),
        ("_config.yml", "source_dir: source\nmarked: {descriptionLists: false}\n", "source/_posts/a.md",
         DEFINITIONS, False),
        ("_config.yml", "kramdown: {hard_wrap: true}\n", "_posts/2024-05-01-a.md", BREAKS, True),
        ("_config.yml", "markdown: GFM\n", "_posts/2024-05-01-a.md", MATH, False),
        ("_config.yml", "plugins: [jemoji]\n", "_posts/2024-05-01-a.md", EMOJI, True),
        ("_config.yml", "markdown: CommonMarkGhPages\n", "_posts/2024-05-01-a.md", ABBREVIATIONS, False),
        ("pelicanconf.py", "MARKDOWN = {'extensions': ['markdown.extensions.abbr']}\n", "content/a.md",
         ABBREVIATIONS, True),
        ("_config.yml", "new_post_name: ':title.md'\nmarkdown: {plugins: [markdown-it-abbr]}\n",
         "source/_posts/a.md", ABBREVIATIONS, True),
        ("pelicanconf.py", "MARKDOWN = {'extensions': ['toc']}\n", "content/a.md", ABBREVIATIONS, False),
        ("package.json", '{"dependencies": {"@11ty/eleventy": "3", "markdown-it-abbr": "2"}}', "a.md",
         ABBREVIATIONS, True),
        ("hugo.toml", "enableEmoji = true\n", "content/a.md", EMOJI, True),
        ("hugo.toml", PASSED, "content/a.md", MATH, True),
        ("hugo.toml", PASSED, "content/a.md", BRACKETS, True),
        ("hugo.toml", PASSED, "content/a.md", DOLLARS, False),
        ("hugo.toml", PASSED.replace("true", "false"), "content/a.md", MATH, False),
        ("hugo.toml", "[markup.goldmark.extensions.extras.mark]\nenable = true\n", "content/a.md",
         MarkdownExtension.HIGHLIGHT, True),
        ("zola.toml", "base_url = 'x'\n[markdown]\nrender_emoji = true\n", "content/a.md", EMOJI, True),
        ("docusaurus.config.js", "export default {markdown: {emoji: false}}", "blog/a.md", EMOJI, False),
        ("docusaurus.config.js", "export default {markdown: {format: 'detect'}}", "blog/a.md", MDX, False),
        ("docusaurus.config.js", "export default {markdown: {format: 'detect'}}", "blog/a.mdx", MDX, True),
        ("pelicanconf.py", "PLUGINS = ['render_math']\n", "content/a.md", DOLLARS, True),
        ("pelicanconf.py", "MARKDOWN = {'extensions': ['pymdownx.mark', 'extra']}\n", "content/a.md",
         MarkdownExtension.HIGHLIGHT, True),
        ("package.json", '{"dependencies": {"@11ty/eleventy": "3", "markdown-it-emoji": "3"}}', "a.md", EMOJI,
         True),
        ("package.json", '{"dependencies": {"hexo": "7", "hexo-filter-mathjax": "1"}}', "source/_posts/a.md",
         MATH, True),
        ("package.json", '{"dependencies": {"astro": "5"}, "devDependencies": {"remark-math": "6"}}', "a.md",
         DOLLARS, True),
    ],
)  # fmt: skip
def test_the_blogs_configuration_decides(
    name: str, text: str, post: str, extension: MarkdownExtension, on: bool, tmp_path: Path
) -> None:
    assert (extension in read(tmp_path, {name: text}, post)) is on


def test_hugos_markup_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    files = {
        "config/_default/hugo.toml": "title = 'x'\n",
        "config/_default/markup.toml": "[goldmark.extensions]\ndefinitionList = false\n",
    }
    assert DEFINITIONS not in read(tmp_path, files, "content/a.md")


def test_a_plugin_of_jekylls_may_stand_in_its_gemfile(tmp_path: Path) -> None:
    files = {"_config.yml": "title: x\npermalink: pretty\n", "Gemfile": "gem 'jemoji'\n"}
    assert EMOJI not in read(tmp_path, files, "_posts/2024-05-01-a.md")
    files["Gemfile"] = "group :jekyll_plugins do\n  gem 'jemoji'\nend\n"
    assert EMOJI in read(tmp_path, files, "_posts/2024-05-01-a.md")


@pytest.mark.parametrize(
    ("front", "extensions"),
    [
        ("render_with_liquid: false", {DEFINITIONS, MATH}),
        ("render_with_liquid: true", {DEFINITIONS, MATH, TEMPLATES}),
        ("templateEngineOverride: md", {DEFINITIONS, MATH}),
        ("disableNunjucks: true", {DEFINITIONS, MATH}),
    ],
)
def test_a_post_may_ask_for_no_templates(front: str, extensions: set[MarkdownExtension]) -> None:
    rules = source_rules(
        site_url="https://blog.example/", profile="jekyll", extensions=(DEFINITIONS, MATH, TEMPLATES)
    )
    found = read_post("a.md", f"---\ntitle: A\ndate: 2024-05-01\n{front}\n---\nBody\n".encode(), rules)
    assert isinstance(found, ParsedPost)
    assert set(found.post.extensions) == extensions


def test_a_post_carries_the_front_matter_that_its_body_shows_and_no_other() -> None:
    front = "title: A\ndate: 2024-05-01\nversion: 2\nmood: good\nmore: x\nlist: [1]\nother-one: y"
    text = (
        "{{ page.version }} {{ mood | upcase }} {{ list }} {{ title }} {{ date }} {frontMatter.more}"
        ' {{< param "other-one" >}} {{ nobody }} other'
    )
    rules = source_rules(site_url="https://blog.example/")
    found = read_post("a.md", f"---\n{front}\n---\n{text}\n".encode(), rules)
    assert isinstance(found, ParsedPost)
    assert found.post.values == (("mood", "good"), ("more", "x"), ("other-one", "y"), ("version", "2"))
    other = read_post("a.md", f"---\n{front}\n---\n{text}\n".replace("good", "bad").encode(), rules)
    assert isinstance(other, ParsedPost)
    assert other.post.revision != found.post.revision
    assert other.post.body_hash == found.post.body_hash


@pytest.mark.parametrize("scrap", ["{{ a ", "{{ a }}", "{{< param a", "{frontMatter.a", "<%= a", "{{-  "])
def test_looking_for_what_a_body_shows_is_quick(scrap: str) -> None:
    front = FrontMatter(values={"a": "b"}, lines={}, line=1)
    started = time.process_time()
    shown_values(front, scrap * (990_000 // len(scrap)))
    assert time.process_time() - started < 3
