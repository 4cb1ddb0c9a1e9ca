"""What every transport does: a message goes out once, whole, or not at all, and its outcome is a value.

A new transport joins by one line in WAYS: a context in which it can work, which tells how to make one that
works, how to make one that cannot, and how to read what went out.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from declared import relay
from smtp_server import SmtpServer, unused_port

from publisher.core.delivery.relays import Security
from publisher.core.mail.message import Envelope, MailTransport, Message, Outcome, SendVerdict
from publisher.ports import Session, Transport
from publisher.transports import TRANSPORTS
from publisher.transports.outbox import Outbox, file_name

pytestmark = pytest.mark.usefixtures("each_loop")

MESSAGE = Message(
    key="000012-00000345",
    message_id="<12.345.abc@example.com>",
    envelope=Envelope(mail_from="news@example.com", rcpt_to="ana@example.org"),
    data="Subject: ខ្មែរ\r\n\r\n.\r\n..\r\nFrom here\r\n".encode() + bytes(range(128, 256)) * 300 + b"\r\n",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A transport under test; `sent` reads what is out as {key: data}."""

    make: Callable[[Path], Transport]
    broken: Callable[[Path], Transport]
    sent: Callable[[Path], Mapping[str, bytes]]


def _outbox(folder: Path) -> Transport:
    return TRANSPORTS["outbox"](folder / "outbox", ())


def _outbox_under_a_file(folder: Path) -> Transport:
    (folder / "file").write_text("not a folder")
    return TRANSPORTS["outbox"](folder / "file" / "outbox", ())


def _outbox_files(folder: Path) -> Mapping[str, bytes]:
    return {path.stem: path.read_bytes() for path in (folder / "outbox").glob("*.eml")}


@contextmanager
def _a_folder() -> Iterator[Way]:
    yield Way(make=_outbox, broken=_outbox_under_a_file, sent=_outbox_files)


def _smtp(port: int) -> Callable[[Path], Transport]:
    there = relay(host="127.0.0.1", port=port, security=Security.NONE, connections=8)
    return lambda folder: TRANSPORTS["smtp"](folder, [there])


@contextmanager
def _a_server() -> Iterator[Way]:
    with SmtpServer() as server, unused_port() as nobody:
        yield Way(
            make=_smtp(server.port),
            broken=_smtp(nobody),
            sent=lambda _: {message.key: message.data for message in server.accepted},
        )


WAYS: Mapping[str, Callable[[], AbstractContextManager[Way]]] = {"outbox": _a_folder, "smtp": _a_server}


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Iterator[Way]:
    with WAYS[request.param]() as made:
        yield made


async def _connected(transport: Transport) -> Session:
    session = await transport.connect()
    assert not isinstance(session, Outcome), session
    return session


async def _send(transport: Transport, *messages: Message) -> list[Outcome]:
    session = await _connected(transport)
    outcomes = [await session.offer(message) or await session.commit() for message in messages]
    await session.close()
    return outcomes


def test_a_way_for_each_transport_is_tested() -> None:
    assert set(WAYS) == set(TRANSPORTS) == set(MailTransport)


def test_a_transport_says_its_name_and_how_many_connections_it_takes(way: Way, tmp_path: Path) -> None:
    transport = way.make(tmp_path)
    assert TRANSPORTS[transport.name]
    assert transport.connections >= 1


def test_an_offered_and_committed_message_is_out_byte_for_byte(way: Way, tmp_path: Path) -> None:
    (outcome,) = asyncio.run(_send(way.make(tmp_path), MESSAGE))
    assert outcome.verdict is SendVerdict.ACCEPTED
    assert outcome.reply
    assert way.sent(tmp_path) == {MESSAGE.key: MESSAGE.data}


def test_a_session_carries_many_messages_one_after_another(way: Way, tmp_path: Path) -> None:
    messages = [replace(MESSAGE, key=f"000001-{n:08}", data=b"%d\r\n" % n) for n in range(20)]
    outcomes = asyncio.run(_send(way.make(tmp_path), *messages))
    assert {outcome.verdict for outcome in outcomes} == {SendVerdict.ACCEPTED}
    assert way.sent(tmp_path) == {message.key: message.data for message in messages}


def test_connections_work_side_by_side(way: Way, tmp_path: Path) -> None:
    async def all_at_once() -> None:
        transport = way.make(tmp_path)
        lots = [[replace(MESSAGE, key=f"{c:06}-{n:08}") for n in range(10)] for c in range(8)]
        await asyncio.gather(*(_send(transport, *lot) for lot in lots))

    asyncio.run(all_at_once())
    assert len(way.sent(tmp_path)) == 80


def test_an_offered_message_is_not_out(way: Way, tmp_path: Path) -> None:
    async def offer_only() -> None:
        session = await _connected(way.make(tmp_path))
        assert await session.offer(MESSAGE) is None
        assert way.sent(tmp_path) == {}
        await session.close()

    asyncio.run(offer_only())
    assert way.sent(tmp_path) == {}


def test_a_dropped_message_is_never_out_and_may_be_offered_again(way: Way, tmp_path: Path) -> None:
    async def drop_then_send() -> None:
        session = await _connected(way.make(tmp_path))
        assert await session.offer(MESSAGE) is None
        await session.drop()
        assert way.sent(tmp_path) == {}
        await session.drop()  # twice is harmless
        await session.close()

    asyncio.run(drop_then_send())
    asyncio.run(_send(way.make(tmp_path), MESSAGE))
    assert way.sent(tmp_path) == {MESSAGE.key: MESSAGE.data}


