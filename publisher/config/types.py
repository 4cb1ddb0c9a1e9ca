"""Kinds of values: how each is read from TOML or text, and what to say when it cannot be.

A kind takes what TOML gives (str, int, bool, list, dict) and returns the value the program uses.

Kinds of values that say how mails look: the palette and the logo.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import time, timedelta
from difflib import get_close_matches
from typing import Any, NamedTuple, cast
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

from publisher.core.addresses import parse, parse_mailbox
from publisher.core.colors import FONTS, Palette
from publisher.core.errors import AddressError


class InvalidValue(Exception):
    """A value its kind cannot take; a SettingsError soon. A text replaces the kind's usual advice."""


class SettingType(NamedTuple):
    """`expects` completes "expected ...". `read` raises Wrong. `verbatim`: text from the environment is
    the value itself; otherwise it is read as a TOML value.
    """

    expects: str
    read: Callable[[object], Any]
    verbatim: bool = True


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue
    return value


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise InvalidValue
    return value.strip()


def _line(value: object) -> str:
    text = _string(value)
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise InvalidValue
    return text


def _matching(pattern: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = _string(value)
        if not re.fullmatch(pattern, text, re.IGNORECASE):  # compiled when first used: start-up is quick
            raise InvalidValue
        return text

    return read


def _filled(value: object) -> str:
    if not (text := _line(value)):
        raise InvalidValue
    return text


def url(value: object) -> str:
    """An absolute http(s) URL in ASCII that ends in "/"."""
    text = _filled(value)
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


def _zone(value: object) -> str:
    name = _filled(value)
    try:
        return ZoneInfo(name).key
    except (KeyError, ValueError, OSError):  # unknown, outside the database, a folder of it ("Europe")
        raise InvalidValue from None


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(least: timedelta) -> Callable[[object], timedelta]:
    def read(value: object) -> timedelta:
        found = re.fullmatch(r"(\d{1,6})([smhd])", _string(value), re.ASCII)
        if not found:
            raise InvalidValue
        length = timedelta(**{_UNITS[found[2]]: int(found[1])})
        if length < least:
            raise InvalidValue
        return length

    return read


def _wall_clock(value: object) -> time:
    if isinstance(value, time) and value.second == value.microsecond == 0:  # TOML has times of its own
        return value
    found = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)", _string(value), re.ASCII)
    if not found:
        raise InvalidValue
    return time(int(found[1]), int(found[2]))


def _listen(value: object) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(\d{1,5})", _string(value), re.ASCII)
    if not found or int(found[2]) > 65535:
        raise InvalidValue
    return found[1].strip("[]"), int(found[2])


def _items(value: object) -> list[object]:
    if not isinstance(value, list):
        raise InvalidValue
    return cast("list[object]", value)


def words(value: object) -> tuple[str, ...]:
    """A list of texts with something in each."""
    return tuple(_filled(item) for item in _items(value))


def _hubs(value: object) -> tuple[str, ...]:
    """Absolute http(s) URLs, as they are given: a hub is asked at exactly that address."""
    hubs = words(value)
    for hub in hubs:
        url(hub.partition("?")[0])
        if not re.fullmatch(r"[!-~]+", hub) or "#" in hub:
            raise InvalidValue
    return tuple(dict.fromkeys(hubs))


def _reachable(parse: Callable[[str], object]) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = _filled(value)
        try:
            parse(text)
        except AddressError as error:
            raise InvalidValue(f"{error.what}; {error.do}".removesuffix("; ")) from None
        return text

    return read


_mailbox, _address = _reachable(parse_mailbox), _reachable(parse)


