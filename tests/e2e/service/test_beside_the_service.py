"""What trials beside a working service found: who needs no password does without, and a site that was moved
away is neither made again nor given up.
"""

import shutil
from datetime import UTC, datetime
from typing import Any

import pytest

RELAY = """
[mail]
transport = "smtp"
[[mail.relays]]
host = "127.0.0.1"
port = 9
security = "none"
username = "me"
password_file = "password"
"""
AT = "2024-10-20T04:00:00Z"


@pytest.fixture
def without_password(site: Any) -> Any:
    """A site with a reader whose mail goes by SMTP, and a password file that is gone."""
    site.settings((site.folder / "publisher.toml").read_text() + RELAY)
    site.post("old.md", "---\ntitle: Old\ndate: 2024-10-01\n---\nOld.\n")
    site.publish("2024-10-20T03:00:00Z", PUBLISHER_MAIL__TRANSPORT="outbox")
    site.reader("ann@example.org", AT)
    return site


def test_only_what_sends_needs_the_password_of_the_relay(without_password: Any) -> None:
    site = without_password
    for command in (
        ["status"],
        ["preview", "daily", "--out", str(site.folder / "preview")],
        ["subscribers", "show", "ann@example.org"],
        ["subscribers", "unsubscribe", "ann@example.org"],
        ["subscribers", "erase", "ann@example.org", "--yes"],
        ["publish", "--no-mail"],
    ):
        site.run(*command)
    for command in (["deliver"], ["run"], ["test-send", "daily", "ann@example.org"]):
        said = site.run(*command, code=None)
        assert said.returncode > 0, command
        assert "put the password of the relay into it" in said.stderr, command


def test_a_service_whose_site_was_moved_away_makes_no_folder_and_asks_readers_to_come_back(
    site: Any, running: Any, wait_for: Any
) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + '[schedule]\npublish_every = "1h"\n')
    site.post("old.md", "---\ntitle: Old\ndate: 2024-10-01\n---\nOld.\n")
    site.run("publish")
    server = running()
    wait_for(lambda: server.http.get("/feed.atom").status_code == 200)
    assert server.http.get("/nothing.atom").status_code == 404
    for folder in (site.folder, site.public):
        away = site.folder.parent / "away"
        folder.rename(away)
        answer = server.http.get("/feed.atom")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
        assert not folder.exists()
        away.rename(folder)
        assert server.http.get("/feed.atom").status_code == 200
    assert server.stop() == 0


def test_an_outbox_that_is_deleted_is_made_again_and_nothing_is_mailed_twice(
    site: Any, running: Any, wait_for: Any
) -> None:
    toml = (site.folder / "publisher.toml").read_text()
    site.settings(toml.replace('"daily"\nat = "16:00"', '"immediate"\nmin_gap = "0m"'))
    site.run("publish")
    site.run("subscribers", "add", "ann@example.org", "--list", "daily", "--confirmed")
    server = running()
    for title in ("One", "Two"):
        at = datetime.now(UTC).isoformat()
        site.post(f"{title}.md", f"---\ntitle: {title}\ndate: {at}\n---\n{title}.\n")
        wait_for(lambda title=title: [mail["Subject"] for mail in site.mails()] == [title])
        wait_for(lambda: server.http.get("/readyz").status_code == 200)
        shutil.rmtree(site.outbox)
    assert server.stop() == 0
    assert site.mails() == []
    assert "Traceback" not in "".join(server.said)


def test_another_store_beside_a_service_is_refused_and_not_begun(
    site: Any, running: Any, wait_for: Any
) -> None:
    site.post("old.md", "---\ntitle: Old\ndate: 2024-10-01\n---\nOld.\n")
    site.run("publish")
    other = {"PUBLISHER_STORE__URL": "sqlite:///.publisher/other.db"}
    server = running()
    wait_for(lambda: server.http.get("/readyz").status_code == 200)
    assert "other.db: the store is missing, and " in site.run("publish", code=1, **other).stderr
    said = site.run("reconcile", code=1, **other).stderr  # the way to begin a new one
    assert "works on this site with another store than" in said
    assert "restart it to use this one, or set store.url back" in said
    assert not (site.folder / ".publisher/other.db").exists()
    assert server.stop() == 0
    site.run("reconcile", **other)  # nobody works on it now
    site.run("publish", **other)
