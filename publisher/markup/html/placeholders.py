"""Punctuation that must reach the reader unparsed travels as noncharacters until the body is safe HTML.

ASCII has 32 punctuation characters; Unicode has as many noncharacters in a row (U+FDD0 to U+FDEF), which
no text may contain.
"""

import html
import re

_PUNCTUATION = "{}!\"#$%&'()*+,-./:;<=>?@[\\]^_`|~"
_FIRST = 0xFDD0
_HIDE = {ord(sign): _FIRST + number for number, sign in enumerate(_PUNCTUATION)}
_REVEAL: dict[int, int | str] = {number: sign for sign, number in _HIDE.items()}
_REVEAL_HTML = _REVEAL | {_HIDE[ord(sign)]: html.escape(sign) for sign in '&<>"'}
_PERCENT_ENCODED = re.compile(r"%EF%B7%(9[0-9A-F]|A[0-9A-F])", re.IGNORECASE)
_REMOVE = dict.fromkeys(_REVEAL)
_ANY = re.compile(f"[{chr(_FIRST)}-{chr(_FIRST + 31)}]")  # most texts have none, and to look is quick


def hide(text: str) -> str:
    """`text` with its punctuation as placeholders."""
    return text.translate(_HIDE)


def reveal_html(safe: str) -> str:
    """Safe HTML with hidden punctuation restored, escaped, in text and in attributes."""
    return safe.translate(_REVEAL_HTML) if _has_hidden(safe) else safe


def reveal_text(text: str) -> str:
    """Plain text with hidden punctuation restored."""
    return text.translate(_REVEAL) if _has_hidden(text) else text


def reveal_url(url: str) -> str:
    """An address with hidden punctuation restored: the Markdown parser has percent-encoded it."""
    return reveal_text(_PERCENT_ENCODED.sub(lambda match: chr(_FIRST - 0x90 + int(match[1], 16)), url))


def without_placeholders(text: str) -> str:
    """A text from outside, in which nothing can be hidden yet."""
    return text.translate(_REMOVE) if _has_hidden(text) else text


def _has_hidden(text: str) -> bool:
    return not text.isascii() and _ANY.search(text) is not None
