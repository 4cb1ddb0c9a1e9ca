"""MDX's components: what stands in them is Markdown, as MDX reads it, and they leave what can be shown.

<Image src="/a.png" alt="A" />   a picture, and so are <Figure>, <YouTube id="..."> and their like
<Callout type="tip"> ... </...>  a quotation, as `:::tip` is
<TabItem label="npm"> ... </...> its label in bold, and what stands in it
<Link to="/a">words</Link>       a link
<div>*words*</div>               Markdown, too, where MDX reads the post
others                           their insides; nothing of those that have none
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from publisher.core.posts.code_regions import outside_code, without_code
from publisher.markup.html.fragments import names
from publisher.markup.templating.block_shortcodes import BOXES, heading
from publisher.markup.templating.shortcodes import Arguments, attributes, pictured

_ATTRIBUTES = r"(?:\s+(?:[^\s<>\"'{}/=]+(?:=(?:\"[^\"<>]*\"|'[^'<>]*'))?|\{[^{}<>]{0,500}\})){0,50}"
_BLOCKS = (
    "article|aside|blockquote|center|dd|details|div|dl|dt|figcaption|figure|footer|header|li|main|nav|ol|section"
    "|summary|table|tbody|td|tfoot|th|thead|tr|ul"
)
_TAG = re.compile(rf"<(/?)([A-Z][\w.]*)({_ATTRIBUTES})\s*(/?)>")
_ANY_TAG = re.compile(rf"<(/?)([A-Z][\w.]*|(?:{_BLOCKS})(?=[\s/>]))({_ATTRIBUTES})\s*(/?)>")
_ALONE, _ANY_ALONE = (
    re.compile(rf"(?:{tag.pattern.replace('(/?)', '/?').replace('([A-Z]', '(?:[A-Z]')}\s*)+")
    for tag in (_TAG, _ANY_TAG)
)
_ONE_LINE = re.compile(
    rf"^[ \t]*<(?P<name>p|h[1-6]|{_BLOCKS})\b[^<>\n]*>(?P<inside>[^\n]+)</(?P=name)>[ \t]*$", re.MULTILINE
)
_TEXT = re.compile(r"\n {0,3}[^\s<]")  # on the next line
_MARKS = re.compile(r"[*_`~\[]")
_FENCE = re.compile(r"\s*(`{3,}(?=[^`]*$)|~{3,})")
_HTML = names("a b br center col font hr i img li ol p table tbody td th thead tr u ul")
_BLOCK_NAMES = names(_BLOCKS.replace("|", " "))
"""Names that are HTML's whatever their letters."""

MANY = 2_000
MAX_DEPTH = 50


@dataclass(slots=True)
class _Open:
    """A component that is open: its name, how far its tag is set in, and how far what stands in it is, once
    that is known.
    """

    name: str
    indent: int
    inner: int | None = None


def with_components(source: str, *, mdx: bool = False) -> str:
    """A Markdown source without components. Code stays as it is. `mdx`: what stands in elements of HTML is
    Markdown, too."""
    tags, alone = (_ANY_TAG, _ANY_ALONE) if mdx else (_TAG, _ALONE)
    if not 0 < sum(1 for _ in tags.finditer(source)) < MANY:
        return source
    source = outside_code(source, lambda text: _TAG.sub(lambda tag: " ".join(tag[0].split()), text))
    source = "\n".join(_lines(source, tags, alone))
    return outside_code(source, lambda text: _TAG.sub(_inline, text))


def with_lines_read(source: str, read: Callable[[str], str]) -> str:
    """An MDX source whose lines of one element of HTML hold what `read` makes of the Markdown in it, apart
    from text that follows."""
    if "</" not in source:
        return source

    parts: list[str] = []
    at = 0
    for match in _ONE_LINE.finditer(without_code(source)):
        start, end = match.span("inside")
        inside = source[start:end].strip()
        if _MARKS.search(inside) and not inside.startswith("<"):
            parts += [source[at:start], read(inside).strip().removeprefix("<p>").removesuffix("</p>")]
            at = end
        if _TEXT.match(source, match.end()):
            parts += [source[at : match.end()], "\n"]
            at = match.end()
    return "".join([*parts, source[at:]])


def _lines(source: str, pattern: re.Pattern[str], alone: re.Pattern[str]) -> Iterator[str]:
    """The lines; those of tags alone as what is shown of them, those within as far set in as the tag is."""
    opened: list[_Open] = []
    fence = ""
    for line, prose in zip(source.split("\n"), without_code(source).split("\n"), strict=True):
        mark = _FENCE.match(line)
        tags = None if fence or not (opened or prose.strip()) else alone.fullmatch(line.strip())
        if mark and (not fence or (mark[1].startswith(fence) and line.strip() == mark[1])):
            fence = "" if fence else mark[1]
        if tags and any(_is_shown(tag, pattern) for tag in pattern.finditer(line)):
            yield from _shown(line, opened, pattern)
        else:
            yield _set_in(line, opened)


def _is_shown(tag: re.Match[str], pattern: re.Pattern[str]) -> bool:
    """Whether it is a component's, or an element's whose insides are Markdown."""
    return tag[2].lower() not in _HTML or (pattern is _ANY_TAG and tag[2] in _BLOCK_NAMES)


def _shown(line: str, opened: list[_Open], pattern: re.Pattern[str]) -> Iterator[str]:
    for tag in pattern.finditer(line):
        name = tag[2].lower()
        is_html = tag[2] in _BLOCK_NAMES
        if tag[1]:
            if any(one.name == name for one in opened):
                while opened.pop().name != name:
                    pass
            yield from _apart(line, opened, tag[0] if is_html else "</blockquote>" if name in BOXES else "")
        elif is_html and not tag[4]:
            yield from _apart(line, opened, tag[0])
            if len(opened) < MAX_DEPTH:
                opened.append(_Open(name, _width(_set_in(line, opened))))
        elif tag[4]:
            yield from _apart(line, opened, _alone(tag))
        else:
            yield from _apart(line, opened, *_head(name, attributes(tag[3]), tag[3]))
            if len(opened) < MAX_DEPTH:
                opened.append(_Open(name, _width(_set_in(line, opened))))


def _apart(line: str, opened: list[_Open], *shown: str) -> Iterator[str]:
    """`shown`, each by itself between blank lines, as far set in as `line`."""
    line = _set_in(line, opened)
    yield ""
    for text in filter(None, shown):
        yield " " * _width(line) + text
        yield ""


def _set_in(line: str, opened: list[_Open]) -> str:
    """`line` without what components set it in."""
    if not line.strip():
        return line
    for one in opened:
        if one.inner is None:
            one.inner = max(_width(line) - one.indent, 0)
        line = line[min(one.inner, _width(line)) :]
    return line


def _width(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _head(name: str, given: Arguments, rest: str) -> tuple[str, ...]:
    """What is shown where a component begins."""
    if name in BOXES:
        return ("<blockquote>", heading(name, rest))
    label = given.get("label") or given.get("title", "")
    return (f"**{label}**",) if label and "{" not in label else ()


def _alone(tag: re.Match[str]) -> str:
    return pictured(tag[2], tag[3]) or ""


def _inline(tag: re.Match[str]) -> str:
    name = tag[2].lower()
    if name in _HTML:
        return tag[0]
    if tag[4]:
        return _alone(tag)
    if name == "link":
        given = attributes(tag[3])
        to = given.get("to") or given.get("href", "")
        return "</a>" if tag[1] else f'<a href="{escape(to)}">'
    return ""
