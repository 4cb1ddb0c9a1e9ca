"""Files that a generator never builds are no posts: its own rules and its settings, by the paths of files."""

from pathlib import Path

import pytest
from folders import RULES, read
from hypothesis import given
from hypothesis import strategies as st

from publisher.core.posts.post import BadPost
from publisher.sources import FolderSource
from publisher.sources.generators.ignore_rules import GitIgnore, eleventy_rules
from publisher.sources.globs import glob_to_regex, matches_whole
from publisher.sources.ignored_files import JekyllEntryFilter, conflicted_original, why_ignored

POST = "---\ntitle: A\ndate: 2026-11-05\n---\nText\n"
DRAFT = "---\ntitle: S\ndraft: true\n---\n"
JEKYLL = {"_config.yml": "title: x\nexclude: [private, '*.bak.md', old/]\ninclude: [_kept]\n"}
HUGO = {"hugo.toml": "baseURL = 'https://x.example/'\nignoreFiles = ['dropme/', '\\.tmp\\.md$']\n"}
ZOLA = {"config.toml": "base_url = 'https://x.example'\nignored_content = ['**/parked', '*.{tmp,old}.md']\n"}
HEXO = {
    "_config.yml": "title: x\nskip_render: _posts/raw.md\nexclude:\n  - '_posts/**/*.old.md'\n",
    "package.json": '{"dependencies": {"hexo": "^7.0.0"}}',
}
ELEVENTY = {
    "eleventy.config.js": "export default (c) => { c.ignores.add('posts/wip/**');"
    " return {dir: {input: '.', includes: 'parts', output: 'out'}} }",
    ".eleventyignore": "# notes\nREADME.md\nposts/drafted\n!posts/drafted/b.md\n",
    ".gitignore": "*.local.md\nsecret/\nposts/x/*\n!posts/x/kept.md\n",
}
ASTRO = {"astro.config.mjs": ""}
DOCUSAURUS = {
    "docusaurus.config.js": "module.exports = {presets: [['classic', {blog: {exclude: ['**/wip/**']}}]]}"
}
PELICAN = {"pelicanconf.py": "IGNORE_FILES = ['*.tmp.md']\n"}
P = "2026-11-05-a.md"


