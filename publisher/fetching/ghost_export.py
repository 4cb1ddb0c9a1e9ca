"""Reads the content export of Ghost: Settings > Import/Export > Export, a JSON file.

The shape is Ghost's own import format (docs.ghost.org/migration/custom); exports of Ghost 1 to 6 wrap it in
{"db": [...]}. Ghost's RSS feed has the post's id as its guid.
"""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import Any, cast

from publisher.core.publishing.blog_export import BlogExport, ExportedPicture, ExportedPost, ExportState

Json = dict[str, Any]

URL_PLACEHOLDER = "__GHOST_URL__"
"""What exports have instead of the blog's address."""


def is_ghost_export(value: object) -> bool:
    """Whether a JSON document is an export of Ghost."""
    return _tables(value) is not None


def read_ghost_export(data: bytes) -> BlogExport | None:
    """The export in `data`; None if it is not one of Ghost's."""
    try:
        value: object = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return ghost_export(value)


def ghost_export(value: object) -> BlogExport | None:
    """The export in a JSON document; None if it is not one of Ghost's."""
    tables = _tables(value)
    if tables is None:
        return None
    tags = _names_by_post(tables, "posts_tags", "tag_id", _visible_names(tables, "tags"))
    authors = _names_by_post(tables, "posts_authors", "author_id", _visible_names(tables, "users"))
    meta = {_text(row, "post_id"): row for row in _rows(tables, "posts_meta")}
    rows = _rows(tables, "posts")
    posts = [
        _post(row, meta.get(_text(row, "id"), {}), tags[_text(row, "id")], authors[_text(row, "id")])
        for row in rows
        if _kind(row) == "post"
    ]
    settings = {_text(row, "key"): _text(row, "value") for row in _rows(tables, "settings")}
    posts.sort(key=lambda post: (post.published or datetime.max.replace(tzinfo=UTC), post.slug))
    others = Counter(_kind(row) for row in rows if _kind(row) != "post")
    return BlogExport(posts=tuple(posts), title=settings.get("title", ""), others=others)


def _tables(value: object) -> Json | None:
    """The tables of an export, with or without the wrapper {"db": [...]}."""
    document = cast("Json", value) if isinstance(value, dict) else {}
    database = document.get("db")
    if isinstance(database, list) and database and isinstance(database[0], dict):
        document = cast("Json", database[0])
    tables = document.get("data")
    if not isinstance(tables, dict):
        return None
    found = cast("Json", tables)
    return found if isinstance(found.get("posts"), list) else None


def _rows(tables: Json, name: str) -> list[Json]:
    value = tables.get(name)
    return (
        [cast("Json", row) for row in cast("list[object]", value) if isinstance(row, dict)]
        if isinstance(value, list)
        else []
    )


def _text(row: Json, key: str) -> str:
    value = row.get(key)
    return str(value).strip() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""


def _kind(row: Json) -> str:
    """ "post" or "page": `type` since Ghost 3, a flag before."""
    return _text(row, "type") or ("page" if row.get("page") in (True, 1) else "post")


def _visible_names(tables: Json, name: str) -> dict[str, str]:
    """Names by id. Internal tags of Ghost (`#name`) are for its themes only."""
    return {
        _text(row, "id"): _text(row, "name")
        for row in _rows(tables, name)
        if _text(row, "name") and not (name == "tags" and _text(row, "name").startswith("#"))
    }


def _names_by_post(tables: Json, links: str, key: str, names: dict[str, str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = defaultdict(tuple)
    rows = _rows(tables, links)
    for row in sorted(rows, key=lambda row: cast("int", row.get("sort_order") or 0)):
        if name := names.get(_text(row, key)):
            found[_text(row, "post_id")] += (name,)
    return found


def _post(row: Json, meta: Json, tags: tuple[str, ...], authors: tuple[str, ...]) -> ExportedPost:
    slug, access = _text(row, "slug"), _text(row, "visibility") or "public"
    status = _text(row, "status")
    states = {
        "published": ExportState.PUBLISHED,
        "sent": ExportState.PUBLISHED,
        "scheduled": ExportState.SCHEDULED,
    }
    return ExportedPost(
        id=_text(row, "id"),
        slug=slug,
        title=_text(row, "title"),
        html=cast("str", row.get("html")) if isinstance(row.get("html"), str) else "",
        url=f"/{slug}/" if slug else "",
        state=states.get(status, ExportState.DRAFT),
        restricted="email only" if status == "sent" else "" if access == "public" else access,
        published=_time(row, "published_at"),
        updated=_time(row, "updated_at"),
        excerpt=_text(row, "custom_excerpt"),
        tags=tags,
        authors=authors,
        picture=ExportedPicture(
            url=_text(row, "feature_image") or _text(row, "image"),
            alt=_text(meta, "feature_image_alt"),
            caption=_text(meta, "feature_image_caption"),
        ),
    )


def _time(row: Json, key: str) -> datetime | None:
    """Times are UTC: ISO 8601 with or without "Z", or milliseconds since 1970 in exports of Ghost 1."""
    value = row.get(key)
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000, UTC)
        found = datetime.fromisoformat(_text(row, key))
    except (ValueError, OverflowError, OSError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
