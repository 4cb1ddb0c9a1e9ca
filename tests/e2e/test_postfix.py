"""A digest through a real Postfix: what arrives in the Maildir is what was signed, byte for byte."""

import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from mail_linter import lint, signed_by
from postfix import Postfix, why_not

from publisher.core.envelopes import returned
from publisher.stores.keyring import load_keyring

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
        seen[to] = returned(path, ring)
    assert sorted(seen) == sorted(READERS)
    assert sorted(seen.values()) == [(mailing["id"], n) for n in (1, 2, 3)]
