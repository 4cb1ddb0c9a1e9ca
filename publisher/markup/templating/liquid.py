"""`{{ ... }}`: the few expressions whose value can be known without the generator that would run them. And
`<%= ... %>`, which says the same in EJS.
"""

import re

from publisher.core.posts.post import MarkdownExtension
from publisher.markup.templating.shortcodes import ShortcodeContext, shown

_PLAIN = re.compile(
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
_WHOLE = re.compile(r"""\s*(?:"[^"]*"|'[^']*'|[\w.-]+)\s*""")
_LITERAL = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|(-?\d[\w.]*)|([\w.-]+)\s*$)""")


def expressions(context: ShortcodeContext) -> re.Pattern[str]:
    """What is an expression and no text with braces: anything, where the generator runs them all."""
    return _ANY if MarkdownExtension.TEMPLATES in context.extensions else _PLAIN


def value_of(match: re.Match[str], context: ShortcodeContext) -> str | None:
    """What an expression stands for; None where only its generator could tell."""
    groups = match.groupdict()
    if groups.get("call"):
        return shown(match["call"].replace("(", " ", 1).removesuffix(")"), context)
    if groups.get("mark", "=") in ("", "_", "#"):
        return ""  # EJS that shows nothing
    first, *filters = _parts(match["value"])
    value = _term(first, context) if _WHOLE.fullmatch(first) else None  # a sum, or a condition
    for step in filters:
        name, _, argument = step.partition(":")
        value = _filtered(value, name.strip(), _term(argument, context) or "", context)
    return value


def _parts(expression: str) -> list[str]:
    """The expression and its filters: apart at each "|" that is in no quotes."""
    return re.findall(r"""(?:"[^"]*"|'[^']*'|[^|"'])+""", expression) or [""]


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
            return None  # how it is to be written is in another language than ours
        case _:
            return value
