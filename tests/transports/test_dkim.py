"""Signatures that dkimpy, another implementation, finds valid, and invalid after any change that matters."""

import asyncio
import email
import errno
import os
import re
import signal
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from mail_linter import lint

from publisher.core.addresses import parse_address
from publisher.core.errors import SettingsError
from publisher.core.mail.dkim import (
    ABSENT_FIELDS,
    OVERSIGNED_FIELDS,
    SIGNED_FIELDS,
    canonical_message,
    relaxed_body,
)
from publisher.core.mail.message import EmailContent, Placeholder, fill
from publisher.core.mail.mime import compose, date_value, to_value
from publisher.transports.dkim import (
    BATCH,
    SIGNED_HERE,
    DkimKey,
    DkimSigner,
    WorkerSignature,
    load_key,
    make_key,
    signature_fields,
)

pytestmark = pytest.mark.usefixtures("each_loop")

VALUES: Mapping[Placeholder, bytes] = {
    Placeholder.TO: to_value(parse_address("Ana@example.org")),
    Placeholder.DATE: date_value(datetime(2024, 10, 25, 9, tzinfo=UTC)),
    Placeholder.MESSAGE_ID: b"0123456789abcdef",
    Placeholder.UNSUBSCRIBE: b"AgEAAAAAAAAABwAAAAMAAAAAx-_x4YB2m0Qz7bJr1gq3kA",
}
MARK = "\ue000unsubscribe\ue001"
LETTER = EmailContent(
    subject="ព័ត៌មានថ្មី: three posts",
    text=f"Hello  two  blanks \n\nFrom here on.\n.\nLeave: https://x.example/u/{MARK}\n\n\n",
    html=f'<p>ខ្មែរ\t.</p>   <a href="https://x.example/u/{MARK}">Leave</a>\n  {MARK}',
    sender="The News, daily <news@example.com>",
    reply_to="editor@example.com",
    list_id="daily.news.example.com",
    list_title="Daily",
    unsubscribe=f"https://x.example/u/{MARK}",
    help="https://x.example/s",
    feedback_id="12:daily:digest:news",
    marks={MARK: Placeholder.UNSUBSCRIBE},
)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, DkimKey]:
    folder = tmp_path_factory.mktemp("keys")
    return {kind: make_key(kind, folder / f"{kind}.pem", algorithm=kind) for kind in ("rsa", "ed25519")}


def signed(
    keys: Mapping[str, DkimKey], letter: EmailContent = LETTER, values: Mapping[Placeholder, bytes] = VALUES
) -> bytes:
    segments = compose(letter)
    fields = DkimSigner(tuple(keys.values()), None).sign("example.com", canonical_message(segments), values)
    assert isinstance(fields, bytes)
    return fields + fill(segments, values)


def verified(data: bytes, keys: Mapping[str, DkimKey]) -> list[bool]:
    """What dkimpy says of each signature, by itself."""

    def records(name: bytes, timeout: int = 5) -> bytes | None:
        selector, _, rest = name.decode().partition("._domainkey.")
        assert rest == "example.com."
        return keys[selector].record.encode()

    number = len(re.findall(rb"(?m)^DKIM-Signature:", data))
    found = []
    for index in range(number):
        try:
            found.append(bool(dkim.DKIM(data).verify(index, dnsfunc=records)))
        except dkim.DKIMException:
            found.append(False)
    return found


def test_both_signatures_are_valid_each_alone(keys: Mapping[str, DkimKey]) -> None:
    data = signed(keys)
    lint(data)
    assert verified(data, keys) == [True, True]
    for kind in keys:
        assert verified(signed({kind: keys[kind]}), keys) == [True]


