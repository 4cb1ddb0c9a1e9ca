"""Pelican's settings (pelicanconf.py is Python and never run), and what it takes from the path of an article.

AUTHOR, DEFAULT_METADATA                    defaults for posts
PATH, ARTICLE_PATHS, ARTICLE_EXCLUDES       where articles are; PAGE_PATHS holds pages
DEFAULT_CATEGORY                            the category of an article that has none; Pelican's own default,
                                            "misc", is no category here
ARTICLE_URL, ARTICLE_LANG_URL               URLs; the latter for articles not in DEFAULT_LANG
TAG_URL, CATEGORY_URL, AUTHOR_URL           the URLs that `{tag}`, `{category}` and `{author}` link to
SLUGIFY_SOURCE                              whether a slug is made from the title or from the file's name
USE_FOLDER_AS_CATEGORY (on by default)      the folder of an article below PATH is its category
EXTRA_PATH_METADATA                         metadata for one file, or for all files below a folder
FILENAME_METADATA, PATH_METADATA            patterns whose named groups are metadata
DEFAULT_DATE                                the date of an article that has none, if it is a literal

The file itself takes precedence, then FILENAME_METADATA, then PATH_METADATA.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, cast

from publisher.core.caching import lazy
from publisher.sources.fields.permalinks import STRFTIME_DIRECTIVE, STRFTIME_WORDS
from publisher.sources.frontmatter.values import Defaults, Value, fold
from publisher.sources.ignored_files import Articles, is_inside

MAX_TEXT = 10_000
_TEXT_SETTING = lazy(r"""^\s*([A-Z_]+)\s*=\s*[rRuU]?(["'])(.*?)\2""", re.MULTILINE)
_FIELD = lazy(r"\{(?:date:([^{}]*)|(\w+))\}")

MAX_FOLDERS = 2_000
"""The most folders that become categories."""

MAX_PATTERN = 500
_FILENAME = r"(?P<date>\d{4}-\d{2}-\d{2}).*"
"""FILENAME_METADATA by default."""

_CATASTROPHIC = re.compile(r"[*+}]\??[^()]*\)+[*+{]")
"""A repeated group with a repetition inside: such a pattern may take forever on a long name."""


def read_settings(text: str) -> dict[str, Any]:
    """The values assigned to upper-case names at the top of a Python file, if they are literals: texts,
    numbers, lists and maps. Nothing is run. From a file that this Python cannot parse, only one-line texts
    are taken.
    """
    found: dict[str, Any] = {match[1]: match[3] for match in _TEXT_SETTING.finditer(text)}
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
                before = found.pop(target.id, None)
                try:
                    value = literal_value(line.value, {**found, target.id: before})  # type: ignore[attr-defined]  # both have it
                except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                    continue
                found[target.id] = value
    return found


def literal_value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """The value of a literal, of a setting assigned above, or of texts joined by "+". Raises ValueError."""
    if isinstance(node, ast.Name) and known.get(node.id) is not None:
        return known[node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = literal_value(node.left, known), literal_value(node.right, known)
        if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) < MAX_TEXT:
            return left + right
        raise ValueError(node.op)
    return ast.literal_eval(node)


def article_folders(given: Mapping[str, Any]) -> Articles:
    """The folders of articles in these settings."""
    path = given.get("PATH")
    content = join_path("", path) if isinstance(path, str) and not path.startswith(("/", "~")) else "content"
    within = list_names(given.get("ARTICLE_PATHS")) or ("",)
    excluded = list_names(given.get("ARTICLE_EXCLUDES")) + (list_names(given.get("PAGE_PATHS")) or ("pages",))
    term_urls: dict[str, str] = {}
    for kind in ("tag", "category", "author"):
        url = given.get(f"{kind.upper()}_URL", f"{kind}/{{slug}}.html")
        has_page = given.get(f"{kind.upper()}_SAVE_AS", True)
        term_urls[kind] = url if isinstance(url, str) and has_page else ""  # only code knows any other
    return Articles(
        content=content,
        within=tuple(join_path(content, name) for name in within),
        excluded=tuple(join_path(content, name) for name in excluded if name),
        filed=given.get("USE_FOLDER_AS_CATEGORY", True) is not False,
        foreign=read_link(given, "ARTICLE_LANG") or f":{slug_word(given)}-:lang.html",
        term_urls=term_urls,
    )


def ignored_names(given: Mapping[str, Any]) -> tuple[str, ...]:
    """IGNORE_FILES: patterns for names of files that are not read."""
    return list_names(given.get("IGNORE_FILES"))


def permalink(given: Mapping[str, Any]) -> str:
    """The permalink by ARTICLE_URL, else by ARTICLE_SAVE_AS, in the words of `permalinks`; "" for the
    default.
    """
    found = read_link(given, "ARTICLE")
    return found or (f"/:{slug_word(given)}.html" if slug_word(given) == "slug" else "")


def read_link(given: Mapping[str, Any], of: str) -> str:
    """The permalink in the setting `of`_URL, else in `of`_SAVE_AS, in our words; "" if neither is set."""
    url, file = given.get(f"{of}_URL"), given.get(f"{of}_SAVE_AS")
    if not (isinstance(url, str) and url):
        url = file.removesuffix("index.html") if isinstance(file, str) else ""

    def word(match: re.Match[str]) -> str:
        if match[2]:
            return f":{slug_word(given)}" if match[2] == "slug" else f":{match[2]}"
        return STRFTIME_DIRECTIVE.sub(
            lambda part: f":{STRFTIME_WORDS[part[0]]}" if part[0] in STRFTIME_WORDS else "", match[1]
        )

    return _FIELD.sub(word, url)


def slug_word(given: Mapping[str, Any]) -> str:
    """The word for a slug in permalinks: one made from the title, or from the file's name."""
    return "slug" if given.get("SLUGIFY_SOURCE") == "basename" else "titleslug"


def defaults(given: Mapping[str, Any], *, author: bool) -> tuple[Defaults, ...]:
    """Defaults for articles. `author`: our own settings name one, who takes precedence."""
    metadata = text_items(given.get("DEFAULT_METADATA"))
    values: dict[str, Value] = {fold(key): text for key, text in metadata.items()}
    for name, key, wanted in (("AUTHOR", "author", not author), ("DEFAULT_CATEGORY", "category", True)):
        if wanted and isinstance(text := given.get(name), str) and text.strip():
            values.setdefault(key, text.strip())
    return (Defaults(values=values),) if values else ()


def text_items(value: Any) -> dict[str, str]:
    """The texts of a map, or of a list of pairs, by their names."""
    pairs: list[Any] = [*value.items()] if isinstance(value, dict) else [*value] if is_list(value) else []
    both = [pair for pair in pairs if is_list(pair) and len(pair) == 2]
    return {key: text for key, text in both if isinstance(key, str) and isinstance(text, str)}


def join_path(root: str, name: str) -> str:
    """A path below `root`, without "." and empty parts."""
    parts = [part for part in f"{root}/{name}".split("/") if part not in ("", ".")]
    return "/".join(parts)


def is_list(value: Any) -> bool:
    """Whether a setting is a list or a tuple."""
    return isinstance(value, (list, tuple))


def list_names(value: Any) -> tuple[str, ...]:
    """The texts of a list, or the one text that a setting is."""
    given: list[Any] = [*value] if isinstance(value, (list, tuple)) else [value]
    return tuple(name for name in given if isinstance(name, str))


def folder_defaults(found: Articles, given: Mapping[str, Any], paths: Sequence[str]) -> tuple[Defaults, ...]:
    """The defaults from folders and EXTRA_PATH_METADATA for the articles at `paths` (from the blog's
    root).
    """
    some: list[Defaults] = []
    if found.filed:
        places = sorted({path.rpartition("/")[0] for path in paths}, key=lambda it: (it.count("/"), it))
        below = [place for place in places[:MAX_FOLDERS] if place != found.content]
        some = [
            Defaults(scope=place, values={"category": PurePosixPath(place).name})
            for place in below
            if is_inside(place, found.content)
        ]
    extra: Any = given.get("EXTRA_PATH_METADATA")
    by_path = cast("dict[object, object]", extra) if isinstance(extra, dict) else {}
    for path in sorted(path for path in by_path if isinstance(path, str)):
        if values := {fold(key): value for key, value in text_items(by_path[path]).items()}:
            some.append(Defaults(scope=join_path(found.content, path), values=values))
    return tuple(some)


def path_metadata(
    found: Articles, given: Mapping[str, Any], paths: Mapping[str, str]
) -> dict[str, dict[str, Value]]:
    """The metadata that patterns find in paths of articles. `paths` maps paths in the folder of posts to
    paths from the blog's root; the result is by the former. Invalid patterns are ignored.
    """
    name = compile_metadata_pattern(given.get("FILENAME_METADATA", _FILENAME))
    whole = compile_metadata_pattern(given.get("PATH_METADATA"))
    usual = read_default_date(given.get("DEFAULT_DATE"))
    if not (whole or usual or "FILENAME_METADATA" in given):
        return {}
    made: dict[str, dict[str, Value]] = {}
    for path, full in paths.items():
        below = full.removeprefix(found.content + "/")
        values: dict[str, Value] = {"date": usual} if usual else {}
        taken = {"category"} if found.filed and "/" in below else set[str]()
        for pattern, text in ((whole, below), (name, PurePosixPath(below).stem)):
            match = pattern.match(text) if pattern else None
            for key, value in match.groupdict().items() if match else ():
                if value is not None and fold(key) not in taken:
                    values[fold(key)] = value
        if values:
            made[path] = values
    return made


def compile_metadata_pattern(value: Any) -> re.Pattern[str] | None:
    """A pattern of FILENAME_METADATA or PATH_METADATA; None if it is invalid or could take forever."""
    if not isinstance(value, str) or not value or len(value) > MAX_PATTERN or _CATASTROPHIC.search(value):
        return None
    try:
        return re.compile(value)
    except (re.error, RecursionError, OverflowError):
        return None


def read_default_date(value: Any) -> str:
    """A date as numbers or text; "fs", the file's own time, is no date."""
    if isinstance(value, str):
        return "" if value == "fs" else value
    numbers = cast("Sequence[object]", value) if isinstance(value, (tuple, list)) else ()
    whole = [n for n in numbers if isinstance(n, int)]
    if 3 <= len(whole) <= 6 and len(whole) == len(numbers):
        year, month, day, *clock = whole
        hour, minute, second = (*clock, 0, 0, 0)[:3]
        return f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"
    return ""
