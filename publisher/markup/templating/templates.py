"""Template code that generators would have run: resolved where that is plain, else taken away.

A reader never sees `{%`, `{{<` or `{{%`. What stands in `{% raw %}` is shown as it is: its braces are hidden
until the body is safe HTML.

Template code that is taken away from a body though it may have meant something, for its author to mend.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice

from publisher.core.posts.code_regions import blank, outside_code, without_code
from publisher.core.posts.post import MarkdownExtension
from publisher.markup.html.placeholders import hide
from publisher.markup.markdown.math import without_math
from publisher.markup.templating import mdx_regions
from publisher.markup.templating.liquid import EJS, expressions, value_of
from publisher.markup.templating.shortcodes import ShortcodeContext, from_root, shown

_BRACES = re.compile(r"[{}]+")
_RAW = re.compile(r"\{%-?\s*(end)?raw\s*-?%\}")
_COMMENT = re.compile(r"\{(?:%-?|\{[<%])\s*(end|/)?\s*comment\b[^{}]*[%>]\}\}?")
_LISTINGS = ("highlight", "codeblock", "code", "sourcecode", "prism", "terminal", "text")
_HIGHLIGHT = re.compile(
    r"^[ \t]*\{(?:%-?|\{[<%])\s*(?:highlight|codeblock|code|sourcecode|prism|terminal|text(?=[ \t]+[\"\w]))\b"
    r"[ \t]*(?:lang:)?\"?([\w+#-]*)[^{}]*\}+"
    r"[ \t]*\n?(.*?)"
    rf"\n?[ \t]*\{{(?:%-?|\{{[<%])\s*/?\s*(?:end)?(?:{'|'.join(_LISTINGS)})\s*-?[>%]\}}+",
    re.DOTALL | re.MULTILINE,
)
_ESCAPED = re.compile(r"\{\{([<%])/\*((?:(?!\*/)[^{}]){0,2000})\*/([>%])\}\}")  # Hugo shows it
_INTERNAL = re.compile(
    r"""(\]\(<?|\bhref=["']?)@/([^\s()<>"']{1,500}\.md(?:\#[\w-]*)?)(?=[)>"'\s])"""
)  # Zola's links
_PAIRS = (("{{<", ">}}"), ("{{%", "%}}"), ("{%", "%}"))
_ID = re.compile(r"[{\s:]#([A-Za-z][\w:.-]*)")
_ATTRIBUTES = re.compile(
    r"^[ \t]*\{:[ \t]*:?/?[.#\w=:][^{}\n]*\}[ \t]*$\n?"  # a line of its own
    r"|(?<=[)`*_\"\]])\{:[ \t]*\n?[ \t]*[.#\w][^{}\n]*(?:\n[ \t]*[.#\w][^{}\n]*)?\}"  # after a span
    r"|\A\{:[ \t]*[.#\w][^{}\n]*\}"
    r"|\A[ \t]+\{:?[ \t]?[.#][A-Za-z][\w:.-]*[^{}\n]*\}[ \t]*$"  # after a code span
    r"|\{::[a-z][^{}\n]{0,500}\}|\{:/[a-z]{0,20}\}"  # {::options /}, {::nomarkdown} to {:/}
    r"|(?<=^[-*+] )\{:[.#][^{}\n]*\}[ \t]*"  # of a list's item
    r"|(?<=\S)[ \t]*\{:?[ \t]?[.#][A-Za-z][\w:.-]*[^{}\n]*\}[ \t]*$",  # at the end of a heading
    re.MULTILINE,
)


def resolve(source: str, context: ShortcodeContext, *, markdown: bool) -> str:
    """A body source without template code, and in Markdown without kramdown's attribute lists."""
    if "{" not in source and "@/" not in source and "<%" not in source:
        return source
    if "{/*" in source:
        source = _uncommented(source, without_code(source) if markdown else source)
    if "{%" in source or "{{" in source:
        source = _paired(source)
    if not markdown:
        return _change(source, context)
    return outside_code(source, lambda text: _change_markdown(text, context))


def quiet(prose: str) -> str:
    """`prose` with what shows no template code, or shows it as it is, as spaces; lines stay."""
    prose = _between(prose, "{/*", "*/}", blank)
    for pair in (_RAW, _COMMENT):
        prose = _pairs(prose, pair, blank)
    return _HIGHLIGHT.sub(lambda match: blank(match[0]), prose) if prose.count("{") < 2000 else prose


def without_marks(text: str) -> str:
    """Text with every remaining template tag taken away, closed or not."""
    for opening, closing in _PAIRS:
        if opening in text:
            text = _between(text, opening, closing, lambda inside: "")
            while opening in text:
                text = text.replace(opening, "")
    return text


