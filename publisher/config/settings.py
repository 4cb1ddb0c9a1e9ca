"""A site's settings: every value is read by its type, checked against the others, and kept in `Settings`."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from publisher.config.declaration import ReadTables, Section, Setting, Values
from publisher.config.layers import RawSettings, RawValue, Table, label_of, read_layers, shown, suggestion
from publisher.config.sections import SECTIONS
from publisher.config.sections.bounces import BOUNCES
from publisher.config.sections.feeds import FEEDS, LISTS, WEBSUB, WebSubSettings
from publisher.config.sections.mail import DKIM, MAIL, RELAYS, MailSettings
from publisher.config.sections.site import MARKDOWN, POSTS, SITE, PostsSettings
from publisher.config.sections.web import (
    QUEUE,
    SCHEDULE,
    STORE,
    WEB,
    QueueSettings,
    ScheduleSettings,
    StoreSettings,
    WebSettings,
)
from publisher.config.types import HoldsSecret, InvalidValue
from publisher.core.addresses import parse_mailbox
from publisher.core.delivery.relays import ImapAccount, Security
from publisher.core.errors import SettingsError
from publisher.core.feeds.feed import PART_PLACEHOLDER, FeedSpec
from publisher.core.mail.message import MailTransport
from publisher.core.site import Site
from publisher.core.subscribers.subscription import MailingList

TAKEN_SLUGS = {"index": "index.html", "manifest": "manifest.json"}
"""Slugs that no feed may have, and the document that each would overwrite."""

TAKEN_FOLDERS = frozenset({
    "account", "archive", "assets", "digests", "posts", "api", "confirm", "hooks", "preferences",
    "subscribe", "unsubscribe", "view", "healthz", "readyz",
})  # fmt: skip
"""No feeds that are split, because something else stands or answers there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A site's settings, checked. Paths are absolute, URLs end in "/"."""

    folder: Path
    site: Site
    secret_file: Path
    static: Path | None
    posts: PostsSettings
    feeds: tuple[FeedSpec, ...]
    websub: WebSubSettings
    lists: tuple[MailingList, ...]
    mail: MailSettings
    store: StoreSettings
    queue: QueueSettings
    web: WebSettings
    schedule: ScheduleSettings


def load(
    folder: Path, environ: Mapping[str, str] | None = None, overrides: Mapping[str, object] | None = None
) -> Settings:
    """The settings of the site in `folder`: publisher.toml < PUBLISHER_SECTION__KEY in `environ` <
    `overrides` ("web.listen" -> value as in TOML). Raises SettingsError: the first thing that is wrong.
    """
    settings, _ = load_with_source(folder, environ, overrides)
    return settings


def load_with_source(
    folder: Path,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] | None = None,
    text: str | None = None,
) -> tuple[Settings, RawSettings]:
    """As `load`, with what they were made of. A `text` is taken for that of publisher.toml."""
    raw = read_layers(folder, environ or {}, overrides or {}, text)
    values = _read_values(raw)
    if raw.problems:
        raise raw.problems[0]
    return make_settings(folder.resolve(), values), raw


def check_settings(
    folder: Path, environ: Mapping[str, str] | None = None, overrides: Mapping[str, object] | None = None
) -> list[str]:
    """Everything that is wrong with a site's settings, a line each; empty when they load."""
    return [str(problem) for problem in problems(folder, environ, overrides)]


def problems(
    folder: Path, environ: Mapping[str, str] | None = None, overrides: Mapping[str, object] | None = None
) -> list[SettingsError]:
    """The same as errors."""
    try:
        raw = read_layers(folder, environ or {}, overrides or {})
    except SettingsError as error:
        return [error]
    _read_values(raw)
    return raw.problems


def inline_passwords(folder: Path) -> list[tuple[int, str]]:
    """(line, name) of each password that stands in publisher.toml itself. Raises SettingsError."""
    raw = read_layers(folder, {}, {})
    found: list[tuple[int, str]] = []
    for section in (RELAYS, STORE):
        for number, table in enumerate(raw.tables.get(section.name, [])):
            password = table.get("password")
            if password is not None and password.value:
                line = password.where.removeprefix(f"{raw.file}:")
                found.append((int(line) if line.isdecimal() else 0, f"{label_of(section, number)}.password"))
    return found


def _read_values(raw: RawSettings) -> ReadTables:
    """Every value as its type reads it; `raw.problems` has all that is wrong."""
    values: ReadTables = {}
    for section in SECTIONS:
        tables = raw.tables.get(section.name) or ([] if section.optional else [{}])
        values[section.name] = [_read_table(raw, section, table, n) for n, table in enumerate(tables)]
    check_together(raw, values)
    return values


