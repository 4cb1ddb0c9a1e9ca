"""Bodies that are too large or too odd to parse in reasonable time are shown as plain text.

Measured: comrak takes 3 s for 5 MB of "[", and 100,000 mail addresses in a text overflow its stack;
html5ever (in nh3) is quadratic in the depth of elements and in the length of a run of entities.
"""

import html
import re

from publisher.markup.html.fragments import names

MAX_SOURCE = 1_000_000
MAX_HTML = 6_000_000
MAX_DEPTH = 256
MAX_ADDRESSES = 2_000
MAX_HEADINGS = 3_000
MAX_ENTITIES = 100_000
MAX_SHOWN = 2_000_000
MAX_NODES = 250_000

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)")
_NOT_NESTED = names(
    "area base br col embed hr img input link meta param source track wbr p li dt dd tr td th option"
)
_BLANK_LINES = re.compile(r"\n\s*\n")


def too_odd(source: str) -> bool:
    """Whether a body source should not be parsed at all: it is too long, or mostly punctuation, as nobody
    writes. Small bodies are quick whatever they contain."""
    if len(source) > MAX_SOURCE:
        return True
    if len(source) < 50_000:
        return False
    marks = sum(source.count(mark) for mark in "[*_`<&|>~")
    return marks > 20_000 and marks * 5 > len(source)


def too_deep(html_source: str) -> bool:
    """Whether HTML should not be given to the sanitizer."""
    if len(html_source) > MAX_HTML or html_source.count("&") > MAX_ENTITIES:
        return True
    if html_source.count("<") <= MAX_DEPTH:
        return False
    depth = nodes = 0
    for match in _TAG.finditer(html_source):
        if match[2].lower() in _NOT_NESTED:
            continue
        nodes += 1
        depth = max(0, depth - 1) if match[1] else depth + 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            return True
    return False


def as_plain(source: str) -> str:
    """The source itself as escaped paragraphs, which is safe without any parser."""
    shown = source[:MAX_SHOWN]
    blocks = _BLANK_LINES.split(shown) if shown.count("\n") < 100_000 else [shown]
    return "\n".join(f"<p>{html.escape(block.strip(), quote=False)}</p>" for block in blocks if block.strip())
