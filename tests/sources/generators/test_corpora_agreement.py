"""Six real blogs, file by file, against what a careful reader of their posts expects of each.

A title is compared twice: as its author wrote it, with entities and Markdown marks ("Interior&#39;s",
"`async fn`"), and as a reader would see it, for titles here are plain text (docs/decisions/0007).
"""

import csv
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from declared import source_rules
from lxml import etree
from paths import SHARED
from unpacking import unpack

from publisher.core.posts.post import BadPost, ParsedPost, Post, wait_reason
from publisher.sources import FolderSource, SourceRules
from publisher.sources.fields.titles_and_summaries import literal_line, plain_line

CORPORA = SHARED / "corpora"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
BLOGS = {  # where the posts are, the site's zone, the generator
    "18f-jekyll": ("_posts", "UTC", "jekyll"),
    "18f-eleventy": ("content/posts", "UTC", "eleventy"),
    "digitalgov": ("content", "UTC", "hugo"),
    "jekyll-docs": ("docs/_posts", "America/Los_Angeles", "jekyll"),
    "jekyll-tests": ("test/source", "UTC", "jekyll"),
    "rust-blog": ("content", "UTC", "zola"),
}
ATOM = "{http://www.w3.org/2005/Atom}"

pytestmark = pytest.mark.skipif(not CORPORA.is_dir(), reason="the real blogs are not beside the repository")


@pytest.fixture(scope="module")
def blogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blogs")
    unpack(CORPORA / "posts.tar.gz", folder)
    return folder


def expected(name: str) -> list[dict[str, str]]:
    with (CORPORA / "expected" / f"{name}.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def read(folder: Path, below: str, rules: SourceRules) -> dict[str, Post]:
    """Posts by path from the blog's root, wherever in it posts.dir is."""
    found: Iterator[ParsedPost | BadPost] = FolderSource(folder / below, rules).scan()
    return {f"{below}/{i.post.path}".lstrip("/"): i.post for i in found if isinstance(i, ParsedPost)}


def instant(post: Post) -> str:
    return f"{post.instant:%Y-%m-%dT%H:%M:%SZ}" if post.instant else ""


def titled(folder: Path, rules: SourceRules) -> Callable[[str], str]:
    """How a title is shown there: as it is written, or without tags and marks."""
    source = FolderSource(folder, rules)
    return (
        literal_line
        if source.resolve_rules([path for path, _ in source.listed()]).conventions.plain_titles
        else plain_line
    )


def written(post: Post) -> dict[str, str]:
    return {
        "slug": post.slug,
        "tags": "|".join(post.tags),
        "categories": "|".join(post.categories),
        "authors": "|".join(person.key or person.name for person in post.authors),
        "lang": post.language,
    }


@pytest.mark.parametrize(
    ("from_root", "profile"),
    [
        pytest.param(True, "auto", id="from the root-auto"),
        pytest.param(False, "named", id="from the posts-named"),
        pytest.param(True, "named", id="from the root-named", marks=pytest.mark.soak),
        pytest.param(False, "auto", id="from the posts-auto", marks=pytest.mark.soak),
    ],
)
@pytest.mark.parametrize("name", BLOGS)
def test_every_file_of_a_real_blog_is_read_as_expected(
    name: str, from_root: bool, profile: str, blogs: Path
) -> None:
    below, zone, generator = BLOGS[name]
    rules = source_rules(
        site_url="https://blog.example/",
        timezone=zone,
        profile=generator if profile == "named" else "auto",
    )
    posts = read(blogs / name, "" if from_root else below, rules)
    shown = titled(blogs / name / ("" if from_root else below), rules)
    wrong: list[tuple[str, ...]] = []
    compared = agreed = 0
    for row in expected(name):
        post = posts.get(row["file"])
        served = post is not None and wait_reason(post, NOW) is None
        if served != (row["served"] == "yes"):
            wrong.append((row["file"], "served", row["served"], row["why"]))
        if post is None or not served:
            continue
        for what, wanted, got in (
            ("instant", row["instant_utc"], instant(post)),
            ("title", shown(row["title"]), post.title),
        ):
            if wanted != got:
                wrong.append((row["file"], what, wanted, got))
        for what, got in written(post).items():
            if row[what]:
                compared += 1
                agreed += row[what] == got
    assert wrong == []
    assert agreed >= 0.99 * compared


@pytest.mark.parametrize("name", BLOGS)
def test_titles_as_written_are_those_expected_to_the_letter(name: str, blogs: Path) -> None:
    rules = source_rules(site_url="https://blog.example/", timezone=BLOGS[name][1])
    items = FolderSource(blogs / name, rules).scan()
    titles = {i.post.path: i.title or i.post.title for i in items if isinstance(i, ParsedPost)}
    wanted = {row["file"]: row["title"] for row in expected(name) if row["served"] == "yes"}
    assert {file: titles[file] for file in wanted} == wanted


def test_the_same_blog_made_for_two_generators_reads_the_same(blogs: Path) -> None:
    rules = source_rules(site_url="https://blog.example/", timezone="UTC")
    jekyll = read(blogs / "18f-jekyll", "_posts", rules)
    eleventy = read(blogs / "18f-eleventy", "content/posts", rules)
    old = {Path(path).name: post for path, post in jekyll.items() if wait_reason(post, NOW) is None}
    new = {Path(path).name: post for path, post in eleventy.items()}
    both = old.keys() & new.keys()
    assert len(both) >= 490
    rows = {
        name: {Path(row["file"]).name: row for row in expected(name)}
        for name in ("18f-jekyll", "18f-eleventy")
    }
    for name in both:
        mine = [(p.title, instant(p), p.tags) for p in (old[name], new[name])]
        theirs = [
            (row["title"], row["instant_utc"], tuple(filter(None, row["tags"].split("|"))))
            for row in (rows["18f-jekyll"][name], rows["18f-eleventy"][name])
        ]
        if theirs[0] == theirs[1] and "<" not in theirs[0][0]:  # Eleventy shows a title as it is written
            assert mine[0] == mine[1]


@pytest.mark.parametrize("below", ["", "docs/_posts"])
def test_jekylls_own_blog_has_the_titles_links_and_instants_of_its_own_feed(below: str, blogs: Path) -> None:
    """With nothing set but the site's URL: zone and permalinks are in its _config.yml."""
    feed = etree.parse(CORPORA / "jekyll.feed.xml").getroot()
    wanted = {
        (
            entry.findtext(f"{ATOM}title"),
            entry.find(f"{ATOM}link").get("href"),  # type: ignore[union-attr]  # each entry has one
            datetime.fromisoformat(entry.findtext(f"{ATOM}published") or "").astimezone(UTC),
        )
        for entry in feed.iter(f"{ATOM}entry")
    }
    posts = read(blogs / "jekyll-docs", below, source_rules(site_url="https://jekyllrb.com/"))
    newest = sorted(
        (p for p in posts.values() if wait_reason(p, NOW) is None),
        key=lambda p: (p.instant, p.path),
        reverse=True,
    )
    assert {(p.title, p.url, p.instant) for p in newest[: len(wanted)]} == wanted
    assert len(wanted) == 10
