"""A store, or a site, that is moved under a running service: nothing more is written to what is gone."""

import sqlite3
from contextlib import closing
from typing import Any

import pytest

POST = "---\ntitle: A\ndate: 2024-10-01\n---\nWords.\n"
QUICK = '\n[schedule]\npublish_every = "1s"\nwatch = false\n'


@pytest.mark.parametrize("what", [".publisher/publisher.db", ".publisher", ""])
def test_a_service_stops_writing_while_its_files_are_moved_and_goes_on_when_they_are_back(
    site: Any, running: Any, wait_for: Any, what: str
) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + QUICK)
    site.post("old.md", "---\ntitle: Old\ndate: 2024-10-01\n---\nOld.\n")
    site.run("publish")
    server = running()
    wait_for(lambda: server.http.get("/feed.json").status_code == 200)
    token = server.http.get("/subscribe/daily").text.partition('name="token" value="')[2].partition('"')[0]
    fields = {"token": token, "address": "ann@example.org", "website": ""}
    file = site.folder / what if what else site.folder
    away = site.folder.parent / "away"
    file.rename(away)
    assert server.http.post("/subscribe/daily", data=fields).status_code == 503
    said: list[str] = []

    def told(word: str) -> bool:
        assert server.process.stderr is not None
        while not any(word in line for line in said):
            said.append(server.process.stderr.readline())
        return True

    assert told("files_moved")
    assert "is gone; put it back, or restart publisher" in said[-1]
    assert not file.exists(), "no empty one is made in its place"
    away.rename(file)
    assert told("files_are_back")
    site.post("new.md", "---\ntitle: New\ndate: 2024-10-02\n---\nNew.\n")
    wait_for(lambda: any(item["title"] == "New" for item in site.feed()["items"]))
    assert server.http.post("/subscribe/daily", data=fields).status_code == 200
    assert server.stop() == 0
    server.said += said
    assert sum("files_moved" in line for line in said) == 1


def test_a_missing_store_is_not_replaced_by_an_empty_one(site: Any) -> None:
    site.post("a.md", POST)
    site.publish("2024-10-20T03:00:00Z")
    state = site.folder / ".publisher"
    store, away = state / "publisher.db", state / "away.db"
    assert (state / "site").stat().st_mode & 0o077 == 0
    store.rename(away)
    for command in (
        ["publish"],
        ["plan"],
        ["status"],
        ["check"],
        ["deliver"],
        ["run"],
        ["subscribers", "list"],
        ["subscribers", "unsubscribe", "ann@example.org"],
        ["backup", str(site.folder / "b")],
        ["migrate"],
    ):
        said = site.run(*command, code=1).stderr
        assert "publisher.db: the store is missing" in said, (command, said)
        assert "publisher restore" in said
        assert len(said.splitlines()) == 1, said
        assert not store.exists(), command
    away.rename(store)
    assert site.json("status")["log_head"] == 1
    store.rename(away)
    site.run("reconcile")  # it is lost for good
    site.publish("2024-10-21T03:00:00Z")
    assert site.json("status")["log_head"] == 1


def test_the_store_of_another_site_is_refused(site: Any, new_site: Any) -> None:
    other = new_site(site.folder.with_name("other"))
    for one in (site, other):
        one.publish("2024-10-20T03:00:00Z")
    kept = site.folder / ".publisher/publisher.db"
    kept.write_bytes((other.folder / ".publisher/publisher.db").read_bytes())
    for command in (["publish"], ["subscribers", "add", "a@example.org", "--list", "daily"], ["run"]):
        said = site.run(*command, code=1).stderr
        assert "publisher.db: this is the store of another site: its id is " in said, said
    backup = str(site.folder / "backup")
    other.run("backup", backup)
    site.run("restore", backup, "--yes")  # on purpose
    site.run("reconcile")
    site.run("publish")


def test_a_store_of_an_older_version_gets_the_id_of_its_folder(site: Any) -> None:
    site.publish("2024-10-20T03:00:00Z")
    (site.folder / ".publisher/site").unlink()
    with closing(sqlite3.connect(site.folder / ".publisher/publisher.db")) as store:
        store.execute("DELETE FROM facts WHERE name = 'site_id'")
        store.commit()
    assert site.publish("2024-10-20T04:00:00Z") == "nothing new\n"
    with closing(sqlite3.connect(site.folder / ".publisher/publisher.db")) as store:
        [(known,)] = store.execute("SELECT value FROM facts WHERE name = 'site_id'")
    assert (site.folder / ".publisher/site").read_text() == f"{known}\n"
