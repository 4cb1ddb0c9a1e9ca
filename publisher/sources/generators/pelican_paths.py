"""What Pelican takes from the path of an article, by its settings.

USE_FOLDER_AS_CATEGORY (on where not set)   the folder an article is in, below PATH, is its category
EXTRA_PATH_METADATA                         what is said of a file, or of all below a folder
FILENAME_METADATA, PATH_METADATA            patterns whose named groups are metadata
DEFAULT_DATE                                the date of an article that has none, where one is written out

What the file itself says wins; then comes FILENAME_METADATA, then PATH_METADATA.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, cast

from publisher.sources.frontmatter.values import Value, fold
from publisher.sources.generators.pelican import inside, join_path, text_items
from publisher.sources.ignored.paths import Articles
from publisher.sources.rules import Defaults

MAX_FOLDERS = 2_000
"""Folders that are made categories."""

MAX_PATTERN = 500
_FILENAME = r"(?P<date>\d{4}-\d{2}-\d{2}).*"
"""FILENAME_METADATA where it is not set."""

_NESTED = re.compile(r"[*+}]\??[^()]*\)+[*+{]")
"""A repeated group that repeats within: such a pattern may take for ever on a long name."""


def folder_defaults(found: Articles, given: Mapping[str, Any], paths: Sequence[str]) -> tuple[Defaults, ...]:
    """What folders and EXTRA_PATH_METADATA give to the articles at `paths` (from the blog's root)."""
    some: list[Defaults] = []
    if found.filed:
        places = sorted({path.rpartition("/")[0] for path in paths}, key=lambda it: (it.count("/"), it))
        below = [place for place in places[:MAX_FOLDERS] if place != found.content]
        some = [
            Defaults(scope=place, values={"category": PurePosixPath(place).name})
            for place in below
            if inside(place, found.content)
        ]
    extra: Any = given.get("EXTRA_PATH_METADATA")
    said = cast("dict[object, object]", extra) if isinstance(extra, dict) else {}
    for path in sorted(path for path in said if isinstance(path, str)):
        if values := {fold(key): value for key, value in text_items(said[path]).items()}:
            some.append(Defaults(scope=join_path(found.content, path), values=values))
    return tuple(some)


def path_metadata(
    found: Articles, given: Mapping[str, Any], paths: Mapping[str, str]
) -> dict[str, dict[str, Value]]:
    """What patterns find in the paths of articles; `paths` are those from the blog's root by those of the
    folder of posts, by which the result is keyed too. A pattern that is none is passed over.
    """
    name = _pattern(given.get("FILENAME_METADATA", _FILENAME))
    whole = _pattern(given.get("PATH_METADATA"))
    usual = _date(given.get("DEFAULT_DATE"))
    if not (whole or usual or "FILENAME_METADATA" in given):
        return {}
    made: dict[str, dict[str, Value]] = {}
    for path, full in paths.items():
        below = full.removeprefix(found.content + "/")
        values: dict[str, Value] = {"date": usual} if usual else {}
        taken = {"category"} if found.filed and "/" in below else set[str]()
        matched = _matched(((whole, below), (name, PurePosixPath(below).stem)))
        values |= {key: text for key, text in matched if key not in taken}
        if values:
            made[path] = values
    return made


def _matched(checks: Sequence[tuple[re.Pattern[str] | None, str]]) -> Iterator[tuple[str, str]]:
    for pattern, text in checks:
        match = pattern.match(text) if pattern else None
        for key, value in match.groupdict().items() if match else ():
            if value is not None:
                yield fold(key), value


def _pattern(value: Any) -> re.Pattern[str] | None:
    if not isinstance(value, str) or not value or len(value) > MAX_PATTERN or _NESTED.search(value):
        return None
    try:
        return re.compile(value)
    except (re.error, RecursionError, OverflowError):
        return None


def _date(value: Any) -> str:
    """A date that is written out, as numbers or as a text; "fs" is a file's own time, which is no date."""
    if isinstance(value, str):
        return "" if value == "fs" else value
    numbers = cast("Sequence[object]", value) if isinstance(value, (tuple, list)) else ()
    whole = [n for n in numbers if isinstance(n, int)]
    if 3 <= len(whole) <= 6 and len(whole) == len(numbers):
        year, month, day, *clock = whole
        hour, minute, second = (*clock, 0, 0, 0)[:3]
        return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
    return ""
