"""Installations that an older version left are migrated, looked at, published and gone on with.

An upgrade alone publishes, withdraws and mails nothing; then the site goes on as the older version would
have: what that one did on a copy is kept beside what it left (make.py).
"""

import json
import os
import re
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import feedparser
import httpx
import pytest
import warm
from smtp_server import Say, SmtpServer, on
from unpacking import unpack

from publisher.stores.sql.schema.tables import SCHEMA

HERE = Path(__file__).parent
BUSY = "bob@example.org"
"""Whose server never takes mail at once, as make.py has it."""

KEPT = sorted(file.name.removesuffix(".tar.xz") for file in HERE.glob("*.tar.xz"))
LIVED_IN = [name for name in KEPT if name.endswith("-lived-in")]


class Installation:
    """A site that an older version left, and the mail server it knows."""

    def __init__(self, folder: Path, server: SmtpServer) -> None:
        self.folder, self.public, self.server = folder / "site", folder / "site/public", server
        self.said = json.loads((folder / "said.json").read_text())
        settings = self.folder / "publisher.toml"
        text = re.sub(r"^port = \d+$", f"port = {server.port}", settings.read_text(), flags=re.MULTILINE)
        settings.write_text(text)
        self.left: str = self.said["left"]
        self.broken = (self.folder / "posts/broken.md").exists()
        self.before = self.raw()

    def run(self, *args: str, code: int = 0) -> str:
        """What `publisher ARGS` said on both streams."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("PUBLISHER_")}
        done = warm.run([*args, "--site", str(self.folder)], env)
        assert done.returncode == code, (args, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def json(self, *args: str) -> Any:
        return json.loads(self.run(*args, "--json"))

    def publish(self, at: str, *args: str) -> str:
        """A file that cannot be read is a finding, as it was before the upgrade."""
        return self.run("publish", "--at", at, *args, code=1 if self.broken else 0)

    def mails(self) -> list[bytes]:
        outbox = sorted((self.folder / "outbox").glob("*.eml"))
        return [file.read_bytes() for file in outbox] + [one.data for one in self.server.accepted]

    def mailed_since(self, number: int) -> list[tuple[str, list[str]]]:
        """Reader, and the posts in their mail, of each message but the first `number`; sorted."""
        return sorted(reader_and_posts(data) for data in self.mails()[number:])

    def raw(self) -> dict[str, Any]:
        """What readers have had, without a word of ours: the log's rows, each feed's entries, the mails."""
        return {"log": self.log(), "feeds": self.feeds(), "mails": self.mails()}

    def log(self) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / ".publisher/publisher.db")) as store:
            rows = store.execute("SELECT seq, kind, post_id, at, backfill FROM log ORDER BY seq")
            return [tuple(row) for row in rows]

    def schema(self) -> str:
        with closing(sqlite3.connect(self.folder / ".publisher/publisher.db")) as store:
            [number] = store.execute("SELECT version_num FROM alembic_version").fetchone()
        return str(number)

    def feeds(self) -> dict[str, list[Any]]:
        """Each Atom, RSS and JSON feed and archive by path, as a client knows it: `updated`, and entries."""
        files = [file for file in self.public.rglob("*") if file.suffix in {".atom", ".xml", ".json"}]
        return {
            file.relative_to(self.public).as_posix(): entries(file)
            for file in sorted(files)
            if file.name != "manifest.json"
        }


def entries(file: Path) -> list[Any]:
    if file.suffix == ".json":
        names = ("id", "url", "title", "date_published", "date_modified")
        return [[item.get(name) for name in names] for item in json.loads(file.read_bytes())["items"]]
    read = feedparser.parse(file.read_bytes())
    assert not read.bozo, file
    names = ("id", "link", "title", "published", "updated")
    return [read.feed.get("updated"), *([entry.get(name) for name in names] for entry in read.entries)]


def reader_and_posts(data: bytes) -> tuple[str, list[str]]:
    body = part(data, "plain")
    posts = re.findall(r"https://\w+\.example/(?:posts/)?\d{4}/[^\s>\])]+", body)
    return str(message_from_bytes(data, policy=policy.default)["To"]), sorted(set(posts))


def part(data: bytes, kind: str) -> str:
    body = message_from_bytes(data, policy=policy.default).get_body((kind,))
    assert body is not None
    return str(body.get_content())


@pytest.fixture(params=KEPT)
def left(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    """An installation as the older version left it."""
    unpack(HERE / f"{request.param}.tar.xz", tmp_path)
    with SmtpServer(on("RCPT", Say("450 4.2.1 Busy, come again"), recipient=BUSY)) as server:
        yield Installation(tmp_path, server)


@pytest.fixture
def upgraded(left: Installation) -> Installation:
    left.run("migrate")
    return left


lived_in = pytest.mark.parametrize("left", LIVED_IN, indirect=True)


def holds(now: Any, before: Any) -> bool:
    """Whether `now` says all that `before` said: what programs read only grows. Why a file is refused is said
    to people, in the words of each version.
    """
    if isinstance(before, dict):
        return isinstance(now, dict) and all(
            k in now and (bool(now[k]) == bool(v) if k == "why" else holds(now[k], v))
            for k, v in before.items()
        )
    if isinstance(before, list):
        return isinstance(now, list) and len(now) == len(before) and all(map(holds, now, before))
    return bool(now == before)


def test_nothing_happens_before_the_store_is_migrated(left: Installation) -> None:
    if left.schema() == SCHEMA:
        pytest.skip("no migration came since this version")
    said = left.run("publish", "--at", left.left, code=1)
    assert "run `publisher migrate`" in said
    assert left.raw() == left.before


def test_a_migration_changes_nothing_that_readers_have_or_programs_read(upgraded: Installation) -> None:
    assert upgraded.raw() == upgraded.before
    for command, before in upgraded.said["says"].items():
        assert holds(now := upgraded.json(*command.split()), before), (command, before, now)
    assert upgraded.run("migrate")
    assert upgraded.raw() == upgraded.before
    with closing(sqlite3.connect(upgraded.folder / ".publisher/publisher.db")) as store:
        assert store.execute("SELECT number FROM settings_generations").fetchall() == [(1,)]
        assert store.execute("SELECT count(*) FROM service").fetchone() == (0,)


def test_commands_that_look_find_nothing_to_do_and_do_nothing(upgraded: Installation) -> None:
    upgraded.run("check", code=1 if upgraded.broken else 0)
    upgraded.run("status")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PUBLISHER_")}
    command = ["plan", "--json", "--at", upgraded.left, "--site", str(upgraded.folder)]
    plan = json.loads(warm.run(command, env).stdout)
    changes = ("published", "updated", "corrected", "withdrawn", "restored", "renamed", "held", "stops")
    assert {name: plan[name] for name in changes} == {name: [] for name in changes}
    assert plan["baseline"] is False
    assert upgraded.raw() == upgraded.before


def test_the_first_publish_is_no_news_to_anybody(upgraded: Installation) -> None:
    for _ in range(2):
        upgraded.publish(upgraded.left, "--no-mail")
        assert upgraded.raw() == upgraded.before
    assert "nothing new" in upgraded.publish(upgraded.left, "--no-mail")


def test_mail_goes_on_where_it_stood_and_at_the_instants_it_would_have(upgraded: Installation) -> None:
    for step in upgraded.said["then"]:
        seen = len(upgraded.mails())
        upgraded.publish(step["at"])
        expected = sorted((mail["to"], mail["posts"]) for mail in step["mailed"])
        assert upgraded.mailed_since(seen) == expected, step["at"]
    assert upgraded.log() == upgraded.before["log"]


@lived_in
def test_what_was_in_doubt_stays_so_until_somebody_decides(upgraded: Installation) -> None:
    doubts = {
        command: said["in_doubt"]
        for command, said in upgraded.said["says"].items()
        if command.startswith("mailings show") and said["in_doubt"]
    }
    assert len(doubts) == 1
    upgraded.publish(upgraded.said["then"][-1]["at"])
    for command, before in doubts.items():
        assert holds(upgraded.json(*command.split())["in_doubt"], before)


@lived_in
def test_templates_that_the_site_made_its_own_still_render(upgraded: Installation) -> None:
    seen = len(upgraded.mails())
    upgraded.publish(upgraded.said["then"][0]["at"])
    assert len(upgraded.mails()) > seen
    upgraded.publish("2024-06-10T07:00:00Z")
    [weekly, *_] = [data for data in upgraded.mails() if len(reader_and_posts(data)[1]) == 4]
    assert "our own digest" in part(weekly, "html")
    assert "our own layout" in part(weekly, "html")
    assert "Our own digest" in part(weekly, "plain")
    page = (upgraded.public / "posts/2024/06/05/new 4/index.html").read_text()
    assert "<!-- our own post -->" in page
    assert "<!-- our own layout -->" in page


@lived_in
def test_pages_are_served_and_links_of_old_mails_still_lead_out(upgraded: Installation) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("PUBLISHER_")}
    command = ["run", "--web-only", "--listen", "127.0.0.1:0", "--site", str(upgraded.folder)]
    process = warm.start(command, env, stderr=subprocess.PIPE)
    assert process.stderr is not None
    found = re.search(r"http://[\d.]+:\d+", process.stderr.readline())
    assert found is not None
    with httpx.Client(base_url=found[0], trust_env=False, timeout=60) as http:
        for path in (
            "/",
            "/feed.atom",
            "/feed.html",
            "/subscribe/daily",
            "/digests/daily/",
            "/by/tides.html",
        ):
            assert http.get(path).status_code == 200, path
        [hal] = {mail["leave"] for mail in upgraded.said["mailed"] if mail["to"] == "hal@example.org"}
        leave = hal.removeprefix("https://harbour.example")
        assert http.get(leave).status_code == 200
        assert http.post(leave, data={"List-Unsubscribe": "One-Click"}).status_code == 200
    process.terminate()
    process.communicate(timeout=60)
    states = {one["address"]: one["state"] for one in upgraded.json("subscribers", "list")}
    assert (states["hal@example.org"], states["gus@example.org"]) == ("unsubscribed", "active")
