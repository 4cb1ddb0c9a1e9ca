"""Eleventy's own: permalinks that are templates, and its input. Data files are read in `elevendata`."""

import re
from collections.abc import Callable, Sequence

from publisher.core.patterns import lazy
from publisher.sources.fields.permalinks import PermalinkFacts, undated_name
from publisher.sources.generators.eleventy_filters import apply_date_filter, apply_text_filter, filter_name

_TEMPLATE = lazy(r"\{\{-?\s*([^{}]{1,200}?)\s*-?\}\}")
_WORDS = lazy(r"\"[^\"]*\"|'[^']*'")
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
_GUARD = lazy(
    rf"^\s*if\s*\(\s*{_DRAFT}\s*\)\s*(?:\{{\s*return\s+false\s*;?\s*\}}|return\s+false\s*;)", re.MULTILINE
)
_EITHER = lazy(rf"^{_DRAFT}\s*\?\s*false\s*:\s*")
_RETURN = lazy(r"return\b\s*(\S[\s\S]*?)\s*;?\s*")
_INPUT = lazy(
    r"""(?:\bdir\s*:\s*\{[^{}]{0,500}?\binput\s*:|\bsetInputDirectory\()\s*["'`]([^"'`${}\n]*)["'`]"""
)
_ASKED = lazy(r"""\beleventy\s[^"\n]{0,200}?--input[= ]\\?['"]?([\w./-]+)""")


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

    def named(name: str) -> str:
        if _WORDS.fullmatch(name):
            return name[1:-1]
        if name in known:
            return known[name]()
        return facts.front.text(name) if _NAME.fullmatch(name) else ""

    def filled(match: re.Match[str]) -> str:
        name, *filters = (part.strip() for part in _OR.sub(" or ", match[1]).split("|"))
        value: str | None = None
        if name in ("page.date", "date") and filters and facts.local:
            value = apply_date_filter(facts.local, filters[0])
            if value is None:
                unknown.append(f"the filter {filter_name(filters[0])!r}, which is code")
                return ""
            filters = filters[1:]
        else:
            value = next((found for part in name.split(" or ") if (found := named(part))), "")
        for one in filters:
            value = made if (made := apply_text_filter(value, one)) is not None else None
            if value is None:
                unknown.append(f"the filter {filter_name(one)!r}, which is code")
                return ""
        if not value:
            unknown.append(f"{name[:40]!r}, which has no plain value")
        return value

    made = _TEMPLATE.sub(filled, template)
    if "{" in made and not unknown:
        unknown.append("template code")
    return (None, unknown[0]) if unknown else (made, "")


def input_folder(config: str, package: str) -> str | None:
    """The folder in which addresses begin, by a configuration or by the command in package.json: "src", or
    "" for the root itself; None where neither says it.
    """
    found = _INPUT.search(config) or _ASKED.search(package)
    return "/".join(part for part in found[1].split("/") if part not in ("", ".")) if found else None


def template_from_function(code: str, file: str = "") -> str | None:
    """The template that a function makes a permalink of, in the words of `address`: `/a/${data.slug}/`; ""
    where it is the post's own, `data.permalink`. None where it is neither, or one of several. `file` is all
    that stands in its file. What it makes of drafts counts for nothing: they are hidden.
    """
    match = _FUNCTION.fullmatch(code.strip())
    if match is None:
        return None
    names = _NAME.findall(match["names"] or "") if match["names"] is not None else None
    given = match["given"] or match["alone"] or ""
    body = match["value"]
    if body.startswith("{"):
        body = _GUARD.sub("", body[1:].removesuffix("}"), count=3).strip()
        if not (returned := _RETURN.fullmatch(body)):
            return None
        body = returned[1]
    if body.startswith("(") and body.endswith(")"):
        body = body[1:-1].strip()
    body = _EITHER.sub("", body)
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
        word = _word(place[1], given, names, slugs)
        if word is None:
            return None
        parts += [template[at : place.start()], f"{{{{ {word} }}}}"]
        at = place.end()
    return "".join([*parts, template[at:]])


def _word(inside: str, given: str, names: Sequence[str] | None, slugs: Sequence[str]) -> str | None:
    """What stands in `${...}`, as a template has it; None where it is not the post's data. The function is
    given them as `given`, or only those that `names` are.
    """
    if call := _CALL.fullmatch(inside):
        inner = _word(call[3], given, names, slugs)
        return f"{inner} | {call[2]}" if call[1] in slugs and inner is not None else None
    words: list[str] = []
    for part in _OR.split(inside.replace("?.", ".")):
        name = part.strip().removeprefix(f"{given}.") if names is None else part.strip()
        whose = part.strip().startswith(f"{given}.") if names is None else name.partition(".")[0] in names
        if not _DATA.fullmatch(name) or not whose:
            return None
        words.append(name)
    return " or ".join(words)
