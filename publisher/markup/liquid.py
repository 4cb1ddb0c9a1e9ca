"""`{{ ... }}`: the few expressions whose value can be known without the generator that would run them."""

import re

from publisher.markup.shortcodes import Context, shown

EXPRESSION = re.compile(
    r"""\{\{-?\s*(?:"""
    r"""(?P<call>[A-Za-z_][\w:]*\([^{}]*\))"""  # Zola's shortcode
    r"""|(?P<value>(?:site|page|post|layout|include|content|paginator|forloop|collections?|metadata|pkg"""
    r"""|eleventy|config|theme)\b[^{}\n]{0,400}?"""
    r"""|(?:"[^"{}\n]*"|'[^'{}\n]*')[^{}\n]{0,400}?"""
    r"""|[\w.]+\s*\|\s*\w[^{}\n]{0,400}?)"""  # anything that a filter follows
    r""")\s*-?\}\}"""
)
_LITERAL = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([\w.]+))""")


def value_of(match: re.Match[str], context: Context) -> str:
    """What an EXPRESSION stands for; "" where only its generator could tell."""
    if match["call"]:
        return shown(match["call"].replace("(", " ", 1).removesuffix(")"), context) or ""
    first, *filters = _parts(match["value"])
    value = _term(first, context)
    for step in filters:
        name, _, argument = step.partition(":")
        value = _filtered(value, name.strip(), _term(argument, context), context)
    return value


def _parts(expression: str) -> list[str]:
    """The expression and its filters: apart at each "|" that is in no quotes."""
    return re.findall(r"""(?:"[^"]*"|'[^']*'|[^|"'])+""", expression) or [""]


def _term(text: str, context: Context) -> str:
    match = _LITERAL.match(text)
    if match is None:
        return ""
    if match[3] is None:
        return match[1] if match[1] is not None else match[2]
    known = {
        "site.baseurl": context.prefix,
        "site.url": context.origin,
        "site.baseUrl": context.prefix,
        "page.title": context.title,
        "title": context.title,
        "page.url": context.base_url,
    }
    return known.get(match[3], "")


def _filtered(value: str, name: str, argument: str, context: Context) -> str:
    match name:
        case "relative_url" | "url":
            return context.prefix + value if value.startswith("/") else value
        case "absolute_url":
            return context.origin + context.prefix + value if value.startswith("/") else value
        case "prepend":
            return argument + value
        case "append":
            return value + argument
        case _:
            return value
