"""A limit that grows, or a filter that changes, makes no old post new to readers of a feed."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from publisher.cli.publish import publish

FIRST = datetime(2026, 5, 1, 9, tzinfo=UTC)
TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
[[feeds]]
slug = "feed"
limit = {limit}
archive = {archive}
{where}
"""


class Blog:
    """A folder of posts that a clock publishes; each publish moves it on by an hour."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now = folder, FIRST
        (folder / "posts").mkdir(parents=True)
        self.settings(3)

    def settings(self, limit: int, where: str = "", *, archive: bool = False) -> None:
        text = TOML.format(limit=limit, where=where, archive=str(archive).lower())
        (self.folder / "publisher.toml").write_text(text, encoding="utf-8")

    def post(self, name: str, tag: str = "a") -> None:
        text = f"---\ntitle: {name}\ndate: {self.now:%FT%TZ}\ntags: [{tag}]\n---\nWords of {name}.\n"
        (self.folder / "posts" / f"{name}.md").write_text(text, encoding="utf-8")

    def publish(self, *more: str) -> str:
        self.now += timedelta(hours=1)
        args = [*more, "--site", str(self.folder), "--at", f"{self.now:%FT%TZ}"]
        done = CliRunner().invoke(publish, args)
        assert done.exit_code == 0, done.output + str(done.exception)
        return done.stderr

    def shown(self) -> Sequence[str]:
        """The titles in the feed, which all formats agree on."""
        public = self.folder / "public"
        items = json.loads((public / "feed.json").read_text())["items"]
        titles = [str(item["title"]) for item in items]
        rss = re.findall(r"<item>\s*<title>([^<]*)", (public / "feed.xml").read_text())
        assert rss == titles
        return titles

    def history(self, numbers: Sequence[int]) -> None:
        """Posts an hour apart, published together; those with odd numbers have the tag `a`."""
        for number in numbers:
            self.now += timedelta(hours=1)
            self.post(f"p{number}", "a" if number % 2 else "b")
        self.publish()


@pytest.fixture
def blog(tmp_path: Path) -> Blog:
    return Blog(tmp_path / "site")


@pytest.mark.parametrize("archive", [False, True])
def test_a_feed_whose_limit_grew_grows_as_posts_come(blog: Blog, archive: bool) -> None:
    blog.settings(3, archive=archive)
    blog.history(range(8))
    assert blog.shown() == ["p7", "p6", "p5"]
    blog.settings(5, archive=archive)
    blog.publish()
    assert blog.shown() == ["p7", "p6", "p5"], "nothing old is new"
    blog.history([8])
    assert blog.shown() == ["p8", "p7", "p6", "p5"]
    blog.history([9, 10])
    assert blog.shown() == ["p10", "p9", "p8", "p7", "p6"]
    blog.settings(4, archive=archive)
    blog.publish()
    assert blog.shown() == ["p10", "p9", "p8", "p7"]


def test_a_post_published_together_with_the_raise_is_shown_and_none_is_lost(blog: Blog) -> None:
    blog.history(range(8))
    blog.settings(5)
    blog.post("p8")
    blog.publish()
    assert blog.shown() == ["p8", "p7", "p6", "p5"]


def test_widen_takes_older_posts_in_and_says_so(blog: Blog) -> None:
    blog.history(range(8))
    blog.settings(5)
    assert "feed feed: takes in 2 older posts; feed readers will show that as new" in blog.publish(
        "--widen", "feed"
    )
    assert blog.shown() == ["p7", "p6", "p5", "p4", "p3"]
    assert "takes in" not in blog.publish("--widen", "feed")
    done = CliRunner().invoke(publish, ["--widen", "nope", "--site", str(blog.folder)])
    assert "no feed 'nope'" in str(done.exception)


@pytest.mark.parametrize("archive", [False, True])
def test_a_filter_that_is_widened_shows_only_what_comes_since(blog: Blog, archive: bool) -> None:
    only_a = 'where = {tag = ["a"]}'
    blog.settings(3, only_a, archive=archive)
    blog.history(range(8))
    assert blog.shown() == ["p7", "p5", "p3"]
    blog.settings(3, archive=archive)
    blog.publish()
    assert blog.shown() == ["p7", "p5", "p3"]
    blog.history([8])
    assert blog.shown() == ["p8", "p7", "p5"]
    blog.history([9, 10])
    assert blog.shown() == ["p10", "p9", "p8"]
    blog.settings(3, only_a, archive=archive)
    blog.publish()
    assert blog.shown() == ["p9"], "a narrower filter brings nothing old back either"


def test_an_upgrade_and_a_new_feed_show_what_their_settings_say(blog: Blog) -> None:
    blog.history(range(8))
    with (blog.folder / "publisher.toml").open("a") as file:
        file.write('[[feeds]]\nslug = "second"\nlimit = 5\n')
    blog.publish()
    items = json.loads((blog.folder / "public/second.json").read_text())["items"]
    assert len(items) == 5
