"""A mail with a mistake in it is not sent, says so, and goes out once the mistake is mended or meant."""

from datetime import UTC, datetime, timedelta
from typing import Any

AT = "2024-10-20T04:00:00Z"


def started(site: Any) -> None:
    site.publish("2024-10-20T03:00:00Z")
    site.reader("ann@example.org", "2024-10-20T04:00:00Z")
    site.post("one.md", "---\ntitle: Boats\ndate: 2024-10-21\n---\n\nThe harbour is full of boats today.\n")


def broken(site: Any) -> Any:
    """A template of the site's own that leaves a place unfilled and a picture without words."""
    return (
        site.folder / "templates" / "email" / "footer.html",
        "<p>Dear {{ '{{' }} name }}</p><img src=\"a.png\">\n",
    )


def test_a_mail_with_a_mistake_waits_until_it_is_mended(site: Any) -> None:
    started(site)
    file, text = broken(site)
    file.parent.mkdir(parents=True)
    file.write_text(text)
    said = site.publish("2024-10-21T09:00:00Z", code=1)
    assert "digest daily: not sent: html: " in said
    assert "[unsubscribe]" in said
    assert "--force placeholder" in said
    assert site.mails() == []
    assert any("[unsubscribe]" in p["text"] for p in site.json("status")["problems"])
    checked = site.run("check", "--at", "2024-10-21T09:00:00Z", code=1).stdout
    assert "digest of daily: html: a picture has no alt: a.png [alt]" in checked
    file.unlink()
    site.publish("2024-10-21T09:01:00Z")
    assert [mail["Subject"] for mail in site.mails_to("ann@example.org")] == ["Boats"]
    assert site.json("status")["problems"] == []


def test_a_mail_whose_mistakes_are_meant_is_sent(site: Any) -> None:
    started(site)
    file, text = broken(site)
    file.parent.mkdir(parents=True)
    file.write_text(text)
    meant = ["placeholder", "alt", "link", "unsubscribe"]
    site.run(
        "check", "--at", "2024-10-21T09:00:00Z", *(arg for name in meant for arg in ("--force-ok", name))
    )
    site.publish("2024-10-21T09:00:00Z", "--force", "alt", code=1)
    site.publish("2024-10-21T09:00:00Z", *(arg for name in meant for arg in ("--force", name)))
    assert len(site.mails_to("ann@example.org")) == 1


def test_every_list_whose_mail_has_a_mistake_is_named(site: Any) -> None:
    other = '[[lists]]\nslug = "weekly"\nfrom = "news@harbour.example"\ncadence = "daily"\nat = "15:00"\n'
    site.settings((site.folder / "publisher.toml").read_text().replace("[web]", f"{other}[web]"))
    started(site)
    site.run("subscribers", "add", "bo@example.org", "--list", "weekly", "--confirmed", "--at", AT)
    file, text = broken(site)
    file.parent.mkdir(parents=True)
    file.write_text(text)
    said = site.publish("2024-10-21T09:00:00Z", code=1)
    assert "digest daily: not sent: " in said
    assert "digest weekly: not sent: " in said
    held = [problem for problem in site.json("status")["problems"] if problem["area"] == "digests"]
    assert [problem["text"].split(":")[0] for problem in held] == ["digest daily", "digest weekly"]
    assert all("`publisher publish --force " in problem["text"] for problem in held)
    file.unlink()
    site.publish("2024-10-21T09:01:00Z")
    assert {mail["To"] for mail in site.mails()} == {"ann@example.org", "bo@example.org"}


def test_run_says_once_that_a_list_is_held(site: Any, running: Any, wait_for: Any) -> None:
    toml = (site.folder / "publisher.toml").read_text().replace('cadence = "daily"', 'cadence = "immediate"')
    site.settings(f'{toml}[schedule]\npublish_every = "1s"\n')
    site.run("publish")
    site.run("subscribers", "add", "ann@example.org", "--list", "daily", "--confirmed")
    file, text = broken(site)
    file.parent.mkdir(parents=True)
    file.write_text(text)
    today = datetime.now(UTC)
    server = running()
    for n in range(3):  # each a publish that finds the list held
        site.post(f"p{n}.md", f"---\ntitle: Post {n}\ndate: {today:%Y-%m-%d}\n---\nText.\n")
        wait_for(lambda n=n: f"Post {n}" in site.read("feed.json").decode())
    wait_for(lambda: any(problem["area"] == "digests" for problem in site.json("status")["problems"]))
    server.stop()
    assert "".join(server.said).count("mail_not_sent") == 1
    file.unlink()
    site.publish((today + timedelta(days=1)).isoformat())
    assert len(site.mails_to("ann@example.org")) == 1
