"""Regions of a Markdown source: code, which is left alone, and passages that an author keeps from most
readers, which are removed. The tags around such a passage encrypt it or restrict it to members:

    {% encrypt %} ... {% endencrypt %}              Liquid, Nunjucks; Zola's {% encrypt() %} ... {% end %}
    {{< secret >}} ... {{< /secret >}}              Hugo, and with {{% %}}
    <Members> ... </Members>                        MDX, elements of HTML
    [private] ... [/private]                        shortcodes as WordPress has them
    <!-- private --> ... <!-- /private -->
    {::comment} ... {:/comment}                     kramdown
    <!--members-only-->                             Ghost: everything after it
    <!--kg-gated-block:begin nonMember:false ...--> ... <!--kg-gated-block:end-->      Ghost: one block

The site shows such passages to readers who may see them, but a feed or a mail cannot tell who reads it. A
passage that is never closed reaches to the end of the post. Code samples that show such tags stay.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from publisher.core.caching import lazy

_FENCE = lazy(r"[ \t>]*(?:(?:[-*+]|\d+[.)])[ \t]+)*(`{3,}(?=[^`]*$)|~{3,})")
_SPAN = lazy(r"(?<!`)(`+)(?!`)((?:(?!\n[ \t]*\n)[\s\S]){1,4000}?)(?<!`)\1(?!`)")
_NOT_BREAK = lazy(r"[^\n]")
_ITEM = lazy(r"[ \t]{0,3}(?:[-*+:]|\d+[.)]|\[\^[^\]]*\]:)(?:\s|$)")

PRIVATE_TAG_NAMES = (
    "hugo-encryptor", "fixit-encryptor", "hugo-encrypt", "members-only", "encrypted", "protected", "password",
    "encrypt", "private", "members", "secret",
)  # fmt: skip
"""Names of such tags, in any case, with "-", "_" or nothing between words."""

_STEMS = ("encrypt", "private", "protected", "secret", "password", "members", "comment", "kg-gated")
_NAME = f"(?P<name>{'|'.join(name.replace('-', '[-_]?') for name in PRIVATE_TAG_NAMES)})"

_WHOLE = r"(?![\w.:/]|-(?!%\}))"
"""The end of a name: "private_notes" and "secret.html" are other names."""


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


class _TagSyntax(StrEnum):
    """How a tag is written."""

    TEMPLATE = "template"
    ELEMENT = "element"
    BRACKET = "bracket"
    COMMENT = "remark"
    GATED = "gated"  # a block of Ghost's, which names who may see it
    KRAMDOWN = "kramdown"
    CALL = "call"  # any of Zola's: `{% end %}` closes the last of them


_PATTERNS: tuple[tuple[_TagSyntax, re.Pattern[str]], ...] = tuple(
    (syntax, lazy(pattern, re.IGNORECASE))
    for syntax, pattern in (
        (
            _TagSyntax.TEMPLATE,
            rf"\{{\{{[<%]\s{{0,99}}(?P<end>/\s{{0,99}})?{_NAME}(?![\w.:/-])"
            r"(?:[^<>%{}]|[<>%{}](?!\}\})){0,999}[>%]\}\}",
        ),
        (
            _TagSyntax.TEMPLATE,
            rf"\{{%-?\s{{0,99}}(?P<end>end[-_]?)?{_NAME}{_WHOLE}(?:[^%{{]|%(?!\}})|\{{(?!%)){{0,999}}%\}}"
            rf"|\{{%-?\s{{0,99}}{_NAME.replace('name', 'cut')}{_WHOLE}[^\n]*",
        ),
        (
            _TagSyntax.ELEMENT,
            rf"<(?P<end>/)?{_NAME}(?![\w.:-])"
            r"""(?:[^<>"'{}]|"[^"<>]{0,999}"|'[^'<>]{0,999}'|\{[^{}]{0,999}\}){0,99}>""",
        ),
        (_TagSyntax.BRACKET, rf"\[(?P<end>/)?{_NAME}(?:\s[^\[\]\n]{{0,300}})?\](?![(\[:])"),
        (_TagSyntax.COMMENT, rf"<!--\s{{0,99}}(?P<end>/\s{{0,9}}|end[-_ ]?)?{_NAME}\s{{0,99}}-->"),
        (
            _TagSyntax.GATED,
            r"<!--\s{0,99}kg-gated-block:(?:(?P<name>begin)(?![\w-])(?:(?!-->)[^\n]){0,999}|(?P<end>end)\s{0,99})-->",
        ),
        (_TagSyntax.KRAMDOWN, r"\{:(?::(?P<name>comment)\b[^{}]{0,999}|(?P<end>/)(?:comment)?)\}"),
        (_TagSyntax.CALL, r"\{%-?\s{0,99}(?:(?P<end>end)\s{0,99}-?%\}|[a-z_][\w:]{0,99}\s{0,9}\()"),
    )
)

