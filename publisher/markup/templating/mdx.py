"""MDX without its code: imports and exports go, what an attribute's expression plainly says stays.

src={require('./a.png').default}  src={useBaseUrl('/a.png')}  src={photo} of `import photo from './a.png'`
width={30}  title={"Words"}       other expressions go, with their attributes
```mdx-code-block                 is no code: Docusaurus opens it before it reads the text

MDX's components: what stands in them is Markdown, as MDX reads it, and they leave what can be shown.

<Image src="/a.png" alt="A" />   a picture, and so are <Figure>, <YouTube id="..."> and their like
<Callout type="tip"> ... </...>  a quotation, as `:::tip` is
<TabItem label="npm"> ... </...> its label in bold, and what stands in it
<Link to="/a">words</Link>       a link
<div>*words*</div>               Markdown, too, where MDX reads the post
others                           their insides; nothing of those that have none

MDX's expressions in text: `{frontMatter.title}` and `{"words"}` are shown, others go.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from publisher.core.posts.code_regions import cut, outside_code, without_code
from publisher.markup.html.fragments import names
from publisher.markup.templating.block_shortcodes import BOXES, heading
from publisher.markup.templating.shortcodes import Arguments, ShortcodeContext, attributes, pictured

IMPORT = (
    r"import\s+(?:[\w*${](?:[^'\"`;<>()\n]|\n(?![ \t]*$)){0,600}?\bfrom\s+)?['\"][^'\"\n]+['\"]"
    r"(?:\s+with\s*\{[^{}\n]*\})?;?"
)
_EXPORT = (
    r"export\s+(?:(?:const|let|var|default|function|async)\b[^\n]*"
    r"(?:;|(?:[{(\[]|=>|=)[ \t]*(?:\n(?![ \t]*$)[^\n]*){1,300})|(?:const|let|var)\s+[\w$]+\s*=[^\n]*)"
)
_CODE = re.compile(f"^(?:{IMPORT}|{_EXPORT})[ \\t]*$", re.MULTILINE)
MANY = 1_000
_OPENED = re.compile(r"^```mdx-code-block[ \t]*\n([\s\S]*?)^```[ \t]*$", re.MULTILINE)
NAMED = re.compile(r"^import\s+([A-Za-z_$][\w$]*)\s+from\s+['\"]([^'\"\n]+)['\"]", re.MULTILINE)
_ELEMENT = re.compile(
    r"<[A-Za-z](?:[^<>{}\"'`]|\"[^\"<>]*\"|'[^'<>]*'|\{(?:[^{}]|\{[^{}]*\}){0,2000}\}){0,100}>"
)
_ATTRIBUTE = re.compile(r"\s([\w:-]+)=\{((?:[^{}]|\{[^{}]*\}){0,2000})\}")
_CALL = re.compile(
    r"""(?:require|useBaseUrl|withBase)\(\s*["'`]([^"'`${}]+)["'`]\s*,?\s*\)(?:\.default)?(?:\.src)?"""
)
_LITERAL = re.compile(r"""["'`]([^"'`${}]*)["'`]|(\d+(?:\.\d+)?)""")
_WORD = re.compile(r"([A-Za-z_$][\w$]*)(?:\.src)?")


def without_jsx(source: str) -> str:
    """A Markdown source without MDX's imports, exports and expressions in attributes. Code stays."""
    if 0 < source.count("```mdx-code-block") < MANY // 10:
        source = _OPENED.sub(r"\1", source)
    named = dict(NAMED.findall(source)) if "import " in source else {}
    if 0 < source.count("import ") + source.count("export ") < MANY:
        source = cut(source, _CODE)
    if "={" not in source:
        return source
    return outside_code(source, lambda text: _ELEMENT.sub(lambda match: plain(match[0], named), text))


def is_plain(expression: str) -> bool:
    """Whether an attribute's expression says something without being run."""
    return bool(_CALL.fullmatch(expression) or _LITERAL.fullmatch(expression) or _WORD.fullmatch(expression))


def plain(element: str, named: dict[str, str]) -> str:
    """A tag whose attributes are texts; `named` are the files that are imported, by their names."""
    if "={" not in element:
        return element
    return _ATTRIBUTE.sub(_said(named), element)


def _said(named: dict[str, str]) -> Callable[[re.Match[str]], str]:
    def attribute(match: re.Match[str]) -> str:
        expression = match[2].strip()
        if found := _CALL.fullmatch(expression) or _LITERAL.fullmatch(expression):
            value = next(filter(None, found.groups()), "")
        else:
            word = _WORD.fullmatch(expression)
            value = named.get(word[1], "") if word else ""
        value = value.removeprefix("@site/static")
        shown = escape(" ".join(value.split()))
        return f' {match[1]}="{shown}"' if value and not value.startswith("@") else ""

    return attribute


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

MAX_COMPONENTS = 2_000
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
    if not 0 < sum(1 for _ in tags.finditer(source)) < MAX_COMPONENTS:
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


_WORDS = re.compile(r"""\s*(?:"([^"\\]*)"|'([^'\\]*)'|`([^`\\$]*)`|(\d+))\s*""")
_NO_CODE = ("#", "/*", "{", "%")
"""What begins an id, a comment, or a template's tag, which is judged as such."""

_FRONT = re.compile(r"\s*(?:frontMatter|frontmatter)\.(\w+)\s*")


def value_of(inside: str, context: ShortcodeContext) -> str | None:
    """What the expression between two braces shows; None where only its code could tell."""
    if match := _WORDS.fullmatch(inside):
        return next(group for group in match.groups() if group is not None)
    if match := _FRONT.fullmatch(inside):
        return context.value(match[1])
    return "" if not inside.strip() or inside.lstrip().startswith(_NO_CODE) else None
