"""A list that publisher.toml no longer names, while people follow it: it waits, and is renamed or closed."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def moment(day: int, hour: int) -> str:
    """An instant of the last days, for links expire."""
    return (TODAY + timedelta(days=day - 27, hours=hour)).isoformat()


START = moment(20, 3)
POST = "---\ntitle: {0}\ndate: {1}\n---\nWords.\n"


def mailed_site(site: Any, *names: str) -> str:
    """Readers of the daily list who have had a digest; returns the settings."""
    site.publish(START)
    for name in names:
        site.reader(f"{name}@example.org", START)
    site.post("a.md", POST.format("Low tide", moment(21, 1)))
    site.publish(moment(21, 9))
    return str((site.folder / "publisher.toml").read_text())


def with_evening(toml: str) -> str:
    """The settings with the daily list under another slug."""
    return toml.replace(
        'slug = "daily"\ntitle = "The Harbour, daily"', 'slug = "evening"\ntitle = "Evenings"'
    )


def without_lists(toml: str) -> str:
    return toml[: toml.index("[[lists]]")] + toml[toml.index("[web]") :]


def links(mail: Any) -> dict[str, str]:
    """The path of each link to a page of the reader's own, by its first word, and the one-click link."""
    text = mail.get_body(("plain",)).get_content()
    found = {path.split("/")[1]: path for path in re.findall(r"https://harbour\.example(/\S+)", text)}
    return found | {"one-click": urlsplit(mail["List-Unsubscribe"].strip("<>")).path}


def test_a_removed_list_is_named_everywhere_waits_and_goes_on_when_it_is_back(site: Any) -> None:
    toml = mailed_site(site, "ann")
    site.post("b.md", POST.format("High tide", moment(22, 1)))
    site.settings(with_evening(toml))
    said = site.publish(moment(22, 9))
    sentence = "list daily has 1 reader and is no longer in publisher.toml: nothing is sent to it"
    assert sentence in said
    assert "`publisher lists rename daily evening`" in said
    assert any(sentence in row["reason"] and row["error"] for row in site.json("check", code=1)["findings"])
    assert any(sentence in row["reason"] for row in site.json("plan")["warnings"])
    [problem] = [row for row in site.json("status")["problems"] if row["area"] == "lists"]
    assert sentence in problem["text"]
    assert site.json("status")["next_due"] is None
    assert sentence in site.run("lists", "list").stderr
    assert [mail["Subject"] for mail in site.mails()] == ["Low tide"]
    for args in (("lists", "close", "evening", "--yes"), ("lists", "rename", "evening", "daily")):
        assert "publisher.toml" in site.run(*args, code=2).stderr
    assert "no list 'weekly' is known" in site.run("lists", "close", "weekly", "--yes", code=2).stderr
    site.settings(toml)
    site.publish(moment(22, 10))
    assert [mail["Subject"] for mail in site.mails()] == ["Low tide", "High tide"]
    assert site.json("status")["problems"] == []


def test_a_renamed_list_keeps_readers_departures_links_and_pages(site: Any, running: Any) -> None:
    toml = mailed_site(site, "ann", "bob", "cy", "dee")
    site.run("subscribers", "unsubscribe", "cy@example.org")
    by_name = {mail["To"].partition("@")[0]: links(mail) for mail in site.mails()}
    site.settings(with_evening(toml))
    # bob is on both, dee left the new one, eve is on the new one alone
    for name in ("bob", "dee", "eve"):
        site.run(
            "subscribers", "add", f"{name}@example.org", "--list", "evening", "--confirmed", "--at",
            moment(21, 10),
        )  # fmt: skip
    site.run("subscribers", "unsubscribe", "dee@example.org", "--list", "evening")
    site.post("b.md", POST.format("High tide", moment(22, 1)))
    assert (
        "3 readers of daily would be readers of evening"
        in site.run("lists", "rename", "daily", "evening", "--dry-run").stderr
    )
    at = ("--at", moment(21, 11))
    done = site.json("lists", "rename", "daily", "evening", *at)
    assert done == {"list": "daily", "to": "evening", "readers": 3, "on_both": 1, "had_left": 1}
    assert "nothing" not in site.run("lists", "list").stdout
    site.publish(moment(22, 9))
    high = [mail["To"] for mail in site.mails() if mail["Subject"] == "High tide"]
    assert sorted(high) == ["ann@example.org", "bob@example.org", "eve@example.org"]
    listed = {(row["slug"], row["status"], row["to"]) for row in site.json("lists", "list")}
    assert listed == {("evening", None, None), ("daily", "renamed", "evening")}
    refused = site.run("subscribers", "add", "cy@example.org", "--list", "evening", "--confirmed", code=1)
    assert "has left evening" in refused.stderr
    server = running("--web-only")
    moved = server.http.get("/digests/daily/1/")
    assert (moved.status_code, moved.headers["Location"]) == (
        301,
        "https://harbour.example/digests/evening/1/",
    )
    assert server.http.get("/digests/evening/1/").status_code == 200
    for name in ("ann", "bob"):  # links of mails from before
        assert "Evenings" in server.http.get(by_name[name]["preferences"]).text
        assert server.http.post(by_name[name]["one-click"], content="List-Unsubscribe=One-Click").is_success
    assert server.http.get("/subscribe/daily").is_success
    assert server.stop() == 0
    site.post("c.md", POST.format("Slack water", moment(23, 1)))
    site.publish(moment(23, 9))
    assert [mail["To"] for mail in site.mails() if mail["Subject"] == "Slack water"] == ["eve@example.org"]


