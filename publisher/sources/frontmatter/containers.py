"""Where front matter ends and the body begins: YAML, TOML and JSON between fences, and headers without
fences, which are Pelican's `Key: value` lines and Hexo's YAML or JSON.

python-frontmatter's own `parse` strips the body and overlooks a BOM, a `...` and, without a package that is
no longer maintained, TOML: the metadata would be lost and the front matter published. So we use its framework
(BaseHandler, detect_format) with our own handlers, and do its two steps, split and load, here.
"""

import json
import re
import tomllib
from dataclasses import dataclass, replace
from datetime import date, time
from itertools import takewhile
from typing import Any, ClassVar, Protocol, TypeAlias, cast

from frontmatter import detect_format
from frontmatter.default_handlers import BaseHandler

from publisher.core.caching import lazy
from publisher.sources.frontmatter.values import (
    FrontMatter,
    FrontMatterError,
    Value,
    build_front_matter,
    fold,
    word_set,
)
from publisher.sources.frontmatter.yaml import load_yaml, read_simple_yaml

HEADER_KEYS = word_set(
    "title date modified updated tags tag category categories keywords slug author authors summary lang "
    "language status template saveas url layout description translation permalink cover subtitle id "
    "comments draft published series image thumbnail excerpt created publishdate"
)
"""What a header's first line may begin with; other words before a colon begin a text."""

_LINE = lazy(r"[ ]{0,3}([A-Za-z][A-Za-z0-9_-]*)[ \t]*:(?:[ \t]+(.*)|[ \t]*)$")
_QUOTED = lazy(r"\"([\w-]+)\"[ \t]*:")
_END = lazy(r"^(?:-{3,}|;{3,})[ \t]*(?:\n|\Z)", re.MULTILINE)
_BLANK = lazy(r"\n[ \t]*(?:\n|\Z)|\Z")
_LIST_KEYS = frozenset({"keywords", "categories"})
_ONE_LINE_KEYS = frozenset({"tags", "authors", "author", "category"})
"""Of these Pelican reads the first line only."""

MAX_SIZE = 262_144
"""Characters of front matter; real ones reach 15,000."""

_NAMED_FENCE = lazy(r"---[ \t]*(json|js|javascript|toml|ya?ml)[ \t]*\n")
_TOML_LINE = lazy(r"\(at line (\d+), column \d+\)|\(at end of document\)")
Table: TypeAlias = dict[str, Any]
Raw: TypeAlias = str | int | float | date | time | list[Any] | Table | None
"""What tomllib and json yield."""

_JSON_TOKEN = lazy(r'"(?:[^"\\\n]|\\.)*"|[{}]')


def split_header(text: str, limit: int) -> tuple[str, str, str] | None:
    """("pelican", "hexo" or "json"; header; body) of a file that begins with keys; None for plain text.

    Pelican's header ends at the first line that is blank, or neither a key nor indented (as in
    Python-Markdown's meta extension); Hexo's at a line of "---", or ";;;" for JSON.
    """
    first = text[:limit].partition("\n")[0]
    match = _LINE.match(first) or _QUOTED.match(first)
    if match is None or fold(match[1]) not in HEADER_KEYS:
        return None
    blank = _BLANK.search(text, 0, limit)
    edge = blank.start() if blank else limit
    end = _END.search(text, len(first), limit)
    lines = text[:edge].split("\n")
    ours = list(takewhile(lambda line: _LINE.match(line) or line.startswith(("    ", "\t")), lines))
    plain = len(ours) == len(lines)
    keys = {fold(found[1]) for line in lines if (found := _LINE.match(line) or _QUOTED.match(line))}
    if keys.isdisjoint({"title", "date"}):
        return None
    if end and (end.start() <= edge + 1 or not plain):
        kind = "json" if text[end.start()] == ";" else "hexo"
        return kind, text[: end.start()], text[end.end() :]
    if not plain:
        return unindented_header(text, ours)
    return "pelican", text[:edge], text[blank.end() if blank else limit :]


def unindented_header(text: str, lines: list[str]) -> tuple[str, str, str] | None:
    """The header of a file in which an unindented line follows; None if only one key is before it, which may
    be the beginning of a text.
    """
    keys = {fold(found[1]) for line in lines if (found := _LINE.match(line))} & HEADER_KEYS
    if len(keys) < 2 or keys.isdisjoint({"title", "date"}):
        return None
    head = "\n".join(lines)
    return "pelican", head, text[len(head) + 1 :]


