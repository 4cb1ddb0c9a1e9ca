"""What Eleventy's own filters, and those of its template languages, make of a value in a permalink.

Others are code of the blog's and never run. Of those that format a date by a pattern the argument says what
they make: `{{ page.date | dateFormat("yyyy/MM") }}` in Luxon's tokens, `"YYYY/MM"` in Moment's and Day.js'.
"""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from publisher.core.patterns import lazy
from publisher.sources.fields import slugs
from publisher.sources.fields.permalinks import DATE_WORDS, expand_strftime

_FILTER = lazy(r"""([A-Za-z_]\w*)\s*(?::\s*(.*)|\(\s*(.*?)\s*\))?""", re.DOTALL)
_TEXT = lazy(r"""\s*(?:"([^"]*)"|'([^']*)')\s*(?:,|$)""")
_TOKEN = lazy(r"y+|Y+|M+|L+|d+|D+|[A-Za-z]")
_LUXON = {
    "yyyy": "year", "yy": "short_year", "MM": "month", "LL": "month", "M": "i_month", "L": "i_month",
    "dd": "day", "d": "i_day",
}  # fmt: skip
_MOMENT = {
    "YYYY": "year", "YY": "short_year", "MM": "month", "M": "i_month", "DD": "day", "D": "i_day",
}  # fmt: skip
_PLAIN = frozenset({"url", "safe", "string"})

_TEXTS: Mapping[str, Callable[[str], str]] = {
    "slugify": slugs.slugify_filter,
    "slug": slugs.slug_filter,
    "downcase": str.lower,
    "lower": str.lower,
    "upcase": str.upper,
    "upper": str.upper,
    "strip": str.strip,
    "trim": str.strip,
}
_WITH: Mapping[str, Callable[[str, list[str]], str]] = {
    "append": lambda text, given: text + given[0],
    "prepend": lambda text, given: given[0] + text,
    "remove": lambda text, given: text.replace(given[0], ""),
    "replace": lambda text, given: text.replace(given[0], given[1]),
    "default": lambda text, given: text or given[0],
}


def apply_text_filter(value: str, filter: str) -> str | None:
    """A text through one filter, as it stands in a template; None: only the blog's code could tell."""
    name, given = _taken_apart(filter)
    if name in _PLAIN:
        return value
    if name in _TEXTS:
        return _TEXTS[name](value)
    try:
        return _WITH[name](value, given) if name in _WITH else None
    except IndexError:
        return None


def apply_date_filter(at: datetime, filter: str) -> str | None:
    """A date through one filter; None as for texts."""
    name, given = _taken_apart(filter)
    pattern = given[0] if len(given) >= 1 else ""
    if name == "date" and "%" in pattern:  # Liquid's own
        return expand_strftime(pattern, at)
    tokens = set(_TOKEN.findall(pattern))
    for known in (_LUXON, _MOMENT):
        if tokens and tokens <= known.keys() and ("date" in name.lower() or "format" in name.lower()):
            parts = _TOKEN.split(pattern)
            words = [DATE_WORDS[known[token]](at) for token in _TOKEN.findall(pattern)]
            return "".join(part + word for part, word in zip(parts, [*words, ""], strict=True))
    return None


def _taken_apart(filter: str) -> tuple[str, list[str]]:
    """The name of a filter and its arguments that are texts."""
    match = _FILTER.fullmatch(filter.strip())
    if match is None:
        return filter.strip(), []
    given = [found[1] or found[2] or "" for found in _TEXT.finditer(match[2] or match[3] or "")]
    return match[1], given


def filter_name(filter: str) -> str:
    """The name of a filter without its arguments."""
    return _taken_apart(filter)[0]
