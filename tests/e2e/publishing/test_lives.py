"""The two lives: of a post and of a subscriber, through the command line, the server and the outbox."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import postgres
import pytest

POST = """---
title: {title}
date: {date}
---

{body}
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, site: Any) -> Iterator[Any]:
    """A site with each store."""
    with ExitStack() as stack:
        if request.param == "postgresql":
            url = stack.enter_context(postgres.database())
            text = (site.folder / "publisher.toml").read_text()
            site.settings(f'[store]\nurl = "{url}"\n{text}')
        yield site


def write(site: Any, name: str, title: str, date: str, body: str = "Words.") -> Any:
    return site.post(name, POST.format(title=title, date=date, body=body))


def test_the_life_of_a_post(site: Any) -> None:
    write(site, "old.md", "An old one", "2024-01-05")
    site.publish("2024-10-20T03:00:00Z")
    site.reader("ann@example.org", "2024-10-20T10:00:00Z")
    assert [item["title"] for item in site.feed()["items"]] == ["An old one"]

    # New: in the feed at once, in the digest at 16:00 in Phnom Penh.
    file = write(site, "low-tide.md", "Low tide", "2024-10-21T01:00:00Z")
    site.publish("2024-10-21T01:30:00Z")
    assert [item["title"] for item in site.feed()["items"]] == ["Low tide", "An old one"]
    assert site.mails() == []
    site.publish("2024-10-21T09:00:00Z")
    assert [mail["To"] for mail in site.mails()] == ["ann@example.org"]

    # Edited: an update under the same id, and nobody is mailed.
    id = site.feed()["items"][0]["id"]
    write(site, "low-tide.md", "Low tide", "2024-10-21T01:00:00Z", "Better words.")
    site.publish("2024-10-22T09:00:00Z")
    [new, _] = site.feed()["items"]
    assert new["id"] == id
    assert "Better words." in new["content_html"]
    assert new["date_modified"] > new["date_published"]

    # Moved, renamed, re-dated in its permalink: the same post.
    file.rename(site.posts / "ebb.md")
    said = site.publish("2024-10-23T09:00:00Z")
    assert "recognized 1 renamed post" in said
    assert site.feed()["items"][0]["id"] == id

    # Broken: the last good version stays, and the file is named.
    (site.posts / "ebb.md").write_text("---\ntitle: [Low\n---\nGone?\n", encoding="utf-8")
    said = site.publish("2024-10-24T09:00:00Z", code=1)
    assert re.search(r"ebb\.md:\d+: ", said)
    assert "Better words." in site.feed()["items"][0]["content_html"]

    # Deleted: gone after two scans and ten minutes, not before.
    (site.posts / "ebb.md").unlink()
    site.publish("2024-10-25T09:00:00Z")
    assert len(site.feed()["items"]) == 2
    site.publish("2024-10-25T09:11:00Z")
    assert [item["title"] for item in site.feed()["items"]] == ["An old one"]

    assert len(site.mails()) == 1