_OPENING = lazy(
    rf"(?:\{{%-?|\{{\{{[<%]|<!--|<|\[)\s{{0,99}}(?:end[-_ ]?|/\s{{0,99}})?{_NAME}"
    r"|\{::comment|<!--\s{0,99}kg-gated-block",
    re.IGNORECASE,
)
"""How any of these begins: most texts that mention passwords contain none."""

MANY_SIGNS = 60
"""With more braces and brackets than this, searching for words is quicker than looking at each."""

_CALLED = lazy(r"\{%-?\s*[\w-]+\s*\(")

_FOR_EVERYBODY = lazy(r"\bnonMember:\s?true\b")
"""What a gated block contains if everybody may see it."""

_LITERAL = lazy(
    r"\{(?:%-?|\{[<%])\s{0,9}(?P<end>/\s{0,9}|end)?(?P<name>raw|comment|highlight|codeblock|sourcecode)\b"
    r"[^{}]{0,999}\}+"
)
"""Tags between which other tags are shown as written, or nothing is shown at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    """One tag. `name` is "" for a call that hides nothing, and for `{% end %}`. `call`: it is written as a
    call, as in Zola. `alone`: it has its line to itself.
    """

    start: int
    end: int
    syntax: _TagSyntax
    name: str
    ends: bool
    call: bool = False
    alone: bool = False

    def closes(self, other: "_Tag") -> bool:
        """Whether this tag closes `other`."""
        if self.syntax is _TagSyntax.CALL:
            return other.call
        return self.syntax is other.syntax and (
            self.name == other.name or self.syntax in (_TagSyntax.KRAMDOWN, _TagSyntax.GATED)
        )

    @property
    def hides_the_rest(self) -> bool:
        """Whether it needs no end: after Ghost's `<!--members-only-->`, all that follows is for members."""
        return self.syntax is _TagSyntax.COMMENT and self.name == "membersonly"


@dataclass(frozen=True, slots=True)
class _Passage:
    """The characters from `start` to `end`. `unclosed` is the tag that is never closed, if the passage
    reaches to the end of the source because of it.
    """

    start: int
    end: int
    unclosed: str = ""


def remove_private_passages(source: str, *, markdown: bool) -> tuple[str, list[tuple[int, str]]]:
    """`source` without private passages, with every line break kept, and (line from 1, tag) of those that are
    never closed. In Markdown, code is left alone.
    """
    if not may_have_private_passages(source):
        return source, []
    prose = blank_code(source) if markdown else source
    prose = blank_literal_regions(prose)
    parts: list[str] = []
    unclosed: list[tuple[int, str]] = []
    at = 0
    for passage in _passages(source, prose):
        parts += [source[at : passage.start], "\n" * source.count("\n", passage.start, passage.end)]
        at = passage.end
        if passage.unclosed:
            unclosed.append((1 + source.count("\n", 0, passage.start), passage.unclosed))
    return "".join([*parts, source[at:]]), unclosed


def blank_literal_regions(prose: str) -> str:
    """`prose` with spaces in place of comments and of what shows tags as written (`{% raw %}`, listings): no
    tag in there counts.
    """
    if "{" not in prose:
        return prose
    parts: list[str] = []
    at = 0
    opened: re.Match[str] | None = None
    for tag in _LITERAL.finditer(prose):
        if opened is None and not tag["end"]:
            opened = tag
        elif opened is not None and tag["end"] and tag["name"] == opened["name"]:
            parts += [prose[at : opened.start()], blank_text(prose[opened.start() : tag.end()])]
            at, opened = tag.end(), None
    return "".join([*parts, prose[at:]])


