"""A transport that was changed: only the one that took a message tells what became of it, and what was only
written to the outbox is sent once an operator says so.
"""

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from smtp_server import Drop, SmtpServer, on

READERS = [f"reader{n}@example.org" for n in range(1, 6)]
DUE = "2020-10-21T09:00:00Z"
LATER = "2020-10-21T09:10:00Z"


@pytest.fixture
def mailed(new_site: Any, tmp_path: Path) -> Any:
    """A site with five readers and a new post, whose digest is planned and not sent."""
    site = new_site(tmp_path / "site")
    site.toml = (site.folder / "publisher.toml").read_text()
    site.post("old.md", "---\ntitle: Old\ndate: 2020-10-01\n---\nOld.\n")
    site.publish("2020-10-20T03:00:00Z")
    rows = site.folder / "readers.csv"
    rows.write_text("email\n" + "\n".join(READERS) + "\n", encoding="utf-8")
    at = ("--at", "2020-10-20T04:00:00Z")
    site.run("subscribers", "import", str(rows), "--list", "daily", "--confirmed", *at)
    site.post("one.md", "---\ntitle: One\ndate: 2020-10-21T01:00:00Z\n---\nWords of one.\n")
    return site


def transport(site: Any, port: int = 0) -> None:
    way = f'transport = "{"smtp" if port else "outbox"}"\n'
    relay = f'[[mail.relays]]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "none"\nconnections = 2\n'
    head, mail, rest = site.toml.partition("[mail]\n")
    site.settings(
        f"{head}[mail]\n{way}{rest.replace('transport =', '# ')}" if mail else f"{site.toml}\n[mail]\n{way}"
    )
    if port:
        with (site.folder / "publisher.toml").open("a", encoding="utf-8") as file:
            file.write(relay)


def copies(server: SmtpServer) -> Counter[str]:
    return Counter(message.rcpt_to for message in server.accepted)


def counts(site: Any, id: int = 1) -> dict[str, int]:
    return {state: n for state, n in site.json("mailings", "show", str(id))["counts"].items() if n}


def test_the_outbox_knows_nothing_of_what_a_server_may_have_taken(mailed: Any) -> None:
    with SmtpServer() as server:
        transport(mailed, server.port)
        mailed.publish(DUE, code=-signal.SIGKILL, PUBLISHER_FAILPOINT="deliver:committed:2")
        taken = copies(server)
        assert taken
        transport(mailed)
        mailed.run("deliver", "--at", LATER)
        shown = mailed.json("mailings", "show", "1")
        doubts = shown["in_doubt"]
        assert {doubt["transport"] for doubt in doubts} == {"smtp"}
        assert {doubt["relay"] for doubt in doubts} == {f"127.0.0.1:{server.port}"}
        assert taken.keys() & {doubt["address"] for doubt in doubts}
        written = Counter(mail["To"] for mail in mailed.mails())
        assert not written.keys() & taken.keys(), "who may have it by smtp is not written to the outbox"
        assert f"by smtp (127.0.0.1:{server.port})" in mailed.run("mailings", "show", "1").stdout
        transport(mailed, server.port)
        mailed.run("deliver", "--at", LATER)
        assert copies(server) == taken


def test_what_lies_in_the_outbox_is_named_and_sent_once_to_who_is_still_there(mailed: Any) -> None:
    mailed.publish(DUE)
    assert counts(mailed) == {"accepted": 5}
    first = {mail["To"]: (mail["Message-ID"], mail["Date"]) for mail in mailed.mails()}
    mailed.run("subscribers", "unsubscribe", READERS[0], "--list", "daily")
    refusal = mailed.run("mailings", "outbox", "send", "--yes", code=1)
    assert 'mail.transport is "outbox"' in refusal.stderr
    note = "5 messages of mailing 1 count as accepted but were only written to outbox/"
    with SmtpServer() as server:
        transport(mailed, server.port)
        for verb in ("plan", "publish", "deliver", "status", "check"):
            done = mailed.run(verb, *([] if verb == "check" else ["--at", LATER]))
            assert note in done.stdout + done.stderr, verb
        assert mailed.json("mailings", "outbox", "list") == [{"mailing": 1, "messages": 5}]
        mailed.run("mailings", "outbox", "send", "--dry-run")
        mailed.run("deliver", "--at", LATER)
        assert copies(server) == Counter(), "nothing is sent before an operator says so"
        mailed.run("mailings", "outbox", "send", code=2)
        mailed.run("mailings", "outbox", "send", "1", "--yes", "--at", LATER)
        mailed.run("deliver", "--at", LATER)
        assert copies(server) == Counter(READERS[1:])
        heads = {message.rcpt_to: message.data for message in server.accepted}
        for to, data in heads.items():
            assert all(value.encode() in data for value in first[to]), "Message-ID and Date are the same"
        assert counts(mailed) == {"accepted": 4, "skipped": 1}
        assert note not in mailed.run("status", "--at", LATER).stdout
        again = mailed.run("mailings", "outbox", "send", "--yes", "--at", LATER)
        assert "no message waits in the outbox" in again.stderr
        mailed.run("deliver", "--at", LATER)
        assert copies(server) == Counter(READERS[1:])


def test_what_is_kept_in_the_outbox_is_named_no_more_and_never_sent(mailed: Any) -> None:
    mailed.publish(DUE)
    with SmtpServer() as server:
        transport(mailed, server.port)
        assert "5 messages of mailing 1 will stay" in mailed.run("mailings", "outbox", "keep").stderr
        assert mailed.json("mailings", "outbox", "list") == []
        assert mailed.json("status", "--at", LATER)["outbox"] is None
        mailed.run("mailings", "outbox", "send", "--yes", "--at", LATER)
        mailed.run("deliver", "--at", LATER)
        assert copies(server) == Counter()


@pytest.mark.parametrize("step", ["outbox:journaled", "outbox:queued", "deliver:claimed", "deliver:settled"])
def test_a_kill_while_the_outbox_is_sent_repeats_nothing(mailed: Any, step: str) -> None:
    mailed.publish(DUE)
    with SmtpServer() as server:
        transport(mailed, server.port)
        for _ in range(2):
            mailed.run(
                "mailings", "outbox", "send", "--yes", "--at", LATER, code=None, PUBLISHER_FAILPOINT=step
            )
            mailed.run("deliver", "--at", LATER, code=None, PUBLISHER_FAILPOINT=step)
        mailed.run("mailings", "outbox", "send", "--yes", "--at", LATER)
        mailed.run("deliver", "--at", LATER)
        doubts = {doubt["address"] for doubt in mailed.json("mailings", "show", "1")["in_doubt"]}
        assert {*copies(server)} | doubts == {*READERS}
        assert max(copies(server).values()) == 1
        assert not doubts or step == "deliver:settled", "no message was ended before"


def test_what_a_server_lost_while_it_came_from_the_outbox_stays_in_doubt_with_the_outbox(mailed: Any) -> None:
    mailed.publish(DUE)
    with SmtpServer(on("taken", Drop(), nth=1)) as server:
        transport(mailed, server.port)
        mailed.run("mailings", "outbox", "send", "--yes", "--at", LATER)
        mailed.run("deliver", "--at", LATER, code=None)
        [doubt] = mailed.json("mailings", "show", "1")["in_doubt"]
        transport(mailed)
        mailed.run("deliver", "--at", LATER)
        assert mailed.json("mailings", "show", "1")["in_doubt"] == [doubt], "its file in the outbox is older"
