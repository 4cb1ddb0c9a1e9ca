"""What publisher.toml, the environment and the command line give, and where each value was written. Processes
compare the result, to go by the same settings.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

from publisher.config.declaration import Section
from publisher.config.sections import SECTIONS
from publisher.core.errors import SettingsError

FILE = "publisher.toml"
PREFIX = "PUBLISHER_"


class RawValue(NamedTuple):
    """A value as it was written. `where` is "mysite/publisher.toml:3" or a variable's name."""

    value: object
    where: str


Table = dict[str, RawValue]


@dataclass(slots=True, kw_only=True)
class RawSettings:
    """All that was given, not yet read: tables by section (one, or for repeated ones any number)."""

    file: str
    tables: dict[str, list[Table]] = field(default_factory=dict[str, list[Table]])
    problems: list[SettingsError] = field(default_factory=list[SettingsError])

    def refuse(self, where: str, what: str, do: str) -> None:
        """Notes a problem and goes on."""
        self.problems.append(SettingsError(where, what, do))

    def where(self, section: str, number: int, key: str) -> str:
        """Where a value was written; the file, where it was not."""
        tables = self.tables.get(section, [])
        given = tables[number].get(key) if number < len(tables) else None
        return self.file if given is None else given.where

    def set(self, section: str, number: int, key: str, value: RawValue) -> None:
        """Puts a value over what an earlier layer gave."""
        tables = self.tables.setdefault(section, [])
        while len(tables) <= number:
            tables.append({})
        tables[number][key] = value


def read_layers(
    folder: Path, environ: Mapping[str, str], overrides: Mapping[str, object], text: str | None = None
) -> RawSettings:
    """publisher.toml < environment < overrides ("web.listen" -> value). Raises SettingsError where the
    file is missing, unreadable or no TOML. A `text` is taken for that of the file.
    """
    raw = _read_file(folder / FILE, text)
    for name in sorted(environ):
        if name.startswith(PREFIX) and "__" in name:
            _add_variable(raw, name, environ[name])
    for name, value in overrides.items():
        section, _, key = name.rpartition(".")
        raw.set(section, 0, key, RawValue(value=value, where="command line"))
    return raw


def section_named(name: str) -> Section[Any] | None:
    """The section of that name."""
    return next((section for section in SECTIONS if section.name == name), None)


def label_of(section: Section[Any], number: int) -> str:
    """ "site", or "lists[0]" for the first of a repeated section."""
    return f"{section.name}[{number}]" if section.repeated else section.name


def shown(value: object) -> str:
    """A value as it would be written in TOML, cut to 80 characters."""
    text = toml_text(value)
    return text if len(text) <= 80 else text[:79] + "…"


def toml_text(value: object) -> str:
    """A value as it would be written in TOML, on one line."""
    import json

    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return "{" + ", ".join(f"{key} = {toml_text(item)}" for key, item in items) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml_text, cast("list[object]", value))) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else str(value)


def suggestion(name: str, names: list[str], kind: str = "") -> str:
    """ "did you mean ...?", or which there are."""
    from difflib import get_close_matches

    near = get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {kind}{near[0]}?" if near else f"there are {', '.join(names)}"


def _read_file(path: Path, text: str | None = None) -> RawSettings:
    try:
        text = text if text is not None else path.read_bytes().decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        site = path.parent if path.parent != Path() else Path.cwd()
        advice = "run `publisher init` or give --site DIR"
        raise SettingsError(str(site), f"no {FILE} here", advice) from None
    except UnicodeDecodeError as error:
        raise SettingsError(str(path), f"not UTF-8 at byte {error.start}", "save it as UTF-8") from None
    except OSError as error:
        raise SettingsError(str(path), f"cannot be read: {error.strerror}", "check its permissions") from None
    raw = RawSettings(file=str(path))
    lines = _line_numbers(text)
    for name, content in _split_sections(_parse_toml(text, str(path))):
        where = f"{path}:{lines[name]}" if name in lines else str(path)
        section = section_named(name)
        if section is None:
            raw.refuse(where, *_unknown_name(name, content))
            continue
        for number, table in enumerate(_section_tables(raw, section, content, where)):
            given: Table = {}
            for key, value in table.items():
                full = f"{label_of(section, number)}.{key}"
                given[key] = RawValue(value, f"{path}:{lines[full]}" if full in lines else str(path))
            raw.tables.setdefault(name, []).append(given)
    return raw


def _parse_toml(text: str, file: str) -> dict[str, object]:
    import tomllib  # takes some milliseconds; commands without a site do without it

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        position = re.search(r" \(at line (\d+), column \d+\)$", message)
        line = int(position[1]) if position else text.count("\n") + 1
        what = re.sub(r" \(at .*\)$", "", message)
        raise SettingsError(f"{file}:{line}", f"not TOML: {what}", "fix that line") from None


def _line_numbers(text: str) -> dict[str, int]:
    """The line of each "site", "site.url", "lists[0].at". A hint for messages: tomllib keeps no positions."""
    lines: dict[str, int] = {}
    tables: Counter[str] = Counter()
    prefix = ""
    for number, line in enumerate(text.splitlines(), 1):
        if head := re.match(r"\s*(\[\[?)\s*([\w.-]+)\s*\]", line):
            prefix = f"{head[2]}[{tables[head[2]]}]" if head[1] == "[[" else head[2]
            tables[head[2]] += head[1] == "[["
            lines.setdefault(head[2], number)
            lines.setdefault(prefix, number)
        elif key := re.match(r"""\s*["']?([\w.-]+)["']?\s*=""", line):
            lines.setdefault(f"{prefix}.{key[1]}" if prefix else key[1], number)
    return lines


