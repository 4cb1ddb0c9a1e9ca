"""What is kept about one person: to see, to leave, to be left alone, to be forgotten."""

import csv
import io
import sqlite3
from contextlib import closing
from typing import Any

AT = "2024-10-20T04:00:00Z"
ANN = "ann@example.org"


def mailed(site: Any) -> None:
    """Ann and bob have had a digest, and cy waits to confirm."""
    site.publish("2024-10-20T03:00:00Z")
    for name in ("ann", "bob"):
        site.reader(f"{name}@example.org", AT)
    site.post("a.md", "---\ntitle: Low tide\ndate: 2024-10-21\n---\nWords.\n")
    site.publish("2024-10-21T09:00:00Z")


def test_show_tells_everything_that_is_kept(site: Any) -> None:
    mailed(site)
    [one] = site.json("subscribers", "show", ANN)["subscriptions"]
    assert (one["list"], one["state"], one["confirmed"]) == ("daily", "active", AT)
    assert [(mail["subject"], mail["state"]) for mail in one["mail"]] == [("Low tide", "accepted")]
    assert one["consent"]["form"] == "cli"
    assert "Low tide" in site.run("subscribers", "show", ANN).stdout
    assert (
        "nothing is known of nobody@example.org"
        in site.run("subscribers", "show", "nobody@example.org", code=1).stderr
    )


def test_who_is_unsubscribed_gets_no_more_and_only_comes_back_in_person(site: Any) -> None:
    mailed(site)
    assert "left daily" in site.run("subscribers", "unsubscribe", ANN).stderr
    assert "nothing changed" in site.run("subscribers", "unsubscribe", ANN).stderr
    assert "has left daily" in site.run("subscribers", "add", ANN, "--list", "daily", code=1).stderr
    site.post("b.md", "---\ntitle: High tide\ndate: 2024-10-22\n---\nWords.\n")
    site.publish("2024-10-22T09:00:00Z")
    assert [len(site.mails_to(f"{name}@example.org")) for name in ("ann", "bob")] == [1, 2]


def test_who_is_suppressed_gets_no_mail_whoever_asks(site: Any) -> None:
    mailed(site)
    site.run("subscribers", "suppress", ANN, "--list", "daily")
    assert site.json("subscribers", "show", ANN)["suppressions"][0]["kind"] == "operator"
    site.run("subscribers", "add", ANN, "--list", "daily", "--confirmed", code=1)
    site.post("b.md", "---\ntitle: High tide\ndate: 2024-10-22\n---\nWords.\n")
    site.publish("2024-10-22T09:00:00Z")
    assert len(site.mails_to(ANN)) == 1


def test_who_was_suppressed_is_allowed_again_and_who_left_is_not(site: Any) -> None:
    mailed(site)
    site.run("subscribers", "suppress", ANN)
    assert "ann@example.org: lifted: operator" in site.run("subscribers", "allow", ANN).stderr
    assert "nothing changed" in site.run("subscribers", "allow", ANN).stderr
    site.run("subscribers", "unsubscribe", "bob@example.org")
    assert "nothing changed" in site.run("subscribers", "allow", "bob@example.org").stderr
    assert "has no @" in site.run("subscribers", "allow", "bob", code=1).stderr
    kinds = [one["kind"] for one in site.json("subscribers", "show", "bob@example.org")["suppressions"]]
    assert kinds == ["left"]


def test_who_waits_for_confirmation_is_asked_once_more(site: Any) -> None:
    mailed(site)
    at = ("--at", "2024-10-21T10:00:00Z")
    site.run("subscribers", "add", "cy@example.org", "--list", "daily", *at)
    for number in (2, 3, 4, 5):
        said = site.run("subscribers", "resend-confirmation", "cy@example.org", *at).stderr
        assert "cy@example.org: asked to confirm daily" in said
        assert len(site.mails_to("cy@example.org")) == number
    for address in (ANN, "nobody@example.org"):
        said = site.run("subscribers", "resend-confirmation", address, *at, code=1).stderr
        assert "no pending sign-up" in said
    assert site.json("subscribers", "show", "cy@example.org")["confirmation_mails"] is None


def test_who_is_erased_is_in_no_table_and_the_ledger_still_adds_up(site: Any) -> None:
    mailed(site)
    assert "add --yes" in site.run("subscribers", "erase", ANN, code=2).stderr
    assert "would forget" in site.run("subscribers", "erase", ANN, "--dry-run").stderr
    assert (
        "forgot ann@example.org and 1 subscription" in site.run("subscribers", "erase", ANN, "--yes").stderr
    )
    with closing(sqlite3.connect(site.folder / ".publisher/publisher.db")) as store:
        assert not any(ANN in line for line in store.iterdump())
    assert site.json("subscribers", "show", ANN)["subscriptions"] == []
    [mailing] = site.json("mailings", "list")
    assert mailing["counts"]["accepted"] == 2
    readers = site.folder / "readers.csv"
    readers.write_text(f"email\n{ANN}\n", encoding="utf-8")
    assert (
        "unsubscribed or suppressed here"
        in site.run("subscribers", "import", str(readers), "--list", "daily", "--confirmed").stderr
    )


def test_an_export_has_a_line_for_each_subscription(site: Any) -> None:
    mailed(site)
    rows = list(csv.DictReader(io.StringIO(site.run("subscribers", "export").stdout)))
    assert [(row["email"], row["list"], row["state"], row["paused"]) for row in rows] == [
        (ANN, "daily", "active", ""),
        ("bob@example.org", "daily", "active", ""),
    ]