def test_a_closed_list_mails_nobody_and_its_links_say_so(site: Any, running: Any) -> None:
    toml = mailed_site(site, "ann", "bob")
    old = links(site.mails_to("ann@example.org")[0])
    site.settings(without_lists(toml))
    assert "daily" in site.run("lists", "close", "daily", code=2).stderr  # nobody is there to say yes
    assert "2 readers of daily get no more mail" in site.run("lists", "close", "daily", "--dry-run").stderr
    server = running("--web-only")
    waiting = server.http.get(old["preferences"])
    assert (waiting.status_code, "right now" in waiting.text) == (503, True)
    assert site.json("lists", "close", "daily", "--yes", "--at", moment(21, 11))["readers"] == 2
    ended = server.http.get(old["preferences"])
    assert (ended.status_code, "This list has ended" in ended.text) == (410, True)
    clicked = server.http.post(old["one-click"], content="List-Unsubscribe=One-Click")
    assert (clicked.status_code, "The Harbour, daily" in clicked.text) == (200, True)
    assert server.http.get("/digests/daily/1/").status_code == 200
    assert server.stop() == 0
    site.settings(toml)  # the list opens again, for new readers
    site.post("b.md", POST.format("High tide", moment(22, 1)))
    site.publish(moment(22, 9))
    assert {mail["Subject"] for mail in site.mails()} == {"Low tide"}
    site.run("subscribers", "add", "bob@example.org", "--list", "daily", "--confirmed", code=1)


def test_a_store_from_a_backup_has_its_lists_renamed_and_closed_again(site: Any) -> None:
    toml = mailed_site(site, "ann", "bob")
    backup = str(site.folder / "backup")
    site.run("backup", backup)
    site.settings(with_evening(toml))
    rename = ("lists", "rename", "daily", "evening", "--at", moment(21, 10))
    assert site.run(*rename, code=None, PUBLISHER_FAILPOINT="lists:committed").returncode < 0
    site.run("subscribers", "unsubscribe", "bob@example.org", "--list", "evening")
    site.run("restore", backup, "--yes")
    site.run("reconcile")
    readers = {(row["address"], row["list"], row["state"]) for row in site.json("subscribers", "list")}
    assert readers == {
        ("ann@example.org", "evening", "active"),
        ("bob@example.org", "evening", "unsubscribed"),
    }
    site.run("reconcile")
    site.settings(without_lists(toml))
    killed = site.run("lists", "close", "evening", "--yes", code=None, PUBLISHER_FAILPOINT="lists:journaled")
    assert killed.returncode < 0
    site.publish(moment(22, 9))
    assert {row["state"] for row in site.json("subscribers", "list")} == {"unsubscribed"}


def test_a_service_stops_mailing_a_removed_list_until_it_is_renamed(
    site: Any, running: Any, wait_for: Any
) -> None:
    toml = (site.folder / "publisher.toml").read_text() + '\n[schedule]\npublish_every = "1h"\n'
    site.settings(toml.replace('"daily"\nat = "16:00"', '"immediate"'))
    site.run("publish")
    site.run("subscribers", "add", "ann@example.org", "--list", "daily", "--confirmed")
    server = running()
    site.settings(with_evening(toml))
    wait_for(lambda: any(row["area"] == "lists" for row in site.json("status")["problems"]))
    site.post("now.md", POST.format("Now", (datetime.now(UTC) - timedelta(seconds=1)).isoformat()))
    wait_for(lambda: "Now" in server.http.get("/feed.atom").text)
    assert site.mails() == []
    site.run("lists", "rename", "daily", "evening")
    wait_for(lambda: not any(row["area"] == "lists" for row in site.json("status")["problems"]))
    assert server.stop() == 0
    lines = [line for line in "".join(server.said).splitlines() if "list_removed" in line]
    assert len(lines) == 1
