"""Feeds that leave publisher.toml: never frozen without a word, written on until an operator decides."""

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest

FIRST = "---\ntitle: First\ndate: 2024-10-01\n---\nFirst.\n"
LATER = "---\ntitle: Later\ndate: 2024-10-21T01:00:00Z\n---\nLater.\n"
DAY = tuple(f"2024-10-2{n}T03:00:00Z" for n in range(6))


@pytest.fixture
def published(site: Any) -> Any:
    site.toml = (site.folder / "publisher.toml").read_text()
    site.post("first.md", FIRST)
    site.publish(DAY[0])
    return site


def feeds(site: Any, *tables: str) -> None:
    site.settings(site.toml + "".join(f"\n[[feeds]]\n{table}\n" for table in tables))


def told(site: Any, at: str) -> list[str]:
    """What `plan` says of publisher.toml; `check` and `publish` say the same."""
    found = [one["reason"] for one in site.json("plan", "--at", at)["warnings"]]
    checked = [
        one["reason"] for one in site.json("check", code=1 if found else 0)["findings"] if one["error"]
    ]
    assert checked == found
    said = site.publish(at)
    assert all(reason in said for reason in found)
    return found


def titles(site: Any, path: str) -> list[str]:
    return [item["title"] for item in json.loads(site.read(path))["items"]]


def test_a_first_feed_in_the_settings_leaves_the_default_one_where_it_was(published: Any) -> None:
    feeds(published, 'slug = "news"')
    [reason] = told(published, DAY[1])
    assert reason.startswith(
        "feed.atom, feed.xml, feed.json: no feed in publisher.toml has this address any more"
    )
    assert "`publisher feeds move feed NEW` or `publisher feeds end feed`" in reason
    published.post("later.md", LATER)
    assert told(published, DAY[2]) == [reason], "until somebody decides"
    assert titles(published, "feed.json") == titles(published, "news.json") == ["Later", "First"]
    assert b"feed.atom" not in published.read("index.html"), "nobody new is told of it"
    assert [one["text"] for one in published.json("status")["problems"] if one["area"] == "feeds"] == [reason]
    feeds(published, 'slug = "news"', 'slug = "feed"')
    assert told(published, DAY[3]) == []


@pytest.mark.parametrize(("verb", "target"), [(("move", "feed", "news"), "news.json"), (("end", "feed"), "")])
def test_a_feed_without_settings_is_over_once_it_is_moved_or_ended(
    published: Any, verb: tuple[str, ...], target: str
) -> None:
    feeds(published, 'slug = "news"')
    told(published, DAY[1])
    published.run("feeds", *verb, "--at", DAY[2])
    assert told(published, DAY[2]) == []
    assert {path for path in published.documents() if path.startswith("feed.")} == set(), "nor its page"
    moves = {one["path"]: one["target"] for one in published.json("feeds", "list")["moves"]}
    assert {*moves} == {"feed.atom", "feed.xml", "feed.json"}
    assert moves["feed.json"] == target


def test_a_format_that_moves_by_paths_is_kept_at_its_old_address_too(published: Any) -> None:
    feeds(published, 'slug = "feed"\npaths = {rss = "rss.xml"}')
    [reason] = told(published, DAY[1])
    assert reason.startswith("feed.xml: ")
    assert "`publisher feeds move feed.xml NEW`" in reason
    published.post("later.md", LATER)
    told(published, DAY[2])
    assert b"Later" in published.read("feed.xml")
    assert b"Later" in published.read("rss.xml")
    published.run("feeds", "move", "feed.xml", "rss.xml", "--at", DAY[3])
    assert told(published, DAY[3]) == []
    assert "feed.xml" not in published.documents()
    assert titles(published, "feed.json") == ["Later", "First"], "the other formats stand where they stood"


def test_a_split_feed_and_a_filtered_one_are_kept_as_they_were(published: Any) -> None:
    published.post("first.md", FIRST.replace("---\nF", "tags: [sea]\n---\nF"))
    feeds(
        published, 'slug = "feed"', 'slug = "tags"\nsplit_by = "tag"', 'slug = "sea"\nwhere = {tag = "sea"}'
    )
    assert told(published, DAY[1]) == []
    feeds(published, 'slug = "feed"')
    assert [reason.partition(":")[0] for reason in told(published, DAY[2])] == [
        "tags/sea.atom, tags/sea.xml, tags/sea.json",
        "sea.atom, sea.xml, sea.json",
    ]
    published.post("later.md", LATER)
    published.post("wet.md", LATER.replace("Later", "Wet").replace("---\nW", "tags: [sea]\n---\nW"))
    told(published, DAY[3])
    assert titles(published, "sea.json") == titles(published, "tags/sea.json") == ["Wet", "First"]
    for slug in ("sea", "tags"):
        published.run("feeds", "end", slug, "--at", DAY[4])
    assert told(published, DAY[4]) == []
    assert not [path for path in published.documents() if path.startswith(("sea", "tags/"))]


def test_what_an_older_version_left_behind_is_named_and_never_revived(published: Any) -> None:
    feeds(published, 'slug = "news"')
    store = published.folder / ".publisher/publisher.db"
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("DELETE FROM facts WHERE name = 'feeds'")  # as an older version leaves it
    before = published.read("feed.json")
    published.post("later.md", LATER)
    for at in DAY[1:3]:
        warnings = [one["reason"] for one in published.json("plan", "--at", at)["warnings"]]
        assert [one.partition(":")[0] for one in warnings] == ["feed.atom", "feed.json", "feed.xml"]
        assert all("its followers get nothing new" in one for one in warnings)
        published.publish(at)
    assert published.read("feed.json") == before
    published.run("feeds", "end", "feed.json", "--at", DAY[3])
    assert len(published.json("plan", "--at", DAY[3])["warnings"]) == 2
