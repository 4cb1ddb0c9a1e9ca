"""Addresses as Hugo makes them of its configuration, and the words of posts that two keys hold."""

from pathlib import Path

import folders
import pytest
from declared import source_rules

from publisher.core.posts.post import Post

RULES = source_rules(site_url="https://x.example/")


def read(root: Path, config: str, path: str, *lines: str, name: str = "hugo.toml") -> Post:
    text = "\n".join(("---", "date: 2024-05-01", *lines, "---", "Body", ""))
    (found,) = folders.read(root, {name: config, path: text}).values()
    return found


@pytest.mark.parametrize(
    ("config", "permalink"),
    [
        ("[permalinks]\nposts = '/:year/:slug'\n", "/2024/low-tide/"),
        ("[permalinks]\nposts = '/:year/:slug/'\n", "/2024/low-tide/"),
        ("[permalinks]\nposts = '/:year/:slug.html'\n", "/2024/low-tide.html"),
        ("uglyURLs = true\n", "/posts/a.html"),
        ("uglyURLs = true\n[permalinks]\nposts = '/:year/:slug/'\n", "/2024/low-tide.html"),
        ("[uglyURLs]\nposts = true\n", "/posts/a.html"),
        ("[uglyURLs]\nnotes = true\n", "/posts/a/"),
        ("uglyURLs = false\n", "/posts/a/"),
    ],
)
def test_an_address_of_hugos_ends_as_it_does_there(config: str, permalink: str, tmp_path: Path) -> None:
    assert read(tmp_path, config, "content/posts/a.md", "title: Low Tide").permalink == permalink


@pytest.mark.parametrize(
    ("more", "title", "slug"),
    [
        ("", "One: two & three, l'été", "one-two-three-lété"),
        ("", "C++ and #1 - a", "c-and-%231-a"),
        ("", "«»", "a"),
        ("removePathAccents = true\n", "L'été à Đà Nẵng", "lete-a-đa-nang"),
        ("disablePathToLower = true\n", "Low Tide", "Low-Tide"),
        ("disablePathToLower = true\nremovePathAccents = true\n", "Été", "Ete"),
    ],
)
def test_a_title_is_spelt_in_an_address_as_hugo_spells_it(
    more: str, title: str, slug: str, tmp_path: Path
) -> None:
    config = f"{more}[permalinks]\nposts = '/:slug'\n"
    found = read(tmp_path, config, "content/posts/a.md", f'title: "{title}"')
    assert found.permalink == local(f"/{slug}/")


def local(path: str) -> str:
    from publisher.sources.fields.urls import local_path

    return local_path(path)


def test_names_of_files_and_folders_are_spelt_as_configured(tmp_path: Path) -> None:
    config = "removePathAccents = true\ndisablePathToLower = true\n"
    found = read(tmp_path, config, "content/Posts/Été - Là.md", "title: T")
    assert found.permalink == "/Posts/Ete---La/"


@pytest.mark.parametrize(
    ("name", "config", "path", "categories"),
    [
        ("_config.yml", "title: x\n", "_posts/2024-05-01-a.md", ("b", "a", "c")),
        ("hugo.toml", "", "content/a.md", ("b", "a", "c")),
        ("_config.yml", "source_dir: source\n", "source/_posts/a.md", ("b", "a", "c")),
    ],
)
def test_words_under_two_keys_are_taken_as_the_generator_takes_them(
    name: str, config: str, path: str, categories: tuple[str, ...], tmp_path: Path
) -> None:
    front = ("title: T", "category: a", "categories: [b, a, c]")
    assert read(tmp_path, config, path, *front, name=name).categories == categories


ORDERED = "[frontmatter]\ndate = [':filename', 'date']\npublishDate = ['shown', ':default']\n"
FALLING = "[frontmatter]\ndate = ['date', ':fileModTime', ':filename', ':default']\nexpiryDate = ['gone']\n"
KEPT = "[frontmatter]\npublishDate = ['date']\nlastmod = [':git', 'changed', ':default']\n"
BY_DATE = "[permalinks]\nposts = '/:year-:month-:day/:slugorcontentbasename/'\n"


