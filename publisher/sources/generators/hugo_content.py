"""Which files Hugo makes pages of, and the front matter that it gives to them; no post is opened.

contentDir, languages.*.contentDir, module.mounts   what is outside of them is none (hugo: modules/collect.go)
module.mounts.files                                 globs from the mount's folder; the first that matches
                                                    decides, and "! " before one leaves out
module.mounts.includeFiles, excludeFiles            the same in two lists, of which the first wins
                                                    (hugo: hugofs/glob/filename_filter.go)
disableLanguages, languages.*.disabled              the pages of these
ignoreFiles                                         regular expressions that find anything in a file's path
a/index.md                                          a leaf bundle: what else is in it, however deep, belongs
                                                    to that page (content-management/page-bundles)
cascade                                             of the configuration and of _index.md: front matter of
                                                    all below (content-management/front-matter#cascade)

The last two are pages of https://gohugo.io/.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from publisher.sources.frontmatter.values import Value, folded_map, scalars, text_of
from publisher.sources.generators import hugo
from publisher.sources.globs import glob_to_regex, in_scope, matches_whole
from publisher.sources.ignored.paths import IgnorePatterns, IgnoreRule, is_inside
from publisher.sources.rules import Defaults

_OF_EACH_PAGE = frozenset({"title", "slug", "url", "aliases", "date", "id", "guid"})
"""What each page says of itself, and no cascade for many."""

_KINDS = frozenset({"", "page"})

_FILES = "the files of its mount"


@dataclass(frozen=True, slots=True)
class IgnoredNames:
    """Names that Hugo passes over: those that begin with "#" (source/sourceSpec.go, IgnoreFile), and those
    that end in one of `codes`, the languages that are turned off.
    """

    codes: Sequence[str]

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        name = path.rpartition("/")[2].lower()
        if name.startswith("#"):
            return "a name that begins with #"
        parts = name.split(".")
        return f"the language {parts[-2]} is disabled" if len(parts) > 2 and parts[-2] in self.codes else None


@dataclass(frozen=True, slots=True)
class BundleResources:
    """Files of leaf bundles that are no pages: the path of each, and of the page that it belongs to."""

    of: Mapping[str, str]

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        page = self.of.get(path)
        return f"part of the page {page}" if page else None


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount's folder and its globs in the order that decides, each with whether it takes files in."""

    place: str
    globs: tuple[tuple[str, bool], ...]

    def why(self, path: str) -> str | None:
        """Why it does not reach the file at `path`, which is in its folder."""
        inner = path[len(self.place) :].strip("/").lower() if self.place else path.lower()
        folders = [inner[:at] for at, sign in enumerate(inner) if sign == "/"]
        for glob, takes in self.globs:
            source = glob_to_regex(glob.strip("/").lower())
            if matches_whole(source, inner):
                return None if takes else f"{_FILES}: {glob} is left out"
            if not takes and any(matches_whole(source, folder) for folder in folders):
                return f"{_FILES}: {glob} is left out"
        return f"not among {_FILES}" if any(takes for _, takes in self.globs) else None


@dataclass(frozen=True, slots=True)
class Mounts:
    """Mounts with globs. A file is left out where no mount reaches it."""

    mounts: tuple[Mount, ...]

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        found = [mount.why(path) for mount in self.mounts if is_inside(path, mount.place)]
        return found[0] if found and None not in found else None


def ignore_rules(top: Mapping[str, Value], off: Sequence[str]) -> tuple[IgnoreRule, ...]:
    """What a configuration leaves out; the languages `off` are turned off."""
    patterns = tuple((text, text.replace(r"\z", r"\Z")) for text in scalars(top.get("ignorefiles")))
    found: list[Mount] = []
    for source, mount in hugo.mounts(top):
        globs = [(glob.removeprefix("! "), not glob.startswith("! ")) for glob in scalars(mount.get("files"))]
        if not globs:
            globs = [(glob, True) for glob in scalars(mount.get("includefiles"))]
            globs += [(glob, False) for glob in scalars(mount.get("excludefiles"))]
        found.append(Mount(source, tuple(globs)))
    return (
        IgnoredNames(tuple(off)),
        IgnorePatterns("ignoreFiles", patterns, "/"),
        Mounts(tuple(found) if any(mount.globs for mount in found) else ()),
    )


