"""Front matter as values: keys without case, scalars as text, lines for the messages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TypeAlias

from publisher.core.patterns import lazy

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"

_ILLEGAL = lazy("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TRUE = frozenset({"true", "yes", "on", "y", "1"})
_FALSE = frozenset({"false", "no", "off", "n", "0"})

COMPUTED, COLLECTED = "computedpermalink", "eleventytags"
"""What Eleventy's data files say beside front matter: what `eleventyComputed` makes permalinks of, which
counts before what posts say themselves; and that what is in a folder is in a collection.
"""


class Quoted(str):
    """A scalar that stands in quotes: to YAML it is a text, whatever it looks like."""

    __slots__ = ()


class FrontMatterError(Exception):
    """Front matter that cannot be read. `line` counts from 1 in the file. Never leaves this folder."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason, self.line = reason, line


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """What stands above a body. `values` is keyed by `fold`; `lines` holds the key's line in the file."""

    values: Mapping[str, Value]
    lines: Mapping[str, int]
    line: int
    warnings: tuple[str, ...] = ()

    def get(self, *names: str) -> Value:
        """The value of the first of `names` that is there and not null."""
        for name in names:
            value = self.values.get(fold(name))
            if value is not None:
                return value
        return None

    def has(self, name: str) -> bool:
        """Whether the key is there at all, be it null."""
        return fold(name) in self.values

    def text(self, *names: str) -> str:
        """The first of `names` that is a scalar with something in it, trimmed; else ""."""
        for name in names:
            value = self.values.get(fold(name))
            if value and isinstance(value, str) and (text := value.strip()):
                return text
        return ""

    def flag(self, name: str) -> bool | None:
        """True or False where the scalar says so in YAML's words, else None."""
        if fold(name) not in self.values:
            return None
        word = self.text(name)
        return True if is_true(word) else False if is_false(word) else None

    def over(self, defaults: Mapping[str, Value]) -> "FrontMatter":
        """This front matter, with `defaults` (keyed by `fold`) where a key is missing."""
        return replace(self, values={**defaults, **self.values}) if defaults else self

    def line_of(self, name: str) -> int:
        """The line of a key in the file; the front matter's first line where it is not known."""
        return self.lines.get(fold(name), self.line)


@lru_cache(maxsize=4096)  # each file asks for the same sixty names
def fold(name: str) -> str:
    """A key as it is looked up: `Publish_Date`, `publish-date` and `publishDate` are one."""
    return name.strip().casefold().replace("_", "").replace("-", "")


def build_front_matter(pairs: Iterable[tuple[str, Value, int]], line: int) -> FrontMatter:
    """Front matter of (key, value, line) triples. Of a repeated key the last wins, with a warning."""
    values: dict[str, Value] = {}
    lines: dict[str, int] = {}
    warnings: list[str] = []
    for key, value, at in pairs:
        name = fold(key)
        if name in values and lines[name]:  # 0: merged in by YAML's "<<", and meant to be overridden
            warnings.append(f"line {at}: {legal(key)!r} is given again; the last one counts")
        values[name] = legal_value(value)
        lines[name] = at
    return FrontMatter(values=values, lines=lines, line=line, warnings=tuple(warnings))


def is_true(word: str) -> bool:
    """Whether a scalar says yes, in YAML's words."""
    return word.strip().casefold() in _TRUE


def is_false(word: str) -> bool:
    """Whether a scalar says no, in YAML's words."""
    return word.strip().casefold() in _FALSE


def word_set(text: str) -> frozenset[str]:
    """The words of `text`, which spaces separate."""
    return frozenset(text.split())


def legal(text: str) -> str:
    """`text` without characters that XML 1.0 or UTF-8 cannot carry, and without C1 controls."""
    return text if text.isascii() and text.isprintable() else _ILLEGAL.sub("", text)


def text_of(value: Value) -> str:
    """A scalar's text, trimmed; "" for null, a list or a map."""
    return value.strip() if isinstance(value, str) else ""


def folded_map(value: Value) -> dict[str, Value]:
    """A map's items keyed by `fold`; nothing where it is no map."""
    return {fold(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def scalars(value: Value) -> list[str]:
    """Every scalar of a value that has text, in order, trimmed."""
    if isinstance(value, str):
        return [value.strip()] if value.strip() else []
    if isinstance(value, list):
        return [text for item in value for text in scalars(item)]
    if isinstance(value, dict):
        return [text for item in value.values() for text in scalars(item)]
    return []


def legal_value(value: Value) -> Value:
    """`legal` of every text in a value."""
    if isinstance(value, str):
        return legal(value)
    if isinstance(value, list):
        return [legal_value(item) for item in value]
    if isinstance(value, dict):
        return {legal(key): legal_value(item) for key, item in value.items()}
    return None