def test_a_transport_that_cannot_work_says_why_in_an_outcome(way: Way, tmp_path: Path) -> None:
    outcome = asyncio.run(way.broken(tmp_path).connect())
    assert isinstance(outcome, Outcome)
    assert outcome.verdict is SendVerdict.DEFERRED
    assert outcome.reply
    assert "\n" not in outcome.reply


def test_a_message_that_is_there_is_accepted_and_not_written_again(tmp_path: Path) -> None:
    transport = _outbox(tmp_path)
    other = replace(MESSAGE, data=b"another")
    first, second = asyncio.run(_send(transport, MESSAGE, other))
    assert first.reply == "written to the outbox"
    assert second == Outcome(verdict=SendVerdict.ACCEPTED, reply="already in the outbox")
    assert _outbox_files(tmp_path) == {MESSAGE.key: MESSAGE.data}


def test_a_crash_between_offer_and_commit_leaves_no_message_and_can_be_recalled(tmp_path: Path) -> None:
    transport = _outbox(tmp_path)

    async def die_after_the_offer() -> None:
        session = await _connected(transport)
        await session.offer(MESSAGE)

    asyncio.run(die_after_the_offer())
    assert [path.name for path in (tmp_path / "outbox").iterdir()] == ["000012-00000345.eml.part"]
    known = transport.lookup(MESSAGE.key, MESSAGE.message_id)
    assert known == Outcome(verdict=SendVerdict.DEFERRED, reply="never arrived in the outbox")
    assert list((tmp_path / "outbox").iterdir()) == []
    (outcome,) = asyncio.run(_send(transport, MESSAGE))
    assert outcome.verdict is SendVerdict.ACCEPTED


def test_what_a_dead_run_left_does_not_stand_in_the_way(tmp_path: Path) -> None:
    transport = _outbox(tmp_path)
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / "000012-00000345.eml.part").write_bytes(b"half a mess")
    asyncio.run(_send(transport, MESSAGE))
    assert _outbox_files(tmp_path) == {MESSAGE.key: MESSAGE.data}
    assert len(list((tmp_path / "outbox").iterdir())) == 1


def test_recall_knows_a_message_that_is_out(tmp_path: Path) -> None:
    transport = _outbox(tmp_path)
    never = Outcome(verdict=SendVerdict.DEFERRED, reply="never arrived in the outbox")
    assert transport.lookup(MESSAGE.key, MESSAGE.message_id) == never
    asyncio.run(_send(transport, MESSAGE))
    known = transport.lookup(MESSAGE.key, MESSAGE.message_id)
    assert known == Outcome(verdict=SendVerdict.ACCEPTED, reply="already in the outbox")


def test_a_commit_whose_part_is_gone_was_never_out(tmp_path: Path) -> None:
    """Another run recalled the message while this one slept: its file must not come back."""

    async def sleep_past_a_recall() -> Outcome:
        session = await _connected(_outbox(tmp_path))
        await session.offer(MESSAGE)
        _outbox(tmp_path).lookup(MESSAGE.key, MESSAGE.message_id)
        return await session.commit()

    outcome = asyncio.run(sleep_past_a_recall())
    assert outcome.verdict is SendVerdict.DEFERRED
    assert outcome.reply.endswith("000012-00000345.eml: cannot be written (no such file or directory)")
    assert _outbox_files(tmp_path) == {}


def test_an_outbox_that_became_unwritable_defers_with_the_reason(tmp_path: Path) -> None:
    async def lose_the_folder() -> Outcome | None:
        session = await _connected(_outbox(tmp_path))
        (tmp_path / "outbox").rmdir()
        (tmp_path / "outbox").write_text("a file now")
        return await session.offer(MESSAGE)

    outcome = asyncio.run(lose_the_folder())
    assert outcome is not None
    assert outcome.verdict is SendVerdict.DEFERRED
    assert outcome.reply.endswith("000012-00000345.eml: cannot be written (not a directory)")


def test_a_full_disk_defers_and_leaves_nothing(tmp_path: Path) -> None:
    """A message larger than the file size limit stands for a full disk: the write itself fails."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        (outcome,) = asyncio.run(_send(_outbox(tmp_path), MESSAGE))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert outcome.verdict is SendVerdict.DEFERRED
    assert outcome.reply.endswith("cannot be written (file too large)")
    assert list((tmp_path / "outbox").iterdir()) == []


def test_commit_without_an_offer_is_a_broken_promise(tmp_path: Path) -> None:
    async def commit_nothing() -> None:
        await (await _connected(_outbox(tmp_path))).commit()

    with pytest.raises(RuntimeError, match=r"^commit without an offer$"):
        asyncio.run(commit_nothing())


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("12-345", "000012-00000345.eml"),
        ("000012-00000345", "000012-00000345.eml"),
        ("test/../x", "test%2F..%2Fx.eml"),
        ("12-345-6", "12-345-6.eml"),
    ],
)
def test_file_names_sort_by_mailing_and_number_and_stay_in_the_folder(key: str, name: str) -> None:
    assert file_name(key) == name


def test_messages_are_for_the_owner_s_eyes_only(tmp_path: Path) -> None:
    asyncio.run(_send(Outbox(tmp_path / "outbox", 1), MESSAGE))
    assert (tmp_path / "outbox" / "000012-00000345.eml").stat().st_mode & 0o777 == 0o600
