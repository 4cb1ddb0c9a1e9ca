"""How settings are declared. Those of a section of publisher.toml are the fields of a class:

    batch: int = setting(whole(1, 10_000), help="Deliveries in a batch.", default=500)

That is the only place where the setting stands. Reading, checking, config/publisher.toml, its reference and
the JSON schema for editors follow from it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Generic, Literal, NamedTuple, NoReturn, TypeVar, cast, dataclass_transform, overload

from publisher.config.types import SettingType

T = TypeVar("T")
Values = TypeVar("Values", bound="SectionValues")

TomlValue = str | bool | int | list[str]

ReadTables = dict[str, list[dict[str, Any]]]
"""Every value by section, table and key, as its type read it; None where it is wrong."""


class Setting(NamedTuple):
    """One key. `field` is its name in the section's class. `default` is as written in TOML; where it is None
    the setting is not set unless the author does, and then its value is `unset`. `shown` is an example in
    TOML for the packaged file where there is no default. A `secret` is not shown by repr.
    """

    key: str
    field: str
    type: SettingType[Any]
    help: str
    default: TomlValue | None
    required: bool
    shown: str
    unset: Any
    secret: bool

    def value_unless_set(self) -> Any:
        """What the program uses where the author says nothing."""
        return self.unset if self.default is None else self.type.read(self.default)


@overload
def setting(type: SettingType[T], *, help: str, default: TomlValue, key: str = "") -> T: ...
@overload
def setting(type: SettingType[T], *, help: str, required: Literal[True], shown: str, key: str = "") -> T: ...
@overload
def setting(
    type: SettingType[T], *, help: str, unset: T, shown: str, key: str = "", secret: bool = False
) -> T: ...
@overload
def setting(type: SettingType[T], *, help: str, shown: str, key: str = "") -> T | None: ...
def setting(
    type: SettingType[Any],
    *,
    help: str,
    default: TomlValue | None = None,
    required: bool = False,
    shown: str = "",
    unset: Any = None,
    key: str = "",
    secret: bool = False,
) -> Any:
    """A field that is a setting; its key is what the field is called, or `key`."""
    return Setting(key, "", type, help, default, required, shown, unset, secret)


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(setting,))
class SectionValues:
    """The values of a section, by the names of the fields; those that `setting` did not make are no settings.

    To type checkers each of these classes is a frozen dataclass. It is not made by `dataclass`, because the
    code that this writes for thirteen classes would double the time that settings take at each start.
    """

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__}.{name} cannot be set")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __repr__(self) -> str:
        secret = {setting.field for setting in settings_of(type(self)) if setting.secret}
        shown = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if name not in secret)
        return f"{type(self).__name__}({shown})"


def settings_of(section: type[SectionValues]) -> Iterator[Setting]:
    """The settings that a class declares, each with its names."""
    for name, value in vars(section).items():
        if isinstance(value, Setting):
            yield value._replace(field=name, key=value.key or name)


@dataclass(frozen=True)
class Section(Generic[Values]):
    """One [section], or one [[section]] that may appear several times where `repeated`; `values` declares its
    settings.
    """

    name: str
    help: str
    values: type[Values]
    repeated: bool = False
    settings: Mapping[str, Setting] = field(init=False)
    """By key."""

    @property
    def optional(self) -> bool:
        """Whether a site may have none of it: one that repeats, and that only an author can fill in."""
        return self.repeated and any(setting.required for setting in self.settings.values())

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", {setting.key: setting for setting in settings_of(self.values)})


def fill(target: Callable[..., T], values: SectionValues, **more: object) -> T:
    """A dataclass of the rest of the program, made of those values of a section that have the names of its
    fields, and of `more`, which comes first.
    """
    names = {field.name for field in fields(cast("Any", target))}
    return target(**({name: value for name, value in vars(values).items() if name in names} | more))
