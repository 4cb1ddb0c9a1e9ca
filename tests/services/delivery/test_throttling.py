"""How a real mail server's behaviour slows, stops and pauses mail; no reader pays for a server that fails."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from mailsite import START, MailSite, readers, settled
from smtp_server import Act, Drop, Moment, Say, SmtpServer, on, unused_port

from publisher.core.delivery.holds import MailingCommand
from publisher.core.delivery.mailing import MailingHold, MailingState

TWENTY = readers(20)


def test_a_server_that_cannot_be_reached_pauses_the_mailing_and_costs_no_attempt(tmp_path: Path) -> None:
    with unused_port() as port:
        site = MailSite(tmp_path / "site", TWENTY, port=port)
        tally = site.deliver()
        assert (tally.total, "the server fails" in tally.held) == (0, True)
        held = site.mailing()
        assert (held.state, held.hold) == (MailingState.PAUSED, MailingHold.SERVER)
        assert held.hold_until == START + timedelta(minutes=1)
        assert (site.counts(), set(site.attempts())) == ({"queued": 20}, {0})
        assert site.deliver(minutes=0.5).held == (
            f"the server fails: 127.0.0.1:{port}: connection refused; it is tried again at "
            "2020-10-06 09:01 UTC, or at once after `publisher mailings resume`"
        )
        site.deliver(minutes=0.5)
        assert site.mailing().hold_until == START + timedelta(minutes=3)
    with SmtpServer(port=port) as server:
        assert site.deliver(minutes=2).accepted == 20
        assert len(server.accepted) == 20
    assert site.mailing().state is MailingState.DONE
    assert set(site.attempts()) == {1}


def test_a_login_that_fails_pauses_the_mailing_and_a_resume_tries_at_once(tmp_path: Path) -> None:
    with SmtpServer(users={"news": "right"}) as server:
        relay = 'username = "news"\npassword = "wrong"'
        site = MailSite(tmp_path / "site", TWENTY, port=server.port, relay=relay)
        assert site.deliver().total == 0
        assert "535" in site.mailing().hold_why
        text = (site.folder / "publisher.toml").read_text()
        (site.folder / "publisher.toml").write_text(text.replace("wrong", "right"))
        assert site.deliver().total == 0
        site.app().store.apply_command(1, MailingCommand.RESUME, site.now)
        assert site.deliver().accepted == 20
    assert set(site.attempts()) == {1}


@pytest.mark.parametrize(
    ("extensions", "why"),
    [
        ((), "the sender's address has letters"),
        (("SMTPUTF8", "8BITMIME", "SIZE 1000"), "the server takes 1,000"),
    ],
)
def test_what_a_server_can_take_of_nobody_pauses_that_mailing_and_rejects_nobody(
    extensions: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    with SmtpServer(extensions=extensions) as server:
        site = MailSite(tmp_path / "site", TWENTY, port=server.port)
        text = (site.folder / "publisher.toml").read_text()
        (site.folder / "publisher.toml").write_text(text.replace("<news@", "<né@"))
        site.app().store.apply_command(1, MailingCommand.CANCEL, site.now)
        site.now += timedelta(days=1)
        site.post("another.md")
        site.deliver()
    held = site.mailing(2)
    assert (held.state, held.hold, why in held.hold_why) == (MailingState.PAUSED, MailingHold.SERVER, True)
    assert site.counts(2) == {"queued": 20}
    assert set(site.attempts()) == {0}


def test_a_sender_the_server_refuses_pauses_that_mailing_and_rejects_nobody(tmp_path: Path) -> None:
    with SmtpServer(on("MAIL", Say("550 5.7.1 not from you"))) as server:
        site = MailSite(tmp_path / "site", TWENTY, port=server.port)
        site.deliver()
    held = site.mailing()
    assert (held.state, held.hold, "not from you" in held.hold_why) == (
        MailingState.PAUSED,
        MailingHold.SERVER,
        True,
    )
    assert (site.counts(), set(site.attempts())) == ({"queued": 20}, {0})


@pytest.mark.parametrize(
    "refusal",
    [Say("550 5.7.1 your IP is blocked"), Say("450 4.7.1 not now"), Say("421 4.3.2 bye", close=True), Drop()],
)
def test_a_relay_that_refuses_us_holds_nothing_while_another_takes_mail(refusal: Act, tmp_path: Path) -> None:
    with SmtpServer(on("MAIL", refusal)) as failing, SmtpServer() as good:
        other = f'\n[[mail.relays]]\nhost = "127.0.0.1"\nsecurity = "none"\nport = {failing.port}\n'
        relay = f"connections = 2\n{other}connections = 6\nweight = 3"
        site = MailSite(tmp_path / "site", readers(60), port=good.port, relay=relay)
        tally = site.deliver()
        assert (tally.accepted, tally.held, len(good.accepted), failing.accepted) == (60, "", 60, [])
        assert 1 <= failing.connections <= 6, "each line tries it once"
    assert site.mailing().state is MailingState.DONE
    assert set(site.attempts()) == {1}


def test_a_storm_of_5xx_stops_after_a_few_and_burns_almost_nobody(tmp_path: Path) -> None:
    many = [f"r{n}@d{n}.example.org" for n in range(200)]
    with SmtpServer(on("dot", Say("554 5.7.1 looks like spam"))) as server:
        site = MailSite(tmp_path / "site", many, port=server.port, relay="connections = 4")
        site.deliver()
        first = site.counts()
        assert site.mailing().hold is MailingHold.SERVER
        assert first.get("rejected", 0) == 0
        assert Counter(site.attempts())[0] >= 200 - 20 - 4
        site.deliver(minutes=1)
        assert server.accepted == []
    with SmtpServer() as good:
        text = (site.folder / "publisher.toml").read_text()
        (site.folder / "publisher.toml").write_text(text.replace(str(server.port), str(good.port)))
        site.deliver(minutes=10)
        site.deliver(minutes=10)
    assert site.counts() == {"accepted": 200}


def test_a_domain_that_defers_is_left_alone_and_the_others_are_not_held_up(tmp_path: Path) -> None:
    slow, quick = readers(30, "slow.example"), readers(30, "quick.example")

    def tired(moment: Moment) -> Act | None:
        if moment.step == "RCPT" and "@slow.example>" in moment.line:
            return Say("451 4.7.1 too fast")
        return None

    with SmtpServer(tired) as server:
        mixed = [address for pair in zip(slow, quick, strict=True) for address in pair]
        site = MailSite(tmp_path / "site", mixed, port=server.port)
        tally = site.deliver()
        assert tally.accepted == 30
        asked = sum("@slow.example" in line for line in server.commands)
        assert 5 <= asked <= 5 + 4
        tried = Counter(site.attempts())
        assert tried[0] == 30 - asked
        server.rules = ()
        site.deliver(minutes=1)
        site.deliver(minutes=5)
        assert site.counts() == {"accepted": 60}


def test_a_deferred_message_waits_1_5_30_120_and_720_minutes_and_the_sixth_is_final(tmp_path: Path) -> None:
    with SmtpServer(on("RCPT", Say("450 4.2.0 greylisted"))) as server:
        site = MailSite(tmp_path / "site", ["ann@example.org"], port=server.port)
        for wait in (0, 1, 5, 30, 120):
            assert site.deliver(minutes=wait).deferred == 1
            assert site.deliver().total == 0
        assert site.deliver(minutes=719).total == 0
        assert site.deliver(minutes=1).rejected == 1
        app = site.app()
        assert app.store.replies(1) == [("given up after 6 attempts: 450 4.2.0 greylisted", 1)]
    assert site.mailing().state is MailingState.DONE


def test_lines_that_die_at_the_dot_stop_the_run_before_all_is_in_doubt(tmp_path: Path) -> None:
    with SmtpServer(on("dot", Drop())) as server:
        site = MailSite(tmp_path / "site", readers(100), port=server.port, relay="connections = 2")
        site.deliver()
    assert site.counts()["unknown"] <= 3 + 2
    assert site.mailing().hold is MailingHold.SERVER
    assert settled(site.mailing())


def test_a_server_that_gives_fewer_connections_than_wished_gets_all_over_those(tmp_path: Path) -> None:
    def two_only(moment: Moment) -> Act | None:
        crowded = moment.step == "connect" and moment.connection > 2
        return Say("421 4.7.0 too many connections", close=True) if crowded else None

    with SmtpServer(two_only) as server:
        site = MailSite(tmp_path / "site", readers(40), port=server.port, relay="connections = 6")
        assert site.deliver().accepted == 40
    assert site.counts() == {"accepted": 40}


def test_quiet_hours_hold_a_digest_until_their_end(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TWENTY, mail='quiet_hours = "08:30-10:00"')
    site.deliver()
    held = site.mailing()
    assert (held.hold, held.hold_until) == (MailingHold.QUIET, START + timedelta(hours=1))
    assert set(site.attempts()) == {0}
    assert site.deliver(minutes=60).accepted == 20


def test_a_new_sender_sends_so_many_a_day_and_the_rest_the_next_days(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", TWENTY, mail='warm_up = {from = "2020-10-06", days = [5, 8]}')
    assert site.deliver().accepted == 5
    held = site.mailing()
    assert (held.hold, held.hold_until) == (MailingHold.WARM_UP, START.replace(hour=0) + timedelta(days=1))
    assert set(Counter(site.attempts())) == {0, 1}
    assert site.deliver(minutes=60).accepted == 0
    assert site.deliver(minutes=24 * 60).accepted == 8
    assert site.deliver(minutes=24 * 60).accepted == 7


CANARY = 'canary = {share = "10%", limit = "20%", over = 100}'


def test_a_sample_goes_first_and_when_it_is_well_received_the_rest_follows(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(300), mail=CANARY, batch=20)
    app = site.app()
    first = app.store.claim_batch("test", site.now, site.now + timedelta(minutes=1))
    assert first is not None
    assert first.canary
    assert 10 <= _sampled(site) <= 60
    app.close()
    assert site.deliver().accepted == 300


def _sampled(site: MailSite) -> int:
    app = site.app()
    sample = app.store.canary_sample(1)
    app.close()
    return sample.untried + sample.settled


def test_a_sample_that_is_refused_holds_the_rest_until_an_operator_decides(tmp_path: Path) -> None:
    with SmtpServer(on("RCPT", Say("550 5.1.1 nobody here"))) as server:
        site = MailSite(tmp_path / "site", readers(300), port=server.port, mail=CANARY, batch=20)
        size = _sampled(site)
        assert site.deliver().rejected == size
        held = site.mailing()
        assert (held.hold, held.hold_until) == (MailingHold.CANARY, None)
        assert held.hold_why == f"{size} of the first {size} were refused: look at the replies"
        server.rules = ()
        assert site.deliver(minutes=600).total == 0
        site.app().store.apply_command(1, MailingCommand.RESUME, site.now)
        assert site.deliver().accepted == 300 - size


def test_a_few_readers_have_no_canary(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(99), mail=CANARY)
    assert not site.mailing().canary
    assert _sampled(site) == 0


def test_each_domain_with_limits_has_batches_of_its_own(tmp_path: Path) -> None:
    addresses = [*readers(7, "gmail.com"), *readers(9), *readers(3, "web.de"), *readers(2, "notgmail.com")]
    limits = 'per_domain = {"gmail.com" = {connections = 1}, "web.de" = {rate = 1000}}'
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", addresses, port=server.port, relay=limits, batch=5)
        app = site.app()
        taken = []
        while batch := app.store.claim_batch("test", site.now, site.now):
            taken.append((batch.group, batch.hi - batch.lo + 1))
        app.close()
        assert sorted(taken) == [("", 1), ("", 5), ("", 5), ("gmail.com", 2), ("gmail.com", 5), ("web.de", 3)]
        assert site.deliver().accepted == 21


def test_a_mailing_paused_by_another_process_stops_before_the_next_message(tmp_path: Path) -> None:
    site: MailSite

    def pause(moment: Moment) -> Act | None:
        if moment.step == "taken" and moment.nth == 3:
            app = site.app()
            app.store.apply_command(1, MailingCommand.PAUSE, site.now)
            app.close()
        return None

    with SmtpServer(pause) as server:
        site = MailSite(tmp_path / "site", TWENTY, port=server.port, relay="connections = 1")
        assert site.deliver().accepted == 3
        assert site.counts() == {"accepted": 3, "queued": 17}
        assert Counter(site.attempts()) == {1: 3, 0: 17}
        server.rules = ()
        site.app().store.apply_command(1, MailingCommand.CANCEL, site.now)
        assert site.deliver().total == 0
    assert site.counts() == {"accepted": 3, "cancelled": 17}


@pytest.mark.parametrize("step", ["MAIL", "DATA"])
def test_a_reader_who_leaves_while_the_mailing_is_sent_gets_nothing(tmp_path: Path, step: str) -> None:
    site: MailSite

    def leave(moment: Moment) -> Act | None:
        if moment.step == step and moment.nth == 3:
            app = site.app()
            for subscription in list(app.store.subscriptions("daily", None))[2:5]:
                app.store.unsubscribe(subscription.id, subscription.generation, site.now)
            app.close()
        return None

    with SmtpServer(leave) as server:
        site = MailSite(tmp_path / "site", TWENTY, port=server.port, relay="connections = 1")
        tally = site.deliver()
        assert (tally.accepted, tally.skipped) == (17, 3)
        assert not {message.rcpt_to for message in server.accepted} & set(TWENTY[2:5])


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_small_batches_are_all_sent_however_fast_their_lane_runs_empty(tmp_path: Path, batch: int) -> None:
    site = MailSite(tmp_path / "site", readers(60), batch=batch)
    assert site.deliver().accepted == 60


def test_a_canary_that_is_off_samples_nobody_however_many_readers_fill_a_chunk(tmp_path: Path) -> None:
    site = MailSite(tmp_path / "site", readers(10_050), mail='canary = "off"')
    assert not site.mailing().canary
    assert _sampled(site) == 0


def test_a_server_without_tls_pauses_the_mailing_and_gets_no_message_without_it(tmp_path: Path) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", TWENTY, port=server.port)
        text = (site.folder / "publisher.toml").read_text()
        (site.folder / "publisher.toml").write_text(text.replace('"none"', '"starttls"'))
        site.deliver()
        assert not [line for line in server.commands if line.startswith("MAIL")]
    assert site.mailing().hold is MailingHold.SERVER
    assert (site.counts(), set(site.attempts())) == ({"queued": 20}, {0})