@pytest.mark.parametrize(
    ("config", "path", "why"),
    [
        (JEKYLL, f"_posts/{P}", None),
        (JEKYLL, f"private/_posts/{P}", "exclude: private"),
        (JEKYLL, f"privates/_posts/{P}", "exclude: private"),  # Jekyll's excludes are beginnings of paths
        (JEKYLL, f"sub/private/_posts/{P}", None),
        (JEKYLL, "_posts/2026-11-05-a.bak.md", "exclude: *.bak.md"),
        (JEKYLL, f"_posts/old/{P}", None),
        (JEKYLL, f"vendor/bundle/ruby/3.3.0/gems/g/_posts/{P}", "exclude: vendor/bundle/"),
        (JEKYLL, f"vendor/mine/_posts/{P}", None),
        (JEKYLL, f"gemfiles/_posts/{P}", "exclude: gemfiles"),
        (JEKYLL, f"node_modules/t/_posts/{P}", "in node_modules"),
        (JEKYLL, f"_site/_posts/{P}", "in _site"),
        (JEKYLL, f"_odd/_posts/{P}", "the name _odd"),
        (JEKYLL, f"_kept/_posts/{P}", None),
        (JEKYLL, f"_posts/_parked/{P}", "the name _parked"),
        (JEKYLL, f"_posts/sub/_parked/{P}", None),
        (JEKYLL, f"_layouts/{P}", "not in _posts"),
        (HUGO, "content/posts/a.md", None),
        (HUGO, "content/dropme/a.md", "ignoreFiles: dropme/"),
        (HUGO, "content/posts/a.tmp.md", "ignoreFiles: \\.tmp\\.md$"),
        (HUGO, "archetypes/default.md", "not in content"),
        (HUGO, "themes/t/exampleSite/content/posts/a.md", "not in content"),
        (HUGO, "content/posts/#a.md", "a name that begins with #"),
        (ZOLA, "content/blog/a.md", None),
        (ZOLA, "content/parked/a.md", "ignored_content: **/parked"),
        (ZOLA, "content/blog/a.old.md", "ignored_content: *.{tmp,old}.md"),
        (ZOLA, "themes/t/content/a.md", "not in content"),
        (HEXO, "source/_posts/hello.md", None),
        (HEXO, "source/_posts/raw.md", "skip_render: _posts/raw.md"),
        (HEXO, "source/_posts/x/a.old.md", "exclude: _posts/**/*.old.md"),
        (HEXO, "scaffolds/post.md", "not in _posts"),
        (HEXO, "source/about/index.md", "not in _posts"),
        (ELEVENTY, "posts/a.md", None),
        (ELEVENTY, "posts/wip/a.md", "ignores: posts/wip/**"),
        (ELEVENTY, "posts/drafted/a.md", ".eleventyignore: posts/drafted"),
        (ELEVENTY, "posts/drafted/b.md", ".eleventyignore: posts/drafted"),
        (ELEVENTY, "posts/a.local.md", ".gitignore: *.local.md"),
        (ELEVENTY, "posts/secret/a.md", ".gitignore: secret/"),
        (ELEVENTY, "parts/a.md", "in parts"),
        (ELEVENTY, "_data/a.md", "in _data"),
        (ELEVENTY, "out/a.md", "in out"),
        (ASTRO, "src/content/blog/a.md", None),
        (ASTRO, "src/pages/blog/a.md", None),
        (ASTRO, "notes/a.md", "outside its collections"),
        (DOCUSAURUS, "blog/a.md", None),
        (DOCUSAURUS, "blog/wip/a.md", "exclude: **/wip/**"),
        (DOCUSAURUS, "docs/a.md", "not in a folder of its blog"),
        (DOCUSAURUS, "i18n/fr/docusaurus-plugin-content-blog/a.md", None),
        (PELICAN, "content/a.md", None),
        (PELICAN, "content/a.tmp.md", "IGNORE_FILES: *.tmp.md"),
        ({}, "node_modules/a/README.md", "in node_modules"),
        ({}, "a.sync-conflict-20261111-080000-ABCDEFG.md", "a conflicted copy of a.md"),
        ({}, "merge-conflict-copy.md", None),
        ({}, "2026/the conflicted copy.md", None),
    ],
)  # fmt: skip
def test_what_a_generator_never_builds_is_no_post(
    config: dict[str, str], path: str, why: str | None, tmp_path: Path
) -> None:
    assert read(tmp_path, {**config, path: POST})[path].hidden == why


