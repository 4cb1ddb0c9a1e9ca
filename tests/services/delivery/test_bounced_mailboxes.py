"""Mailboxes that refuse what they are sent: when they are mailed no more, and when it was the relay."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from mailsite import MailSite, readers
from smtp_server import Rule, Say, SmtpServer, on

from publisher.core.delivery.bounces import Severity
from publisher.core.delivery.holds import MailingCommand
from publisher.core.delivery.mailing import MailingHold, MailingState
from publisher.services.operations import mailings
from publisher.services.subscribers import departures, signup
from publisher.services.subscribers.departures import key_of

GONE = "550 5.1.1 no such user"
FULL = "552 5.2.2 mailbox full"
FIRST = "reader001@example.org"


def gone(reader: str = FIRST, words: str = GONE) -> Rule:
    return on("RCPT", Say(words), recipient=reader)


def next_digest(site: MailSite, days: float = 1) -> None:
    """A post of some days later, and its digest sent."""
    site.now += timedelta(days=days)
    site.post(f"post{site.now:%m%d%H%M}.md")
    site.deliver()


def kinds(site: MailSite, address: str = FIRST) -> list[str]:
    """What keeps mail from an address."""
    app = site.app()
    found = [kind for _, kind, _ in app.store.suppressions_of(key_of(app.ring, address))]
    app.close()
    return found


def about(site: MailSite, address: str = FIRST) -> dict[str, Any]:
    app = site.app()
    found = departures.export_data(app.deps, address)
    app.close()
    return found


def test_a_mailbox_that_is_gone_is_mailed_no_more_after_two_mailings(tmp_path: Path) -> None:
    with SmtpServer(gone()) as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port)
        site.deliver()
        assert (kinds(site), about(site)["refusals_left"]) == ([], {"hard": 1, "soft": 5})
        next_digest(site)
        assert kinds(site) == ["bounce"]
        next_digest(site)
    assert site.counts(2) == {"accepted": 2, "rejected": 1}
    assert site.counts(3) == {"accepted": 2}, "it was not even planned"
    assert [one["state"] for one in about(site)["subscriptions"]] == ["active"], "the reader did not leave"
    journal = (site.folder / ".publisher/journal").read_text()
    assert journal.count('"kind":"bounce"') == 1


def test_two_refusals_within_a_day_are_one(tmp_path: Path) -> None:
    with SmtpServer(gone()) as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port)
        site.now += timedelta(hours=20)  # the mailing waits that long, the next one does not
        site.deliver()
        next_digest(site, days=0.5)
        assert kinds(site) == []
        next_digest(site)
        assert kinds(site) == ["bounce"]


def test_however_often_a_mailing_is_tried_it_counts_once(tmp_path: Path) -> None:
    with SmtpServer(on("RCPT", Say("452 4.2.2 over quota"), recipient=FIRST)) as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port)
        site.deliver()
        for wait in (1, 5, 30, 120, 720):
            site.deliver(minutes=wait)
    assert site.counts() == {"accepted": 2, "rejected": 1}
    [one] = about(site)["refusals"]
    assert (one["severity"], one["counts"]) == (Severity.SOFT, True)
    assert about(site)["refusals_left"] == {"hard": 2, "soft": 4}


def test_a_mailbox_in_trouble_is_mailed_no_more_after_five_mailings_in_thirty_days(tmp_path: Path) -> None:
    with SmtpServer(gone(words=FULL)) as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port)
        site.deliver()
        for left in (3, 2, 1):
            next_digest(site, days=2)
            assert (kinds(site), about(site)["refusals_left"]["soft"]) == ([], left)
        next_digest(site)
        assert kinds(site) == ["bounce"]


def test_a_message_that_is_taken_ends_what_counted_softly(tmp_path: Path) -> None:
    with SmtpServer(gone(words=FULL)) as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port)
        site.deliver()
        next_digest(site)
        server.rules = ()
        next_digest(site)
        assert about(site)["refusals"] == []
        server.rules = (gone(words=FULL),)
        for _ in range(4):
            next_digest(site)
        assert (kinds(site), about(site)["refusals_left"]["soft"]) == ([], 1)


def test_what_is_not_about_the_mailbox_never_counts(tmp_path: Path) -> None:
    with SmtpServer() as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port)
        for words in ("550 5.7.1 user's policy forbids it", "550 5.4.4 Host not found", "550 no"):
            server.rules = (gone(words=words),)
            next_digest(site)
            assert about(site)["refusals"] == []


def test_limits_are_the_sites(tmp_path: Path) -> None:
    with SmtpServer(gone()) as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port,
                        mail="[mail.bounces]\nhard_limit = 1")  # fmt: skip
        site.deliver()
    assert kinds(site) == ["bounce"]


@pytest.mark.parametrize("number", [6, 15, 100])
def test_when_very_many_are_refused_it_is_the_relay_and_nobody_is_suppressed(
    number: int, tmp_path: Path
) -> None:
    with SmtpServer(gone()) as server:
        site = MailSite(tmp_path / "site", readers(number), port=server.port, relay="connections = 2")
        site.deliver()
        server.rules = (on("RCPT", Say(GONE)),)
        next_digest(site)
        held = site.mailing(2)
        assert (held.state, held.hold) == (MailingState.PAUSED, MailingHold.REFUSALS)
        assert held.counts.get("rejected", 0) <= 24
        assert "mailboxes refused it" in held.hold_why
        assert [kinds(site, reader) for reader in site.addresses] == [[]] * number
        server.rules = ()
        _order(site, 2)
        site.deliver()
    assert site.mailing(2).state is MailingState.DONE
    assert [kinds(site, reader) for reader in site.addresses] == [[]] * number
    assert [one["counts"] for one in about(site)["refusals"]] == [True, False]


def test_an_operator_may_say_that_the_mailboxes_really_are_gone(tmp_path: Path) -> None:
    with SmtpServer(on("RCPT", Say(GONE))) as server:
        site = MailSite(tmp_path / "site", readers(8), port=server.port)
        for id in (1, 2):
            next_digest(site) if id == 2 else site.deliver()
            assert site.mailing(id).hold is MailingHold.REFUSALS
            _order(site, id, count_refusals=True)
    assert [kinds(site, reader) for reader in site.addresses] == [["bounce"]] * 8
    assert site.mailing(2).state is MailingState.DONE


def test_refusals_of_a_mailing_that_waits_are_decided_when_it_has_been_tried(tmp_path: Path) -> None:
    later = on("RCPT", Say("450 4.2.0 later"), recipient="reader002@example.org")
    with SmtpServer(gone(), later) as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port)
        site.deliver()
        assert site.mailing().state is MailingState.READY
        assert [one["counts"] for one in about(site)["refusals"]] == [True], "what is deferred was tried"
        app = site.app()
        mailings.apply_command(app.deps, 1, MailingCommand.CANCEL, site.now)
        app.close()
        next_digest(site)
    assert kinds(site) == ["bounce"]


def test_erasing_a_reader_forgets_what_they_refused(tmp_path: Path) -> None:
    with SmtpServer(gone()) as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port)
        site.deliver()
    app = site.app()
    departures.erase(app.deps, FIRST, site.now)
    assert app.store.refusals_of(key_of(app.ring, FIRST)) == []
    app.close()


def test_an_operator_who_allows_an_address_lifts_the_suppression_and_it_starts_anew(tmp_path: Path) -> None:
    with SmtpServer(gone()) as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port)
        site.deliver()
        next_digest(site)
        assert kinds(site) == ["bounce"]
        app = site.app()
        assert signup.allow(app.deps, FIRST, site.now) == ["bounce"]
        app.close()
        assert (kinds(site), about(site)["refusals"]) == ([], [])
        next_digest(site)
        assert site.counts(3) == {"accepted": 2, "rejected": 1}, "it is mailed again"
        assert kinds(site) == [], "and one refusal is the first"
        server.rules = ()
        next_digest(site)
    assert site.counts(4) == {"accepted": 3}


def test_refusals_are_forgotten_in_their_time(tmp_path: Path) -> None:
    rules = (gone(), gone("reader002@example.org", FULL))
    with SmtpServer(*rules) as server:
        site = MailSite(tmp_path / "site", readers(3), port=server.port)
        site.deliver()
        site.deliver(minutes=31 * 24 * 60)
        assert len(about(site)["refusals"]) == 1
        assert about(site, "reader002@example.org")["refusals"] == []
        site.deliver(minutes=150 * 24 * 60)
        assert about(site)["refusals"] == []


def _order(site: MailSite, id: int, *, count_refusals: bool = False) -> None:
    app = site.app()
    mailings.apply_command(app.deps, id, MailingCommand.RESUME, site.now, count_refusals=count_refusals)
    app.close()
