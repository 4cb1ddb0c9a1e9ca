"""Plain text in columns, for many scripts. URLs are never broken; nor are words, where words are apart.

Chinese and Japanese break between characters, but not before closing punctuation. Khmer, Thai, Lao and
Burmese break at spaces and zero-width spaces; a run longer than a line breaks before a syllable.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise

WIDTH = 74
"""Columns of a mail's text part: quoted once or twice by an answer, it still fits 78."""

FIRST_WIDE = "\u1100"
"""No character before it is wide (Unicode Standard Annex 11)."""

_PREFIX = re.compile(r"\s*(?:[-*+•] +|\d{1,3}[.)] +|(?:> ?)+)?")
_OPEN = "（「『【〈《〔［｛“‘"
_CLOSE = (
    "、。，．：；？！）」』】〉》〕］｝”’…‥・ーゝ々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ"
    "\u3099\u309a\ufe0e\ufe0f\u200d"
)
_HAN = (
    "\u2e80-\u2fff\u3005-\u3007\u3021-\u30ff\u3100-\u312f\u31a0-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003fffd"
)
_RUNS_ON = re.compile("[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u1a20-\u1aaf\uac00-\ud7af]")
_LEADING_VOWELS = frozenset("\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4")


@cache  # made when a text asks for it: that takes as long as a whole mail
def _han_pieces() -> re.Pattern[str]:
    return re.compile(rf"[{_OPEN}]*(?:[{_HAN}]|[^{_HAN}{_OPEN}{_CLOSE}]+)[{_CLOSE}]*|[{_OPEN}{_CLOSE}]+")


@cache
def _han() -> re.Pattern[str]:
    return re.compile(f"[{_HAN}]")


def columns(text: str) -> int:
    """How many columns `text` takes at most: two for each wide character, one for every other."""
    if text.isascii() or max(text) < FIRST_WIDE:
        return len(text)
    return len(text) + sum(unicodedata.east_asian_width(char) in "WF" for char in text)


@lru_cache(maxsize=2048)
def wrap(text: str, width: int = WIDTH) -> str:
    """`text` with each of its lines broken at `width` columns; list items and quotations hang."""
    return "\n".join(_wrap_line(line.rstrip(), width) for line in text.split("\n"))


def _wrap_line(line: str, width: int) -> str:
    if columns(line) <= width:
        return line
    match = _PREFIX.match(line)
    first = match.group() if match else ""
    hang = first if ">" in first else " " * len(first)
    lines: list[str] = []
    current, empty = first, True
    for piece, spaced in _pieces(line[len(first) :], width - len(first)):
        glue = " " if spaced and not empty else ""
        if not empty and columns(current) + len(glue) + columns(piece) > width:
            lines.append(current)
            current, glue = hang, ""
        current, empty = current + glue + piece, False
    return "\n".join(part.rstrip() for part in [*lines, current])


def _pieces(text: str, room: int) -> Iterator[tuple[str, bool]]:
    """What may stand on a line of its own, and whether a space was before it."""
    for word in text.split():
        for number, piece in enumerate(_parts(word, room)):
            yield piece, number == 0


def _parts(word: str, room: int) -> list[str]:
    if word.isascii() or "://" in word:
        return [word]
    parts = re.split("(?<=\u200b)", word) if "\u200b" in word else [word]
    if _han().search(word):
        parts = [piece for part in parts for piece in _han_pieces().findall(part)]
    return [piece for part in parts for piece in _syllables(part, room)]


def _syllables(part: str, room: int) -> list[str]:
    """A run too long for a line, apart before each letter that begins a syllable; else the run itself."""
    if columns(part) <= room or not _RUNS_ON.search(part):
        return [part]
    pieces = [part[0]]
    for before, char in pairwise(part):
        joined = unicodedata.combining(before) == 9 or before in _LEADING_VOWELS
        if unicodedata.category(char) == "Lo" and not joined and len(pieces[-1]) > 1:
            pieces.append(char)
        else:
            pieces[-1] += char
    return pieces
