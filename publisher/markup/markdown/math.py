"""TeX in Markdown stays as its author wrote it: a backslash does not escape, and `_` is not emphasis.

$$a_1 \\\\ b_2$$    in kramdown always, elsewhere if the blog enables it   $a_1$    if the blog enables it
\\(a_1\\)  \\[a_1\\]  if the blog says so

Readers see the source with its delimiters: no mail program and few feed readers typeset it.
"""

import re
from collections.abc import Callable, Collection, Iterator

from publisher.core.posts.markdown_regions import blank_code, blank_text
from publisher.core.posts.post import MarkdownExtension
from publisher.markup.html.fragments import hide

MAX_LENGTH = 5_000
"""Characters of one formula."""

MAX_DELIMITERS = 20_000
"""In one body; with more it is not prose."""

_TOKEN = re.compile(r"\\[\\()\[\]$]|\$+|\n[ \t]*(?=\n)")
_RAW_TAG = re.compile(r"\{%-?\s{0,9}(?:end)?raw\s{0,9}-?%\}")
_BLANK_LINE = re.compile(r"\n[ \t]*(?=\n)")
_CLOSING = {"$$": "$$", "$": "$", "\\(": "\\)", "\\[": "\\]"}
_DELIMITERS = {
    MarkdownExtension.MATH: ("$$",),
    MarkdownExtension.DOLLARS: ("$",),
    MarkdownExtension.BRACKETS: ("\\(", "\\["),
}


def hide_math(source: str, extensions: Collection[MarkdownExtension]) -> str:
    """`source` with its formulas hidden from every parser, except those with template code, which must be
    removed. Code stays as it is.
    """

    def hidden(formula: str) -> str | None:
        inside = _RAW_TAG.sub("", formula)
        return None if "{%" in inside else hide(_BLANK_LINE.sub("", inside))

    return _replace_formulas(source, extensions, hidden, prose_of=blank_code)


def blank_math(prose: str, extensions: Collection[MarkdownExtension]) -> str:
    """`prose` with its formulas as spaces: every other character keeps its place."""
    return _replace_formulas(prose, extensions, blank_text)


def _replace_formulas(
    source: str,
    extensions: Collection[MarkdownExtension],
    replace: Callable[[str], str | None],
    prose_of: Callable[[str], str] = str,
) -> str:
    """`source` with `replace` applied to each formula, unless that is None. Formulas are looked for in
    `prose_of(source)`, which is as long.
    """
    delimiters = {mark for extension in extensions for mark in _DELIMITERS.get(extension, ())}
    if sum(source.count(mark) for mark in delimiters) not in range(2, MAX_DELIMITERS):
        return source
    parts: list[str] = []
    at = 0
    for start, end in _formulas(prose_of(source), delimiters):
        replaced = replace(source[start:end])
        if replaced is not None:
            parts += [source[at:start], replaced]
            at = end
    return "".join([*parts, source[at:]])


def _formulas(text: str, delimiters: Collection[str]) -> Iterator[tuple[int, int]]:
    """(start, end) of each formula: between dollars, or with its brackets. A single dollar may be money: one
    that begins a formula is before it and not after a word, one that ends it not before a digit.
    """
    opened: re.Match[str] | None = None
    for token in _TOKEN.finditer(text):
        mark = token[0]
        before, after = text[token.start() - 1 : token.start()], text[token.end() : token.end() + 1]
        is_single = mark == "$"
        if opened is not None and token.start() - opened.end() > MAX_LENGTH:
            opened = None
        if mark[0] == "\n":
            if opened is not None and not _is_on_own_line(text, opened):
                opened = None  # a formula within a line ends with its paragraph
        elif (
            opened is not None
            and mark == _CLOSING[opened[0]]
            and (not is_single or (before.strip() and not after.isdigit()))
        ):
            yield (opened.end(), token.start()) if mark[0] == "$" else (opened.start(), token.end())
            opened = None
        elif (
            mark in delimiters
            and (opened is None or opened[0] == "$")
            and (not is_single or (not before.isalnum() and after.strip()))
        ):
            opened = token


def _is_on_own_line(text: str, mark: re.Match[str]) -> bool:
    line = text[text.rfind("\n", 0, mark.start()) + 1 : mark.start()]
    return mark[0] == "$$" and not line.strip(" \t>") and text[mark.end() : mark.end() + 1] == "\n"
