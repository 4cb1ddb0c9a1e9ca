"""What MDX's own parser takes for code in a body, from where to where, whatever it holds: braces are counted.

import ... from '...'         stays for `jsx`, which needs the names
export const Chart = ...      goes                        <>frag</>   leaves its words
<Chart bar={() => {...}} />   keeps what its attributes plainly say    {expression}   is its value, if known
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from html import escape
from typing import NamedTuple

from publisher.core.posts.code_regions import without_code
from publisher.markup.html.fragments import names
from publisher.markup.templating.mdx import IMPORT, NAMED, is_plain, plain, value_of
from publisher.markup.templating.shortcodes import ShortcodeContext, pictured

LONGEST = 20_000
"""Characters of one piece of code."""

BUDGET = 3_000_000
"""Characters that are looked at for the ends of pieces; what is left then is text."""

_BEGIN = re.compile(
    rf"(?P<imported>^(?:{IMPORT})[ \t]*$)"
    r"|(?P<exported>^export\s+(?:(?:const|let|var|default|function|async|class)\b|[{*]))"
    r"|(?P<fragment></?>)"
    r"|(?P<element></?[A-Za-z][\w.:-]*(?=[\s/>]))"
    r"|(?P<braces>(?<!\\)\{)",
    re.MULTILINE,
)
_BRACKET = re.compile(r"['\"`][{}()\[\]]['\"`]|[{}()\[\]]|\n")
_BRACE = re.compile(r"['\"`][{}]['\"`]|[{}]")
_IN_TAG = re.compile(r"\"[^\"]*\"|'[^']*'|[{<>]")
_GOES_ON = ("=", "=>", "(", ",", "+", "?", ":", "&&", "||", ".")
_NEXT = re.compile(r"\s*(?:[.?:+)\]}]|&&|\|\|)")
_ATTRIBUTE = re.compile(r"[^\s=/>{}\"'<]+")
_SPACE = re.compile(r"\s*")
_QUIET = names("tocinline head")
"""Components that show nothing of the text."""


class MdxKind(StrEnum):
    """What a piece of MDX's code is."""

    IMPORT = "imported"
    EXPORT = "exported"
    FRAGMENT = "fragment"
    ELEMENT = "element"
    EXPRESSION = "braces"


class MdxPart(NamedTuple):
    """A piece of code, from where to where."""

    kind: MdxKind
    start: int
    end: int


def without_expressions(source: str, context: ShortcodeContext) -> str:
    """A Markdown source whose elements have plain attributes, each on one line, and no exports, fragments and
    expressions but what these say. Code stays."""
    if "{" not in source and "<" not in source and "export" not in source:
        return source
    shown: list[str] = []
    at = 0
    for part in parts(source, without_code(source)):
        text = source[part.start : part.end]
        shown += [source[at : part.start], _instead(part.kind, text, context)]
        at = part.end
    return "".join([*shown, source[at:]])


def left_out(prose: str, context: ShortcodeContext) -> Iterator[tuple[int, str]]:
    """(place, code) of each export, component and expression that shows nothing, in a source whose code is
    blank."""
    named = dict(NAMED.findall(prose)) if "import " in prose else {}
    for part in parts(prose, prose):
        text = prose[part.start : part.end]
        lost = part.kind is MdxKind.EXPORT
        if part.kind is MdxKind.EXPRESSION:
            lost = value_of(text[1:-1], context) is None
        elif part.kind is MdxKind.ELEMENT:
            lost = _is_lost(text, prose[part.end : part.end + 100], named)
        if lost:
            yield part.start, text


def parts(source: str, prose: str) -> Iterator[MdxPart]:
    """The pieces of code in order, none within another. They begin in `prose`, where code blocks and code
    spans are blank, and end in `source`."""
    at, spent = 0, 0
    while spent < BUDGET and (begin := _BEGIN.search(prose, at)):
        kind = MdxKind(begin.lastgroup or "")
        end = begin.end()
        if kind is MdxKind.EXPORT:
            end, looked = _end_of_export(source, begin.start())
            spent += looked
        elif kind is MdxKind.EXPRESSION:
            end = _balanced(source, begin.start())
        elif kind is MdxKind.ELEMENT:
            end = _end_of_tag(source, begin.end())
        spent += end - begin.start() if end else LONGEST
        if end:
            yield MdxPart(kind, begin.start(), end)
        at = end or begin.end()


