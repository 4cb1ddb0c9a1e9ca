"""Feeds of some posts: by a filter, and one for each category, tag, author or language."""

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from blogs import REL, Blog
from lxml import etree

BY_TAG = '[[feeds]]\n[[feeds]]\nslug = "tags"\ntitle = "Tags"\nsplit_by = "tag"\nlimit = 2\n'


@pytest.fixture
def blog(tmp_path: Path) -> Blog:
    return Blog(tmp_path, BY_TAG)


def feeds(blog: Blog, suffix: str = "atom") -> dict[str, list[str]]:
    files = sorted((blog.public / "tags").glob(f"*.{suffix}"))
    return {file.stem: blog.titles(f"tags/{file.name}") for file in files}


def test_each_value_has_its_feed_however_it_is_written(blog: Blog) -> None:
    blog.post("one", tags=["Open Source", "日本語"])
    blog.post("two", tags=["open-source", "C++"])
    blog.post("three", tags=["C"], date="2026-09-02")
    blog.publish()
    assert (
        feeds(blog)
        == feeds(blog, "xml")
        == {
            "c": ["Three"],
            "c~cedb1bac7e": ["Two"],
            "open-source": ["Two", "One"],
            "日本語": ["One"],
        }
    )
    assert blog.xml("tags/open-source.atom").findtext("a:title", namespaces=REL) == "Tags: Open Source"
    assert not (blog.public / "tags.atom").exists()


@pytest.mark.parametrize(
    ("split_by", "names"),
    [
        ("category", {"news"}),
        ("author", {"ann-author", "bo"}),
        ("language", {"en", "pt-br"}),
    ],
)
def test_a_feed_is_split_by_any_of_the_four(tmp_path: Path, split_by: str, names: set[str]) -> None:
    blog = Blog(tmp_path, f'[[feeds]]\nslug = "by"\nsplit_by = "{split_by}"\n')
    blog.post("one", categories=["News"], author="Ann Author")
    blog.post("two", author="Bo", lang="pt-BR")
    blog.publish()
    assert {file.stem for file in (blog.public / "by").glob("*.json")} == names


def test_a_part_whose_posts_are_gone_is_an_empty_feed_and_stays_at_its_address(blog: Blog) -> None:
    blog.post("one", tags=["sea"])
    blog.post("two", tags=["land"])
    blog.publish()
    id = blog.xml("tags/sea.atom").findtext("a:id", namespaces=REL)
    blog.post("one", tags=["land"])
    blog.publish()
    assert feeds(blog) == {"land": ["Two", "One"], "sea": []}
    assert blog.xml("tags/sea.atom").findtext("a:id", namespaces=REL) == id
    blog.hide("one")
    blog.hide("two")
    blog.publish()
    assert feeds(blog) == {"land": [], "sea": []}
    graves = blog.xml("tags/land.atom").findall("at:deleted-entry", REL)
    assert {grave.get("ref")[-5:] for grave in graves} == {"/one/", "/two/"}


def test_only_feeds_whose_posts_changed_are_written(blog: Blog) -> None:
    blog.post("one", tags=["sea"])
    blog.post("two", tags=["land"])
    blog.publish()
    blog.post("three", tags=["sea"], date="2026-09-03")
    written = blog.publish()
    assert {path for path in written if path.startswith("tags/")} == {
        "tags/sea.atom",
        "tags/sea.html",
        "tags/sea.json",
        "tags/sea.xml",
    }
    assert blog.publish() == ()


def test_the_newest_of_a_part_are_its_newest_and_the_rest_is_in_its_archive(blog: Blog) -> None:
    blog.posts(1, 4, tags=["sea"])
    blog.posts(5, 9, tags=["land"])
    blog.publish()
    assert blog.titles("tags/sea.atom") == ["P004", "P003"]
    assert blog.link("tags/sea.atom", "prev-archive") == "archive/tags/sea/1.atom"
    assert blog.titles("archive/tags/sea/1.atom") == ["P002", "P001"]


def test_a_post_that_gets_a_tag_later_is_in_the_history_of_that_tag(blog: Blog) -> None:
    blog.posts(1, 9, tags=["sea"])
    blog.post("p000", tags=["land"], date="2026-08-01", title="P000")
    blog.publish()
    blog.post("p000", tags=["land", "sea"], date="2026-08-01", title="P000")
    blog.publish()
    found = [title for path in blog.chain("tags/sea.atom") for title in blog.titles(path)]
    assert "P000" in found