def _split_sections(parsed: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """What stands at the top of the file; a section within one ([mail.dkim]) by its whole name."""
    for name, content in parsed.items():
        if not isinstance(content, dict):
            yield name, content
            continue
        table = cast("dict[str, object]", content)
        within = [key for key in table if section_named(f"{name}.{key}")]
        if len(within) < len(table) or not table:
            yield name, {key: value for key, value in table.items() if key not in within}
        yield from ((f"{name}.{key}", table[key]) for key in within)


def _unknown_name(name: str, content: object) -> tuple[str, str]:
    """What to say of a name at the top of the file that is no section: what, and what to do."""
    sections = [section.name for section in SECTIONS]
    if isinstance(content, dict):
        return f"unknown section [{name}]", suggestion(name, sections)
    if isinstance(content, list):
        return f"unknown section [[{name}]]", suggestion(name, sections)
    homes = [section.name for section in SECTIONS if name in section.settings]
    do = f"write it under [{homes[0]}]" if homes else suggestion(name, sections)
    return f"unknown setting {name} = {shown(content)}", do


def _section_tables(
    raw: RawSettings, section: Section[Any], content: object, where: str
) -> list[dict[str, object]]:
    """The section's tables, or a problem where [x] and [[x]] are mixed up."""
    tables: object = content if section.repeated else [content]
    if isinstance(tables, list) and all(isinstance(t, dict) for t in cast("list[object]", tables)):
        return cast("list[dict[str, object]]", tables)
    heading = f"[[{section.name}]]" if section.repeated else f"[{section.name}]"
    kinds = {"dict": "a table", "list": "an array of tables"}
    found = kinds.get(type(content).__name__) or shown(content)
    raw.refuse(where, f"{section.name} is {found}", f"write {heading} above its settings")
    return []


def _add_variable(raw: RawSettings, name: str, text: str) -> None:
    """The setting that one variable of the environment names, or a problem."""
    section_name, *rest = name.removeprefix(PREFIX).lower().split("__")
    section = section_named(section_name)
    within = section_named(f"{section_name}.{rest[0]}")
    if within is not None:
        section, rest = within, rest[1:]
    if section is None:
        names = [_variable_prefix(s) + "..." for s in SECTIONS]
        raw.refuse(name, f"unknown section {section_name}", suggestion(name, names))
        return
    number = 0
    if section.repeated:
        count = len(raw.tables.get(section.name, []))
        index, rest = "".join(rest[:1]), rest[1:]
        if not index.isdecimal() or int(index) > count or not rest:
            variable = f"{_variable_prefix(section)}0__{next(iter(section.settings)).upper()}"
            what = f"names none of the {count} [[{section.name}]]"
            raw.refuse(name, what, f"count from 0, as in {variable}")
            return
        number = int(index)
    key = "__".join(rest)
    setting = section.settings.get(key)
    value = text if setting is None or setting.type.verbatim else _parse_toml_value(text)
    raw.set(section.name, number, key, RawValue(value=value, where=name))


def _variable_prefix(section: Section[Any]) -> str:
    """How the variables of a section begin: "PUBLISHER_MAIL__RELAYS__"."""
    return PREFIX + section.name.upper().replace(".", "__") + "__"


def _parse_toml_value(text: str) -> object:
    """A value written as TOML; text that is none stays text, and its type says what it expects."""
    import tomllib

    try:
        parsed = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return parsed["value"] if len(parsed) == 1 else text


DEFAULT = "default"


class EffectiveValue(NamedTuple):
    """A setting as it would be written in TOML, "" where nothing holds. `where` is "publisher.toml:3", the
    name of a variable, or `DEFAULT`. Nothing shows the text of a `secret`.
    """

    text: str
    where: str
    secret: bool = False


def effective_values(raw: RawSettings) -> dict[str, EffectiveValue]:
    """Every setting by its full name, such as "lists[0].at"."""
    return dict(_values(raw))


def changed_keys(
    before: Mapping[str, EffectiveValue], after: Mapping[str, EffectiveValue]
) -> tuple[str, ...]:
    """The settings that have another value, or that one of both lacks, in the order of their names."""
    nothing = EffectiveValue("", DEFAULT)
    return tuple(
        key
        for key in sorted(before.keys() | after.keys())
        if before.get(key, nothing).text != after.get(key, nothing).text
    )


def _values(raw: RawSettings) -> Iterator[tuple[str, EffectiveValue]]:
    for section in SECTIONS:
        tables = raw.tables.get(section.name) or ([] if section.optional else [{}])
        for number, table in enumerate(tables):
            for key, setting in section.settings.items():
                given = table.get(key)
                if given is None:
                    value = "" if setting.default is None else toml_text(setting.default)
                    effective = EffectiveValue(value, DEFAULT, setting.secret)
                else:
                    effective = EffectiveValue(toml_text(given.value), place(given), setting.secret)
                yield f"{label_of(section, number)}.{key}", effective


def place(given: RawValue) -> str:
    """Where a value was written, without the folder of the site."""
    return Path(given.where).name if "/" in given.where else given.where
