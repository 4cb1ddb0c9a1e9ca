"""`mailings resolve ID --log FILE`: what a relay's log proves is settled, the rest stays listed."""

import bz2
import gzip
import json
import lzma
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from killing import Runner
from mailsite import MailSite, readers
from smtp_server import SmtpServer
from stores import mark_sending

from publisher.app import backup as keeping
from publisher.cli import publisher
from publisher.core.delivery.mailing import MailingState
from publisher.core.errors import Refused, SourceError, UsageError
from publisher.services.mail.messages import message_id

TEN = readers(10)


@pytest.fixture
def server() -> Iterator[SmtpServer]:
    with SmtpServer() as one:
        yield one


@pytest.fixture
def site(tmp_path: Path, server: SmtpServer) -> MailSite:
    return in_doubt(MailSite(tmp_path / "site", TEN, port=server.port))


def in_doubt(site: MailSite) -> MailSite:
    """A run made every intent durable, and died."""
    app = site.app()
    while batch := app.store.claim_batch("dead", site.now, site.now):
        rows = [(row.mailing, row.n) for row in app.store.claimed_deliveries(batch)]
        assert mark_sending(app.store, "dead", rows, site.now) == set(rows)
    app.store.release_dead_runs("", site.now, alone=True)
    app.close()
    return site


def ids(site: MailSite) -> dict[int, str]:
    app = site.app()
    mailing = app.store.mailing(1)
    assert mailing is not None
    found = {doubt.n: message_id(app.ring, mailing, doubt.n)[1] for doubt in app.store.unknown_deliveries(1)}
    app.close()
    return found


def lines(site: MailSite, n: int, end: str, minutes: int = 1) -> list[str]:
    """What Postfix writes about the n-th delivery."""
    at = (site.now + timedelta(minutes=minutes)).isoformat()
    client = f"{at} mx postfix/smtpd[7{n:02}]: {n:011X}: client=unknown[127.0.0.1]"
    named = f"{at} mx postfix/cleanup[900]: {n:011X}: message-id={ids(site)[n]}"
    queued = f"{at} mx postfix/qmgr[1]: {n:011X}: from=<news@harbour.example>, size=9, nrcpt=1 (queue active)"
    bounced = f"{at} mx postfix/smtp[5]: {n:011X}: to=<x@example.org>, dsn=5.1.1, status=bounced"
    bounced += " (host mx.example.org[192.0.2.1] said: 550 5.1.1 nobody here (in reply to RCPT TO command))"
    broken = f"{at} mx postfix/smtpd[7{n:02}]: lost connection after DATA (12 bytes) from unknown[127.0.0.1]"
    return {
        "taken": [client, named, queued],
        "bounced": [client, named, queued, bounced],
        "broken": [client, named, broken],
        "named": [client, named],
    }[end]


def a_log(site: MailSite, ends: dict[int, str], name: str = "mail.log", minutes: int = 1) -> Path:
    text = "\n".join(line for n, end in ends.items() for line in lines(site, n, end, minutes)) + "\n"
    file = site.folder.parent / name
    file.write_text("what is no line of a log\n" + text, encoding="utf-8")
    return file


def resolve(site: MailSite, *args: str, given: str | None = None) -> Result:
    at = ("--at", (site.now + timedelta(hours=1)).isoformat())
    command = ["mailings", "resolve", "1", *args, *at, "--site", str(site.folder)]
    result = CliRunner().invoke(publisher, command, input=given)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


ENDS = {1: "taken", 2: "taken", 3: "bounced", 4: "broken", 5: "named"}


