"""Which files of a blog its generator never builds, by what its configuration says of paths and by what is
in its folders. Only pages of sections are opened.

_index.md   Zola: `draft = true` hides the folder (components/site/src/lib.rs); Hugo: `cascade`
index.md    Hugo: what is beside it and below it belongs to that page
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from publisher.sources.frontmatter.values import FrontMatter
from publisher.sources.generators import hugo_content
from publisher.sources.generators.detect import GeneratorConfig, read_page_front_matter
from publisher.sources.ignored.paths import OnlyWithin, is_inside
from publisher.sources.rules import SourceRules

MAX_SECTIONS = 5_000
"""Pages of sections that are opened."""

_NAMES = {
    "hexo": "not in _posts",
    "astro": "outside its collections",
    "docusaurus": "not in a folder of its blog",
}


@dataclass(frozen=True, slots=True)
class DraftSections:
    """Sections that are drafts: their folders, and the pages that say so."""

    of: Mapping[str, str]

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        page = next((page for place, page in self.of.items() if is_inside(path, place)), None)
        return f"draft: true in {page}" if page else None


def apply_ignore_rules(
    rules: SourceRules, config: GeneratorConfig, root: Path, paths: Sequence[str]
) -> SourceRules:
    """`rules` with what the generator ignore_rules out of the posts at `paths`; its blog is at `root`."""
    ignore_rules = [*config.ignore_rules]
    # Settings may name a folder outside of all that the generator reads; then those do not matter.
    home = "/".join(rules.above)
    if places := (
        tuple(config.content_folders)
        if any(is_inside(home, place) or is_inside(place, home) for place in config.content_folders)
        else ()
    ):
        ignore_rules.insert(
            0, OnlyWithin(places, _NAMES.get(config.profile, f"not in {' or '.join(places)}"))
        )
    if config.profile == "jekyll" and rules.above in ((), ("source",)):
        ignore_rules.append(JekyllPostsOnly())
    if config.profile == "hugo":
        codes = tuple(code.lower() for code in config.languages.codes) if config.languages else ()
        ignore_rules.append(
            hugo_content.bundle_resources(
                paths_and_pages_above(root, rules, paths, "index"), config.content_folders, codes
            )
        )
        rules = with_cascades(rules, config, root, paths, codes)
    if config.profile == "zola":
        sections = read_sections(root, rules, paths)
        drafts = {page.rpartition("/")[0]: page for page, front in sections if front.flag("draft")}
        ignore_rules.append(DraftSections(drafts))
    return replace(rules, ignore_rules=tuple(ignore_rules))


@dataclass(frozen=True, slots=True)
class JekyllPostsOnly:
    """Jekyll: what is in no folder called _posts is a page, or of another collection."""

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        folders = path.split("/")[:-1]
        return None if "_posts" in folders or "_drafts" in folders else "not in _posts"


def paths_and_pages_above(root: Path, rules: SourceRules, paths: Iterable[str], stem: str) -> Iterator[str]:
    """The files at `paths`, by their paths from the blog's root, and those called `stem` in folders above."""
    for n in range(1, len(rules.above)):
        above = "/".join(rules.above[:n])
        yield from (
            f"{above}/{stem}{end}" for end in (".md", ".html") if (root / f"{above}/{stem}{end}").is_file()
        )
    yield from map(rules.in_blog, paths)


def read_sections(root: Path, rules: SourceRules, paths: Sequence[str]) -> list[tuple[str, FrontMatter]]:
    """The pages of sections that have front matter, the outermost first."""
    near = paths_and_pages_above(
        root, rules, (path for path in paths if path.rpartition("/")[2].startswith("_index.")), "_index"
    )
    pages = sorted(islice(near, MAX_SECTIONS), key=lambda page: (page.count("/"), page))
    return [(page, front) for page in pages if (front := read_page_front_matter(root / page))]


def with_cascades(
    rules: SourceRules, config: GeneratorConfig, root: Path, paths: Sequence[str], codes: Sequence[str]
) -> SourceRules:
    """`rules` with the front matter that Hugo's configuration and sections give to what is below them. The
    page of a section in one of several languages gives to the files in that language alone.
    """
    content = next(iter(config.content_folders), "content")
    everywhere = hugo_content.cascades(config.cascade, content, content)
    given = [*everywhere]
    beside = dict(rules.post_defaults)
    for page, front in read_sections(root, rules, paths):
        value = front.get("cascade")
        found = [*hugo_content.cascades(value, page.rpartition("/")[0], content)] if value else []
        if len(codes) < 2:
            given += found
            continue
        for path in paths if found else ():
            if language_code(path, codes) == language_code(page, codes):
                values = hugo_content.merge_cascades(found, rules.in_blog(path))
                beside.update({path: {**beside.get(path, {}), **values}} if values else {})
    return replace(rules, defaults=(*given, *rules.defaults), post_defaults=beside)


def language_code(path: str, codes: Sequence[str]) -> str:
    """The language that ends a file's name; "" for none."""
    parts = path.rpartition("/")[2].lower().split(".")
    return parts[-2] if len(parts) > 2 and parts[-2] in codes else ""
