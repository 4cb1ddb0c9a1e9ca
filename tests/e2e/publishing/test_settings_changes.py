"""What a change of settings does is said by `plan`, `check`, `publish` and the log of `run`."""

from datetime import UTC, datetime, timedelta
from typing import Any

START = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=3)
PAGES = "\n[posts]\npages = true\n"


def at(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat()


def test_plan_and_publish_say_what_changed_settings_do(site: Any) -> None:
    toml = (site.folder / "publisher.toml").read_text() + PAGES
    keys = '[mail.dkim]\nkeys = [{selector = "one", file = ".publisher/dkim/one.pem"}]\n'
    site.settings(toml)
    for number in (1, 2):
        text = (
            f"---\ntitle: Post {number}\ndate: {START - timedelta(days=number):%Y-%m-%d} 09:00\n---\nWords.\n"
        )
        site.post(f"{number}.md", text)
    letter = (
        f"---\ntitle: Letter\ndate: {START - timedelta(days=1):%Y-%m-%d} 09:00\nmail: only\n---\nWords.\n"
    )
    site.post("letter.md", letter)  # which has no page
    site.publish(at(0))
    site.run("keys", "dkim", "one")
    site.settings(toml + keys)
    site.reader("ann@example.org", at(1))
    assert "settings:" not in site.publish(at(1))
    planned = site.json("plan", "--at", at(2))
    assert planned["settings"] == []
    assert planned["documents"] == {"added": [], "gone": [], "rewritten": []}
    before = site.documents()
    extra = '[[feeds]]\nslug = "all"\ntitle = "All"\nformats = ["atom"]\nlimit = 5\n'
    extra += '[[feeds]]\nslug = "feed"\ntitle = "Feed"\n'
    changed = toml.replace("https://harbour.example/", "https://quay.example/").replace(PAGES, "\n")
    changed = changed.replace("news@harbour.example", "news@quay.example")
    changed = changed.replace("Asia/Phnom_Penh", "America/New_York").replace('"16:00"', '"17:00"')
    site.settings(changed + extra)
    planned = site.json("plan", "--at", at(2))
    for word in (
        "site.url: https://harbour.example/ is now https://quay.example/",
        "web.public_url: ",
        "site.timezone: Asia/Phnom_Penh is now America/New_York",
        "mail.dkim.keys: mail is no longer signed",
        "lists.daily.from: mail comes from quay.example instead of harbour.example",
        "lists.daily: daily at 16:00 Asia/Phnom_Penh is now daily at 17:00 America/New_York: 1 reader is ",
    ):
        assert any(line.startswith(word) for line in planned["settings"]), (word, planned["settings"])
    found = [row["reason"] for row in site.json("check", "--at", at(2), code=0)["findings"]]
    assert {*planned["settings"]} <= {*found}
    assert planned["withdrawn"] == []  # a zone withdraws nothing
    documents = planned["documents"]
    assert "all.atom" in documents["added"]
    assert "feed.atom" in documents["rewritten"]
    assert {path for path in before if path.startswith("posts/")} >= {*documents["gone"]} != set()
    assert site.documents() == before
    said = site.publish(at(2))
    assert all(f"settings: {line}" in said for line in planned["settings"])
    after = site.documents()
    assert {*documents["added"]} <= after.keys()
    assert not {*documents["gone"]} & after.keys()
    assert site.json("plan", "--at", at(2))["settings"] == []
    assert {entry["title"] for entry in site.feed()["items"]} == {"Post 1", "Post 2"}


def test_the_log_of_a_service_says_what_a_reload_does(site: Any, running: Any, wait_for: Any) -> None:
    toml = (site.folder / "publisher.toml").read_text() + '\n[schedule]\npublish_every = "1h"\n'
    site.settings(toml)
    site.run("publish")
    site.run("subscribers", "add", "ann@example.org", "--list", "daily", "--confirmed")
    server = running()
    wait_for(lambda: site.json("status")["service"]["published_at"])
    site.settings(toml.replace("news@harbour.example", "news@quay.example"))
    site.run("reload")
    site.settings(toml.replace("news@harbour.example", "news@quay.example").replace("Harbour", "Quay"))
    site.run("reload")
    wait_for(lambda: "The Quay" in server.http.get("/feed.atom").text)
    assert server.stop() == 0
    lines = [line for line in "".join(server.said).splitlines() if " settings_change " in line]
    assert len(lines) == 1
    assert "mail comes from quay.example instead of harbour.example" in lines[0]
