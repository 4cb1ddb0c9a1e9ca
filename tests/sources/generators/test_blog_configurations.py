"""What the configuration of a blog says of all its posts: who writes them, and where they are found."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from folders import RULES, read

from publisher.core.posts.post import BadPost, Post
from publisher.core.site import Person
from publisher.sources import FolderSource

HEXO = "tag_dir: tags\npermalink: :lang/:category/:title/\n"


def post(*lines: str, body: str = "Body") -> str:
    return "\n".join(("---", "title: T", "date: 2024-05-01", *lines, "---", body, ""))


def authors(post: Post) -> list[str]:
    return [person.name for person in post.authors]


@pytest.mark.parametrize(
    ("more", "front", "permalink"),
    [
        ("", (), "/en/uncategorized/a/"),
        ("default_category: notes\n", (), "/en/notes/a/"),
        ("category_map:\n  海: sea\n", ("categories: [海, Low Tide]",), "/en/sea/Low-Tide/a/"),
        ("filename_case: 1\n", ("categories: Low Tide",), "/en/low-tide/a/"),
        ("permalink_defaults:\n  lang: de\n  title: No\n", (), "/de/uncategorized/a/"),
        ("permalink_defaults:\n  lang: de\n", ("lang: fr",), "/fr/uncategorized/a/"),
        ("category_map: 3\npermalink_defaults: []\n", (), "/en/uncategorized/a/"),
    ],
)
def test_an_address_of_hexos_is_made_as_its_configuration_says(
    more: str, front: tuple[str, ...], permalink: str, tmp_path: Path
) -> None:
    path = "source/_posts/a.md"
    found = read(tmp_path, {"_config.yml": HEXO + more, path: post(*front)})[path]
    assert (found.permalink, found.title) == (permalink, "T")


@pytest.mark.parametrize(
    ("config", "text", "path"),
    [
        ("_config.yml", "author: Ann\n", "_posts/2024-05-01-a.md"),
        ("_config.yml", "author: {name: Ann}\n", "_posts/2024-05-01-a.md"),
        ("_config.yml", "author: jo\n", "_posts/2024-05-01-a.md"),
        ("_config.yml", "author: Ann\nskip_render:\n", "source/_posts/a.md"),
        ("hugo.toml", "[params]\nauthor = 'Ann'\n", "content/posts/a.md"),
        ("hugo.toml", "[params.author]\nname = 'Ann'\n", "content/posts/a.md"),
        ("hugo.toml", "[author]\nname = 'Ann'\n", "content/posts/a.md"),
        ("config.toml", "base_url = 'https://x.example'\nauthor = 'Ann'\n", "content/a.md"),
    ],
)
def test_a_post_without_an_author_is_by_the_blogs_own(
    config: str, text: str, path: str, tmp_path: Path
) -> None:
    files = {config: text, "_data/authors.yml": "jo: {name: Ann}\n"}
    assert authors(read(tmp_path, {**files, path: post()})[path]) == ["Ann"]
    ours = replace(RULES, author=Person(name="Bo"))
    assert authors(read(tmp_path, files, ours)[path]) == ["Bo"]
    assert authors(read(tmp_path, {**files, path: post("authors: [Cy]")})[path]) == ["Cy"]


def test_an_author_that_the_configuration_does_not_name_is_none(tmp_path: Path) -> None:
    files = {"_config.yml": "author: {twitter: ann}\n", "_posts/2024-05-01-a.md": post()}
    assert read(tmp_path, files)["_posts/2024-05-01-a.md"].authors == ()


def test_what_hugo_keeps_in_params_goes_before_what_the_blog_says(tmp_path: Path) -> None:
    files = {"hugo.yaml": "params: {author: Ann}\n", "content/a.md": post("params: {author: Bo}")}
    assert authors(read(tmp_path, files)["content/a.md"]) == ["Bo"]


@pytest.mark.parametrize(
    ("more", "path", "permalink"),
    [
        ("", "content/a/2024-01-02T10:00:00+02:00_Low Tide.md", "/a/low-tide/"),
        ("", "content/2024-01-02_Use vim.rc.md", "/use-vim-rc/"),
        ("slugify_paths = false\n", "content/Sea/Low Tide.md", "/Sea/Low%20Tide/"),
        ("[slugify]\npaths = 'off'\n", "content/Low Tide.md", "/Low%20Tide/"),
        ("[slugify]\npaths = 'safe'\n", "content/Low: Tide.md", "/Low%20Tide/"),
        ("[slugify]\npaths = 'on'\n", "content/Low Tide.md", "/low-tide/"),
    ],
)
def test_an_address_of_zolas(more: str, path: str, permalink: str, tmp_path: Path) -> None:
    files = {"config.toml": f"base_url = 'https://x.example'\n{more}", path: post()}
    assert read(tmp_path, files)[path].permalink == permalink


def test_a_time_in_a_name_of_zolas_counts(tmp_path: Path) -> None:
    path = "content/2024-01-02T10:00:00+02:00_a.md"
    found = read(
        tmp_path, {"config.toml": "base_url = 'https://x.example'\n", path: "+++\ntitle = 'T'\n+++\n"}
    )
    assert found[path].instant == datetime(2024, 1, 2, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("pattern", "hidden"), [("*/b.md", True), ("*.md", True), ("b.md", False), ("[", False)]
)
def test_what_zola_is_told_to_leave_alone_is_no_post(pattern: str, hidden: bool, tmp_path: Path) -> None:
    config = f"base_url = 'https://x.example'\nignored_content = ['{pattern}']\n"
    found = read(tmp_path, {"config.toml": config, "content/a/b.md": post()})["content/a/b.md"]
    assert found.hidden == (f"ignored_content: {pattern}" if hidden else None)


def test_an_author_may_be_written_as_in_rss(tmp_path: Path) -> None:
    config = "base_url = 'https://x.example'\nauthor = 'ann@x.example (Ann)'\n"
    found = read(tmp_path, {"config.toml": config, "content/a.md": post()})["content/a.md"]
    assert found.authors == (Person(name="Ann", email="ann@x.example"),)


def test_docusaurus_says_in_a_map_when_a_post_was_changed(tmp_path: Path) -> None:
    text = post("last_update: {date: 2024-06-01, author: Bo}")
    found = read(tmp_path, {"docusaurus.config.js": "", "blog/a.md": text})["blog/a.md"]
    assert (found.modified, found.authors) == (datetime(2024, 6, 1, tzinfo=UTC), ())


@pytest.mark.parametrize(
    ("settings", "permalink"),
    [
        ("ARTICLE_SAVE_AS = '{date:%Y}/{slug}.html'\nARTICLE_URL = ARTICLE_SAVE_AS\n", "/2024/t.html"),
        ("BLOG = 'log/'\nARTICLE_URL = BLOG + '{slug}' + '/'\n", "/log/t/"),
        ("ARTICLE_URL = NOBODY + '{slug}/'\n", "/t.html"),
        ("ARTICLE_URL = 1 + 2\n", "/t.html"),
        ("A = 'x' * 10\nARTICLE_URL = A\n", "/t.html"),
    ],
)
def test_a_setting_of_pelicans_may_be_put_together_of_others(
    settings: str, permalink: str, tmp_path: Path
) -> None:
    found = read(tmp_path, {"pelicanconf.py": settings, "content/a.md": post()})["content/a.md"]
    assert found.permalink == permalink


def test_what_pelican_publishes_with_wins(tmp_path: Path) -> None:
    files = {
        "pelicanconf.py": "ARTICLE_URL = '{slug}.html'\nTIMEZONE = 'Asia/Tokyo'\n",
        "publishconf.py": "from pelicanconf import *\nARTICLE_URL = 'log/{slug}/'\n",
        "content/a.md": post(),
    }
    found = read(tmp_path, files)["content/a.md"]
    assert (found.permalink, found.instant) == ("/log/t/", datetime(2024, 4, 30, 15, tzinfo=UTC))


def test_zolas_taxonomies_may_be_written_in_yaml(tmp_path: Path) -> None:
    files = {
        "config.toml": "base_url = 'https://x.example'\n",
        "content/a.md": post("taxonomies: {tags: [sea, tide]}", "extra: {author: Ann}"),
    }
    found = read(tmp_path, files)["content/a.md"]
    assert (found.tags, authors(found)) == (("sea", "tide"), ["Ann"])


I18N = (
    "const config: Config = {{ url: 'https://x.example', baseUrl: '{base}', i18n: {{ defaultLocale: 'en',\n"
    "  locales: ['en', 'fr', 'pt'], localeConfigs: {{\n"
    "    en: {{ label: 'English'{en} }}, fr: {{ label: 'Français', baseUrl: '{fr}' }},\n"
    "    pt: {{ path: 'pt-BR'{pt} }},\n"
    "  }} }} }};\nexport default config;\n"
)
TRANSLATED = "i18n/{}/docusaurus-plugin-content-blog/2024-05-01-a.md"


@pytest.mark.parametrize(
    ("parts", "path", "permalink"),
    [
        ({}, TRANSLATED.format("fr"), "/francais/blog/2024/05/01/a"),
        ({}, TRANSLATED.format("pt-BR"), "/pt/blog/2024/05/01/a"),
        ({}, "blog/2024-05-01-a.md", "/blog/2024/05/01/a"),
        ({"en": ", baseUrl: '/english/'"}, "blog/2024-05-01-a.md", "/english/blog/2024/05/01/a"),
        ({"base": "/p/", "fr": "/p/fra/"}, TRANSLATED.format("fr"), "/fra/blog/2024/05/01/a"),
        ({"en": ", blog: { routeBasePath: 'news' }"}, TRANSLATED.format("fr"), "/francais/news/2024/05/01/a"),
        ({"base": "/p/", "fr": "/fra/"}, TRANSLATED.format("fr"), None),
        ({"pt": ", url: 'https://pt.example'"}, TRANSLATED.format("pt-BR"), None),
    ],
)
def test_a_locale_of_docusaurus_is_where_its_own_settings_put_it(
    parts: dict[str, str], path: str, permalink: str | None, tmp_path: Path
) -> None:
    config = I18N.format(**{"base": "/", "en": "", "fr": "/francais/", "pt": "", **parts})
    files = {"docusaurus.config.ts": config, path: "---\ntitle: T\n---\nBody\n"}
    found = read(tmp_path, files)
    assert [post.permalink for post in found.values()] == ([permalink] if permalink else [])
    if permalink is None:
        (bad,) = FolderSource(tmp_path, RULES, tmp_path).scan()
        assert isinstance(bad, BadPost)
        assert bad.reason.startswith("its locale is at https://")
        named = {**files, path: "---\ntitle: T\ncanonical_url: https://o.example/a\n---\nBody\n"}
        assert read(tmp_path, named)[path].url == "https://o.example/a"
