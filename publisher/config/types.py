"""What a setting is, and the types most settings have: how each is read, and what to say when it cannot be.

A type takes what TOML gives (str, int, bool, list, dict) and returns the value that the program uses. Every
`read_...` raises InvalidValue.
"""

import re
from collections.abc import Callable, Sequence
from datetime import time, timedelta
from functools import partial
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from publisher.core.addresses import parse_mailbox
from publisher.core.errors import AddressError

TomlValue = str | bool | int | list[str]


class InvalidValue(Exception):
    """A value that its type cannot take; becomes a SettingsError. A text replaces the type's usual advice."""


class SettingType(NamedTuple):
    """`expects` completes "expected ...". `read` raises InvalidValue. `verbatim`: text from the environment
    is the value itself; otherwise it is read as a TOML value.
    """

    expects: str
    read: Callable[[object], Any]
    verbatim: bool = True


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
    """One [section], or one [[section]] that may appear several times where `repeated`."""

    name: str
    help: str
    settings: tuple[Setting, ...]
    repeated: bool = False

    def setting(self, key: str) -> Setting | None:
        """The setting of that key."""
        return next((setting for setting in self.settings if setting.key == key), None)


def read_bool(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise InvalidValue
    return value


def read_text(value: object) -> str:
    """Any text, without the space around it."""
    if not isinstance(value, str):
        raise InvalidValue
    return value.strip()


def read_line(value: object) -> str:
    """Text without control characters, perhaps empty."""
    text = read_text(value)
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise InvalidValue
    return text


def read_filled(value: object) -> str:
    """One line of text with something in it."""
    if not (text := read_line(value)):
        raise InvalidValue
    return text


def matching(expects: str, pattern: str) -> SettingType:
    """Text that a pattern matches as a whole, in any case."""

    def read(value: object) -> str:
        text = read_text(value)
        if not re.fullmatch(pattern, text, re.IGNORECASE):  # compiled when first used: start-up is quick
            raise InvalidValue
        return text

    return SettingType(expects=expects, read=read)


def read_url(value: object) -> str:
    """An absolute http(s) URL in ASCII that ends in "/"."""
    text = read_filled(value)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        host = f"[{host}]" if ":" in host else host.encode("idna").decode()
    except ValueError:
        raise InvalidValue from None
    extra = parts.query or parts.fragment or "@" in parts.netloc or "?" in text or "#" in text or " " in text
    if parts.scheme not in {"http", "https"} or not host or extra:
        raise InvalidValue
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=-._~")
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "") + path + "/"


def read_zone(value: object) -> str:
    """The name of a time zone."""
    name = read_filled(value)
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):  # unknown, outside the database, a folder of it ("Europe")
        raise InvalidValue from None


def read_duration(value: object, least: timedelta = timedelta(0)) -> timedelta:
    """A number and a unit, as in "30d"."""
    found = re.fullmatch(r"(\d{1,6})([smhd])", read_text(value), re.ASCII)
    if not found:
        raise InvalidValue
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    length = timedelta(**{units[found[2]]: int(found[1])})
    if length < least:
        raise InvalidValue
    return length


def read_time_of_day(value: object) -> time:
    """Hours and minutes."""
    if isinstance(value, time) and value.second == value.microsecond == 0:  # TOML has times of its own
        return value
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", read_text(value), re.ASCII)
    if not found:
        raise InvalidValue
    return time(int(found[1]), int(found[2]))


def read_table(value: object) -> dict[str, object]:
    """A table, with whatever keys."""
    if not isinstance(value, dict):
        raise InvalidValue
    return cast("dict[str, object]", value)


def read_array(value: object) -> list[object]:
    """An array, of whatever."""
    if not isinstance(value, list):
        raise InvalidValue
    return cast("list[object]", value)


def read_words(value: object) -> tuple[str, ...]:
    """A list of texts with something in each."""
    return tuple(read_filled(item) for item in read_array(value))


def read_address_with(parse: Callable[[str], object], value: object) -> str:
    """Text that `parse` takes for an email address; the advice is what it says."""
    text = read_filled(value)
    try:
        parse(text)
    except AddressError as error:
        raise InvalidValue(f"{error.what}; {error.do}".removesuffix("; ")) from None
    return text


def read_slug(value: object) -> str:
    """A name for file names and links."""
    text = read_text(value)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text):
        raise InvalidValue
    return text


def quoted_choices(choices: Sequence[str]) -> str:
    """'"a", "b" or "c"'."""
    quoted = [f'"{choice}"' for choice in choices]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def one_of(*choices: str) -> SettingType:
    """One of a closed set of words."""

    def read(value: object) -> str:
        if (text := read_text(value)) not in choices:
            raise InvalidValue
        return text

    return SettingType(expects=quoted_choices(choices), read=read)


def some_of(*choices: str) -> SettingType:
    """A list of different words of a closed set, at least one."""

    def read(value: object) -> tuple[str, ...]:
        given = read_words(value)
        if not given or len(set(given)) < len(given) or not set(given) <= set(choices):
            raise InvalidValue
        return given

    expects = f"a list of {quoted_choices(choices)}, each at most once"
    return SettingType(expects=expects, read=read, verbatim=False)


def whole(least: int, most: int) -> SettingType:
    """A whole number within bounds, both included."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidValue
        return value

    return SettingType(expects=f"a whole number from {least} to {most:,}", read=read, verbatim=False)


BOOL = SettingType(expects="true or false", read=read_bool, verbatim=False)
LINE = SettingType(expects="one line of text", read=read_line)
FILLED = SettingType(expects="one line of text, not empty", read=read_filled)
TEXT = SettingType(expects="text", read=read_text)
URL = SettingType(expects='an absolute URL such as "https://example.org/blog/"', read=read_url)
LANGUAGE = matching(
    'a language tag (BCP 47) such as "en" or "pt-BR"',
    r"[a-z]{2,3}(-[a-z]{3}){0,3}(-[a-z]{4})?(-([a-z]{2}|\d{3}))?(-([a-z0-9]{5,8}|\d[a-z0-9]{3}))*"
    r"(-[0-9a-wyz](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?",
)
ZONE = SettingType(expects='an IANA time zone such as "Europe/Berlin"', read=read_zone)
DURATION = SettingType(expects='a duration such as "30d", "12h", "45m" or "60s"', read=read_duration)
PERIOD = SettingType(
    expects='a duration of at least "1s", such as "60s" or "5m"',
    read=partial(read_duration, least=timedelta(seconds=1)),
)
CLOCK = SettingType(expects='a time of day such as "08:00"', read=read_time_of_day)
SLUG = SettingType(
    expects='a name of small letters, digits and hyphens such as "weekly-news"', read=read_slug
)
WORDS = SettingType(expects='a list of texts such as ["a", "b"]', read=read_words, verbatim=False)
MAILBOX = SettingType(
    expects='an address such as "Jo Doe <jo@example.org>"',
    read=partial(read_address_with, parse_mailbox),
)
