"""Settings: what a site's author decided, checked, as frozen values."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from publisher.config.declaration import Section, Setting
from publisher.config.layers import RawSettings, RawValue, Table, gather, label_of, shown, suggestion
from publisher.config.mail_sections import check_mail, read_mail
from publisher.config.sections import FEEDS, LISTS, RELAYS, SECTIONS
from publisher.config.settings import (
    PostsSettings,
    QueueSettings,
    ScheduleSettings,
    Settings,
    StoreSettings,
    WebSettings,
    WebSubSettings,
)
from publisher.config.types import InvalidValue
from publisher.config.url_checks import check_places
from publisher.core.colors import Palette, for_the_dark
from publisher.core.errors import SettingsError
from publisher.core.feeds.feed import FeedSpec
from publisher.core.publishing.adoption import host_of
from publisher.core.site import Logo, Person, Site
from publisher.core.subscribers.subscription import ListChoice, MailingList

AUTHORITY_DATE = "2026"
"""The date in a default id_authority (RFC 4151 2.1). Never by a clock: a lost store mints the same ids."""


def load(
    folder: Path, environ: Mapping[str, str] | None = None, overrides: Mapping[str, object] | None = None
) -> Settings:
    """The settings of the site in `folder`: publisher.toml < PUBLISHER_SECTION__KEY in `environ` <
    `overrides` ("web.listen" -> value as in TOML). Raises SettingsError: the first thing that is wrong.
    """
    raw = gather(folder, environ or {}, overrides or {})
    values = _understand(raw)
    if raw.problems:
        raise raw.problems[0]
    return _settings(folder, values)


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
        raw = gather(folder, environ or {}, overrides or {})
    except SettingsError as error:
        return [error]
    _understand(raw)
    return raw.problems


def inline_passwords(folder: Path) -> list[tuple[int, str]]:
    """(line, name) of each password that stands in publisher.toml itself. Raises SettingsError."""
    raw = gather(folder, {}, {})
    found: list[tuple[int, str]] = []
    for number, table in enumerate(raw.tables.get(RELAYS.name, [])):
        given = table.get("password")
        if given is not None and given.value:
            line = given.where.removeprefix(f"{raw.file}:")
            found.append((int(line) if line.isdecimal() else 0, f"{label_of(RELAYS, number)}.password"))
    return found


def default_authority(site_url: str) -> str:
    """The id_authority of a site that names none: from its URL alone, never from the clock."""
    host = host_of(site_url) or "localhost"
    return f"{'ip6-' + host.replace(':', '-') if ':' in host else host},{AUTHORITY_DATE}"


TAKEN = {"index": "index.html", "manifest": "manifest.json"}
"""Slugs that no feed may have."""

Values = dict[str, list[dict[str, Any]]]


def _understand(raw: RawSettings) -> Values:
    values: Values = {}
    for section in SECTIONS:
        tables = raw.tables.get(section.name) or ([] if section in (LISTS, RELAYS) else [{}])
        values[section.name] = [_take(raw, section, table, number) for number, table in enumerate(tables)]
    for section in (FEEDS, LISTS):
        _unique_slugs(raw, section)
    check_mail(raw, values, RELAYS)
    for number, item in enumerate(values[LISTS.name]):
        _fitting_day(raw, item, number)
    check_places(raw, values["feeds"])
    return values


def _fitting_day(raw: RawSettings, values: Mapping[str, Any], number: int) -> None:
    """`on` must be a day that the cadence of the list can use; a daily list has no use for any."""
    on, cadence = values["on"], values["cadence"]
    expected = {"weekly": 'expected a day of the week such as "mon"', "monthly": "expected 1 to 28"}
    if on is not None and cadence in expected and on.isdecimal() != (cadence == "monthly"):
        given = raw.tables[LISTS.name][number]["on"]
        name = f"{label_of(LISTS, number)}.on is {shown(given.value)}"
        raw.refuse(given.where, name, f"{expected[cadence]}, for the list is {cadence}")


def _take(raw: RawSettings, section: Section, table: Table, number: int) -> dict[str, Any]:
    """The values of one table by key: what was given, else the default, else None."""
    label = label_of(section, number)
    for key, given in table.items():
        if section.setting(key) is None:
            do = suggestion(key, [s.key for s in section.settings], f"{section.name}.")
            raw.refuse(given.where, f"unknown setting {label}.{key} = {shown(given.value)}", do)
    return {s.key: _value(raw, s, f"{label}.{s.key}", table.get(s.key)) for s in section.settings}


def _value(raw: RawSettings, setting: Setting, name: str, given: RawValue | None) -> Any:
    if given is None:
        if setting.required:
            raw.refuse(raw.file, f"{name} is missing", f"expected {setting.kind.expects}")
        return None if setting.default is None else setting.kind.read(setting.default)
    try:
        return setting.kind.read(given.value)
    except InvalidValue as wrong:
        raw.refuse(
            given.where, f"{name} is {shown(given.value)}", str(wrong) or f"expected {setting.kind.expects}"
        )
        return None


def _unique_slugs(raw: RawSettings, section: Section) -> None:
    default = section.settings[0].default
    seen: set[object] = set()
    for number, table in enumerate(raw.tables.get(section.name, [])):
        given = table.get("slug") or RawValue(value=default, where=raw.file)
        name = f"{label_of(section, number)}.slug is {shown(given.value)}"
        if given.value is not None and given.value in seen:
            raw.refuse(given.where, name, "expected another name for each")
        if section is FEEDS and isinstance(given.value, str) and given.value in TAKEN:
            raw.refuse(given.where, name, f"that name is taken by {TAKEN[given.value]}; choose another")
        if isinstance(given.value, str):
            seen.add(given.value)


def _settings(folder: Path, values: Values) -> Settings:
    folder = folder.resolve()
    of = {section.name: values[section.name][0] for section in SECTIONS if not section.repeated}
    site = _site(of["site"], of["web"]["public_url"])
    own = {key: of["site"][key] for key in ("timezone", "language")}
    posts = of["posts"] | {"dir": folder / of["posts"]["dir"], **own}
    posts["defaults"] = posts["defaults"] or {}
    host, port = of["web"]["listen"]
    return Settings(
        folder=folder,
        site=site,
        secret_file=folder / of["site"]["secret_file"],
        posts=PostsSettings(**posts),
        feeds=tuple(_feed(item, site) for item in values["feeds"]),
        websub=WebSubSettings(**of["websub"]),
        lists=tuple(_list(item, site) for item in values["lists"]),
        mail=read_mail(values, folder),
        store=StoreSettings(url=f"sqlite:///{folder / of['store']['url']}"),
        queue=QueueSettings(**of["queue"]),
        web=WebSettings(
            host=host,
            port=port,
            trusted_proxies=of["web"]["trusted_proxies"],
            public_url_given=of["web"]["public_url"] is not None,
            blocked=of["web"]["blocked"],
            delta=of["web"]["delta"],
        ),
        schedule=ScheduleSettings(**of["schedule"]),
    )


def _site(values: Mapping[str, Any], public_url: str | None) -> Site:
    author = values["author"]
    return Site(
        title=values["title"],
        url=values["url"],
        public_url=public_url or values["url"],
        id_authority=values["id_authority"] or default_authority(values["url"]),
        description=values["description"],
        language=values["language"] or "en",
        timezone=values["timezone"] or "UTC",
        author=Person(**author) if author else None,
        copyright=values["copyright"] or "",
        postal_address=values["postal_address"] or "",
        palette=_palette(values["palette"] or {}),
        logo=Logo(**{"alt": values["title"], **values["logo"]}) if values["logo"] else None,
    )


def _palette(given: Mapping[str, str]) -> Palette:
    """Where an accent is given for the light only, one for the dark is made of it."""
    palette = Palette(**given)
    if "accent" in given and "dark_accent" not in given:
        return replace(palette, dark_accent=for_the_dark(palette.accent, palette.dark_paper))
    return palette


def _feed(values: Mapping[str, Any], site: Site) -> FeedSpec:
    given = {key: value for key, value in values.items() if value is not None and key != "title"}
    return FeedSpec(title=values["title"] or site.title, **given)


def _list(values: Mapping[str, Any], site: Site) -> MailingList:
    given = {key: value for key, value in values.items() if value is not None and key != "from"}
    given["readers_choose"] = tuple(ListChoice(word) for word in values["readers_choose"] or ())
    defaults: dict[str, Any] = {"title": site.title, "timezone": site.timezone, "sender": values["from"]}
    return MailingList(**(defaults | given))
