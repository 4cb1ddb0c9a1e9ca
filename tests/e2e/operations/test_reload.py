"""`publisher run` takes up changed settings while it works: whole, soon, and without a failed request."""

import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from smtp_server import Hold, Slow, SmtpServer, on

POST = "---\ntitle: {0}\ndate: 2024-05-01\n---\nWords.\n"
HOURLY = '\n[schedule]\npublish_every = "1h"\n'


@contextmanager
def polled(url: str, *paths: str) -> Iterator[list[tuple[str, object]]]:
    """A client that asks for these paths all the time; what was not answered by 200, at the end."""
    failed: list[tuple[str, object]] = []
    ended = threading.Event()

    def poll() -> None:
        with httpx.Client(base_url=url, trust_env=False) as client:
            while not ended.wait(0.01):
                for path in paths:
                    try:
                        status: object = client.get(path).status_code
                    except httpx.HTTPError as error:
                        status = repr(error)
                    if status != 200:
                        failed.append((path, status))

    thread = threading.Thread(target=poll)
    thread.start()
    try:
        yield failed
    finally:
        ended.set()
        thread.join()


def problems(site: Any) -> list[str]:
    return [row["text"] for row in site.json("status")["problems"] if row["area"] == "settings"]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def logged(server: Any, event: str) -> list[str]:
    """The lines of an event, once the server has stopped."""
    lines = "".join(server.said).splitlines()
    return [line.partition(f" {event} ")[2] for line in lines if f" {event}" in line]


def test_each_change_is_taken_up_by_both_processes_and_a_bad_one_changes_nothing(
    site: Any, running: Any, wait_for: Any
) -> None:
    good = (site.folder / "publisher.toml").read_text() + HOURLY
    site.settings(good)
    site.post("first.md", POST.format("First"))
    server = running()

    def get(path: str) -> str:
        text: str = server.http.get(path).text
        return text

    wait_for(lambda: "First" in get("/feed.atom"))
    layout = site.folder / "templates/web/layout.html"
    layout.parent.mkdir(parents=True)
    with polled(server.url, "/feed.atom", "/subscribe/daily", "/healthz", "/") as failed:
        for title in ("The Quay", "The Harbour"):
            site.settings(good.replace('title = "The Harbour"', f'title = "{title}"'))
            wait_for(lambda title=title: f">{title}<" in get("/feed.atom"))
            wait_for(lambda title=title: title in get("/subscribe/daily"))
        for broken in ("{% if %}", "{{ nothing.here }}"):
            layout.write_text(broken)
            wait_for(lambda: any("templates/web/layout.html:1" in text for text in problems(site)))
            assert "The Harbour" in get("/subscribe/daily")
            layout.unlink()
            wait_for(lambda: problems(site) == [])
        (site.folder / "elsewhere").mkdir()
        (site.folder / "elsewhere/second.md").write_text(POST.format("Second"))
        moved = '[posts]\ndir = "elsewhere"\n'
        site.settings(good.replace("127.0.0.1:0", "127.0.0.1:1") + moved)
        wait_for(lambda: problems(site) == ["web.listen changed; restart `publisher run` to use it"])
        wait_for(lambda: "Second" in get("/feed.atom"))
        (site.folder / "elsewhere/third.md").write_text(POST.format("Third"))  # the new folder is watched
        wait_for(lambda: "Third" in get("/feed.atom"))
        site.settings(good + moved)
        wait_for(lambda: problems(site) == [])
    assert failed == []
    (site.folder / "publisher.toml").touch()  # its content is the same
    for number in (signal.SIGUSR1, signal.SIGHUP):
        server.process.send_signal(number)
    site.settings(good + moved + '[mail.dkim]\nkeys = [{selector = "a", file = "no.pem"}]\n')
    wait_for(lambda: any(text.startswith("no.pem: there is no such file") for text in problems(site)))
    assert server.stop() == 0
    assert logged(server, "settings_taken_up") == [
        "generation=2 changed=site.title",
        "generation=3 changed=site.title",
        "generation=4 changed=posts.dir",
    ]
    assert len(logged(server, "settings_bad")) == 3
    assert len(logged(server, "settings_need_restart")) == 1


