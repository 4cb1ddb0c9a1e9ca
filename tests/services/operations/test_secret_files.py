"""`publisher check` reads the keys that sign mail and the passwords of relays: every finding names the file
and what to do, and shows nothing of what is in it.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from publisher.app import App
from publisher.app.secret_files import secret_findings, setting_findings
from publisher.cli import publisher
from publisher.config import load
from publisher.transports.dkim import make_key

SECRET = "hunter2-and-more"
Found = dict[str, list[tuple[bool, str]]]
SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # it must be refused
TOML = """
[site]
title = "The Harbour"
url = "https://harbour.example/"
postal_address = "1 Quay Street"
[[lists]]
slug = "daily"
from = "The Harbour <news@harbour.example>"
"""


class Site:
    """A site whose [mail] a test writes; `found` is what `check` says of files of secrets."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "posts").mkdir()

    def file(self, name: str, data: str | bytes, mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        path.chmod(mode)
        return path

    def check(self, *mail: str) -> Found:
        (self.folder / "publisher.toml").write_text("\n".join((TOML, *mail)), encoding="utf-8")
        found: Found = {}
        for finding in secret_findings(App(load(self.folder), environ={})):
            assert SECRET not in finding.reason
            assert "PRIVATE KEY" not in finding.reason
            found.setdefault(finding.path, []).append((finding.error, finding.reason))
        return found

    def keys(self, *pairs: tuple[str, str]) -> Found:
        given = ", ".join(f'{{selector = "{name}", file = "{file}"}}' for name, file in pairs)
        return self.check("[mail.dkim]", f"keys = [{given}]")

    def relay(self, file: str, transport: str = "smtp") -> Found:
        relay = ('host = "smtp.example.org"', 'username = "ann"', f'password_file = "{file}"')
        return self.check(f'[mail]\ntransport = "{transport}"', "[[mail.relays]]", *relay)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def pem(key: Any, *, public: bool = False, passphrase: bool = False) -> bytes:
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    if public:
        return bytes(key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo))
    locked = serialization.BestAvailableEncryption(SECRET.encode())
    return bytes(key.private_bytes(encoding, form, locked if passphrase else serialization.NoEncryption()))


def test_good_keys_and_a_good_password_are_no_finding(site: Site) -> None:
    for name, algorithm in (("p1", "rsa"), ("p1e", "ed25519")):
        make_key(name, site.folder / f"{name}.pem", algorithm=algorithm)
    assert site.keys(("p1", "p1.pem"), ("p1e", "p1e.pem")) == {}
    site.file("password", SECRET + "\n")
    assert site.relay("password") == {}


def test_check_says_it_and_goes_on_to_posts_and_mails(site: Site) -> None:
    site.relay("password")
    (site.folder / "posts/bad.md").write_text("---\ntitle: [\n---\nWords.\n", encoding="utf-8")
    done = CliRunner().invoke(publisher, ["check", "--site", str(site.folder)])
    assert done.exit_code == 1
    errors = [line for line in done.stdout.splitlines() if " warning: " not in line]
    first, second = errors[:2]
    assert first == "password: there is no such file; put the password of the relay into it"
    assert second.startswith("bad.md")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "there is no such file; put the key of 'p1' there, or make one: `publisher keys dkim`"),
        (b"", "not a DKIM key; it must be a private key in PEM form"),
        (SECRET.encode(), "not a DKIM key; it must be a private key in PEM form"),
        ("public", "this is a public key: name the file of the private key that belongs to it"),
        ("small", "an RSA key of 1024 bits is not trusted; make one of 2048"),
        ("locked", "this key has a passphrase; remove the passphrase"),
        ("curve", "not a DKIM key; use RSA or Ed25519"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n", "this is a certificate: name the file of a private key"),
    ],
)
def test_what_is_no_key_for_dkim_is_named(site: Site, data: bytes | str | None, why: str) -> None:
    kinds = {
        "public": pem(SMALL, public=True),
        "small": pem(SMALL),
        "locked": pem(SMALL, passphrase=True),
        "curve": pem(ec.generate_private_key(ec.SECP256R1())),
    }
    if data is not None:
        site.file("p1.pem", kinds[data] if isinstance(data, str) else data)
    assert site.keys(("p1", "p1.pem")) == {"p1.pem": [(True, why)]}


def test_a_folder_where_a_key_should_be_is_said_to_be_one(site: Site) -> None:
    (site.folder / "dkim").mkdir(mode=0o700)
    [(error, why)] = site.keys(("p1", "dkim"))["dkim"]
    assert error
    assert why.startswith("this is a folder; ")