def _balanced(source: str, start: int) -> int:
    """Where the braces end that open at `start`; 0 where they do not."""
    depth = 0
    for token in _BRACE.finditer(source, start, start + LONGEST):
        if len(token[0]) == 1:
            depth += 1 if token[0] == "{" else -1
            if not depth:
                return token.end()
    return 0


def _end_of_tag(source: str, at: int) -> int:
    """Where the tag ends whose name ends at `at`; 0 for what is none."""
    limit = at + LONGEST
    while token := _IN_TAG.search(source, at, limit):
        if token[0] == "<":
            return 0
        if token[0] == ">":
            return token.end()
        at = _balanced(source, token.start()) if token[0] == "{" else token.end()
        if not at:
            return 0
    return 0


def _end_of_export(source: str, start: int) -> tuple[int, int]:
    """Where the line ends by which every bracket is closed and nothing is to follow, else the first blank
    line (0: neither is near); and how many characters it took to see that."""
    depth, blank, line = 0, 0, start
    for token in _BRACKET.finditer(source, start, start + LONGEST):
        if token[0] == "\n":
            before = source[line : token.start()].rstrip()
            blank = blank or (token.start() if not before else 0)
            if depth <= 0 and not before.endswith(_GOES_ON) and not _NEXT.match(source, token.end()):
                return token.start(), token.start() - start
            line = token.end()
        elif len(token[0]) == 1:
            depth += 1 if token[0] in "{([" else -1
    if len(source) - start <= LONGEST and depth <= 0:
        return len(source), len(source) - start
    return blank, LONGEST


def _instead(kind: MdxKind, text: str, context: ShortcodeContext) -> str:
    match kind:
        case MdxKind.IMPORT:
            return text
        case MdxKind.EXPORT | MdxKind.FRAGMENT:
            return ""
        case MdxKind.EXPRESSION:
            return value_of(text[1:-1], context) or ""
        case MdxKind.ELEMENT:
            return _plain_tag(text) if "{" in text or "\n" in text else text


def _plain_tag(text: str) -> str:
    """A tag in one line, with those of its attributes that say something plain."""
    ends = " />" if text.endswith("/>") else ">"
    at = len(text) - len(text.lstrip("</"))
    name = _ATTRIBUTE.match(text, at)
    if name is None:
        return ""
    kept = [text[:at] + name[0]]
    at = name.end()
    while at < len(text) - len(ends.strip()):
        if text[at] == "{":  # what is spread out
            at = _balanced(text, at) or len(text)
        elif found := _ATTRIBUTE.match(text, at):
            at, value = _value(text, found.end())
            kept += [f" {found[0]}{value}"] if value is not None else []
        else:
            at += 1
    return "".join(kept) + ends


def _value(text: str, at: int) -> tuple[int, str | None]:
    """Where the value of the attribute ends whose name ends at `at`, and what is left of it with its "=";
    None for one that only its code could tell."""
    after = _end_of(_SPACE, text, at)
    if text[after : after + 1] != "=":
        return at, ""
    after = _end_of(_SPACE, text, after + 1)
    sign = text[after : after + 1]
    if sign in ('"', "'"):
        end = text.find(sign, after + 1)
        end = end if end > 0 else len(text) - 1
        said = " ".join(text[after + 1 : end].split()).replace("<", "&lt;").replace(">", "&gt;")
        return end + 1, f"={sign}{said}{sign}"
    if sign == "{":
        end = _balanced(text, after) or len(text)
        inside = text[after + 1 : end - 1].strip()
        return end, f"={{{inside}}}" if is_plain(inside) else None
    found = _ATTRIBUTE.match(text, after)
    return (found.end(), f'="{escape(found[0])}"') if found else (after, None)


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _is_lost(text: str, after: str, named: dict[str, str]) -> bool:
    """Whether a tag is that of an empty component that shows nothing; `after` is what follows."""
    name = _ATTRIBUTE.match(text, 1) if text[1].isupper() else None
    if name is None or text.isupper() or name[0].lower() in _QUIET:
        return False
    if not text.endswith("/>"):
        return after.lstrip().startswith(f"</{name[0]}>")
    tag = plain(_plain_tag(text), named)
    return not pictured(name[0], tag[name.end() : -2])