def test_each_row_is_settled_as_the_log_proves_and_the_rest_stay_listed(
    site: MailSite, server: SmtpServer
) -> None:
    file = a_log(site, ENDS)
    dry = resolve(site, "--log", str(file), "--dry-run")
    assert "the log proves 2 accepted, 1 rejected, 1 not taken by the relay and queued again" in dry.stderr
    assert "nothing was changed" in dry.stderr
    assert "rejected  reader003@example.org  550 5.1.1 nobody here" in dry.stdout
    assert site.counts() == {"unknown": 10}

    said = resolve(site, "--log", str(file))
    assert "still unknown: 6 deliveries; a log that does not name a message" in said.stderr
    assert "from 2020-10-06 09:01 UTC to 2020-10-06 09:01 UTC" in said.stderr
    assert [line.split()[1] for line in said.stdout.splitlines()] == TEN[4:]
    assert site.counts() == {"accepted": 2, "rejected": 1, "queued": 1, "unknown": 6}
    app = site.app()
    assert dict(app.store.replies(1))["550 5.1.1 nobody here"] == 1
    assert dict(app.store.replies(1))["accepted, by the relay's log"] == 2
    app.close()
    site.deliver(minutes=120)
    assert [message.rcpt_to for message in server.accepted] == [TEN[3]], "what was never taken is sent"
    assert site.counts() == {"accepted": 3, "rejected": 1, "unknown": 6}
    resolve(site, "--log", str(a_log(site, dict.fromkeys(range(5, 11), "taken"))))
    assert site.counts() == {"accepted": 9, "rejected": 1}
    assert site.mailing().state is MailingState.DONE


def test_json_tells_what_came_of_it(site: MailSite) -> None:
    told = json.loads(resolve(site, "--log", str(a_log(site, ENDS)), "--json").stdout)
    assert told["resolved"] == {"accepted": 2, "rejected": 1, "queued": 1}
    assert (told["remaining"], told["dry_run"], told["counts"]["unknown"]) == (6, False, 6)
    assert told["log"]["lines"] == 16
    assert told["log"]["from"] == "2020-10-06T09:01:00Z"
    assert [row["address"] for row in told["in_doubt"]] == TEN[4:]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_logs_may_be_packed_and_rotated_and_come_in_any_order(site: MailSite, pack: object) -> None:
    whole = a_log(site, dict.fromkeys(range(1, 11), "taken")).read_bytes().splitlines(keepends=True)[1:]
    assert callable(pack)
    for cut in (1, 2, 14):
        old, new = site.folder.parent / "mail.log.1.packed", site.folder.parent / "mail.log"
        old.write_bytes(pack(b"".join(whole[:cut])))
        new.write_bytes(b"".join(whole[cut:]).replace(b"T09:01", b"T09:02"))
        read = resolve(site, "--log", str(new), "--log", str(old), "--dry-run", "--json")
        assert json.loads(read.stdout)["resolved"]["accepted"] == 10, cut
    read = resolve(site, "--log", "-", given=b"".join(whole).decode())
    assert "10 accepted" in read.stderr


def test_right_after_a_kill_no_run_is_needed_before(
    tmp_path: Path, server: SmtpServer, runner: Runner
) -> None:
    site = MailSite(tmp_path / "site", TEN, port=server.port, relay="connections = 1", batch=5)
    answer = runner.deliver(site.folder, site.now, step="committed", times=3)
    assert answer == {"code": -signal.SIGKILL}
    assert site.counts()["sending"] == 1
    app = site.app()
    mailing = app.store.mailing(1)
    assert mailing is not None
    taken = [message_id(app.ring, mailing, n)[1] for n in range(1, 11)]
    app.close()
    at = (site.now + timedelta(minutes=1)).isoformat()
    file = tmp_path / "mail.log"
    file.write_text(
        "".join(json.dumps({"time": at, "message_id": id, "event": "delivered"}) + "\n" for id in taken)
    )
    said = resolve(site, "--log", str(file)).stderr
    assert "the log proves 1 accepted" in said
    assert "unknown" not in site.counts()
    site.deliver(minutes=60)
    assert site.counts() == {"accepted": 10}
    assert len({message.rcpt_to for message in server.accepted}) == len(server.accepted) == 10


def test_only_whom_it_is_asked_about_is_settled(site: MailSite) -> None:
    resolve(site, "--log", str(a_log(site, ENDS)), "--only", TEN[1])
    assert site.counts() == {"accepted": 1, "unknown": 9}


