"""Post <-> JSON. What equals its default is left out, so a value written today reads well tomorrow."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from typing import Any, cast

from publisher.core.assets import Asset
from publisher.core.lists import Consent
from publisher.core.posts import Image, Mail, Markup, Post
from publisher.core.site import Person

Json = dict[str, Any]

_NAMES = tuple(field.name for field in fields(Post))
_DEFAULTS = tuple(field.default for field in fields(Post))
_VALUES = attrgetter(*_NAMES)
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


def post_to_text(post: Post) -> str:
    """`post_to_json` as JSON text."""
    return _ENCODE(post_to_json(post))


def post_from_text(text: str) -> Post:
    """The post that `post_to_text` wrote. Raises TypeError when a field is missing or unknown."""
    return post_from_json(json.loads(text))


def post_to_json(post: Post) -> Json:
    """Every field of `post` that is not at its default; instants in ISO 8601, exact to the microsecond."""
    kept: Json = {}  # ten thousand posts enter a log at once: `_plain` is six times slower
    for name, default, item in zip(_NAMES, _DEFAULTS, _VALUES(post), strict=True):
        if item is not default and item != default:
            kept[name] = item if type(item) is str else _json(item)
    return kept


def post_from_json(value: Mapping[str, Any]) -> Post:
    """The post that `post_to_json` wrote. Raises TypeError when a field is missing or unknown."""
    image = value.get("image")
    given: Json = {
        **value,
        "instant": _instant(value.get("instant")),
        "modified": _instant(value.get("modified")),
        "opens": _instant(value.get("opens")),
        "expires": _instant(value.get("expires")),
        "markup": Markup(value.get("markup", Markup.MARKDOWN)),
        "mail": Mail(value.get("mail", Mail.USUAL)),
        "authors": tuple(Person(**author) for author in value.get("authors", ())),
        "assets": tuple(Asset(**asset) for asset in value.get("assets", ())),
        "image": Image(**image) if image else None,
        **{name: tuple(value.get(name, ())) for name in ("aliases", "tags", "categories", "warnings")},
    }
    return Post(**given)


def consent_to_json(consent: Consent) -> Json:
    """The proof that a reader asked."""
    return _plain(consent)


def _plain(value: Any) -> Json:
    kept = ((field, getattr(value, field.name)) for field in fields(value))
    return {
        field.name: _json(item) for field, item in kept if field.default is MISSING or item != field.default
    }


def _json(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):  # a chain, not `match`: it takes half as long
        items = cast("Sequence[Any]", value)
        return items if type(items[0]) is str else [_json(item) for item in items]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Person):
        return _person(value)
    return _plain(value) if is_dataclass(value) else value


@lru_cache(maxsize=1024)  # few people write many posts
def _person(person: Person) -> Json:
    return _plain(person)


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
