"""Pelican's own: settings in pelicanconf.py, which is Python and never run; what its folders say.

AUTHOR, DEFAULT_LANG, DEFAULT_METADATA    what posts need not write
PATH, ARTICLE_PATHS, ARTICLE_EXCLUDES     where articles are; PAGE_PATHS holds pages
USE_FOLDER_AS_CATEGORY (on where not set) the folder an article is in, below PATH, is its category
DEFAULT_CATEGORY                          the category of an article that has none; Pelican's own "misc",
                                          which nobody wrote, is no category here
"""

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from publisher.sources.rules import Defaults
from publisher.sources.values import Value, fold

MAX_FOLDERS = 2_000
"""Folders that are made categories."""

_ASSIGNED = re.compile(r"""^\s*([A-Z_]+)\s*=\s*[rRuU]?(["'])(.*?)\2""", re.MULTILINE)
_DATE = {"%Y": ":year", "%m": ":month", "%d": ":day", "%b": ":month", "%H": ":hour", "%M": ":minute"}
_FIELD = re.compile(r"\{(?:date:([^{}]*)|(slug|lang|category|author))\}")
_LANGUAGE = "en"
"""`site.language` where nobody chose another: then DEFAULT_LANG counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Articles:
    """Where articles are: folders and files by their paths from the blog's root; `content` is PATH ("" for
    the root), `within` holds them all, and what is in `excluded` is none. `filed`: folders are categories.
    """

    content: str = ""
    within: tuple[str, ...] = ("",)
    excluded: tuple[str, ...] = ()
    filed: bool = False

    def why_not(self, path: str) -> str | None:
        """Why the file at `path` is no article; None where it is one."""
        if not any(_in(path, place) for place in self.within):
            return "not in ARTICLE_PATHS"
        return next((f"in {place}" for place in self.excluded if _in(path, place)), None)


def assignments(text: str) -> dict[str, Any]:
    """What plain assignments at the top of a Python file give to names in capitals: texts, numbers, lists and
    maps written out. Nothing is run; of a file that this Python cannot read, texts on one line are known.
    """
    found: dict[str, Any] = {match[1]: match[3] for match in _ASSIGNED.finditer(text)}
    try:
        top = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return found
    for line in top:
        targets = line.targets if isinstance(line, ast.Assign) else []
        if isinstance(line, ast.AnnAssign) and line.value is not None:
            targets = [line.target]
        for target in targets:
            if isinstance(target, ast.Name) and target.id.isupper():
                found.pop(target.id, None)
                try:
                    found[target.id] = ast.literal_eval(line.value)  # type: ignore[attr-defined]  # both have it
                except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                    continue
    return found


def articles(given: Mapping[str, Any]) -> Articles:
    """Where these settings say that articles are."""
    path = given.get("PATH")
    content = _place("", path) if isinstance(path, str) and not path.startswith(("/", "~")) else "content"
    within = _names(given.get("ARTICLE_PATHS")) or ("",)
    excluded = _names(given.get("ARTICLE_EXCLUDES")) + (_names(given.get("PAGE_PATHS")) or ("pages",))
    return Articles(
        content=content,
        within=tuple(_place(content, name) for name in within),
        excluded=tuple(_place(content, name) for name in excluded if name),
        filed=given.get("USE_FOLDER_AS_CATEGORY", True) is not False,
    )


def permalink(given: Mapping[str, str]) -> str:
    """Where articles are by ARTICLE_URL, else by ARTICLE_SAVE_AS, as `permalinks` has it."""
    url = given.get("ARTICLE_URL", "") or given.get("ARTICLE_SAVE_AS", "").removesuffix("index.html")
    return _FIELD.sub(_word, url)


def _word(match: re.Match[str]) -> str:
    if match[2]:
        return ":titleslug" if match[2] == "slug" else f":{match[2]}"
    return re.sub(r"%[A-Za-z]", lambda part: _DATE.get(part[0], ""), match[1])


def defaults(given: Mapping[str, Any], *, author: bool, language: str) -> tuple[Defaults, ...]:
    """What articles need not write. `author`: the site's own settings name one, who stays; so does the site's
    `language` where it was chosen.
    """
    metadata = _table(given.get("DEFAULT_METADATA"))
    values: dict[str, Value] = {fold(key): text for key, text in metadata.items()}
    for name, key, wanted in (
        ("AUTHOR", "author", not author),
        ("DEFAULT_LANG", "lang", language == _LANGUAGE),
        ("DEFAULT_CATEGORY", "category", True),
    ):
        if wanted and isinstance(text := given.get(name), str) and text.strip():
            values.setdefault(key, text.strip())
    return (Defaults(values=values),) if values else ()


def folder_categories(found: Articles, paths: Sequence[str]) -> tuple[Defaults, ...]:
    """The category that each folder gives to the articles in it; `paths` are theirs from the blog's root."""
    if not found.filed:
        return ()
    places = sorted({path.rpartition("/")[0] for path in paths}, key=lambda place: (place.count("/"), place))
    below = [place for place in places[:MAX_FOLDERS] if place != found.content and _in(place, found.content)]
    return tuple(Defaults(scope=place, values={"category": PurePosixPath(place).name}) for place in below)


def _table(value: Any) -> dict[str, str]:
    """The texts of a map, by their names."""
    pairs: list[tuple[Any, Any]] = [*value.items()] if isinstance(value, dict) else []
    return {key: text for key, text in pairs if isinstance(key, str) and isinstance(text, str)}


def _names(value: Any) -> tuple[str, ...]:
    given: list[Any] = [*value] if isinstance(value, (list, tuple)) else [value]
    return tuple(name for name in given if isinstance(name, str))


def _place(root: str, name: str) -> str:
    parts = [part for part in f"{root}/{name}".split("/") if part not in ("", ".")]
    return "/".join(parts)


def _in(path: str, place: str) -> bool:
    return not place or path == place or path.startswith(place + "/")