def mailing_site(site: Any, relay: SmtpServer, names: Sequence[str]) -> str:
    """Readers who get each post at once by this relay, with a password in a file; returns the settings."""
    toml: str = (site.folder / "publisher.toml").read_text()
    toml = toml.replace('"daily"\nat = "16:00"', '"immediate"') + HOURLY
    toml += f'[mail]\ntransport = "smtp"\n[[mail.relays]]\nhost = "127.0.0.1"\nport = {relay.port}\n'
    toml += 'security = "none"\nconnections = 1\n'
    if relay.users:
        toml += 'username = "me"\npassword_file = "password"\n'
    site.settings(toml)
    site.run("publish")
    (site.folder / "readers.csv").write_text("email\n" + "\n".join(names))
    site.run("subscribers", "import", str(site.folder / "readers.csv"), "--list", "daily", "--confirmed")
    return toml


def test_a_password_rotated_in_mid_mailing_counts_and_nobody_is_mailed_twice(
    site: Any, running: Any, wait_for: Any
) -> None:
    password = site.folder / "password"
    password.write_text("old")
    names = [f"r{number:02}@example.org" for number in range(80)]
    hold = Hold()
    with SmtpServer(on("dot", hold, nth=3), on("dot", Slow(0.04)), users={"me": "old"}) as relay:
        toml = mailing_site(site, relay, names)
        server = running()
        site.post("news.md", POST.format("News").replace("2024-05-01", datetime.now(UTC).isoformat()))
        wait_for(hold.reached.is_set)
        relay.users["me"] = "new"
        password.write_text("new\n")
        site.settings(toml.replace("The Harbour, daily", "The Harbour, at once"))
        hold.go.set()
        wait_for(lambda: len(relay.accepted) == len(names))
        wait_for(lambda: relay.open == 0)
        assert server.stop() == 0
        sent = Counter(message.rcpt_to for message in relay.accepted)
        assert sent == Counter(names)
        assert {b"The Harbour, daily" in message.data for message in relay.accepted} == {True}  # as planned
        assert relay.connections == 2
    taken_up = "generation=2 changed=lists[0].title,mail.relays[0].password_file"
    assert taken_up in logged(server, "settings_taken_up")


def test_settings_that_are_bad_at_the_start_end_it_with_2(site: Any) -> None:
    site.settings((site.folder / "publisher.toml").read_text().replace("cadence", "cadense"))
    said = site.run("run", code=2).stderr
    assert "publisher.toml:15: unknown setting lists[0].cadense" in said
    assert len(said.splitlines()) == 1


def test_the_second_sigterm_ends_it_at_once(site: Any, running: Any, wait_for: Any) -> None:
    hold = Hold()
    with SmtpServer(on("dot", hold)) as relay:
        mailing_site(site, relay, ["ann@example.org"])
        server = running()
        site.post("news.md", POST.format("News").replace("2024-05-01", datetime.now(UTC).isoformat()))
        wait_for(hold.reached.is_set)
        server.http.close()
        with_child = children(server.process.pid)
        server.process.send_signal(signal.SIGTERM)
        wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in with_child))
        assert server.process.poll() is None  # what is in flight is finished

        def ends() -> bool:
            server.process.send_signal(signal.SIGTERM)
            return server.process.poll() is not None

        wait_for(ends)
        server.process.communicate(timeout=10)
        hold.go.set()
    assert server.process.returncode == 128 + signal.SIGTERM


def test_the_last_good_settings_carry_a_start_and_what_an_operator_needs_meanwhile(
    site: Any, running: Any, wait_for: Any
) -> None:
    good = (site.folder / "publisher.toml").read_text() + HOURLY
    site.settings(good)
    site.post("first.md", POST.format("First"))
    said = site.run("run", "--last-good", code=2, PUBLISHER_QUEUE__BATCH="none").stderr  # there are none yet
    assert "queue.batch" in said
    first = running(PUBLISHER_SITE__DESCRIPTION="Kept too")
    wait_for(lambda: "First" in first.http.get("/feed.atom").text)
    assert first.stop() == 0
    layout = site.folder / "templates/web/layout.html"
    layout.parent.mkdir(parents=True)
    layout.write_text("{% if %}")
    site.settings(good.replace('title = "The Harbour"', "title = 7"))
    assert "site.title is 7" in site.run("run", code=2).stderr
    again = running("--last-good")
    assert "site.title is 7" in "".join(again.said)
    wait_for(lambda: any("site.title is 7" in text for text in problems(site)))
    assert "The Harbour" in again.http.get("/subscribe/daily").text
    for command in (["mailings", "list"], ["backup", str(site.folder / "b")], ["subscribers", "list"]):
        assert "using the last good settings" in site.run(*command).stderr
    site.run("subscribers", "unsubscribe", "ann@example.org")
    assert "site.title is 7" in site.run("publish", code=1).stderr
    site.settings(good.replace('title = "The Harbour"', 'title = "The Quay"'))
    wait_for(lambda: any("layout.html:1" in text for text in problems(site)))
    layout.unlink()
    wait_for(lambda: "The Quay" in again.http.get("/subscribe/daily").text)
    wait_for(lambda: problems(site) == [])
    assert again.stop() == 0
    kept = site.folder / ".publisher/last-good.json"
    assert kept.stat().st_mode & 0o077 == 0
    assert "The Quay" in kept.read_text()


