"""Pelican's own: settings in pelicanconf.py, which is Python and never run. Paths are for `pelicanpaths`.

AUTHOR, DEFAULT_METADATA                  what posts need not write
PATH, ARTICLE_PATHS, ARTICLE_EXCLUDES     where articles are; PAGE_PATHS holds pages
DEFAULT_CATEGORY                          the category of an article that has none; Pelican's own "misc",
                                          which nobody wrote, is no category here
ARTICLE_URL, ARTICLE_LANG_URL             addresses; the latter those in another language than DEFAULT_LANG
TAG_URL, CATEGORY_URL, AUTHOR_URL         addresses of what `{tag}`, `{category}` and `{author}` lead to
SLUGIFY_SOURCE                            whether a slug is made of the title or of the file's name
"""

import ast
import re
from collections.abc import Mapping
from typing import Any

from publisher.core.patterns import lazy
from publisher.sources.fields.permalinks import STRFTIME_DIRECTIVE, STRFTIME_WORDS
from publisher.sources.frontmatter.values import Value, fold
from publisher.sources.ignored.paths import Articles
from publisher.sources.rules import Defaults

MAX_TEXT = 10_000
_ASSIGNED = lazy(r"""^\s*([A-Z_]+)\s*=\s*[rRuU]?(["'])(.*?)\2""", re.MULTILINE)
_FIELD = lazy(r"\{(?:date:([^{}]*)|(\w+))\}")


def read_settings(text: str) -> dict[str, Any]:
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
                said = found.pop(target.id, None)
                try:
                    value = _value(line.value, {**found, target.id: said})  # type: ignore[attr-defined]  # both have it
                except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                    continue
                found[target.id] = value
    return found


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    """What is written out: also the name of a setting above, and texts put together. Raises ValueError."""
    if isinstance(node, ast.Name) and known.get(node.id) is not None:
        return known[node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _value(node.left, known), _value(node.right, known)
        if isinstance(left, str) and isinstance(right, str) and len(left) + len(right) < MAX_TEXT:
            return left + right
        raise ValueError(node.op)
    return ast.literal_eval(node)


def article_folders(given: Mapping[str, Any]) -> Articles:
    """Where these settings say that articles are."""
    path = given.get("PATH")
    content = join_path("", path) if isinstance(path, str) and not path.startswith(("/", "~")) else "content"
    within = _names(given.get("ARTICLE_PATHS")) or ("",)
    excluded = _names(given.get("ARTICLE_EXCLUDES")) + (_names(given.get("PAGE_PATHS")) or ("pages",))
    return Articles(
        content=content,
        within=tuple(join_path(content, name) for name in within),
        excluded=tuple(join_path(content, name) for name in excluded if name),
        filed=given.get("USE_FOLDER_AS_CATEGORY", True) is not False,
        foreign=_link(given, "ARTICLE_LANG") or f":{_slug(given)}-:lang.html",
        term_urls={kind: _of_words(given, kind) for kind in ("tag", "category", "author")},
    )


def _of_words(given: Mapping[str, Any], kind: str) -> str:
    """Where the page of a tag, a category or an author is; "" where none is made, or only code knows."""
    url = given.get(f"{kind.upper()}_URL", f"{kind}/{{slug}}.html")
    made = given.get(f"{kind.upper()}_SAVE_AS", True)
    return url if isinstance(url, str) and made else ""


def ignored_names(given: Mapping[str, Any]) -> tuple[str, ...]:
    """IGNORE_FILES: patterns of names that are read by nobody."""
    return _names(given.get("IGNORE_FILES"))


def permalink(given: Mapping[str, Any]) -> str:
    """Where articles are by ARTICLE_URL, else by ARTICLE_SAVE_AS, as `permalinks` has it; "": as usual."""
    found = _link(given, "ARTICLE")
    return found or (f"/:{_slug(given)}.html" if _slug(given) == "slug" else "")


def _link(given: Mapping[str, Any], of: str) -> str:
    url, file = given.get(f"{of}_URL"), given.get(f"{of}_SAVE_AS")
    text = (
        url
        if isinstance(url, str) and url
        else file.removesuffix("index.html")
        if isinstance(file, str)
        else ""
    )
    return _FIELD.sub(lambda match: _word(match, _slug(given)), text)


def _slug(given: Mapping[str, Any]) -> str:
    """The word of `permalinks` for a slug: made of the title, else of the file's name."""
    return "slug" if given.get("SLUGIFY_SOURCE") == "basename" else "titleslug"


def _word(match: re.Match[str], slug: str) -> str:
    if match[2]:
        return f":{slug}" if match[2] == "slug" else f":{match[2]}"
    return STRFTIME_DIRECTIVE.sub(
        lambda part: f":{STRFTIME_WORDS[part[0]]}" if part[0] in STRFTIME_WORDS else "", match[1]
    )


def defaults(given: Mapping[str, Any], *, author: bool) -> tuple[Defaults, ...]:
    """What articles need not write. `author`: the site's own settings name one, who stays."""
    metadata = text_items(given.get("DEFAULT_METADATA"))
    values: dict[str, Value] = {fold(key): text for key, text in metadata.items()}
    for name, key, wanted in (("AUTHOR", "author", not author), ("DEFAULT_CATEGORY", "category", True)):
        if wanted and isinstance(text := given.get(name), str) and text.strip():
            values.setdefault(key, text.strip())
    return (Defaults(values=values),) if values else ()


def text_items(value: Any) -> dict[str, str]:
    """The texts of a map, or of a list of pairs, by their names."""
    pairs: list[Any] = [*value.items()] if isinstance(value, dict) else [*value] if _listed(value) else []
    both = [pair for pair in pairs if _listed(pair) and len(pair) == 2]
    return {key: text for key, text in both if isinstance(key, str) and isinstance(text, str)}


def join_path(root: str, name: str) -> str:
    """A path below `root`, without "." and empty parts."""
    parts = [part for part in f"{root}/{name}".split("/") if part not in ("", ".")]
    return "/".join(parts)


def inside(path: str, place: str) -> bool:
    """Whether `path` is `place` or below it; all are in ""."""
    return not place or path == place or path.startswith(place + "/")


def _listed(value: Any) -> bool:
    return isinstance(value, (list, tuple))


def _names(value: Any) -> tuple[str, ...]:
    given: list[Any] = [*value] if isinstance(value, (list, tuple)) else [value]
    return tuple(name for name in given if isinstance(name, str))
