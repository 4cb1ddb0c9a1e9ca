"""Settings: publisher.toml < PUBLISHER_SECTION__KEY in the environment < flags, as frozen values."""

from publisher.config.layers import RawSettings
from publisher.config.sections.site import default_authority
from publisher.config.settings import (
    Settings,
    check_settings,
    inline_passwords,
    load,
    load_with_source,
    problems,
)

__all__ = [
    "RawSettings",
    "Settings",
    "check_settings",
    "default_authority",
    "inline_passwords",
    "load",
    "load_with_source",
    "problems",
]