def test_the_life_of_a_subscriber(site: Any, running: Any, mail_part: Any, wait_for: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + 'public_url = "http://readers.example/"\n')
    write(site, "first.md", "First", "2024-01-05")
    server = running()
    wait_for(lambda: (site.public / "feed.atom").exists())

    # Signs up, and is asked.
    form = server.http.get("/subscribe/daily").text
    token = re.search(r'name="token" value="([^"]+)"', form)
    assert token is not None
    wait_for(lambda: server.http.post("/subscribe/daily", data=fields(form, "bo@example.org")).is_success)
    wait_for(lambda: len(site.mails()) == 1)
    [ask] = site.mails()
    assert ask["To"] == "bo@example.org"
    assert ask["List-Unsubscribe"] is None
    link = re.search(r"http://readers\.example(/confirm/\S+)", mail_part(ask, "plain"))
    assert link is not None

    # Looking is not confirming.
    assert server.http.get(link[1]).status_code == 200
    assert site.json("subscribers", "list")[0]["state"] == "pending"
    assert server.http.post(link[1]).is_success
    assert site.json("subscribers", "list")[0]["state"] == "active"
    assert server.stop() == 0

    # Gets what is published from here on, once.
    write(site, "second.md", "Second", "2026-01-05")
    site.run("publish", "--at", "2100-01-01T00:00:00Z", "--no-mail", code=0)
    write(site, "third.md", "Third", "2099-12-31")
    site.run("publish", "--at", "2100-01-01T09:00:00Z")
    [digest] = site.mails()[1:]
    assert digest["To"] == "bo@example.org"
    assert "Third" in mail_part(digest, "plain")
    assert "First" not in mail_part(digest, "plain")

    # Leaves with one click, and gets nothing more.
    click = re.search(r"<http://readers\.example(/unsubscribe/\S+)>", digest["List-Unsubscribe"])
    assert click is not None
    server = running("--web-only")
    assert server.http.get(click[1]).status_code == 200
    assert site.json("subscribers", "list")[0]["state"] == "active"
    answer = server.http.post(click[1], data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert site.json("subscribers", "list")[0]["state"] == "unsubscribed"
    assert server.stop() == 0
    write(site, "fourth.md", "Fourth", "2100-01-02")
    site.run("publish", "--at", "2100-01-02T09:00:00Z")
    assert len(site.mails()) == 2

    # An operator cannot bring the reader back; only the reader can.
    back = site.run("subscribers", "add", "bo@example.org", "--list", "daily", "--confirmed", code=1)
    assert "has left daily; only the reader can come back" in back.stderr


def fields(form: str, address: str) -> dict[str, str]:
    """What a browser would send: every hidden and empty field of the form, and the address."""
    found = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form))
    return {"list": "daily"} | found | {"address": address}


def test_both_stores_give_the_same_documents_and_mails_byte_for_byte(tmp_path: Path, new_site: Any) -> None:
    with postgres.database() as url:
        one, other = new_site(tmp_path / "sqlite"), new_site(tmp_path / "postgresql")
        feeds = '[[feeds]]\nslug = "feed"\n\n[[feeds]]\nslug = "tags"\nsplit_by = "tag"\n\n'
        one.settings(text := feeds + (one.folder / "publisher.toml").read_text())
        other.settings(f'[store]\nurl = "{url}"\n\n{text}')
        for site in (one, other):
            for n, tags in enumerate(("[é, Zoo, apple]", "[Apple, _x, zoo]", "[B, a, É]")):
                head = f"---\ntitle: Old {n} é\ndate: 2024-01-0{n + 1}\ntags: {tags}\n---\n"
                site.post(f"old-{n}.md", f"{head}Words.\n")
            if site is other:  # the keys that sign links
                (other.folder / ".publisher").mkdir(mode=0o700)
                shutil.copy2(one.folder / ".publisher/secret", other.folder / ".publisher/secret")
            site.publish("2024-10-20T03:00:00Z")
            for address in ("zoe@example.org", "Ann@example.org", "ben@example.net"):
                site.reader(address, "2024-10-20T04:00:00Z")
            write(site, "low-tide.md", "Low tide", "2024-10-21T01:00:00Z")
            write(site, "ebb.md", "Ebb", "2024-10-21T02:00:00Z")
            site.publish("2024-10-21T09:00:00Z")
            write(site, "ebb.md", "Ebb", "2024-10-21T02:00:00Z", "Better words.")
            (site.posts / "old-1.md").unlink()
            site.publish("2024-10-22T09:00:00Z")
            site.publish("2024-10-22T09:11:00Z")
        assert other.documents() == one.documents()
        mails, others = ([file.read_bytes() for file in sorted(it.outbox.iterdir())] for it in (one, other))
        assert len(mails) == 3
        assert others == mails
