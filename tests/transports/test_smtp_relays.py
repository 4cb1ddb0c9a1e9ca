"""Several relays: how long one that failed is asked last, and when it has its share again."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from smtp_sends import ACCEPTED, DEFERRED, MESSAGE, REJECTED, UNKNOWN, copies, relay, send, sent
from smtp_server import Drop, Rule, Say, SmtpServer, on

from publisher.core.delivery.relays import MailProvider
from publisher.core.mail.message import Outcome, Phase
from publisher.transports.smtp import Smtp, transport


class Clock:
    """The loop's time, as a test sets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(transport, "asyncio", SimpleNamespace(get_running_loop=lambda: self))

    def time(self) -> float:
        return self.now


def asked(relays: Smtp, server: SmtpServer) -> bool:
    """Whether the next line was first wanted from that server. It is closed again."""
    before = server.connections

    async def work() -> None:
        session = await relays.connect()
        assert not isinstance(session, Outcome)
        await session.close()
        await asyncio.sleep(0)  # the line's end is seen by the loop

    asyncio.run(work())
    return server.connections > before


def test_a_relay_that_failed_is_asked_last_twice_as_long_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    with SmtpServer(on("connect", Drop())) as failing, SmtpServer() as good:
        relays = Smtp([relay(good.port), relay(failing.port, weight=50)])
        rest = transport.FIRST_REST
        for _ in range(8):
            assert asked(relays, failing)
            clock.now += rest - 0.1
            assert not asked(relays, failing), f"it rests {rest} s"
            clock.now += 0.2
            rest = min(2 * rest, transport.LONGEST_REST)
        assert rest == transport.LONGEST_REST


def test_a_relay_that_answers_again_has_its_share_and_a_clean_record(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)
    rules = [on("connect", Drop(), nth=1), on("connect", Drop(), nth=2), on("connect", Drop(), nth=4)]
    with SmtpServer(*rules) as moody, SmtpServer() as good:
        relays = Smtp([relay(good.port), relay(moody.port, weight=50)])
        assert asked(relays, moody)
        clock.now += 16
        assert asked(relays, moody)
        clock.now += 31
        assert asked(relays, moody), "the third time it answers"
        assert asked(relays, moody), "and is asked first at once; now it fails once more"
        clock.now += 16
        assert asked(relays, moody), "which counts as its first failure"


def test_bytes_beyond_ascii_are_announced_for_any_reader() -> None:
    """RFC 6152 3: BODY=8BITMIME."""
    message = replace(MESSAGE, data="Subject: x\r\n\r\né\r\n".encode())
    with SmtpServer() as server:
        send(server, message, MESSAGE)
        first, second = (taken.mail_words for taken in server.accepted)
        assert "BODY=8BITMIME" in first
        assert "SMTPUTF8" not in first
        assert "BODY=8BITMIME" not in second


@pytest.mark.parametrize(
    "bad",
    [
        on("MAIL", Say("450 4.7.1 not now")),
        on("MAIL", Say("550 5.7.1 your IP is blocked")),
        on("MAIL", Say("530 5.7.0 log in")),
        on("MAIL", Say("421 4.3.2 bye", close=True)),
        on("MAIL", Drop()),
    ],
)
def test_a_relay_that_refuses_us_is_stood_in_for_by_another(bad: Rule) -> None:
    with SmtpServer(bad) as failing, SmtpServer() as good:
        relays = Smtp([relay(good.port), relay(failing.port, weight=50)])
        outcomes = sent(relays, *copies(3))
        assert {outcome.verdict for outcome in outcomes} == {ACCEPTED}
        assert [taken.rcpt_to for taken in good.accepted] == [f"r{n}@example.org" for n in (1, 2, 3)]
        assert failing.connections == 1
        assert failing.accepted == []


def test_a_message_too_large_for_one_relay_goes_through_another() -> None:
    with SmtpServer(extensions=("SIZE 10",)) as small, SmtpServer() as good:
        relays = Smtp([relay(good.port), relay(small.port, weight=50)])
        assert [outcome.verdict for outcome in sent(relays, MESSAGE)] == [ACCEPTED]


def test_where_every_relay_refuses_us_each_is_asked_once() -> None:
    rule = on("MAIL", Say("550 5.7.1 not from you"))
    with SmtpServer(rule) as one, SmtpServer(rule) as other:
        (outcome,) = sent(Smtp([relay(one.port), relay(other.port)]), MESSAGE)
        assert (outcome.verdict, outcome.phase) == (REJECTED, Phase.SENDER)
        assert (one.connections, other.connections) == (1, 1)


def test_a_line_that_broke_after_the_end_is_in_doubt_and_the_next_message_takes_another_relay() -> None:
    with SmtpServer(on("dot", Drop())) as failing, SmtpServer() as good:
        relays = Smtp([relay(good.port), relay(failing.port, weight=50)])
        assert [outcome.verdict for outcome in sent(relays, *copies(2))] == [UNKNOWN, ACCEPTED]
        assert [taken.rcpt_to for taken in good.accepted] == ["r2@example.org"]


def test_a_relay_that_rests_is_not_asked_while_another_is_only_busy() -> None:
    with SmtpServer(on("MAIL", Say("450 4.7.1 not now"))) as failing, SmtpServer() as good:
        relays = Smtp([relay(good.port, connections=1), relay(failing.port, weight=50)])

        async def work() -> Outcome | None:
            first, second = await relays.connect(), await relays.connect()
            assert not isinstance(first, Outcome)
            assert not isinstance(second, Outcome)
            assert await first.offer(MESSAGE) is None  # through the good one: that is all its lines
            refused = await second.offer(MESSAGE)
            await first.drop()
            await second.close()
            return refused

        busy = Outcome(verdict=DEFERRED, reply="every connection is in use", phase=Phase.CONNECT)
        assert asyncio.run(work()) == busy


def test_a_relay_of_a_provider_gets_a_label_and_every_other_the_same_bytes_as_before() -> None:
    labels = {
        None: b"",
        MailProvider.SES: b"",
        MailProvider.POSTMARK: b"X-PM-Metadata-publisher: 12.345.0123456789abcdef\r\n",
        MailProvider.SENDGRID: b'X-SMTPAPI: {"unique_args": {"publisher": "12.345.0123456789abcdef"}}\r\n',
    }
    message = replace(MESSAGE, message_id="<12.345.0123456789abcdef@example.org>")
    for provider, label in labels.items():
        with SmtpServer() as server:
            both = message, replace(message, key="2")
            outcomes = send(server, *both, ahead=True, provider=provider)
            assert [outcome.verdict for outcome in outcomes] == [ACCEPTED, ACCEPTED]
            for taken in server.accepted:
                assert taken.data == label + message.data, provider
                assert f"SIZE={len(taken.data)}" in taken.mail_words
