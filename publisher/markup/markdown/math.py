"""TeX in Markdown stays as its author wrote it: a backslash is no escape in it, and `_` begins no emphasis.

$$a_1 \\\\ b_2$$    kramdown everywhere, others where the blog says so     $a_1$    where it says so
\\(a_1\\)  \\[a_1\\]  where it says so

Readers see the source, with its marks: no mail and few feed readers can set it.
"""

import re
from collections.abc import Callable, Collection, Iterator

from publisher.core.posts.code_regions import blank, without_code
from publisher.core.posts.post import MarkdownExtension
from publisher.markup.html.placeholders import hide

LIMIT = 5_000
"""Characters of one formula."""

MANY = 20_000
"""With more marks it is no text."""

_TOKEN = re.compile(r"\\[\\()\[\]$]|\$+|\n[ \t]*(?=\n)")
_RAW = re.compile(r"\{%-?\s{0,9}(?:end)?raw\s{0,9}-?%\}")
_BLANK = re.compile(r"\n[ \t]*(?=\n)")
_ENDS = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}
_MARKS = {
    MarkdownExtension.MATH: ("$$",),
    MarkdownExtension.DOLLARS: ("$",),
    MarkdownExtension.BRACKETS: ("\\(", "\\["),
}


def with_math(source: str, extensions: Collection[MarkdownExtension]) -> str:
    """`source` with what stands in formulas hidden from every parser. Code stays as it is."""
    return _changed(source, extensions, _hidden, searched=without_code)


def without_math(prose: str, extensions: Collection[MarkdownExtension]) -> str:
    """`prose` with the formulas as spaces: every other character keeps its place."""
    return _changed(prose, extensions, blank)


def _changed(
    source: str,
    extensions: Collection[MarkdownExtension],
    change: Callable[[str], str | None],
    searched: Callable[[str], str] = str,
) -> str:
    """`source` with `change` of each formula, but where that is None; formulas are looked for in `searched`
    of it."""
    marks = {mark for extension in extensions for mark in _MARKS.get(extension, ())}
    if sum(source.count(mark) for mark in marks) not in range(2, MANY):
        return source
    parts: list[str] = []
    at = 0
    for start, end in _formulas(searched(source), marks):
        shown = change(source[start:end])
        if shown is not None:
            parts += [source[at:start], shown]
            at = end
    return "".join([*parts, source[at:]])


def _hidden(formula: str) -> str | None:
    """A formula as no parser sees it; None: it holds template code, which is to go."""
    inside = _RAW.sub("", formula)
    return None if "{%" in inside else hide(_BLANK.sub("", inside))


def _formulas(text: str, marks: Collection[str]) -> Iterator[tuple[int, int]]:
    """Where the source of each formula begins and ends: between dollars, and with its brackets."""
    opened: re.Match[str] | None = None
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if opened is not None and token.start() - opened.end() > LIMIT:
            opened = None
        if mark[0] == "\n":
            if opened is not None and not _is_block(text, opened):
                opened = None
        elif opened is not None and mark == _ENDS[opened[0]] and _may_end(text, token):
            inner = mark[0] == "$"
            yield (opened.end(), token.start()) if inner else (opened.start(), token.end())
            opened = None
        elif mark in marks and (opened is None or opened[0] == "$") and _may_begin(text, token):
            opened = token


def _is_block(text: str, mark: re.Match[str]) -> bool:
    """Whether the mark has a line of its own: then blank lines may follow."""
    line = text[text.rfind("\n", 0, mark.start()) + 1 : mark.start()]
    return mark[0] == "$$" and not line.strip(" \t>") and text[mark.end() : mark.end() + 1] == "\n"


def _may_begin(text: str, mark: re.Match[str]) -> bool:
    """A dollar alone may be money: one that begins a formula stands before it and after no word."""
    if mark[0] != "$":
        return True
    before, after = text[mark.start() - 1 : mark.start()], text[mark.end() : mark.end() + 1]
    return not before.isalnum() and bool(after.strip())


def _may_end(text: str, mark: re.Match[str]) -> bool:
    if mark[0] != "$":
        return True
    before, after = text[mark.start() - 1], text[mark.end() : mark.end() + 1]
    return bool(before.strip()) and not after.isdigit()
