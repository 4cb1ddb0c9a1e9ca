"""moved.json and adopted.json, beside publisher.toml: feeds that moved or ended, and ids from an earlier
feed.

They are kept with the posts and outlive the store. Each entry has its own line, so that version control shows
what changed.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from publisher.core.errors import SettingsError
from publisher.core.feeds.redirects import Redirect, RedirectKind
from publisher.core.publishing.adoption import OldEntry
from publisher.stores.files import output_error

ABOUT = (
    "Addresses that readers know, and where they lead now (301), or that they ended (410). "
    "Written by `publisher feeds move` and `end`. Keep this file with publisher.toml."
)
ABOUT_ADOPTED_IDS = (
    "Ids that readers know posts by, from the feed of before. Keep this file with publisher.toml. "
    'To say which post an entry is, write the file under posts/ as its "post".'
)

T = TypeVar("T")


class MovedFile:
    """`ports.FeedRedirectsFile`: moved.json."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def moves(self) -> Sequence[Redirect] | None:
        """By path; None if there is no file. Raises SettingsError."""
        found = _read_entries(self.path, "moves", redirect_from_row)
        return None if found is None else sorted(found, key=lambda move: move.path)

    def save(self, moves: Sequence[Redirect]) -> None:
        """Replaces the file. Raises OutputError."""
        _write_entries(self.path, ABOUT, "moves", map(redirect_to_row, moves))


def redirect_to_row(move: Redirect) -> dict[str, str]:
    """An entry of moved.json."""
    row = {"path": move.path, "fate": move.kind.value, "at": f"{move.at:%Y-%m-%dT%H:%M:%SZ}"}
    return row | {"target": move.target} if move.target else row


def redirect_from_row(row: dict[str, Any]) -> Redirect:
    """The redirect of an entry of moved.json. Raises ValueError, KeyError."""
    at = datetime.fromisoformat(row["at"])
    fate, target = RedirectKind(row["fate"]), row.get("target", "")
    if at.tzinfo is None or (fate is RedirectKind.MOVED) != bool(target) or not isinstance(target, str):
        raise ValueError(f"{row} is no move")
    return Redirect(path=str(row["path"]), kind=fate, at=at, target=target)


class AdoptedFile:
    """`ports.AdoptedIdsFile`: adopted.json."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name

    def entries(self) -> Sequence[OldEntry]:
        """In the order of the file; none if there is no file. Raises SettingsError."""
        return _read_entries(self.path, "entries", entry_from_row) or []

    def save(self, entries: Sequence[OldEntry]) -> None:
        """Replaces the file. Raises OutputError."""
        _write_entries(self.path, ABOUT_ADOPTED_IDS, "entries", map(entry_to_row, entries))


def _read_entries(path: Path, key: str, parse: Callable[[dict[str, Any]], T]) -> list[T] | None:
    """The entries listed under `key`; None if there is no file. Raises SettingsError."""
    try:
        value: object = json.loads(path.read_bytes())
        return [parse(row) for row in cast("dict[str, Any]", value)[key]]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"cannot be read ({' '.join(str(error).split())})"
        raise SettingsError(str(path), what, "fix it, or restore it from version control") from error


def _write_entries(path: Path, about: str, key: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Replaces the file, one entry a line. Raises OutputError."""
    lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in rows)
    text = f'{{\n  "about": {json.dumps(about)},\n  "{key}": [\n{lines}\n  ]\n}}\n'
    staged = path.with_name(f".{path.name}.part")
    try:
        staged.write_text(text, encoding="utf-8", errors="surrogatepass")
        staged.replace(path)
    except OSError as error:
        raise output_error(path, error) from error


def entry_to_row(entry: OldEntry) -> dict[str, object]:
    """An entry of adopted.json, without what is empty."""
    given: dict[str, object] = {
        "id": entry.id,
        "post": entry.post,
        "title": entry.title,
        "published": _instant_text(entry.published),
        "updated": _instant_text(entry.updated),
        "links": list(entry.links),
        "derived": entry.derived,
    }
    kept = {key: value for key, value in given.items() if value}
    return kept if entry.is_permalink is None else {**kept, "isPermaLink": entry.is_permalink}


def entry_from_row(row: dict[str, Any]) -> OldEntry:
    """The id of an entry of adopted.json. Raises ValueError, TypeError, KeyError."""
    return OldEntry(
        id=_checked_text(row["id"]),
        post=_checked_text(row.get("post", "")),
        title=_checked_text(row.get("title", "")),
        published=_instant(row.get("published")),
        updated=_instant(row.get("updated")),
        links=tuple(_checked_text(link) for link in row.get("links", ())),
        derived=bool(row.get("derived", False)),
        is_permalink=None if row.get("isPermaLink") is None else bool(row["isPermaLink"]),
    )


def _checked_text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    return value


def _instant_text(at: datetime | None) -> str:
    return at.isoformat().replace("+00:00", "Z") if at else ""


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return at
