"""Setting types of the site, its posts and feeds, and the web server, each used for a setting or two."""

import ipaddress
import re
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, cast

from publisher.config.types import (
    InvalidValue,
    SettingType,
    matching,
    quoted_choices,
    read_address_with,
    read_filled,
    read_table,
    read_text,
    read_url,
    read_words,
)
from publisher.core.addresses import parse_address
from publisher.core.errors import AddressError
from publisher.core.feeds.feed import PART_PLACEHOLDER
from publisher.core.posts.filters import PostFilter, TermKind, fold_term
from publisher.core.site import FONT_FIELDS, Palette
from publisher.core.subscribers.subscription import WEEKDAYS

PERMALINK_WORDS = ("year", "month", "day", "slug", "title", "categories", "sections", "filename")
JEKYLL_PERMALINKS = ("pretty", "date", "ordinal", "none")


def read_person(value: object) -> dict[str, str]:
    """A name, and perhaps an email address."""
    table = read_table(value)
    if not table.keys() <= {"name", "email"}:
        raise InvalidValue
    person = {key: read_filled(item) for key, item in table.items()}
    if "name" not in person:
        raise InvalidValue
    if "email" in person:
        read_address_with(parse_address, person["email"])
    return person


def _read_known_keys(value: object, keys: tuple[str, ...]) -> dict[str, object]:
    table = read_table(value)
    for key in table:
        if key not in keys:
            near = get_close_matches(key, keys, n=1)
            advice = f"did you mean {near[0]}?" if near else ", ".join(keys)
            raise InvalidValue(f"{key!r} is unknown; {advice}")
    return table


def read_palette(value: object) -> dict[str, str]:
    """Colors as "#rrggbb" and fonts as in CSS, by the names of `Palette`."""
    palette: dict[str, str] = {}
    for key, item in _read_known_keys(value, tuple(field.name for field in fields(Palette))).items():
        if not isinstance(item, str):
            raise InvalidValue(f"{key} must be a text")
        if key in FONT_FIELDS:
            if not re.fullmatch(r"[\w -]+(, ?[\w -]+)*", item):
                raise InvalidValue(f"{key} must be names of fonts with commas between, without quotes")
            palette[key] = item
            continue
        color = item.lower()
        if re.fullmatch("#[0-9a-f]{3}", color):
            color = "#" + "".join(c * 2 for c in color[1:])
        if not re.fullmatch("#[0-9a-f]{6}", color):
            raise InvalidValue(f'{key} must be a colour such as "#0b5a70"')
        palette[key] = color
    return palette


def read_logo(value: object) -> dict[str, Any]:
    """A picture: its URL, alternative text, width and height."""
    if isinstance(value, str):
        value = {"url": value}
    logo = _read_known_keys(value, ("url", "alt", "width", "height"))
    if not isinstance(logo.get("url"), str) or not isinstance(logo.get("alt", ""), str):
        raise InvalidValue
    for side in ("width", "height"):
        size = logo.get(side, 1)
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 536:
            raise InvalidValue(f"{side} must be pixels, from 1 to 536")
    return logo | {"url": read_url(logo["url"]).removesuffix("/")}


def read_front_matter(value: object) -> dict[str, Any]:
    """Front matter for posts that do not say it themselves."""
    return {key: front_matter_value(item) for key, item in read_table(value).items()}