def _person(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not cast("dict[str, object]", value).keys() <= {"name", "email"}:
        raise InvalidValue
    person = {key: _filled(item) for key, item in cast("dict[str, object]", value).items()}
    if "name" not in person:
        raise InvalidValue
    if "email" in person:
        _address(person["email"])
    return person


def _front_matter(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InvalidValue
    return {key: _as_written(item) for key, item in cast("dict[str, object]", value).items()}


def _as_written(value: object) -> Any:
    """A TOML value as front matter holds it: every scalar is text."""
    if isinstance(value, list):
        return [_as_written(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: _as_written(item) for key, item in cast("dict[str, object]", value).items()}
    return str(value).lower() if isinstance(value, bool) else str(value)


PERMALINK_WORDS = ("year", "month", "day", "slug", "title", "categories", "sections", "filename")
JEKYLL_PERMALINKS = ("pretty", "date", "ordinal", "none")


def _permalink(value: object) -> str:
    text = _filled(value)
    if text in JEKYLL_PERMALINKS:
        return text
    unknown = [word for word in re.findall(r":(\w+)", text) if word not in PERMALINK_WORDS]
    if unknown or not re.search(r":(?:slug|title|filename)\b", text) or re.search(r"[\s?#]|\.\.|//", text):
        raise InvalidValue
    return text


def _store(value: object) -> str:
    text = _filled(value)
    if text.startswith(("postgresql:", "postgresql+", "postgres:")):
        raise InvalidValue('PostgreSQL is not in this version; use "sqlite:///.publisher/publisher.db"')
    path = text.removeprefix("sqlite:///")
    if path == text or not path or path == ":memory:" or "?" in path:
        raise InvalidValue
    return path


def _slug(value: object) -> str:
    text = _string(value)
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text):
        raise InvalidValue
    return text


def one_of(*choices: str) -> SettingType:
    """One of a closed set of words."""

    def read(value: object) -> str:
        if (text := _string(value)) not in choices:
            raise InvalidValue
        return text

    return SettingType(expects=_or(choices), read=read)


def some_of(*choices: str) -> SettingType:
    """A list of different words of a closed set, at least one."""

    def read(value: object) -> tuple[str, ...]:
        given = words(value)
        if not given or len(set(given)) < len(given) or not set(given) <= set(choices):
            raise InvalidValue
        return given

    return SettingType(expects=f"a list of {_or(choices)}, each at most once", read=read, verbatim=False)


def whole(least: int, most: int) -> SettingType:
    """A whole number within bounds, both included."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise InvalidValue
        return value

    return SettingType(expects=f"a whole number from {least} to {most:,}", read=read, verbatim=False)


def _or(choices: Sequence[str]) -> str:
    quoted = [f'"{choice}"' for choice in choices]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


_LANGUAGE = (
    r"[a-z]{2,3}(-[a-z]{3}){0,3}(-[a-z]{4})?(-([a-z]{2}|\d{3}))?(-([a-z0-9]{5,8}|\d[a-z0-9]{3}))*"
    r"(-[0-9a-wyz](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?"
)
_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_AUTHORITY = rf"([\w.-]+@)?{_LABEL}(\.{_LABEL})*,\d{{4}}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"

BOOL = SettingType(expects="true or false", read=_yes_or_no, verbatim=False)
LINE = SettingType(expects="one line of text", read=_line)
FILLED = SettingType(expects="one line of text, not empty", read=_filled)
TEXT = SettingType(expects="text", read=_string)
URL = SettingType(expects='an absolute URL such as "https://example.org/blog/"', read=url)
LANGUAGE = SettingType(expects='a language tag (BCP 47) such as "en" or "pt-BR"', read=_matching(_LANGUAGE))
ZONE = SettingType(expects='an IANA time zone such as "Europe/Berlin"', read=_zone)
DURATION = SettingType(
    expects='a duration such as "30d", "12h", "45m" or "60s"', read=_duration(timedelta(0))
)
PERIOD = SettingType(
    expects='a duration of at least "1s", such as "60s" or "5m"', read=_duration(timedelta(seconds=1))
)
CLOCK = SettingType(expects='a time of day such as "08:00"', read=_wall_clock)
LISTEN = SettingType(expects='"address:port" such as "127.0.0.1:8000"', read=_listen)
SLUG = SettingType(
    expects='a name of small letters, digits and hyphens such as "weekly-news"',
    read=_slug,
)
WORDS = SettingType(expects='a list of texts such as ["a", "b"]', read=words, verbatim=False)
HUBS = SettingType(
    expects='a list of absolute URLs such as ["https://hub.example/"]', read=_hubs, verbatim=False
)
MAILBOX = SettingType(expects='an address such as "Jo Doe <jo@example.org>"', read=_mailbox)
PERSON = SettingType(
    expects='a name and perhaps an address, as in {name = "Jo Doe", email = "jo@example.org"}',
    read=_person,
    verbatim=False,
)
AUTHORITY = SettingType(
    expects='a host and a date (RFC 4151) such as "example.org,2026"', read=_matching(_AUTHORITY)
)
FRONT_MATTER = SettingType(
    expects='front matter, as in {author = "Jo Doe", lang = "de"}', read=_front_matter, verbatim=False
)
PERMALINK = SettingType(
    expects=f"a pattern of :{' :'.join(PERMALINK_WORDS)}, with :slug or :title, or Jekyll's "
    + _or(JEKYLL_PERMALINKS),
    read=_permalink,
)
STORE = SettingType(expects='"sqlite:///" and a file, as in "sqlite:///.publisher/publisher.db"', read=_store)

_KEYS = tuple(field.name for field in fields(Palette))


def _table(value: object, keys: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InvalidValue
    given = cast("dict[str, object]", value)
    for key in given:
        if key not in keys:
            near = get_close_matches(key, keys, n=1)
            raise InvalidValue(
                f"{key!r} is unknown; " + (f"did you mean {near[0]}?" if near else ", ".join(keys))
            )
    return given


def _palette(value: object) -> dict[str, str]:
    return {key: _look(key, item) for key, item in _table(value, _KEYS).items()}


def _look(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"{key} must be a text")
    if key in FONTS:
        if not re.fullmatch(r"[\w -]+(, ?[\w -]+)*", value):
            raise InvalidValue(f"{key} must be names of fonts with commas between, without quotes")
        return value
    colour = value.lower()
    if re.fullmatch("#[0-9a-f]{3}", colour):
        colour = "#" + "".join(c * 2 for c in colour[1:])
    if not re.fullmatch("#[0-9a-f]{6}", colour):
        raise InvalidValue(f'{key} must be a colour such as "#0b5a70"')
    return colour


def _logo(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        value = {"url": value}
    given = _table(value, ("url", "alt", "width", "height"))
    if not isinstance(given.get("url"), str) or not isinstance(given.get("alt", ""), str):
        raise InvalidValue
    for side in ("width", "height"):
        size = given.get(side, 1)
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 536:
            raise InvalidValue(f"{side} must be pixels, from 1 to 536")
    return given | {"url": url(given["url"]).removesuffix("/")}


PALETTE = SettingType(
    expects='colours and fonts, as in {accent = "#0b5a70", text_font = "Georgia, serif"}',
    read=_palette,
    verbatim=False,
)
LOGO = SettingType(
    expects='a picture, as in {url = "https://example.org/logo.png", width = 120, height = 40}',
    read=_logo,
    verbatim=False,
)
