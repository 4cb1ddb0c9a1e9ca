"""The files that hold secrets: DKIM keys, made once, with the DNS records that publish them; and findings
about keys, relay passwords and settings. A finding names the file and what to do, and never shows its
content.
"""

import hashlib
import os
import re
import secrets
import stat
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from publisher.config import inline_passwords
from publisher.core.addresses import parse_mailbox
from publisher.core.delivery.relays import MailProvider
from publisher.core.delivery.webhooks.providers import SHARED_SECRETS, STRONGER, WEAK, is_strong
from publisher.core.errors import OutputError, SettingsError, UsageError
from publisher.services.posts.content import Finding

if TYPE_CHECKING:
    from publisher.app.open_site import OpenSite
    from publisher.transports.dkim import DkimKey

DKIM_FOLDER = ".publisher/dkim"

ADMIN_TOKENS = ".publisher/admin-tokens"
"""Where the tokens of the admin pages are kept unless web.admin_token_file says otherwise."""

MIN_TOKEN = 22
"""Characters of such a token: 128 bits as base64."""

_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")
"""Whose token it is."""

_OTHER_PEMS = {
    b"PUBLIC KEY-----": "a public key: name the file of the private key that belongs to it",
    b"CERTIFICATE-----": "a certificate: name the file of a private key",
}


def secret_findings(site: "OpenSite") -> list[Finding]:
    """Findings about every file that publisher.toml names. While mail goes to the outbox nothing needs the
    passwords, so problems with them are warnings.
    """
    mail = site.settings.mail
    found = [*_key_findings(site), *open_to_others(site)]
    for item in mail.relays:
        if item.password_file is not None and not item.password:
            name = _relative_name(site, item.password_file)
            used = item in mail.relays_in_use
            found += _password_findings(name, item.password_file, "the relay", used=used)
    if (file := mail.bounces.password_file) is not None:
        found += _password_findings(_relative_name(site, file), file, "the mailbox", used=True)
    if (file := site.settings.web.admin_token_file) is not None:
        name = _relative_name(site, file)
        try:
            read_admin_tokens(file)
        except SettingsError as error:
            found.append(_finding(name, f"{error.what}; {error.do}", error=True))
        found += _permission_findings(name, file)
    for provider, webhook in mail.bounces.webhooks.items():
        if (file := webhook.secret_file) is not None:
            found += _webhook_findings(site, provider, file)
    return found


def _webhook_findings(site: "OpenSite", provider: MailProvider, file: Path) -> Iterator[Finding]:
    """Findings about the file with the secret of a provider's webhook."""
    of, name = f"the webhook of {provider}", _relative_name(site, file)
    if provider is MailProvider.SENDGRID:  # a public key, which is no secret
        if problem := _public_key_problem(file):
            yield _finding(name, problem, error=True)
        return
    findings = list(_password_findings(name, file, of, used=True))
    yield from findings
    good = provider in SHARED_SECRETS and not any(finding.error for finding in findings)
    if good and not is_strong(file.read_text("utf-8").strip()):
        yield _finding(name, f"the password of {of} {WEAK}; {STRONGER}", error=True)


def _public_key_problem(file: Path) -> str:
    """Why a file holds no key that SendGrid signs with; empty where it does."""
    from publisher.transports.signatures import load_public_key

    do = "put the verification key of SendGrid's event webhook into it"
    if problem := _read_problem(file, do):
        return problem
    try:
        load_public_key(file.read_text("utf-8"))
    except ValueError:
        return f"is no public key for ECDSA; {do}"
    return ""


def read_admin_tokens(file: Path) -> dict[str, str]:
    """The tokens in a file, as SHA-256 in hex -> name. A line is NAME TOKEN; "#" begins a comment. Raises
    SettingsError, which shows no token.
    """
    make = "make a token: `publisher keys admin NAME`"
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SettingsError(str(file), f"cannot be read ({why})", make) from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        words, where = line.split(), f"{file}:{number}"
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or not _NAME.fullmatch(words[0]):
            raise SettingsError(where, "is not a name and a token", "write NAME TOKEN on each line")
        if len(words[1]) < MIN_TOKEN or not words[1].isascii():
            raise SettingsError(where, f"the token has fewer than {MIN_TOKEN} ASCII characters", make)
        found[token_digest(words[1])] = words[0]
    if not found:
        raise SettingsError(str(file), "contains no token", make)
    return found


def token_digest(token: str) -> str:
    """The SHA-256 of a token, in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def check_token_name(name: str) -> None:
    """Raises UsageError if a token may not be called so."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            name, "is not a valid name for a token", "use letters, digits, dots and hyphens, at most 40"
        )


