"""Kinds of values that say which posts a feed or a list is about, and where a feed's documents stand."""

import re
from typing import cast

from publisher.config.types import InvalidValue, SettingType, one_of
from publisher.core.feeds.feed import VALUE
from publisher.core.posts.filters import PostFilter, TermKind, folded

_SEGMENT = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_TAKEN = frozenset({"archive", "assets", "digests", "posts"})


def _where(value: object) -> PostFilter:
    if not isinstance(value, dict):
        raise InvalidValue
    given = cast("dict[str, object]", value)
    if unknown := [key for key in given if key not in list(TermKind)]:
        raise InvalidValue(f'"{unknown[0]}" is none of {", ".join(TermKind)}')
    return PostFilter(**{key: _values(item) for key, item in given.items()})


def _values(value: object) -> tuple[str, ...]:
    """One value, or a list of which one must do."""
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    words = tuple(item.strip() for item in items if isinstance(item, str) and folded(item))
    if not items or len(words) < len(items):
        raise InvalidValue
    return words


def _paths(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InvalidValue
    return {key: _path(item) for key, item in cast("dict[str, object]", value).items()}


def _path(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    parts = text.split("/")
    fit = all(_SEGMENT.fullmatch(part.replace(VALUE, "v")) for part in parts) and "." in parts[-1]
    if not fit or parts[0] in _TAKEN or text.endswith((".part", ".html", ".gz", ".br")):
        raise InvalidValue
    return text


WHERE = SettingType(
    expects='which posts, as in {category = "News", language = ["en", "fr"]}; of category, tag, author, '
    "language",
    read=_where,
    verbatim=False,
)
PATHS = SettingType(
    expects='files by format, as in {atom = "feed.xml"}; outside archive, assets, digests and posts',
    read=_paths,
    verbatim=False,
)
_choice = one_of(*TermKind)


def _split(value: object) -> TermKind:
    return TermKind(_choice.read(value))


SPLIT = SettingType(expects=_choice.expects, read=_split)
