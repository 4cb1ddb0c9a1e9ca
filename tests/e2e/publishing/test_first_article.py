"""One article, from its file to the feeds and to a reader's digest, at the minute its time comes."""

import calendar
from typing import Any

import feedparser
import pytest
from paths import SHARED

ARTICLE = """---
layout: post
code: "ART2410171545LFBZFV"
origin_url: "https://www.phnompenhpost.com/opinion/a-river-that-turns-round"
image: "https://images.example/river"
title: "A river that turns round: the Tonle Sap's year"
description: "A river that turns round: the Tonle Sap's year"
category: "OPINION"
language: "en"
date: 2024-10-25T08:38:59.880Z
---

# A river that turns round: the Tonle Sap's year

![](https://images.example/boats)

Every November the water festival marks the day on which the Tonle Sap turns, and
“the lake gives back what the river lent”.

**What the fishermen say**

 First, the water must come. Second, it must go.
"""

SEED = SHARED / "seed"


def articles() -> list[Any]:
    seeds = sorted(SEED.glob("*.md")) if SEED.is_dir() else []
    reason = "no folder of seed articles beside the repository"
    found = [pytest.param(file.read_text(encoding="utf-8"), id=file.stem) for file in seeds]
    return [
        pytest.param(ARTICLE, id="own"),
        *(found or [pytest.param("", id="seed", marks=pytest.mark.skip(reason=reason))]),
    ]


def field(article: str, name: str) -> str:
    """A quoted front matter value."""
    line = next(line for line in article.splitlines() if line.startswith(f"{name}:"))
    return line.partition(":")[2].strip().strip('"')


@pytest.fixture
def site(site: Any) -> Any:
    """Its commands are all that a person's are: each starts a Python of its own."""
    site.fresh = True
    return site


@pytest.mark.parametrize("article", articles())
def test_an_article_is_published_when_its_time_comes_and_mailed_once(
    site: Any, mail_part: Any, article: str
) -> None:
    site.publish("2024-10-20T03:00:00Z")
    site.reader("reader@example.org", "2024-10-20T04:00:00Z")
    site.post("2024-10-25-article.md", article)

    site.publish("2024-10-25T08:00:00Z")
    assert site.feed()["items"] == []
    assert site.mails() == []

    site.publish("2024-10-25T09:00:00Z")
    check_feeds(site, article)
    [mail] = site.mails()
    check_digest(site, mail, mail_part, article)

    before = site.documents()
    times = {file: file.stat().st_mtime_ns for file in site.public.rglob("*")}
    site.publish("2024-10-25T09:05:00Z")
    site.publish("2024-10-26T09:00:00Z")
    assert site.documents() == before
    assert {file: file.stat().st_mtime_ns for file in site.public.rglob("*")} == times
    assert len(site.mails()) == 1


def check_feeds(site: Any, article: str) -> None:
    title = field(article, "title")
    [item] = site.feed()["items"]
    assert item["id"] == "tag:harbour.example,2024:ART2410171545LFBZFV"
    assert item["url"] == field(article, "origin_url")
    assert item["image"] == field(article, "image")
    assert item["tags"] == ["OPINION"]
    assert item["date_published"].startswith("2024-10-25T08:38:59.88")
    assert item["title"] == title
    assert title not in item["content_html"]
    for name in ("feed.atom", "feed.xml"):
        feed = read_back(site.read(name))
        [entry] = feed.entries
        assert entry.id == item["id"]
        assert entry.link == item["url"]
        assert entry.title == title
        assert calendar.timegm(entry.published_parsed) == 1729845539
        assert [tag.term for tag in entry.tags] == ["OPINION"]
        assert entry.media_content[0]["url"] == item["image"]
        assert entry.content[0].value == item["content_html"]
        assert (entry.content[0].language or feed.feed.language) == "en"


def read_back(data: bytes) -> Any:
    """As feedparser reads it, with the content as it was written."""
    return feedparser.parse(data, sanitize_html=False, resolve_relative_uris=False)


def check_digest(site: Any, mail: Any, mail_part: Any, article: str) -> None:
    title = field(article, "title")
    html, text = mail_part(mail, "html"), mail_part(mail, "plain")
    assert mail["To"] == "reader@example.org"
    assert mail["From"] == "The Harbour <news@harbour.example>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Unsubscribe"].startswith("<https://harbour.example/unsubscribe/")
    token = mail["List-Unsubscribe"].rpartition("/")[2].rstrip(">")
    assert f"https://harbour.example/unsubscribe/{token}" in html
    assert f"https://harbour.example/unsubscribe/{token}" in text
    assert mail["List-Id"].endswith("<daily.harbour.example>")
    assert html.startswith("<!DOCTYPE html>")
    assert ' style="' in html
    assert title.partition(":")[0] in html
    assert field(article, "origin_url") in html
    assert field(article, "origin_url") in text
    assert "**" not in text
    assert max(len(line) for line in text.splitlines() if "http" not in line) <= 78
    assert mail["Message-ID"].rstrip(">").endswith("@harbour.example")


def test_a_command_leaves_the_store_in_one_file(site: Any) -> None:
    site.post("2024-10-25-article.md", ARTICLE)
    site.publish("2024-11-01T03:00:00Z")
    files = (site.folder / ".publisher").glob("publisher.db*")
    assert [file.name for file in files] == ["publisher.db"]
