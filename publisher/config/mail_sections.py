"""[mail] and what is within it: the settings that depend on each other, and the values they make."""

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from publisher.config.declaration import Section
from publisher.config.layers import RawSettings, RawValue, label_of, shown
from publisher.config.settings import DkimSettings, MailSettings, RelaySettings
from publisher.core.addresses import parse_mailbox
from publisher.core.delivery.bounces import BounceLimits
from publisher.core.delivery.relays import PORTS, Relay, Security

Values = Mapping[str, Sequence[Mapping[str, Any]]]


def check_mail(raw: RawSettings, values: Values, relays: Section) -> None:
    """What no setting can tell alone: a relay for smtp, no password over a bare line, whose keys sign."""
    mail = _given(raw, "mail", 0, "transport")
    if values["mail"][0]["transport"] == "smtp" and not raw.tables.get("mail.relays"):
        what = 'mail.transport is "smtp", but there is no relay'
        raw.refuse(mail.where, what, 'add [[mail.relays]] with host = "..."')
    for number, relay in enumerate(values["mail.relays"]):
        _check_relay(raw, relay, number, label_of(relays, number))
    _check_senders(raw, values)


def _check_relay(raw: RawSettings, relay: Mapping[str, Any], number: int, label: str) -> None:
    name = "mail.relays"
    if relay["username"] and not (relay["password"] or relay["password_file"]):
        where = _given(raw, name, number, "username").where
        raw.refuse(where, f"{label}.username is set, but no password", "add password_file")
    if relay["username"] and relay["security"] == "none" and not _here(relay["host"]):
        where = _given(raw, name, number, "security").where
        what = f'{label}.security is "none", and {shown(relay["host"])} is not this machine'
        raw.refuse(where, what, "a password goes through TLS only: use starttls or tls")


def _check_senders(raw: RawSettings, values: Values) -> None:
    """DKIM signs as the domain of From, or not at all: another's signature proves nothing (RFC 7489 3.1)."""
    dkim = values["mail.dkim"][0]
    if not dkim["domain"] or not dkim["keys"]:
        return
    for number, item in enumerate(values["lists"]):
        if item["from"] is not None:
            domain = parse_mailbox(item["from"]).address.domain
            if domain != dkim["domain"]:
                where = _given(raw, "lists", number, "from").where
                what = (
                    f"lists[{number}].from is of {domain}, and the keys of mail.dkim are of {dkim['domain']}"
                )
                raw.refuse(where, what, "write an address of that domain, or leave mail.dkim.domain out")


def read_mail(values: Values, folder: Path) -> MailSettings:
    """The section as values, once nothing was refused."""
    dkim, bounces = values["mail.dkim"][0], values["mail.bounces"][0]
    return MailSettings(
        **values["mail"][0],
        relays=tuple(_relay(item, folder) for item in values["mail.relays"]),
        dkim=DkimSettings(
            domain=dkim["domain"], keys=tuple((selector, folder / file) for selector, file in dkim["keys"])
        ),
        bounces=bounces["address"] or "",
        limits=BounceLimits(hard=bounces["hard_limit"], soft=bounces["soft_limit"]),
    )


def _relay(values: Mapping[str, Any], folder: Path) -> RelaySettings:
    given = {key: value for key, value in values.items() if key != "password_file"}
    given["security"] = security = Security(values["security"])
    given["port"] = values["port"] or PORTS[security]
    given["password"] = values["password"] or ""
    given["per_domain"] = values["per_domain"] or {}
    file = values["password_file"]
    return RelaySettings(relay=Relay(**given), password_file=folder / file if file else None)


def _given(raw: RawSettings, section: str, number: int, key: str) -> RawValue:
    tables = raw.tables.get(section, [])
    missing = RawValue(value=None, where=raw.file)
    return tables[number].get(key, missing) if number < len(tables) else missing


def _here(host: str | None) -> bool:
    try:
        return host is None or host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