def test_the_signature_covers_what_it_must_and_limits_no_length(keys: Mapping[str, DkimKey]) -> None:
    for field in email.message_from_bytes(signed(keys)).get_all("DKIM-Signature", []):
        tags = dict(tag.strip().split("=", 1) for tag in re.sub(r"\s+", " ", field).split(";"))
        assert tags.keys() == {"v", "a", "c", "d", "s", "h", "bh", "b"}
        assert (tags["c"], tags["d"]) == ("relaxed/relaxed", "example.com")
        names = tags["h"].replace(" ", "").split(":")
        assert set(names) == {*SIGNED_FIELDS, *ABSENT_FIELDS}
        assert {name for name in names if names.count(name) == 2} == OVERSIGNED_FIELDS


def test_the_fields_are_folded_short(keys: Mapping[str, DkimKey]) -> None:
    head = signed(keys).partition(b"\r\n\r\n")[0]
    assert max(len(line) for line in head.split(b"\r\n") if not line.startswith(b"List-")) <= 78


def test_the_same_message_is_signed_the_same_each_time(keys: Mapping[str, DkimKey]) -> None:
    assert signed(keys) == signed(keys)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"From: ", b"From: a@evil.example\r\nFrom: "),
        (b"Subject: ", b"Subject: Win!\r\nSubject: "),
        (b"Date: ", b"Date: Thu, 01 Jan 1970 00:00:00 +0000\r\nDate: "),
        (b"List-Unsubscribe: ", b"List-Unsubscribe: <https://evil.example>\r\nList-Unsubscribe: "),
        (b"List-Unsubscribe-Post: ", b"List-Unsubscribe-Post: x\r\nList-Unsubscribe-Post: "),
        (b"To: Ana", b"To: Bob"),
        (b"three posts", b"four posts!"),
        (b"Message-ID: <0", b"Message-ID: <1"),
        (b"Reply-To: editor", b"Reply-To: editing"),
        (b"List-Id: ", b"List-Id: x "),
        (b"Feedback-ID: 12", b"Feedback-ID: 13"),
        (b"multipart/alternative", b"multipart/mixed"),
        (b"Leave: ", b"Stay: "),
        (b"AgEAAAAAAAAABwAAAAM", b"AgEAAAAAAAAABwAAAAN"),
    ],
)
def test_a_change_on_the_way_breaks_both(keys: Mapping[str, DkimKey], old: bytes, new: bytes) -> None:
    data = signed(keys)
    old = b"=?" if old == b"three posts" else old
    assert old in data
    head, _, body = data.partition(b"\r\nFrom: ")
    assert verified(head + (b"\r\nFrom: " + body).replace(old, new, 1), keys) == [False, False]


def test_no_field_that_readers_or_programs_go_by_can_be_added(keys: Mapping[str, DkimKey]) -> None:
    data, letter = signed(keys), signed(keys, replace(LETTER, list_id="", unsubscribe="", reply_to=""))
    names = "From To Cc Subject Date Reply-To Sender Message-ID MIME-Version Content-Type List-Id List-Help"
    names += " List-Unsubscribe List-Unsubscribe-Post List-Archive List-Post List-Owner List-Subscribe"
    for name in names.split():
        more = f"{name}: text/html\r\n".encode()
        for message in (data, letter):
            above = more + message
            below = message.replace(b"\r\nMIME-Version:", b"\r\n" + more + b"MIME-Version:", 1)
            for changed in (above, below):
                assert verified(changed, keys) == [False, False], (name, changed == above)
    assert verified(data, keys) == verified(letter, keys) == [True, True]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\r\nTo: ", b"\r\nReceived: by mx.example.org\r\nTO:   "),
        (b"List-Id: ", b"LIST-ID:\r\n\t "),
        (b"\r\n\r\n--", b"\r\n\r\n--"),
        (b"--\r\n", b"--  \r\n\r\n\r\n"),
        (b"Precedence: bulk\r\n", b""),
    ],
)
def test_what_mail_servers_do_on_the_way_breaks_neither(
    keys: Mapping[str, DkimKey], old: bytes, new: bytes
) -> None:
    data = signed(keys)
    assert old in data
    head, found, tail = data.rpartition(old) if old == b"--\r\n" else data.partition(old)
    assert found
    assert verified(head + new + tail, keys) == [True, True]


