"""Admonitions become quotations: `:::note Title` ... `:::`, and `> [!NOTE]` of GitHub, Hugo and Obsidian,
which may have a title and a fold (`> [!tip]- Title`).
"""

import re
from collections.abc import Iterator

from publisher.core.posts.code_regions import without_code

_OPEN = re.compile(r"([ \t]*)(:{3,})[ \t]*\{?\.?([A-Za-z][\w-]*)(.*)$")
_CLOSE = re.compile(r"[ \t]*(:{3,})[ \t]*$")
_TITLE = re.compile(r"""\[(.*)\]|title\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ATTRIBUTES = re.compile(r"\{[^{}]*\}?")
_ALERT = re.compile(
    r"(?P<quote>[ \t]*(?:[-*+][ \t]+|\d{1,9}[.)][ \t]+)?(?:>[ \t]?)+)[ \t]*"
    r"\[!(?P<kind>[A-Za-z][\w-]{0,40})(?:\|[^\]\n]{0,200})?\](?![(\[:])[+-]?[ \t]*(?P<title>.*)$"
)
MAX_DEPTH = 20


def with_quotations(source: str) -> str:
    """A Markdown source with its admonitions as quotations, headed by their title or kind in bold."""
    if "[!" in source:
        source = "\n".join(_alerts(source))
    if ":::" not in source:
        return source
    return "\n".join(_lines(source))


def _alerts(source: str) -> Iterator[str]:
    """The lines; the first of a quotation that names its kind is headed by its title, or by that kind."""
    above = 0  # how deep the quotation is that the line before stands in
    for line, prose in zip(source.split("\n"), without_code(source).split("\n"), strict=True):
        match = _ALERT.match(prose)
        if match and match["quote"].count(">") > above:
            title = line[match.start("title") :].strip() or match["kind"].capitalize()
            yield f"{match['quote']}**{title.replace('**', '')}**"
            yield re.sub(r"[-*+.)\d]", " ", match["quote"])
        else:
            yield line
        above = _depth(line)


def _lines(source: str) -> Iterator[str]:
    """The lines, each behind as many "> " as admonitions are open. Marks in code are code."""
    lines, prose = source.split("\n"), without_code(source).split("\n")
    ends = _ends(prose)
    open_at: list[int] = []
    for number, (line, shown) in enumerate(zip(lines, prose, strict=True)):
        if open_at and number == ends[open_at[-1]]:
            open_at.pop()
            yield "> " * len(open_at)
            continue
        match = _OPEN.match(shown) if number in ends else None
        if match:
            yield "> " * len(open_at)
            open_at.append(number)
            yield "> " * len(open_at) + f"**{_title(line, match)}**"
            yield "> " * len(open_at)
        else:
            yield "> " * len(open_at) + line if open_at else line


def _depth(line: str) -> int:
    """How many quotations a line with words stands in; 0 for one without, after which another may begin."""
    words = line.lstrip(" \t>")
    return line[: len(line) - len(words)].count(">") if words else 0


def _ends(prose: list[str]) -> dict[int, int]:
    """The line that closes each opening line: the next bare mark that is as long. Unclosed ones are text."""
    ends: dict[int, int] = {}
    waiting: list[tuple[int, int]] = []
    for number, line in enumerate(prose):
        if ":::" not in line:
            continue
        if match := _CLOSE.match(line):
            while waiting and waiting[-1][1] > len(match[1]):
                waiting.pop()
            if waiting:
                ends[waiting.pop()[0]] = number
        elif (match := _OPEN.match(line)) and len(waiting) < MAX_DEPTH:
            waiting.append((number, len(match[2])))
    return ends


def _title(line: str, match: re.Match[str]) -> str:
    rest = line[match.start(4) :].strip()
    if given := _TITLE.search(rest):
        return next(filter(None, given.groups()), match[3].capitalize())
    return _ATTRIBUTES.sub("", rest).strip() or match[3].capitalize()