@pytest.mark.parametrize(
    ("config", "name", "lines", "instant", "permalink"),
    [  # as Hugo 0.168 has them
        (ORDERED, "2024-05-02-b.md", ["date: 2024-06-01"], "2024-06-01", "/2024-05-02/b/"),
        (ORDERED, "2024-05-02-b.md", ["slug: mine"], "2024-05-02", "/2024-05-02/mine/"),
        (ORDERED, "d.md", ["shown: 2024-07-01", "date: 2024-06-04"], "2024-07-01", "/2024-06-04/d/"),
        (ORDERED, "f.md", ["pubDate: 2024-06-06"], "2024-06-06", "/2024-06-06/f/"),
        (FALLING, "2024-05-02-b.md", ["date: 2024-06-01"], "2024-06-01", "/2024-06-01/2024-05-02-b/"),
        (FALLING, "2024-05-02-b.md", ["lastmod: 2024-06-05"], "2024-05-02", "/2024-05-02/b/"),
        (FALLING, "e.md", ["lastmod: 2024-06-05"], "2024-06-05", "/2024-06-05/e/"),
        (KEPT, "g.md", ["date: 2024-06-01", "publishDate: 2030-01-01"], "2024-06-01", "/2024-06-01/g/"),
    ],
)
def test_dates_are_taken_in_the_order_that_hugo_is_told(
    config: str, name: str, lines: list[str], instant: str, permalink: str, tmp_path: Path
) -> None:
    text = "\n".join(("---", "title: T", *lines, "---", "Body", ""))
    files = {"hugo.toml": BY_DATE + config, f"content/posts/{name}": text}
    (found,) = folders.read(tmp_path, files).values()
    assert (f"{found.due:%Y-%m-%d}", found.permalink) == (instant, permalink)
    asks = config is FALLING and "date: 2024-06-01" not in lines
    assert [warning[:40] for warning in found.warnings] == ["Hugo takes its date from the time of its"] * asks


def test_changes_and_ends_are_dated_by_hugos_order(tmp_path: Path) -> None:
    lines = ("changed: 2024-07-01", "lastmod: 2024-08-01", "gone: 2029-01-01", "expiryDate: 2025-01-01")
    config = KEPT + "expiryDate = ['gone', 'expiryDate']\n"
    found = read(tmp_path, config, "content/posts/a.md", *lines)
    assert [str(it)[:10] for it in (found.modified, found.expires)] == ["2024-07-01", "2029-01-01"]
    assert found.warnings == ()


MOUNT = "baseURL = 'https://x.example/'\n[[module.mounts]]\nsource = 'content'\ntarget = 'content'\n{}\n"
MOUNTED = ("posts/a", "posts/b.tmp", "drafts/c", "wip/deep/d")


@pytest.mark.parametrize(
    ("globs", "kept"),
    [  # as Hugo 0.168 builds them; the two lists as its filename_filter.go matched them before 0.153
        ("files = ['! drafts/**']", "posts/a posts/b.tmp wip/deep/d"),
        ("files = ['!drafts/**']", ""),
        ("files = ['posts/**', '! **/b.*']", "posts/a posts/b.tmp"),
        ("files = ['! **/b.*', 'posts/**']", "posts/a"),
        ("files = '! DRAFTS'", "posts/a posts/b.tmp wip/deep/d"),
        ("files = ['! drafts/**', 'drafts/**']", ""),
        ("files = ['drafts/**', '! **', 'posts/*']", "drafts/c"),
        ("files = '**/*.md'", " ".join(MOUNTED)),
        ("files = '! */d.md'", " ".join(MOUNTED)),
        ("files = '! {drafts,posts}/[ac].md'", "posts/b.tmp wip/deep/d"),
        ("includeFiles = 'posts/**'", "posts/a posts/b.tmp"),
        ("excludeFiles = ['drafts', '/**.tmp.md']", "posts/a wip/deep/d"),
        ("includeFiles = ['posts/**']\nexcludeFiles = ['**/b.*']", "posts/a posts/b.tmp"),
        ("excludeFiles = 'posts/**'\n[[module.mounts]]\nsource='content'\ntarget='content'\nfiles='*/a.md'",
         "posts/a drafts/c wip/deep/d"),
    ],
)  # fmt: skip
def test_a_mount_reaches_the_files_that_its_globs_name(globs: str, kept: str, tmp_path: Path) -> None:
    posts = {f"content/{name}.md": "---\ntitle: T\ndate: 2024-01-02\n---\nx\n" for name in MOUNTED}
    found = folders.read(tmp_path, {"hugo.toml": MOUNT.format(globs), **posts})
    said = {path[8:-3]: post.hidden for path, post in found.items()}
    in_folder = {name for name in MOUNTED if said[name] in (None, "in drafts")}
    assert in_folder == set(kept.split())
    assert all("mount" in str(why) for name, why in said.items() if name not in in_folder)
