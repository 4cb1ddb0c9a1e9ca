"""Posts as JSON and as rows. Fields at their default are left out, so that later versions, which may add
fields, can still read values written today.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from operator import attrgetter
from typing import Any, cast

from sqlalchemy import Row

from publisher.core.posts.post import (
    Asset,
    Image,
    MarkdownExtension,
    MarkupLanguage,
    Post,
    PostMailOptions,
    PostOptions,
)
from publisher.core.publishing.log import PublishedPost
from publisher.core.site import Person
from publisher.core.subscribers.subscription import Consent

Json = dict[str, Any]

_JSON_NAMES = tuple(field.name for field in fields(Post))
_REQUIRED = sum(field.default is MISSING for field in fields(Post))
"""How many fields come first, without a default."""
_DEFAULTS = tuple(field.default for field in fields(Post))[_REQUIRED:]
_VALUES = attrgetter(*_JSON_NAMES)
_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_KEYS = tuple(f'"{name}":' for name in _JSON_NAMES)


def post_to_text(post: Post) -> str:
    """Every field of `post` that is not at its default, as JSON text; instants in ISO 8601, exact to the
    microsecond.
    """
    # Ten thousand posts may enter the log at once, and building a dict first takes twice as long.
    values = _VALUES(post)
    parts = [head + _text(item) for head, item in zip(_KEYS[:_REQUIRED], values[:_REQUIRED], strict=True)]
    for head, default, item in zip(_KEYS[_REQUIRED:], _DEFAULTS, values[_REQUIRED:], strict=True):
        if item is not default and item != default:
            parts.append(head + _text(item))
    return "{" + ",".join(parts) + "}"


def post_from_text(text: str) -> Post:
    """The post that `post_to_text` wrote. Raises TypeError when a field is missing or unknown."""
    return post_from_json(json.loads(text))


def _text(value: Any) -> str:
    if type(value) is str:
        return _quoted(value)
    if isinstance(value, datetime):
        return f'"{value.isoformat()}"'
    if isinstance(value, tuple):
        items = cast("Sequence[Any]", value)
        if type(items[0]) is str:
            return f"[{','.join(map(_quoted, items))}]"
        return _tuple_text(tuple(items))
    return _ENCODE(_json(value))


@lru_cache(maxsize=1024)  # few people write many posts
def _tuple_text(items: tuple[Any, ...]) -> str:
    return _ENCODE([_json(item) for item in items])


def post_from_json(value: Mapping[str, Any]) -> Post:
    """The post in a JSON value. Raises TypeError when a field is missing or unknown."""
    return Post(**{name: _READERS[name](item) if name in _READERS else item for name, item in value.items()})


def consent_to_json(consent: Consent) -> Json:
    """Proof of consent as JSON."""
    return _plain(consent)


def _plain(value: Any) -> Json:
    kept = ((field, getattr(value, field.name)) for field in fields(value))
    return {
        field.name: _json(item) for field, item in kept if field.default is MISSING or item != field.default
    }


def _json(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_json(item) for item in cast("Sequence[Any]", value)]
    if isinstance(value, datetime):
        return value.isoformat()
    return _plain(value) if is_dataclass(value) else value


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


_READERS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("instant", "modified", "opens", "expires", "dated"), _instant),
    **dict.fromkeys(("aliases", "tags", "categories", "warnings"), tuple),
    "markup": MarkupLanguage,
    "extensions": lambda names: tuple(map(MarkdownExtension, names)),
    "values": lambda pairs: tuple((name, text) for name, text in pairs),
    "mail": PostMailOptions,
    "options": lambda options: PostOptions(**options),
    "authors": lambda authors: tuple(Person(**author) for author in authors),
    "assets": lambda assets: tuple(Asset(**asset) for asset in assets),
    "image": lambda image: Image(**image) if image else None,
}
"""How fields are read that JSON has no type for."""


def published_post(row: Row[Any]) -> PublishedPost:
    """A row of `posts`."""
    post = post_from_text(row.value)
    return PublishedPost(
        id=row.id,
        post=post,
        live=row.live,
        first_seq=row.first_seq,
        updated_at=max(row.updated_at, post.instant or row.updated_at),  # RFC 4287: published <= updated
        missing_since=row.missing_since,
        missing_scans=row.missing_scans,
        stored_as=row.revision,
        file_hash=row.file_hash,
        reader=row.reader,
        first=row.changed_seq == row.first_seq and not row.backfill,
    )
