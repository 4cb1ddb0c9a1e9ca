"""What `deliver`, `publish` and `mailings` tell a person, and what their exit codes tell a timer."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mailsite import START, MailSite, readers
from smtp_server import Act, Drop, Moment, Say, SmtpServer, on, unused_port
from stores import mark_sending

from publisher.cli import publisher
from publisher.core.delivery.holds import MailingCommand
from publisher.core.delivery.mailing import MailingHold

ASKED = "replies for the recipients it refused: `publisher mailings show ID`\n"
AT = START.isoformat()


def run(site: MailSite, *args: str, code: int = 0, at: str = AT) -> Result:
    clock = () if args[:2] == ("mailings", "show") or args[0] == "status" else ("--at", at)
    result = CliRunner().invoke(publisher, [*args, *clock, "--site", str(site.folder)])
    assert result.exit_code == code, result.output
    return result


def test_a_server_that_cannot_be_reached_is_no_success_until_it_can(tmp_path: Path) -> None:
    with unused_port() as port:
        site = MailSite(tmp_path / "site", readers(3), port=port)
        words = f"held: the server fails: 127.0.0.1:{port}: connection refused; it is tried again at "
        words += "2020-10-06 09:01 UTC, or at once after `publisher mailings resume`\n"
        assert run(site, "deliver", code=1).stderr == words
        assert run(site, "deliver", code=1).stderr == words, "not tried again yet, which is no success either"
        assert json.loads(run(site, "deliver", "--json", code=1).stdout)["held"] == words[6:-1]
        assert run(site, "publish", code=1).stderr == f"nothing new\n{words}"
        assert json.loads(run(site, "publish", "--json", code=1).stdout)["delivered"]["held"] == words[6:-1]
        assert run(site, "publish", "--no-mail").exit_code == 0
    with SmtpServer(port=port) as server:
        run(site, "mailings", "resume", "1")
        assert run(site, "deliver").stderr == "delivered: 3 accepted\n"
        assert len(server.accepted) == 3


@pytest.mark.parametrize("step", ["MAIL", "dot"])
def test_a_server_that_fails_in_the_middle_is_no_success(step: str, tmp_path: Path) -> None:
    def fail(moment: Moment) -> Act | None:
        if moment.step == step and moment.nth > 5:
            return Say("550 5.7.1 not from you") if step == "MAIL" else Drop()
        return None

    with SmtpServer(fail) as server:
        site = MailSite(tmp_path / "site", readers(40), port=server.port, relay="connections = 1")
        assert "5 accepted" in run(site, "deliver", code=1).stderr


def test_as_long_as_a_mailing_waits_for_a_server_that_refused_it_nothing_is_a_success(tmp_path: Path) -> None:
    with SmtpServer(on("MAIL", Say("550 5.7.1 not from you"))) as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port)
        for _ in range(2):
            said = run(site, "deliver", code=1).stderr
            assert "held: mailing 1: 550 5.7.1 not from you; goes on by itself at 2020-10-06 09:01" in said
        said = run(site, "publish", code=1).stderr
        assert said.startswith("nothing new\nheld: mailing 1: 550 5.7.1 not from you; goes on by itself")
        held = json.loads(run(site, "deliver", "--json", code=1).stdout)["held"]
        assert held.startswith("mailing 1: 550 5.7.1 not from you")


def test_a_server_that_took_nobody_is_no_success_and_its_words_are_told(tmp_path: Path) -> None:
    with SmtpServer(on("RCPT", Say("554 5.7.1 blocked"))) as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port)
        assert run(site, "deliver", code=1).stderr == (
            f"delivered: 3 deferred\n{ASKED}"
            "held: the server took no message: 554 5.7.1 blocked; they are tried again later\n"
        )
        server.rules = (on("RCPT", Say("554 5.7.1 blocked"), recipient="reader002@example.org"),)
        again = run(site, "deliver", at="2020-10-06T09:01:00Z").stderr
        assert again == f"delivered: 2 accepted, 1 deferred\n{ASKED}"


@pytest.mark.parametrize("connections", [1, 4])
def test_a_server_that_wants_a_login_is_told_by_its_own_words(connections: int, tmp_path: Path) -> None:
    with SmtpServer(on("MAIL", Say("530 5.7.0 Must issue a STARTTLS command first"))) as server:
        relay = f"connections = {connections}"
        site = MailSite(tmp_path / "site", readers(40), port=server.port, relay=relay)
        said = run(site, "deliver", code=1).stderr
        assert said.startswith("held: the server fails: 530 5.7.0 Must issue a STARTTLS command first; it is")
        assert server.most_open <= connections


@pytest.mark.parametrize("refusal", [None, Say("550 5.7.1 not from you"), Drop()])
def test_a_relay_that_others_stand_in_for_is_named(refusal: Act | None, tmp_path: Path) -> None:
    rules = [on("MAIL", refusal)] if refusal else []
    with unused_port() as nobody, SmtpServer(*rules) as bad, SmtpServer() as good:
        port = bad.port if refusal else nobody
        other = f'\n[[mail.relays]]\nhost = "127.0.0.1"\nsecurity = "none"\nport = {port}\n'
        site = MailSite(tmp_path / "site", readers(40), port=good.port, relay=other)
        said = run(site, "deliver").stderr
        why = refusal.words if isinstance(refusal, Say) else "closed the connection"
        why = why if refusal else "connection refused"
        fails = f"relay 127.0.0.1:{port} fails: {why}; the other relays take over\n"
        assert said == f"delivered: 40 accepted\n{fails}"
        site.now += timedelta(days=1)
        site.post("more.md")
        shown = json.loads(run(site, "deliver", "--json", at=site.now.isoformat()).stdout)
        assert (shown["accepted"], shown["failing_relays"]) == (40, {f"127.0.0.1:{port}": why})


def test_where_no_mail_waits_a_server_that_failed_is_no_failure(tmp_path: Path) -> None:
    with unused_port() as port:
        site = MailSite(tmp_path / "site", readers(3), port=port)
        run(site, "deliver", code=1)
        run(site, "mailings", "pause", "1")
        run(site, "deliver")
        run(site, "mailings", "cancel", "1", "--yes")
        run(site, "deliver")


def test_readers_that_are_refused_or_deferred_are_no_failure_of_the_run(tmp_path: Path) -> None:
    with SmtpServer(
        on("RCPT", Say("550 5.1.1 nobody"), nth=1), on("RCPT", Say("450 4.2.0 later"), nth=2)
    ) as s:
        site = MailSite(tmp_path / "site", readers(3), port=s.port, relay="connections = 1")
        assert run(site, "deliver").stderr == f"delivered: 1 accepted, 1 rejected, 1 deferred\n{ASKED}"
        assert run(site, "deliver").stderr == "nothing is due before 2020-10-06 09:01 UTC\n"


def test_when_nothing_is_due_what_is_held_is_named_with_what_to_do(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(3), mail='quiet_hours = "08:30-10:00"')
    quiet = "held: mailing 1: quiet hours; goes on by itself at 2020-10-06 10:00 UTC\n"
    assert run(site, "deliver").stderr == quiet
    assert run(site, "deliver").stderr == f"nothing is due before 2020-10-06 10:00 UTC\n{quiet}"
    paused = run(site, "mailings", "pause", "1").stderr
    assert paused == "mailing 1 is paused (operator): 3 queued\n"
    held = "mailing 1: paused by an operator; `publisher mailings resume 1` continues it\n"
    assert run(site, "deliver").stderr == f"nothing is due\nheld: {held}"
    assert f"held      {held[11:]}" in run(site, "mailings", "show", "1").stdout
    assert f"0 of 3, held (operator): {held[11:]}" in run(site, "status").stdout
    resumed = run(site, "mailings", "resume", "1").stderr
    assert resumed.startswith("mailing 1 is ready: 3 queued\n`publisher run` continues")


def test_a_digest_that_awaits_approval_is_said_to_when_it_is_planned(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(3))
    file = site.folder / "publisher.toml"
    file.write_text(file.read_text().replace('at = "08:00"', 'at = "08:00"\napprove = true'))
    (site.folder / "posts" / "more.md").write_text("---\ntitle: More\ndate: 2020-10-06\n---\nWords.\n")
    said = run(site, "publish", "--send", "daily").stderr
    assert "held: mailing 2: awaits approval; `publisher mailings approve 2` sends it\n" in said
    run(site, "mailings", "approve", "2")
    assert run(site, "deliver").stderr == "delivered: 3 accepted\n"


def test_of_many_mailings_that_are_held_three_are_named(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(3))
    app = site.app()
    for n in range(2, 6):
        site.post(f"{n}.md")
        app.publish(send=["daily"])
    for id in range(1, 6):
        app.store.apply_command(id, MailingCommand.PAUSE, site.now)
    app.close()
    lines = run(site, "deliver").stderr.splitlines()
    assert [line[:16] for line in lines[1:4]] == [f"held: mailing {id}:" for id in (5, 4, 3)]
    assert lines[4:] == ["held: 2 more mailings; `publisher status` names them"]


def test_a_sample_that_is_refused_is_told_at_once(tmp_path: Path) -> None:
    with SmtpServer(on("RCPT", Say("550 5.1.1 nobody here"))) as server:
        canary = 'canary = {share = "10%", limit = "20%", over = 100}'
        site = MailSite(tmp_path / "site", readers(300), port=server.port, mail=canary)
        said = run(site, "deliver").stderr
        assert site.mailing().hold is MailingHold.CANARY
        assert "were refused: look at the replies; `publisher mailings resume 1` sends the rest" in said


def test_what_is_in_doubt_says_why_and_how_to_decide(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(3))
    site.deliver()
    site.post("two.md")
    app = site.app()
    app.publish(send=["daily"])
    batch = app.store.claim_batch("dead", site.now, site.now)
    assert batch is not None
    mark_sending(app.store, "dead", [(2, 1), (2, 2)], site.now)
    app.store.release_dead_runs("mine", site.now, alone=True)
    app.close()
    shown = run(site, "mailings", "show", "2").stdout
    assert "since 2020-10-06 09:00 UTC  the run ended before the answer\n" in shown
    assert "decide    `publisher mailings resolve 2 --log FILE`, --accept or --resend\n" in shown
    run(site, "mailings", "resolve", "2", "--accept")
    shown = run(site, "mailings", "show", "2").stdout
    assert "2  taken for accepted by the operator\n" in shown
    assert "decide" not in shown
    assert "taken for accepted" not in run(site, "mailings", "show", "1").stdout
