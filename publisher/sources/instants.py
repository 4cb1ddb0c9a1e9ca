"""Where a post's date is looked for: front matter first, then its name, then its path. Never the mtime."""

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo

from publisher.sources.dates import parse_date
from publisher.sources.values import FrontMatter, FrontMatterError

DATE_FIELDS = ("date", "publishdate", "pubdate", "pubdatetime", "published", "created")
MODIFIED_FIELDS = ("lastmodifiedat", "lastmod", "updated", "updateddate", "modified", "moddatetime")
EXPIRY_FIELDS = ("expirydate", "unpublishdate", "expires")
PATH_FIELDS = ("permalink", "url", "path", "slug")

_IN_NAME = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\d)")
_IN_PATH = re.compile(r"(?:^|/)(\d{4})/(\d{1,2})/(\d{1,2})(?:/|$)")


def find_instant(front: FrontMatter | None, path: str, zone: tzinfo) -> tuple[datetime | None, list[str]]:
    """A post's instant (UTC; None: nowhere a date) and what was passed over on the way to it."""
    warnings: list[str] = []
    if front is not None:
        for name in DATE_FIELDS:
            found = read_field(front, name, zone, warnings)
            if found is not None:
                return found, warnings
    for text in _name_and_path(front, path):
        found = parse_date(text, zone)
        if found is not None:
            return found, warnings
    return None, warnings


def first_date(
    front: FrontMatter, names: tuple[str, ...], zone: tzinfo, warnings: list[str]
) -> datetime | None:
    """The first of the fields `names` that holds a date we can read (UTC); warns of those we cannot."""
    for name in names:
        found = read_field(front, name, zone, warnings)
        if found is not None:
            return found
    return None


def read_field(front: FrontMatter, name: str, zone: tzinfo, warnings: list[str]) -> datetime | None:
    """The date in one field. Raises FrontMatterError where it is a list or a map."""
    value = front.get(name)
    if isinstance(value, (list, dict)):
        kind = "list" if isinstance(value, list) else "map"
        raise FrontMatterError(f"{name} is a {kind}; write one date", front.line_of(name))
    if not value or not value.strip() or (name == "published" and front.flag(name) is not None):
        return None
    found = parse_date(value, zone)
    if found is None:
        line = front.line_of(name)
        warnings.append(
            f"line {line}: {name}: {value.strip()[:60]!r} is no date; write it as 2024-10-25 08:38"
        )
    return found


def dated_name(path: str) -> re.Match[str] | None:
    """The YYYY-MM-DD that the file's name, or its bundle's, begins with."""
    return _IN_NAME.match(own_name(path))


def own_name(path: str) -> str:
    """The name that is the post's own: the file's without suffix, or the folder's of an index file."""
    folders, _, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return folders.rpartition("/")[2] if stem.casefold() == "index" and folders else stem


def _name_and_path(front: FrontMatter | None, path: str) -> Iterator[str]:
    if match := dated_name(path):
        yield "-".join(match.groups())
    for text in (path, *(front.text(name) for name in PATH_FIELDS if front)):
        if match := _IN_PATH.search(text):
            yield "-".join(match.groups())
