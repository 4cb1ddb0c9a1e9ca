"""Eleventy's permalinks that are templates, with the filters in them, and its input folder.

Eleventy's own filters and those of its template languages are known. Any other is the blog's own code, which
is never run; but where it formats a date its pattern says how: `{{ page.date | dateFormat("yyyy/MM") }}` in
Luxon's tokens, `"YYYY/MM"` in those of Moment and Day.js.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from publisher.core.patterns import lazy
from publisher.sources.fields import slugs
from publisher.sources.fields.permalinks import DATE_WORDS, PermalinkFacts, expand_strftime, undated_name

_TEMPLATE = lazy(r"\{\{-?\s*([^{}]{1,200}?)\s*-?\}\}")
_QUOTED = lazy(r"\"[^\"]*\"|'[^']*'")
_OR = lazy(r"\s*(?:\|\||\?\?)\s*|\s+or\s+")
_NAME = lazy(r"[A-Za-z_]\w*")
_TEXT = lazy(r"`((?:[^`\\]|\\[\s\S]){0,500})`|\"([^\"\\\n]{0,500})\"|'([^'\\\n]{0,500})'")
_PLACE = lazy(r"\$\{\s*([^{}]{1,200}?)\s*\}")
_CALL = lazy(r"((?:\w+\.)*)(slug(?:ify)?)\(\s*(.*?)\s*\)")
_DATA = lazy(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?:\(\))?")
_FUNCTION = lazy(
    r"(?:async\s{1,9})?(?:function\b\s{0,9}\w{0,60}\s{0,9})?"
    r"(?:\(\s{0,9}(?:(?P<given>\w{1,60})|\{(?P<names>[\w\s,]{0,300})\})?(?:\s{0,9}=\s{0,9}\{\s{0,9}\})?\s{0,9}\)"
    r"|(?P<alone>\w{1,60}))\s{0,9}(?:=>)?\s{0,9}(?P<value>\S[\s\S]{0,2000})"
)
_DRAFT = r"(?:\w+\??\.)?draft\b(?:\s*&&[^?|{}\n]{0,200})?"
_DRAFT_GUARD = lazy(
    rf"^\s*if\s*\(\s*{_DRAFT}\s*\)\s*(?:\{{\s*return\s+false\s*;?\s*\}}|return\s+false\s*;)", re.MULTILINE
)
_DRAFT_TERNARY = lazy(rf"^{_DRAFT}\s*\?\s*false\s*:\s*")
_RETURN = lazy(r"return\b\s*(\S[\s\S]*?)\s*;?\s*")
_INPUT = lazy(
    r"""(?:\bdir\s*:\s*\{[^{}]{0,500}?\binput\s*:|\bsetInputDirectory\()\s*["'`]([^"'`${}\n]*)["'`]"""
)
_COMMAND_INPUT = lazy(r"""\beleventy\s[^"\n]{0,200}?--input[= ]\\?['"]?([\w./-]+)""")

_FILTER = lazy(r"""([A-Za-z_]\w*)\s*(?::\s*(.*)|\(\s*(.*?)\s*\))?""", re.DOTALL)
_ARGUMENT = lazy(r"""\s*(?:"([^"]*)"|'([^']*)')\s*(?:,|$)""")
_TOKEN = lazy(r"y+|Y+|M+|L+|d+|D+|[A-Za-z]")
_LUXON = {
    "yyyy": "year", "yy": "short_year", "MM": "month", "LL": "month", "M": "i_month", "L": "i_month",
    "dd": "day", "d": "i_day",
}  # fmt: skip
_MOMENT = {
    "YYYY": "year", "YY": "short_year", "MM": "month", "M": "i_month", "DD": "day", "D": "i_day",
}  # fmt: skip
_NO_OP_FILTERS = frozenset({"url", "safe", "string"})
_TEXT_FILTERS: Mapping[str, Callable[[str], str]] = {
    "slugify": slugs.slugify_filter,
    "slug": slugs.slug_filter,
    "downcase": str.lower,
    "lower": str.lower,
    "upcase": str.upper,
    "upper": str.upper,
    "strip": str.strip,
    "trim": str.strip,
}
_FILTERS_WITH_ARGUMENTS: Mapping[str, Callable[[str, list[str]], str]] = {
    "append": lambda text, given: text + given[0],
    "prepend": lambda text, given: given[0] + text,
    "remove": lambda text, given: text.replace(given[0], ""),
    "replace": lambda text, given: text.replace(given[0], given[1]),
    "default": lambda text, given: text or given[0],
}


def expand_permalink(template: str, facts: PermalinkFacts) -> tuple[str | None, str]:
    """The permalink that `template` stands for, and, where only Eleventy could tell, None and why."""
    known: dict[str, Callable[[], str]] = {
        "page.fileSlug": lambda: undated_name(facts.path),
        "page.filePathStem": lambda: facts.stem,
        "slug": lambda: facts.front.text("slug"),
        "title": lambda: facts.title,
        "page.date.getFullYear()": lambda: f"{facts.local:%Y}" if facts.local else "",
        "page.date.getUTCFullYear()": lambda: f"{facts.local:%Y}" if facts.local else "",
        "page.lang": lambda: facts.language,
    }
    unknown: list[str] = []

    def value_of(name: str) -> str:
        if _QUOTED.fullmatch(name):
            return name[1:-1]
        if name in known:
            return known[name]()
        return facts.front.text(name) if _NAME.fullmatch(name) else ""

    def fill(match: re.Match[str]) -> str:
        name, *filters = (part.strip() for part in _OR.sub(" or ", match[1]).split("|"))
        value: str | None = None
        if name in ("page.date", "date") and filters and facts.local:
            value = apply_date_filter(facts.local, filters[0])
            if value is None:
                unknown.append(f"the filter {filter_name(filters[0])!r}, which is code")
                return ""
            filters = filters[1:]
        else:
            value = next((found for part in name.split(" or ") if (found := value_of(part))), "")
        for one in filters:
            value = apply_text_filter(value, one)
            if value is None:
                unknown.append(f"the filter {filter_name(one)!r}, which is code")
                return ""
        if not value:
            unknown.append(f"{name[:40]!r}, which has no plain value")
        return value

    made = _TEMPLATE.sub(fill, template)
    if "{" in made and not unknown:
        unknown.append("template code")
    return (None, unknown[0]) if unknown else (made, "")


def input_folder(config: str, package: str) -> str | None:
    """The folder in which addresses begin, by a configuration or by the command in package.json: "src", or
    "" for the root itself; None where neither says it.
    """
    found = _INPUT.search(config) or _COMMAND_INPUT.search(package)
    return "/".join(part for part in found[1].split("/") if part not in ("", ".")) if found else None


def template_from_function(code: str, file: str = "") -> str | None:
    """The template, for `expand_permalink`, that a function such as `data => `/a/${data.slug}/`` stands for;
    "" where it returns the post's own, `data.permalink`. None where it does neither, or one of several.
    `file` is the text of the function's file. What it returns for drafts does not matter: they are hidden.
    """
    match = _FUNCTION.fullmatch(code.strip())
    if match is None:
        return None
    names = _NAME.findall(match["names"] or "") if match["names"] is not None else None
    given = match["given"] or match["alone"] or ""
    body = match["value"]
    if body.startswith("{"):
        body = _DRAFT_GUARD.sub("", body[1:].removesuffix("}"), count=3).strip()
        if not (returned := _RETURN.fullmatch(body)):
            return None
        body = returned[1]
    if body.startswith("(") and body.endswith(")"):
        body = body[1:-1].strip()
    body = _DRAFT_TERNARY.sub("", body)
    if body in (f"{given}.permalink", "permalink" if names and "permalink" in names else ""):
        return ""
    text = _TEXT.fullmatch(body)
    if text is None:
        return None
    slugs = ("this.",) if "@sindresorhus/slugify" not in file else ("this.", "")
    parts: list[str] = []
    at = 0
    template = text[1] or text[2] or text[3] or ""
    for place in _PLACE.finditer(template) if text[1] else ():
        word = template_expression(place[1], given, names, slugs)
        if word is None:
            return None
        parts += [template[at : place.start()], f"{{{{ {word} }}}}"]
        at = place.end()
    return "".join([*parts, template[at:]])


def template_expression(
    inside: str, given: str, names: Sequence[str] | None, slugs: Sequence[str]
) -> str | None:
    """The expression in `${...}` as a template has it; None where it is not the post's data, which the
    function gets as the argument `given`, or of which it takes `names` alone.
    """
    if call := _CALL.fullmatch(inside):
        inner = template_expression(call[3], given, names, slugs)
        return f"{inner} | {call[2]}" if call[1] in slugs and inner is not None else None
    words: list[str] = []
    for part in _OR.split(inside.replace("?.", ".")):
        name = part.strip().removeprefix(f"{given}.") if names is None else part.strip()
        of_post = part.strip().startswith(f"{given}.") if names is None else name.partition(".")[0] in names
        if not _DATA.fullmatch(name) or not of_post:
            return None
        words.append(name)
    return " or ".join(words)


def apply_text_filter(value: str, filter: str) -> str | None:
    """A text through one filter, as it stands in a template; None: only the blog's code could tell."""
    name, given = parse_filter(filter)
    if name in _NO_OP_FILTERS:
        return value
    if name in _TEXT_FILTERS:
        return _TEXT_FILTERS[name](value)
    try:
        return _FILTERS_WITH_ARGUMENTS[name](value, given) if name in _FILTERS_WITH_ARGUMENTS else None
    except IndexError:
        return None


def apply_date_filter(at: datetime, filter: str) -> str | None:
    """A date through one filter; None as for texts."""
    name, given = parse_filter(filter)
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


def parse_filter(filter: str) -> tuple[str, list[str]]:
    """The name of a filter, and those of its arguments that are texts."""
    match = _FILTER.fullmatch(filter.strip())
    if match is None:
        return filter.strip(), []
    given = [found[1] or found[2] or "" for found in _ARGUMENT.finditer(match[2] or match[3] or "")]
    return match[1], given


def filter_name(filter: str) -> str:
    """The name of a filter without its arguments."""
    return parse_filter(filter)[0]