def test_a_log_of_another_day_says_so_and_settles_nothing(site: MailSite) -> None:
    file = a_log(site, dict.fromkeys(range(1, 11), "taken"), minutes=-3 * 24 * 60)
    said = resolve(site, "--log", str(file)).stderr
    assert "the log proves nothing" in said
    assert "that is before this mailing began, at 2020-10-06 09:00 UTC: give a later log" in said
    assert site.counts() == {"unknown": 10}


def test_what_is_no_log_is_refused_and_what_is_damaged_changes_nothing(site: MailSite) -> None:
    odd = site.folder.parent / "odd"
    odd.write_bytes(b"\x00\xff" * 5_000 + b"\nthe quick brown fox\n")
    with pytest.raises(Refused, match=r"odd: holds no line of Postfix, of Exim or of JSON \(2 lines read\)"):
        resolve(site, "--log", str(odd))
    whole = gzip.compress(a_log(site, dict.fromkeys(range(1, 11), "taken")).read_bytes())
    odd.write_bytes(whole[:-20])
    with pytest.raises(SourceError, match=r"odd: is damaged after line \d+ .*; use a complete copy of it"):
        resolve(site, "--log", str(odd))
    with pytest.raises(UsageError, match="--log decides by itself; leave out --resend and --accept"):
        resolve(site, "--log", str(odd), "--accept")
    assert site.counts() == {"unknown": 10}


def test_a_restored_store_does_not_know_its_attempts_and_sends_nothing_again(
    tmp_path: Path, server: SmtpServer
) -> None:
    site = MailSite(tmp_path / "site", TEN, port=server.port)
    app = site.app()
    backup = tmp_path / "backup.tar"
    keeping.save(app, backup)
    app.close()
    site.deliver()
    app = site.app()
    keeping.restore(app, backup)
    app.close()
    app = site.app()
    keeping.reconcile_store(app, dry_run=False)
    app.close()
    assert site.counts() == {"unknown": 10}
    resolve(site, "--log", str(a_log(site, {1: "taken", 2: "broken"})))
    assert site.counts() == {"accepted": 1, "unknown": 9}


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as one:
        yield one


@pytest.mark.parametrize("passes", [1, 2, 3])
def test_a_resolve_that_is_killed_is_done_by_the_next(
    tmp_path: Path, runner: Runner, server: SmtpServer, passes: int
) -> None:
    """Between two parts of a few hundred; and a delivery between the two commands mails nobody twice."""
    site = in_doubt(MailSite(tmp_path / "site", readers(500), port=server.port, batch=50))
    every = {n: "broken" if n % 2 else "bounced" if n % 40 == 0 else "taken" for n in range(1, 481)}
    whole = ids(site)
    app = site.app()
    readers_of = {doubt.n: doubt.address for doubt in app.store.unknown_deliveries(1)}
    app.close()
    template = {end: "\n".join(lines(site, 1, end)) for end in ("taken", "bounced", "broken")}
    text = "".join(
        template[end]
        .replace(whole[1], whole[n])
        .replace(f"{1:011X}", f"{n:011X}")
        .replace("smtpd[701]", f"smtpd[7{n:04}]")
        + "\n"
        for n, end in every.items()
    )
    file = tmp_path / "mail.log"
    file.write_text(text, encoding="utf-8")
    later = site.now + timedelta(hours=1)
    answer = runner.act(
        site.folder, later, "resolves by log", "resolve:settled", "1", str(file), times=passes
    )
    assert answer == {"code": -signal.SIGKILL}
    assert 20 <= site.counts()["unknown"] < 500
    site.deliver(minutes=60)
    assert runner.act(site.folder, later, "resolves by log", "", "1", str(file)) == {"code": 0}
    site.deliver(minutes=60)
    assert site.counts() == {"accepted": 468, "rejected": 12, "unknown": 20}
    broken = [readers_of[n] for n, end in every.items() if end == "broken"]
    assert sorted(message.rcpt_to for message in server.accepted) == sorted(broken)
