"""Template code that is taken away from a body though it may have meant something, for its author to mend."""

import re
from collections.abc import Iterator
from itertools import islice

from publisher.core.posts.code_regions import without_code
from publisher.core.posts.extensions import Extension
from publisher.markup.markdown.math import without_math
from publisher.markup.templating import mdx_regions
from publisher.markup.templating.liquid import EJS, expressions, value_of
from publisher.markup.templating.shortcodes import Context, shown
from publisher.markup.templating.templates import quiet

_OPENING = re.compile(r"\{\{[<%]?|\{%")
_CLOSING = {"{{<": ">}}", "{{%": "%}}", "{{": "}}", "{%": "%}"}
MAX_REMOVED = 50
MAX_LOOKED = 5_000


def left_out(source: str, context: Context, *, markdown: bool) -> list[tuple[int, str]]:
    """(line, code) of each, in order; at most MAX_REMOVED."""
    if "{" not in source and "<%" not in source:
        return []
    text = quiet(without_math(without_code(source), context.extensions) if markdown else source)
    found = [*islice(_tags(text, context), MAX_REMOVED)]
    if Extension.EJS in context.extensions:
        codes = islice(EJS.finditer(text), MAX_LOOKED)
        found += [(code.start(), code[0]) for code in codes if value_of(code, context) is None]
    if Extension.MDX in context.extensions and markdown:
        found += islice(mdx_regions.left_out(text, context), MAX_REMOVED)
    return [*_by_line(text, sorted(found)[:MAX_REMOVED])]


def _tags(text: str, context: Context) -> Iterator[tuple[int, str]]:
    at = 0
    for _ in range(MAX_LOOKED):
        opening = _OPENING.search(text, at)
        if opening is None:
            return
        closing = _CLOSING[opening[0]]
        end = text.find(closing, opening.end(), opening.end() + 2000)
        at = opening.end() if end < 0 else end + len(closing)
        if end >= 0 and _goes(text[opening.start() : at], opening[0], closing, context):
            yield opening.start(), text[opening.start() : at]


def _goes(tag: str, opening: str, closing: str, context: Context) -> bool:
    if opening == "{{":
        match = expressions(context).fullmatch(tag)
        return match is not None and value_of(match, context) is None
    return shown(tag[len(opening) : -len(closing)].strip("-").strip(), context) is None


def _by_line(text: str, found: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    line, counted = 1, 0
    for place, code in found:
        line += text.count("\n", counted, place)
        counted = place
        yield line, " ".join(code.split())[:60]
