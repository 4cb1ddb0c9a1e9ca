"""Keys made on the command line sign what goes out, and another implementation finds the signatures valid."""

import json
import re
from typing import Any

from mail_linter import lint, signed_by

DAY = "2024-10-21T09:00:00Z"


def test_keys_sign_digests_and_confirmations_alike(site: Any) -> None:
    made = site.run("keys", "dkim", "p1")
    assert re.findall(r"^(\S+)\. 3600 IN TXT", made.stdout, re.MULTILINE) == [
        "p1._domainkey.harbour.example",
        "p1-ed25519._domainkey.harbour.example",
    ]
    assert all(len(text) <= 255 for text in re.findall(r'"([^"]*)"', made.stdout))
    records = json.loads(site.run("keys", "dkim", "p1", "--json").stdout)
    assert not any(record["new"] or record["used"] for record in records)
    for name in ("p1", "p1-ed25519"):
        file = site.folder / f".publisher/dkim/{name}.pem"
        assert file.stat().st_mode & 0o777 == 0o600

    setting = made.stderr.partition("sign with them:")[2]
    site.settings((site.folder / "publisher.toml").read_text() + setting)
    site.publish("2024-10-20T03:00:00Z")
    site.reader("ana@example.org", "2024-10-20T04:00:00Z")
    site.run("subscribers", "add", "bo@example.org", "--list", "daily", "--at", "2024-10-20T04:00:00Z")
    site.post("one.md", "---\ntitle: One\ndate: 2024-10-21T01:00:00Z\n---\nWords of *one*.\n")
    site.publish(DAY)

    files = sorted(site.outbox.glob("*.eml"))
    assert len(files) == 2
    published = {record["selector"]: record["value"] for record in records}
    for file in files:
        data = file.read_bytes()
        lint(data)
        assert signed_by(data, published) == {"p1": True, "p1-ed25519": True}
        label = b"X-PM-Metadata-publisher: 1.1.0123456789abcdef\r\n"  # as a relay's provider gets it
        assert signed_by(label + data, published) == {"p1": True, "p1-ed25519": True}
        assert signed_by(data.replace(b"\r\nTo: ", b"\r\nTo: x"), published) == {
            "p1": False,
            "p1-ed25519": False,
        }


def test_a_key_that_is_not_there_is_named_and_nothing_goes_out_unsigned(site: Any) -> None:
    dkim = '\n[mail.dkim]\nkeys = [{selector = "p1", file = "p1.pem"}]\n'
    site.settings((site.folder / "publisher.toml").read_text() + dkim)
    site.publish("2024-10-20T03:00:00Z")
    site.reader("ana@example.org", "2024-10-20T04:00:00Z")
    site.post("one.md", "---\ntitle: One\ndate: 2024-10-21T01:00:00Z\n---\nWords.\n")
    said = site.publish(DAY, code=1)
    assert "p1.pem: cannot be read (No such file or directory); make it with `publisher keys dkim p1`" in said
    assert site.mails() == []


def test_a_time_still_to_come_sends_nothing_by_smtp(site: Any) -> None:
    smtp = '\n[mail]\ntransport = "smtp"\n[[mail.relays]]\nhost = "127.0.0.1"\nport = 1\nsecurity = "none"\n'
    site.settings((site.folder / "publisher.toml").read_text() + smtp)
    said = site.run("deliver", "--at", "2999-01-01T00:00:00Z", code=1).stderr
    assert said == (
        'publisher: --at: 2999-01-01 00:00 UTC is in the future, and mail.transport is "smtp"; '
        "sent mail cannot be recalled: try it with the outbox\n"
    )
    assert "is in the future" in site.publish("2999-01-01T00:00:00Z", code=1)
