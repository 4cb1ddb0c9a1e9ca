"""Every post of real blogs goes through publish, and all three formats read back."""

import json
import tarfile
from pathlib import Path
from typing import Any

import feedparser
import pytest

CORPORA = Path(__file__).parents[3] / "shared" / "corpora" / "posts.tar.gz"

BLOGS = {
    "18f-jekyll": ("_posts", "UTC"),
    "18f-eleventy": ("content/posts", "UTC"),
    "digitalgov": ("content", "UTC"),
    "jekyll-docs": ("docs/_posts", "America/Los_Angeles"),
    "jekyll-tests": ("test/source", "UTC"),
    "rust-blog": ("content", "UTC"),
}

pytestmark = pytest.mark.skipif(not CORPORA.exists(), reason="no corpora of real posts beside the repository")


@pytest.fixture(scope="module")
def blogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blogs")
    with tarfile.open(CORPORA) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("name", BLOGS)
def test_every_post_of(name: str, blogs: Path, site: Any) -> None:
    where, zone = BLOGS[name]
    site.settings(
        f"""
[site]
title = "{name}"
url = "https://blog.example/"
timezone = "{zone}"
id_authority = "blog.example,2024"
[posts]
dir = "{blogs / name / where}"
[[feeds]]
slug = "feed"
limit = 100
[[feeds]]
slug = "all"
limit = 10000
"""
    )
    done = site.run("publish", "--at", "2026-11-23T00:00:00Z", code=None)
    assert done.returncode in (0, 1)
    assert "unexpected" not in done.stderr
    entries = json.loads(site.read("all.json"))["items"]
    assert len(entries) >= 40
    for suffix in ("atom", "xml"):
        check_alike(feedparser.parse(site.read(f"feed.{suffix}")), json.loads(site.read("feed.json")))
    again = site.run("publish", "--at", "2026-11-23T01:00:00Z", code=done.returncode)
    assert "nothing new" in again.stderr


def check_alike(parsed: Any, document: Any) -> None:
    """One feed read back from XML and from JSON: the same entries, in the same order."""
    assert not parsed.bozo, parsed.get("bozo_exception")
    items = document["items"]
    assert [entry.id for entry in parsed.entries] == [item["id"] for item in items]
    assert [entry.link for entry in parsed.entries] == [item["url"] for item in items]
    titles = [" ".join(item.get("title", "").split()) for item in items]
    assert [" ".join(entry.title.split()) for entry in parsed.entries] == titles
