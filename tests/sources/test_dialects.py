"""What a post's generator reads in Markdown: by its habit, and by the blog's own configuration."""

from pathlib import Path

import pytest

from publisher.core.extensions import Extension
from publisher.core.posts import Parsed
from publisher.sources import FolderSource, SourceRules

GOOD = "---\ntitle: A\ndate: 2024-05-01\n---\nBody\n"
DEFINITIONS, BREAKS = Extension.DEFINITIONS, Extension.BREAKS


def read(root: Path, files: dict[str, str], post: str, profile: str = "auto") -> tuple[Extension, ...]:
    for name, text in {**files, post: GOOD}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (found,) = FolderSource(root, SourceRules(site_url="https://blog.example/", profile=profile)).scan()
    assert isinstance(found, Parsed)
    return found.post.extensions


@pytest.mark.parametrize(
    ("profile", "extensions"),
    [
        ("none", {DEFINITIONS}),
        ("jekyll", {DEFINITIONS}),
        ("hugo", {DEFINITIONS}),
        ("pelican", {DEFINITIONS}),
        ("hexo", {DEFINITIONS, BREAKS}),
        ("eleventy", set()),
        ("astro", set()),
        ("docusaurus", set()),
        ("zola", set()),
    ],
)
def test_each_generator_has_its_habits(profile: str, extensions: set[Extension], tmp_path: Path) -> None:
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
    ],
)  # fmt: skip
def test_the_blogs_configuration_decides(
    name: str, text: str, post: str, extension: Extension, on: bool, tmp_path: Path
) -> None:
    assert (extension in read(tmp_path, {name: text}, post)) is on


def test_hugos_markup_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    files = {
        "config/_default/hugo.toml": "title = 'x'\n",
        "config/_default/markup.toml": "[goldmark.extensions]\ndefinitionList = false\n",
    }
    assert DEFINITIONS not in read(tmp_path, files, "content/a.md")
