"""Blogs made for a generator: found by its files, read by its habits."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from declared import source_rules

from publisher.core.posts.post import BadPost, ParsedPost, Post
from publisher.core.site import Person
from publisher.sources import FolderSource, SourceRules, front_matter_defaults
from publisher.sources.parse_post import read_post

RULES = source_rules(site_url="https://blog.example/")
TOKYO = source_rules(site_url="https://blog.example/", timezone="Asia/Tokyo")
GOOD = "---\ntitle: A\ndate: 2024-05-01\n---\nBody\n"


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def resolved(folder: Path, rules: SourceRules = RULES, top: Path | None = None) -> SourceRules:
    source = FolderSource(folder, rules, top)
    return source.resolve_rules([path for path, bad in source.listed() if bad is None])


def posts(folder: Path, rules: SourceRules = RULES) -> dict[str, Post]:
    found = list(FolderSource(folder, rules).scan())
    assert not [item for item in found if isinstance(item, BadPost)]
    return {item.post.path: item.post for item in found if isinstance(item, ParsedPost)}


def one(path: str, front: str, profile: str, rules: SourceRules = TOKYO) -> Post:
    rules = source_rules(
        site_url=rules.site_url, timezone=rules.timezone, profile=profile, above=("content",)
    )
    found = read_post(path, f"---\n{front}\n---\nBody\n".encode(), rules)
    assert isinstance(found, ParsedPost), str(found)
    return found.post


@pytest.mark.parametrize(
    ("files", "posts_in", "profile"),
    [
        (
            {"_config.yml": "title: x\npermalink: pretty\n", "_posts/2024-05-01-a.md": GOOD},
            "_posts",
            "jekyll",
        ),
        ({"_config.yml": "source_dir: source\n", "source/_posts/a.md": GOOD}, "source/_posts", "hexo"),
        ({"hugo.toml": "title='x'", "content/posts/a.md": GOOD}, "content/posts", "hugo"),
        ({"config.yaml": "baseURL: https://x.example/\n", "content/posts/a.md": GOOD}, "content", "hugo"),
        ({"config.toml": "baseURL='https://x.example/'", "content/posts/a.md": GOOD}, "content", "hugo"),
        ({"config.toml": "base_url='https://x.example/'", "content/a.md": GOOD}, "content", "zola"),
        ({".eleventy.js": "", "src/posts/a.md": GOOD}, "src/posts", "eleventy"),
        ({"eleventy.config.mjs": "", "posts/a.md": GOOD}, "posts", "eleventy"),
        ({"astro.config.mjs": "", "src/content/blog/a.md": GOOD}, "src/content/blog", "astro"),
        ({"pelicanconf.py": "", "content/a.md": GOOD}, "content", "pelican"),
        ({"docusaurus.config.js": "", "blog/2024-05-01-a.md": GOOD}, "blog", "docusaurus"),
        ({"package.json": '{"dependencies": {"hexo": "7"}}', "source/_posts/a.md": GOOD}, "source", "hexo"),
        ({"docs/_config.yml": "title: x\n", "docs/_posts/2024-05-01-a.md": GOOD}, "", "jekyll"),
        ({"_posts/2024-05-01-a.md": GOOD}, "", "jekyll"),
        ({"source/_posts/a.md": GOOD}, "", "hexo"),
        ({"blog/authors.yml": "a: {name: A}", "blog/a.md": GOOD}, "", "docusaurus"),
        ({"posts/a.md": "Title: A\nDate: 2024-05-01\n\nBody\n"}, "posts", "pelican"),
        ({"posts/a.md": "+++\ntitle='A'\n[extra]\nx=1\n+++\n"}, "posts", "zola"),
        ({"posts/a.md": GOOD}, "posts", "none"),
    ],
)
def test_a_generator_is_known_by_its_files(
    files: dict[str, str], posts_in: str, profile: str, tmp_path: Path
) -> None:
    write(tmp_path, **files)
    assert resolved(tmp_path / posts_in).profile == profile


def test_a_profile_that_is_set_is_not_guessed(tmp_path: Path) -> None:
    write(tmp_path, **{"_config.yml": "timezone: Asia/Tokyo\n", "_posts/2024-05-01-a.md": GOOD})
    rules = resolved(tmp_path / "_posts", source_rules(site_url="https://x.example/", profile="hugo"))
    assert (rules.profile, rules.timezone) == ("hugo", None)


def test_configuration_is_looked_for_no_higher_than_the_site(tmp_path: Path) -> None:
    write(tmp_path, **{"hugo.toml": "", "mysite/posts/a.md": GOOD})
    assert resolved(tmp_path / "mysite/posts", top=tmp_path / "mysite").profile == "none"
    assert resolved(tmp_path / "mysite/posts", top=tmp_path).profile == "hugo"


def test_broken_configuration_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, **{"_config.yml": "a: [\n", "_posts/2024-05-01-a.md": GOOD, "_data/authors.yml": "{"})
    assert resolved(tmp_path / "_posts").profile == "jekyll"


@pytest.mark.parametrize(
    ("profile", "date", "utc"),
    [
        ("jekyll", "2024-05-01 12:00:00", "2024-05-01T12:00:00"),
        ("jekyll", "2024-05-01 12:00", "2024-05-01T03:00:00"),
        ("jekyll", "2024-05-01", "2024-04-30T15:00:00"),
        ("jekyll", "2024-05-01 12:00:00 +0200", "2024-05-01T10:00:00"),
        ("hugo", "2024-05-01T12:00:00", "2024-05-01T03:00:00"),
        ("eleventy", "2024-05-01", "2024-05-01T00:00:00"),
        ("docusaurus", "2024-05-01T10:00", "2024-05-01T10:00:00"),
        ("astro", "May 1, 2024", "2024-05-01T00:00:00"),
        ("zola", "2024-05-01", "2024-05-01T00:00:00"),
        ("pelican", "2024-05-01 12:00", "2024-05-01T03:00:00"),
        ("hexo", "2024-05-01 12:00:00", "2024-05-01T03:00:00"),
        ("none", "2024-05-01 12:00:00", "2024-05-01T03:00:00"),
    ],
)
def test_a_date_without_a_zone_is_read_as_the_generator_does(profile: str, date: str, utc: str) -> None:
    found = one("a.md", f"date: {date}", profile)
    assert found.instant == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_a_dated_name_is_in_the_generators_zone_too() -> None:
    assert one("2024-05-01-a.md", "x: y", "jekyll").instant == datetime(2024, 4, 30, 15, tzinfo=UTC)
    assert one("2024-05-01-a.md", "x: y", "eleventy").instant == datetime(2024, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("profile", "path", "front", "permalink"),
    [
        ("jekyll", "_posts/2024-05-01-a-b.md", "category: News", "/news/2024/05/01/a-b.html"),
        ("jekyll", "_posts/2024-05-01-a +%b.md", "x: y", "/2024/05/01/a-+-b.html"),
        ("hugo", "posts/2024-05-01-a.md", "x: y", "/posts/2024-05-01-a/"),
        ("hugo", "posts/trip/index.md", "slug: t\ndate: 2024-05-01", "/posts/t/"),
        ("hugo", "posts/a.de.md", "date: 2024-05-01", "/de/posts/a/"),
        ("eleventy", "posts/2024-05-01-a.md", "x: y", "/posts/2024-05-01-a/"),
        ("astro", "blog/a.mdx", "pubDate: 2024-05-01", "/blog/a/"),
        ("pelican", "news/x.md", "title: Hello World!\ndate: 2024-05-01", "/hello-world.html"),
        ("pelican", "x.md", "slug: s\ndate: 2024-05-01", "/s.html"),
        ("hexo", "a.md", "date: 2024-05-01 12:00:00", "/2024/05/01/a/"),
        ("docusaurus", "blog/2024-05-01-a.md", "x: y", "/blog/2024/05/01/a"),
        ("docusaurus", "2024-05-01-a/index.md", "slug: /x", "/blog/x"),
        ("docusaurus", "blog/2024/05-01-a b.md", "x: y", "/blog/2024/05/01/a%20b"),
        ("docusaurus", "blog/2024-5-1-trip/part.md", "x: y", "/blog/2024/5/1/trip/part"),
        ("docusaurus", "blog/news/2024-05-01-a.md", "x: y", "/blog/2024/05/01/news/a"),
        ("docusaurus", "blog/news/a.md", "date: 2024-05-01", "/blog/news/a"),
        ("docusaurus", "2024-05-01-a.md", "slug: v2/new", "/blog/v2/new"),
        ("docusaurus", "2024-05-01-a.md", "slug: x", "/blog/x"),
        ("zola", "blog/2024-05-01-a.md", "x: y", "/blog/a/"),
        ("zola", "a.md", "path: 2024/05/01/a", "/2024/05/01/a/"),
        ("none", "2024-05-01-a.md", "x: y", "/2024/05/01/a/"),
    ],
)
def test_a_post_is_where_the_generator_puts_it(profile: str, path: str, front: str, permalink: str) -> None:
    assert one(path, front, profile).permalink == permalink


def test_permalink_zone_and_defaults_come_from_jekylls_configuration(tmp_path: Path) -> None:
    config = """