def test_a_reader_whose_address_has_blanks_is_signed_for_too(keys: Mapping[str, DkimKey]) -> None:
    values = {**VALUES, Placeholder.TO: b'"a  b"@example.org'}
    assert verified(signed(keys, values=values), keys) == [True, True]


def test_a_mail_without_a_list_and_without_places_in_its_body_is_signed(keys: Mapping[str, DkimKey]) -> None:
    letter = EmailContent(subject="Please confirm", text="", html="", sender="news@example.com")
    assert verified(signed(keys, letter), keys) == [True, True]


@given(st.text(), st.text("a \t\r\n.=é-" + MARK[0], max_size=60), st.text("a \t\n", max_size=40))
def test_whatever_is_written_is_signed_rightly(
    keys: Mapping[str, DkimKey], subject: str, text: str, name: str
) -> None:
    text = text.replace(MARK[0], MARK)
    letter = EmailContent(
        subject=subject, text=text, html=text, sender="news@example.com", list_id="a.b", list_title=name,
        marks=LETTER.marks,
    )  # fmt: skip
    assert verified(signed({"ed25519": keys["ed25519"]}, letter), keys) == [True]


SEGMENTS = compose(LETTER)
CANONICAL = canonical_message(SEGMENTS)


def reader(n: int) -> Mapping[Placeholder, bytes]:
    return {**VALUES, Placeholder.MESSAGE_ID: b"%d" % n}


def begin(signer: DkimSigner, n: int) -> bytes | WorkerSignature:
    return signer.sign("example.com", CANONICAL, reader(n))


async def fields_of(signer: DkimSigner, n: int) -> bytes:
    fields = begin(signer, n)
    return fields if isinstance(fields, bytes) else await fields


async def start_worker(signer: DkimSigner) -> None:
    """Returns when a worker signs."""
    while isinstance(fields := begin(signer, 0), bytes):
        await asyncio.sleep(0)
    await fields


def worker_processes() -> list[int]:
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [int(c) for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]


def test_many_at_once_each_get_their_own(
    keys: Mapping[str, DkimKey], caplog: pytest.LogCaptureFixture
) -> None:
    """On the spot, then by a worker; by another one when it was killed, and in another run."""
    signer = DkimSigner(tuple(keys.values()), "example.com")
    number = 8 * BATCH + 5
    expected = [
        signature_fields(tuple(keys.values()), "example.com", CANONICAL.signing_input(reader(n)))
        for n in range(number)
    ]

    async def sign_all() -> list[bytes]:
        await start_worker(signer)
        begun = [begin(signer, n) for n in range(number)]
        assert all(isinstance(each, WorkerSignature) for each in begun)
        last = await begun[-1] if isinstance(begun[-1], WorkerSignature) else b""
        made = [each.fields or b"" for each in begun if isinstance(each, WorkerSignature)]
        assert made[-1] == last
        return made

    async def sign_and_kill() -> list[bytes]:
        await start_worker(signer)
        begun = [begin(signer, n) for n in range(number)]
        for process in worker_processes():
            os.kill(process, signal.SIGKILL)
        return [each if isinstance(each, bytes) else await each for each in begun]

    assert asyncio.run(sign_all()) == expected
    assert not caplog.messages
    assert asyncio.run(sign_and_kill()) == asyncio.run(sign_all()) == expected
    assert caplog.messages == ["worker_died"]
    for n in (0, BATCH, number - 1):
        assert verified(expected[n] + fill(SEGMENTS, reader(n)), keys) == [True, True]


