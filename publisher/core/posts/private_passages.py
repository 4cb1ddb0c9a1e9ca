"""Passages that an author keeps from most readers: text between tags that encrypt, or restrict to members.

    {% encrypt %} ... {% endencrypt %}              Liquid, Nunjucks; Zola's {% encrypt() %} ... {% end %}
    {{< secret >}} ... {{< /secret >}}              Hugo, and with {{% %}}
    <Members> ... </Members>                        MDX, elements of HTML
    [private] ... [/private]                        shortcodes as WordPress has them
    <!-- private --> ... <!-- /private -->
    {::comment} ... {:/comment}                     kramdown
    <!--members-only-->                             Ghost: all that follows
    <!--kg-gated-block:begin nonMember:false ...--> ... <!--kg-gated-block:end-->      Ghost: one block

The site shows them to those who may see them; a feed or a mail cannot, so they are removed. One that is not
closed reaches to the end of the post. Code that shows such tags stays.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from publisher.core.patterns import lazy
from publisher.core.posts.code_regions import blank_code, blank_text

PRIVATE_TAG_NAMES = (
    "hugo-encryptor", "fixit-encryptor", "hugo-encrypt", "members-only", "encrypted", "protected", "password",
    "encrypt", "private", "members", "secret",
)  # fmt: skip
"""What such tags are called, in any case and with "-", "_" or nothing between words."""

_STEMS = ("encrypt", "private", "protected", "secret", "password", "members")
_NAME = f"(?P<name>{'|'.join(name.replace('-', '[-_]?') for name in PRIVATE_TAG_NAMES)})"
_WHOLE = r"(?![\w.:/]|-(?!%\}))"
"""A name ends here: "private_notes" and "secret.html" are others."""


class _TagSyntax(StrEnum):
    """How a tag is written."""

    TEMPLATE = "template"
    ELEMENT = "element"
    BRACKET = "bracket"
    REMARK = "remark"
    GATED = "gated"  # a block of Ghost's, which names who may see it
    KRAMDOWN = "kramdown"
    CALL = "call"  # any of Zola's: `{% end %}` closes the last of them


_PATTERNS: tuple[tuple[_TagSyntax, re.Pattern[str]], ...] = tuple(
    (way, lazy(pattern, re.IGNORECASE))
    for way, pattern in (
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
        (_TagSyntax.REMARK, rf"<!--\s{{0,99}}(?P<end>/\s{{0,9}}|end[-_ ]?)?{_NAME}\s{{0,99}}-->"),
        (
            _TagSyntax.GATED,
            r"<!--\s{0,99}kg-gated-block:(?:(?P<name>begin)(?![\w-])(?:(?!-->)[^\n]){0,999}|(?P<end>end)\s{0,99})-->",
        ),
        (_TagSyntax.KRAMDOWN, r"\{:(?::(?P<name>comment)\b[^{}]{0,999}|(?P<end>/)(?:comment)?)\}"),
        (_TagSyntax.CALL, r"\{%-?\s{0,99}(?:(?P<end>end)\s{0,99}-?%\}|[a-z_][\w:]{0,99}\s{0,9}\()"),
    )
)
_OPENING = lazy(rf"(?:\{{%-?|\{{\{{[<%]|<!--|<|\[)\s{{0,99}}(?:end[-_ ]?|/\s{{0,99}})?{_NAME}", re.IGNORECASE)
"""What any of these begins with: most texts that speak of passwords hold none."""

_CALLED = lazy(r"\{%-?\s*[\w-]+\s*\(")
_FOR_EVERYBODY = lazy(r"\bnonMember:\s?true\b")
"""What a gated block says that everybody may see."""

_LITERAL = lazy(
    r"\{(?:%-?|\{[<%])\s{0,9}(?P<end>/\s{0,9}|end)?(?P<name>raw|comment|highlight|codeblock|sourcecode)\b"
    r"[^{}]{0,999}\}+"
)
"""Tags between which others are shown as they are written, or nothing is shown at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    """One tag. `name` is "" for a call that hides nothing, and for `{% end %}`; `alone` on its line; a
    `call` is Zola's.
    """

    start: int
    end: int
    way: _TagSyntax
    name: str
    ends: bool
    call: bool = False
    alone: bool = False

    def closes(self, other: "_Tag") -> bool:
        """Whether this is the end of `other`."""
        if self.way is _TagSyntax.CALL:
            return other.call
        return self.way is other.way and (
            self.name == other.name or self.way in (_TagSyntax.KRAMDOWN, _TagSyntax.GATED)
        )

    @property
    def divides(self) -> bool:
        """Whether it needs no end: Ghost's `<!--members-only-->` keeps all that follows to members."""
        return self.way is _TagSyntax.REMARK and self.name == "membersonly"