def front_matter_value(value: object) -> Any:
    """A TOML value as front matter holds it: every scalar is text."""
    if isinstance(value, list):
        return [front_matter_value(item) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        return {key: front_matter_value(item) for key, item in cast("dict[str, object]", value).items()}
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_permalink(value: object) -> str:
    """A pattern with a word that tells posts apart, or the name of one of Jekyll's."""
    text = read_filled(value)
    if text in JEKYLL_PERMALINKS:
        return text
    unknown = [word for word in re.findall(r":(\w+)", text) if word not in PERMALINK_WORDS]
    if unknown or not re.search(r":(?:slug|title|filename)\b", text) or re.search(r"[\s?#]|\.\.|//", text):
        raise InvalidValue
    return text


def _read_terms(value: object) -> tuple[str, ...]:
    """One value of a filter, or a list of values of which one must match."""
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    terms = tuple(item.strip() for item in items if isinstance(item, str) and item.strip())
    if not terms or len(terms) < len(items):
        raise InvalidValue
    return terms


def read_list_filter(value: object) -> PostFilter:
    """Which posts a list has."""
    table = read_table(value)
    if not table.keys() <= {kind.value for kind in TermKind}:
        raise InvalidValue
    return PostFilter(**{key: _read_terms(item) for key, item in table.items()})


def read_feed_filter(value: object) -> PostFilter:
    """Which posts a feed has; a term of it needs a character that counts when terms are compared."""
    table = read_table(value)
    if unknown := [key for key in table if key not in list(TermKind)]:
        raise InvalidValue(f'"{unknown[0]}" is none of {", ".join(TermKind)}')
    terms = {key: _read_terms(item) for key, item in table.items()}
    if not all(fold_term(term) for values in terms.values() for term in values):
        raise InvalidValue
    return PostFilter(**terms)


def read_term_kind(value: object) -> TermKind:
    """What a feed is split by."""
    try:
        return TermKind(read_text(value))
    except ValueError:
        raise InvalidValue from None


def read_feed_paths(value: object) -> dict[str, str]:
    """The path of a feed's document by format, relative to public/ and outside of what Publisher keeps
    there.
    """
    paths: dict[str, str] = {}
    for key, item in read_table(value).items():
        path = item.strip() if isinstance(item, str) else ""
        parts = path.split("/")
        plain = all(
            re.fullmatch(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*", p.replace(PART_PLACEHOLDER, "v")) for p in parts
        )
        taken = parts[0] in {"archive", "assets", "digests", "posts"}
        if not plain or "." not in parts[-1] or taken or path.endswith((".part", ".html", ".gz", ".br")):
            raise InvalidValue
        paths[key] = path
    return paths


def read_hubs(value: object) -> tuple[str, ...]:
    """Absolute http(s) URLs, as they are given: a hub is asked at exactly that address."""
    hubs = read_words(value)
    for hub in hubs:
        read_url(hub.partition("?")[0])
        if not re.fullmatch(r"[!-~]+", hub) or "#" in hub:
            raise InvalidValue
    return tuple(dict.fromkeys(hubs))


def read_day(value: object) -> str:
    """A day of the week ("mon"), or of the month ("1" to "28")."""
    if isinstance(value, str) and value.strip().isdecimal():  # from the environment
        value = int(value.strip())
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 28:
        return str(value)
    if isinstance(value, str) and value.strip().lower() in WEEKDAYS:
        return value.strip().lower()
    raise InvalidValue


def read_listen(value: object) -> tuple[str, int]:
    """The address and port to listen on."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):(\d{1,5})", read_text(value), re.ASCII)
    if not found or int(found[2]) > 65535:
        raise InvalidValue
    return found[1].strip("[]"), int(found[2])


def read_networks(value: object) -> tuple[str, ...]:
    """Networks as "10.0.0.0/8"; an address is a network of one."""
    try:
        return tuple(str(ipaddress.ip_network(text, strict=False)) for text in read_words(value))
    except ValueError:
        raise InvalidValue from None


def read_blocked(value: object) -> tuple[str, ...]:
    """Email addresses as they are written, and domains in the spelling that addresses have."""
    blocked: list[str] = []
    for text in read_words(value):
        domain = text.removeprefix("@")
        try:
            is_address = domain == text and "@" in text
            blocked.append(str(parse_address(text)) if is_address else parse_address(f"x@{domain}").domain)
        except AddressError:
            raise InvalidValue from None
    return tuple(blocked)


def read_store_url(value: object) -> str:
    """The path of the SQLite file that a database URL names."""
    text = read_filled(value)
    if text.startswith(("postgresql:", "postgresql+", "postgres:")):
        raise InvalidValue('PostgreSQL is not in this version; use "sqlite:///.publisher/publisher.db"')
    path = text.removeprefix("sqlite:///")
    if path == text or not path or path == ":memory:" or "?" in path:
        raise InvalidValue
    return path


PERSON = SettingType(
    expects='a name and perhaps an address, as in {name = "Jo Doe", email = "jo@example.org"}',
    read=read_person,
    verbatim=False,
)
_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
AUTHORITY = matching(
    'a host and a date (RFC 4151) such as "example.org,2026"',
    rf"([\w.-]+@)?{_LABEL}(\.{_LABEL})*,\d{{4}}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?",
)
PALETTE = SettingType(
    expects='colours and fonts, as in {accent = "#0b5a70", text_font = "Georgia, serif"}',
    read=read_palette,
    verbatim=False,
)
LOGO = SettingType(
    expects='a picture, as in {url = "https://example.org/logo.png", width = 120, height = 40}',
    read=read_logo,
    verbatim=False,
)
FRONT_MATTER = SettingType(
    expects='front matter, as in {author = "Jo Doe", lang = "de"}',
    read=read_front_matter,
    verbatim=False,
)
PERMALINK = SettingType(
    expects=f"a pattern of :{' :'.join(PERMALINK_WORDS)}, with :slug or :title, or Jekyll's "
    + quoted_choices(JEKYLL_PERMALINKS),
    read=read_permalink,
)
FEED_FILTER = SettingType(
    expects='which posts, as in {category = "News", language = ["en", "fr"]}; of category, tag, author, '
    "language",
    read=read_feed_filter,
    verbatim=False,
)
LIST_FILTER = SettingType(
    expects='a filter by category, tag, author or language, as in {category = "news", tag = ["a", "b"]}',
    read=read_list_filter,
    verbatim=False,
)
FEED_PATHS = SettingType(
    expects='files by format, as in {atom = "feed.xml"}; outside archive, assets, digests and posts',
    read=read_feed_paths,
    verbatim=False,
)
SPLIT_BY = SettingType(expects=quoted_choices(list(TermKind)), read=read_term_kind)
HUBS = SettingType(
    expects='a list of absolute URLs such as ["https://hub.example/"]', read=read_hubs, verbatim=False
)
DAY = SettingType(expects='a day of the week such as "mon", or of the month, 1 to 28', read=read_day)
LISTEN = SettingType(expects='"address:port" such as "127.0.0.1:8000"', read=read_listen)
NETWORKS = SettingType(
    expects='a list of addresses and networks, e.g. ["127.0.0.1", "10.0.0.0/8"]',
    read=read_networks,
    verbatim=False,
)
BLOCKED = SettingType(
    expects='a list of addresses and domains, e.g. ["troll@example.org", "example.com"]',
    read=read_blocked,
    verbatim=False,
)
STORE = SettingType(
    expects='"sqlite:///" and a file, as in "sqlite:///.publisher/publisher.db"', read=read_store_url
)