def _read_table(raw: RawSettings, section: Section[Any], table: Table, number: int) -> dict[str, Any]:
    """The values of one table by key: what was given, else what holds where nothing is."""
    label = label_of(section, number)
    for key, given in table.items():
        if key not in section.settings:
            do = suggestion(key, list(section.settings), f"{section.name}.")
            raw.refuse(given.where, f"unknown setting {label}.{key} = {shown(given.value)}", do)
    return {
        key: _read_value(raw, setting, f"{label}.{key}", table.get(key))
        for key, setting in section.settings.items()
    }


def _read_value(raw: RawSettings, setting: Setting, name: str, given: RawValue | None) -> Any:
    """The value; None, and a problem in `raw`, where it is missing or wrong."""
    expects = f"expected {setting.type.expects}"
    if given is None:
        if setting.required:
            raw.refuse(raw.file, f"{name} is missing", expects)
        return setting.value_unless_set()
    try:
        return setting.type.read(given.value)
    except InvalidValue as invalid:
        hidden = setting.secret or isinstance(invalid, HoldsSecret)
        value = "not shown here" if hidden else shown(given.value)
        raw.refuse(given.where, f"{name} is {value}", str(invalid) or expects)
        return None


def make_settings(folder: Path, read: ReadTables) -> Settings:
    """The settings of the site in `folder`, which is absolute, from values that have been checked."""

    def every(section: Section[Values], **more: object) -> tuple[Values, ...]:
        return tuple(_make(section, folder, table, more) for table in read[section.name])

    def one(section: Section[Values], **more: object) -> Values:
        return every(section, **more)[0]

    own, web = one(SITE), one(WEB)
    site = own.site(web.public_url)
    return Settings(
        folder=folder,
        site=site,
        secret_file=own.secret_file,
        static=own.static,
        posts=one(POSTS, timezone=own.timezone, language=own.language, markdown=one(MARKDOWN)),
        feeds=tuple(feed.feed(site) for feed in every(FEEDS)),
        websub=one(WEBSUB),
        lists=tuple(item.mailing_list(site) for item in every(LISTS)),
        mail=one(MAIL, relays=every(RELAYS), dkim=one(DKIM), bounces=one(BOUNCES)),
        store=one(STORE),
        queue=one(QUEUE),
        web=web,
        schedule=one(SCHEDULE),
    )


def _make(
    section: Section[Values], folder: Path, table: Mapping[str, Any], more: Mapping[str, object]
) -> Values:
    """A section's dataclass: each value under its setting's key, and the fields in `more`."""
    made = dict(more)
    for setting in section.settings.values():
        value, locate = table[setting.key], setting.type.locate
        made[setting.field] = locate(value, folder) if locate and value is not None else value
    return section.values(**made)


def check_together(raw: RawSettings, values: ReadTables) -> None:
    """Notes in `raw` each problem between settings. A value that is wrong itself is noted already."""
    for section in (FEEDS, LISTS):
        _check_slugs(raw, section)
    _check_relays(raw, values)
    _check_bounces(raw, values)
    _check_senders(raw, values)
    _check_days(raw, values)
    _check_feed_paths(raw, values["feeds"])
    _check_admin(raw, values["web"][0])


def _check_admin(raw: RawSettings, web: Mapping[str, Any]) -> None:
    """The admin pages stand at the root of an https address, and without one only on this machine."""
    url: str | None = web["admin_url"]
    listen: tuple[str, int] | None = web["admin_listen"]
    if url is not None and (urlsplit(url).scheme, urlsplit(url).path) != ("https", "/"):
        what = f"web.admin_url is {shown(url)}"
        raw.refuse(raw.where("web", 0, "admin_url"), what, "expected https:// and a host, without a path")
    if web["admin_token_file"] and url is None and listen and not _is_this_machine(listen[0]):
        what = f"web.admin_listen is {shown(listen[0])}, which other machines may reach"
        do = "set web.admin_url to the https address of a proxy, or listen on 127.0.0.1"
        raw.refuse(raw.where("web", 0, "admin_listen"), what, do)


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


def _check_bounces(raw: RawSettings, values: ReadTables) -> None:
    bounces = values["mail.bounces"][0]
    if isinstance(bounces["source"], ImapAccount) and not bounces["password_file"]:
        what = "mail.bounces.source is a mailbox, but there is no password for it"
        raw.refuse(raw.where("mail.bounces", 0, "source"), what, "add password_file")


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
