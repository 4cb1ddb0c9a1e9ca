"""The SMTP client against a server that does its worst: for each message the one right outcome."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from smtp_sends import (
    ACCEPTED,
    DEFERRED,
    LONG,
    MESSAGE,
    REJECTED,
    SHORT,
    UNKNOWN,
    copies,
    relay,
    send,
    to,
)
from smtp_server import EXTENSIONS, Also, Drop, Rule, Say, Silence, SmtpServer, on, unused_port

from publisher.core.mail.message import Message, Outcome, Phase, SendVerdict
from publisher.transports.smtp import Smtp
from publisher.transports.smtp.transport import SmtpSession

pytestmark = pytest.mark.usefixtures("each_loop")


async def sessions(transport: Smtp, number: int) -> list[SmtpSession | Outcome]:
    """Sessions side by side, closed in the end."""
    made = [await transport.connect() for _ in range(number)]
    for session in made:
        if not isinstance(session, Outcome):
            await session.close()
    return made


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("step", "act", "verdict", "phase", "reply"),
    [
        ("connect", Say("421 4.3.2 not now", close=True), DEFERRED, Phase.CONNECT, "421 4.3.2 not now"),
        ("connect", Say("554 5.7.1 go away"), DEFERRED, Phase.CONNECT, "554 5.7.1 go away"),
        ("connect", Drop(), DEFERRED, Phase.CONNECT, "closed the connection"),
        ("connect", Silence(), DEFERRED, Phase.CONNECT, "no answer in 0.5 s"),
        ("connect", Say(b"HTTP/1.1 400 Bad Request\r\n"), DEFERRED, Phase.CONNECT, "sent no SMTP reply"),
        ("connect", Say(b"2" * 5000), DEFERRED, Phase.CONNECT, "a line without an end"),
        ("connect", Say(b"220-\r\n" * 300), DEFERRED, Phase.CONNECT, "a reply of more than 256 lines"),
        ("connect", Say(b"250 ok\r\n"), DEFERRED, Phase.CONNECT, "250 ok"),
        ("EHLO", Say("421 4.3.2 not now"), DEFERRED, Phase.CONNECT, "421 4.3.2 not now"),
        ("EHLO", Say(b"250-a\r\n220 b\r\n"), DEFERRED, Phase.CONNECT, "in the middle of a 250"),
        ("EHLO", Drop(), DEFERRED, Phase.CONNECT, "closed the connection"),
        ("MAIL", Say("451 4.3.0 later"), DEFERRED, Phase.SENDER, "451 4.3.0 later"),
        ("MAIL", Say("550 5.1.8 bad sender"), REJECTED, Phase.SENDER, "550 5.1.8 bad sender"),
        ("MAIL", Say("530 5.7.0 log in"), DEFERRED, Phase.SENDER, "530 5.7.0 log in"),
        ("MAIL", Say("421 4.3.2 bye", close=True), DEFERRED, Phase.SENDER, "421 4.3.2 bye"),
        ("MAIL", Say("354 what"), DEFERRED, Phase.SENDER, "answered out of step: 354 what"),
        ("MAIL", Say(b"ok\r\n"), DEFERRED, Phase.DATA, "sent no SMTP reply: b'ok'"),
        ("MAIL", Silence(), DEFERRED, Phase.DATA, "no answer in 0.5 s"),
        ("RCPT", Say("450 4.2.0 greylisted"), DEFERRED, Phase.RECIPIENT, "450 4.2.0 greylisted"),
        ("RCPT", Say("550 5.1.1 no such user"), REJECTED, Phase.RECIPIENT, "550 5.1.1 no such user"),
        ("RCPT", Say(b"550-5.1.1 no\r\n550 5.1.1 such\x07user\r\n"), REJECTED, Phase.RECIPIENT,
         "550 5.1.1 no such user"),
        ("RCPT", Say("354 go on"), DEFERRED, Phase.RECIPIENT, "answered out of step: 354 go on"),
        ("RCPT", Drop(), DEFERRED, Phase.DATA, "closed the connection"),
        ("DATA", Say("451 4.3.0 full"), DEFERRED, Phase.DATA, "451 4.3.0 full"),
        ("DATA", Say("554 5.7.1 spam"), REJECTED, Phase.DATA, "554 5.7.1 spam"),
        ("DATA", Say("250 ok"), DEFERRED, Phase.DATA, "answered out of step: 250 ok"),
        ("DATA", Drop(), DEFERRED, Phase.DATA, "closed the connection"),
        ("DATA", Silence(), DEFERRED, Phase.DATA, "no answer in 0.5 s"),
    ],
)  # fmt: skip
def test_what_goes_wrong_before_the_end_was_never_delivered(
    step: str, act: object, verdict: SendVerdict, phase: Phase, reply: str, pipelining: bool
) -> None:
    extensions = EXTENSIONS if pipelining else EXTENSIONS[1:]
    with SmtpServer(on(step, act), extensions=extensions) as server:  # type: ignore[arg-type]
        (outcome,) = send(server, MESSAGE, timeout=SHORT if isinstance(act, Silence) else LONG)
        assert (outcome.verdict, outcome.phase) == (verdict, phase)
        assert reply in outcome.reply
        assert "\n" not in outcome.reply
        assert server.accepted == []


@pytest.mark.parametrize(
    ("rule", "verdict", "reply", "taken"),
    [
        (on("dot", Say("250 2.0.0 Ok")), ACCEPTED, "250 2.0.0 Ok", 0),
        (on("taken", Say("250-2.6.0 <a@b>\r\n250 2.6.0 Queued")), ACCEPTED, "250 2.6.0 <a@b> Queued", 1),
        (on("taken", Say("252 2.0.0 perhaps")), ACCEPTED, "252 2.0.0 perhaps", 1),
        (on("dot", Say("451 4.3.0 later")), DEFERRED, "451 4.3.0 later", 0),
        (on("dot", Say("421 4.3.2 bye", close=True)), DEFERRED, "421 4.3.2 bye", 0),
        (on("dot", Say("554 5.7.1 spam")), REJECTED, "554 5.7.1 spam", 0),
        (on("dot", Drop()), UNKNOWN, "closed the connection", 0),
        (on("taken", Drop()), UNKNOWN, "closed the connection", 1),
        (on("taken", Say(b"what now\r\n")), UNKNOWN, "sent no SMTP reply: b'what now'", 1),
        (on("taken", Say(b"250-yes\r\n", close=True)), UNKNOWN, "closed the connection", 1),
        (on("taken", Say(b"250" + b"x" * 9000)), UNKNOWN, "sent no SMTP reply: a line without", 1),
        (on("taken", Say("354 more")), UNKNOWN, "answered out of step: 354 more", 1),
    ],
)
def test_what_goes_wrong_after_the_end_is_in_doubt_unless_the_server_says(
    rule: Rule, verdict: SendVerdict, reply: str, taken: int
) -> None:
    with SmtpServer(rule) as server:
        (outcome,) = send(server, MESSAGE)
        assert (outcome.verdict, outcome.phase) == (verdict, Phase.END)
        assert reply in outcome.reply
        assert len(server.accepted) == taken


@pytest.mark.parametrize(
    "act", [Also(b"250 2.0.0 queued\r\n"), Also(b"554 5.0.0 no\r\n"), Also(b"250 half"), Drop()]
)
def test_an_answer_before_the_end_counts_for_nothing_and_the_message_is_not_ended(act: object) -> None:
    with SmtpServer(on("body", act)) as server:  # type: ignore[arg-type]

        async def work() -> Outcome:
            session = await Smtp([relay(server.port)]).connect()
            assert not isinstance(session, Outcome)
            assert await session.offer(MESSAGE) is None
            while session._connection is not None and session._connection.idle:  # until its word has come
                await asyncio.sleep(0)
            return await session.commit()

        outcome = asyncio.run(work())
        assert (outcome.verdict, outcome.phase) == (DEFERRED, Phase.DATA)
        assert outcome.reply.endswith("replied, or closed the connection, before the end of the message")
        assert server.accepted == []


@pytest.mark.parametrize("ahead", [False, True])
def test_a_refused_message_leaves_the_line_good_for_the_next(ahead: bool) -> None:
    rules = [
        on("MAIL", Say("550 5.1.8 no"), nth=1),
        on("RCPT", Say("550 5.1.1 no"), recipient="r2@example.org"),
        on("dot", Say("554 5.6.0 no"), nth=1),
    ]
    with SmtpServer(*rules) as server:
        outcomes = send(server, *copies(5), ahead=ahead)
        assert [o.verdict for o in outcomes] == [REJECTED, REJECTED, REJECTED, ACCEPTED, ACCEPTED]
        assert [m.rcpt_to for m in server.accepted] == ["r4@example.org", "r5@example.org"]
        assert server.connections == 1


@pytest.mark.parametrize("ahead", [False, True])
def test_a_server_that_wants_the_data_of_nobody_gets_none(ahead: bool) -> None:
    """RCPT refused, yet 354: ending the data would send an empty mail; the line is closed instead."""
    with SmtpServer(on("RCPT", Also(b"550 5.1.1 no\r\n"), nth=1)) as server:
        outcomes = send(server, *copies(2), ahead=ahead)
        assert [o.verdict for o in outcomes] == [REJECTED, ACCEPTED]
        assert [m.rcpt_to for m in server.accepted] == ["r2@example.org"]
        assert server.connections == 2


@pytest.mark.parametrize("act", [Drop(), Say("421 4.4.2 idle", close=True), Say("421 4.7.0 enough messages")])
@pytest.mark.parametrize("ahead", [False, True])
def test_a_line_that_rested_too_long_is_opened_anew_and_nobody_waits_for_it(act: object, ahead: bool) -> None:
    with SmtpServer(on("MAIL", act, nth=3)) as server:  # type: ignore[arg-type]
        outcomes = send(server, *copies(4), ahead=ahead)
        assert [o.verdict for o in outcomes] == [ACCEPTED] * 4
        assert [m.rcpt_to for m in server.accepted] == [f"r{n}@example.org" for n in (1, 2, 3, 4)]
        assert server.connections == 2


@pytest.mark.parametrize("ahead", [False, True])
def test_a_server_that_says_goodbye_between_messages_is_called_again(ahead: bool) -> None:
    with SmtpServer(on("taken", Say("250 ok\r\n421 4.4.2 bye", close=True), nth=1)) as server:
        assert [o.verdict for o in send(server, *copies(2), ahead=ahead)] == [ACCEPTED, ACCEPTED]
        assert server.connections == 2


@pytest.mark.parametrize("ahead", [False, True])
def test_a_line_that_breaks_again_at_once_defers(ahead: bool) -> None:
    with SmtpServer(on("MAIL", Drop(), nth=2), on("MAIL", Drop(), nth=3)) as server:
        outcomes = send(server, *copies(3), ahead=ahead)
        assert [o.verdict for o in outcomes] == [ACCEPTED, DEFERRED, ACCEPTED]


def test_the_next_message_begins_with_the_end_of_the_last_where_the_server_can_take_that() -> None:
    for extensions in (EXTENSIONS, ()):
        with SmtpServer(extensions=extensions) as server:
            outcomes = send(server, *copies(3), ahead=True)
            assert [o.verdict for o in outcomes] == [ACCEPTED] * 3
            assert [m.rcpt_to for m in server.accepted] == [f"r{n}@example.org" for n in (1, 2, 3)]
            verbs = [line.split()[0] for line in server.commands]
            assert verbs == ["EHLO", *(["MAIL", "RCPT", "DATA"] * 3), "QUIT"]


@pytest.mark.parametrize(
    ("act", "verdict"), [(Drop(), UNKNOWN), (Say("451 4.3.0 no"), DEFERRED), (Say("421 4.3.2 bye"), DEFERRED)]
)
def test_what_was_begun_is_not_lost_with_the_message_before_it(act: object, verdict: SendVerdict) -> None:
    with SmtpServer(on("dot", act, nth=2)) as server:  # type: ignore[arg-type]
        outcomes = send(server, *copies(4), ahead=True)
        assert [o.verdict for o in outcomes] == [ACCEPTED, verdict, ACCEPTED, ACCEPTED]
        assert [m.rcpt_to for m in server.accepted] == [f"r{n}@example.org" for n in (1, 3, 4)]


def test_a_server_that_loses_what_comes_with_the_end_is_given_it_after_the_answer() -> None:
    """Some throw away what stands behind the dot: the one message waits once, the others no more."""
    with SmtpServer(on("MAIL", Silence(), nth=2)) as server:
        outcomes = send(server, *copies(5), ahead=True, timeout=SHORT)
        assert [o.verdict for o in outcomes] == [ACCEPTED] * 5
        assert server.connections == 2


def test_what_was_begun_for_one_message_is_never_used_for_another() -> None:
    first, second, third = copies(3)

    async def work(port: int) -> list[Outcome | None]:
        session = await Smtp([relay(port)]).connect()
        assert not isinstance(session, Outcome)
        found = [await session.offer(first), await session.commit(second)]
        found += [await session.offer(third), await session.commit(second)]
        await session.drop()
        found += [await session.offer(third), await session.commit(second)]
        await session.close()
        return found

    with SmtpServer() as server:
        found = asyncio.run(work(server.port))
        assert [o and o.verdict for o in found] == [None, ACCEPTED] * 3
        assert [m.rcpt_to for m in server.accepted] == ["r1@example.org", "r3@example.org", "r3@example.org"]


def test_commands_go_together_only_where_the_server_can_take_them_so() -> None:
    with SmtpServer(on("MAIL", Say("451 4.0.0 no"))) as server:
        send(server, MESSAGE)
        assert [line.split()[0] for line in server.commands] == [
            "EHLO",
            "MAIL",
            "RCPT",
            "DATA",
            "RSET",
            "QUIT",
        ]
    with SmtpServer(on("MAIL", Say("451 4.0.0 no")), extensions=()) as server:
        send(server, MESSAGE)
        assert [line.split()[0] for line in server.commands] == ["EHLO", "MAIL", "RSET", "QUIT"]


def test_the_envelope_carries_what_the_server_offers_and_nothing_else() -> None:
    with SmtpServer() as server:
        send(server, MESSAGE)
        assert server.commands[1:4] == [
            "MAIL FROM:<news@example.com> SIZE=22 RET=HDRS ENVID=000012-00000345",
            "RCPT TO:<ana@example.org> ORCPT=rfc822;ana@example.org",
            "DATA",
        ]
    with SmtpServer(extensions=()) as server:
        send(server, MESSAGE)
        assert server.commands[1:4] == ["MAIL FROM:<news@example.com>", "RCPT TO:<ana@example.org>", "DATA"]


def test_the_client_names_itself_by_its_address() -> None:
    with SmtpServer() as server:
        send(server, MESSAGE)
        assert server.commands[0] == "EHLO [127.0.0.1]"


def test_a_server_without_ehlo_is_spoken_to_in_its_own_way() -> None:
    with SmtpServer(on("EHLO", Say("502 5.5.1 what?"))) as server:
        assert [o.verdict for o in send(server, MESSAGE)] == [ACCEPTED]
        assert server.commands[:3] == ["EHLO [127.0.0.1]", "HELO [127.0.0.1]", "MAIL FROM:<news@example.com>"]


@pytest.mark.parametrize(
    ("extensions", "message", "phase", "why"),
    [
        ((), to("ខ្មែរ@example.org"), Phase.DATA, "the address has letters that this server cannot take (it"),
        ((), to("ខ្មែរ@example.org", "né@example.com"), Phase.SENDER, "the sender's address has letters"),
        ((), to("ana@example.org", "né@example.com"), Phase.SENDER, "the sender's address has letters"),
        (("8BITMIME",), replace(MESSAGE, data="From: é\r\n\r\n".encode()), Phase.SENDER, "no SMTPUTF8"),
        (("SMTPUTF8",), replace(MESSAGE, data="X: x\r\n\r\né\r\n".encode()), Phase.SENDER, "no 8BITMIME"),
        (("SIZE 10",), MESSAGE, Phase.SENDER, "the message has 22 octets, the server takes 10"),
        ((), to("a> b@x.org"), Phase.DATA, "cannot be written"),
    ],
)
def test_what_a_server_cannot_take_is_not_tried(
    extensions: Sequence[str], message: Message, phase: Phase, why: str
) -> None:
    """And it is not the reader's fault, unless it is the reader's address."""
    with SmtpServer(extensions=extensions) as server:
        (outcome,) = send(server, message)
        assert (outcome.verdict, outcome.phase) == (REJECTED, phase)
        assert why in outcome.reply
        assert len(server.commands) == 2, "EHLO and QUIT"


def test_letters_beyond_ascii_go_where_the_server_knows_them() -> None:
    address = replace(MESSAGE.envelope, rcpt_to="ខ្មែរ@example.org")
    message = replace(MESSAGE, envelope=address, data="To: ខ្មែរ@example.org\r\n\r\nx\r\n".encode())
    with SmtpServer() as server:
        assert [o.verdict for o in send(server, message)] == [ACCEPTED]
        (taken,) = server.accepted
        assert taken.rcpt_to == "ខ្មែរ@example.org"
        assert taken.rcpt_words == ("ORCPT=utf-8;ខ្មែរ@example.org",)
        assert taken.mail_words[1:3] == ("BODY=8BITMIME", "SMTPUTF8")
        assert taken.data == message.data


@pytest.mark.parametrize(
    "data",
    [
        b".\r\n", b"a\r\n.\r\nb\r\n", b"..\r\n", b"a\n.\nb\r\n", b"a\r.\rb\r\n", b"a\n.\r\nb\r\n", b"no end",
        b"", (b"x" * 70 + b"\r\n") * 60_000,
    ],
)  # fmt: skip
def test_no_line_of_a_message_ends_it(data: bytes) -> None:
    """Not even for a server that takes a lone LF for the end of a line."""
    messages = [replace(MESSAGE, data=data), MESSAGE]
    with SmtpServer() as server:
        assert [o.verdict for o in send(server, *messages)] == [ACCEPTED, ACCEPTED]
        first, second = server.accepted
        assert second.data == MESSAGE.data
        if b"\n." not in data.replace(b"\r\n.", b"") and b"\r." not in data:
            assert first.data == (data if data.endswith(b"\r\n") else data + b"\r\n")
        assert len(server.accepted) == 2


def test_a_dropped_message_was_never_ended_and_the_session_goes_on() -> None:
    async def work(server: SmtpServer) -> Outcome:
        session = await Smtp([relay(server.port)]).connect()
        assert not isinstance(session, Outcome)
        first, second = copies(2)
        assert await session.offer(first) is None
        await session.drop()
        assert await session.offer(second) is None
        outcome = await session.commit()
        await session.close()
        return outcome

    with SmtpServer() as server:
        assert asyncio.run(work(server)).verdict is ACCEPTED
        assert [m.rcpt_to for m in server.accepted] == ["r2@example.org"]


def test_two_offers_at_once_are_a_broken_promise() -> None:
    async def work(server: SmtpServer) -> None:
        session = await Smtp([relay(server.port)]).connect()
        assert not isinstance(session, Outcome)
        await session.offer(MESSAGE)
        with pytest.raises(RuntimeError, match=r"^offer before the last message was committed or dropped$"):
            await session.offer(MESSAGE)
        await session.close()

    with SmtpServer() as server:
        asyncio.run(work(server))


def test_no_more_lines_are_open_than_a_relay_is_given() -> None:
    async def work(server: SmtpServer) -> list[object]:
        transport = Smtp([relay(server.port, connections=2)])
        return await sessions(transport, 3)

    with SmtpServer() as server:
        *_, third = asyncio.run(work(server))
        assert third == Outcome(verdict=DEFERRED, reply="every connection is in use", phase=Phase.CONNECT)
        assert server.most_open == 2


def test_several_relays_share_by_weight_and_one_that_fails_is_stood_in_for() -> None:
    with SmtpServer() as big, SmtpServer() as small, unused_port() as nobody:
        relays = [
            relay(small.port, connections=10),
            relay(big.port, connections=10, weight=3),
            relay(nobody, connections=10, weight=50),
        ]
        transport = Smtp(relays)
        assert transport.connections == 30
        asyncio.run(sessions(transport, 8))
        assert (big.connections, small.connections) == (6, 2)


def test_where_no_relay_can_be_reached_the_last_reason_is_told() -> None:
    with unused_port() as nobody:
        outcome = asyncio.run(Smtp([relay(nobody)]).connect())
    assert isinstance(outcome, Outcome)
    assert (outcome.verdict, outcome.phase) == (DEFERRED, Phase.CONNECT)
    assert outcome.reply.startswith(f"127.0.0.1:{nobody}: ")
    assert "refused" in outcome.reply


def test_a_transport_without_a_relay_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"^no relay$"):
        Smtp([])