def test_systemd_hears_when_it_is_ready_reloads_lives_and_stops(
    site: Any, running: Any, wait_for: Any
) -> None:
    site.settings((site.folder / "publisher.toml").read_text() + HOURLY)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(site.folder / "notify"))
        line.settimeout(30)
        server = running(NOTIFY_SOCKET=str(site.folder / "notify"), WATCHDOG_USEC="600000")
        heard: list[str] = []

        def hear(until: str) -> None:
            while not heard or not heard[-1].startswith(until):
                heard.append(line.recv(200).decode())

        hear("READY=1")
        hear("WATCHDOG=1")
        server.process.send_signal(signal.SIGHUP)
        hear("RELOADING=1\nMONOTONIC_USEC=")
        hear("READY=1")
        assert server.stop() == 0
        hear("STOPPING=1")


@pytest.mark.soak
def test_random_kills_while_settings_change_repeat_nothing_and_lose_nothing_silently(
    site: Any, running: Any, wait_for: Any
) -> None:
    names = [f"r{number:03}@example.org" for number in range(300)]
    chance = random.Random(24)  # noqa: S311  # chance, not secrets
    with SmtpServer(on("dot", Slow(0.02))) as relay:
        toml = mailing_site(site, relay, names)
        server = running()
        site.post("news.md", POST.format("News").replace("2024-05-01", datetime.now(UTC).isoformat()))
        wait_for(lambda: relay.accepted)
        kills = 0
        for number in range(50):
            description = f'title = "The Harbour"\ndescription = "{number}"'
            site.settings(toml.replace('title = "The Harbour"', description, 1))
            wait_for(after(chance.uniform(0.0, 1.5)))
            server.http.close()
            server.process.kill()
            server.process.communicate()
            kills += 1
            server = running(*(["--take-over"] if number % 7 == 0 else []))
        wait_for(lambda: not any(m["state"] == "ready" for m in site.json("mailings", "list")))
        assert server.stop() == 0
    copies = Counter(message.rcpt_to for message in relay.accepted)
    [counts] = [m["counts"] for m in site.json("mailings", "list")]
    assert max(copies.values()) == 1
    assert len(names) - counts["unknown"] <= len(copies) <= len(names)
    assert counts["accepted"] + counts["unknown"] == len(names)
    assert counts["unknown"] <= kills
    found = site.json("status")["service"]
    assert site.feed()["description"] == "49"
    assert found["generation"] >= 1
    assert problems(site) == []


def after(seconds: float) -> Callable[[], bool]:
    """A condition: so much time has passed, for a kill at a random moment."""
    until = time.monotonic() + seconds
    return lambda: time.monotonic() >= until


def test_last_good_keeps_no_key_and_no_password_and_names_the_file_that_is_missing(
    site: Any, running: Any
) -> None:
    toml = (site.folder / "publisher.toml").read_text()
    relay = '[mail]\ntransport = "smtp"\n[[mail.relays]]\nhost = "127.0.0.1"\nport = 9\nsecurity = "none"\n'
    relay += 'username = "me"\npassword_file = "password"\n'
    site.run("keys", "dkim", "one")
    keys = '[mail.dkim]\nkeys = [{selector = "one", file = ".publisher/dkim/one.pem"}]\n'
    site.settings(toml + relay + keys)
    (site.folder / "password").write_text("correct horse")
    server = running()
    assert server.stop() == 0
    kept = "".join(
        file.read_text("utf-8", "ignore")
        for file in (site.folder / ".publisher").rglob("*")
        if file.is_file() and "dkim" not in file.parts
    )
    key = (site.folder / ".publisher/dkim/one.pem").read_text().splitlines()[1]
    assert "correct horse" not in kept
    assert key not in kept
    for name in ("password", ".publisher/dkim/one.pem"):
        file = site.folder / name
        text = file.read_text()
        file.unlink()
        said = site.run("run", "--last-good", code=2).stderr
        assert "--last-good does not help: " in said, said
        assert (
            f"{name}: the last good settings need it too, and no copy of keys and passwords is kept" in said
        )
        file.write_text(text)
        file.chmod(0o600)
