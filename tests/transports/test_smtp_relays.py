"""Several relays: how long one that failed is asked last, and when it has its share again."""

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from smtp_sends import MESSAGE, relay, send
from smtp_server import Drop, SmtpServer, on

from publisher.core.messages import Outcome
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
