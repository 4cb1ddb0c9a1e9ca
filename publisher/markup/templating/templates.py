"""Template code that generators would have run: resolved if that is possible without them, else removed.

A reader never sees `{%`, `{{<` or `{{%`. The inside of `{% raw %}` is shown as it is: its braces are hidden
until the body is safe HTML. Of `{{ ... }}`, and of `<%= ... %>` in EJS, the few expressions are resolved
whose value is known without running the generator. `removed_tags` lists what was removed although it may have
meant something, so that the author can fix it.
"""

import re
from collections.abc import Callable, Iterator
from itertools import islice

from publisher.core.posts.markdown_regions import apply_outside_code, blank_code, blank_text
from publisher.core.posts.post import MarkdownExtension
from publisher.markup.html.fragments import hide, replace_spans
from publisher.markup.markdown.tex import blank_math
from publisher.markup.templating.mdx import removed_mdx
from publisher.markup.templating.shortcodes import ShortcodeContext, expand_shortcode, from_root

_COMMON = re.compile(
    r"""\{\{-?\s*(?:"""
    r"""(?P<call>[A-Za-z_][\w:]*\([^{}]*\))"""  # Zola's shortcode
    r"""|(?P<value>(?:site|page|post|layout|include|content|paginator|forloop|collections?|metadata|pkg"""
    r"""|eleventy|config|theme)\b[^{}\n]{0,400}?"""
    r"""|(?:"[^"{}\n]*"|'[^'{}\n]*')[^{}\n]{0,400}?"""
    r"""|[\w.]+\s*\|\s*\w[^{}\n]{0,400}?)"""  # anything that a filter follows
    r""")\s*-?\}\}"""
)
_ANY = re.compile(
    r"\{\{(?![<%])-?\s*(?:(?P<call>[A-Za-z_][\w:]*\([^{}]*\))|(?P<value>[^{}]{0,400}?))\s*-?\}\}"
)
EJS = re.compile(r"<%(?P<mark>[-=_#]?)(?P<value>[^%<>]{0,400})[-_]?%>")
_TERM = re.compile(r"""\s*(?:"[^"]*"|'[^']*'|[\w.-]+)\s*""")
_LITERAL = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|(-?\d[\w.]*)|([\w.-]+)\s*$)""")
_FILTER = re.compile(r"""(?:"[^"]*"|'[^']*'|[^|"'])+""")  # up to the next "|" outside quotes
_BRACES = re.compile(r"[{}]+")
_RAW_TAG = re.compile(r"\{%-?\s*(end)?raw\s*-?%\}")
_COMMENT_TAG = re.compile(r"\{(?:%-?|\{[<%])\s*(end|/)?\s*comment\b[^{}]*[%>]\}\}?")
_LISTING_TAGS = ("highlight", "codeblock", "code", "sourcecode", "prism", "terminal", "text")

_LISTING = re.compile(
    r"^[ \t]*\{(?:%-?|\{[<%])\s*(?:highlight|codeblock|code|sourcecode|prism|terminal|text(?=[ \t]+[\"\w]))\b"
    r"[ \t]*(?:lang:)?\"?([\w+#-]*)[^{}]*\}+"
    r"[ \t]*\n?(.*?)"
    rf"\n?[ \t]*\{{(?:%-?|\{{[<%])\s*/?\s*(?:end)?(?:{'|'.join(_LISTING_TAGS)})\s*-?[>%]\}}+",
    re.DOTALL | re.MULTILINE,
)

_ESCAPED_TAG = re.compile(r"\{\{([<%])/\*((?:(?!\*/)[^{}]){0,2000})\*/([>%])\}\}")  # Hugo shows the tag
_ZOLA_LINK = re.compile(r"""(\]\(<?|\bhref=["']?)@/([^\s()<>"']{1,500}\.md(?:\#[\w-]*)?)(?=[)>"'\s])""")
_DELIMITERS = (("{{<", ">}}"), ("{{%", "%}}"), ("{%", "%}"))
_ID = re.compile(r"[{\s:]#([A-Za-z][\w:.-]*)")

_ATTRIBUTE_LIST = re.compile(
    r"^[ \t]*\{:[ \t]*:?/?[.#\w=:][^{}\n]*\}[ \t]*$\n?"  # a line of its own
    r"|(?<=[)`*_\"\]])\{:[ \t]*\n?[ \t]*[.#\w][^{}\n]*(?:\n[ \t]*[.#\w][^{}\n]*)?\}"  # after a span
    r"|\A\{:[ \t]*[.#\w][^{}\n]*\}"
    r"|\A[ \t]+\{:?[ \t]?[.#][A-Za-z][\w:.-]*[^{}\n]*\}[ \t]*$"  # after a code span
    r"|\{::[a-z][^{}\n]{0,500}\}|\{:/[a-z]{0,20}\}"  # {::options /}, {::nomarkdown} to {:/}
    r"|(?<=^[-*+] )\{:[.#][^{}\n]*\}[ \t]*"  # of a list's item
    r"|(?<=\S)[ \t]*\{:?[ \t]?[.#][A-Za-z][\w:.-]*[^{}\n]*\}[ \t]*$",  # at the end of a heading
    re.MULTILINE,
)

