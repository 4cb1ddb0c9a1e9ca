"""A server that refuses us, whoever the reader is: no reader pays, and it stops before it costs much."""

from pathlib import Path

import pytest
from mailsite import MailSite, readers
from smtp_server import Act, Moment, Say, SmtpServer, on

from publisher.core.delivery.mailing import MailingHold

CANARY = 'canary = {share = "10%", limit = "20%", over = 100}'


@pytest.mark.parametrize("step", ["RCPT", "DATA", "dot"])
@pytest.mark.parametrize(
    "words", ["550 blocked", "554 spam", "553 5.7.1 <news@harbour.example>: Sender address rejected"]
)
def test_a_server_that_refuses_us_in_each_answer_costs_no_reader_a_rejection(
    step: str, words: str, tmp_path: Path
) -> None:
    with SmtpServer(on(step, Say(words))) as server:
        site = MailSite(tmp_path / "site", readers(40, "one.example") + readers(40, "two.example"),
                        port=server.port, relay="connections = 2")  # fmt: skip
        tally = site.deliver()
        assert (tally.rejected, tally.failed, site.mailing().hold) == (0, True, MailingHold.SERVER)
        assert 5 <= tally.deferred <= 5 + 2 * 2, "what was under way on two lines may follow"
        assert words[:11] in site.mailing().hold_why
        server.rules = (on("RCPT", Say("550 5.1.1 no such user"), recipient="reader030@two.example"),)
        for _ in range(4):
            site.deliver(minutes=10)
    assert site.counts() == {"accepted": 79, "rejected": 1}


def test_one_reader_for_whom_we_are_refused_holds_up_nobody_and_is_given_up_in_the_end(
    tmp_path: Path,
) -> None:
    blocked = on("RCPT", Say("554 5.7.1 blocked"), recipient="reader003@example.org")
    with SmtpServer(blocked) as server:
        site = MailSite(tmp_path / "site", readers(20), port=server.port)
        tally = site.deliver()
        assert (tally.accepted, tally.deferred, tally.held) == (19, 1, "")
        for wait in (1, 5, 30, 120, 720):
            site.deliver(minutes=wait)
    assert site.counts() == {"accepted": 19, "rejected": 1}


def test_a_sample_that_is_refused_because_of_us_holds_the_rest_though_nobody_of_it_is_rejected(
    tmp_path: Path,
) -> None:
    def some(moment: Moment) -> Act | None:
        return Say("554 5.7.1 spam") if moment.step == "dot" and moment.nth % 3 == 0 else None

    with SmtpServer(some) as server:
        addresses = [f"r{n}@d{n}.example" for n in range(300)]
        site = MailSite(tmp_path / "site", addresses, port=server.port, mail=CANARY, batch=20)
        tally = site.deliver()
    assert (tally.rejected, site.mailing().hold) == (0, MailingHold.CANARY)
    assert "were refused" in tally.held