def test_what_is_never_built_may_hold_anything(tmp_path: Path) -> None:
    read(tmp_path, HUGO)
    for name, data in (
        ("archetypes/default.md", b"+++\ndate = '{{ .Date }}'\ntitle = {{ x }}\n+++\n"),
        ("themes/t/a.md", b"\xff\0"),
        ("content/posts/b.sync-conflict-20261111-080000-ABCDEFG.md", b"---\n: [\n---\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    items = [*FolderSource(tmp_path, RULES, tmp_path).scan()]
    assert len(items) == 3
    assert not [item for item in items if isinstance(item, BadPost)]


def test_a_link_to_packages_elsewhere_is_no_error(tmp_path: Path) -> None:
    read(tmp_path, {"packages/one/README.md": POST, "blog/a.md": POST, "blog/node_modules/b.md": POST})
    (tmp_path / "blog/node_modules/one").symlink_to(tmp_path / "packages/one")
    (tmp_path / "blog/theme").mkdir()
    (tmp_path / "blog/theme/node_modules").symlink_to(tmp_path / "packages")
    found = {
        getattr(item, "path", None) or item.post.path
        for item in FolderSource(tmp_path / "blog", RULES).scan()
    }
    assert found == {"a.md", "node_modules/b.md"}


def test_what_is_in_a_leaf_bundle_belongs_to_its_page(tmp_path: Path) -> None:
    names = ("trip/index.md", "trip/notes.md", "trip/quotes/one.md", "trip/inner/index.md", "a.md", "g.fr.md")
    files = {
        f"content/posts/{name}": POST
        for name in (*names, "s/_index.md", "s/b.md", "fr/index.fr.md", "fr/c.md")
    }
    found = read(tmp_path, {**HUGO, **files})
    shown = {path.removeprefix("content/posts/") for path, post in found.items() if post.hidden is None}
    assert shown == {"trip/index.md", "a.md", "g.fr.md", "s/b.md", "fr/index.fr.md", "fr/c.md"}
    assert found["content/posts/trip/inner/index.md"].hidden == "part of the page content/posts/trip/index.md"
    assert found["content/posts/g.fr.md"].permalink == "/posts/g.fr/"


def test_an_index_in_a_language_of_the_blog_is_a_bundle_too(tmp_path: Path) -> None:
    config = {"hugo.toml": "baseURL = 'https://x.example/'\n[languages.en]\n[languages.fr]\n"}
    files = {f"content/trip/{name}": POST for name in ("index.md", "index.fr.md", "notes.md")}
    found = read(tmp_path, {**config, **files})
    assert {path.rpartition("/")[2] for path, post in found.items() if post.hidden} == {"notes.md"}


def test_a_language_that_is_turned_off_has_no_posts(tmp_path: Path) -> None:
    config = (
        "baseURL = 'https://x.example/'\ndisableLanguages = ['fr']\n"
        "[languages.en]\n[languages.fr]\n[languages.de]\ndisabled = true\n"
    )
    names = ("a.md", "a.fr.md", "a.de.md", "a.es.md", "fr/b.md")
    found = read(tmp_path, {"hugo.toml": config, **{f"content/{name}": POST for name in names}})
    hidden = {path.removeprefix("content/"): post.hidden for path, post in found.items() if post.hidden}
    assert hidden == {"a.fr.md": "the language fr is disabled", "a.de.md": "the language de is disabled"}


def test_only_folders_of_content_that_a_language_or_a_mount_reaches_are_read(tmp_path: Path) -> None:
    config = (
        "baseURL = 'https://x.example/'\n"
        "[languages.en]\ncontentDir = 'content/en'\n[languages.fr]\ncontentDir = 'content/fr'\n"
    )
    names = ("content/en/a.md", "content/fr/a.md", "content/old/a.md")
    found = read(tmp_path / "one", {"hugo.toml": config, **dict.fromkeys(names, POST)})
    assert [path for path, post in found.items() if post.hidden] == ["content/old/a.md"]
    mounts = "baseURL = 'https://x.example/'\n[[module.mounts]]\nsource = 'words'\ntarget = 'content'\n"
    found = read(tmp_path / "two", {"hugo.toml": mounts, "words/a.md": POST, "content/b.md": POST})
    assert {path: post.hidden for path, post in found.items()} == {
        "words/a.md": None,
        "content/b.md": "not in words",
    }


def test_a_cascade_gives_front_matter_to_all_below(tmp_path: Path) -> None:
    config = (
        "baseURL = 'https://x.example/'\n"
        "[[cascade]]\nbuild = {render = 'never'}\n[cascade.target]\npath = '{/never,/nor}/**'\n"
    )
    section = "---\ntitle: S\ncascade:\n  draft: true\n  author: Ann\n---\n"
    files = {
        "content/cas/_index.md": section,
        "content/cas/a.md": POST,
        "content/cas/deep/b.md": POST.replace("title", "draft: false\ntitle"),
        "content/never/c.md": POST,
        "content/nor/c.md": POST,
        "content/d.md": POST,
    }
    found = read(tmp_path, {"hugo.toml": config, **files})
    assert {path[8:]: post.hidden for path, post in found.items() if not path.endswith("_index.md")} == {
        "cas/a.md": "draft: true", "cas/deep/b.md": None, "never/c.md": "build.render: never",
        "nor/c.md": "build.render: never", "d.md": None,
    }  # fmt: skip
    assert [author.name for author in found["content/cas/deep/b.md"].authors] == ["Ann"]


def test_a_cascade_of_one_language_leaves_the_others_alone(tmp_path: Path) -> None:
    config = "baseURL = 'https://x.example/'\n[languages.en]\n[languages.fr]\n"
    section = "---\ntitle: S\ncascade: {draft: true}\n---\n"
    files = {"content/s/_index.fr.md": section, "content/s/a.md": POST, "content/s/a.fr.md": POST}
    found = read(tmp_path, {"hugo.toml": config, **files})
    assert (found["content/s/a.md"].hidden, found["content/s/a.fr.md"].hidden) == (None, "draft: true")


@pytest.mark.parametrize("folder", ["", "content", "content/series"])
def test_a_section_that_is_a_draft_hides_all_below(folder: str, tmp_path: Path) -> None:
    files = {
        "content/series/_index.md": DRAFT,
        "content/series/one.md": POST,
        "content/series/x/two.md": POST,
    }
    found = read(tmp_path, {**ZOLA, **files, "content/serie.md": POST}, folder=folder)
    hidden = {path.rpartition("/")[2]: post.hidden for path, post in found.items()}
    assert hidden.pop("serie.md", None) is None
    assert set(hidden.values()) == {"draft: true in content/series/_index.md"}


def test_settings_that_name_a_folder_apart_from_the_content_are_believed(tmp_path: Path) -> None:
    assert read(tmp_path, {**HUGO, "notes/a.md": POST}, folder="notes")["a.md"].hidden is None


COLLECTION = "import { glob } from 'astro/loaders'\nconst blog = defineCollection({ loader: glob({ %s }) })\n"


@pytest.mark.parametrize(
    ("config", "path", "hidden"),
    [
        ({"src/content.config.ts": COLLECTION % "base: './src/data/blog'"}, "src/data/blog/a.md", False),
        ({"src/content.config.ts": COLLECTION % "base: './src/data/blog'"}, "src/content/old/a.md", True),
        ({"src/content/config.ts": COLLECTION % "base: './src/data/blog'"}, "src/content/old/a.md", False),
        ({"src/content.config.ts": COLLECTION % "base: './words'"}, "words/a.md", False),
        ({"src/content.config.ts": COLLECTION % "base: where()"}, "words/a.md", False),
        ({"src/content.config.ts": COLLECTION % "base: `${WHERE}/blog`"}, "words/a.md", False),
        ({"src/content.config.ts": "const collections = { w: defineCollection({}) }"}, "w/a.md", False),
        ({"src/content.config.ts": COLLECTION % "base: './words'"}, "README.md", True),
        ({}, "src/posts/a.md", False),
        ({}, "docs/a.md", True),
    ],
)  # fmt: skip
def test_astro_reads_its_collections_where_they_are_written_out(
    config: dict[str, str], path: str, hidden: bool, tmp_path: Path
) -> None:
    found = read(tmp_path, {**ASTRO, **config, path: POST})[path]
    assert found.hidden == ("outside its collections" if hidden else None)


@pytest.mark.parametrize(
    ("config", "path", "hidden"),
    [
        ("{presets: [['classic', {blog: {path: './news'}}]]}", "news/a.md", False),
        ("{presets: [['classic', {blog: {path: './news'}}]]}", "blog/a.md", True),
        ("{presets: [['classic', {blog: {path: NEWS}}]]}", "news/a.md", False),
        ("{presets: [['classic', {blog: options}]]}", "news/a.md", False),
        ("{presets: [['classic', {blog: {...options}}]]}", "news/a.md", False),
        ("{plugins: [['@docusaurus/plugin-content-blog', {path: 'notes'}]]}", "notes/a.md", False),
        ("{presets: [['classic', {docs: {}}]]}", "docs/a.md", True),
    ],
)
def test_docusaurus_reads_the_blogs_that_are_written_out(
    config: str, path: str, hidden: bool, tmp_path: Path
) -> None:
    found = read(tmp_path, {"docusaurus.config.js": f"module.exports = {config}", path: POST})[path]
    assert found.hidden == ("not in a folder of its blog" if hidden else None)


@pytest.mark.parametrize("place", ["../words", "/srv/words"])
def test_content_outside_of_a_hugo_blog_hides_nothing_in_it(place: str, tmp_path: Path) -> None:
    config = {"hugo.toml": f"baseURL = 'https://x.example/'\ncontentDir = '{place}'\n"}
    assert read(tmp_path, {**config, "words/a.md": POST})["words/a.md"].hidden is None


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a/b.md", ".gitignore: /a/*"),
        ("a/keep.md", None),
        ("x/a/b.md", None),
        ("x/logs/c/b.md", ".gitignore: logs/"),
        ("logs/keep.md", ".gitignore: logs/"),  # what is in an ignored folder cannot be taken back
        ("x/1.tmp.md", ".gitignore: *.tmp.md"),
        ("deep/x/y/z.md", ".gitignore: deep/**/z.md"),
    ],
)
def test_gitignore_is_read_as_git_reads_it(path: str, why: str | None) -> None:
    text = "# a\n/a/*\n!/a/keep.md\nlogs/\n!logs/keep.md\n*.tmp.md\ndeep/**/z.md\n"
    git = next(rule for rule in eleventy_rules("", None, {".gitignore": text}) if isinstance(rule, GitIgnore))
    assert git.why(path) == why


