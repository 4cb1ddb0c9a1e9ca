"""What a setting is: its key, what it may be, its default, and a line of help."""

from typing import NamedTuple

from publisher.config.types import SettingType

TomlValue = str | bool | int | list[str]


class Setting(NamedTuple):
    """One key. `default` is as written in TOML; None: not set unless the author does. `shown` is an
    example in TOML for the packaged file where there is no default.
    """

    key: str
    kind: SettingType
    help: str
    default: TomlValue | None = None
    required: bool = False
    shown: str = ""


class Section(NamedTuple):
    """One [section], or one [[section]] that may stand several times where `repeated`."""

    name: str
    help: str
    settings: tuple[Setting, ...]
    repeated: bool = False

    def setting(self, key: str) -> Setting | None:
        """The setting of that key."""
        return next((setting for setting in self.settings if setting.key == key), None)
