"""Replies, abilities and commands as bytes: whatever comes, however it is cut; smtplib is the oracle."""

import re
import smtplib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from smtp_server import SmtpServer

from publisher.core.mail.message import Envelope, Message
from publisher.transports.smtp.protocol import (
    MAX_LINE,
    ProtocolError,
    ReplyReader,
    ServerExtensions,
    ServerRefusal,
    SmtpReply,
    dot_stuffed,
    envelope,
    mask_credentials,
    parse_extensions,
    xtext,
)

codes = st.integers(200, 599)
texts = st.text("abc 2.0\t-<>é", max_size=30)


def written(code: int, lines: Sequence[str], end: str = "\r\n") -> bytes:
    last = len(lines) - 1
    return "".join(f"{code}{'-' if n < last else ' '}{line}{end}" for n, line in enumerate(lines)).encode()


def read(data: bytes, cuts: Sequence[int] = ()) -> list[SmtpReply]:
    """What a reader makes of `data` that arrives cut at those places."""
    reader, found, at = ReplyReader(), list[SmtpReply](), 0
    for cut in [*sorted(cuts), len(data)]:
        found += reader.feed(data[at:cut])
        at = max(at, cut)
    assert not reader.unfinished
    return found


@given(
    st.lists(st.tuples(codes, st.lists(texts, min_size=1, max_size=4)), min_size=1, max_size=4),
    st.lists(st.integers(0, 200)),
    st.sampled_from(["\r\n", "\n"]),
)
def test_replies_are_read_however_they_are_cut(
    replies: list[tuple[int, list[str]]], cuts: list[int], end: str
) -> None:
    data = b"".join(written(code, lines, end) for code, lines in replies)
    found = read(data, [cut for cut in cuts if cut <= len(data)])
    assert [(reply.code, [re.sub(r"\t+", " ", line).strip() for line in reply.lines]) for reply in found] == [
        (code, [re.sub(r"\t+", " ", line).strip() for line in lines]) for code, lines in replies
    ]


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
def test_any_bytes_are_replies_or_garbled_and_nothing_else(data: bytes, cuts: list[int]) -> None:
    reader, at = ReplyReader(), 0
    try:
        for cut in [*sorted(cuts), len(data)]:
            for reply in reader.feed(data[at:cut]):
                assert 200 <= reply.code <= 599
                assert reply.lines
                assert re.fullmatch(r"[^\x00-\x1f\x7f-\x9f]{3,500}", str(reply))
            at = max(at, cut)
    except ProtocolError as garbled:
        words = str(garbled)
    else:
        words = ""
    assert len(words.splitlines()) <= 1
    assert len(words) < 300


