"""Admonitions become quotations headed by their title: `:::note Title` ... `:::`, `!!! note "Title"` of
Python-Markdown, and `> [!NOTE]` of GitHub, Hugo and Obsidian, which may have a title and a fold (`>
[!tip]- Title`).
"""

import re
from collections.abc import Iterator

from publisher.core.posts.code_regions import blank_code

_OPEN = re.compile(r"([ \t]*)(:{3,})[ \t]*\{?\.?([A-Za-z][\w-]*)(.*)$")
_CLOSE = re.compile(r"[ \t]*(:{3,})[ \t]*$")
_TITLE = re.compile(r"""\[(.*)\]|title\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ATTRIBUTES = re.compile(r"\{[^{}]*\}?")
_ALERT = re.compile(
    r"(?P<quote>[ \t]*(?:[-*+][ \t]+|\d{1,9}[.)][ \t]+)?(?:>[ \t]?)+)[ \t]*"
    r"\[!(?P<kind>[A-Za-z][\w-]{0,40})(?:\|[^\]\n]{0,200})?\](?![(\[:])[+-]?[ \t]*(?P<title>.*)$"
)
_INDENTED = re.compile(r"([ \t]*)(?:!!!|\?\?\?\+?)[ \t]+([A-Za-z][\w-]*)[\w \t-]*(?:\"([^\"\n]*)\")?[ \t]*$")
MAX_DEPTH = 20
MAX_INDENTED = 1_000
"""Python-Markdown admonitions in one body; with more it is not prose."""


def quote_admonitions(source: str) -> str:
    """A Markdown source with its `:::` admonitions and `[!NOTE]` alerts as plain quotations."""
    if "[!" in source:
        source = "\n".join(_with_alert_titles(source))
    if ":::" in source:
        source = "\n".join(_with_fenced_quoted(source))
    return source


def _with_alert_titles(source: str) -> Iterator[str]:
    """The lines; the first one of an alert is its title, or else its kind, in bold."""
    depth_above = 0  # of the quotation that the previous line is in; 0 after a line without words
    for line, prose in zip(source.split("\n"), blank_code(source).split("\n"), strict=True):
        match = _ALERT.match(prose)
        if match and match["quote"].count(">") > depth_above:
            title = line[match.start("title") :].strip() or match["kind"].capitalize()
            yield f"{match['quote']}**{title.replace('**', '')}**"
            yield re.sub(r"[-*+.)\d]", " ", match["quote"])
        else:
            yield line
        words = line.lstrip(" \t>")
        depth_above = line[: len(line) - len(words)].count(">") if words else 0


def _with_fenced_quoted(source: str) -> Iterator[str]:
    """The lines, each behind as many "> " as `:::` admonitions are open."""
    lines, prose = source.split("\n"), blank_code(source).split("\n")
    ends = _fence_ends(prose)
    open_at: list[int] = []
    for number, (line, shown) in enumerate(zip(lines, prose, strict=True)):
        if open_at and number == ends[open_at[-1]]:
            open_at.pop()
            yield "> " * len(open_at)
            continue
        match = _OPEN.match(shown) if number in ends else None
        if not match:
            yield "> " * len(open_at) + line if open_at else line
            continue
        rest = line[match.start(4) :].strip()
        if given := _TITLE.search(rest):
            title = next(filter(None, given.groups()), "")
        else:
            title = _ATTRIBUTES.sub("", rest).strip()
        yield "> " * len(open_at)
        open_at.append(number)
        yield "> " * len(open_at) + f"**{title or match[3].capitalize()}**"
        yield "> " * len(open_at)


def _fence_ends(prose: list[str]) -> dict[int, int]:
    """The closing line of each opening line: the next bare `:::` that is as long. Unclosed ones are text."""
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


def quote_indented_admonitions(source: str) -> str:
    """A Markdown source with what Python-Markdown's admonitions contain, indented by four spaces, as
    quotations."""
    marks = source.count("!!! ") + source.count("??? ") + source.count("???+ ")
    if not 0 < marks < MAX_INDENTED:
        return source
    lines, prose = source.split("\n"), blank_code(source).split("\n")
    quoted: list[str] = []
    indent: int | None = None  # of the open admonition
    for number, line in enumerate(lines):
        match = _INDENTED.match(prose[number]) if indent is None else None
        if match and _continues(lines, number, width := len(match[1].expandtabs(4))):
            indent = width
            title = match[2].capitalize() if match[3] is None else match[3]
            margin = " " * indent
            quoted += ["", *([f"{margin}> **{title}**", f"{margin}>"] if title else [])]
        elif indent is not None and not line.strip() and _continues(lines, number, indent):
            quoted.append(" " * indent + ">")
        elif indent is not None and _is_indented(line, indent):
            quoted.append(" " * indent + "> " + line.expandtabs(4)[indent + 4 :])
        else:
            if indent is not None and line.strip():
                quoted.append("")
            indent = None
            quoted.append(line)
    return "\n".join(quoted)


def _continues(lines: list[str], number: int, indent: int) -> bool:
    """Whether the next line that is not blank belongs to an admonition indented by `indent`."""
    following = next((line for line in lines[number + 1 : number + 20] if line.strip()), "")
    return _is_indented(following, indent)


def _is_indented(line: str, indent: int) -> bool:
    return line.expandtabs(4).startswith(" " * (indent + 4))
