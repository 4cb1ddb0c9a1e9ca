"""Types shared by settings: how to read a value, the error if it cannot be read, and the schema for editors.
Types used in one section only are in publisher/config/sections.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, cast
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from publisher.core.addresses import parse_address, parse_mailbox
from publisher.core.errors import AddressError

T = TypeVar("T")
Word = TypeVar("Word", bound=str)

JsonSchema = Mapping[str, object]

ISO_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-?W[0-9]{2}(-?[1-7])?"
"""A JSON schema, of draft 4: the one that TOML editors know best. It is also one of draft 7."""


class InvalidValue(Exception):
    """A value that its type cannot take; becomes a SettingsError. A text replaces the type's usual advice."""


class HoldsSecret(InvalidValue):
    """A value with a password in it, which must not be shown."""


class SettingType(NamedTuple, Generic[T]):
    """`expects` completes "expected ...". `read` takes what TOML gives (str, int, bool, list, dict) and
    returns the value that the program uses; it raises InvalidValue. `schema` refuses what is surely wrong.
    `verbatim`: text from the environment is the value itself; otherwise it is read as a TOML value. `locate`
    completes a value that names files, which are relative to the folder of the site.
    """

    expects: str
    read: Callable[[object], T]
    schema: JsonSchema
    verbatim: bool = True
    locate: Callable[[T, Path], T] | None = None


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


def read_path(value: object) -> Path:
    """A file or a folder."""
    return Path(read_filled(value))


def locate_path(path: Path, folder: Path) -> Path:
    """What a path that may be relative to the folder of the site means."""
    return folder / path


def read_url(value: object) -> str:
    """An absolute http(s) URL in ASCII that ends in "/"."""
    text = read_filled(value)
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        host = f"[{host}]" if ":" in host else host.encode("idna").decode()
    except ValueError:
        raise InvalidValue from None
    extra = parts.query or parts.fragment or "@" in parts.netloc or re.search(r"[?#\s]", text)
    if parts.scheme not in {"http", "https"} or not host or extra:
        raise InvalidValue
    path = quote(parts.path.rstrip("/"), safe="/%:@!$&'()*+,;=-._~")
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "") + path + "/"


def read_host(value: object) -> str:
    """The name of a server in ASCII, or its IP address without brackets."""
    text = read_filled(value)
    if re.fullmatch(r"\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?", text):
        return text.strip("[]")
    try:
        name = text.encode("idna").decode("ascii").lower()
    except UnicodeError:
        raise InvalidValue from None
    if not re.fullmatch(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?", name):
        raise InvalidValue
    return name


def read_domain(value: object) -> str:
    """A domain in the spelling that addresses have."""
    try:
        return parse_address(f"a@{read_filled(value)}").domain
    except AddressError:
        raise InvalidValue from None


def read_zone(value: object) -> str:
    """The name of a time zone."""
    name = read_filled(value)
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):  # unknown, outside the database, a folder of it ("Europe")
        raise InvalidValue from None


def read_duration(value: object, least: timedelta = timedelta(0)) -> timedelta:
    """A number and a unit, as in "30d"."""
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", read_text(value))
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
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", read_text(value))
    if not found:
        raise InvalidValue
    return time(int(found[1]), int(found[2]))


def read_date(value: object) -> date:
    """A calendar day, as TOML has it or as text."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    text = read_filled(value)
    if not re.fullmatch(ISO_DAY, text):  # fromisoformat takes "20261201(#" too
        raise InvalidValue
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidValue from None


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


def parse_with(parse: Callable[[str], T], text: str) -> T:
    """What `parse` makes of an email address; the advice is what it says."""
    try:
        return parse(text)
    except AddressError as error:
        raise InvalidValue(f"{error.what}; {error.do}".removesuffix("; ")) from None


def read_mailbox(value: object) -> str:
    """An address, perhaps with a name before it."""
    text = read_filled(value)
    parse_with(parse_mailbox, text)
    return text


def read_fields(
    value: object, types: Mapping[str, SettingType[Any]], required: Collection[str] = ()
) -> dict[str, Any]:
    """A table that has no keys but these, each of its own type."""
    table = read_table(value)
    if not table.keys() <= types.keys() or not table.keys() >= set(required):
        raise InvalidValue
    return {key: types[key].read(item) for key, item in table.items()}


def text_schema(pattern: str = "") -> JsonSchema:
    """Text that the pattern matches as a whole, but for the space around it. Patterns are written in what the
    regular expressions of Python, Rust and ECMAScript have in common.
    """
    return {"type": "string"} | ({"pattern": rf"^\s*({pattern})\s*$"} if pattern else {})


def array_schema(items: JsonSchema) -> JsonSchema:
    """A list."""
    return {"type": "array", "items": items}


def table_schema(types: Mapping[str, SettingType[Any]], required: Iterable[str] = ()) -> JsonSchema:
    """A table that `read_fields` reads."""
    names = list(required)
    properties = {key: type.schema for key, type in types.items()}
    schema: JsonSchema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": names} if names else schema


def either(*schemas: JsonSchema) -> JsonSchema:
    """One of several."""
    return {"anyOf": list(schemas)}


def quoted_choices(choices: Sequence[str]) -> str:
    """'"a", "b" or "c"'."""
    quoted = [f'"{choice}"' for choice in choices]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def one_of(*choices: Word) -> SettingType[Word]:
    """One of a closed set of words."""

    def read(value: object) -> Word:
        text = read_text(value)
        for choice in choices:
            if choice == text:
                return choice
        raise InvalidValue

    return SettingType(quoted_choices(choices), read, {"type": "string", "enum": [*map(str, choices)]})


def some_of(*choices: Word) -> SettingType[tuple[Word, ...]]:
    """A list of different words of a closed set, at least one."""
    one = one_of(*choices)

    def read(value: object) -> tuple[Word, ...]:
        given = tuple(one.read(item) for item in read_array(value))
        if not given or len(set(given)) < len(given):
            raise InvalidValue
        return given

    expects = f"a list of {quoted_choices(choices)}, each at most once"
    schema = {**array_schema(one.schema), "minItems": 1, "uniqueItems": True}
    return SettingType(expects, read, schema, verbatim=False)


def whole(least: int, most: int) -> SettingType[int]:
    """A whole number within bounds, both included."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidValue
        return value

    expects = f"a whole number from {least} to {most:,}"
    schema = {"type": "integer", "minimum": least, "maximum": most}
    return SettingType(expects, read, schema, verbatim=False)


