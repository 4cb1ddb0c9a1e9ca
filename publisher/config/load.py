"""What was written becomes `Settings`: each value read by its type, then checked against the others."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from publisher.config.checks import Values, check_together
from publisher.config.layers import RawSettings, RawValue, Table, label_of, read_layers, shown, suggestion
from publisher.config.sections import LISTS, RELAYS, SECTIONS
from publisher.config.settings import (
    DkimSettings,
    MailSettings,
    PostsSettings,
    QueueSettings,
    RelaySettings,
    ScheduleSettings,
    Settings,
    StoreSettings,
    WebSettings,
    WebSubSettings,
)
from publisher.config.types import InvalidValue, Section, Setting
from publisher.core.delivery.bounces import BounceLimits
from publisher.core.delivery.relays import DEFAULT_PORTS, Relay, Security
from publisher.core.errors import SettingsError
from publisher.core.feeds.feed import FeedSpec
from publisher.core.publishing.adoption import host_of
from publisher.core.site import Logo, Palette, Person, Site, lighten_for_dark
from publisher.core.subscribers.subscription import ListChoice, MailingList

AUTHORITY_DATE = "2026"
"""The date in a default id_authority (RFC 4151 2.1). Never by a clock: a lost store mints the same ids."""


def load(
    folder: Path, environ: Mapping[str, str] | None = None, overrides: Mapping[str, object] | None = None
) -> Settings:
    """The settings of the site in `folder`: publisher.toml < PUBLISHER_SECTION__KEY in `environ` <
    `overrides` ("web.listen" -> value as in TOML). Raises SettingsError: the first thing that is wrong.
    """
    raw = read_layers(folder, environ or {}, overrides or {})
    values = _read_values(raw)
    if raw.problems:
        raise raw.problems[0]
    return _make_settings(folder.resolve(), values)


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
    for number, table in enumerate(raw.tables.get(RELAYS.name, [])):
        password = table.get("password")
        if password is not None and password.value:
            line = password.where.removeprefix(f"{raw.file}:")
            found.append((int(line) if line.isdecimal() else 0, f"{label_of(RELAYS, number)}.password"))
    return found


def default_authority(site_url: str) -> str:
    """The id_authority of a site that names none: from its URL alone, never from the clock."""
    host = host_of(site_url) or "localhost"
    return f"{'ip6-' + host.replace(':', '-') if ':' in host else host},{AUTHORITY_DATE}"


def _read_values(raw: RawSettings) -> Values:
    """Every value as its type reads it; `raw.problems` has all that is wrong."""
    values: Values = {}
    for section in SECTIONS:
        tables = raw.tables.get(section.name) or ([] if section in (LISTS, RELAYS) else [{}])
        values[section.name] = [_read_table(raw, section, table, n) for n, table in enumerate(tables)]
    check_together(raw, values)
    return values


def _read_table(raw: RawSettings, section: Section, table: Table, number: int) -> dict[str, Any]:
    """The values of one table by key: what was given, else the default, else None."""
    label = label_of(section, number)
    for key, given in table.items():
        if section.setting(key) is None:
            do = suggestion(key, [s.key for s in section.settings], f"{section.name}.")
            raw.refuse(given.where, f"unknown setting {label}.{key} = {shown(given.value)}", do)
    return {s.key: _read_value(raw, s, f"{label}.{s.key}", table.get(s.key)) for s in section.settings}


def _read_value(raw: RawSettings, setting: Setting, name: str, given: RawValue | None) -> Any:
    expects = f"expected {setting.kind.expects}"
    if given is None:
        if setting.required:
            raw.refuse(raw.file, f"{name} is missing", expects)
        return None if setting.default is None else setting.kind.read(setting.default)
    try:
        return setting.kind.read(given.value)
    except InvalidValue as invalid:
        raw.refuse(given.where, f"{name} is {shown(given.value)}", str(invalid) or expects)
        return None


def _make_settings(folder: Path, values: Values) -> Settings:
    """All sections, once nothing was refused; `folder` is absolute."""
    of = {section.name: values[section.name][0] for section in SECTIONS if not section.repeated}
    site = _make_site(of["site"], of["web"]["public_url"])
    own: dict[str, Any] = {key: of["site"][key] for key in ("timezone", "language")}
    posts: dict[str, Any] = of["posts"] | own | {"dir": folder / of["posts"]["dir"]}
    posts["defaults"] = posts["defaults"] or {}
    host, port = of["web"]["listen"]
    return Settings(
        folder=folder,
        site=site,
        secret_file=folder / of["site"]["secret_file"],
        posts=PostsSettings(**posts),
        feeds=tuple(
            FeedSpec(**_without_none(feed | {"title": feed["title"] or site.title}))
            for feed in values["feeds"]
        ),
        websub=WebSubSettings(**of["websub"]),
        lists=tuple(_make_list(item, site) for item in values["lists"]),
        mail=_make_mail(values, folder),
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


def _make_site(values: Mapping[str, Any], public_url: str | None) -> Site:
    author = values["author"]
    colors: Mapping[str, str] = values["palette"] or {}
    palette = Palette(**colors)
    if "accent" in colors and "dark_accent" not in colors:
        palette = replace(palette, dark_accent=lighten_for_dark(palette.accent, palette.dark_paper))
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
        palette=palette,
        logo=Logo(**{"alt": values["title"], **values["logo"]}) if values["logo"] else None,
    )


def _make_list(values: Mapping[str, Any], site: Site) -> MailingList:
    given = _without_none({key: value for key, value in values.items() if key != "from"})
    given["readers_choose"] = tuple(ListChoice(word) for word in values["readers_choose"] or ())
    defaults: dict[str, Any] = {"title": site.title, "timezone": site.timezone, "sender": values["from"]}
    return MailingList(**(defaults | given))


def _make_mail(values: Values, folder: Path) -> MailSettings:
    """[mail] and what is within it; paths become absolute."""
    dkim, bounces = values["mail.dkim"][0], values["mail.bounces"][0]
    return MailSettings(
        **values["mail"][0],
        relays=tuple(_make_relay(relay, folder) for relay in values["mail.relays"]),
        dkim=DkimSettings(
            domain=dkim["domain"], keys=tuple((selector, folder / file) for selector, file in dkim["keys"])
        ),
        bounces=bounces["address"] or "",
        limits=BounceLimits(hard=bounces["hard_limit"], soft=bounces["soft_limit"]),
    )


def _make_relay(values: Mapping[str, Any], folder: Path) -> RelaySettings:
    given = {key: value for key, value in values.items() if key != "password_file"}
    given["security"] = security = Security(values["security"])
    given["port"] = values["port"] or DEFAULT_PORTS[security]
    given["password"] = values["password"] or ""
    given["per_domain"] = values["per_domain"] or {}
    file = values["password_file"]
    return RelaySettings(relay=Relay(**given), password_file=folder / file if file else None)


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
