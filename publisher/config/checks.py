"""What no setting can tell alone: settings that contradict each other, and names that two of them claim."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from publisher.config.declaration import ReadTables, Section
from publisher.config.layers import RawSettings, RawValue, label_of, shown
from publisher.config.sections import FEEDS, LISTS, RELAYS
from publisher.core.addresses import parse_mailbox
from publisher.core.delivery.relays import Security
from publisher.core.feeds.feed import PART_PLACEHOLDER
from publisher.core.mail.message import MailTransport

TAKEN_SLUGS = {"index": "index.html", "manifest": "manifest.json"}
"""Slugs that no feed may have, and the document that each would overwrite."""

TAKEN_FOLDERS = frozenset({
    "account", "archive", "assets", "digests", "posts", "api", "confirm", "hooks", "preferences",
    "subscribe", "unsubscribe", "view", "healthz", "readyz",
})  # fmt: skip
"""No feeds that are split, because something else stands or answers there."""


def check_together(raw: RawSettings, values: ReadTables) -> None:
    """Notes in `raw` each problem between settings. A value that is wrong itself is noted already."""
    for section in (FEEDS, LISTS):
        _check_slugs(raw, section)
    _check_relays(raw, values)
    _check_senders(raw, values)
    _check_days(raw, values)
    _check_feed_paths(raw, values["feeds"])


def _check_slugs(raw: RawSettings, section: Section[Any]) -> None:
    default = section.settings["slug"].default
    seen: set[object] = set()
    for number, table in enumerate(raw.tables.get(section.name, [])):
        slug = table.get("slug") or RawValue(value=default, where=raw.file)
        name = f"{label_of(section, number)}.slug is {shown(slug.value)}"
        if slug.value is not None and slug.value in seen:
            raw.refuse(slug.where, name, "expected another name for each")
        if section is FEEDS and isinstance(slug.value, str) and slug.value in TAKEN_SLUGS:
            raw.refuse(slug.where, name, f"that name is taken by {TAKEN_SLUGS[slug.value]}; choose another")
        if isinstance(slug.value, str):
            seen.add(slug.value)


def _check_relays(raw: RawSettings, values: ReadTables) -> None:
    """A relay where mail leaves by SMTP, a password for each login, and no password in clear text."""
    if values["mail"][0]["transport"] is MailTransport.SMTP and not raw.tables.get("mail.relays"):
        what = 'mail.transport is "smtp", but there is no relay'
        raw.refuse(raw.where("mail", 0, "transport"), what, 'add [[mail.relays]] with host = "..."')
    for number, relay in enumerate(values["mail.relays"]):
        label = label_of(RELAYS, number)
        if relay["username"] and not (relay["password"] or relay["password_file"]):
            where = raw.where("mail.relays", number, "username")
            raw.refuse(where, f"{label}.username is set, but no password", "add password_file")
        if relay["username"] and relay["security"] is Security.NONE and not _is_this_machine(relay["host"]):
            where = raw.where("mail.relays", number, "security")
            what = f'{label}.security is "none", and {shown(relay["host"])} is not this machine'
            raw.refuse(where, what, "a password goes through TLS only: use starttls or tls")


def _is_this_machine(host: str | None) -> bool:
    try:
        return host is None or host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_senders(raw: RawSettings, values: ReadTables) -> None:
    """DKIM signs as the domain of From, or not at all: another's signature proves nothing (RFC 7489 3.1)."""
    dkim = values["mail.dkim"][0]
    if not dkim["domain"] or not dkim["keys"]:
        return
    for number, item in enumerate(values["lists"]):
        if item["from"] is None:
            continue
        domain = parse_mailbox(item["from"]).address.domain
        if domain != dkim["domain"]:
            what = f"lists[{number}].from is of {domain}, and the keys of mail.dkim are of {dkim['domain']}"
            do = "write an address of that domain, or leave mail.dkim.domain out"
            raw.refuse(raw.where("lists", number, "from"), what, do)


def _check_days(raw: RawSettings, values: ReadTables) -> None:
    """`on` must be a day that the cadence of the list can use; a daily list has no use for any."""
    expected = {"weekly": 'expected a day of the week such as "mon"', "monthly": "expected 1 to 28"}
    for number, item in enumerate(values["lists"]):
        on, cadence = item["on"], item["cadence"]
        if on and cadence in expected and on.isdecimal() != (cadence == "monthly"):
            day = raw.tables["lists"][number]["on"]
            name = f"{label_of(LISTS, number)}.on is {shown(day.value)}"
            raw.refuse(day.where, name, f"{expected[cadence]}, for the list is {cadence}")


def _check_feed_paths(raw: RawSettings, feeds: list[dict[str, Any]]) -> None:
    """Refuses feeds whose documents cannot stand where they would, or would stand in one place."""
    taken: set[str] = set()
    tables: list[Mapping[str, RawValue]] = [*(raw.tables.get(FEEDS.name) or [{}])]
    for number, (feed, table) in enumerate(zip(feeds, tables, strict=True)):
        if feed["formats"] is None or feed["paths"] is None:
            continue  # that is wrong itself
        label = label_of(FEEDS, number)
        if feed["split_by"] and feed["slug"] in TAKEN_FOLDERS:
            where = raw.where(FEEDS.name, number, "slug")
            what = f"{label}.slug is {shown(feed['slug'])}"
            raw.refuse(where, what, "that folder is taken; choose another")
        paths: dict[str, str] = feed["paths"]
        for format, path in paths.items():
            name, where = f"{label}.paths.{format} is {shown(path)}", table["paths"].where
            if format not in feed["formats"]:
                raw.refuse(where, name, f"the feed is not written in that format; add it to {label}.formats")
            elif (PART_PLACEHOLDER in path) != bool(feed["split_by"]):
                need = "has" if feed["split_by"] else "has no"
                raw.refuse(where, name, f"expected a path that {need} {PART_PLACEHOLDER} in it")
            elif path.casefold() in taken:
                raw.refuse(where, name, "another feed is there; choose another path")
            taken.add(path.casefold())