@pytest.mark.parametrize(
    ("where", "meant"),
    [
        ('{tag = "sea"}', ["Three", "One"]),
        ('{tag = ["sea", "LAND"]}', ["Three", "Two", "One"]),
        ('{tag = "sea", author = "ann"}', ["One"]),
        ('{language = "pt"}', ["Three"]),
        ('{category = "none"}', []),
    ],
)
def test_a_filter_means_posts_that_bear_a_value_of_each_kind(
    tmp_path: Path, where: str, meant: list[str]
) -> None:
    blog = Blog(tmp_path, f'[[feeds]]\nslug = "some"\nwhere = {where}\n')
    blog.post("one", tags=["Sea"], author="Ann", date="2026-09-01")
    blog.post("two", tags=["land"], author="Ann", date="2026-09-02")
    blog.post("three", tags=["sea"], author="Bo", lang="pt-BR", date="2026-09-03")
    blog.publish()
    for suffix in ("atom", "xml"):
        assert blog.titles(f"some.{suffix}") == meant
    assert [item["title"] for item in blog.json("some.json")["items"]] == meant


def test_a_split_feed_may_have_a_filter_too(tmp_path: Path) -> None:
    blog = Blog(
        tmp_path, '[[feeds]]\nslug = "tags"\nsplit_by = "tag"\nwhere = {tag = "sea", language = "en"}\n'
    )
    blog.post("one", tags=["sea", "tides"])
    blog.post("two", tags=["land"])
    blog.post("three", tags=["sea", "harbour"], lang="fr")
    blog.publish()
    assert feeds(blog) == {"sea": ["One"], "tides": ["One"]}


def test_another_filter_makes_the_archives_anew(tmp_path: Path) -> None:
    settings = '[[feeds]]\nlimit = 1\nwhere = {{tag = "{}"}}\n'
    blog = Blog(tmp_path, settings.format("sea"))
    blog.posts(1, 3, tags=["sea"])
    blog.posts(4, 6, tags=["land"])
    blog.publish()
    blog.settings(settings.format("land"))
    blog.publish()
    assert blog.titles("feed.atom") + blog.titles("archive/feed/2.atom") == ["P006", "P005"]


def test_documents_stand_where_paths_says_and_say_so(tmp_path: Path) -> None:
    paths = '{rss = "tags/:value/index.xml"}'
    blog = Blog(
        tmp_path,
        '[[feeds]]\nformats = ["atom", "rss"]\npaths = {atom = "feed.xml", rss = "rss/feed.rss"}\n'
        f'[[feeds]]\nslug = "tags"\nsplit_by = "tag"\nformats = ["rss"]\npaths = {paths}\n',
    )
    blog.post("one", tags=["日本"])
    blog.publish()
    assert blog.link("feed.xml", "self") == "feed.xml"
    assert blog.link("rss/feed.rss", "self") == "rss/feed.rss"
    assert unquote(blog.link("tags/日本/index.xml", "self") or "") == "tags/日本/index.xml"


def test_opml_names_every_feed_and_the_page_of_each_is_there(blog: Blog) -> None:
    blog.post("one", tags=["a & b", "日本"], title="Fish & chips")
    blog.publish()
    opml: Any = etree.fromstring(blog.bytes("feeds.opml"))
    lines = opml.findall(".//outline[@xmlUrl]")
    assert [line.get("text") for line in lines] == ["The Harbour", "Tags: a & b", "Tags: 日本"]
    for line in lines:
        for url in (line.get("xmlUrl"), line.get("htmlUrl")):
            assert (blog.public / unquote(url).removeprefix("https://harbour.example/")).is_file()
    page = blog.bytes("tags/日本.html").decode()
    assert "Fish &amp; chips" in page
    assert '<link rel="alternate" type="application/atom+xml" title="Tags: 日本 (Atom)"' in page
    assert "&lt;link rel=" in page
    assert "日本" in blog.bytes("tags/index.html").decode()


def test_the_start_page_leads_to_the_feeds_and_their_list(blog: Blog) -> None:
    blog.post("one", tags=["sea"])
    blog.publish()
    page = blog.bytes("index.html").decode()
    assert '<link rel="outline" type="text/x-opml"' in page
    assert 'href="/feed.html"' in page
    assert 'href="/tags/"' in page
    assert page.count('rel="alternate"') == 3
