"""Eleventy's own: permalinks that are templates. What its data files say stands in `elevendata`."""

import re
from collections.abc import Callable

from publisher.sources.permalinks import Facts, slugify, undated

_TEMPLATE = re.compile(r"\{\{-?\s*([^{}]{1,200}?)\s*-?\}\}")


def address(template: str, facts: Facts) -> str | None:
    """The permalink that `template` stands for; None where only Eleventy could tell."""
    known: dict[str, Callable[[], str]] = {
        "page.fileSlug": lambda: undated(facts.path),
        "page.filePathStem": lambda: "/" + facts.path.rpartition(".")[0],
        "slug": lambda: facts.front.text("slug"),
        "title": lambda: facts.title,
    }
    unknown: list[str] = []

    def filled(match: re.Match[str]) -> str:
        name, *filters = (part.strip() for part in match[1].split("|"))
        value = known[name]() if name in known else ""
        if not value or any(word not in ("slugify", "slug", "url", "safe") for word in filters):
            unknown.append(name)
        return slugify(value) if {"slugify", "slug"} & set(filters) else value

    made = _TEMPLATE.sub(filled, template)
    return None if unknown or "{" in made else made