def test_a_file_that_may_not_be_read_says_who_must(site: Site) -> None:
    site.file("password", SECRET, mode=0o000)
    site.relay("password")
    app = App(load(site.folder), environ={})
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # root reads everything
    try:
        [finding] = secret_findings(app)
    finally:
        if root:
            os.seteuid(0)
    assert (finding.path, finding.error) == ("password", True)
    said = "cannot be read; give it to the user who runs publisher (chown, then chmod 600)"
    assert finding.reason == said


def test_secrets_that_everybody_may_read_are_a_warning(site: Site) -> None:
    make_key("p1", site.folder / "p1.pem", algorithm="rsa")
    (site.folder / "p1.pem").chmod(0o644)
    warning = (False, "every user of this machine can read it (0644); chmod 600")
    assert site.keys(("p1", "p1.pem")) == {"p1.pem": [warning]}
    site.file("password", SECRET, mode=0o640)
    assert site.relay("password") == {}, "a group may be meant"
    (site.folder / "password").chmod(0o644)
    assert site.relay("password") == {"password": [warning]}


def test_selectors_and_kinds_of_keys_are_looked_at_together(site: Site) -> None:
    make_key("a", site.folder / "a.pem", algorithm="ed25519")
    make_key("b", site.folder / "b.pem", algorithm="rsa")
    what = "mail.dkim.keys: only Ed25519; many mail servers know RSA alone; add an RSA key beside it"
    assert site.keys(("a", "a.pem")) == {"publisher.toml": [(False, what)]}
    what = "mail.dkim.keys: 2 keys have the selector 'a'; DNS has one key for a name"
    assert site.keys(("a", "a.pem"), ("a", "b.pem")) == {"publisher.toml": [(True, what)]}
    what = "mail.dkim.keys: b and c are the same key; create another, or remove one of them"
    assert site.keys(("b", "b.pem"), ("c", "b.pem")) == {"publisher.toml": [(False, what)]}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (None, "there is no such file; put the password of the relay into it"),
        ("\n", "is empty; put the password of the relay into it"),
        (
            f"{SECRET}\n{SECRET}\n",
            "has more than a password in it; put only the password of the relay into it",
        ),
        (
            f" {SECRET}",
            "the password begins or ends with a space; remove it unless it is part of the password",
        ),
        (b"\xff\xfe", "not UTF-8 text; put only the password of the relay into it"),
    ],
)
def test_what_is_no_password_is_an_error_where_it_is_needed(
    site: Site, data: str | bytes | None, why: str
) -> None:
    if data is not None:
        site.file("password", data)
    assert site.relay("password") == {"password": [(True, why)]}
    assert site.relay("password", "outbox") == {"password": [(False, why)]}


def test_the_secrets_of_webhooks_are_looked_at_too(site: Site) -> None:
    names = ("mailgun", "sendgrid", "postmark", "brevo")
    hooks = "[mail.bounces.webhooks]\n" + "".join(f'{name} = {{secret_file = "{name}"}}\n' for name in names)
    missing = site.check(hooks)
    assert [missing[name][0][0] for name in names] == [True] * 4
    for name in names:
        site.file(name, "short")
    said = site.check(hooks)
    assert said["sendgrid"][0][1].startswith("is no public key for ECDSA")
    weak = "has less than 128 bits, so it can be guessed; put the output of `openssl rand -hex 24` into it"
    for name in ("postmark", "brevo"):
        assert said[name][0][1].startswith(f"the password of the webhook of {name} {weak}")
    assert "mailgun" not in said  # Mailgun makes it
    for name in ("postmark", "brevo"):
        site.file(name, "0123456789abcdef" * 3 + "\n")
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    site.file("sendgrid", key.public_bytes(*form))
    assert site.check(hooks) == {}
    site.file("postmark", "0123456789abcdef" * 3, 0o644)
    assert "every user of this machine" in site.check(hooks)["postmark"][0][1]


def test_a_webhook_of_a_provider_that_no_relay_has_is_said_to_hear_nothing(site: Site) -> None:
    hooks = '[mail.bounces.webhooks]\npostmark = {secret_file = "postmark"}\n'
    relay = '[[mail.relays]]\nhost = "127.0.0.1"\nprovider = "postmark"\n'
    for extra, number in (("", 1), (relay, 0)):
        (site.folder / "publisher.toml").write_text("\n".join((TOML, hooks, extra)), encoding="utf-8")
        found = [
            one for one in setting_findings(App(load(site.folder), environ={})) if "webhooks" in one.reason
        ]
        assert len(found) == number
