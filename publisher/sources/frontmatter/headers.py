"""Front matter without an opening fence: Pelican's `Key: value` lines, and Hexo's YAML or JSON."""

import re
from itertools import takewhile

from publisher.core.patterns import lazy
from publisher.sources.frontmatter.values import FrontMatter, FrontMatterError, Value, fold, gather, names

KEYS = names(
    "title date modified updated tags tag category categories keywords slug author authors summary lang "
    "language status template saveas url layout description translation permalink cover subtitle id "
    "comments draft published series image thumbnail excerpt created publishdate"
)
"""What a header's first line may begin with; other words and a colon are the beginning of a text."""

_LINE = lazy(r"[ ]{0,3}([A-Za-z][A-Za-z0-9_-]*)[ \t]*:(?:[ \t]+(.*)|[ \t]*)$")
_QUOTED = lazy(r"\"([\w-]+)\"[ \t]*:")
_END = lazy(r"^(?:-{3,}|;{3,})[ \t]*(?:\n|\Z)", re.MULTILINE)
_BLANK = lazy(r"\n[ \t]*(?:\n|\Z)|\Z")
_LISTS = frozenset({"tags", "authors", "author", "keywords", "categories"})


def split_header(text: str, limit: int) -> tuple[str, str, str] | None:
    """("pelican", "hexo" or "json"; header; body) of a file that begins with keys; None for a plain text.

    Pelican's header ends at the first blank line, or at one that is neither a key nor set in (as in
    Python-Markdown's meta extension); Hexo's at a line of "---", or ";;;" for JSON.
    """
    first = text[:limit].partition("\n")[0]
    match = _LINE.match(first) or _QUOTED.match(first)
    if match is None or fold(match[1]) not in KEYS:
        return None
    blank = _BLANK.search(text, 0, limit)
    edge = blank.start() if blank else limit
    end = _END.search(text, len(first), limit)
    lines = text[:edge].split("\n")
    ours = list(takewhile(lambda line: _LINE.match(line) or line.startswith(("    ", "\t")), lines))
    plain = len(ours) == len(lines)
    keys = {fold(found[1]) for line in lines if (found := _LINE.match(line) or _QUOTED.match(line))}
    if keys.isdisjoint({"title", "date"}):
        return None
    if end and (end.start() <= edge + 1 or not plain):
        kind = "json" if text[end.start()] == ";" else "hexo"
        return kind, text[: end.start()], text[end.end() :]
    if not plain:
        return _broken(text, ours)
    return "pelican", text[:edge], text[blank.end() if blank else limit :]


def _broken(text: str, lines: list[str]) -> tuple[str, str, str] | None:
    """The header of a text whose next line goes on with the value above without being set in; None where one
    key alone, which may be the beginning of a text, stands before it.
    """
    keys = {fold(found[1]) for line in lines if (found := _LINE.match(line))} & KEYS
    if len(keys) < 2 or keys.isdisjoint({"title", "date"}):
        return None
    head = "\n".join(lines)
    return "pelican", head, text[len(head) + 1 :]


def read_pelican(header: str, line: int) -> FrontMatter:
    """`Key: value` lines; those that are set in by four spaces go on with the key above."""
    pairs: list[tuple[str, Value, int]] = []
    for number, text in enumerate(header.split("\n"), start=line):
        match = _LINE.match(text)
        if match:
            pairs.append((match[1], (match[2] or "").strip(), number))
        elif pairs:
            key, value, at = pairs[-1]
            pairs[-1] = (key, _longer(fold(key), value, text.strip()), at)
        else:
            raise FrontMatterError("a header's line is no `Key: value`; mend the line", number)
    return gather(pairs, line)


def _longer(key: str, value: Value, more: str) -> Value:
    if key in _LISTS:
        return [*value, more] if isinstance(value, list) else [value, more]
    return f"{value} {more}" if value else more
