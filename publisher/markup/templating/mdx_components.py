"""MDX components, and HTML elements in MDX: what can be shown of them, with the Markdown inside.

<Image src="/a.png" alt="A" />   a picture; likewise <Figure>, <YouTube id="..."> and the like
<Callout type="tip"> ... </...>  a quotation, as `:::tip` is
<TabItem label="npm"> ... </...> its label in bold, and what is inside
<Link to="/a">words</Link>       a link
<div>*words*</div>               Markdown too, if MDX reads the post
others                           their content, if any
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from publisher.core.posts.markdown_regions import apply_outside_code, blank_code
from publisher.markup.html.fragments import names
from publisher.markup.templating.block_shortcodes import NOTES, note_title
from publisher.markup.templating.shortcodes import attributes, expand_element

_ATTRIBUTES = r"(?:\s+(?:[^\s<>\"'{}/=]+(?:=(?:\"[^\"<>]*\"|'[^'<>]*'))?|\{[^{}<>]{0,500}\})){0,50}"
_BLOCK_TAGS = (
    "article|aside|blockquote|center|dd|details|div|dl|dt|figcaption|figure|footer|header|li|main|nav|ol|section"
    "|summary|table|tbody|td|tfoot|th|thead|tr|ul"
)
_TAG = re.compile(rf"<(/?)([A-Z][\w.]*)({_ATTRIBUTES})\s*(/?)>")
_ANY_TAG = re.compile(rf"<(/?)([A-Z][\w.]*|(?:{_BLOCK_TAGS})(?=[\s/>]))({_ATTRIBUTES})\s*(/?)>")
_ONLY_TAGS, _ONLY_ANY_TAGS = (
    re.compile(rf"(?:{tag.pattern.replace('(/?)', '/?').replace('([A-Z]', '(?:[A-Z]')}\s*)+")
    for tag in (_TAG, _ANY_TAG)
)
_ONE_LINE = re.compile(
    rf"^[ \t]*<(?P<name>p|h[1-6]|{_BLOCK_TAGS})\b[^<>\n]*>(?P<inside>[^\n]+)</(?P=name)>[ \t]*$", re.MULTILINE
)
_TEXT_BELOW = re.compile(r"\n {0,3}[^\s<]")  # on the next line
_MARKDOWN = re.compile(r"[*_`~\[]")
_FENCE = re.compile(r"\s*(`{3,}(?=[^`]*$)|~{3,})")
_HTML_NAMES = names("a b br center col font hr i img li ol p table tbody td th thead tr u ul")
_BLOCK_NAMES = names(_BLOCK_TAGS.replace("|", " "))

MAX_COMPONENTS = 2_000
MAX_DEPTH = 50


@dataclass(slots=True)
class OpenComponent:
    """A component that is open: its name, the indent of its tag, and the indent of its content once known."""

    name: str
    indent: int
    content_indent: int | None = None


def replace_components(source: str, *, mdx: bool = False) -> str:
    """A Markdown source with what its components show. Code stays as it is. With `mdx`, the inside of HTML
    elements is Markdown too.
    """
    tags, only_tags = (_ANY_TAG, _ONLY_ANY_TAGS) if mdx else (_TAG, _ONLY_TAGS)
    if not 0 < sum(1 for _ in tags.finditer(source)) < MAX_COMPONENTS:
        return source
    source = apply_outside_code(source, lambda text: _TAG.sub(lambda tag: " ".join(tag[0].split()), text))
    source = "\n".join(ComponentLines(tags, only_tags).replaced(source))
    return apply_outside_code(source, lambda text: _TAG.sub(_inline_component, text))


def _inline_component(tag: re.Match[str]) -> str:
    """What replaces a component's tag within a paragraph."""
    name = tag[2].lower()
    if name in _HTML_NAMES:
        return tag[0]
    if tag[4]:
        return expand_element(tag[2], tag[3]) or ""
    if name == "link":
        given = attributes(tag[3])
        target = given.get("to") or given.get("href", "")
        return "</a>" if tag[1] else f'<a href="{escape(target)}">'
    return ""


def render_one_line_elements(source: str, render: Callable[[str], str]) -> str:
    """An MDX source in which HTML elements on a line of their own hold what `render` makes of the Markdown
    inside, separated from text that follows.
    """
    if "</" not in source:
        return source
    parts: list[str] = []
    at = 0
    for match in _ONE_LINE.finditer(blank_code(source)):
        start, end = match.span("inside")
        inside = source[start:end].strip()
        if _MARKDOWN.search(inside) and not inside.startswith("<"):
            parts += [source[at:start], render(inside).strip().removeprefix("<p>").removesuffix("</p>")]
            at = end
        if _TEXT_BELOW.match(source, match.end()):
            parts += [source[at : match.end()], "\n"]
            at = match.end()
    return "".join([*parts, source[at:]])


class ComponentLines:
    """Goes through a source line by line and remembers which components are open. `tags` are the tags that
    count, `only_tags` matches a line of nothing else.
    """

    def __init__(self, tags: re.Pattern[str], only_tags: re.Pattern[str]) -> None:
        self.tags, self.only_tags = tags, only_tags
        self.opened: list[OpenComponent] = []

    def replaced(self, source: str) -> Iterator[str]:
        """The lines: those with only tags as what they show, the others without the components' indent."""
        fence = ""
        for line, prose in zip(source.split("\n"), blank_code(source).split("\n"), strict=True):
            mark = _FENCE.match(line)
            only_tags = None
            if not fence and (self.opened or prose.strip()):
                only_tags = self.only_tags.fullmatch(line.strip())
            if mark and (not fence or (mark[1].startswith(fence) and line.strip() == mark[1])):
                fence = "" if fence else mark[1]
            if only_tags and any(self.counts(tag) for tag in self.tags.finditer(line)):
                for tag in self.tags.finditer(line):
                    yield from self.tag(line, tag)
            else:
                yield self.dedented(line)

    def counts(self, tag: re.Match[str]) -> bool:
        """Whether it is a component's tag, or one of an HTML element whose inside is Markdown."""
        return tag[2].lower() not in _HTML_NAMES or (self.tags is _ANY_TAG and tag[2] in _BLOCK_NAMES)

    def tag(self, line: str, tag: re.Match[str]) -> Iterator[str]:
        """What one tag of `line` shows, between blank lines and indented as the line is."""
        name = tag[2].lower()
        is_html = tag[2] in _BLOCK_NAMES
        opens = not tag[1] and not tag[4]
        shown: list[str] = []
        if tag[1]:
            if any(one.name == name for one in self.opened):
                while self.opened.pop().name != name:
                    pass
            shown = [tag[0] if is_html else "</blockquote>" if name in NOTES else ""]
        elif is_html and opens:
            shown = [tag[0]]
        elif tag[4]:
            shown = [expand_element(tag[2], tag[3]) or ""]
        elif name in NOTES:
            shown = ["<blockquote>", note_title(name, tag[3])]
        else:
            given = attributes(tag[3])
            label = given.get("label") or given.get("title", "")
            shown = [f"**{label}**"] if label and "{" not in label else []
        indent = _indent(self.dedented(line))
        yield ""
        for text in filter(None, shown):
            yield " " * indent + text
            yield ""
        if opens and len(self.opened) < MAX_DEPTH:
            self.opened.append(OpenComponent(name, indent))

    def dedented(self, line: str) -> str:
        """`line` without the indent of the components around it."""
        if not line.strip():
            return line
        for one in self.opened:
            if one.content_indent is None:
                one.content_indent = max(_indent(line) - one.indent, 0)
            line = line[min(one.content_indent, _indent(line)) :]
        return line


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))
