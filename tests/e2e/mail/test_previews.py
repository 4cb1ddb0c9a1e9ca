"""What an author sees before readers do: previews as files and in a browser, and a test message."""

import email
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from publisher.core.errors import TemplateError
from publisher.web.preview import PreviewFiles, PreviewServer, in_scheme

MAIL = '<meta name="color-scheme" content="light dark"><style>@media (prefers-color-scheme: dark) { p { } }'

PICTURE = '<img src="https://a.example/a.png">'


@pytest.fixture
def started(site: Any) -> Any:
    site.publish("2024-10-20T03:00:00Z")
    site.reader("ann@example.org", "2024-10-20T04:00:00Z")
    site.post("one.md", "---\ntitle: Boats\ndate: 2024-10-21\n---\nThe harbour is full of boats.\n")
    site.publish("2024-10-21T05:00:00Z", "--no-mail")
    return site


def test_a_preview_as_a_reader_is_the_message_that_reader_then_gets(started: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    at = "2024-10-21T09:00:00Z"
    said = started.run("preview", "daily", "--as", "Ann@example.org", "--out", str(out), "--at", at)
    assert [Path(line).name for line in said.stdout.split()] == [
        "subject.txt",
        "body.html",
        "body.txt",
        "message.eml",
    ]
    drawn = (out / "message.eml").read_bytes()
    started.publish(at)
    [file] = (started.folder / "outbox").glob("*.eml")
    unlike = [
        (one, other)
        for one, other in zip(drawn.split(b"\r\n"), file.read_bytes().split(b"\r\n"), strict=True)
        if one != other
    ]
    assert [one.partition(b":")[0] for one, _ in unlike] == [b"Message-ID", b"X-Publisher-Delivery"]
    message = email.message_from_bytes(drawn, policy=email.policy.default)
    assert message["To"] == "ann@example.org"
    assert (out / "subject.txt").read_text() == "Boats\n"


def test_a_preview_says_who_gets_nothing_and_who_is_nobody(started: Any) -> None:
    started.publish("2024-10-21T09:00:00Z")
    said = started.run("preview", "daily", "--as", "ann@example.org", code=1).stderr
    assert "preview daily: nothing is new for ann@example.org; " in said
    said = started.run("preview", "daily", "--as", "bo@example.org", code=1).stderr
    assert "bo@example.org is not subscribed to it" in said


def test_a_plan_says_who_gets_what_and_why_others_get_nothing(started: Any) -> None:
    started.run("subscribers", "add", "bo@example.org", "--list", "daily", "--at", "2024-10-21T05:00:00Z")
    started.post("two.md", "---\ntitle: Fish\ndate: 2024-10-21\n---\nThe harbour is full of fish.\n")
    at = ("--at", "2024-10-21T09:00:00Z")
    said = started.run("plan", "--who", *at).stdout
    assert "digest     daily: 2 posts to 1 reader\n           left out: 1 yet to confirm\n" in said
    assert "           ann@example.org: 2 posts\n           bo@example.org: yet to confirm\n" in said
    assert "@example.org" not in started.run("plan", *at).stdout
    [digest] = started.json("plan", "--who", *at)["digests"]
    told = {who["address"]: (who["verdict"], len(who["posts"])) for who in digest["who"]}
    assert told == {"ann@example.org": ("mail", 2), "bo@example.org": ("pending", 0)}


def test_a_test_message_is_marked_and_no_mailing(started: Any) -> None:
    said = started.run("test-send", "daily", "bo@example.org", "--dry-run").stderr
    assert "would send to bo@example.org: [Test] Boats" in said
    assert started.mails() == []
    said = started.run("test-send", "daily", "bo@example.org").stderr
    assert said.startswith("accepted: [Test] Boats")
    [mail] = started.mails()
    assert (mail["To"], mail["Subject"]) == ("bo@example.org", "[Test] Boats")
    assert started.json("mailings", "list") == []
    started.publish("2024-10-21T09:00:00Z")
    assert [mail["Subject"] for mail in started.mails_to("ann@example.org")] == ["Boats"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Any]:
    watched = tmp_path / "templates"
    watched.mkdir()

    def draw() -> PreviewFiles:
        text = (watched / "a.txt").read_text() if (watched / "a.txt").exists() else "first"
        if text == "broken":
            raise TemplateError("templates/a.txt:1", "no filter named 'x'")
        files = {"body.html": (MAIL + text + PICTURE).encode(), "subject.txt": b"S\n"}
        return PreviewFiles(title="<Mail>", files=files, public=("https://a.example/", watched))

    server = PreviewServer(draw, [watched], 0)
    thread = threading.Thread(target=server.serve)
    thread.start()
    with httpx.Client(base_url=server.url, trust_env=False) as client:
        yield client, watched
    server.stop()
    thread.join()


def test_the_preview_server_shows_light_and_dark_and_no_images(desk: Any) -> None:
    client, _ = desk
    assert "&lt;Mail&gt;" in client.get("/").text
    light, dark, bare = (client.get(f"/body.html?{asked}") for asked in ("", "dark", "dark&bare&0f"))
    assert "@media not all" in light.text
    assert "@media all" in dark.text
    assert "only dark" in dark.text
    assert "only dark" in bare.text
    assert "img-src 'self' http: https: data:" in light.headers["Content-Security-Policy"]
    assert "img-src 'none'" in bare.headers["Content-Security-Policy"]
    assert "sandbox" in light.headers["Content-Security-Policy"]


def test_the_preview_server_shows_the_sites_own_pictures_and_no_other_file(desk: Any) -> None:
    client, watched = desk
    (watched / "a.png").write_bytes(b"PNG")
    (watched.parent / "secret").write_bytes(b"no")
    assert 'src="/public/a.png"' in client.get("/body.html").text
    assert client.get("/public/a.png").content == b"PNG"
    for path in ("%2e%2e/secret", "../secret", "%00", "a" * 300, "", "%2fetc%2fpasswd"):
        assert client.get(f"/public/{path}").status_code == 404, path
    assert client.get("/a.png").status_code == 404


def test_the_preview_server_draws_anew_when_a_template_changes(desk: Any) -> None:
    client, watched = desk
    before = client.get("/state.json").json()
    assert client.get("/state.json").json() == before
    (watched / "a.txt").write_text("second")
    after = client.get("/state.json").json()
    assert after["stamp"] != before["stamp"]
    assert "second" in client.get("/body.html").text
    (watched / "b.txt").write_text("")
    (watched / "a.txt").write_text("broken")
    assert client.get("/state.json").json()["notes"] == [["error", "templates/a.txt:1: no filter named 'x'"]]
    assert client.get("/body.html").status_code == 404


def test_the_preview_server_is_for_this_machine_only(desk: Any) -> None:
    client, _ = desk
    for name in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example", ""):
        for path in ("/", "/body.html", "/public/a.png", "/nothing"):
            assert client.get(path, headers={"Host": name}).status_code == 403, name
    assert json.loads(client.get("/state.json", headers={"Host": "localhost:1"}).text)["subject"] == "S"


def test_a_mail_without_schemes_is_left_as_it_is() -> None:
    assert in_scheme("<p>x</p>", dark=True) == "<p>x</p>"
