"""Where feeds would stand, checked against each other and against what stands there."""

from typing import Any

from publisher.config.layers import RawSettings, label_of, shown
from publisher.config.sections import FEEDS
from publisher.core.feeds.feed import VALUE

_FOLDERS = ("account", "archive", "assets", "digests", "posts", "api", "confirm", "hooks", "preferences")
TAKEN_FOLDERS = frozenset((*_FOLDERS, "subscribe", "unsubscribe", "view", "healthz", "readyz"))
"""No feeds that are split, because something else stands or answers there."""


def check_places(raw: RawSettings, feeds: list[dict[str, Any]]) -> None:
    """Refuses feeds whose documents cannot stand where they would, or would stand in one place."""
    standing: set[str] = set()
    tables = raw.tables.get(FEEDS.name) or [{}]
    for number, (feed, table) in enumerate(zip(feeds, tables, strict=True)):
        if feed["formats"] is None or (feed["paths"] is None and "paths" in table):
            continue  # that is wrong itself
        label = label_of(FEEDS, number)
        if feed["split_by"] and feed["slug"] in TAKEN_FOLDERS:
            where = table["slug"].where if "slug" in table else raw.file
            raw.refuse(
                where, f"{label}.slug is {shown(feed['slug'])}", "that folder is taken; choose another"
            )
        paths: dict[str, str] = feed["paths"] or {}
        for format, path in paths.items():
            name, where = f"{label}.paths.{format} is {shown(path)}", table["paths"].where
            if format not in feed["formats"]:
                raw.refuse(where, name, f"the feed is not written in that format; add it to {label}.formats")
            elif (VALUE in path) != bool(feed["split_by"]):
                need = "has" if feed["split_by"] else "has no"
                raw.refuse(where, name, f"expected a path that {need} {VALUE} in it")
            elif path.casefold() in standing:
                raw.refuse(where, name, "another feed is there; choose another path")
            standing.add(path.casefold())
