"""Plain text wrapped in columns, for many scripts. URLs and code are never broken, nor are words in
scripts that separate them.

Chinese and Japanese break between characters, but not before closing punctuation. Khmer, Thai, Lao and
Burmese break at spaces and zero-width spaces; a run longer than a line breaks before a syllable.
"""

import re
import unicodedata
from functools import cache, lru_cache
from itertools import pairwise

from publisher.core.mail.message import (
    END_CODE,
    HANGING_INDENT,
    START_CODE,
    TEXT_WIDTH,
    VERBATIM,
    display_width,
    strip_marks,
)

_PREFIX = re.compile(r"(?:[ \t]+|> ?|[-*+•] +|\d{1,3}[.)] +)*")
_MARKER = re.compile(r"[^>\s]")
_SPACE = " \t\u1680\u2000-\u2006\u2008-\u200a\u205f"
"""White space where a line may be broken: no no-break space, and not the indent of a Chinese paragraph."""

_WORD = re.compile(rf"([{_SPACE}]*)((?:{START_CODE}[^{END_CODE}]*{END_CODE}|[^{_SPACE}])+)")
_CODE_PART = re.compile(rf"({START_CODE}[^{END_CODE}]*{END_CODE}[、。，．：；！？」』）]*)")
_URL_START = re.compile(r"(?=[a-z]{3,6}://)")
_OPEN = "（「『【〈《〔［｛“‘"
_CLOSE = (
    "、。，．：；？！）」』】〉》〕］｝”’…‥・ーゝ々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ"
    "\u3099\u309a\ufe0e\ufe0f\u200d"
)
_HAN = (
    "\u2e80-\u2fff\u3005-\u3007\u3021-\u30ff\u3100-\u312f\u31a0-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003fffd"
)
_UNSPACED = re.compile("[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u1a20-\u1aaf\uac00-\ud7af]")
_LEADING_VOWELS = frozenset("\u0e40\u0e41\u0e42\u0e43\u0e44\u0ec0\u0ec1\u0ec2\u0ec3\u0ec4")


@cache
def _han() -> re.Pattern[str]:  # compiled when needed: that takes as long as a whole mail
    return re.compile(f"[{_HAN}]")


@cache
def _han_pieces() -> re.Pattern[str]:
    return re.compile(rf"[{_OPEN}]*(?:[{_HAN}]|[^{_HAN}{_OPEN}{_CLOSE}]+)[{_CLOSE}]*|[{_OPEN}{_CLOSE}]+")


@lru_cache(maxsize=2048)
def wrap(text: str, width: int = TEXT_WIDTH) -> str:
    """`text` with each of its lines broken at `width` columns; list items and quotations hang. Verbatim lines
    keep their mark and everything else; the other marks of `core.mail.message` are removed."""
    return "\n".join(wrap_line(line, width) for line in text.split("\n"))


def wrap_line(line: str, width: int) -> str:
    """One line, broken at `width` columns."""
    if line.startswith(VERBATIM):
        return line
    first, marked, rest = line.rstrip(" \t\r").partition(HANGING_INDENT)
    if not marked:
        match = _PREFIX.match(first)
        at = match.end() if match else 0
        first, rest = first[:at], first[at:]
    if display_width(whole := strip_marks(first + rest)) <= width:
        return whole
    hang = _MARKER.sub(" ", first)
    lines: list[str] = []
    current, used, empty = first, display_width(first), True
    room = width - used
    for space, word in _WORD.findall(rest):
        for number, piece in enumerate(_pieces(word, room)):
            glue, taken = "" if empty or number else space, display_width(piece)
            if not empty and used + len(glue) + taken > width:
                lines.append(current)
                current, used, glue = hang, display_width(hang), ""
            current, used, empty = current + glue + piece, used + len(glue) + taken, False
    return "\n".join(part.rstrip(" \t") for part in [*lines, current])


def _pieces(word: str, room: int) -> list[str]:
    """The parts of a word between which a line may end. `room` is how many columns a line has."""
    if word.isascii():
        return [word]
    if START_CODE in word:
        parts = [part for part in _CODE_PART.split(word) if part]
        found = [[strip_marks(part)] if START_CODE in part else _pieces(part, room) for part in parts]
        # A line may end next to code only between characters that stand alone: never in "(`code`)."
        return [piece for some in found for piece in some] if _han().search(word) else [strip_marks(word)]
    if "://" in word:
        head, *rest = _URL_START.split(word, maxsplit=1)
        return [*_pieces(head, room), *rest] if rest and _han().search(head) else [word]
    parts = re.split("(?<=\u200b)", word) if "\u200b" in word else [word]
    if _han().search(word):
        parts = [piece for part in parts for piece in _han_pieces().findall(part)]
    return [piece for part in parts for piece in _syllables(part, room)]


def _syllables(part: str, room: int) -> list[str]:
    """A run too long for a line, split before each letter that begins a syllable; else the run itself."""
    if display_width(part) <= room or not _UNSPACED.search(part):
        return [part]
    pieces = [part[0]]
    for before, char in pairwise(part):
        joined = unicodedata.combining(before) == 9 or before in _LEADING_VOWELS
        if unicodedata.category(char) == "Lo" and not joined and len(pieces[-1]) > 1:
            pieces.append(char)
        else:
            pieces[-1] += char
    return pieces