def may_have_private_passages(source: str) -> bool:
    """Whether it is worth searching `source` for private passages."""
    # One character is found a hundred times as quickly as two, and few bodies have many of these three.
    signs = [sign for sign in "{<[" if sign in source]
    if sum(map(source.count, signs)) > MANY_SIGNS:
        lower = source.lower()
        return any(stem in lower for stem in _STEMS) and _OPENING.search(source) is not None
    for sign in signs:
        at = source.find(sign)
        while at >= 0:
            if _OPENING.match(source, at):
                return True
            at = source.find(sign, at + 1)
    return False


def _passages(source: str, prose: str) -> Iterator[_Passage]:
    """The passages in order, none within another. Overlapping tags hide everything that either of them
    hides.
    """
    opened: list[_Tag] = []
    start = after = 0
    for tag in _real_tags(_tags(prose)):
        if not tag.ends:
            if not opened and tag.name:
                start = tag.start
            if opened or tag.name:
                opened.append(tag)
            continue
        other = next((one for one in reversed(opened) if tag.closes(one)), None)
        if other is not None:
            opened.remove(other)
            if not any(one.name for one in opened):
                opened, after = [], tag.end
                yield _Passage(start, after)
        elif not opened and tag.syntax is _TagSyntax.TEMPLATE:
            start = _opened_in_code(source, after, tag)
            after = tag.end
            if start >= 0:
                yield _Passage(start, after)
    if opened:
        first = next(one for one in opened if one.name)
        yield _Passage(
            start,
            len(source),
            "" if first.hides_the_rest else " ".join(source[first.start : first.end].split()),
        )


def _tags(prose: str) -> list[_Tag]:
    """All tags in order. Of two that overlap (`{{<secret>}}` contains `<secret>`) the first counts."""
    found = sorted(
        ((match.start(), rank, syntax, match) for rank, (syntax, pattern) in enumerate(_PATTERNS)
         for match in pattern.finditer(prose)),
        key=lambda item: item[:2],
    )  # fmt: skip
    tags: list[_Tag] = []
    end = 0
    for start, _, syntax, match in found:
        if start < end:
            continue
        end = match.end()
        if match[0].rstrip("}%>").endswith("/") and syntax in (_TagSyntax.TEMPLATE, _TagSyntax.ELEMENT):
            continue  # it closes itself, so it contains nothing
        groups = match.groupdict()
        name = groups.get("name") or groups.get("cut") or ""
        if syntax is _TagSyntax.GATED and _FOR_EVERYBODY.search(match[0]):
            name = ""  # its end must be found, but it hides nothing
        tags.append(
            _Tag(
                start=start,
                end=end,
                syntax=syntax,
                name=name.casefold().replace("-", "").replace("_", ""),
                ends=bool(groups.get("end")),
                call=syntax is _TagSyntax.CALL
                or (syntax is _TagSyntax.TEMPLATE and bool(_CALLED.match(match[0]))),
                alone=syntax is _TagSyntax.ELEMENT
                and not prose[max(0, start - 99) : start].rpartition("\n")[2].strip()
                and not prose[end : end + 99].partition("\n")[0].strip(),
            )
        )
    return tags


def _real_tags(tags: list[_Tag]) -> list[_Tag]:
    """The tags without those that are only words: `<password>` in a line of text, a bracket or a comment that
    is never closed. An element that is never closed counts if it has its line to itself.
    """
    last = {(tag.syntax, tag.name): tag.start for tag in tags if tag.ends}
    paired = (_TagSyntax.ELEMENT, _TagSyntax.BRACKET, _TagSyntax.COMMENT)
    return [
        tag
        for tag in tags
        if tag.ends
        or tag.syntax not in paired
        or last.get((tag.syntax, tag.name), -1) > tag.start
        or (tag.alone and tag.syntax is _TagSyntax.ELEMENT)
        or tag.hides_the_rest
    ]


def _opened_in_code(source: str, after: int, closing: _Tag) -> int:
    """The position of the tag that `closing` closes, if it is within what looks like code; else -1. A stray
    backtick must not reveal what was to be hidden.
    """
    opened: list[int] = []
    for tag in _tags(source[after : closing.start]):
        if tag.syntax is closing.syntax and tag.name == closing.name:
            if not tag.ends:
                opened.append(after + tag.start)
            elif opened:
                opened.pop()
    return opened[-1] if opened else -1