def _paired(source: str) -> str:
    if "/*" in source:
        source = _ESCAPED.sub(lambda it: _hide_braces(f"{{{{{it[1]}{it[2]}{it[3]}}}}}"), source)
    if "endraw" in source:
        source = _pairs(source, _RAW, _hide_braces)
    if "comment" in source:
        source = _pairs(source, _COMMENT, lambda inside: "")
    if any(name in source for name in _LISTINGS) and source.count("{") < 2000:
        source = _HIGHLIGHT.sub(_fenced, source)
    return source


def _hide_braces(text: str) -> str:
    """`text` whose braces are no template code; Markdown in it is Markdown."""
    return _BRACES.sub(lambda match: hide(match[0]), text)


def _uncommented(source: str, prose: str) -> str:
    """`source` without the comments of MDX and of Go's templates (with a second brace on each side), whatever
    they hold; they begin in `prose`, where code is blank.
    """
    parts: list[str] = []
    at = 0
    while (start := prose.find("{/*", at)) >= 0 and (end := source.find("*/}", start)) >= 0:
        twice = source[at:start].endswith("{") and source.startswith("}", end + 3)
        parts.append(source[at : start - twice])
        at = end + 3 + twice
    return "".join([*parts, source[at:]])


def _pairs(source: str, tag: re.Pattern[str], show: Callable[[str], str]) -> str:
    """`source` with each pair of tags and its inside replaced, in one pass; `tag[1]` marks the end."""
    parts: list[str] = []
    at = 0
    opened: re.Match[str] | None = None
    for match in tag.finditer(source):
        if match[1] is None:
            opened = opened or match
        elif opened is not None:
            parts += [source[at : opened.start()], show(source[opened.end() : match.start()])]
            at, opened = match.end(), None
    return "".join([*parts, source[at:]])


def _fenced(match: re.Match[str]) -> str:
    inside = match[2].strip("\n")
    fence = "````" if "```" in inside else "```"
    return f"\n\n{fence}{match[1]}\n{_hide_braces(inside)}\n{fence}\n\n"


def _change_markdown(text: str, context: ShortcodeContext) -> str:
    text = _change(text, context)
    return _ATTRIBUTES.sub(_anchor, text) if "{:" in text or "{#" in text else text


def _anchor(attributes: re.Match[str]) -> str:
    """What stands for a list of attributes: a place to link to, where it gives one its name."""
    named = _ID.search(attributes[0])
    if named is None:
        return ""
    anchor = f'<a id="{named[1]}"></a>'
    if not attributes[0].endswith("\n"):
        return anchor
    text, end = attributes.string, max(attributes.start() - 1, 0)
    in_table = "|" in text[text.rfind("\n", 0, end) + 1 : end]
    return f"\n{anchor}\n\n" if in_table else f"{anchor}\n"


def _change(text: str, context: ShortcodeContext) -> str:
    if "@/" in text:
        text = _INTERNAL.sub(lambda match: match[1] + from_root(match[2], context), text)
    if "{{" in text:
        text = expressions(context).sub(lambda match: value_of(match, context) or "", text)
    if "<%" in text and MarkdownExtension.EJS in context.extensions:
        text = EJS.sub(lambda match: value_of(match, context) or "", text)
    for opening, closing in _PAIRS:
        if opening in text:
            text = _between(
                text, opening, closing, lambda inside: shown(inside.strip("-").strip(), context) or ""
            )
    return text


def _between(text: str, opening: str, closing: str, show: Callable[[str], str]) -> str:
    """`text` with each opening...closing replaced by `show(what is between)`, in one pass."""
    parts: list[str] = []
    at = 0
    while (start := text.find(opening, at)) >= 0:
        end = text.find(closing, start + len(opening))
        if end < 0:
            break
        parts += [text[at:start], show(text[start + len(opening) : end])]
        at = end + len(closing)
    return "".join([*parts, text[at:]])


_OPENING = re.compile(r"\{\{[<%]?|\{%")
_CLOSING = {"{{<": ">}}", "{{%": "%}}", "{{": "}}", "{%": "%}"}
MAX_REMOVED = 50
MAX_LOOKED = 5_000


def left_out(source: str, context: ShortcodeContext, *, markdown: bool) -> list[tuple[int, str]]:
    """(line, code) of each, in order; at most MAX_REMOVED."""
    if "{" not in source and "<%" not in source:
        return []
    text = quiet(without_math(without_code(source), context.extensions) if markdown else source)
    found = [*islice(_tags(text, context), MAX_REMOVED)]
    if MarkdownExtension.EJS in context.extensions:
        codes = islice(EJS.finditer(text), MAX_LOOKED)
        found += [(code.start(), code[0]) for code in codes if value_of(code, context) is None]
    if MarkdownExtension.MDX in context.extensions and markdown:
        found += islice(mdx_regions.left_out(text, context), MAX_REMOVED)
    return [*_by_line(text, sorted(found)[:MAX_REMOVED])]


def _tags(text: str, context: ShortcodeContext) -> Iterator[tuple[int, str]]:
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


def _goes(tag: str, opening: str, closing: str, context: ShortcodeContext) -> bool:
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
