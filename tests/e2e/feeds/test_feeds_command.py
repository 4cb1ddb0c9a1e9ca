"""publisher feeds: what there is, where it moved, for ever."""

import shutil
from typing import Any

import pytest

AT, LATER = "2024-10-20T03:00:00Z", "2024-10-21T03:00:00Z"


@pytest.fixture
def published(site: Any) -> Any:
    site.settings((site.folder / "publisher.toml").read_text() + "\n[posts]\npages = true\n")
    for name in ("one", "two"):
        site.post(f"{name}.md", f"---\ntitle: {name}\ndate: 2024-10-01\n---\n{name}.\n")
    site.publish(AT)
    return site


def moves(site: Any) -> dict[str, tuple[str, str]]:
    return {m["path"]: (m["fate"], m["target"]) for m in site.json("feeds", "list")["moves"]}


def test_the_list_says_what_readers_find(published: Any) -> None:
    rows = {row["path"]: row for row in published.json("feeds", "list")["documents"]}
    assert rows["feed.atom"] == {
        "slug": "feed",
        "path": "feed.atom",
        "url": "https://harbour.example/feed.atom",
        "entries": 2,
        "archive": False,
        "changed": AT,
    }
    assert {"feed.atom", "feed.xml", "feed.json"} <= set(rows)
    assert "https://harbour.example/feed.atom\tfeed\t2\t2024-10-20 10:00 +07\t\n" in (
        published.run("feeds", "list").stdout
    )


def test_a_moved_feed_is_301_for_ever_also_without_the_store(published: Any, running: Any) -> None:
    said = published.run("feeds", "move", "feed", "https://new.example/feeds/", "--at", LATER)
    assert said.stdout.splitlines() == [
        f"https://harbour.example/{name}  moved to https://new.example/feeds/{name}"
        for name in ("feed.atom", "feed.xml", "feed.json")
    ]
    assert not (published.public / "feed.atom").exists()
    assert not (published.public / "feed.atom.gz").exists()
    shutil.rmtree(published.folder / ".publisher")
    published.publish(LATER)
    assert not (published.public / "feed.atom").exists()
    http = running("--web-only").http
    for method in ("GET", "HEAD"):
        answer = http.request(method, "/feed.xml")
        assert (answer.status_code, answer.headers["location"]) == (301, "https://new.example/feeds/feed.xml")
        assert answer.headers["cache-control"] == "public, max-age=3600"


def test_an_old_path_leads_to_a_feed_here(published: Any, running: Any) -> None:
    published.run("feeds", "move", "/blog/atom.xml", "feed.atom")
    published.run("feeds", "move", "https://harbour.example/old.xml", "blog/atom.xml")
    http = running("--web-only").http
    for path in ("/blog/atom.xml", "/old.xml"):
        answer = http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (301, "https://harbour.example/feed.atom")


def test_an_ended_feed_is_410_and_may_be_taken_back(published: Any, running: Any, wait_for: Any) -> None:
    http = running("--web-only").http
    assert http.get("/feed.json").status_code == 200
    published.run("feeds", "end", "feed.json")
    wait_for(lambda: http.get("/feed.json").status_code == 410)
    published.publish(LATER)
    assert http.get("/feed.json").status_code == 410
    published.run("feeds", "end", "feed.json", "--undo")
    published.publish(LATER)
    wait_for(lambda: http.get("/feed.json").status_code == 200)


def test_the_page_of_a_withdrawn_post_is_gone_and_comes_back_with_it(
    published: Any, running: Any, wait_for: Any
) -> None:
    page = "/posts/2024/10/01/two/"
    http = running("--web-only").http
    assert http.get(page).status_code == 200
    published.post("two.md", "---\ntitle: two\ndate: 2024-10-01\ndraft: true\n---\ntwo.\n")
    published.publish(LATER)
    wait_for(lambda: http.get(page).status_code == 410)
    assert moves(published) == {"posts/2024/10/01/two/index.html": ("withdrawn", "")}
    published.post("two.md", "---\ntitle: two\ndate: 2024-10-01\n---\ntwo.\n")
    published.publish("2024-10-22T03:00:00Z")
    wait_for(lambda: http.get(page).status_code == 200)
    assert moves(published) == {}


def test_what_was_packed_goes_where_its_document_went(published: Any, running: Any) -> None:
    published.run("feeds", "move", "feed.xml", "https://new.example/rss")
    published.run("feeds", "end", "feed.json")
    http = running("--web-only").http
    for end in (".gz", ".br"):
        assert http.get(f"/feed.xml{end}").headers["location"] == "https://new.example/rss"
        assert http.get(f"/feed.json{end}").status_code == 410
    answer = http.get("/feed.json", headers={"Accept-Encoding": "gzip, br"})
    assert (answer.status_code, "content-encoding" in answer.headers) == (410, False)


def test_an_archive_is_made_anew_when_it_is_asked_for(site: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + '\n[[feeds]]\nslug = "feed"\nlimit = 2\n')
    for n in range(1, 9):
        site.post(f"p{n}.md", f"---\ntitle: p{n}\ndate: 2024-09-0{n}\n---\nWords.\n")
    site.publish(AT)
    archives = {path: data for path, data in site.documents().items() if path.startswith("archive/feed/")}
    site.post("p1.md", "---\ntitle: p1\ndate: 2024-09-01\n---\nMended.\n")
    site.publish(LATER)
    assert not any(b"Mended" in site.read(path) for path in archives)
    assert site.run("feeds", "rebuild", "--dry-run").stdout == "feed\n"
    written = site.run("feeds", "rebuild", "feed", "--at", LATER).stdout.split()
    assert "archive/feed/1.atom" in written
    assert b"Mended" in site.read("archive/feed/1.atom")
    assert site.run("feeds", "rebuild", "nothing", code=2).stderr == (
        "publisher: feeds rebuild: no feed 'nothing'; publisher.toml has: feed\n"
    )


def test_moves_come_by_the_file_from_another_machine(published: Any, tmp_path: Any) -> None:
    published.run("feeds", "move", "feed.xml", "https://new.example/rss")
    file = published.folder / "moved.json"
    kept = file.read_text()
    published.run("feeds", "end", "feed.xml", "--undo")
    published.publish(LATER)
    assert (published.public / "feed.xml").exists()
    file.write_text(kept)
    published.publish(LATER)
    assert moves(published) == {"feed.xml": ("moved", "https://new.example/rss")}
    assert not (published.public / "feed.xml").exists()


def test_what_cannot_be_is_one_line(published: Any) -> None:
    said = published.run("feeds", "move", "feed.xml", "https://harbour.example/feed.xml", code=1).stderr
    assert said == "publisher: feeds: feed.xml would lead back to itself; name its final address\n"
    said = published.run("feeds", "end", "https://other.example/feed.xml", code=2).stderr
    assert said.startswith(
        "publisher: feeds: 'https://other.example/feed.xml' is not an address of this site; name a feed's"
    )
    said = published.run("feeds", "end", "feed.xml", "--undo", code=1).stderr
    assert said.startswith("publisher: feeds: feed.xml neither moved nor ended; ")
    assert not (published.folder / "moved.json").exists()


def test_a_dry_run_changes_nothing(published: Any) -> None:
    shown = published.run("feeds", "move", "feed", "https://new.example/", "--dry-run").stdout
    assert shown.splitlines()[0] == "feed.atom would lead to https://new.example/"
    assert published.run("feeds", "end", "feed.xml", "--dry-run").stdout == "feed.xml would end\n"
    assert moves(published) == {}
