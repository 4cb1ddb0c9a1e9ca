"""DKIM keys, made once, and the DNS records that publish them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from publisher.core.addresses import parse_mailbox
from publisher.core.errors import OutputError, UsageError

if TYPE_CHECKING:
    from publisher.app.app import App

FOLDER = ".publisher/dkim"


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


def dkim_keys(app: "App", selector: str) -> list[DkimRecord]:
    """The records of both keys of `selector`, for each domain that mail is from; missing keys are made.

    Raises UsageError (no selector), OutputError (a key cannot be written), SettingsError (a file is no key).
    """
    from publisher.config.sections.mail import read_selector
    from publisher.config.types import InvalidValue
    from publisher.transports.dkim import load_key, make_key

    try:
        name = read_selector(selector)
    except InvalidValue:
        raise UsageError(selector, "is no selector", "use letters, digits, hyphens and dots") from None
    found: list[DkimRecord] = []
    for each, algorithm in ((name, "rsa"), (f"{name}-ed25519", "ed25519")):
        setting = f"{FOLDER}/{each}.pem"
        file = app.settings.folder / setting
        new = not file.exists()
        try:
            key = make_key(each, file, algorithm=algorithm) if new else load_key(each, file)
        except OSError as error:
            do = "make the folder writable"
            raise OutputError(str(file), f"cannot be written ({error.strerror})", do) from None
        used = (each, file) in app.settings.mail.dkim.keys
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
            for domain in _domains(app)
        ]
    return found


def _domains(app: "App") -> list[str]:
    """The domains that sign: mail.dkim.domain, else the From domains of the lists, else the site's host."""
    if app.settings.mail.dkim.domain:
        return [app.settings.mail.dkim.domain]
    senders = [parse_mailbox(spec.sender).address.domain for spec in app.settings.lists]
    return list(dict.fromkeys(senders)) or [urlsplit(app.settings.site.url).hostname or "example.org"]
