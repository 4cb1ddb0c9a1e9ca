"""The commands for one mailing, on a real site: what they show, order, decide and prove."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from mailsite import MailSite, readers
from stores import mark_sending

from publisher.app import App, fixed
from publisher.cli import publisher
from publisher.config import load
from publisher.core.delivery.mailing import Transition, TransitionCause
from publisher.core.errors import Refused, UsageError
from publisher.services.delivery import deliver
from publisher.services.operations.reconcile import reconcile, store_lag
from publisher.services.subscribers import subscribe

BEFORE, NOW = datetime(2026, 10, 5, 7, tzinfo=UTC), datetime(2026, 10, 6, 9, tzinfo=UTC)
READERS = ["ann@example.org", "bob@example.org", "cy@example.org"]
STORE = ".publisher/publisher.db"
TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
id_authority = "harbour.example,2026"
[[lists]]
slug = "daily"
from = "The Harbour <news@harbour.example>"
cadence = "daily"
at = "08:00"
"""


class Site:
    """A site with a planned digest for three readers that nobody has sent yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "posts").mkdir(parents=True)
        (folder / "publisher.toml").write_text(TOML, encoding="utf-8")
        self.at(BEFORE).publish()
        app = self.at(BEFORE)
        for reader in READERS:
            subscribe.add(app.deps, app.settings.lists[0], reader, BEFORE, confirmed=True)
        (folder / "posts/new.md").write_text(
            "---\ntitle: New\ndate: 2026-10-06\n---\nWords.\n", encoding="utf-8"
        )
        self.at(NOW).publish()

    def at(self, now: datetime) -> App:
        return App(load(self.folder), clock=fixed(now), environ={})

    def outbox(self) -> list[Path]:
        return sorted((self.folder / "outbox").glob("*.eml"))

    def run(self, *args: str, code: int = 0) -> Result:
        clock = () if args[0] in ("list", "show", "rebuild") else ("--at", NOW.isoformat())
        result = CliRunner().invoke(publisher, ["mailings", *args, *clock, "--site", str(self.folder)])
        if code == 0 and result.exception:
            raise result.exception
        assert result.exit_code == code
        return result

    def json(self, *args: str) -> Any:
        return json.loads(self.run(*args, "--json").stdout)

    def deliver(self) -> None:
        self.at(NOW).deliver()

    def mails(self) -> int:
        return len([*(self.folder / "outbox").glob("*.eml")])

    def doubt(self) -> None:
        """All three were being sent by a run that is dead, and nobody can tell what became of them."""
        store = self.at(NOW).store
        batch = store.claim_batch("dead", NOW, NOW)
        assert batch is not None
        mark_sending(store, "dead", [(1, n) for n in (1, 2, 3)], NOW)
        store.release_dead_runs("mine", NOW, alone=True)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


def test_what_list_and_show_say_of_a_mailing(site: Site) -> None:
    [row] = site.json("list")
    assert {key: row[key] for key in ("id", "list", "state", "planned")} == {
        "id": 1,
        "list": "daily",
        "state": "ready",
        "planned": 3,
    }
    assert row["counts"]["queued"] == 3
    assert set(row["counts"]) == {
        "queued",
        "claimed",
        "sending",
        "accepted",
        "rejected",
        "unknown",
        "skipped",
        "cancelled",
    }
    site.doubt()
    shown = site.json("show", "1")
    assert [doubt["address"] for doubt in shown["in_doubt"]] == READERS
    assert all(doubt["message_id"].startswith("<1.") for doubt in shown["in_doubt"])
    assert {doubt["at"] for doubt in shown["in_doubt"]} == {"2026-10-06T09:00:00Z"}
    assert shown["replies"] == []
    assert site.run("show", "1").stdout.count("unknown   ") == 3


def test_a_paused_mailing_sends_nothing_and_a_resumed_one_sends_all(site: Site) -> None:
    assert "mailing 1 is paused (operator)" in site.run("pause", "1").stderr
    site.deliver()
    assert site.mails() == 0
    site.run("resume", "1")
    site.deliver()
    assert site.mails() == 3


def test_cancelling_must_be_meant(site: Site) -> None:
    with pytest.raises(UsageError, match=r"mailing 1: cancel: 3 deliveries will not be sent; .*release 1"):
        site.run("cancel", "1")
    assert "would cancel" in site.run("cancel", "1", "--dry-run").stderr
    said = site.run("cancel", "1", "--yes").stderr
    assert "`publisher mailings remake 1`" in said
    assert "`publisher mailings release 1`" in said
    site.deliver()
    assert (site.mails(), site.json("list")[0]["counts"]["cancelled"]) == (0, 3)
    with pytest.raises(Refused, match="mailing 1: is cancelled"):
        site.run("resume", "1")


def test_a_cancelled_mailing_is_made_again_of_its_posts_as_they_are_now(site: Site) -> None:
    site.run("cancel", "1", "--yes")
    new = site.folder / "posts/new.md"
    new.write_text(new.read_text("utf-8").replace("Words.", "Other words."), encoding="utf-8")
    site.at(NOW).publish()
    with pytest.raises(UsageError, match="remake: its posts, as they are now, go to 3 readers; add --yes"):
        site.run("remake", "1")
    assert "mailing 2 is ready, for 3 readers" in site.run("remake", "1", "--yes").stderr
    assert "no readers are left to mail it to" in site.run("remake", "1", "--yes").stderr
    assert "0 messages queued again" in site.run("resend", "1", "--only", "unsent", "--yes").stderr
    site.deliver()
    assert site.mails() == 3
    assert all("Other words." in file.read_text("utf-8") for file in site.outbox())
    assert site.json("show", "2")["remakes"] == 1
    assert "go to 0 readers" in site.run("release", "2", "--yes").stderr


def test_released_posts_come_with_the_next_digest_and_once(site: Site) -> None:
    site.run("pause", "1")
    assert "its posts would wait for 3 readers" in site.run("release", "1", "--dry-run").stderr
    assert site.json("list")[0]["state"] == "paused", "a dry run changes nothing"
    site.run("release", "1", "--yes")
    (site.folder / "posts/more.md").write_text("---\ntitle: More\ndate: 2026-10-06\n---\nMore.\n")
    for day in (1, 2):
        site.at(NOW + timedelta(days=day)).publish()
    [digest, _] = site.json("list")
    assert (digest["id"], digest["planned"]) == (2, 3)
    assert [len(posts) for _, posts, _ in site.at(NOW).store.cohorts(2)] == [2]


def test_a_correction_reaches_the_readers_of_a_cancelled_mailing(site: Site) -> None:
    site.run("cancel", "1", "--yes")
    new = "---\ntitle: New\ndate: 2026-10-06\nmail: correction\n---\nRight words.\n"
    (site.folder / "posts/new.md").write_text(new, encoding="utf-8")
    for day in (1, 2):
        site.at(NOW + timedelta(days=day)).publish()
    assert [(row["id"], row["planned"]) for row in site.json("list")] == [(2, 3), (1, 3)]


def test_the_same_messages_are_sent_again_to_whom_servers_refused(site: Site) -> None:
    store = site.at(NOW).store
    batch = store.claim_batch("run", NOW, NOW + timedelta(minutes=5))
    assert batch is not None
    refused = [
        Transition(mailing=1, n=n, cause=TransitionCause.REJECT, reply="554 blocked") for n in (1, 2, 3)
    ]
    store.record_transitions(refused, NOW, run="run")
    store.finish_batch(batch, NOW)
    assert "0 messages queued again" in site.run("resend", "1", "--only", "unsent", "--yes").stderr
    store.unsubscribe(1, 1, NOW)
    assert "2 messages queued again" in site.run("resend", "1", "--only", "rejected", "--yes").stderr
    assert site.json("show", "1")["counts"]["queued"] == 2
    site.deliver()
    assert site.mails() == 2
    assert all("Message-ID: <1." in file.read_text("utf-8") for file in site.outbox())


def test_after_a_restore_nothing_is_released_or_sent_again_that_a_later_run_may_have_mailed(
    site: Site,
) -> None:
    site.run("cancel", "1", "--yes")
    store, saved = site.folder / STORE, site.folder / "saved.db"
    with closing(sqlite3.connect(store)) as now, closing(sqlite3.connect(saved)) as kept:
        now.backup(kept)
    site.run("remake", "1", "--yes")
    with closing(sqlite3.connect(saved)) as kept, closing(sqlite3.connect(store)) as now:
        kept.backup(now)
    restored = site.at(NOW)
    lacks = store_lag(restored.deps, None)
    assert lacks is not None
    assert [start.mailing for start in lacks.started] == [2]
    assert reconcile(restored.deps, lacks, None, NOW).moved == {}, "no reader was due for it"
    for verb in (["remake"], ["release"], ["resend", "--only", "unsent"]):
        with pytest.raises(Refused, match="before the store was restored, so readers may have them"):
            site.run(verb[0], "1", "--yes", *verb[1:])


def test_there_is_nothing_to_cancel_where_all_is_sent(site: Site) -> None:
    site.deliver()
    with pytest.raises(Refused, match="mailing 1: is done; nothing of it is left to be sent"):
        site.run("cancel", "1")


def test_what_does_not_await_approval_cannot_be_approved(site: Site) -> None:
    with pytest.raises(Refused, match="mailing 1: does not await approval, it is ready"):
        site.run("approve", "1")
    with pytest.raises(UsageError, match="no mailing 7; `publisher mailings list` names them"):
        site.run("pause", "7")


def test_a_doubt_can_be_taken_for_accepted(site: Site) -> None:
    site.doubt()
    site.run("resolve", "1", "--accept", "--only", "bob@example.org")
    assert [doubt["address"] for doubt in site.json("show", "1")["in_doubt"]] == [READERS[0], READERS[2]]
    site.run("resolve", "1", "--accept")
    shown = site.json("show", "1")
    assert (shown["counts"]["accepted"], shown["state"], shown["in_doubt"]) == (3, "done", [])
    assert shown["replies"] == [{"reply": "taken for accepted by the operator", "count": 3}]


def test_a_doubt_can_be_sent_again_and_goes_out_once(site: Site) -> None:
    site.doubt()
    names = {doubt["message_id"] for doubt in site.json("show", "1")["in_doubt"]}
    with pytest.raises(
        UsageError, match="3 messages will be sent again; readers who did get it will get it twice"
    ):
        site.run("resolve", "1", "--resend")
    site.run("resolve", "1", "--resend", "--yes")
    site.deliver()
    mails = [file.read_text("utf-8") for file in (site.folder / "outbox").glob("*.eml")]
    assert len(mails) == 3
    assert all(any(f"Message-ID: {name}" in mail for mail in mails) for name in names)


def test_of_many_doubts_a_person_sees_the_first_and_a_program_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliver, "PART", 20)
    many = MailSite(tmp_path / "many", readers(55))
    app = many.app()
    batch = app.store.claim_batch("dead", many.now, many.now)
    assert batch is not None
    mark_sending(app.store, "dead", [(1, n) for n in range(1, 56)], many.now)
    app.store.release_dead_runs("mine", many.now, alone=True)
    app.close()

    def run(*args: str) -> str:
        result = CliRunner().invoke(publisher, ["mailings", *args, "--site", str(many.folder)])
        assert result.exit_code == 0, result.output
        return result.stdout

    shown = json.loads(run("show", "1", "--json"))
    assert sorted(doubt["address"] for doubt in shown["in_doubt"]) == sorted(many.addresses)
    lines = run("show", "1").splitlines()
    assert sum("@example.org" in line for line in lines) == 50
    assert "unknown   5 more; --json lists them all" in lines
    run("resolve", "1", "--accept")
    assert many.counts() == {"accepted": 55}


def test_resolving_needs_a_decision_about_what_is_in_doubt(site: Site) -> None:
    with pytest.raises(UsageError, match=r"whether they arrived; decide: --log FILE, --resend or --accept"):
        site.run("resolve", "1")
    site.deliver()
    assert site.run("resolve", "1", "--accept").stderr == "no outcome is unknown\n"
    assert site.run("resolve", "1", "--resend").stderr == "no outcome is unknown\n"
    with pytest.raises(UsageError, match=r"no outcome for zoe@example\.org is unknown"):
        site.run("resolve", "1", "--accept", "--only", "zoe@example.org")


def test_a_rebuild_proves_the_bytes_or_says_what_differs(site: Site) -> None:
    assert "the same bytes" in site.run("rebuild", "1", "--verify").stdout
    assert site.json("rebuild", "1", "--verify")["same"] is True
    templates = site.folder / "templates/email/digest"
    templates.mkdir(parents=True)
    (templates / "subject.txt").write_text("Other words", encoding="utf-8")
    assert "would make different bytes" in site.run("rebuild", "1", "--verify", code=1).stdout
