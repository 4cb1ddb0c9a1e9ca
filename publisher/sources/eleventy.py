"""Eleventy's own: permalinks that are templates, and its input. Data files are read in `elevendata`."""

import re
from collections.abc import Callable

from publisher.core.patterns import lazy
from publisher.sources.elevenfilters import dated, filtered, name_of
from publisher.sources.permalinks import Facts, undated

_TEMPLATE = lazy(r"\{\{-?\s*([^{}]{1,200}?)\s*-?\}\}")
_WORDS = lazy(r"\"[^\"]*\"|'[^']*'")
_OR = lazy(r"\s*(?:\|\||\?\?)\s*|\s+or\s+")
_NAME = lazy(r"[A-Za-z_]\w*")
_TEXT = lazy(r"`((?:[^`\\]|\\[\s\S]){0,500})`|\"([^\"\\\n]{0,500})\"|'([^'\\\n]{0,500})'")
_PLACE = lazy(r"\$\{\s*([^{}]{1,200}?)\s*\}")
_CALL = lazy(r"(?:\w+\.)*slug(?:ify)?\(\s*(.*?)\s*\)")
_INPUT = lazy(
    r"""(?:\bdir\s*:\s*\{[^{}]{0,500}?\binput\s*:|\bsetInputDirectory\()\s*["'`]([^"'`${}\n]*)["'`]"""
)
_ASKED = lazy(r"""\beleventy\s[^"\n]{0,200}?--input[= ]\\?['"]?([\w./-]+)""")
_OF_DATA = lazy(r"\b(?:data|d|it|item)\??\.")


def address(template: str, facts: Facts) -> tuple[str | None, str]:
    """The permalink that `template` stands for, and, where only Eleventy could tell, None and why."""
    known: dict[str, Callable[[], str]] = {
        "page.fileSlug": lambda: undated(facts.path),
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
            value = dated(facts.local, filters[0])
            if value is None:
                unknown.append(f"the filter {name_of(filters[0])!r}, which is code")
                return ""
            filters = filters[1:]
        else:
            value = next((found for part in name.split(" or ") if (found := named(part))), "")
        for one in filters:
            value = made if (made := filtered(value, one)) is not None else None
            if value is None:
                unknown.append(f"the filter {name_of(one)!r}, which is code")
                return ""
        if not value:
            unknown.append(f"{name[:40]!r}, which has no plain value")
        return value

    made = _TEMPLATE.sub(filled, template)
    if "{" in made and not unknown:
        unknown.append("template code")
    return (None, unknown[0]) if unknown else (made, "")


def input_of(config: str, package: str) -> str | None:
    """The folder in which addresses begin, by a configuration or by the command in package.json: "src", or
    "" for the root itself; None where neither says it.
    """
    found = _INPUT.search(config) or _ASKED.search(package)
    return "/".join(part for part in found[1].split("/") if part not in ("", ".")) if found else None


def template_of(code: str) -> str:
    """The template that a function makes a permalink of, in the words of `address`: `/a/${data.slug}/`. ""
    where it is none, or one of several.
    """
    texts = [match[1] or match[2] or match[3] or "" for match in _TEXT.finditer(code)]
    return _PLACE.sub(_placed, texts[0]) if len(texts) == 1 and "/" in texts[0] else ""


def _placed(match: re.Match[str]) -> str:
    inside = _OF_DATA.sub("", match[1]).replace("?.", ".")
    if call := _CALL.fullmatch(inside):
        inside = f"{call[1]} | slugify"
    return f"{{{{ {inside} }}}}"
