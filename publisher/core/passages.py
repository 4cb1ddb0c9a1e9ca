"""Passages that an author keeps to some readers: what stands between tags that encrypt, or keep to members.

    {% encrypt %} ... {% endencrypt %}              Liquid, Nunjucks; Zola's {% encrypt() %} ... {% end %}
    {{< secret >}} ... {{< /secret >}}              Hugo, and with {{% %}}
    <Members> ... </Members>                        MDX, elements of HTML
    [private] ... [/private]                        shortcodes as WordPress has them
    <!-- private --> ... <!-- /private -->
    {::comment} ... {:/comment}                     kramdown

The site shows them to who may see them; a feed or a mail cannot, so they go, whole. One that is not closed
goes to the end of the post. Code that shows such tags stays.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from publisher.core.code import blank, without_code

NAMES = (
    "hugo-encryptor", "members-only", "encrypted", "protected", "password", "encrypt", "private", "members",
    "secret",
)  # fmt: skip
"""What such tags are called, in any case and with "-", "_" or nothing between words."""

_STEMS = ("encrypt", "private", "protected", "secret", "password", "members")
_NAME = f"(?P<name>{'|'.join(name.replace('-', '[-_]?') for name in NAMES)})"
_WHOLE = r"(?![\w.:/]|-(?!%\}))"
"""A name ends here: "private_notes" and "secret.html" are others."""


class _Way(StrEnum):
    """How a tag is written."""

    TEMPLATE = "template"
    ELEMENT = "element"
    BRACKET = "bracket"
    REMARK = "remark"
    KRAMDOWN = "kramdown"
    CALL = "call"  # any of Zola's: `{% end %}` closes the last of them


_WRITTEN: tuple[tuple[_Way, re.Pattern[str]], ...] = tuple(
    (way, re.compile(pattern, re.IGNORECASE))
    for way, pattern in (
        (
            _Way.TEMPLATE,
            rf"\{{\{{[<%]\s{{0,99}}(?P<end>/\s{{0,99}})?{_NAME}(?![\w.:/-])"
            r"(?:[^<>%{}]|[<>%{}](?!\}\})){0,999}[>%]\}\}",
        ),
        (
            _Way.TEMPLATE,
            rf"\{{%-?\s{{0,99}}(?P<end>end[-_]?)?{_NAME}{_WHOLE}(?:[^%]|%(?!\}})){{0,999}}%\}}"
            rf"|\{{%-?\s{{0,99}}{_NAME.replace('name', 'cut')}{_WHOLE}[^\n]*",
        ),
        (
            _Way.ELEMENT,
            rf"<(?P<end>/)?{_NAME}(?![\w.:-])"
            r"""(?:[^<>"'{}]|"[^"<>]{0,999}"|'[^'<>]{0,999}'|\{[^{}]{0,999}\}){0,99}>""",
        ),
        (_Way.BRACKET, rf"\[(?P<end>/)?{_NAME}(?:\s[^\[\]\n]{{0,300}})?\](?![(\[:])"),
        (_Way.REMARK, rf"<!--\s{{0,99}}(?P<end>/\s{{0,9}}|end[-_ ]?)?{_NAME}\s{{0,99}}-->"),
        (_Way.KRAMDOWN, r"\{:(?::(?P<name>comment)\b[^{}]{0,999}|(?P<end>/)(?:comment)?)\}"),
        (_Way.CALL, r"\{%-?\s{0,99}(?:(?P<end>end)\s{0,99}-?%\}|[a-z_][\w:]{0,99}\s{0,9}\()"),
    )
)
_SHOWN = re.compile(
    r"\{%-?\s{0,9}raw\s{0,9}-?%\}[\s\S]*?\{%-?\s{0,9}endraw\s{0,9}-?%\}"
    r"|\{(?:%-?|\{[<%])\s{0,9}(highlight|codeblock|sourcecode)\b[^{}]{0,999}\}+[\s\S]*?"
    r"\{(?:%-?|\{[<%])\s{0,9}(?:/\s{0,9}|end)\1\s{0,9}-?[>%]\}+"
)
"""What shows the tags in it as they are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tag:
    """One tag. `name` is "" for a call that hides nothing, and for `{% end %}`; `alone` on its line; a
    `call` is Zola's.
    """

    start: int
    end: int
    way: _Way
    name: str
    ends: bool
    call: bool = False
    alone: bool = False

    def closes(self, other: "_Tag") -> bool:
        """Whether this is the end of `other`."""
        if self.way is _Way.CALL:
            return other.call
        return self.way is other.way and (self.name == other.name or self.way is _Way.KRAMDOWN)


@dataclass(frozen=True, slots=True)
class _Passage:
    """From where to where; `unclosed` is the tag without an end, where it goes to the end of the source."""

    start: int
    end: int
    unclosed: str = ""


def without_passages(source: str, *, markdown: bool) -> tuple[str, list[tuple[int, str]]]:
    """`source` without such passages, every line break in its place; and (line from 1, tag) of those that
    nothing closes. In Markdown code is left alone.
    """
    if not may_hide(source):
        return source, []
    prose = without_code(source) if markdown else source
    prose = literal_blanked(prose)
    parts: list[str] = []
    unclosed: list[tuple[int, str]] = []
    at = 0
    for passage in _passages(source, prose):
        parts += [source[at : passage.start], "\n" * source.count("\n", passage.start, passage.end)]
        at = passage.end
        if passage.unclosed:
            unclosed.append((1 + source.count("\n", 0, passage.start), passage.unclosed))
    return "".join([*parts, source[at:]]), unclosed


def literal_blanked(prose: str) -> str:
    """`prose` with what shows template tags as they are written (`{% raw %}`, listings) as spaces."""
    return _SHOWN.sub(lambda match: blank(match[0]), prose) if "{" in prose else prose


def may_hide(source: str) -> bool:
    """Whether it is worth looking for such passages."""
    if "{" not in source and "<" not in source and "[" not in source:
        return False
    lower = source.lower()
    return "{::comment" in lower or any(stem in lower for stem in _STEMS)


def _passages(source: str, prose: str) -> Iterator[_Passage]:
    """The passages in order, none within another. Tags that cross each other hide all that either does."""
    opened: list[_Tag] = []
    start = after = 0
    for tag in _that_count(_tags(prose)):
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
        elif not opened and tag.way is _Way.TEMPLATE:
            start = _opened_in_code(source, after, tag)
            if start >= 0:
                after = tag.end
                yield _Passage(start, after)
    if opened:
        first = next(one for one in opened if one.name)
        yield _Passage(start, len(source), " ".join(source[first.start : first.end].split()))


def _tags(prose: str) -> list[_Tag]:
    found: dict[int, _Tag] = {}
    for way, pattern in _WRITTEN:
        for match in pattern.finditer(prose):
            if match.start() - 1 in found:
                continue  # the inside of Hugo's `{{% %}}` looks like Liquid
            if match[0].rstrip("}%>").endswith("/") and way in (_Way.TEMPLATE, _Way.ELEMENT):
                continue  # it closes itself, so nothing stands in it
            groups = match.groupdict()
            name = groups.get("name") or groups.get("cut") or ""
            line = prose[prose.rfind("\n", 0, match.start()) + 1 : match.start()]
            rest = prose[match.end() : (prose.find("\n", match.end()) + 1 or len(prose))]
            tag = _Tag(
                start=match.start(),
                end=match.end(),
                way=way,
                name=name.casefold().replace("-", "").replace("_", ""),
                ends=bool(groups.get("end")),
                call=bool(re.match(r"\{%-?\s*[\w-]+\s*\(", match[0])),
                alone=not line.strip() and not rest.strip(),
            )
            found.setdefault(tag.start, tag)
    return [found[place] for place in sorted(found)]


def _that_count(tags: list[_Tag]) -> list[_Tag]:
    """Without what is only a word in such signs: `<password>` in a line of text, a bracket or a remark
    without its end. An element that nothing closes counts where it has its line to itself.
    """
    last = {(tag.way, tag.name): tag.start for tag in tags if tag.ends}
    paired = (_Way.ELEMENT, _Way.BRACKET, _Way.REMARK)
    return [
        tag
        for tag in tags
        if tag.ends
        or tag.way not in paired
        or last.get((tag.way, tag.name), -1) > tag.start
        or (tag.alone and tag.way is _Way.ELEMENT)
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