_OPENING = re.compile(r"\{\{[<%]?|\{%")
_CLOSING = {"{{<": ">}}", "{{%": "%}}", "{{": "}}", "{%": "%}"}

MAX_REMOVED = 50
"""Removed tags that are reported."""

MAX_TAGS = 5_000
"""Tags that are looked at for a report."""

MAX_BRACES = 2_000
"""With more in one body, listings are not looked for."""


def resolve(source: str, context: ShortcodeContext, *, markdown: bool) -> str:
    """A body source without template code, and in Markdown without kramdown's attribute lists."""
    if "{" not in source and "@/" not in source and "<%" not in source:
        return source
    if "{/*" in source:
        source = _without_comments(source, blank_code(source) if markdown else source)
    if "{%" in source or "{{" in source:
        source = _resolve_paired_tags(source)
    if not markdown:
        return _resolve_tags(source, context)

    def resolve_prose(text: str) -> str:
        text = _resolve_tags(text, context)
        return _ATTRIBUTE_LIST.sub(_anchor, text) if "{:" in text or "{#" in text else text

    return apply_outside_code(source, resolve_prose)


def _without_comments(source: str, prose: str) -> str:
    """`source` without the comments of MDX and of Go's templates (with a second brace on each side), whatever
    they contain. They begin in `prose`, where code is blank.
    """
    comments: list[tuple[int, int, str]] = []
    at = 0
    while (start := prose.find("{/*", at)) >= 0 and (end := source.find("*/}", start)) >= 0:
        second_brace = source[at:start].endswith("{") and source.startswith("}", end + 3)
        at = end + 3 + second_brace
        comments.append((start - second_brace, at, ""))
    return replace_spans(source, comments)


def _resolve_paired_tags(source: str) -> str:
    """`source` with raw text hidden, comments removed and listings as fenced code."""
    if "/*" in source:
        source = _ESCAPED_TAG.sub(lambda tag: _hide_braces(f"{{{{{tag[1]}{tag[2]}{tag[3]}}}}}"), source)
    if "endraw" in source:
        source = _replace_pairs(source, _RAW_TAG, _hide_braces)
    if "comment" in source:
        source = _replace_pairs(source, _COMMENT_TAG, lambda inside: "")
    if any(name in source for name in _LISTING_TAGS) and source.count("{") < MAX_BRACES:

        def fenced(match: re.Match[str]) -> str:
            inside = match[2].strip("\n")
            fence = "````" if "```" in inside else "```"
            return f"\n\n{fence}{match[1]}\n{_hide_braces(inside)}\n{fence}\n\n"

        source = _LISTING.sub(fenced, source)
    return source


def _resolve_tags(text: str, context: ShortcodeContext) -> str:
    """`text` with its expressions and single tags as what they show."""
    if "@/" in text:
        text = _ZOLA_LINK.sub(lambda match: match[1] + from_root(match[2], context), text)
    if "{{" in text:
        text = expression_pattern(context).sub(lambda match: value_of(match, context) or "", text)
    if "<%" in text and MarkdownExtension.EJS in context.extensions:
        text = EJS.sub(lambda match: value_of(match, context) or "", text)

    def show(inside: str) -> str:
        return expand_shortcode(inside.strip("-").strip(), context) or ""

    for opening, closing in _DELIMITERS:
        if opening in text:
            text = _replace_between(text, opening, closing, show)
    return text


def _anchor(attributes: re.Match[str]) -> str:
    """What replaces an attribute list: an anchor if it gives an id."""
    id = _ID.search(attributes[0])
    if id is None:
        return ""
    anchor = f'<a id="{id[1]}"></a>'
    if not attributes[0].endswith("\n"):
        return anchor
    text, end = attributes.string, max(attributes.start() - 1, 0)
    in_table = "|" in text[text.rfind("\n", 0, end) + 1 : end]
    return f"\n{anchor}\n\n" if in_table else f"{anchor}\n"


def _hide_braces(text: str) -> str:
    """`text` whose braces are not template code; Markdown in it is still Markdown."""
    return _BRACES.sub(lambda match: hide(match[0]), text)


def without_tags(text: str) -> str:
    """Text with every remaining template tag removed, closed or not."""
    for opening, closing in _DELIMITERS:
        if opening in text:
            text = _replace_between(text, opening, closing, lambda inside: "")
            while opening in text:
                text = text.replace(opening, "")
    return text


def _replace_pairs(source: str, tag: re.Pattern[str], replace: Callable[[str], str]) -> str:
    """`source` with each pair of tags and its inside replaced, in one pass. Closing tags have `tag[1]`."""
    replaced: list[tuple[int, int, str]] = []
    opened: re.Match[str] | None = None
    for match in tag.finditer(source):
        if match[1] is None:
            opened = opened or match
        elif opened is not None:
            inside = source[opened.end() : match.start()]
            replaced.append((opened.start(), match.end(), replace(inside)))
            opened = None
    return replace_spans(source, replaced)


