"""A mail with a mistake in it is not sent, says so, and goes out once the mistake is mended or meant."""

from typing import Any


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