def test_where_no_process_can_start_all_is_signed_on_the_spot(
    keys: Mapping[str, DkimKey], monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = DkimSigner(tuple(keys.values()), "example.com")

    def no_room(*_: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.util.spawnv_passfds", no_room)
    assert all(isinstance(begin(signer, n), bytes) for n in range(SIGNED_HERE + 2 * BATCH))


def test_a_run_that_was_given_up_leaves_no_signature_for_the_next(keys: Mapping[str, DkimKey]) -> None:
    signer = DkimSigner(tuple(keys.values()), "example.com")

    async def given_up() -> None:
        await start_worker(signer)
        task = asyncio.ensure_future(fields_of(signer, 7))
        for n in range(BATCH + 1):
            begin(signer, n)
        await asyncio.sleep(0)  # it is asked for
        task.cancel()

    asyncio.run(given_up())
    assert verified(asyncio.run(fields_of(signer, 8)) + fill(SEGMENTS, reader(8)), keys) == [True, True]


def test_one_who_waits_no_longer_holds_up_nobody(keys: Mapping[str, DkimKey]) -> None:
    signer = DkimSigner(tuple(keys.values()), "example.com")

    async def work() -> bytes:
        await start_worker(signer)
        tasks = [asyncio.ensure_future(fields_of(signer, n)) for n in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        return await tasks[2]

    assert verified(asyncio.run(work()) + fill(SEGMENTS, reader(2)), keys) == [True, True]


def test_ed25519_alone_needs_no_worker(keys: Mapping[str, DkimKey]) -> None:
    signer = DkimSigner((keys["ed25519"],), "example.com")
    assert all(isinstance(begin(signer, n), bytes) for n in range(SIGNED_HERE + 2 * BATCH))


@given(st.binary(max_size=60) | st.text(" \t\r\na", max_size=40).map(str.encode))
def test_bodies_are_made_relaxed_as_dkimpy_does(body: bytes) -> None:
    body = re.sub(rb"\r\n|\r|\n", b"\r\n", body) + b"\r\n"
    assert relaxed_body(body) == dkim.canonicalization.Relaxed.canonicalize_body(body)


def test_only_mail_of_its_domain_is_signed(keys: Mapping[str, DkimKey]) -> None:
    own = DkimSigner(tuple(keys.values()), "example.com")
    assert (own.signs("example.com"), own.signs("mail.example.com")) == (True, False)
    assert DkimSigner(tuple(keys.values()), None).signs("any.example")
    with pytest.raises(ValueError, match=r"^no key$"):
        DkimSigner((), None)


def test_a_key_file_is_its_owner_s_alone_and_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "new" / "p1.pem"
    made = make_key("p1", path, algorithm="ed25519")
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_key("p1", path).record == made.record
    assert re.fullmatch(r"v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=", made.record)
    with pytest.raises(FileExistsError):
        make_key("p1", path, algorithm="rsa")
    assert "rivate" not in repr(made)


def test_a_key_that_cannot_sign_is_refused_with_what_to_do(tmp_path: Path) -> None:
    def refused(data: bytes | None) -> str:
        path = tmp_path / "key.pem"
        path.unlink(missing_ok=True)
        if data is not None:
            path.write_bytes(data)
        with pytest.raises(SettingsError) as caught:
            load_key("p1", path)
        return str(caught.value).removeprefix(f"{path}: ")

    def pem(key: object, *secret: bytes) -> bytes:
        how = serialization.BestAvailableEncryption(secret[0]) if secret else serialization.NoEncryption()
        form = serialization.PrivateFormat.PKCS8
        return key.private_bytes(serialization.Encoding.PEM, form, how)  # type: ignore[attr-defined, no-any-return]

    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # that is the point
    curve = ec.generate_private_key(ec.SECP256R1())
    assert (
        refused(None) == "cannot be read (No such file or directory); make it with `publisher keys dkim p1`"
    )
    assert refused(b"hello") == "not a DKIM key; it must be a private key in PEM form"
    assert refused(pem(small)) == "an RSA key of 1024 bits is not trusted; make one of 2048"
    assert refused(pem(curve)) == "not a DKIM key; use RSA or Ed25519"
    assert refused(pem(curve, b"secret")) == "this key has a passphrase; remove the passphrase"
