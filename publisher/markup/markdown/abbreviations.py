"""Abbreviations, as PHP Markdown Extra had them first: `*[HTML]: Hypertext Markup Language` on its own line
shows nothing, and each HTML in the text says what it stands for.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from html import escape

from publisher.core.posts.code_regions import without_code
from publisher.markup.html.fragments import names, pieces

_DEFINITION = re.compile(
    r"^ {0,3}\*\[(?P<short>[^\]\\\n]{1,100})\][ \t]?:[ \t]*"
    r"(?P<long>[^\n]*(?:(?<=:)\n {4,}\S[^\n]*)?)(?:\n|\Z)",
    re.MULTILINE,
)
_TOKEN = re.compile(r"&#?\w+;|\w+|[^\w\s]")
_SKIPPED = names("abbr code kbd pre samp")
MANY = 500
"""Abbreviations of one body."""
ALIKE = 20
"""Abbreviations that begin with the same word."""

Meanings = Mapping[str, str]
"""What each abbreviation stands for: plain text."""


def defined(source: str) -> tuple[str, Meanings]:
    """A Markdown source without the lines that define abbreviations, and what they say. Code stays."""
    if "*[" not in source:
        return source, {}
    found: dict[str, str] = {}
    parts: list[str] = []
    at = 0
    for match in _DEFINITION.finditer(without_code(source)):
        start, end = match.span("long")
        short = source[match.start("short") : match.end("short")]
        if short.strip() and len(found) < MANY:
            found[short] = " ".join(source[start:end].split())
        parts += [source[at : match.start()], "\n"]
        at = match.end()
    return "".join([*parts, source[at:]]), found


def explained(html: str, meanings: Meanings) -> str:
    """Safe HTML in which each abbreviation of `meanings` that stands as a word says what it stands for."""
    known = {short: long for short, long in meanings.items() if long}
    if not known:
        return html
    begun: defaultdict[str, list[str]] = defaultdict(list)
    for short in sorted(known, key=len, reverse=True):
        shown = escape(short, quote=False)
        if (first := _TOKEN.search(shown)) and len(begun[first[0]]) < ALIKE:
            begun[first[0]].append(short)
    inside = 0
    parts: list[str] = []
    for piece in pieces(html):
        if piece.tag in _SKIPPED:
            inside += -1 if piece.closing else 1
        parts += [piece.raw] if piece.tag or inside else _explained(piece.raw, known, begun)
    return "".join(parts)


def _explained(text: str, known: Meanings, begun: Mapping[str, list[str]]) -> Iterator[str]:
    at = 0
    for token in _TOKEN.finditer(text):
        for short in begun.get(token[0], ()) if token.start() >= at else ():
            shown = escape(short, quote=False)
            if text.startswith(shown, token.start()) and _whole(text, token.start(), len(shown)):
                yield f'{text[at : token.start()]}<abbr title="{escape(known[short])}">{shown}</abbr>'
                at = token.start() + len(shown)
                break
    yield text[at:]


def _whole(text: str, start: int, length: int) -> bool:
    """Whether no letter or digit goes on with what stands there."""
    before, after = text[start - 1 : start], text[start + length : start + length + 1]
    return not (_is_word(before) or _is_word(after))


def _is_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"
