"""Relays that take so many messages an hour or a day: never more, over restarts and several processes."""

import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from killing import Runner
from mailsite import RELAY, MailSite, readers
from smtp_server import Say, SmtpServer, on

from publisher.core.delivery.mailing import MailingHold, MailingState
from publisher.services.subscribers.signup import sign_up


def test_no_more_go_in_an_hour_and_the_rest_goes_when_its_time_has_come(tmp_path: Path) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", readers(25), port=server.port, relay="per_hour = 10")
        tally = site.deliver()
        assert (tally.accepted, tally.failed, len(server.accepted)) == (10, False, 10)
        held = site.mailing()
        assert (held.state, held.hold) == (MailingState.PAUSED, MailingHold.QUOTA)
        assert held.hold_until == site.now + timedelta(hours=1)
        assert f"127.0.0.1:{server.port} takes 10 an hour; it goes on at 2020-10-06 10:00 UTC" in tally.held
        assert site.deliver(minutes=59).accepted == 0, "every process that starts anew keeps it"
        assert site.deliver(minutes=1).accepted == 10
        assert site.deliver(minutes=60).accepted == 5
    assert Counter(message.rcpt_to for message in server.accepted) == Counter(site.addresses)
    assert set(site.attempts()) == {1}, "who waited lost no attempt"


def test_a_day_is_any_twenty_four_hours(tmp_path: Path) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", readers(9), port=server.port, relay="per_hour = 2\nper_day = 5")
        sent = [site.deliver(minutes=60 * (hour > 0)).accepted for hour in range(26)]
    assert sent == [2, 2, 1, *[0] * 21, 2, 2]


def test_what_is_refused_before_it_went_is_not_counted(tmp_path: Path) -> None:
    rules = (on("RCPT", Say("550 5.1.1 no"), recipient="reader001@example.org"),
             on("RCPT", Say("450 4.2.0 later"), recipient="reader002@example.org"))  # fmt: skip
    with SmtpServer(*rules) as server:
        most = "per_hour = 4\nconnections = 1"
        site = MailSite(tmp_path / "site", readers(6), port=server.port, relay=most)
        assert site.deliver().accepted == 4
    assert site.counts() == {"accepted": 4, "rejected": 1, "queued": 1}


def test_another_relay_with_room_goes_on_alone(tmp_path: Path) -> None:
    with SmtpServer() as small, SmtpServer() as large:
        more = f'per_hour = 3\nconnections = 1\n{RELAY}security = "none"\nport = {large.port}\n'
        site = MailSite(tmp_path / "site", readers(12), port=small.port, relay=more + "connections = 1")
        tally = site.deliver()
        assert (tally.accepted, tally.held) == (12, "")
        assert len(small.accepted) <= 3
        assert len(small.accepted) + len(large.accepted) == 12


def test_mail_that_somebody_waits_for_is_of_the_same_quota(tmp_path: Path) -> None:
    with SmtpServer() as server:
        site = MailSite(
            tmp_path / "site", readers(5), port=server.port, relay="per_hour = 3\nconnections = 1"
        )
        assert site.deliver().accepted == 3
        app = site.app()
        sign_up(app.deps, [app.settings.lists[0]], "new@example.org", "", site.now)
        tally, _ = app.deliver()
        assert tally.accepted == 0
        [relay] = app.status()["relays"]
        app.close()
        assert (relay["sent_in_hour"], relay["per_hour"]) == (3, 3)
        assert relay["goes_on"] == site.now + timedelta(hours=1)
        assert site.deliver(minutes=60).accepted == 3
        assert server.accepted[3].rcpt_to == "new@example.org", "and first when it goes on"


@pytest.fixture(scope="module")
def runners() -> Iterator[list[Runner]]:
    with Runner() as one, Runner() as two, Runner() as three:
        yield [one, two, three]


def test_processes_that_deliver_at_the_same_time_keep_one_quota_together(
    tmp_path: Path, runners: list[Runner]
) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", readers(90), port=server.port,
                        relay="per_hour = 40\nconnections = 3", batch=5)  # fmt: skip
        app = site.app()
        app.close()
        codes: list[object] = []

        def run(runner: Runner, name: str) -> None:
            codes.append(runner.deliver(site.folder, site.now, among=name))

        threads = [threading.Thread(target=run, args=(one, f"r{n}")) for n, one in enumerate(runners)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert codes == [{"code": 0}] * 3
        assert 30 <= len(server.accepted) <= 40, "what one reserved, the others leave alone"
        for _ in range(4):
            site.deliver(minutes=61)
        assert Counter(message.rcpt_to for message in server.accepted) == Counter(site.addresses)


def test_after_a_kill_what_was_reserved_counts_as_sent(tmp_path: Path, runners: list[Runner]) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", readers(30), port=server.port, relay="per_hour = 8")
        for _ in range(6):
            runners[0].deliver(site.folder, site.now, step="committed", times=1)
        site.deliver()
        assert len(server.accepted) <= 8
        site.deliver(minutes=61)
        assert len(server.accepted) <= 16
