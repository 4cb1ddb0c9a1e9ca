"""`:smile:` becomes the emoji that GitHub calls so. Not in code, addresses or times (10:30:45).

Links to footnotes as other renderers name them: they lead to the places that ours makes.

#fn:name #fnref:name      kramdown, Python-Markdown by the label; goldmark (Hugo) by the number
#fn1 #fnref1              markdown-it, by the number; #user-content-fn-name is GitHub's

Abbreviations, as PHP Markdown Extra had them first: `*[HTML]: Hypertext Markup Language` on its own line
shows nothing, and each HTML in the text says what it stands for.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from html import escape

import comrak

from publisher.core.posts.code_regions import without_code
from publisher.markup.html.fragments import names, pieces

_NAMED = re.compile(r"[a-z]{2,9}://[^\s<>]*|(?<![0-9/]):([a-z0-9+_-]{1,40}):(?![0-9])")
MANY = 20_000
"""With more colons it is no text."""


def with_emoji(text: str) -> str:
    """The text of safe HTML with its emoji."""
    if text.count(":") not in range(2, MANY):
        return text
    return _NAMED.sub(lambda match: _emoji(match[1]) if match[1] else match[0], text)


@lru_cache(maxsize=4096)
def _emoji(name: str) -> str:
    """The emoji of that name, as comrak knows them; the name in its colons where there is none."""
    made = comrak.render_markdown(f":{name}:", _options()).removeprefix("<p>").removesuffix("</p>\n")
    return f":{name}:" if made.isascii() else made


@cache
def _options() -> comrak.ExtensionOptions:
    options = comrak.ExtensionOptions()
    options.shortcodes = True
    return options


_LINK = re.compile(r'href="#(?:user-content-)?(fnref|fn)[:-]?([^"]+)"')
_NOTE = re.compile(r'<li id="fn-([^"]+)"')


def with_notes(html: str) -> str:
    """HTML of comrak with its authors' own links to footnotes put right; others stay."""
    labels = _NOTE.findall(html)
    known = set(labels)

    def placed(match: re.Match[str]) -> str:
        kind, name = match[1], match[2]
        if name not in known and name.isdecimal() and 0 < int(name) <= len(labels):
            name = labels[int(name) - 1]
        return (
            f'href="#{kind}-{name}"' if name in known and f'id="{match[0][7:-1]}"' not in html else match[0]
        )

    return _LINK.sub(placed, html)


_DEFINITION = re.compile(
    r"^ {0,3}\*\[(?P<short>[^\]\\\n]{1,100})\][ \t]?:[ \t]*"
    r"(?P<long>[^\n]*(?:(?<=:)\n {4,}\S[^\n]*)?)(?:\n|\Z)",
    re.MULTILINE,
)
_TOKEN = re.compile(r"&#?\w+;|\w+|[^\w\s]")
_SKIPPED = names("abbr code kbd pre samp")
MAX_ABBREVIATIONS = 500
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
        if short.strip() and len(found) < MAX_ABBREVIATIONS:
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
