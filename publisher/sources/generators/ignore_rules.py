"""Which files of a blog its generator never builds, by its settings and by the folders themselves. Of all
files, only the pages of sections are opened.

_index.md                        Zola: `draft = true` hides the folder (components/site/src/lib.rs);
                                 Hugo: `cascade`
index.md                         Hugo: all other files in its folder, at any depth, belong to that page

Eleventy (src/EleventyFiles.js):

.eleventyignore, .gitignore      one glob a line, from the folder of the file; "!" is not supported
eleventyConfig.ignores.add(".")  globs from the blog's root
setUseGitIgnore(false)           .gitignore is not read
dir, set...Directory             the folders of includes, layouts and data, and of the built site

What .gitignore keeps out of Git cannot be on a site built from the repository, so its patterns also count as
Git reads them (gitignore(5)).
"""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path

from publisher.core.caching import lazy
from publisher.sources.frontmatter.values import FrontMatter
from publisher.sources.generators import hugo
from publisher.sources.globs import any_regex, glob_to_regex, matches_whole
from publisher.sources.ignored_files import IgnorePatterns, IgnoreRule, OnlyWithin, OutsideFolders, is_inside
from publisher.sources.source_rules import GeneratorConfig, SourceRules, read_page_front_matter

MAX_SECTIONS = 5_000
"""Pages of sections that are opened."""

_NAMES = {
    "hexo": "not in _posts",
    "astro": "outside its collections",
    "docusaurus": "not in a folder of its blog",
}

MAX_LINES = 1_000
_IGNORES_ADD = lazy(r"""\bignores\s*\.\s*add\(\s*["'`]([^"'`$\n]+)["'`]\s*\)""")
_NO_GIT = lazy(r"\bsetUseGitIgnore\(\s*false\s*\)")
_DIR = lazy(r"\bdir\s*:\s*\{([^{}]{0,1000})\}")
_FOLDER_SETTING = lazy(r"""\b(includes|layouts|data|output)\s*:\s*["'`]([^"'`$\n]*)["'`]""")
_FOLDER_CALL = lazy(r"""\bset(Includes|Layouts|Data|Output)Directory\(\s*["'`]([^"'`$\n]*)["'`]""")
_DEFAULT_FOLDERS = {"includes": "_includes", "data": "_data", "output": "_site"}


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
    """`rules` with the generator's own on which of the posts at `paths` it ignores; its blog is at `root`."""
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
            hugo.bundle_resources(
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
    everywhere = hugo.cascades(config.cascade, content, content)
    given = [*everywhere]
    beside = dict(rules.post_defaults)
    for page, front in read_sections(root, rules, paths):
        value = front.get("cascade")
        found = [*hugo.cascades(value, page.rpartition("/")[0], content)] if value else []
        if len(codes) < 2:
            given += found
            continue
        for path in paths if found else ():
            if language_code(path, codes) == language_code(page, codes):
                values = hugo.merge_cascades(found, rules.in_blog(path))
                beside.update({path: {**beside.get(path, {}), **values}} if values else {})
    return replace(rules, defaults=(*given, *rules.defaults), post_defaults=beside)


def language_code(path: str, codes: Sequence[str]) -> str:
    """The language that ends a file's name; "" for none."""
    parts = path.rpartition("/")[2].lower().split(".")
    return parts[-2] if len(parts) > 2 and parts[-2] in codes else ""


@dataclass(frozen=True, slots=True)
class GitIgnore:
    """A .gitignore: each pattern as written, whether it is a "!" that takes files back, and its regular
    expression; the last pattern comes first.
    """

    patterns: tuple[tuple[str, bool, str], ...]

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why. What is in an ignored folder cannot be taken back."""
        if not self.patterns:
            return None
        folder, slash, _ = path.rpartition("/")
        return (ignored_with_folder(self.patterns, folder + "/") if slash else None) or last_match(
            self.patterns, path
        )


@lru_cache(maxsize=2_000)
def ignored_with_folder(patterns: tuple[tuple[str, bool, str], ...], folder: str) -> str | None:
    """Why the folder, or one above it, is ignored."""
    above = folder[:-1].rpartition("/")[0]
    return (ignored_with_folder(patterns, above + "/") if above else None) or last_match(patterns, folder)


def last_match(patterns: Sequence[tuple[str, bool, str]], place: str) -> str | None:
    """What the last of the patterns that match `place` says of it; `patterns` has the last one first."""
    some = any_regex(tuple(f"(?:{source})$" for _, _, source in patterns))
    if some is None or not some.match(place):
        return None
    found = next((item for item in patterns if matches_whole(item[2], place)), None)
    return f".gitignore: {found[0]}" if found and not found[1] else None


def eleventy_ignore_files(content: str | None) -> tuple[str, ...]:
    """The files that list what is ignored; `content` is Eleventy's input folder."""
    return (".gitignore", ".eleventyignore", *([f"{content}/.eleventyignore"] if content else []))


def eleventy_rules(config: str, content: str | None, texts: Mapping[str, str]) -> tuple[IgnoreRule, ...]:
    """What a configuration, and the files of `eleventy_ignore_files` with these `texts`, leave out."""
    settings = {match[1].lower(): match[2] for match in _FOLDER_CALL.finditer(config)}
    if block := _DIR.search(config):
        settings = {match[1]: match[2] for match in _FOLDER_SETTING.finditer(block[1])} | settings
    pageless: list[str] = []  # folders that hold no pages, by their paths from the root
    for name, place in {**_DEFAULT_FOLDERS, **settings}.items():
        base = "" if name == "output" else content or ""
        folder = posixpath.normpath(posixpath.join(base, place)) if place else "."
        if folder not in (".", "") and not folder.startswith(".."):
            pageless.append(folder)
    found: list[IgnoreRule] = [OutsideFolders(tuple(pageless))]
    for name, text in texts.items():
        if name == ".gitignore" and _NO_GIT.search(config):
            continue
        lines = [line.strip() for line in islice(text.split("\n"), MAX_LINES)]
        globs = [line for line in lines if line and line[0] not in "#!"]
        found.append(anchored_patterns(name, globs, posixpath.dirname(name)))
        if name == ".gitignore":
            found.append(GitIgnore(tuple(reversed([*git_patterns(text)]))))
    return (*found, anchored_patterns("ignores", _IGNORES_ADD.findall(config), ""))


def anchored_patterns(name: str, globs: Sequence[str], folder: str) -> IgnorePatterns:
    """Globs of paths from `folder`, each of a file or of a folder with all that is in it."""
    below = re.escape(folder + "/") if folder else ""
    plain = [(glob, glob.removeprefix("./").strip("/")) for glob in globs]
    return IgnorePatterns(
        name, tuple((glob, f"^{below}(?:{glob_to_regex(text)})(?:/|$)") for glob, text in plain if text)
    )


def git_patterns(text: str) -> Iterator[tuple[str, bool, str]]:
    """The patterns of a .gitignore, as `GitIgnore` has them but in the file's order."""
    for line in islice(text.splitlines(), MAX_LINES):
        written = line if line.endswith("\\ ") else line.rstrip()
        back = written.startswith("!")
        pattern = written[1:] if back else written
        if not pattern or pattern.startswith("#"):
            continue
        folder = pattern.endswith("/")
        bare = pattern.rstrip("/")
        anchor = "" if "/" in bare else "(?:.*/)?"
        source = anchor + glob_to_regex(bare.lstrip("/"), braces=False)
        yield written, back, source + ("(?<=[^/])/" if folder else "(?<=[^/])/?")
