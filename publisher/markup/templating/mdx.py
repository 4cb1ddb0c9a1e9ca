"""MDX's code in a body: imports, exports, attributes and expressions, of which only literal values remain.
Like MDX's own parser, it counts braces, whatever is between them.

import photo from './a.png'          removed; names a file for attributes
export const Chart = ...             removed                       <>words</>   its words
src={require('./a.png').default}  src={useBaseUrl('/a.png')}  src={photo}  width={30}  title={"Words"}
                                     plain attributes; one with any other expression is removed
{frontMatter.title}  {"words"}       their values; any other expression is removed
```mdx-code-block                    not code: Docusaurus removes the fence before it reads the text
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from html import escape
from typing import NamedTuple

from publisher.core.posts.markdown_regions import apply_outside_code, blank_code, remove_outside_code
from publisher.markup.html.fragments import names, replace_spans
from publisher.markup.templating.shortcodes import ShortcodeContext, expand_element

MAX_PART = 20_000
"""Characters of one piece of code."""

MAX_SEARCHED = 3_000_000
"""Characters that are searched for the ends of pieces in one body; the rest is text."""

MAX_IMPORTS = 1_000

_IMPORT = (
    r"import\s+(?:[\w*${](?:[^'\"`;<>()\n]|\n(?![ \t]*$)){0,600}?\bfrom\s+)?['\"][^'\"\n]+['\"]"
    r"(?:\s+with\s*\{[^{}\n]*\})?;?"
)
_EXPORT = (
    r"export\s+(?:(?:const|let|var|default|function|async)\b[^\n]*"
    r"(?:;|(?:[{(\[]|=>|=)[ \t]*(?:\n(?![ \t]*$)[^\n]*){1,300})|(?:const|let|var)\s+[\w$]+\s*=[^\n]*)"
)
_IMPORT_OR_EXPORT = re.compile(f"^(?:{_IMPORT}|{_EXPORT})[ \\t]*$", re.MULTILINE)
_MDX_FENCE = re.compile(r"^```mdx-code-block[ \t]*\n([\s\S]*?)^```[ \t]*$", re.MULTILINE)
_IMPORTED_NAME = re.compile(r"^import\s+([A-Za-z_$][\w$]*)\s+from\s+['\"]([^'\"\n]+)['\"]", re.MULTILINE)
_ELEMENT = re.compile(
    r"<[A-Za-z](?:[^<>{}\"'`]|\"[^\"<>]*\"|'[^'<>]*'|\{(?:[^{}]|\{[^{}]*\}){0,2000}\}){0,100}>"
)
_BRACED_ATTRIBUTE = re.compile(r"\s([\w:-]+)=\{((?:[^{}]|\{[^{}]*\}){0,2000})\}")
_FILE_CALL = re.compile(
    r"""(?:require|useBaseUrl|withBase)\(\s*["'`]([^"'`${}]+)["'`]\s*,?\s*\)(?:\.default)?(?:\.src)?"""
)
_LITERAL = re.compile(r"""["'`]([^"'`${}]*)["'`]|(\d+(?:\.\d+)?)""")
_IDENTIFIER = re.compile(r"([A-Za-z_$][\w$]*)(?:\.src)?")
_LITERAL_EXPRESSION = re.compile(r"""\s*(?:"([^"\\]*)"|'([^'\\]*)'|`([^`\\$]*)`|(\d+))\s*""")
_NOT_CODE = ("#", "/*", "{", "%")
"""Begins an id, a comment, or a template tag, which is handled elsewhere."""

_FRONT_MATTER = re.compile(r"\s*(?:frontMatter|frontmatter)\.(\w+)\s*")
_BEGIN = re.compile(
    rf"(?P<imported>^(?:{_IMPORT})[ \t]*$)"
    r"|(?P<exported>^export\s+(?:(?:const|let|var|default|function|async|class)\b|[{*]))"
    r"|(?P<fragment></?>)"
    r"|(?P<element></?[A-Za-z][\w.:-]*(?=[\s/>]))"
    r"|(?P<braces>(?<!\\)\{)",
    re.MULTILINE,
)
_BRACKETS_AND_LINES = re.compile(r"['\"`][{}()\[\]]['\"`]|[{}()\[\]]|\n")
_BRACES = re.compile(r"['\"`][{}]['\"`]|[{}]")
_IN_TAG = re.compile(r"\"[^\"]*\"|'[^']*'|[{<>]")
_CONTINUED = ("=", "=>", "(", ",", "+", "?", ":", "&&", "||", ".")
_CONTINUES = re.compile(r"\s*(?:[.?:+)\]}]|&&|\|\|)")
_NAME_OR_VALUE = re.compile(r"[^\s=/>{}\"'<]+")
_EQUALS = re.compile(r"\s*=\s*")
_SILENT = names("tocinline head")
"""Components that never show anything."""


class MdxKind(StrEnum):
    """The kind of a piece of MDX code."""

    IMPORT = "imported"
    EXPORT = "exported"
    FRAGMENT = "fragment"
    ELEMENT = "element"
    EXPRESSION = "braces"


class MdxPart(NamedTuple):
    """A piece of code and its position."""

    kind: MdxKind
    start: int
    end: int


def resolve_mdx(source: str, context: ShortcodeContext) -> str:
    """A Markdown source whose elements have plain attributes, each on one line, without exports and
    fragments, and with the values of expressions. Code blocks stay; imports too, since attributes need their
    names.
    """
    if "{" not in source and "<" not in source and "export" not in source:
        return source
    shown: list[tuple[int, int, str]] = []
    for part in mdx_parts(source, blank_code(source)):
        text = source[part.start : part.end]
        replaced = ""
        if part.kind is MdxKind.EXPRESSION:
            replaced = expression_value(text[1:-1], context) or ""
        elif part.kind is MdxKind.ELEMENT:
            replaced = _plain_tag(text) if "{" in text or "\n" in text else text
        elif part.kind is MdxKind.IMPORT:
            replaced = text
        shown.append((part.start, part.end, replaced))
    return replace_spans(source, shown)


def without_jsx(source: str) -> str:
    """A Markdown source without imports and exports, and with plain attributes. Code blocks stay."""
    if 0 < source.count("```mdx-code-block") < MAX_IMPORTS // 10:
        source = _MDX_FENCE.sub(r"\1", source)
    imported = dict(_IMPORTED_NAME.findall(source)) if "import " in source else {}
    if 0 < source.count("import ") + source.count("export ") < MAX_IMPORTS:
        source = remove_outside_code(source, _IMPORT_OR_EXPORT)
    if "={" not in source:
        return source
    return apply_outside_code(
        source, lambda text: _ELEMENT.sub(lambda match: _with_plain_attributes(match[0], imported), text)
    )


def removed_mdx(prose: str, context: ShortcodeContext) -> Iterator[tuple[int, str]]:
    """(position, code) of each export, component and expression that shows nothing, in a source whose code
    blocks are blank.
    """
    imported = dict(_IMPORTED_NAME.findall(prose)) if "import " in prose else {}
    for part in mdx_parts(prose, prose):
        text = prose[part.start : part.end]
        is_removed = part.kind is MdxKind.EXPORT
        if part.kind is MdxKind.EXPRESSION:
            is_removed = expression_value(text[1:-1], context) is None
        elif part.kind is MdxKind.ELEMENT:
            is_removed = _shows_nothing(text, prose[part.end : part.end + 100], imported)
        if is_removed:
            yield part.start, text


def _shows_nothing(tag: str, after: str, imported: dict[str, str]) -> bool:
    """Whether a tag is that of an empty component that shows nothing; `after` is the text that follows."""
    name = _NAME_OR_VALUE.match(tag, 1) if tag[1].isupper() else None
    if name is None or tag.isupper() or name[0].lower() in _SILENT:
        return False
    if not tag.endswith("/>"):
        return after.lstrip().startswith(f"</{name[0]}>")
    plain = _with_plain_attributes(_plain_tag(tag), imported)
    return not expand_element(name[0], plain[name.end() : -2])


def expression_value(inside: str, context: ShortcodeContext) -> str | None:
    """What the expression between two braces shows; None if only running it could tell."""
    if match := _LITERAL_EXPRESSION.fullmatch(inside):
        return next(group for group in match.groups() if group is not None)
    if match := _FRONT_MATTER.fullmatch(inside):
        return context.value(match[1])
    return "" if not inside.strip() or inside.lstrip().startswith(_NOT_CODE) else None


def _with_plain_attributes(element: str, imported: dict[str, str]) -> str:
    """A tag whose attributes are texts; `imported` are the files that imports name. An attribute whose
    expression says nothing plain is removed.
    """
    if "={" not in element:
        return element

    def plain(match: re.Match[str]) -> str:
        expression = match[2].strip()
        if found := _FILE_CALL.fullmatch(expression) or _LITERAL.fullmatch(expression):
            value = next(filter(None, found.groups()), "")
        else:
            identifier = _IDENTIFIER.fullmatch(expression)
            value = imported.get(identifier[1], "") if identifier else ""
        value = value.removeprefix("@site/static")
        shown = escape(" ".join(value.split()))
        return f' {match[1]}="{shown}"' if value and not value.startswith("@") else ""

    return _BRACED_ATTRIBUTE.sub(plain, element)


def mdx_parts(source: str, prose: str) -> Iterator[MdxPart]:
    """The pieces of code in order, none within another. They begin in `prose`, where code blocks and code
    spans are blank, and end in `source`.
    """
    at, searched = 0, 0
    while searched < MAX_SEARCHED and (begin := _BEGIN.search(prose, at)):
        kind = MdxKind(begin.lastgroup or "")
        end = begin.end()
        if kind is MdxKind.EXPORT:
            end, looked = _end_of_export(source, begin.start())
            searched += looked
        elif kind is MdxKind.EXPRESSION:
            end = _end_of_braces(source, begin.start())
        elif kind is MdxKind.ELEMENT:
            end = _end_of_tag(source, begin.end())
        searched += end - begin.start() if end else MAX_PART
        if end:
            yield MdxPart(kind, begin.start(), end)
        at = end or begin.end()


def _end_of_braces(source: str, start: int) -> int:
    """Where the braces that open at `start` end; 0 if they are not closed."""
    depth = 0
    for token in _BRACES.finditer(source, start, start + MAX_PART):
        if len(token[0]) == 1:
            depth += 1 if token[0] == "{" else -1
            if not depth:
                return token.end()
    return 0


def _end_of_tag(source: str, at: int) -> int:
    """Where the tag whose name ends at `at` ends; 0 if it is not a tag."""
    limit = at + MAX_PART
    while token := _IN_TAG.search(source, at, limit):
        if token[0] == "<":
            return 0
        if token[0] == ">":
            return token.end()
        at = _end_of_braces(source, token.start()) if token[0] == "{" else token.end()
        if not at:
            return 0
    return 0


def _end_of_export(source: str, start: int) -> tuple[int, int]:
    """(end, characters searched). An export ends with the line on which every bracket is closed and nothing
    has to follow, or else before the first blank line; the end is 0 if neither is near.
    """
    depth, blank, line = 0, 0, start
    for token in _BRACKETS_AND_LINES.finditer(source, start, start + MAX_PART):
        if token[0] == "\n":
            before = source[line : token.start()].rstrip()
            blank = blank or (token.start() if not before else 0)
            if depth <= 0 and not before.endswith(_CONTINUED) and not _CONTINUES.match(source, token.end()):
                return token.start(), token.start() - start
            line = token.end()
        elif len(token[0]) == 1:
            depth += 1 if token[0] in "{([" else -1
    if len(source) - start <= MAX_PART and depth <= 0:
        return len(source), len(source) - start
    return blank, MAX_PART


def _plain_tag(text: str) -> str:
    """A tag on one line, with those of its attributes whose value is known."""
    ends = " />" if text.endswith("/>") else ">"
    at = len(text) - len(text.lstrip("</"))
    name = _NAME_OR_VALUE.match(text, at)
    if name is None:
        return ""
    kept = [text[:at] + name[0]]
    at = name.end()
    while at < len(text) - len(ends.strip()):
        if text[at] == "{":  # a spread: {...props}
            at = _end_of_braces(text, at) or len(text)
        elif found := _NAME_OR_VALUE.match(text, at):
            at, value = _plain_value(text, found.end())
            kept += [f" {found[0]}{value}"] if value is not None else []
        else:
            at += 1
    return "".join(kept) + ends


def _plain_value(text: str, at: int) -> tuple[int, str | None]:
    """(end, value) of the attribute whose name ends at `at`. The value is plain and begins with its "=" (""
    for an attribute without one); None if only running its expression could tell.
    """
    equals = _EQUALS.match(text, at)
    if equals is None:
        return at, ""
    after = equals.end()
    sign = text[after : after + 1]
    if sign in ('"', "'"):
        end = text.find(sign, after + 1)
        end = end if end > 0 else len(text) - 1
        value = " ".join(text[after + 1 : end].split()).replace("<", "&lt;").replace(">", "&gt;")
        return end + 1, f"={sign}{value}{sign}"
    if sign == "{":
        end = _end_of_braces(text, after) or len(text)
        inside = text[after + 1 : end - 1].strip()
        is_plain = any(form.fullmatch(inside) for form in (_FILE_CALL, _LITERAL, _IDENTIFIER))
        return end, f"={{{inside}}}" if is_plain else None
    found = _NAME_OR_VALUE.match(text, after)
    return (found.end(), f'="{escape(found[0])}"') if found else (after, None)
