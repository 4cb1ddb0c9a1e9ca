"""Encoded words: any text as ASCII for a header (RFC 2047).

Each word is at most 75 characters, is valid UTF-8 alone and holds whole letters: an accent, a vowel sign,
a Khmer subscript or a family of emoji stays with what it belongs to, unless it alone would be too long.
"""

import base64
import string
import unicodedata
from collections.abc import Callable, Iterator

WORD, LINE = 75, 76
"""RFC 2047 2: the longest encoded word, and the longest line that holds one."""

_SAFE = frozenset((string.ascii_letters + string.digits + "!*+-/").encode())
_FRAME = len("=?utf-8?q??=")
_EXTENDERS = frozenset({"Mn", "Me", "Mc"})


def encoded_words(text: str, room: int) -> list[str]:
    """`text` as encoded words, to be folded one on a line; the first is at most `room` characters long.

    `room` is at least 30. Q or B, whichever is shorter for the whole. Empty for an empty text.
    """
    quoted = len(_q(text.encode())) <= 4 * ((len(text.encode()) + 2) // 3)
    measure, write = (_q_length, _q) if quoted else (_b_length, _b)
    words: list[str] = []
    held = ""
    for cluster in clusters(text):
        for piece in _fitting(cluster, measure, WORD if words else room):
            limit = WORD if words else room
            if held and _FRAME + measure(held + piece) > limit:
                words.append(held)
                held = ""
            held += piece
    kind = "q" if quoted else "b"
    return [f"=?utf-8?{kind}?{write(word.encode())}?=" for word in [*words, held] if word]


def clusters(text: str) -> Iterator[str]:
    """Letters with all that belongs to them, close to UAX 29: good enough for where to part a header."""
    start = 0
    for at in range(1, len(text)):
        if not _joined(text[start:at], text[at]):
            yield text[start:at]
            start = at
    if text:
        yield text[start:]


def _joined(before: str, character: str) -> bool:
    last = before[-1]
    if last == "\u200d" or character in "\u200c\u200d":
        return True
    if unicodedata.category(character) in _EXTENDERS or "\U0001f3fb" <= character <= "\U0001f3ff":
        return True
    if "\U000e0020" <= character <= "\U000e007f":  # tags: the flags of Scotland and Wales
        return True
    if _is_flag_half(last) and _is_flag_half(character):
        return len(before) % 2 == 1
    return unicodedata.combining(last) == 9 and unicodedata.category(character) == "Lo"  # a virama, a coeng


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _fitting(cluster: str, measure: Callable[[str], int], limit: int) -> Iterator[str]:
    """The cluster, or its characters one by one where even a word of its own is too short for it."""
    if _FRAME + measure(cluster) <= limit:
        yield cluster
    else:
        yield from cluster


def _q(data: bytes) -> str:
    """The Q encoding with the few characters that are safe in a display name too (RFC 2047 5 (3))."""
    return "".join("_" if b == 32 else chr(b) if b in _SAFE else f"={b:02X}" for b in data)


def _b(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _q_length(text: str) -> int:
    return sum(1 if b == 32 or b in _SAFE else 3 for b in text.encode())


def _b_length(text: str) -> int:
    return 4 * ((len(text.encode()) + 2) // 3)