timezone: Asia/Tokyo
permalink: /:categories/:year/:i_month/:title:output_ext
excerpt_separator: "<!--cut-->"
defaults:
  - scope: {path: ""}
    values: {author: House, layout: post}
  - scope: {path: _posts/de, type: posts}
    values: {author: Haus, lang: de}
  - scope: {path: "", type: pages}
    values: {title: No}
"""
    body = "---\ndate: 2024-05-01\n---\nOne\n\nTwo\n<!--cut-->\nThree\n"
    write(
        tmp_path,
        **{
            "_config.yml": config,
            "travel/_posts/2024-05-01-a.md": body,
            "_posts/de/2024-05-01-b.md": body,
        },
    )
    found = posts(tmp_path)
    first, second = found["travel/_posts/2024-05-01-a.md"], found["_posts/de/2024-05-01-b.md"]
    assert first.instant == datetime(2024, 4, 30, 15, tzinfo=UTC)
    assert first.permalink == "/travel/2024/5/a.html"
    assert (first.authors, first.title) == ((Person(name="House"),), "A")
    assert (second.authors, second.language) == ((Person(name="Haus"),), "de")
    assert first.lead == len("One\n\nTwo\n")


def test_pelicans_settings_are_read_and_never_run(tmp_path: Path) -> None:
    config = "import os\nos.abort()\nTIMEZONE = 'Asia/Tokyo'\nARTICLE_URL = '{date:%Y}/{date:%b}/{slug}/'\n"
    header = "Title: A Post\nDate: 2024-05-01 12:00\nTags: a b, c\nAuthors: Ann Lee; Bo\n\nBody\n"
    write(tmp_path, **{"pelicanconf.py": config, "content/x.md": header})
    (found,) = posts(tmp_path / "content").values()
    assert found.instant == datetime(2024, 5, 1, 3, tzinfo=UTC)
    assert found.permalink == "/2024/May/a-post/"
    assert (found.tags, [p.name for p in found.authors]) == (("a b", "c"), ["Ann Lee", "Bo"])


def test_settings_win_over_the_generators_configuration(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{"_config.yml": "timezone: Asia/Tokyo\npermalink: pretty\n", "_posts/2024-05-01-a.md": GOOD},
    )
    rules = source_rules(site_url="https://x.example/", timezone="UTC", permalink="/p/:slug/")
    (found,) = posts(tmp_path, rules).values()
    assert (found.permalink, found.instant) == ("/p/a/", datetime(2024, 5, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("_data/authors.yml", "jo:\n  name: Jo Doe\n  web: https://jo.example\n"),
        ("_data/authors.json", '{"jo": {"name": "Jo Doe", "url": "https://jo.example"}}'),
        ("authors.yml", "jo:\n  name: Jo Doe\n  url: https://jo.example\n"),
        ("data/authors/jo.toml", 'name = "Jo Doe"\nurl = "https://jo.example"\n'),
        ("content/authors/jo/_index.md", "---\ndisplay_name: Jo Doe\nurl: https://jo.example\n---\n"),
        ("content/authors/jo.md", "---\ntitle: Jo Doe\nhomepage: https://jo.example\n---\n"),
    ],
)
def test_an_author_named_by_a_key_is_looked_up_in_the_blogs_data(
    name: str, text: str, tmp_path: Path
) -> None:
    write(tmp_path, **{name: text, "blog/2024-05-01-a.md": "---\nauthors: [jo, Ann]\n---\nBody\n"})
    found = posts(tmp_path, source_rules(site_url="https://x.example/", include=("blog/*.md",)))
    assert found["blog/2024-05-01-a.md"].authors == (
        Person(name="Jo Doe", url="https://jo.example", key="jo"), Person(name="Ann"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("path", "front", "language"),
    [
        ("posts/index.de.md", "x: y", "de"),
        ("posts/a.pt-br.md", "x: y", "pt-BR"),
        ("de/posts/a.md", "x: y", "de"),
        ("posts/zh-cn/a.md", "x: y", "zh-CN"),
        ("i18n/fr/docusaurus-plugin-content-blog/a.md", "x: y", "fr"),
        ("de/posts/a.md", "lang: fr", "fr"),
        ("research/ml/a.md", "x: y", "en"),
        ("posts/it/a.md", "x: y", "en"),
        ("posts/socket.io.md", "x: y", "en"),
        ("posts/release-1.29.md", "x: y", "en"),
        ("a.md", "language: Chinese", "zh"),
    ],
)
def test_the_language_is_in_front_matter_file_name_or_folder(path: str, front: str, language: str) -> None:
    assert one(path, f"{front}\ndate: 2024-05-01", "none").language == language


def test_a_language_suffix_is_no_part_of_the_slug() -> None:
    assert one("posts/hallo.de.md", "date: 2024-05-01", "none").slug == "hallo"
    assert one("posts/hallo/index.de.md", "date: 2024-05-01", "none").slug == "hallo"


def test_defaults_of_the_settings_fill_what_a_post_does_not_say() -> None:
    rules = source_rules(
        site_url="https://x.example/", defaults=front_matter_defaults({"author": "House", "tags": ["a"]})
    )
    found = read_post("2024-05-01-a.md", b"---\ntags: b\n---\nBody\n", rules)
    assert isinstance(found, ParsedPost)
    assert (found.post.authors, found.post.tags) == ((Person(name="House"),), ("b",))


def test_rules_travel_to_another_process(tmp_path: Path) -> None:
    import pickle

    write(tmp_path, **{"_config.yml": "timezone: Asia/Tokyo\n", "_posts/2024-05-01-a.md": GOOD})
    rules = resolved(tmp_path)
    assert pickle.loads(pickle.dumps(rules)) == rules  # noqa: S301  # our own bytes


def test_hexo_needs_no_dated_names_and_keeps_pages_apart(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "_config.yml": "source_dir: source\npermalink: :year/:title/\n",
            "source/_posts/trips/hello world.md": "title: Hello\ndate: 2024-05-01 10:00:00\n---\nBody\n",
            "source/about/index.md": GOOD,
            "source/_drafts/x.md": GOOD,
        },
    )
    found = posts(tmp_path)
    assert {path: post.hidden for path, post in found.items()} == {
        "source/_drafts/x.md": "in _drafts",
        "source/_posts/trips/hello world.md": None,
        "source/about/index.md": "not in _posts",
    }
    assert found["source/_posts/trips/hello world.md"].permalink == "/2024/trips/hello%20world/"


def test_octopress_is_jekyll_with_a_source_folder(tmp_path: Path) -> None:
    config = "source: source\npermalink: /blog/:categories/:year/:month/:day/:title/\n"
    post = (
        '---\nlayout: post\ntitle: "A"\ndate: 2011-07-03 17:16\ncomments: true\ncategories: [x, y]\n---\nB\n'
    )
    write(tmp_path, **{"_config.yml": config, "source/_posts/2011-07-03-a.markdown": post})
    (found,) = posts(tmp_path, TOKYO).values()
    assert found.permalink == "/blog/x/y/2011/07/03/a/"
    assert found.instant == datetime(2011, 7, 3, 8, 16, tzinfo=UTC)


def test_pelicans_pages_are_no_posts(tmp_path: Path) -> None:
    header = "Title: A\nDate: 2024-05-01\n\nBody\n"
    write(tmp_path, **{"pelicanconf.py": "", "content/pages/about.md": header, "content/a.md": header})
    hidden = {path: post.hidden for path, post in posts(tmp_path / "content").items()}
    assert hidden == {"a.md": None, "pages/about.md": "in content/pages"}


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("2024/05-01-a.md", "a"),
        ("2024/05-01-a/index.md", "a"),
        ("2024-05-01-trip/part.md", "part"),
        ("2024-05-01/part.md", "part"),
    ],
)
def test_a_date_may_stand_in_the_folders_with_hyphens(path: str, slug: str) -> None:
    found = one(path, "x: y", "docusaurus")
    assert (found.instant, found.slug) == (datetime(2024, 5, 1, tzinfo=UTC), slug)


def test_docusaurus_leaves_partial_texts_alone() -> None:
    assert one("_part.mdx", "date: 2024-05-01", "docusaurus").hidden == "a name that begins with _"


@pytest.mark.parametrize("name", ["publishedAt", "published_date", "datePublished", "postDate", "createdAt"])
def test_a_date_goes_by_many_names(name: str) -> None:
    assert one("a.md", f"{name}: 2024-05-01", "astro").instant == datetime(2024, 5, 1, tzinfo=UTC)


def test_a_post_of_hugos_is_dated_by_its_last_change_where_nothing_else_dates_it() -> None:
    assert one("a.md", "lastmod: 2024-05-01", "hugo").instant == datetime(2024, 4, 30, 15, tzinfo=UTC)
    assert one("a.md", "modified: 2024-05-01\npublished: 2024-01-01", "hugo").instant == datetime(
        2023, 12, 31, 15, tzinfo=UTC
    )
    named = one("2024-02-02-a.md", "lastmod: 2024-05-01", "hugo")
    assert (named.instant, named.modified) == (
        datetime(2024, 2, 1, 15, tzinfo=UTC),
        datetime(2024, 4, 30, 15, tzinfo=UTC),
    )
    assert one("a.md", "lastmod: 2024-05-01", "jekyll").hidden == "no date"


def test_docusaurus_tags_are_shown_by_their_labels(tmp_path: Path) -> None:
    front = "title: A\ndate: 2024-05-01\ntags: [{label: 'One & all', permalink: /one}, hello-world, two]"
    write(
        tmp_path,
        **{
            "docusaurus.config.js": "",
            "blog/a.md": f"---\n{front}\n---\nBody\n",
            "blog/tags.yml": "hello-world: {label: Hello, permalink: /h}\ntwo: {}\nthree: [\n",
        },
    )
    assert posts(tmp_path)["blog/a.md"].tags == ("One & all", "hello-world", "two")  # the file is broken
    write(tmp_path, **{"blog/tags.yml": "hello-world: {label: Hello, permalink: /h}\ntwo: {}\n"})
    assert posts(tmp_path)["blog/a.md"].tags == ("One & all", "Hello", "Two")
    assert posts(tmp_path / "blog")["a.md"].tags == ("One & all", "Hello", "Two")


def test_docusaurus_authors_may_be_maps_among_keys(tmp_path: Path) -> None:
    front = "title: A\ndate: 2024-05-01\nauthors: [jo, {name: Al, url: 'https://al.example/', title: Editor}]"
    write(
        tmp_path,
        **{
            "docusaurus.config.js": "",
            "blog/a.md": f"---\n{front}\n---\nBody\n",
            "blog/authors.yml": "jo:\n  name: Jo\n  title: Author\n  page: true\n  socials: {x: jo}\n",
        },
    )
    people = posts(tmp_path)["blog/a.md"].authors
    assert people == (Person(name="Jo", key="jo"), Person(name="Al", url="https://al.example/"))