@pytest.mark.parametrize(
    ("name", "original"),
    [
        ("low-tide.sync-conflict-20261111-080000-ABCDEFG.md", "low-tide.md"),
        ("low-tide.sync-conflict-20261111-080000.md", "low-tide.md"),
        ("low tide (Ann's conflicted copy 2026-11-12).md", "low tide.md"),
        ("low tide (Ann's MacBook's conflicted copy 2026-11-12 (1)).md", "low tide.md"),
        ("low tide (Ann's conflicted copy).md", "low tide.md"),
        ("low tide (conflicted copy 2026-11-12 101500).md", "low tide.md"),
        ("low tide (conflicted copy Ann 2026-11-12 101500).md", "low tide.md"),
        ("low-tide_conflict-20261112-101500.md", "low-tide.md"),
        ("low-tide (SFConflict ann@x.example 2026-11-12-10-15-00).md", "low-tide.md"),
        ("2026-11-12-a-conflicted-copy.md", None),
        ("the sync-conflict.md", None),
        ("conflict-2026.md", None),
        ("a (the conflict of 2026-11-12).md", None),
    ],
)
def test_a_copy_that_a_sync_tool_made_is_known_by_its_name(name: str, original: str | None) -> None:
    assert conflicted_original(f"posts/{name}") == original