def content_folders(contents: Iterable[str], top: Mapping[str, Value]) -> tuple[str, ...]:
    """The folders of content; none where one is outside of the blog, so that posts may be anywhere."""
    languages = top.get("languages")
    tables = (
        [top, *(folded_map(entry) for entry in languages.values())] if isinstance(languages, dict) else [top]
    )
    written = [text_of(entry.get("contentdir")) for entry in tables]
    return () if any(text.startswith(("/", "..", "~")) for text in written) else tuple(contents)


def bundle_resources(paths: Iterable[str], places: Sequence[str], codes: Sequence[str]) -> BundleResources:
    """The files of leaf bundles among `paths`, which are from the blog's root; content is in `places`, and
    `codes` are the languages that an index may be in.
    """
    paths = [path for path in paths if any(is_inside(path, place) for place in places)]
    bundles = {path.rpartition("/")[0]: path for path in paths if is_bundle_index(path, codes)}
    found: dict[str, str] = {}
    for path in paths if bundles else ():
        home = next((above for above in folders_above(path) if above in bundles), None)
        if home is not None and not (path.rpartition("/")[0] == home and is_bundle_index(path, codes)):
            found[path] = bundles[home]
    return BundleResources(found)


def is_bundle_index(path: str, codes: Sequence[str]) -> bool:
    """Whether a file is the index of a leaf bundle: index.md, or index.de.md of a language in `codes`."""
    name, *between, _ = path.rpartition("/")[2].split(".") if "." in path else (path, "")
    return name == "index" and (not between or (len(between) == 1 and between[0].lower() in codes))


def folders_above(path: str) -> Iterator[str]:
    """The folders above `path`, the outermost first."""
    at = path.find("/")
    while at >= 0:
        yield path[:at]
        at = path.find("/", at + 1)


def cascades(value: Value, place: str, content: str) -> Iterator[Defaults]:
    """What `cascade` gives to the pages in the folder `place`; targets are paths in the folder `content`."""
    for entry in map(folded_map, value if isinstance(value, list) else [value]):
        target = folded_map(entry.get("target"))
        values = {name: it for name, it in entry.items() if name != "target" and name not in _OF_EACH_PAGE}
        if (
            not values
            or text_of(target.get("kind")) not in _KINDS
            or text_of(target.get("environment")) not in ("", "production")
        ):
            continue
        path = text_of(target.get("path")).strip()
        for scope in target_scopes(path, content) if path else [place]:
            yield Defaults(scope=scope, values=values)


def merge_cascades(given: Iterable[Defaults], path: str) -> dict[str, Value]:
    """The front matter that the cascades `given` make for the file at `path`; the last one wins."""
    found: dict[str, Value] = {}
    for entry in given:
        if in_scope(path, entry.scope):
            found.update(entry.values)
    return found


def target_scopes(path: str, content: str) -> list[str]:
    """The patterns of files whose pages a target's path names: "{/posts,/notes}/**"."""
    base = content + "/" if content else ""
    found: list[str] = []
    # A scope has no `{a,b}`, so such a glob becomes several, at most 100.
    parts = re.split(r"\{([^{}]*)\}", path, maxsplit=4)
    choices = [part.split(",") if n % 2 else [part] for n, part in enumerate(parts)]
    for text in ["".join(one) for _, one in zip(range(100), product(*choices), strict=False)]:
        text = base + text.strip("/")
        found += [text] if text.endswith("*") else [text, text + ".*"]
    return found
