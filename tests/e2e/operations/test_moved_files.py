"""A store, or a site, that is moved under a running service: nothing more is written to what is gone."""

from typing import Any

import pytest

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
