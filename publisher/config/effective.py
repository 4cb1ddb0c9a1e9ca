"""Which settings hold, and where each was written. Processes compare this, to go by the same ones."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from publisher.config.layers import RawSettings, RawValue, label_of, toml_text
from publisher.config.sections import SECTIONS

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
