"""WebSub: hubs are told after the bytes can be fetched, once for each changed feed, whatever happens."""

import json
import re
import signal
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from servers import Answer, Asked, Server

AT, LATER = "2024-10-20T03:00:00Z", "2024-10-20T03:00:30Z"
MUCH_LATER = "2024-10-20T03:10:00Z"
FEEDS = ["feed.atom", "feed.json", "feed.xml"]


class Hub(Server):
    """A hub that takes what it is told, or answers what `says` says."""

    def __init__(self) -> None:
        self.says = Answer(204)
        super().__init__(lambda asked: self.says)

    def topics(self) -> list[str]:
        return sorted(asked.form["hub.url"][0] for asked in self.asked)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as running:
        yield running


@pytest.fixture
def told(site: Any, hub: Hub) -> Any:
    """A site of one post that names the hub; not yet published."""
    hubs(site, hub.url)
    site.post("one.md", "---\ntitle: One\ndate: 2024-10-01\n---\nOne.\n")
    return site


def hubs(site: Any, *urls: str) -> None:
    text = (site.folder / "publisher.toml").read_text().partition("\n[websub]")[0]
    site.settings(f"{text}\n[websub]\nhubs = {json.dumps(list(urls))}\n")


def edit(site: Any) -> None:
    site.post("one.md", "---\ntitle: One\ndate: 2024-10-01\n---\nOne, and more.\n")


def urls(*names: str) -> list[str]:
    return [f"https://harbour.example/{name}" for name in names]


def test_each_changed_feed_is_told_once_and_an_unchanged_one_never(told: Any, hub: Hub) -> None:
    said = told.publish(AT)
    assert f"notified {hub.url} of 3 feeds\n" in said
    assert hub.topics() == urls(*FEEDS)
    assert [asked.form["hub.mode"] for asked in hub.asked] == [["publish"]] * 3
    told.publish(LATER)
    assert len(hub.asked) == 3
    edit(told)
    told.publish(MUCH_LATER)
    assert len(hub.asked) == 6


def test_every_feed_names_the_hub(told: Any, hub: Hub) -> None:
    told.publish(AT)
    for name in ("feed.atom", "feed.xml"):
        (link,) = re.findall(rb'<[^<>]*rel="hub"[^<>]*>', told.read(name))
        assert f'href="{hub.url}"'.encode() in link
    assert told.feed()["hubs"] == [{"type": "WebSub", "url": hub.url}]


def test_a_lost_store_tells_nobody_of_feeds_that_stand_as_they_were(told: Any, hub: Hub) -> None:
    told.publish(AT)
    for file in (told.folder / ".publisher").iterdir():
        file.unlink()
    told.publish(LATER)
    assert len(hub.asked) == 3


def test_the_hub_can_fetch_the_new_bytes_when_it_is_told(told: Any, running: Any, wait_for: Any) -> None:
    found: dict[str, bytes] = {}

    def fetch(asked: Asked) -> Answer:
        name = asked.form["hub.url"][0].rpartition("/")[2]
        found[name] = httpx.get(f"{site_url[0]}{name}", trust_env=False).content
        return Answer(204)

    site_url: list[str] = []
    with Server(fetch) as hub:
        hubs(told, hub.url)
        process = running()
        site_url.append(str(process.http.base_url).rstrip("/") + "/")
        wait_for(lambda: len(found) == 3)
        edit(told)
        # It is told once: with the bytes of before, it would never have the new ones.
        wait_for(lambda: all(b"and more" in data for data in found.values()))


def test_a_dead_hub_stops_nothing_is_shown_and_asked_again(told: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with Hub() as alive:
        hubs(told, dead, alive.url)
        said = told.publish(AT)
        assert f"hub {dead} was not notified (Connection refused)" in said
        assert alive.topics() == urls(*FEEDS)
        status = told.json("status")
        assert status["hubs"] == {"to tell": 3}
        (problem,) = status["problems"]
        assert problem["text"] == (
            f"{dead}: not notified of 3 feeds (Connection refused); asked 1 times, "
            "asked again at 2024-10-20 10:01 +07"
        )
        assert told.publish(LATER) == "nothing new\n"
        assert "Connection refused" in told.publish(MUCH_LATER)
        assert len(alive.asked) == 3
        hubs(told, alive.url)
        told.publish("2024-10-21T03:00:00Z")
        assert told.json("status")["problems"] == []


def test_a_hub_that_comes_back_is_told_what_it_missed_once(told: Any, hub: Hub) -> None:
    hub.says = Answer(503, b"busy", {"Retry-After": "300"})
    assert f"hub {hub.url} was not notified (503 busy)" in told.publish(AT)
    hub.says = Answer(202)
    told.publish("2024-10-20T03:04:59Z")
    assert len(hub.asked) == 3
    assert f"notified {hub.url} of 3 feeds" in told.publish("2024-10-20T03:05:00Z")
    told.publish(MUCH_LATER)
    assert len(hub.asked) == 6
    assert told.json("status")["hubs"] == {"to tell": 0}


def test_documents_that_are_uploaded_are_told_of_afterwards(told: Any, hub: Hub) -> None:
    told.publish(AT, "--no-ping")
    assert hub.asked == []
    assert [row["told"] for row in told.json("feeds", "ping")] == [True] * 3
    assert told.run("feeds", "ping").stderr == "no hubs to notify\n"
    assert len(hub.asked) == 3


@pytest.mark.parametrize(
    ("step", "before", "after"),
    [
        ("publish:applied", 0, 3),
        ("documents:staged", 0, 3),
        ("documents:saved", 0, 3),
        ("documents:placed", 0, 3),
        ("documents:placed:2", 0, 3),
        ("websub:claimed", 0, 3),
        ("websub:told", 1, 4),
        ("websub:told:3", 3, 4),
    ],
)
def test_a_kill_loses_no_ping_and_repeats_at_most_one(
    step: str, before: int, after: int, told: Any, hub: Hub
) -> None:
    told.publish(AT, code=-signal.SIGKILL, PUBLISHER_FAILPOINT=step)
    assert len(hub.asked) == before
    told.publish(MUCH_LATER)
    assert len(hub.asked) == after
    assert set(hub.topics()) == set(urls(*FEEDS))
    told.publish("2024-10-20T04:00:00Z")
    assert len(hub.asked) == after