@pytest.mark.parametrize("name", ["a.md~", "#a.md#", "~$a.md", "a.md.swp", "a.md.orig", "a.md.bak"])
def test_a_backup_of_an_editor_is_no_post(name: str) -> None:
    assert why_ignored(f"posts/{name}", f"posts/{name}", ()) == "a backup of an editor's"


def test_a_conflicted_copy_is_named_with_what_to_do(tmp_path: Path) -> None:
    name = "a.sync-conflict-20261111-080000-ABCDEFG.md"
    found = read(tmp_path, {name: POST})[name]
    assert found.warnings == (
        "a conflicted copy of a.md; merge what you want to keep into it, and delete the copy",
    )


NAMES = st.text("ab_.", min_size=1, max_size=3).filter(lambda name: name.strip("."))


@given(st.lists(NAMES, min_size=1, max_size=4), st.data())
def test_what_jekyll_excludes_is_excluded_with_all_below(parts: list[str], data: st.DataObject) -> None:
    place = "/".join(parts[: data.draw(st.integers(1, len(parts)))])
    entries = JekyllEntryFilter(exclude=(place,), include=())
    assert entries.why("/".join((*parts, "_posts", "2026-11-05-a.md"))) is not None


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_a_glob_without_marks_is_that_path_alone(parts: list[str]) -> None:
    path = "/".join(parts)
    assert matches_whole(glob_to_regex(path), path)
    assert matches_whole(glob_to_regex("**/" + parts[-1]), path)
    assert matches_whole(glob_to_regex("**"), path)
    assert matches_whole(glob_to_regex("*"), path) == (len(parts) == 1)


@given(st.text("ab*?[]{}!,/\\", max_size=12), st.text("ab/", max_size=6))
def test_any_text_may_stand_as_a_glob(pattern: str, path: str) -> None:
    assert matches_whole(glob_to_regex(pattern), path) in (True, False)


def test_gitignore_is_not_read_where_eleventy_is_told_so() -> None:
    texts = {".gitignore": "posts/\n"}
    config = "module.exports = (c) => { c.setUseGitIgnore(false) }"
    assert [
        why_ignored("posts/a.md", "posts/a.md", eleventy_rules(text, None, texts)) for text in ("", config)
    ] == [
        ".gitignore: posts/",
        None,
    ]
