"""Every post of real blogs goes through publish, and all three formats read back."""

import json
from pathlib import Path
from typing import Any

import feedparser
import jsonschema
import pytest
from lxml import etree
from paths import SHARED
from unpacking import unpack

from publisher.core.feeds.feed import MAX_DOCUMENT_BYTES

CORPORA = SHARED / "corpora" / "posts.tar.gz"

BLOGS = {
    "18f-jekyll": ("_posts", "UTC"),
    "18f-eleventy": ("content/posts", "UTC"),
    "digitalgov": ("content", "UTC"),
    "jekyll-docs": ("docs/_posts", "America/Los_Angeles"),
    "jekyll-tests": ("test/source", "UTC"),
    "rust-blog": ("content", "UTC"),
}

SCHEMAS = CORPORA.parents[1] / "schema"
if SCHEMAS.exists():
    GRAMMAR = etree.RelaxNG(etree.parse(SCHEMAS / "atom.rng"))
    SCHEMA = json.loads((SCHEMAS / "jsonfeed-1.1.json").read_bytes())

pytestmark = pytest.mark.skipif(not CORPORA.exists(), reason="no corpora of real posts beside the repository")


@pytest.fixture(scope="module")
def blogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blogs")
    unpack(CORPORA, folder)
    return folder


LARGE = "digitalgov"
"""It has more posts than all others together."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.soak] if name == LARGE else []) for name in BLOGS]
)
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
[[feeds]]
slug = "years"
split_by = "category"
limit = 5
"""
    )
    done = site.run("publish", "--at", "2026-11-23T00:00:00Z", code=None)
    assert done.returncode in (0, 1)
    assert "unexpected" not in done.stderr
    entries = json.loads(site.read("all.json"))["items"]
    assert len(entries) >= 40
    for suffix in ("atom", "xml"):
        check_alike(feedparser.parse(site.read(f"feed.{suffix}")), json.loads(site.read("feed.json")))
    check_valid(site.public)
    assert {item["id"] for item in history(site.public)} >= {entry["id"] for entry in entries}
    again = site.run("publish", "--at", "2026-11-23T01:00:00Z", code=done.returncode)
    assert "nothing new" in again.stderr


def check_valid(public: Path) -> None:
    """Each document in its bounds and, by what judges its format, without fault."""
    for path in sorted(public.rglob("*")):
        if path.suffix not in {".atom", ".xml", ".json"} or path.name == "manifest.json":
            continue
        data = path.read_bytes()
        assert len(data) <= MAX_DOCUMENT_BYTES, path
        if path.suffix == ".json":
            if path.parts[-3] == "archive" and path.stem != "1":  # all alike; the schema takes its time
                continue
            jsonschema.validate(json.loads(data), SCHEMA)
        else:
            root = etree.fromstring(data)
            assert path.suffix == ".xml" or GRAMMAR.validate(root), (path, GRAMMAR.error_log)


def history(public: Path) -> list[Any]:
    """All items of the feed, by next_url."""
    page = json.loads((public / "feed.json").read_bytes())
    items = list(page["items"])
    while "next_url" in page:
        page = json.loads((public / page["next_url"].removeprefix("https://blog.example/")).read_bytes())
        items += page["items"]
    return items


def check_alike(parsed: Any, document: Any) -> None:
    """One feed read back from XML and from JSON: the same entries, in the same order."""
    assert not parsed.bozo, parsed.get("bozo_exception")
    items = document["items"]
    assert [entry.id for entry in parsed.entries] == [item["id"] for item in items]
    assert [entry.link for entry in parsed.entries] == [item["url"] for item in items]
    titles = [" ".join(item.get("title", "").split()) for item in items]
    assert [" ".join(entry.title.split()) for entry in parsed.entries] == titles