def read_pelican(header: str, line: int) -> FrontMatter:
    """`Key: value` lines; those indented by four spaces continue the key above."""
    pairs: list[tuple[str, Value, int]] = []
    warnings: list[str] = []
    for number, text in enumerate(header.split("\n"), start=line):
        match = _LINE.match(text)
        if match:
            pairs.append((match[1], (match[2] or "").strip(), number))
        elif pairs:
            key, value, at = pairs[-1]
            more = text.strip()
            if value and fold(key) in _ONE_LINE_KEYS:
                what = f"{key} goes on below, and Pelican reads its first line only; write it in one line"
                warnings.append(f"line {number}: {what}")
            elif fold(key) in _LIST_KEYS:
                pairs[-1] = (key, [*value, more] if isinstance(value, list) else [value, more], at)
            else:
                pairs[-1] = (key, f"{value} {more}" if value else more, at)
        else:
            raise FrontMatterError("a line of the header is not `Key: value`; fix the line", number)
    front = build_front_matter(pairs, line)
    return replace(front, warnings=(*front.warnings, *warnings)) if warnings else front


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The front matter and body of a file. `front` is None if there is none; `kind` is as in ParsedPost."""

    front: FrontMatter | None
    body: str
    kind: str = "none"


class FenceHandler(Protocol):
    kind: str

    def split(self, text: str) -> tuple[str, str]: ...
    def read(self, fm: str, line: int) -> FrontMatter: ...


def open_container(text: str, *, blank: bool = False) -> Container:
    """Front matter and body of a file with "\\n" line breaks and without a BOM.

    The body is everything after the line of the closing fence, unstripped. Raises FrontMatterError, also for
    fences without metadata: those must never be published as a body.
    """
    start = text.lstrip("\n \t")
    line = 1 + text.count("\n", 0, len(text) - len(start))
    if named := _NAMED_FENCE.match(start):
        return open_named_fence(start, named, line)
    if start[:1] not in ("-", "+", "{"):
        return open_header(text, start, line)
    handler = detect_format(start, _HANDLERS)
    if handler is None:
        return Container(front=None, body=text)
    ours = cast("FenceHandler", handler)
    try:
        head, body = ours.split(start)
    except ValueError as error:
        raise FrontMatterError(str(error), line) from None
    if len(head) > MAX_SIZE:
        raise FrontMatterError(f"front matter has {len(head)} characters; at most {MAX_SIZE}", line)
    front = ours.read(head, line)
    if not front.values and not blank:
        raise FrontMatterError("front matter is empty; write at least a title", line)
    return Container(front=front, body=body, kind=ours.kind)


def open_named_fence(start: str, named: re.Match[str], line: int) -> Container:
    """Front matter between `---json` and `---`, as Eleventy has it."""
    end = _Yaml.CLOSE.search(start, named.end())
    language = named[1]
    if end is None:
        raise FrontMatterError(
            f"front matter opens with ---{language} and never closes; add a line with ---", line
        )
    kind = {"yml": "yaml", "js": "json", "javascript": "json"}.get(language, language)
    head = start[named.end() : end.start()]
    if len(head) > MAX_SIZE:
        raise FrontMatterError(f"front matter has {len(head)} characters; at most {MAX_SIZE}", line)
    load = {"yaml": load_yaml, "toml": load_toml, "json": load_json}[kind]
    front = (load_script if language.startswith("j") and language != "json" else load)(head, line + 1)
    if not front.values:
        raise FrontMatterError("front matter is empty; write at least a title", line)
    return Container(front=front, body=start[end.end() :], kind=kind)


def load_script(text: str, line: int) -> FrontMatter:
    """JavaScript, which is not run: an object, or constants, as far as they are literals."""
    from publisher.sources.generators.js_literals import declared, exported, known

    found = exported(f"export default {text}") or {} if text.strip().startswith("{") else declared(text)
    return build_front_matter([(key, known(value), line) for key, value in found.items()], line)


def load_toml(text: str, line: int) -> FrontMatter:
    """A TOML document whose first line is line `line` of its file. Raises FrontMatterError."""
    try:
        loaded = tomllib.loads(text, parse_float=str)
    except (ValueError, RecursionError) as error:
        match = _TOML_LINE.search(str(error))
        at = int(match[1]) if match and match[1] else (1 + text.count("\n") if match else 1)
        what = _TOML_LINE.sub("", str(error)).strip() or "nested too deep"
        raise FrontMatterError(f"broken TOML: {what}; fix the line", line + at - 1) from None
    return build_front_matter([(key, to_value(value), 0) for key, value in loaded.items()], line)


def load_json(text: str, line: int) -> FrontMatter:
    """A JSON object whose first line is line `line` of its file. Raises FrontMatterError."""
    repeated: list[tuple[str, Value, int]] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        repeated[:] = [(key, to_value(value), line) for key, value in found]  # the outermost comes last
        return dict(found)

    try:
        json.loads(text, object_pairs_hook=pairs, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        reason = f"broken JSON: {error.msg}; fix the line"
        raise FrontMatterError(reason, line + error.lineno - 1) from None
    except (ValueError, RecursionError):
        raise FrontMatterError("broken JSON: nested too deeply; write it more simply", line) from None
    return build_front_matter(repeated, line)


def open_header(text: str, start: str, line: int) -> Container:
    """A file that begins with a header without a fence, or with its body; `start` is `text` without leading
    white space.
    """
    found = split_header(start, MAX_SIZE)
    if found is None:
        return Container(front=None, body=text)
    kind, head, body = found
    if kind == "json":  # Hexo's has no braces
        front = load_json("{" + head + "}", line)
    else:
        front = (read_pelican if kind == "pelican" else load_yaml)(head, line)
    after = start[len(head) + 1 :].partition("\n")[0].strip()
    if kind == "pelican" and after:
        at = line + head.count("\n") + 1
        reason = f"line {at}: {after[:40]!r} ends the header; indent it by four spaces to go on"
        front = replace(front, warnings=(*front.warnings, reason))
    return Container(front=front, body=body, kind=kind)


class _Fence(BaseHandler):
    """Front matter between two lines of three marks."""

    CLOSE: ClassVar[re.Pattern[str]]

    def split(self, text: str) -> tuple[str, str]:
        first = text.find("\n") + 1
        end = self.CLOSE.search(text, first) if first else None
        if end is None:
            mark = text[:3]
            raise ValueError(f"front matter opens with {mark} and never closes; add a line with {mark}")
        return text[first : end.start()], text[end.end() :]


class _Yaml(_Fence):
    kind = "yaml"
    FM_BOUNDARY = lazy(r"---[ \t]*(?:\n|\Z)")
    CLOSE = lazy(r"^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.MULTILINE)

    def read(self, fm: str, line: int) -> FrontMatter:
        return read_simple_yaml(fm, line + 1) or load_yaml(fm, line + 1)


class _Toml(_Fence):
    kind = "toml"
    FM_BOUNDARY = lazy(r"\+\+\+[ \t]*(?:\n|\Z)")
    CLOSE = lazy(r"^\+\+\+[ \t]*(?:\n|\Z)", re.MULTILINE)

    def read(self, fm: str, line: int) -> FrontMatter:
        return load_toml(fm, line + 1)


class _Json(BaseHandler):
    kind = "json"
    FM_BOUNDARY = lazy(r'\{\s*["}]')

    def split(self, text: str) -> tuple[str, str]:
        depth = 0
        for match in _JSON_TOKEN.finditer(text, 0, MAX_SIZE):
            depth += {"{": 1, "}": -1}.get(match[0], 0)
            if depth == 0:  # the brace that closes the object
                return text[: match.end()], text[match.end() :].removeprefix("\n")
        raise ValueError("front matter opens with { and never closes; add the missing }")

    def read(self, fm: str, line: int) -> FrontMatter:
        return load_json(fm, line)


_HANDLERS = (_Yaml(), _Toml(), _Json())


def to_value(value: Raw) -> Value:
    """A value from tomllib or json, with its scalars as text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return [to_value(item) for item in value]
    if isinstance(value, dict):
        return {key: to_value(item) for key, item in value.items()}
    return value.isoformat() if isinstance(value, (date, time)) else str(value)