def matching(expects: str, pattern: str) -> SettingType[str]:
    """Text that a pattern matches as a whole."""

    def read(value: object) -> str:
        text = read_text(value)
        if not re.fullmatch(pattern, text):  # compiled when first used: start-up is quick
            raise InvalidValue
        return text

    return SettingType(expects, read, text_schema(pattern))


def percentage(most: int) -> SettingType[float]:
    """A share of 1, given in percent: more than 0 and at most `most` percent."""

    def read(value: object) -> float:
        found = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,3})?) ?%", read_filled(value))
        if not found or not 0 < float(found[1]) <= most:
            raise InvalidValue
        return float(found[1]) / 100

    return SettingType(
        f'more than 0 and at most "{most}%"', read, text_schema(r"[0-9]{1,3}(\.[0-9]{1,3})? ?%")
    )


DURATION_PATTERN = "[0-9]{1,6}[smhd]"

BOOL = SettingType("true or false", read_bool, {"type": "boolean"}, verbatim=False)
TEXT = SettingType("text", read_text, text_schema())
LINE = SettingType("one line of text", read_line, text_schema())
FILLED = SettingType("one line of text, not empty", read_filled, {"type": "string", "pattern": r"\S"})
PATH = SettingType(FILLED.expects, read_path, FILLED.schema, locate=locate_path)
URL = SettingType(
    'an absolute URL such as "https://example.org/blog/"',
    read_url,
    text_schema(r"[Hh][Tt][Tt][Pp][Ss]?://[^\s?#]+"),
)
LANGUAGE = matching(
    'a language tag (BCP 47) such as "en" or "pt-BR"',
    "[A-Za-z]{2,3}(-[A-Za-z]{3}){0,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?"
    "(-([A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*(-[0-9A-WYZa-wyz](-[A-Za-z0-9]{2,8})+)*(-[Xx](-[A-Za-z0-9]{1,8})+)?",
)
ZONE = SettingType('an IANA time zone such as "Europe/Berlin"', read_zone, text_schema(r"[\w+/-]+"))
DURATION = SettingType(
    'a duration such as "30d", "12h", "45m" or "60s"', read_duration, text_schema(DURATION_PATTERN)
)
PERIOD = SettingType(
    'a duration of at least "1s", such as "60s" or "5m"',
    partial(read_duration, least=timedelta(seconds=1)),
    text_schema("0*[1-9][0-9]{0,5}[smhd]"),
)
CLOCK = SettingType(
    'a time of day such as "08:00"',
    read_time_of_day,
    text_schema(r"([01][0-9]|2[0-3]):[0-5][0-9](:00(\.0+)?)?"),  # with seconds: a TOML time, not a text
)
SLUG = matching('a name of small letters, digits and hyphens such as "weekly-news"', "[a-z0-9]+(-[a-z0-9]+)*")
WORDS = SettingType(
    'a list of texts such as ["a", "b"]', read_words, array_schema(FILLED.schema), verbatim=False
)
MAILBOX = SettingType('an address such as "Jo Doe <jo@example.org>"', read_mailbox, text_schema(".*@.*"))

HOST = SettingType(
    'the name of a server such as "smtp.example.org", or its address', read_host, FILLED.schema
)
DOMAIN = SettingType('a domain such as "example.org"', read_domain, FILLED.schema)
