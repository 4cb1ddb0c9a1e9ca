"""What a server may cost: memory that is bounded, waits that end. What it said out of turn is never used."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from smtp_sends import ACCEPTED, DEFERRED, MESSAGE, REJECTED, SHORT, copies, send
from smtp_server import Deaf, Hold, Say, SmtpServer, on

from publisher.core.mail.message import Phase
from publisher.transports.smtp.connection import ConnectionLost, SmtpConnection
from publisher.transports.smtp.protocol import MAX_UNREAD, ReplyReader

pytestmark = pytest.mark.usefixtures("each_loop")


class Wire(asyncio.Transport):
    """A connection of which a test tells how much of what was said has left."""

    def __init__(self, sizes: Iterator[int]) -> None:
        super().__init__()
        self.sizes, self.aborted = sizes, False

    def get_write_buffer_size(self) -> int:
        return next(self.sizes)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def abort(self) -> None:
        self.aborted = True


def line_on(wire: Wire, loop: asyncio.AbstractEventLoop, patience: float = 0.05) -> SmtpConnection:
    line = SmtpConnection("relay", patience, loop)
    line.connection_made(wire)
    return line


def test_a_server_that_takes_a_message_slowly_is_waited_for_as_long_as_it_takes_some() -> None:
    async def work() -> int:
        sizes = [90, 60, 60, 30, 30, 10, 10, 10]  # before each wait, and after it
        left = iter(sizes)
        line = line_on(Wire(left), asyncio.get_running_loop())
        line.pause_writing()
        with pytest.raises(ConnectionLost, match=r"^relay: no answer in 0\.05 s$"):
            await line.flushed(60)
        return len(list(left))

    assert asyncio.run(work()) == 0


def test_a_server_that_takes_no_more_of_a_message_is_left() -> None:
    """And the intent is not made while most of it is still here."""
    hold = Hold()
    large = replace(MESSAGE, data=(b"x" * 70 + b"\r\n") * 600_000)
    with SmtpServer(on("body", hold)) as server:
        (outcome,) = send(server, large, timeout=SHORT)
        hold.go.set()
        assert (outcome.verdict, outcome.phase) == (DEFERRED, Phase.DATA)
        assert outcome.reply.endswith("no answer in 0.5 s")


def test_replies_that_nobody_asked_for_end_the_line_before_they_fill_the_memory() -> None:
    async def work() -> None:
        wire = Wire(iter(()))
        line = line_on(wire, asyncio.get_running_loop())
        line.data_received(b"250 more\r\n" * MAX_UNREAD)
        assert not wire.aborted
        line.data_received(b"250 more\r\n")
        assert (wire.aborted, line.dead) == (True, True)

    asyncio.run(work())


def test_the_longest_replies_take_little_memory() -> None:
    data = b"".join(b"250-" + b"x" * 2000 + b"\r\n" for _ in range(255)) + b"250 x\r\n"
    (reply,) = ReplyReader().feed(data)
    assert sum(map(len, reply.lines)) * MAX_UNREAD < 2**20 + 2**16


def test_an_answer_to_ehlo_that_came_before_it_is_none() -> None:
    with SmtpServer(on("connect", Say("220 hello\r\n250-me\r\n250 SIZE 1"))) as server:
        (outcome,) = send(server, MESSAGE)
        assert (outcome.verdict, outcome.phase) == (DEFERRED, Phase.CONNECT)
        assert outcome.reply.endswith("sent an unexpected reply")
        assert server.commands == []


@pytest.mark.parametrize("ahead", ["250 2.1.0 ok", "250 ok\r\n250 ok\r\n354 go on", "250 half"])
def test_answers_to_a_message_that_came_before_it_are_none(ahead: str) -> None:
    with SmtpServer(on("EHLO", Say(f"250-me\r\n250 PIPELINING\r\n{ahead}"), nth=1)) as server:
        assert [o.verdict for o in send(server, MESSAGE)] == [ACCEPTED]
        assert [m.connection for m in server.accepted] == [2]


def test_a_server_that_refuses_the_reset_is_called_again() -> None:
    rules = [on("RCPT", Say("550 5.1.1 no"), nth=1), on("RSET", Say("500 5.5.1 what?"), nth=1)]
    with SmtpServer(*rules) as server:
        assert [o.verdict for o in send(server, *copies(2))] == [REJECTED, ACCEPTED]
        assert server.connections == 2


def test_a_server_that_goes_on_to_the_data_of_nobody_is_left() -> None:
    rules = [on("RCPT", Say("550 5.1.1 no"), nth=1), on("nobody", Say("354 go on"), nth=1)]
    with SmtpServer(*rules) as server:
        assert [o.verdict for o in send(server, *copies(2))] == [REJECTED, ACCEPTED]
        assert [m.rcpt_to for m in server.accepted] == ["r2@example.org"]
        assert server.connections == 2
        assert "RSET" not in server.commands


def test_a_line_whose_server_said_421_is_not_used_again() -> None:
    with SmtpServer(on("dot", Say("421 4.3.2 bye"), nth=1)) as server:
        assert [o.verdict for o in send(server, *copies(2))] == [DEFERRED, ACCEPTED]
        assert server.connections == 2


def test_a_server_that_throws_away_what_stands_behind_the_end_is_given_nothing_there_again() -> None:
    with SmtpServer(on("taken", Deaf())) as server:
        assert [o.verdict for o in send(server, *copies(4), ahead=True, timeout=SHORT)] == [ACCEPTED] * 4
        assert server.connections == 2


@pytest.mark.parametrize("code", [530, 534, 535, 538])
def test_a_line_whose_login_is_not_enough_is_not_used_again(code: int) -> None:
    """RFC 4954 6: nothing is asked for on it any more, and a new line may log in as it must."""
    with SmtpServer(on("MAIL", Say(f"{code} 5.7.0 log in"), nth=1)) as server:
        outcomes = send(server, *copies(2), connections=1)
        assert [(one.verdict, one.phase) for one in outcomes] == [
            (DEFERRED, Phase.SENDER),
            (ACCEPTED, Phase.END),
        ]
        assert (server.connections, "RSET" in server.commands) == (2, False)
