"""Eleventy's own: data files of folders, and permalinks that are templates.

A folder's data are in a file of its name in it, `posts/posts.json` or `posts/posts.11tydata.json`; those of
the folders above count where it says nothing. Data files that are code are never run.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from publisher.sources.configs import read_table
from publisher.sources.permalinks import Facts, slugify, undated
from publisher.sources.rules import Defaults, SourceRules
from publisher.sources.values import Value, scalars

MAX_FOLDERS = 2_000
"""Folders whose data are looked for."""

_MARKERS = frozenset({"all", "post", "posts", "blog"})
"""Tags that make a collection of all posts, and are no word that a post is filed under."""

_TEMPLATE = re.compile(r"\{\{-?\s*([^{}]{1,200}?)\s*-?\}\}")


def folder_data(folder: Path, rules: SourceRules, paths: Sequence[str]) -> tuple[Defaults, ...]:
    """What the folders of the posts at `paths` give to them, the broadest scope first. Reads files."""
    found: list[Defaults] = []
    for place in _folders(rules, paths):
        name = PurePosixPath(place).name
        inside = _inside(folder, rules, place)
        values: dict[str, Value] = {}
        for end in (".json", ".11tydata.json"):
            values.update(read_table(inside / (name + end)))
        if values:
            found.append(Defaults(scope=place, values=_posts_values(values, name)))
    return tuple(found)


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


def _folders(rules: SourceRules, paths: Sequence[str]) -> list[str]:
    """The folders of the posts and all above them, by their paths from the blog's root, broadest first."""
    near = {rules.in_blog(path).rpartition("/")[0] for path in paths}
    every = {str(above) for place in near for above in (PurePosixPath(place), *PurePosixPath(place).parents)}
    return sorted(every - {".", ""}, key=lambda place: (place.count("/"), place))[:MAX_FOLDERS]


def _inside(folder: Path, rules: SourceRules, place: str) -> Path:
    if rules.below:
        return folder / rules.below / place
    root = folder.parents[len(rules.above) - 1] if rules.above else folder
    return root / place


def _posts_values(values: dict[str, Value], folder: str) -> dict[str, Value]:
    tags: list[Value] = [tag for tag in scalars(values.get("tags")) if tag not in _MARKERS and tag != folder]
    rest = {name: value for name, value in values.items() if name != "tags"}
    return {**rest, "tags": tags} if tags else rest
