"""Front matter as values: case-insensitive keys, scalars as text, and line numbers for messages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeAlias

from publisher.core.caching import lazy

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"

_ILLEGAL = lazy("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TRUE = frozenset({"true", "yes", "on", "y", "1"})
_FALSE = frozenset({"false", "no", "off", "n", "0"})

COMPUTED, COLLECTED = "computedpermalink", "eleventytags"
"""Keys for what only Eleventy's data files say: the permalink in `eleventyComputed`, which overrides a post's
own; and that the posts in a folder belong to a collection.
"""


class Quoted(str):
    """A scalar in quotes: to YAML it is text, whatever it looks like."""

    __slots__ = ()


class FrontMatterError(Exception):
    """Front matter that cannot be read. `line` counts from 1 in the file. Handled within `sources`."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason, self.line = reason, line


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """The front matter of a post. `values` and `lines` are by `fold` of the key; a line is that of the key in
    the file.
    """

    values: Mapping[str, Value]
    lines: Mapping[str, int]
    line: int
    warnings: tuple[str, ...] = ()

    def get(self, *names: str) -> Value:
        """The value of the first of `names` that is set and not null."""
        for name in names:
            value = self.values.get(fold(name))
            if value is not None:
                return value
        return None

    def has(self, name: str) -> bool:
        """Whether the key is set, even to null."""
        return fold(name) in self.values

    def text(self, *names: str) -> str:
        """The first of `names` that is a scalar and not blank, trimmed; else ""."""
        for name in names:
            value = self.values.get(fold(name))
            if value and isinstance(value, str) and (text := value.strip()):
                return text
        return ""

    def flag(self, name: str) -> bool | None:
        """True or False if the scalar is one of YAML's words for it, else None."""
        if fold(name) not in self.values:
            return None
        word = self.text(name)
        return True if is_true(word) else False if is_false(word) else None

    def over(self, defaults: Mapping[str, Value]) -> "FrontMatter":
        """This front matter, with `defaults` (keyed by `fold`) for missing keys."""
        return replace(self, values={**defaults, **self.values}) if defaults else self

    def line_of(self, name: str) -> int:
        """The line of a key in the file; the front matter's first line if it is not known."""
        return self.lines.get(fold(name), self.line)


@lru_cache(maxsize=4096)  # each file asks for the same sixty names
def fold(name: str) -> str:
    """The form in which keys are compared: `Publish_Date`, `publish-date` and `publishDate` are the same."""
    return name.strip().casefold().replace("_", "").replace("-", "")


def build_front_matter(pairs: Iterable[tuple[str, Value, int]], line: int) -> FrontMatter:
    """Front matter made of (key, value, line) triples. The last of a repeated key wins, with a warning."""
    values: dict[str, Value] = {}
    lines: dict[str, int] = {}
    warnings: list[str] = []
    for key, value, at in pairs:
        name = fold(key)
        if name in values and lines[name]:  # 0: merged in by YAML's "<<", to be overridden
            warnings.append(f"line {at}: {legal(key)!r} is repeated; the last one counts")
        values[name] = legal_value(value)
        lines[name] = at
    return FrontMatter(values=values, lines=lines, line=line, warnings=tuple(warnings))


def is_true(word: str) -> bool:
    """Whether a scalar is one of YAML's words for true."""
    return word.strip().casefold() in _TRUE


def is_false(word: str) -> bool:
    """Whether a scalar is one of YAML's words for false."""
    return word.strip().casefold() in _FALSE


def word_set(text: str) -> frozenset[str]:
    """The words of `text`, as a set."""
    return frozenset(text.split())


def legal(text: str) -> str:
    """`text` without characters that XML 1.0 or UTF-8 cannot represent, and without C1 controls."""
    return text if text.isascii() and text.isprintable() else _ILLEGAL.sub("", text)


def text_of(value: Value) -> str:
    """A scalar's text, trimmed; "" for null, a list or a map."""
    return value.strip() if isinstance(value, str) else ""


def folded_map(value: Value) -> dict[str, Value]:
    """A map's items keyed by `fold`; empty if the value is not a map."""
    return {fold(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def scalars(value: Value) -> list[str]:
    """All scalars in a value that are not blank, in order, trimmed."""
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    if isinstance(value, list):
        return [text for item in value for text in scalars(item)]
    if isinstance(value, dict):
        return [text for item in value.values() for text in scalars(item)]
    return []


def legal_value(value: Value) -> Value:
    """A value with `legal` applied to every text in it."""
    if isinstance(value, str):
        return legal(value)
    if isinstance(value, list):
        return [legal_value(item) for item in value]
    if isinstance(value, dict):
        return {legal(key): legal_value(item) for key, item in value.items()}
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Front matter that files under `scope` need not write: a folder or pattern from the blog's root; "" is
    all. `values` is keyed by values.fold.
    """

    scope: str = ""
    values: Mapping[str, Value]


def front_matter_defaults(values: Mapping[str, Any]) -> tuple[Defaults, ...]:
    """The defaults from settings, for every file: keys as written, scalars as text."""
    return (Defaults(values={fold(key): value for key, value in values.items()}),) if values else ()
