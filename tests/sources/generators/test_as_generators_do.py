"""What Pelican 4, Hexo 8, Hugo, Eleventy 3 and Jekyll 4 made of such files when they were run on them."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from folders import RULES, read

from publisher.core.posts.post import Post
from publisher.sources import SourceRules

PELICAN = """
import datetime
TIMEZONE = 'Europe/Berlin'
DEFAULT_LANG = 'de'
FILENAME_METADATA = r'(?P<date>\\d{4}-\\d{2}-\\d{2})[-_](?P<slug>.*)'
PATH_METADATA = r'(?P<category>[^/]+)/.*'
USE_FOLDER_AS_CATEGORY = False
EXTRA_PATH_METADATA = {'extra.md': {'category': 'Extras'}}
ARTICLE_URL = 'p/{date:%Y}/{date:%b}/{slug}/'
ARTICLE_LANG_URL = '{lang}/{slug}/'
DEFAULT_DATE = (2012, 3, 2, 14, 1, 1)
"""
HEXO = {"_config.yml": "source_dir: source\npermalink: :year/:month/:day/:title/\nnew_post_name: :title.md\n"}
TONGUES = (
    "baseURL = 'https://x.example/'\ndefaultContentLanguage = 'en'\n"
    "[languages.en]\nlanguageName = 'English'\n[languages.de]\nlanguageName = 'Deutsch'\n"
)


def article(tmp_path: Path, path: str, *lines: str, rules: SourceRules = RULES) -> Post:
    text = "\n".join((*lines, "", "Body", ""))
    return read(tmp_path, {"pelicanconf.py": PELICAN, f"content/{path}": text}, rules)[f"content/{path}"]


def at(*numbers: int) -> datetime:
    return datetime(*numbers, tzinfo=UTC)  # type: ignore[arg-type,misc]


@pytest.mark.parametrize(
    ("path", "lines", "permalink", "instant"),
    [
        ("2024-01-02_under-score.md", ("Title: N",), "/p/2024/Jan/under-score/", at(2024, 1, 1, 23)),
        ("2024-01-22-both.md", ("Title: B", "Date: 2024-02-22"), "/p/2024/Feb/both/", at(2024, 2, 21, 23)),
        ("2024-01-22-own.md", ("Title: B", "Slug: mine"), "/p/2024/Jan/mine/", at(2024, 1, 21, 23)),
        ("none.md", ("Title: No date",), "/p/2012/Mar/no-date/", at(2012, 3, 2, 13, 1, 1)),
        ("day.md", ("Title: day", "Date: 25-01-2024"), "/p/2024/Jan/day/", at(2024, 1, 24, 23)),
        ("x.md", ("Title: 1.2.3: Re/lease -- x", "Date: 2024-01-24"), "/p/2024/Jan/123-release-x/",
         at(2024, 1, 23, 23)),
        ("lang.md", ("Title: L", "Date: 2024-01-11", "Slug: lang", "Lang: en"), "/en/lang/",
         at(2024, 1, 10, 23)),
    ],
)  # fmt: skip
def test_an_article_of_pelicans_has_its_date_and_address(
    path: str, lines: tuple[str, ...], permalink: str, instant: datetime, tmp_path: Path
) -> None:
    found = article(tmp_path, path, *lines)
    assert (found.permalink, found.instant) == (permalink, instant)


def test_paths_of_articles_say_their_categories(tmp_path: Path) -> None:
    dated = ("Title: T", "Date: 2024-01-01")
    assert article(tmp_path, "News/a.md", *dated).categories == ("News",)
    assert article(tmp_path, "News/b.md", *dated, "Category: Own").categories == ("Own",)
    assert article(tmp_path, "extra.md", *dated).categories == ("Extras",)


def test_the_blogs_language_is_that_of_posts_where_the_settings_name_none(tmp_path: Path) -> None:
    lines = ("Title: T", "Date: 2024-01-01")
    assert article(tmp_path, "a.md", *lines).language == "de"
    assert article(tmp_path, "a.md", *lines, rules=replace(RULES, language="en")).language == "en"


@pytest.mark.parametrize("pattern", ["(a+)+$", "(?P<date>", "x" * 501])
def test_a_pattern_that_is_none_or_takes_for_ever_is_passed_over(pattern: str, tmp_path: Path) -> None:
    config = f"FILENAME_METADATA = {pattern!r}\n"
    text = "Title: T\nDate: 2024-01-01\n\nBody\n"
    name = "content/" + "a" * 60 + "!.md"
    assert read(tmp_path, {"pelicanconf.py": config, name: text})[name].instant == at(2024, 1, 1)


@pytest.mark.parametrize(
    ("path", "lines", "permalink"),
    [
        ("s.md", ("slug: sl ug",), "/2024/01/21/s/"),  # Hexo knows no slug
        ("sub/l.md", (), "/2024/01/21/sub/l/"),
        ("UP_per.Dot.md", (), "/2024/01/21/UP_per.Dot/"),
        ("2024-01-13-both.md", (), "/2024/01/21/2024-01-13-both/"),  # its new_post_name has no date
        ("r2.md", ("permalink: /custom/z/",), "/custom/z/"),
    ],
)
def test_an_address_of_hexos(path: str, lines: tuple[str, ...], permalink: str, tmp_path: Path) -> None:
    text = "\n".join(("---", "title: T", "date: 2024-01-21 10:00:00", *lines, "---", "Body", ""))
    path = f"source/_posts/{path}"
    assert read(tmp_path, {**HEXO, path: text})[path].permalink == permalink


def test_a_word_of_hexos_front_matter_stands_in_the_address(tmp_path: Path) -> None:
    config = {"_config.yml": "source_dir: source\npermalink: p/:abbrlink.html\n"}
    text = "---\ntitle: T\ndate: 2024-01-21 10:00:00\nabbrlink: 4a17b156\n---\nBody\n"
    assert read(tmp_path, {**config, "source/_posts/a.md": text})["source/_posts/a.md"].permalink == (
        "/p/4a17b156.html"
    )


@pytest.mark.parametrize(
    ("more", "path", "language", "permalink"),
    [
        ("", "content/posts/a.md", "en", "/posts/a/"),
        ("", "content/posts/a.de.md", "de", "/de/posts/a/"),
        ("contentDir = 'content/deutsch'\n", "content/deutsch/posts/b.md", "de", "/de/posts/b/"),
    ],
)
def test_a_language_of_hugos(more: str, path: str, language: str, permalink: str, tmp_path: Path) -> None:
    text = "---\ntitle: T\ndate: 2024-01-21\n---\nBody\n"
    found = read(tmp_path, {"hugo.toml": TONGUES + more, path: text})[path]
    assert (found.language, found.permalink) == (language, permalink)


def test_hugos_languages_may_stand_in_files_of_their_own(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        {
            "config/_default/hugo.toml": "baseURL = 'https://x.example/'\n"
            "defaultContentLanguageInSubdir = true\n",
            "config/_default/languages.toml": "[en]\nweight = 1\n[fr]\nweight = 2\n",
            "config/_default/permalinks.toml": "posts = '/:year/:slug/'\n",
            "content/posts/a.md": "---\ntitle: T One\ndate: 2024-01-21\n---\nBody\n",
            "content/posts/a.fr.md": "---\ntitle: T Deux\ndate: 2024-01-21\n---\nBody\n",
        },
    )
    assert [found[f"content/posts/a{end}.md"].permalink for end in ("", ".fr")] == [
        "/en/2024/t-one/",
        "/fr/2024/t-deux/",
    ]


def test_eleventy_keeps_the_date_of_a_file_in_its_address(tmp_path: Path) -> None:
    files = {"eleventy.config.js": "", "posts/2024-05-01-a.md": "---\ntitle: T\n---\nBody\n"}
    found = read(tmp_path, files)["posts/2024-05-01-a.md"]
    assert (found.permalink, found.instant) == ("/posts/2024-05-01-a/", at(2024, 5, 1))


def test_jekyll_takes_signs_and_hyphens_in_a_row_for_one(tmp_path: Path) -> None:
    files = {
        "_config.yml": "title: x\nplugins: []\n",
        "_posts/2024-05-01-a---b%c.md": "---\ntitle: T\n---\nBody\n",
    }
    (found,) = read(tmp_path, files).values()
    assert found.permalink == "/2024/05/01/a-b-c.html"