def _replace_between(text: str, opening: str, closing: str, replace: Callable[[str], str]) -> str:
    """`text` with each opening...closing replaced by `replace(inside)`, in one pass."""
    replaced: list[tuple[int, int, str]] = []
    at = 0
    while (start := text.find(opening, at)) >= 0 and (end := text.find(closing, start + len(opening))) >= 0:
        at = end + len(closing)
        replaced.append((start, at, replace(text[start + len(opening) : end])))
    return replace_spans(text, replaced)


def removed_tags(source: str, context: ShortcodeContext, *, markdown: bool) -> list[tuple[int, str]]:
    """(line from 1, code) of each tag that is removed and may have meant something, in order; at most
    MAX_REMOVED.
    """
    if "{" not in source and "<%" not in source:
        return []
    text = blank_math(blank_code(source), context.extensions) if markdown else source
    text = _replace_between(text, "{/*", "*/}", blank_text)
    for pair in (_RAW_TAG, _COMMENT_TAG):
        text = _replace_pairs(text, pair, blank_text)
    if text.count("{") < MAX_BRACES:
        text = _LISTING.sub(lambda match: blank_text(match[0]), text)
    found = [*islice(_unresolved(text, context), MAX_REMOVED)]
    if MarkdownExtension.EJS in context.extensions:
        codes = islice(EJS.finditer(text), MAX_TAGS)
        found += [(code.start(), code[0]) for code in codes if value_of(code, context) is None]
    if MarkdownExtension.MDX in context.extensions and markdown:
        found += islice(removed_mdx(text, context), MAX_REMOVED)
    removed: list[tuple[int, str]] = []
    line, counted = 1, 0
    for position, code in sorted(found)[:MAX_REMOVED]:
        line += text.count("\n", counted, position)
        counted = position
        removed.append((line, " ".join(code.split())[:60]))
    return removed


def _unresolved(text: str, context: ShortcodeContext) -> Iterator[tuple[int, str]]:
    """(position, code) of each tag whose value only its generator could tell."""
    at = 0
    for _ in range(MAX_TAGS):
        opening = _OPENING.search(text, at)
        if opening is None:
            return
        closing = _CLOSING[opening[0]]
        end = text.find(closing, opening.end(), opening.end() + 2000)
        if end < 0:
            at = opening.end()
            continue
        at = end + len(closing)
        tag = text[opening.start() : at]
        if opening[0] == "{{":
            match = expression_pattern(context).fullmatch(tag)
            is_unresolved = match is not None and value_of(match, context) is None
        else:
            inside = tag[len(opening[0]) : -len(closing)].strip("-").strip()
            is_unresolved = expand_shortcode(inside, context) is None
        if is_unresolved:
            yield opening.start(), tag


def expression_pattern(context: ShortcodeContext) -> re.Pattern[str]:
    """What is an expression rather than text in braces: anything, if the generator runs them all."""
    return _ANY if MarkdownExtension.TEMPLATES in context.extensions else _COMMON


def value_of(match: re.Match[str], context: ShortcodeContext) -> str | None:
    """The value of an expression; None if only its generator could know it."""
    groups = match.groupdict()
    if groups.get("call"):
        return expand_shortcode(match["call"].replace("(", " ", 1).removesuffix(")"), context)
    if groups.get("mark", "=") in ("", "_", "#"):
        return ""  # EJS that shows nothing
    first, *filters = _FILTER.findall(match["value"]) or [""]
    value = _term(first, context) if _TERM.fullmatch(first) else None  # None: a sum, or a condition
    for part in filters:
        name, _, argument = part.partition(":")
        value = _filtered(value, name.strip(), _term(argument, context) or "", context)
    return value


def _term(text: str, context: ShortcodeContext) -> str | None:
    match = _LITERAL.match(text)
    if match is None:
        return None
    if match[4] is None:
        return next(group for group in match.groups() if group is not None)
    known = {
        "site.baseurl": context.prefix,
        "site.url": context.origin,
        "site.baseUrl": context.prefix,
        "page.url": context.base_url,
    }
    return known[match[4]] if match[4] in known else context.value(match[4])


def _filtered(value: str | None, name: str, argument: str, context: ShortcodeContext) -> str | None:
    """`value` after the filter `name`; an unknown filter leaves it as it is."""
    if name == "default":
        return value or argument
    if value is None:
        return None
    rooted = value.startswith("/")
    match name:
        case "relative_url" | "url":
            return context.prefix + value if rooted else value
        case "absolute_url":
            return context.origin + context.prefix + value if rooted else value
        case "prepend":
            return argument + value
        case "append":
            return value + argument
        case "upcase" | "upper":
            return value.upper()
        case "downcase" | "lower":
            return value.lower()
        case _ if "date" in name.lower():
            return None  # formats of dates differ between engines
        case _:
            return value
