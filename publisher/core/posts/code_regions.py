"""Which parts of a Markdown source are code, to be left alone: fenced blocks, indented blocks, code spans."""

import re
from collections.abc import Callable, Iterator

from publisher.core.patterns import lazy

_FENCE = lazy(r"[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)*(`{3,}(?=[^`]*$)|~{3,})")
_SPAN = lazy(r"(?<!`)(`+)(?!`)((?:(?!\n[ \t]*\n)[\s\S]){1,4000}?)(?<!`)\1(?!`)")
_NOT_BREAK = lazy(r"[^\n]")
_ITEM = lazy(r"[ \t]{0,3}(?:[-*+:]|\d+[.)]|\[\^[^\]]*\]:)(?:\s|$)")


def apply_outside_code(source: str, change: Callable[[str], str]) -> str:
    """`source` with `change` applied to everything that is not code."""
    if "`" not in source and "~~~" not in source and "    " not in source and "\t" not in source:
        return change(source)
    parts: list[str] = []
    for code, chunk in _blocks(source):
        if code:
            parts.append(chunk)
        elif chunk.count("`") not in range(2, 5000):
            parts.append(change(chunk))
        else:
            at = 0
            for match in _SPAN.finditer(chunk):
                parts += [change(chunk[at : match.start()]), match[0]]
                at = match.end()
            parts.append(change(chunk[at:]))
    return "".join(parts)


def blank_code(source: str) -> str:
    """`source` with its code replaced by spaces: every other character keeps its place."""
    parts: list[str] = []
    for code, chunk in _blocks(source):
        parts.append(blank_text(chunk) if code else _SPAN.sub(lambda match: blank_text(match[0]), chunk))
    return "".join(parts)


def remove_outside_code(source: str, pattern: re.Pattern[str]) -> str:
    """`source` without the matches of `pattern` outside code."""
    parts: list[str] = []
    at = 0
    for match in pattern.finditer(blank_code(source)):
        parts.append(source[at : match.start()])
        at = match.end()
    return "".join([*parts, source[at:]])


def blank_text(text: str) -> str:
    """As many spaces and line breaks as `text` has characters and line breaks."""
    return _NOT_BREAK.sub(" ", text)


def _blocks(source: str) -> Iterator[tuple[bool, str]]:
    """Stretches of lines in order, as (is code, text); joined, they are the source."""
    kept: list[str] = []
    was = False
    for code, line in _lines(source):
        if code != was and kept:
            yield was, "".join(kept)
            kept = []
        was = code
        kept.append(line)
    if kept:
        yield was, "".join(kept)


def _lines(source: str) -> Iterator[tuple[bool, str]]:
    """(is code, line) for each line. A line indented by four is code unless it is in a list or a
    paragraph.
    """
    fence, after_blank, in_list, indented = "", True, False, False
    for line in source.splitlines(keepends=True):
        bare = line.strip()
        if fence:
            yield True, line
            if bare.startswith(fence) and not bare.strip(fence[0]):
                fence = ""
            after_blank = False
            continue
        if match := _FENCE.match(line):
            fence = match[1]
            yield True, line
            continue
        deep = line.startswith(("    ", "\t"))
        if bare and not deep:
            in_list = bool(_ITEM.match(line)) or (in_list and (not after_blank or line[0] in " \t"))
        indented = bool(bare) and deep and not in_list and (after_blank or indented)
        yield indented, line
        after_blank = not bare or (indented and after_blank)
