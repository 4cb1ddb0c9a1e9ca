"""Hugo: its configuration, which files it makes pages of, and the front matter it gives them.

permalinks                                the permalink of each section's pages, in Hugo's words
languages                                 their codes and, where each has its own folder, contentDir
defaultContentLanguage                    and defaultContentLanguageInSubdir: which has no folder in URLs
frontmatter                               where each date comes from, in order; ":filename" takes the slug too
uglyURLs                                  /posts/a.html instead of /posts/a/, in all sections or some
removePathAccents, disablePathToLower     how names are spelled in URLs
contentDir, module.mounts                 files outside of them are ignored (modules/collect.go)
mounts: files                             globs from the mount's folder; the first match decides, and "! "
                                          before one excludes (hugofs/glob/filename_filter.go)
mounts: includeFiles, excludeFiles        the same as two lists, of which the first takes precedence
disableLanguages, languages.*.disabled    the pages of these languages are ignored
ignoreFiles                               regular expressions searched for in a file's path
a/index.md                                a leaf bundle: all other files in its folder, at any depth, belong
                                          to that page (https://gohugo.io/content-management/page-bundles)
cascade                                   front matter for all pages below, in the configuration and in
                                          _index.md (https://gohugo.io/content-management/front-matter#cascade)
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from publisher.core.caching import lazy
from publisher.sources.frontmatter.values import Defaults, Value, fold, folded_map, scalars, text_of
from publisher.sources.generators.profiles import HugoPaths
from publisher.sources.globs import glob_to_regex, in_scope, matches_whole
from publisher.sources.ignored_files import IgnorePatterns, IgnoreRule, is_inside

PERMALINK = "/:sections/:slug"
_HUGO_WORDS = {
    ":titleslug": lazy(r":slug(?![a-z])"),
    ":titleonly": lazy(r":title(?![a-z])"),
    ":sections_rest": lazy(r":sections\[1:\]"),
    ":sections_last": lazy(r":sections\[last\]"),
    ":section": lazy(r":sections\[0\]"),
}

FILENAME = ":filename"
UNKNOWN_SOURCES = {":git": "Git", ":filemodtime": "the time of its file"}
_DEFAULT_DATE_FIELDS = {
    "date": ("date", "publishdate", "pubdate", "published", "lastmod", "modified"),
    "publishdate": ("publishdate", "pubdate", "published", "date"),
    "lastmod": ("lastmod", "modified"),
    "expirydate": ("expirydate", "unpublishdate"),
}
"""What ":default" means, without Git for `lastmod`, and without dates that are not of a change."""

_ALIASES = {
    "lastmod": ("modified",),
    "publishdate": ("pubdate", "published"),
    "expirydate": ("unpublishdate",),
}

_OF_EACH_PAGE = frozenset({"title", "slug", "url", "aliases", "date", "id", "guid"})
"""Fields that only a page itself sets, never a cascade."""

_KINDS = frozenset({"", "page"})
_FILES = "the files of its mount"


@dataclass(frozen=True, slots=True, kw_only=True)
class HugoLanguages:
    """The languages of a blog. `codes` are all that it names. `contents` are the content folders, by their
    paths from the blog's root, each with the language of its files ("" if names of files tell it). `main` is
    the language whose posts have no folder in their URLs; "": all have one. `disabled` are the codes of
    languages that are turned off. `targets` maps the folders of mounts to content folders other than the
    root.
    """

    codes: tuple[str, ...] = ()
    contents: Mapping[str, str]
    main: str = ""
    disabled: tuple[str, ...] = ()
    targets: Mapping[str, str] = field(default_factory=dict[str, str])

    def of_folder(self, path: str) -> tuple[str, str]:
        """The content folder of the file at `path`, and that folder's language."""
        found = [place for place in self.contents if path.startswith(place + "/")]
        place = max(found, key=len, default="")
        return place, self.contents.get(place, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class DateSources:
    """Where the dates of posts are taken from, in order: fields of front matter by values.fold, `FILENAME`,
    and `UNKNOWN_SOURCES`, which only the generator's machine knows. Empty: the configuration does not say.
    """

    date: tuple[str, ...] = ()
    publish: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()
    expiry: tuple[str, ...] = ()


def date_sources(top: Mapping[str, Value]) -> DateSources | None:
    """What `frontmatter` says about dates; None if it says nothing
    (https://gohugo.io/configuration/front-matter/#dates).
    """
    settings = folded_map(top.get("frontmatter"))
    orders = {name: expand_date_order(name, scalars(settings.get(name))) for name in _DEFAULT_DATE_FIELDS}
    if not any(orders.values()):
        return None
    changes = tuple(
        name
        for name in orders["lastmod"]
        if name[0] != ":" and name not in _DEFAULT_DATE_FIELDS["publishdate"]
    )
    return DateSources(
        date=orders["date"], publish=orders["publishdate"], modified=changes, expiry=orders["expirydate"]
    )


def expand_date_order(name: str, words: Sequence[str]) -> tuple[str, ...]:
    """The fields in the order of one date, with ":default" expanded and with aliases."""
    found: list[str] = []
    for word in map(fold, words):
        found += _DEFAULT_DATE_FIELDS[name] if word == ":default" else (word, *_ALIASES.get(word, ()))
    return tuple(dict.fromkeys(found))


def hugo_languages(top: Mapping[str, Value]) -> HugoLanguages:
    """The languages that a configuration names; `top` is keyed by values.fold."""
    base = text_of(top.get("contentdir")).strip("/").removeprefix("./") or "content"
    named = top.get("languages")
    entries = {code: folded_map(entry) for code, entry in named.items()} if isinstance(named, dict) else {}
    listed = {code.lower() for code in scalars(top.get("disablelanguages"))}
    disabled = {
        code
        for code, entry in entries.items()
        if text_of(entry.get("disabled")) == "true" or code.lower() in listed
    }
    codes = [code for code in entries if code not in disabled]
    main = text_of(top.get("defaultcontentlanguage")) or "en"
    mounted = mounted_folders(top)
    if not codes:
        return HugoLanguages(
            codes=(main,), contents=mounted or {base: ""}, main=main, targets=mount_targets(top)
        )
    own = [code for code in codes if text_of(entries[code].get("contentdir"))]
    contents = {} if len(own) == len(codes) else {base: ""}
    for code in own:
        if place := text_of(entries[code].get("contentdir")).strip("/").removeprefix("./"):
            contents[place] = code
    inside = text_of(top.get("defaultcontentlanguageinsubdir")) == "true"

    return HugoLanguages(
        codes=tuple(codes),
        contents=mounted or contents,
        main="" if inside else main,
        disabled=tuple(sorted(code.lower() for code in disabled)),
        targets=mount_targets(top),
    )


def mounts(top: Mapping[str, Value]) -> Iterator[tuple[str, Mapping[str, Value]]]:
    """The mounts of content: their folders by their paths from the root, and their settings."""
    listed = folded_map(top.get("module")).get("mounts")
    for mount in map(folded_map, listed if isinstance(listed, list) else ()):
        source, target = (
            text_of(mount.get(name)).removeprefix("./").strip("/") for name in ("source", "target")
        )
        if (target + "/").startswith("content/"):
            yield source, mount


def mounted_folders(top: Mapping[str, Value]) -> dict[str, str]:
    """The folders that module.mounts adds to content, by their paths from the root, with their languages; ""
    for one that several mounts read in different languages.
    """
    found: dict[str, str] = {}
    for source, mount in mounts(top):
        if source and not source.startswith(".."):
            language = text_of(mount.get("lang"))
            found[source] = language if found.get(source, language) == language else ""
    return found


def mount_targets(top: Mapping[str, Value]) -> dict[str, str]:
    """The same folders with the content folders they are mounted at, except those at the root."""
    found: dict[str, str] = {}
    for source, mount in mounts(top):
        target = text_of(mount.get("target")).removeprefix("./").strip("/")
        if inside := target.removeprefix("content").strip("/"):
            found[source] = inside
    return found


def sections(top: Mapping[str, Value]) -> dict[str, str]:
    """The permalinks of single sections by their names."""
    links = folded_map(top.get("permalinks"))
    page = links.get("page")
    links = page if isinstance(page, dict) else links
    found = {name.strip("/").lower(): translate_permalink(text_of(link)) for name, link in links.items()}
    ugly = top.get("uglyurls")
    by_name = {fold(name): text_of(flag) for name, flag in ugly.items()} if isinstance(ugly, dict) else {}
    plain = {name: PERMALINK for name, flag in by_name.items() if flag == "true"}
    return {
        name: with_ending(link, ugly="true" in (ugly, by_name.get(fold(name))))
        for name, link in {**plain, **found}.items()
        if link
    }


def permalink(top: Mapping[str, Value]) -> str:
    """The permalink of pages in any section, if the configuration changes it; else ""."""
    return with_ending(PERMALINK, ugly=True) if text_of(top.get("uglyurls")) == "true" else ""


def with_ending(link: str, *, ugly: bool) -> str:
    """A permalink with the slash or suffix that Hugo adds to it."""
    if link.endswith((".html", ".htm")):
        return link
    return link.rstrip("/") + (".html" if ugly else "/")


def path_spelling(top: Mapping[str, Value]) -> HugoPaths | None:
    """How names are spelled in URLs, if not in Hugo's usual way."""
    plain, cased = (text_of(top.get(name)) == "true" for name in ("removepathaccents", "disablepathtolower"))
    return HugoPaths(plain=plain, cased=cased) if plain or cased else None


def translate_permalink(pattern: str) -> str:
    """A pattern in our words: Hugo's :slug falls back to the title, ours to the file's name."""
    for ours, theirs in _HUGO_WORDS.items():
        pattern = theirs.sub(ours, pattern)
    return pattern


def language(top: Mapping[str, Value]) -> str:
    """The language of the blog."""
    return text_of(top.get("defaultcontentlanguage")) or text_of(top.get("languagecode"))


def author(top: Mapping[str, Value]) -> Value:
    """The author of the blog, if it has only one."""
    return folded_map(top.get("params")).get("author") or top.get("author")


@dataclass(frozen=True, slots=True)
class IgnoredNames:
    """Names that Hugo ignores: those that begin with "#" (source/sourceSpec.go, IgnoreFile), and those that
    end in one of `codes`, the languages that are turned off.
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
    """Files in leaf bundles that are not pages: the path of each, and of the page that it belongs to."""

    of: Mapping[str, str]

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        page = self.of.get(path)
        return f"part of the page {page}" if page else None


@dataclass(frozen=True, slots=True)
class Mount:
    """One mount's folder, and its globs in order of precedence, each with whether it includes files."""

    place: str
    globs: tuple[tuple[str, bool], ...]

    def why(self, path: str) -> str | None:
        """Why it excludes the file at `path`, which is in its folder."""
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
    """Mounts with globs. A file is ignored if every mount of its folder excludes it."""

    mounts: tuple[Mount, ...]

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        found = [mount.why(path) for mount in self.mounts if is_inside(path, mount.place)]
        return found[0] if found and None not in found else None


def ignore_rules(top: Mapping[str, Value], off: Sequence[str]) -> tuple[IgnoreRule, ...]:
    """Rules for what a configuration excludes; the languages `off` are turned off."""
    patterns = tuple((text, text.replace(r"\z", r"\Z")) for text in scalars(top.get("ignorefiles")))
    found: list[Mount] = []
    for source, mount in mounts(top):
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
    """The content folders; none if one of them is outside the blog, so that posts may be anywhere."""
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
    """The defaults that `cascade` sets for pages in the folder `place`; targets are paths in `content`."""
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
    """The front matter that the cascades `given` set for the file at `path`; the last one wins."""
    found: dict[str, Value] = {}
    for entry in given:
        if in_scope(path, entry.scope):
            found.update(entry.values)
    return found


def target_scopes(path: str, content: str) -> list[str]:
    """The patterns of files that a target's path selects: "{/posts,/notes}/**"."""
    base = content + "/" if content else ""
    found: list[str] = []
    # A scope has no `{a,b}`, so such a glob becomes several, at most 100.
    parts = re.split(r"\{([^{}]*)\}", path, maxsplit=4)
    choices = [part.split(",") if n % 2 else [part] for n, part in enumerate(parts)]
    for text in ["".join(one) for _, one in zip(range(100), product(*choices), strict=False)]:
        text = base + text.strip("/")
        found += [text] if text.endswith("*") else [text, text + ".*"]
    return found