@pytest.mark.parametrize(
    "data",
    [b"hello\r\n", b"\r\n", b"25 ok\r\n", b"2500 ok\r\n", b"199 x\r\n", b"600 x\r\n", b"250_x\r\n",
     b"250-a\r\n251 b\r\n", b"x" * (MAX_LINE + 1), b"250 " + b"x" * MAX_LINE + b"\r\n",
     "２５０ x\r\n".encode()],
)  # fmt: skip
def test_what_is_no_reply_is_garbled(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        read(data)


def test_a_reply_has_so_many_lines_and_no_more() -> None:
    most = ["x"] * 256
    assert [len(reply.lines) for reply in read(written(250, most))] == [256]
    with pytest.raises(ProtocolError, match=r"^a reply of more than 256 lines$"):
        read(written(250, [*most, "x"]))


def test_a_reply_is_kept_on_one_line() -> None:
    (reply,) = read(b"250-2.6.0 <a@b>\r\n250-2.6.0 [id=7]\r\n250 2.6.0 Queued\r\n")
    assert (reply.enhanced, str(reply)) == ("2.6.0", "250 2.6.0 <a@b> [id=7] Queued")
    (reply,) = read(b"550 5.1.1\x1b[31m no\x00body\r\n")
    assert (reply.enhanced, str(reply)) == ("5.1.1", "550 5.1.1 [31m no body")
    assert read(b"250\r\n")[0] == SmtpReply(250, ("",))
    assert read(b"550 2.1.1 odd\r\n")[0].enhanced == "", "of another class than its code"
    assert len(str(read(b"250 " + b"x" * 1000 + b"\r\n")[0])) == 500


def test_what_a_server_offers_is_read_as_smtplib_reads_it() -> None:
    extensions = ("PIPELINING", "size 1000", "AUTH PLAIN LOGIN", "AUTH=LOGIN", "8bitmime", "DSN", "X-ODD a=b")
    with SmtpServer(extensions=extensions) as server, smtplib.SMTP("127.0.0.1", server.port) as client:
        client.ehlo()
        theirs = client.esmtp_features
        lines = client.ehlo_resp.decode().split("\n")
    ours = parse_extensions(SmtpReply(250, tuple(lines)))
    assert {name.lower() for name in ours.offered if name} == set(theirs)
    assert ours.size == 1000
    assert {"PLAIN", "LOGIN"} <= set(ours.logins)
    assert parse_extensions(SmtpReply(250, ("only a name",))) == ServerExtensions()
    assert parse_extensions(SmtpReply(250, ("x", "", "SIZE", "SIZE x"))).size == 0


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"", b". x", b"From "]), max_size=6))
def test_dots_are_stuffed_as_smtplib_stuffs_them(lines: list[bytes]) -> None:
    data = b"".join(line + b"\r\n" for line in lines)
    assert dot_stuffed(data) == (re.sub(rb"(?m)^\.", b"..", data) or b"\r\n")


@given(st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"x"]), max_size=12).map(b"".join))
def test_no_lone_line_end_makes_an_end_of_the_data(data: bytes) -> None:
    wire = dot_stuffed(data)
    assert wire.endswith(b"\r\n")
    assert not re.search(rb"(^|[\r\n])\.[\r\n]", wire)


def test_the_same_message_arrives_by_smtplib_and_by_us() -> None:
    data = b"Subject: x\r\n\r\n.\r\n..\r\n.a\r\nb.\r\n\r\n"
    with SmtpServer() as server:
        with smtplib.SMTP("127.0.0.1", server.port) as client:
            client.sendmail("a@example.org", ["b@example.org"], data)
        (theirs,) = server.accepted
    assert theirs.data == data == re.sub(rb"(?m)^\.\.", b".", dot_stuffed(data))


@given(st.text(), st.text())
def test_no_address_breaks_out_of_its_command(sender: str, recipient: str) -> None:
    sender, recipient = (text.encode("utf-8", "replace").decode() for text in (sender, recipient))
    message = Message(
        key="a=b c", message_id="", envelope=Envelope(mail_from=sender, rcpt_to=recipient), data=b"x\r\n"
    )
    can = parse_extensions(SmtpReply(250, ("x", "SMTPUTF8", "8BITMIME", "DSN", "SIZE 100")))
    made = envelope(message, can)
    if isinstance(made, ServerRefusal):
        assert re.search(r"[\x00-\x1f<>\x7f]", sender + recipient)
        return
    for command in made:
        assert command.count(b"\r\n") == 1
        assert command.endswith(b"\r\n")
        assert command.count(b"<") == command.count(b">") == 1


def test_xtext_escapes_what_a_parameter_cannot_hold() -> None:
    assert xtext("a+b=c d") == "a+2Bb+3Dc+20d"
    assert xtext("é") == "+C3+A9"
    assert xtext("é+x", utf8=True) == r"é\x{2B}x"


def test_a_password_is_masked_in_each_of_its_forms() -> None:
    for shown in ("s3cret", "czNjcmV0", "AGFubgBzM2NyZXQ="):
        assert mask_credentials(f"535 {shown} is wrong", "ann", "s3cret") == "535 … is wrong"
    assert mask_credentials("535 no", "", "") == "535 no"
