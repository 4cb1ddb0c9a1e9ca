"""What was written becomes `Settings`: each value read by its type, then checked against the others."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from publisher.config.checks import check_together
from publisher.config.declaration import ReadTables, Section, Setting
from publisher.config.layers import RawSettings, RawValue, Table, label_of, read_layers, shown, suggestion
from publisher.config.sections import RELAYS, SECTIONS
from publisher.config.settings import Settings, make_settings
from publisher.config.types import InvalidValue
from publisher.core.errors import SettingsError


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
    return make_settings(folder.resolve(), values)


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
        raw.refuse(given.where, f"{name} is {shown(given.value)}", str(invalid) or expects)
        return None
