"""Characters that no parser may take for marks: they travel as noncharacters until the body is safe HTML.

ASCII has 32 of them, and Unicode as many noncharacters in a row (U+FDD0 to U+FDEF), which no text may hold.
"""

import html
import re

_SIGNS = "{}!\"#$%&'()*+,-./:;<=>?@[\\]^_`|~"
_FIRST = 0xFDD0
_HIDE = {ord(sign): _FIRST + number for number, sign in enumerate(_SIGNS)}
_SHOW: dict[int, int | str] = {number: sign for sign, number in _HIDE.items()}
_ESCAPED = _SHOW | {_HIDE[ord(sign)]: html.escape(sign) for sign in '&<>"'}
_ENCODED = re.compile(r"%EF%B7%(9[0-9A-F]|A[0-9A-F])", re.IGNORECASE)
_GONE = dict.fromkeys(_SHOW)
_ANY = re.compile(f"[{chr(_FIRST)}-{chr(_FIRST + 31)}]")  # most texts have none, and to look is quick


def hide(text: str) -> str:
    """`text` without a mark in it."""
    return text.translate(_HIDE)


def reveal(safe: str) -> str:
    """Safe HTML with what was hidden as text, in elements and in attributes."""
    return safe.translate(_ESCAPED) if _has_hidden(safe) else safe


def shown(text: str) -> str:
    """Plain text with what was hidden."""
    return text.translate(_SHOW) if _has_hidden(text) else text


def shown_url(url: str) -> str:
    """An address with what was hidden: Markdown's parser has percent-encoded it."""
    return shown(_ENCODED.sub(lambda match: chr(_FIRST - 0x90 + int(match[1], 16)), url))


def without(text: str) -> str:
    """A text that nobody has hidden anything in."""
    return text.translate(_GONE) if _has_hidden(text) else text


def _has_hidden(text: str) -> bool:
    return not text.isascii() and _ANY.search(text) is not None
