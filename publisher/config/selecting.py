"""Kinds of values that select: posts by a filter, a day of the week or of the month."""

from typing import cast

from publisher.config.types import InvalidValue, SettingType
from publisher.core.posts.filters import PostFilter, TermKind
from publisher.core.subscribers.preferences import WEEKDAYS


def _where(value: object) -> PostFilter:
    if not isinstance(value, dict):
        raise InvalidValue
    table = cast("dict[str, object]", value)
    if not table.keys() <= {kind.value for kind in TermKind}:
        raise InvalidValue
    return PostFilter(**{key: _values(item) for key, item in table.items()})


def _values(value: object) -> tuple[str, ...]:
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    words = tuple(item.strip() for item in items if isinstance(item, str))
    if not words or len(words) < len(items) or not all(words):
        raise InvalidValue
    return words


def _day(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 28:
        return str(value)
    if isinstance(value, str) and value.strip().isdecimal():  # from the environment
        return _day(int(value.strip()))
    if isinstance(value, str) and value.strip().lower() in WEEKDAYS:
        return value.strip().lower()
    raise InvalidValue


WHERE = SettingType(
    expects='a filter by category, tag, author or language, as in {category = "news", tag = ["a", "b"]}',
    read=_where,
    verbatim=False,
)
DAY = SettingType(expects='a day of the week such as "mon", or of the month, 1 to 28', read=_day)
