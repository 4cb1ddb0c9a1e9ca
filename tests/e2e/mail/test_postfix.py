"""A digest through a real Postfix: what arrives in the Maildir is what was signed, byte for byte."""

import gzip
import json
import os
import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from mail_linter import lint, signed_by
from postfix import Postfix, why_not

from publisher.core.delivery.bounces import parse_return_path
from publisher.stores.files.keyring import load_keyring

READERS = ["ana@example.org", "bo@example.org", "jürgen@example.org"]


@pytest.fixture
def postfix() -> Iterator[Postfix]:
    if why := why_not():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(why)
    with Postfix() as server:
        yield server


def test_a_signed_digest_arrives_by_postfix_as_it_was_sent(site: Any, postfix: Postfix) -> None:
    records = json.loads(site.run("keys", "dkim", "p1", "--json").stdout)
    keys = ", ".join(f'{{selector = "{r["selector"]}", file = "{r["setting"]}"}}' for r in records)
    site.settings(
        (site.folder / "publisher.toml").read_text()
        + f'\n[mail]\ntransport = "smtp"\n[[mail.relays]]\nhost = "127.0.0.1"\nport = {postfix.port}\n'
        + f'security = "none"\n[mail.dkim]\nkeys = [{keys}]\n'
        + '[mail.bounces]\naddress = "bounces@harbour.example"\n'
    )
    site.publish("2024-10-20T03:00:00Z")
    for reader in READERS:
        site.reader(reader, "2024-10-20T04:00:00Z")
    text = "Words of *one*.\n\n.\n\nFrom here on  with two blanks, and ខ្មែរ.\n"
    site.post("one.md", f"---\ntitle: One\ndate: 2024-10-21T01:00:00Z\n---\n{text}")
    site.publish("2024-10-21T09:00:00Z")

    [mailing] = site.json("mailings", "list")
    assert mailing["counts"] == mailing["counts"] | {"accepted": 3}
    shown = site.run("mailings", "show", str(mailing["id"])).stdout
    assert re.search(r"250 2\.0\.0 Ok: queued as \.\.\.", shown)
    published = {record["selector"]: record["value"] for record in records}
    ring = load_keyring(site.folder / ".publisher/secret", create=False, random=os.urandom)
    seen = {}
    for data in postfix.delivered(3):
        assert signed_by(data, published) == {"p1": True, "p1-ed25519": True}
        added, mark, ours = data.partition(b"DKIM-Signature:")
        lint(mark + ours)
        path = re.findall(rb"(?m)^Return-Path: <(.*)>", added)[0].decode()
        to = re.findall(rb"(?m)^To: (.*)\r", ours)[0].decode()
        seen[to] = parse_return_path(path, ring)
    assert sorted(seen) == sorted(READERS)
    assert sorted(seen.values()) == [(mailing["id"], n) for n in (1, 2, 3)]


@pytest.mark.parametrize("step", ["intended:5", "settled:3"])
def test_after_a_kill_postfix_s_log_settles_every_doubt_and_each_reader_gets_one_copy(
    site: Any, postfix: Postfix, step: str
) -> None:
    """Ten connections; the log as this Postfix writes it, rotated while it was written."""
    relay = f'host = "127.0.0.1"\nport = {postfix.port}\nsecurity = "none"\nconnections = 10\n'
    settings = (site.folder / "publisher.toml").read_text()
    site.settings(f'{settings}\n[mail]\ntransport = "smtp"\n[[mail.relays]]\n{relay}')
    site.publish("2024-10-20T03:00:00Z")
    readers = [f"reader{n:02}@example.org" for n in range(60)]
    file = site.folder / "readers.csv"
    file.write_text("email\n" + "\n".join(readers) + "\n")
    at = ("--at", "2024-10-20T04:00:00Z")
    site.run("subscribers", "import", str(file), "--list", "daily", "--confirmed", *at)
    site.post("one.md", "---\ntitle: One\ndate: 2024-10-21T01:00:00Z\n---\nWords.\n")
    now = "2024-10-21T09:00:00Z"
    site.publish(now, code=-signal.SIGKILL, PUBLISHER_FAILPOINT=f"deliver:{step}")
    site.publish(now)  # what nobody knows the end of is in doubt; all others get theirs
    [mailing] = site.json("mailings", "list")
    doubts = mailing["counts"]["unknown"]
    assert 1 <= doubts <= 10

    postfix.delivered(60 - doubts)  # by then its log tells of the rest too
    log = (postfix.folder / "mail.log").read_bytes().splitlines(keepends=True)
    old, new = site.folder / "mail.log.1.gz", site.folder / "mail.log"
    old.write_bytes(gzip.compress(b"".join(log[: len(log) // 2])))
    new.write_bytes(b"".join(log[len(log) // 2 :]))
    told = site.json("mailings", "resolve", "1", "--log", str(new), "--log", str(old))
    assert (told["remaining"], sum(told["resolved"].values())) == (0, doubts)
    site.run("deliver")
    [mailing] = site.json("mailings", "list")
    assert mailing["counts"] == mailing["counts"] | {"accepted": 60, "unknown": 0, "queued": 0}
    arrived = [re.findall(rb"(?m)^To: (.*)\r", data)[0].decode() for data in postfix.delivered(60)]
    assert sorted(arrived) == readers
