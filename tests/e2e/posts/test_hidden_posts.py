"""A post that its author hides after it was mailed, through the real commands and the real server."""

import gzip
import json
import re
import shutil
import signal
from typing import Any

import brotli
import pytest

URL = "https://harbour.example"
PAGES = "[posts]\npages = true\n\n[[lists]]"
NIGHT = "2024-10-20T05:00:00Z"
GONE = "This post is no longer available"


def text(title: str, front: str = "", body: str = "") -> str:
    """A post whose words are all its own."""
    picture = f"![](pic-{title.lower()}.png)"
    return (
        f"---\ntitle: {title} tides\ndate: 2024-10-20\n{front}\n---\n{title} words.\n\n{picture}\n\n{body}\n"
    )


def speaking(site: Any, word: str) -> list[str]:
    """The documents that hold a word, packed or not."""
    unpack = {"gz": gzip.decompress, "br": brotli.decompress}
    found = site.documents().items()
    return [name for name, data in found if word.encode() in unpack.get(name.rpartition(".")[2], bytes)(data)]


@pytest.fixture
def mailed(site: Any) -> Any:
    """A site with pages that has mailed a post, "Rare", among others."""
    site.settings((site.folder / "publisher.toml").read_text("utf-8").replace("[[lists]]", PAGES))
    site.publish("2024-10-20T03:00:00Z")
    site.reader("ann@example.org", "2024-10-20T04:00:00Z")
    for title in ("Usual", "Rare"):
        site.post(f"{title.lower()}.md", text(title))
        (site.posts / f"pic-{title.lower()}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + title.encode())
    site.publish(NIGHT)
    site.reader("bo@example.org", "2024-10-20T06:00:00Z")
    site.post("more.md", text("More"))
    site.publish("2024-10-20T09:00:00Z")
    assert {"feed.atom", "feed.json", "digests/daily/1/index.html"} <= {*speaking(site, "Rare words")}
    return site


def test_a_hidden_post_leaves_every_place_and_each_place_says_so(mailed: Any, running: Any) -> None:
    site = mailed
    page = next(name for name in speaking(site, "Rare words") if name.startswith("posts/"))
    [picture] = [name for name in speaking(site, "\nRare") if name.startswith("assets/")]
    mail = site.mails_to("ann@example.org")[0].as_string()
    site.post("rare.md", text("Rare", "password: hunter2"))
    said = site.publish("2024-10-21T03:00:00Z")
    assert "withdrawn: rare.md: password is set\n" in said
    assert "rare.md" not in site.publish("2024-10-21T03:00:00Z")
    for word in ("Rare tides", "Rare words", "\nRare", "pic-rare", "hunter2"):
        assert speaking(site, word) == []
    digest = "digests/daily/1/index.html"
    assert {digest, f"{digest}.gz", f"{digest}.br"} <= {*speaking(site, GONE)}
    assert digest in speaking(site, "Usual words")
    listed = {row["file"]: row for row in json.loads(site.run("posts", "list", "--json").stdout)}
    assert (listed["rare.md"]["served"], listed["rare.md"]["why"]) == (False, "password is set")
    server = running("--web-only")
    for path in (f"/{page}", f"/{page.removesuffix('index.html')}"):
        answer = server.http.get(path)
        assert (answer.status_code, "This page has been removed." in answer.text) == (410, True)
    assert server.http.get(f"/{picture}").status_code == 404
    for token in re.findall(rf"{URL}/view/(\S+)", mail):
        assert "Rare" not in server.http.get(f"/view/{token}").text


def test_a_publish_that_was_killed_is_finished_by_the_next(mailed: Any) -> None:
    site = mailed
    site.post("rare.md", text("Rare", "hidden: true"))
    for step in ("publish:applied", "documents:removed", "shelf:bare:2"):
        site.publish("2024-10-21T03:00:00Z", code=-signal.SIGKILL, PUBLISHER_FAILPOINT=step)
    site.publish("2024-10-21T03:00:00Z")
    assert speaking(site, "Rare") == []


def test_a_kill_while_pages_of_digests_are_cleared_is_made_good(mailed: Any, same_site: Any) -> None:
    """Wherever it falls: some documents are placed, of others only the packed form is missing."""
    mailed.post("rare.md", text("Rare", "hidden: true"))
    steps = (
        "documents:staged:2",
        "documents:saved:2",
        "documents:placed:9",
        "shelf:bare:9",
        "shelf:encoding:9",
    )
    for step in steps:
        copy = same_site(mailed.folder.parent / step.replace(":", "-"))
        shutil.copytree(mailed.folder, copy.folder)
        copy.publish("2024-10-21T03:00:00Z", code=-signal.SIGKILL, PUBLISHER_FAILPOINT=step)
        copy.publish("2024-10-21T03:00:00Z")
        assert speaking(copy, "Rare") == [], step
        assert "digests/daily/1/index.html.gz" in speaking(copy, GONE), step


def test_a_backup_from_before_a_post_was_hidden_brings_nothing_of_it_back(mailed: Any) -> None:
    site = mailed
    backup = site.folder.parent / "backup.tar"
    site.run("backup", str(backup))
    site.post("rare.md", text("Rare", "hidden: true"))
    site.publish("2024-10-21T03:00:00Z")
    assert speaking(site, "Rare") == []
    site.run("restore", str(backup), "--yes")
    site.run("reconcile", "--at", "2024-10-21T03:30:00Z")
    assert speaking(site, "Rare") == []
    site.publish("2024-10-21T04:00:00Z")
    assert speaking(site, "Rare") == []


def test_a_key_of_feeds_leaves_the_page_alone(mailed: Any) -> None:
    site = mailed
    site.post("rare.md", text("Rare", "rss: false"))
    site.publish("2024-10-21T03:00:00Z")
    assert all(name.startswith("posts/") for name in speaking(site, "Rare words"))
    assert speaking(site, "Rare words")
    assert "\tRare tides\tpage only (rss: false)" in site.run("posts", "list").stdout
    assert "1 page only" in site.run("check").stderr


def test_a_passage_between_hiding_tags_reaches_nobody(mailed: Any) -> None:
    site = mailed
    passage = '{{< secret "x" >}}\nHush words.\n\n![](pic-usual.png)\n{{< /secret >}}'
    body = f"{passage}\n\n{{% if page.later %}}Hush{{% endif %}}\n"
    site.post("next.md", text("Next", body=body))
    site.publish("2024-10-21T09:00:00Z")
    assert "feed.atom" in speaking(site, "Next words")
    assert speaking(site, "Hush") == []
    mails = [mail for mail in site.mails() if "Next" in mail["Subject"]]
    assert mails
    assert not any(
        "Hush" in part.get_content()
        for mail in mails
        for part in mail.walk()
        if part.get_content_maintype() == "text"
    )


def test_a_passage_that_is_never_closed_is_told_with_its_line(mailed: Any) -> None:
    mailed.post("next.md", text("Next", body="{% encrypt %}\nHush.\n"))
    said = mailed.run("check", code=None).stdout
    assert (
        "next.md:10: warning: {% encrypt %} is never closed, so the rest of the post is hidden; close it"
        in said
    )