def add_admin_token(file: Path, name: str) -> str:
    """Adds a new token to a file that only its owner may read, and returns it. Raises UsageError,
    OutputError.
    """
    check_token_name(name)
    token = secrets.token_urlsafe(24)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(handle).st_size
            begin = "\n" if size and os.pread(handle, 1, size - 1) != b"\n" else ""
            os.write(handle, f"{begin}{name} {token}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise OutputError(str(file), f"cannot be written ({error.strerror})", "make it writable") from None
    return token


def setting_findings(site: "OpenSite") -> Iterator[Finding]:
    """Settings that are missing without being required, or contradict each other: where links lead."""
    settings = site.settings
    posts_at, served_at = (urlsplit(url)[1:3] for url in (settings.site.url, settings.site.public_url))
    if settings.posts.pages and posts_at != served_at:
        reason = (
            f"posts.pages makes the pages of posts at web.public_url ({settings.site.public_url}), but links "
            f"to posts lead to site.url ({settings.site.url}), where Publisher serves none: set site.url to "
            f"{settings.site.public_url}, or posts.pages to false if a site of yours has the pages"
        )
        yield Finding(path="publisher.toml", line=0, reason=reason, error=True)
    if settings.lists and settings.mail.transport.leaves_machine and settings.web.public_url is None:
        reason = f"web.public_url is not set, so links in mails lead to site.url ({settings.site.url}); "
        reason += "set it to where this Publisher is reached, also where that is the same"
        yield Finding(path="publisher.toml", line=0, reason=reason, error=False)
    source = settings.mail.bounces.source
    if source is not None and not settings.mail.bounces.address:
        reason = (
            "mail.bounces.source is read, but mail.bounces.address is not set, so that mail comes back to "
        )
        reason += "the lists' From: set it to the address whose mail the source has"
        yield Finding(path="publisher.toml", line=0, reason=reason, error=False)
    providers = {item.provider for item in settings.mail.relays}
    for provider in settings.mail.bounces.webhooks:
        if provider is not MailProvider.SES and provider not in providers:  # SES hands every header back
            reason = (
                f'mail.bounces.webhooks.{provider} is heard, but no relay has provider = "{provider}", so '
            )
            reason += "its events name no message of this site; set it at the relay"
            yield Finding(path="publisher.toml", line=0, reason=reason, error=False)
    if isinstance(source, Path) and not ((source / "new").is_dir() and (source / "cur").is_dir()):
        reason = f"mail.bounces.source is {source}, which is no Maildir: it has no folders new and cur"
        yield Finding(path="publisher.toml", line=0, reason=reason, error=True)


def open_to_others(site: "OpenSite") -> list[Finding]:
    """Warnings about files that every user of this machine can read: the folders of the store and the outbox,
    which hold readers' addresses and links, and a publisher.toml with a password in it.
    """
    found: list[Finding] = []
    for folder, what in ((site.state, "the readers' addresses and the keys are"), (site.outbox, "mail is")):
        mode = _permissions(folder)
        if mode & stat.S_IRWXO and folder.is_dir():
            why = f"every user of this machine can look into it ({mode:04o}), and {what} in it"
            found.append(_finding(f"{_relative_name(site, folder)}/", f"{why}; chmod 700", error=False))
    file = site.settings.folder / "publisher.toml"
    mode = _permissions(file)
    for line, label in inline_passwords(site.settings.folder) if mode & stat.S_IROTH else ():
        why = f"every user of this machine can read {label} here ({mode:04o})"
        do = "chmod 600, or move it to a file of its own (password_file)"
        found.append(Finding(path=file.name, line=line, reason=f"{why}; {do}", error=False))
    return found


def _permissions(path: Path) -> int:
    """The permissions of a file or folder; 0 where there is none."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _key_findings(site: "OpenSite") -> Iterator[Finding]:
    keys = site.settings.mail.dkim.keys
    for selector, times in Counter(selector for selector, _ in keys).items():
        if times > 1:
            what = f"mail.dkim.keys: {times} keys have the selector {selector!r}; DNS has one key for a name"
            yield _finding("publisher.toml", what, error=True)
    good: list[DkimKey] = []
    for selector, file in keys:
        name = _relative_name(site, file)
        problem = _read_problem(
            file, f"put the key of {selector!r} there, or make one: `publisher keys dkim`"
        )
        problem = problem or _key_problem(selector, file, good)
        if problem:
            yield _finding(name, problem, error=True)
        yield from _permission_findings(name, file)
    kinds = {key.algorithm for key in good}
    if kinds == {"ed25519-sha256"} and len(good) == len(keys):
        what = "mail.dkim.keys: only Ed25519; many mail servers know RSA alone; add an RSA key beside it"
        yield _finding("publisher.toml", what, error=False)
    for record, times in Counter(key.record for key in good).items():
        if times > 1:
            names = " and ".join(key.selector for key in good if key.record == record)
            what = f"mail.dkim.keys: {names} are the same key; create another, or remove one of them"
            yield _finding("publisher.toml", what, error=False)


def _key_problem(selector: str, file: Path, good: "list[DkimKey]") -> str:
    """Why a readable file is no DKIM key, empty where it is one; a good key is added to `good`."""
    from publisher.transports.dkim import load_key

    data = file.read_bytes()
    for mark, what in _OTHER_PEMS.items():
        if mark in data and b"PRIVATE KEY-----" not in data:
            return f"this is {what}"
    try:
        good.append(load_key(selector, file))
    except SettingsError as error:
        return f"{error.what}; {error.do}"
    return ""


def _password_findings(name: str, file: Path, of: str, *, used: bool) -> Iterator[Finding]:
    problem = _read_problem(file, f"put the password of {of} into it") or _password_problem(file, of)
    if problem:
        yield _finding(name, problem, error=used)
    yield from _permission_findings(name, file)


def _password_problem(file: Path, of: str) -> str:
    try:
        text = file.read_bytes().decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        return f"not UTF-8 text; put only the password of {of} into it"
    if not text.strip():
        return f"is empty; put the password of {of} into it"
    if len(text.splitlines()) > 1 or not text.isprintable():
        return f"has more than a password in it; put only the password of {of} into it"
    if text != text.strip():
        return "the password begins or ends with a space; remove it unless it is part of the password"
    return ""


def _read_problem(file: Path, do: str) -> str:
    """Why a file cannot be read, and what to do; empty where it can."""
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except FileNotFoundError:
        return f"there is no such file; {do}"
    except IsADirectoryError:
        return f"this is a folder; {do}"
    except PermissionError:
        return "cannot be read; give it to the user who runs publisher (chown, then chmod 600)"
    except OSError as error:
        return f"cannot be read ({error.strerror}); {do}"
    return ""


def _permission_findings(name: str, file: Path) -> Iterator[Finding]:
    mode = _permissions(file)
    if mode & stat.S_IRWXO:
        yield _finding(name, f"every user of this machine can read it ({mode:04o}); chmod 600", error=False)


def _finding(path: str, reason: str, *, error: bool) -> Finding:
    return Finding(path=path, line=0, reason=reason, error=error)


def _relative_name(site: "OpenSite", file: Path) -> str:
    """The file as publisher.toml would name it."""
    folder = site.settings.folder
    return str(file.relative_to(folder) if file.is_relative_to(folder) else file)


@dataclass(frozen=True, kw_only=True)
class DkimRecord:
    """One TXT record to publish. `new`: its key was made now; `used`: publisher.toml names the key.
    `setting` is the file as publisher.toml would name it.
    """

    name: str
    value: str
    selector: str
    algorithm: str
    file: Path
    setting: str
    new: bool
    used: bool


def dkim_keys(site: "OpenSite", selector: str) -> list[DkimRecord]:
    """The records of both keys of `selector`, for each domain that mail is from; missing keys are made.

    Raises UsageError (no selector), OutputError (a key cannot be written), SettingsError (a file is no key).
    """
    from publisher.config.sections.mail import read_selector
    from publisher.config.types import InvalidValue
    from publisher.transports.dkim import load_key, make_key

    try:
        name = read_selector(selector)
    except InvalidValue:
        raise UsageError(selector, "is not a selector", "use letters, digits, hyphens and dots") from None
    found: list[DkimRecord] = []
    for each, algorithm in ((name, "rsa"), (f"{name}-ed25519", "ed25519")):
        setting = f"{DKIM_FOLDER}/{each}.pem"
        file = site.settings.folder / setting
        new = not file.exists()
        try:
            key = make_key(each, file, algorithm=algorithm) if new else load_key(each, file)
        except OSError as error:
            do = "make the folder writable"
            raise OutputError(str(file), f"cannot be written ({error.strerror})", do) from None
        used = (each, file) in site.settings.mail.dkim.keys
        found += [
            DkimRecord(
                name=f"{each}._domainkey.{domain}",
                value=key.record,
                selector=each,
                algorithm=key.algorithm,
                file=file,
                setting=setting,
                new=new,
                used=used,
            )
            for domain in _signing_domains(site)
        ]
    return found


def _signing_domains(site: "OpenSite") -> list[str]:
    """The domains that sign: mail.dkim.domain, else the From domains of the lists, else the site's host."""
    if site.settings.mail.dkim.domain:
        return [site.settings.mail.dkim.domain]
    senders = [parse_mailbox(spec.sender).address.domain for spec in site.settings.lists]
    return list(dict.fromkeys(senders)) or [urlsplit(site.settings.site.url).hostname or "example.org"]
