"""Lists of definitions, as PHP Markdown Extra had them first: "Term", and below it ": what it means".

comrak reads them, but for two things that are mended here: each line above the colon is a term of its own,
and a definition of several paragraphs keeps them apart.
"""

import re

from publisher.core.posts.code_regions import without_code

_ITEM = re.compile(r"^[ \t>]*:[ \t]", re.MULTILINE)
_LINE = re.compile(r"([ \t]*):[ \t]+\S")
_TERMS = re.compile(r"<dt>(.*?)</dt>", re.DOTALL)
_TAG = re.compile(r"<(/?)[a-z][^<>]*>")
MANY = 2_000
"""More definitions are none: comrak takes a time that grows with the square of their number."""


def has_definitions(source: str) -> bool:
    """Whether a Markdown source has definitions, and not too many of them."""
    if "\n:" not in source and "\n " not in source and "\n>" not in source and "\n\t" not in source:
        return False
    return 0 < sum(1 for _ in _ITEM.finditer(source)) <= MANY


def loosened(source: str) -> str:
    """`source` with a blank line above its definitions, where one has more than one paragraph: in a list that
    begins without, comrak runs them together."""
    lines = source.split("\n")
    shown = without_code(source).split("\n")
    marks = [(number, match) for number, line in enumerate(shown) if (match := _LINE.match(line))]
    if not any(_goes_on(lines, number, len(match[1].expandtabs(4))) for number, match in marks):
        return source
    begun = {number for number, _ in marks}
    for number in sorted(begun, reverse=True):
        if number - 1 not in begun:
            lines[number] = "\n" + lines[number]
    return "\n".join(lines)


def _goes_on(lines: list[str], number: int, indent: int) -> bool:
    """Whether a paragraph that belongs to the definition at `number` follows a blank line."""
    blank = False
    for line in lines[number + 1 : number + 100]:
        if not line.strip():
            blank = True
        elif _LINE.match(line):
            return False
        elif blank:
            return line.expandtabs(4).startswith(" " * (indent + 2))
    return False


def with_single_terms(html: str) -> str:
    """comrak's HTML with each line of a term as a term."""
    return _TERMS.sub(_single, html) if "<dt>" in html else html


def _single(match: re.Match[str]) -> str:
    terms = re.split(r"(?:<br />)?\n", match[1])
    if len(terms) == 1 or not all(_whole(term) for term in terms):
        return match[0]
    return "\n".join(f"<dt>{term}</dt>" for term in terms)


def _whole(term: str) -> bool:
    """Whether the term ends every element that it begins."""
    tags = [match for match in _TAG.finditer(term) if not match[0].startswith(("<img", "<br", "<wbr"))]
    return sum(-1 if match[1] else 1 for match in tags) == 0
