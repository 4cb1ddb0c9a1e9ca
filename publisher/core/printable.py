"""Makes text from authors, readers and servers safe to print on a terminal."""

import re

_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and line feed, DEL, C1 (0x9b is what ESC [ is)
    "\u2028\u2029"  # separators of lines and paragraphs
    "\u202a-\u202e\u2066-\u2069]"  # embeddings, overrides and isolates (UAX 9)
)
_HARMFUL_IN_JSON = re.compile("[\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """`text` without control characters, except tab and line feed. Letters of every script stay, with the
    marks and joiners that they need.
    """
    return text if text.isascii() and text.isprintable() else _HARMFUL.sub("", text)


def printable_json(text: str) -> str:
    """The same JSON with every character that could control a terminal escaped (RFC 8259 7)."""
    if text.isascii() and "\x7f" not in text:  # json.dumps has escaped every other control character
        return text
    return _HARMFUL_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