@dataclass(frozen=True, slots=True)
class _Passage:
    """From where to where; `unclosed` is the tag without an end, where it goes to the end of the source."""

    start: int
    end: int
    unclosed: str = ""


def remove_private_passages(source: str, *, markdown: bool) -> tuple[str, list[tuple[int, str]]]:
    """`source` without such passages, every line break in its place; and (line from 1, tag) of those that
    nothing closes. In Markdown code is left alone.
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
    """`prose` with what shows template tags as they are written (`{% raw %}`, listings), and with comments,
    as spaces: no tag in it counts.
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
    """Whether it is worth looking for such passages."""
    if "{" not in source and "<" not in source and "[" not in source:
        return False
    lower = source.lower()
    if "{::comment" in lower or "kg-gated-block" in lower:
        return True
    return any(stem in lower for stem in _STEMS) and _OPENING.search(lower) is not None


def _passages(source: str, prose: str) -> Iterator[_Passage]:
    """The passages in order, none within another. Tags that cross each other hide all that either does."""
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
        elif not opened and tag.way is _TagSyntax.TEMPLATE:
            start = _opened_in_code(source, after, tag)
            after = tag.end
            if start >= 0:
                yield _Passage(start, after)
    if opened:
        first = next(one for one in opened if one.name)
        yield _Passage(
            start, len(source), "" if first.divides else " ".join(source[first.start : first.end].split())
        )


def _tags(prose: str) -> list[_Tag]:
    """In order; where two begin in one another (`{{<secret>}}` holds `<secret>`), the first counts."""
    found = sorted(
        ((match.start(), rank, way, match) for rank, (way, pattern) in enumerate(_PATTERNS)
         for match in pattern.finditer(prose)),
        key=lambda item: item[:2],
    )  # fmt: skip
    tags: list[_Tag] = []
    end = 0
    for start, _, way, match in found:
        if start < end:
            continue
        end = match.end()
        if match[0].rstrip("}%>").endswith("/") and way in (_TagSyntax.TEMPLATE, _TagSyntax.ELEMENT):
            continue  # it closes itself, so nothing stands in it
        groups = match.groupdict()
        name = groups.get("name") or groups.get("cut") or ""
        if way is _TagSyntax.GATED and _FOR_EVERYBODY.search(match[0]):
            name = ""  # an end is looked for, and nothing hidden
        tags.append(
            _Tag(
                start=start,
                end=end,
                way=way,
                name=name.casefold().replace("-", "").replace("_", ""),
                ends=bool(groups.get("end")),
                call=way is _TagSyntax.CALL or (way is _TagSyntax.TEMPLATE and bool(_CALLED.match(match[0]))),
                alone=way is _TagSyntax.ELEMENT
                and not prose[max(0, start - 99) : start].rpartition("\n")[2].strip()
                and not prose[end : end + 99].partition("\n")[0].strip(),
            )
        )
    return tags


def _real_tags(tags: list[_Tag]) -> list[_Tag]:
    """Without what is only a word in such signs: `<password>` in a line of text, a bracket or a remark
    without its end. An element that nothing closes counts where it has its line to itself.
    """
    last = {(tag.way, tag.name): tag.start for tag in tags if tag.ends}
    paired = (_TagSyntax.ELEMENT, _TagSyntax.BRACKET, _TagSyntax.REMARK)
    return [
        tag
        for tag in tags
        if tag.ends
        or tag.way not in paired
        or last.get((tag.way, tag.name), -1) > tag.start
        or (tag.alone and tag.way is _TagSyntax.ELEMENT)
        or tag.divides
    ]


def _opened_in_code(source: str, after: int, closing: _Tag) -> int:
    """Where the tag stands that `closing` ends, where what looks like code holds it: a mark too many must not
    show what was to be hidden. -1: nowhere.
    """
    opened: list[int] = []
    for tag in _tags(source[after : closing.start]):
        if tag.way is closing.way and tag.name == closing.name:
            if not tag.ends:
                opened.append(after + tag.start)
            elif opened:
                opened.pop()
    return opened[-1] if opened else -1
