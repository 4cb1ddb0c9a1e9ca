"""Eleventy's own: permalinks that are templates. What its data files say stands in `elevendata`."""

import re
from collections.abc import Callable

from publisher.sources.datewords import by_signs
from publisher.sources.permalinks import Facts, slugify, undated

_TEMPLATE = re.compile(r"\{\{-?\s*([^{}]{1,200}?)\s*-?\}\}")
_DATE_FILTER = re.compile(r"""date(?:\s*:\s*|\s*\(\s*)["']([^"']+)["']\s*\)?""")
_SAFE = frozenset({"slugify", "slug", "url", "safe"})


def address(template: str, facts: Facts) -> str | None:
    """The permalink that `template` stands for; None where only Eleventy could tell."""
    known: dict[str, Callable[[], str]] = {
        "page.fileSlug": lambda: undated(facts.path),
        "page.filePathStem": lambda: facts.stem,
        "slug": lambda: facts.front.text("slug"),
        "title": lambda: facts.title,
        "page.date.getFullYear()": lambda: f"{facts.local:%Y}" if facts.local else "",
    }
    unknown: list[str] = []

    def filled(match: re.Match[str]) -> str:
        name, *filters = (part.strip() for part in match[1].split("|"))
        dated = _DATE_FILTER.fullmatch(filters[0]) if filters and name in ("page.date", "date") else None
        if dated and facts.local:
            return by_signs(dated[1], facts.local)
        value = known[name]() if name in known else ""
        if not value or not _SAFE.issuperset(filters):
            unknown.append(name)
        return slugify(value) if {"slugify", "slug"} & set(filters) else value

    made = _TEMPLATE.sub(filled, template)
    return None if unknown or "{" in made else made
