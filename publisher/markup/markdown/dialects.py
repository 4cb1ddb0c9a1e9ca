"""What other engines read in Markdown and CommonMark does not, as CommonMark writes it.

!!! note "Title"            Python-Markdown's admonitions: a quotation
[TOC]  [[toc]]  {:toc}      a list of the contents: it goes
<div markdown="1">          Markdown in it is read: CommonMark wants a blank line first
```{.python #id}            a language among attributes
"""

import re
from collections.abc import Iterator

from publisher.core.posts.code_regions import cut, without_code

_ADMONITION = re.compile(
    r"([ \t]*)(?:!!!|\?\?\?\+?)[ \t]+([A-Za-z][\w-]*)[\w \t-]*(?:\"([^\"\n]*)\")?[ \t]*$"
)
_CONTENTS = re.compile(
    r"^[ \t]*(?:\[\[?_?toc_?\]?\]|\$\{toc\}|@\[toc\](?:\([^()\n]*\))?)[ \t]*$"
    r"|^(?:[-*+]|\d+\.)[ \t]+[^\n]*\n\{:(?:[^{}\n]*[ \t])?toc(?:[ \t][^{}\n]*)?\}[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
_INNER = re.compile(
    r"^([ \t]{0,3}<(?:div|section|article|aside|figure|figcaption|details|center|td|p|blockquote)\b[^<>\n]*?)"
    r"\s+markdown\s*=\s*[\"']?(?:1|block|span|true)[\"']?([^<>\n]*>)",
    re.MULTILINE | re.IGNORECASE,
)
_FENCE = re.compile(r"^([ \t>]*(?:`{3,}|~{3,}))[ \t]*\{[ \t]*\.?([\w+#-]+)[^{}\n]*\}[ \t]*$", re.MULTILINE)

MANY = 1_000


def as_commonmark(source: str) -> str:
    """A Markdown source with these as CommonMark has them. Code stays as it is."""
    if "{" in source and ("```" in source or "~~~" in source):
        source = _FENCE.sub(r"\1\2", source)
    if "toc" in source or "TOC" in source:
        source = cut(source, _CONTENTS)
    if "markdown" in source:
        source = _opened(source)
    if 0 < source.count("!!! ") + source.count("??? ") + source.count("???+ ") < MANY:
        source = "\n".join(_quoted(source))
    return source


def _opened(source: str) -> str:
    prose = without_code(source)
    parts: list[str] = []
    at = 0
    for match in _INNER.finditer(prose):
        parts += [source[at : match.start()], match[1], match[2], "\n\n"]
        at = match.end()
    return "".join([*parts, source[at:]])


def _quoted(source: str) -> Iterator[str]:
    """The lines; what an admonition holds, set in by four spaces, behind "> "."""
    lines, prose = source.split("\n"), without_code(source).split("\n")
    inside = -1  # where the open admonition begins; -1: none is open
    for number, line in enumerate(lines):
        match = _ADMONITION.match(prose[number]) if inside < 0 else None
        if match and _holds(lines, number, indent := len(match[1].expandtabs(4))):
            inside = indent
            yield from _headed(match, " " * indent)
        elif inside >= 0 and not line.strip() and _holds(lines, number, inside):
            yield " " * inside + ">"
        elif inside >= 0 and _inside(line, inside):
            yield " " * inside + "> " + line.expandtabs(4)[inside + 4 :]
        else:
            if inside >= 0 and line.strip():
                yield ""
            inside = -1
            yield line


def _headed(match: re.Match[str], indent: str) -> Iterator[str]:
    title = match[2].capitalize() if match[3] is None else match[3]
    yield ""
    if title:
        yield f"{indent}> **{title}**"
        yield f"{indent}>"


def _holds(lines: list[str], number: int, indent: int) -> bool:
    """Whether the next line that is not blank is set in."""
    return _inside(next((line for line in lines[number + 1 : number + 20] if line.strip()), ""), indent)


def _inside(line: str, indent: int) -> bool:
    return line.expandtabs(4).startswith(" " * (indent + 4))
