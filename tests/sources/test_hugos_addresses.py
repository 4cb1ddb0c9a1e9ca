"""Addresses as Hugo makes them of its configuration, and the words of posts that two keys hold."""

from pathlib import Path

import folders
import pytest

from publisher.core.posts import Post
from publisher.sources import SourceRules

RULES = SourceRules(site_url="https://x.example/")


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
        ("", "C++ and #1 - a", "c++-and-%231-a"),
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
    from publisher.sources.places import local_path

    return local_path(path)


def test_names_of_files_and_folders_are_spelt_as_configured(tmp_path: Path) -> None:
    config = "removePathAccents = true\ndisablePathToLower = true\n"
    found = read(tmp_path, config, "content/Posts/Été - Là.md", "title: T")
    assert found.permalink == "/Posts/Ete---La/"


@pytest.mark.parametrize(
    ("name", "config", "path", "categories"),
    [
        ("_config.yml", "title: x\n", "_posts/2024-05-01-a.md", ("a", "b", "c")),  # both, and this one first
        ("hugo.toml", "", "content/a.md", ("b", "a", "c")),
        ("_config.yml", "source_dir: source\n", "source/_posts/a.md", ("b", "a", "c")),
    ],
)
def test_words_under_two_keys_are_taken_as_the_generator_takes_them(
    name: str, config: str, path: str, categories: tuple[str, ...], tmp_path: Path
) -> None:
    front = ("title: T", "category: a", "categories: [b, a, c]")
    assert read(tmp_path, config, path, *front, name=name).categories == categories
