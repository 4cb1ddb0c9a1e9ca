"""keys: the keys that sign mail."""

import click

from publisher.app import DkimRecord, dkim_keys
from publisher.cli.common import SiteOptions, echo, say, show_json, site_options

MAX_TXT_STRING = 255
"""Octets in one string of a TXT record (RFC 1035 3.3.14)."""


@click.group()
def keys() -> None:
    """Keys that sign mail."""


@keys.command()
@click.argument("selector")
@site_options(as_json=True)
def dkim(selector: str, site: SiteOptions, as_json: bool) -> None:
    """Makes an RSA and an Ed25519 key, and prints the DNS records that publish them.

    The RSA key has the selector SELECTOR, the other SELECTOR-ed25519. Keys that are there already are kept,
    and their records printed again.
    """
    records = dkim_keys(site.open(), selector)
    if as_json:
        show_json([record.__dict__ | {"file": str(record.file)} for record in records])
        return
    for record in records:
        echo(zone_file_line(record))
    for file in dict.fromkeys(record.file for record in records):
        say(f"{file}: {'made' if any(r.file == file and r.new for r in records) else 'was there'}")
    missing = [r for r in records if not r.used]
    if missing:
        pairs = dict.fromkeys((r.selector, r.setting) for r in missing)
        inner = ", ".join(f'{{selector = "{name}", file = "{file}"}}' for name, file in pairs)
        say(f"once the records are published, sign with them:\n\n[mail.dkim]\nkeys = [{inner}]")


def zone_file_line(record: DkimRecord) -> str:
    """A DNS record as a line of a zone file, its text split into strings that fit."""
    text = record.value
    parts = [text[at : at + MAX_TXT_STRING] for at in range(0, len(text), MAX_TXT_STRING)]
    strings = " ".join(f'"{part}"' for part in parts)
    return f"{record.name}. 3600 IN TXT {f'( {strings} )' if len(parts) > 1 else strings}"
