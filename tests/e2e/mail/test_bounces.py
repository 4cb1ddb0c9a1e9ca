"""Mail that comes back, through the real command: a pipe, a Maildir, a real Postfix."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from dovecot import PASSWORD, Dovecot
from dovecot import why_not as why_no_dovecot
from exim import Exim
from exim import why_not as why_no_exim
from postfix import Postfix, why_not
from returned import SAMPLES, fields, report
from smtp_server import Say, SmtpServer

from publisher.cli import publisher
from publisher.core.addresses import parse_address
from publisher.core.delivery.bounces import return_path, unsubscribe_tag
from publisher.core.tokens import KeyRing
from publisher.stores.files.keyring import load_keyring

BOUNCES = '[mail.bounces]\naddress = "back@example.org"\n'
READER = "ana@example.com"


def mailed(site: Any, days: int = 2, settings: str = BOUNCES) -> KeyRing:
    """A site that mailed the reader on so many days; returns its keys."""
    site.settings((site.folder / "publisher.toml").read_text() + settings)
    site.publish("2024-10-20T03:00:00Z")
    site.reader(READER, "2024-10-20T04:00:00Z")
    for day in range(21, 21 + days):
        site.post(f"{day}.md", f"---\ntitle: Day {day}\ndate: 2024-10-{day}T01:00:00Z\n---\nWords.\n")
        site.publish(f"2024-10-{day}T09:00:00Z")
    return load_keyring(site.folder / ".publisher/secret", create=False, random=os.urandom)


def bounced(ring: KeyRing, mailing: int) -> bytes:
    to = return_path(parse_address("back@example.org"), mailing, 1, ring)
    text = report("undeliverable", fields("5.1.1", "smtp; 550 5.1.1 no such user"))
    return text.format(to=to, path=to, id="x@y", reader=READER).encode()


def pipe(message: bytes, *args: str) -> subprocess.CompletedProcess[bytes]:
    """`publisher bounce ARGS` with the message on its standard input."""
    command = [sys.executable, "-m", "publisher", "bounce", *args]
    return subprocess.run(command, input=message, capture_output=True, check=False, timeout=120)


def call(message: bytes, *args: str) -> tuple[int, str, str]:
    """The same in this process: exit code, standard output, standard error."""
    done = CliRunner().invoke(publisher, ["bounce", *args], input=message)
    return done.exit_code, done.stdout, done.stderr


def kinds(site: Any) -> list[str]:
    return [block["kind"] for block in site.json("subscribers", "show", READER)["suppressions"]]


def test_a_pipe_ends_with_0_for_what_was_read_and_75_for_everything_else(site: Any, tmp_path: Path) -> None:
    ring, folder = mailed(site), str(site.folder)
    ids = [one["id"] for one in reversed(site.json("mailings", "list")) if one["kind"] == "digest"]
    done = pipe(bounced(ring, ids[0]), "--site", folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert call(bounced(ring, ids[1]), "--site", folder) == (0, "", "")
    assert kinds(site) == ["bounce"]
    shown = json.loads(call(bounced(ring, ids[0]), "--site", folder, "--json")[1])
    assert (shown["effect"], shown["read_before"]) == ("counted", True)
    assert "refused too much" in site.run("subscribers", "show", READER).stdout
    assert "came back 1 bounce" in site.run("mailings", "show", str(ids[0])).stdout
    assert "2 bounces in 7 days" in site.run("status").stdout
    forged = SAMPLES["complaint"].text.format(to="x@y", path="x@y", id="x@y", reader=READER).encode()
    for message in (b"", b"\xff\0" * 1000, b"x" * 3_000_000, forged):
        assert call(message, "--site", folder)[0] == 0
    assert kinds(site) == ["bounce"]
    kept = json.loads(site.run("bounce", "--kept", "--json").stdout)
    assert [one["message"][:9] for one in kept][2:] == ["x" * 9, "Return-Pa"]
    assert "Feedback-Type: abuse" in site.run("bounce", "--kept").stdout
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "publisher.toml").write_text("nonsense")
    for args in (
        ("--site", str(tmp_path / "nowhere")),
        ("--site", str(broken)),
        ("--site", folder, "--wrong"),
        ("--site", folder, "--maildir", str(tmp_path)),
        ("--site", folder, "--at", "never"),
        ("--site", folder, "extra"),
    ):
        code, _, said = call(forged, *args)
        assert code == 75, args
        assert said.startswith("publisher: "), args
        assert said.count("\n") == 1, said
    assert pipe(forged, "--site", str(broken)).returncode == 75
    (site.folder / ".publisher/publisher.db").rename(tmp_path / "elsewhere.db")
    assert call(forged, "--site", folder)[0] == 75
    assert call(b"", "--help")[0] == 0


def test_a_maildir_keeps_what_is_no_report_and_loses_what_was_read(site: Any, tmp_path: Path) -> None:
    ring = mailed(site)
    folder = tmp_path / "mail"
    for name in ("new", "cur", "tmp"):
        (folder / name).mkdir(parents=True)
    tag = unsubscribe_tag(2, 1, ring)
    (folder / "new/1").write_bytes(bounced(ring, 1))
    (folder / "new/2").write_bytes(b"To: back@example.org\nSubject: Hello\n\nIs anybody there?\n")
    (folder / "cur/3:2,S").write_bytes(bounced(ring, 2))
    (folder / "new/.hidden").write_bytes(b"")
    (folder / "new/link").symlink_to(folder / "new/2")
    os.mkfifo(folder / "new/fifo")
    value = site.json("bounce", "--maildir", str(folder))
    assert (value["read"], value["suppressed"]) == (3, 1)
    assert sorted(path.name for path in folder.glob("*/[0-9]*")) == ["2:2,"]
    assert kinds(site) == ["bounce"]
    (folder / "new/4").write_bytes(f"To: back+{tag}@example.org\nFrom: {READER}\n\n".encode())
    site.run("bounce", "--maildir", str(folder))
    assert site.json("subscribers", "show", READER)["subscriptions"][0]["state"] == "unsubscribed"


def test_only_a_source_that_is_read_makes_list_unsubscribe_name_an_address(site: Any) -> None:
    for name in ("new", "cur", "tmp"):
        (site.folder / "back" / name).mkdir(parents=True)
    ring = mailed(site, 1)
    [first] = site.outbox.glob("*.eml")
    assert b"mailto:" not in first.read_bytes()
    site.settings((site.folder / "publisher.toml").read_text() + 'source = "maildir:back"\n')
    site.post("22.md", "---\ntitle: Day 22\ndate: 2024-10-22T01:00:00Z\n---\nWords.\n")
    site.publish("2024-10-22T09:00:00Z")
    [second] = set(site.outbox.glob("*.eml")) - {first}
    head = second.read_bytes().partition(b"\r\n\r\n")[0]
    address = f"back+{unsubscribe_tag(2, 1, ring)}@example.org"
    assert f">,\r\n <mailto:{address}?subject=unsubscribe>\r\n".encode() in head
    site.run("preview", "daily", code=None)


def test_run_reads_its_maildir(site: Any, running: Any) -> None:
    ring = mailed(site, 1, BOUNCES + 'source = "maildir:back"\n')
    assert "is no Maildir" in site.run("check", code=1).stdout
    for name in ("new", "cur", "tmp"):
        (site.folder / "back" / name).mkdir(parents=True)
    site.run("check")
    tag = unsubscribe_tag(1, 1, ring)
    message = site.folder / "back/new/1"
    message.write_bytes(f"To: back+{tag}@example.org\nFrom: {READER}\nSubject: unsubscribe\n\n".encode())
    running()
    deadline = time.monotonic() + 60
    while message.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert site.json("subscribers", "show", READER)["subscriptions"][0]["state"] == "unsubscribed"


def test_a_real_postfix_bounces_to_a_maildir_and_the_reader_is_suppressed(site: Any) -> None:
    if why := why_not():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    refuses = SmtpServer(lambda at: Say("550 5.1.1 no such user here") if at.step == "RCPT" else None)
    with refuses as remote, Postfix(elsewhere=f"smtp:[127.0.0.1]:{remote.port}") as postfix:
        relay = f'[[mail.relays]]\nhost = "127.0.0.1"\nport = {postfix.port}\nsecurity = "none"\n'
        mailed(site, 2, f'[mail]\ntransport = "smtp"\n{relay}{BOUNCES}')
        assert b"5.1.1" in b"".join(postfix.delivered(2))
        value = site.json("bounce", "--maildir", str(next((postfix.folder / "mail").glob("**/new")).parent))
    assert value["messages"] == [{"kind": "bounce", "effect": "counted", "count": 2}]
    assert kinds(site) == ["bounce"]
    [first, second] = site.json("subscribers", "show", READER)["refusals"]
    assert (first["severity"], second["reply"]) == ("hard", "550 5.1.1 no such user here")


def test_a_real_dovecot_s_mailbox_is_read_by_imap_and_keeps_what_is_no_report(site: Any) -> None:
    if why := why_no_dovecot():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    with Dovecot() as dovecot:
        secret = site.folder / "imap-password"
        secret.write_text(PASSWORD + "\n")
        source = f"imaps://back%40example.org@127.0.0.1:{dovecot.port}"
        ring = mailed(site, 2, f'{BOUNCES}source = "{source}"\npassword_file = "imap-password"\n')
        for mailing in (1, 2):
            dovecot.put(f"{mailing}.host", bounced(ring, mailing))
        dovecot.put("3.host", b"To: back@example.org\nSubject: Hello\n\nIs anybody there?\n")
        trust = {"SSL_CERT_FILE": str(dovecot.authority)}
        untrusted = site.run("bounce", "--source", code=75).stderr
        assert "certificate verify failed" in untrusted
        value = json.loads(site.run("bounce", "--source", "--json", **trust).stdout)
        assert (value["read"], value["suppressed"]) == (3, 1)
        assert kinds(site) == ["bounce"]
        [left] = dovecot.mail.glob("*/*.host*")
        assert b"Is anybody there?" in left.read_bytes()
        assert json.loads(site.run("bounce", "--source", "--json", **trust).stdout)["read"] == 0
        secret.write_text("wrong")
        refused = site.run("bounce", "--source", code=75, **trust).stderr
        assert "the server refuses the login; check the user name" in refused
        assert "wrong" not in refused


def test_a_real_exim_hands_bounces_over_as_the_how_to_says(site: Any) -> None:
    if why := why_no_exim():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    page = (Path(__file__).parents[3] / "docs/how-to/read-bounces.md").read_text("utf-8")
    router, _, rest = page.partition("# router\n")[2].partition("# transport\n")
    router = router.replace("local_parts = bounces", "local_parts = back")
    transport = rest.partition("```")[0].replace("/srv/site", str(site.folder))
    ring = mailed(site)
    with Exim(router, transport, "/usr/local/bin/publisher") as exim:
        for mailing, code in ((1, 75), (1, 0), (2, 0)):
            to = return_path(parse_address("back@example.org"), mailing, 1, ring)
            message = bounced(ring, mailing).partition(b"\n")[2].replace(b"Delivered-To", b"X-Was")
            handed = exim.send(message, to)
            assert handed.arguments == ["--site", str(site.folder), "bounce"]
            assert f"Envelope-to: {to}\n".encode() in handed.message
            if code == 0:
                done = pipe(handed.message, *handed.arguments[:2])
                assert (done.returncode, done.stderr) == (0, b"")
            said = handed.end(code)
            if code == 75:  # Exim keeps it, and returns nothing to anybody
                assert " == back@example.org" in said
                assert "defer" in said
                assert " ** " not in said
        assert said.count(" => back ") == 2
    assert kinds(site) == ["bounce"]
