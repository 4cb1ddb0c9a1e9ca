"""`{{ ... }}`: the few expressions whose value is known without running the generator. And `<%= ... %>`,
which means the same in EJS.
"""

import re

from publisher.core.posts.post import MarkdownExtension
from publisher.markup.templating.shortcodes import ShortcodeContext, expand_shortcode

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


def expression_pattern(context: ShortcodeContext) -> re.Pattern[str]:
    """What is an expression rather than text in braces: anything, if the generator runs them all."""
    return _ANY if MarkdownExtension.TEMPLATES in context.extensions else _COMMON


def value_of(match: re.Match[str], context: ShortcodeContext) -> str | None:
    """The value of an expression; None if only its generator could tell."""
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
