"""Rules for which files a generator never builds, by their paths from the blog's root. Such a file is no post
and is not read.

copies by sync tools, editors' backups, node_modules    ignored whatever the generator
`OnlyWithin`, `OutsideFolders`                          by the folders that the generator reads
`IgnorePatterns`                                        by the patterns in its configuration
`Articles`                                              by Pelican's settings
`JekyllEntryFilter`                                     as Jekyll does (lib/jekyll/entry_filter.rb, reader.rb)

Also the folder of files that are copied into public/ as they are (`site.static`), but for the ignored ones.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

from publisher.core.caching import lazy
from publisher.sources.frontmatter.values import Value, scalars
from publisher.sources.globs import any_regex, compile_regex, glob_to_regex

_COPIES = (
    # Syncthing: https://docs.syncthing.net/users/syncing.html#conflicting-changes
    lazy(r"(.+)\.sync-conflict-\d{8}-\d{6}(?:-[A-Z0-9]{7})?((?:\..+)?)"),
    # Dropbox "(Ann's conflicted copy 2026-11-12)", Nextcloud "(conflicted copy 2026-11-12 101500)"
    lazy(
        r"(.+?) ?\((?:[^()]* )?conflicted copy(?: [^()]*?)?\d{4}-\d\d-\d\d[^()]*(?:\([^()]*\))?\)((?:\..+)?)"
    ),
    lazy(r"(.+?) ?\((?:[^()]*'s )?conflicted copy(?: \d+)?\)((?:\..+)?)"),
    # ownCloud, and Nextcloud before 2.5
    lazy(r"(.+)_conflict-\d{8}-\d{6}((?:\..+)?)"),
    # Seafile
    lazy(r"(.+?) ?\(SFConflict [^()]*\d{4}-\d\d-\d\d[^()]*\)((?:\..+)?)"),
)
_BACKUP = lazy(r"#.*#|~\$.*|.*(?:~|\.(?:swp|swo|swx|orig|bak|rej))", re.IGNORECASE)

JEKYLL_EXCLUDED = (
    ".sass-cache", ".jekyll-cache", "gemfiles", "Gemfile", "Gemfile.lock", "node_modules", "vendor/bundle/",
    "vendor/cache/", "vendor/gems/", "vendor/ruby/",
)  # fmt: skip
"""What Jekyll excludes by default. Versions before 4.0 drop it if `exclude` is set, but nobody wants posts
from gems.
"""


def conflicted_original(path: str) -> str | None:
    """The name of the file that a sync tool copied to `path` because it was changed in two places at once;
    None if `path` is no such copy.
    """
    name = path.rpartition("/")[2]
    if "onflict" not in name:
        return None
    found = next((match for pattern in _COPIES if (match := pattern.fullmatch(name))), None)
    return found[1] + found[2] if found else None


class IgnoreRule(Protocol):
    """A rule for which files are ignored. Only plain values, because rules are sent to other processes."""

    def why(self, path: str) -> str | None:
        """Why the file at `path` (from the blog's root) is no post; None where it may be one."""
        ...


@dataclass(frozen=True, slots=True)
class OnlyWithin:
    """A generator that reads only the folders `places`; `name` is the reason for all other files."""

    places: Sequence[str]
    name: str

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        return None if any(is_inside(path, place) for place in self.places) else self.name


@dataclass(frozen=True, slots=True)
class OutsideFolders:
    """Folders in which a generator never looks for pages."""

    places: Sequence[str]

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        return next((f"in {place}" for place in self.places if path.startswith(place + "/")), None)


@dataclass(frozen=True, slots=True)
class IgnorePatterns:
    """A setting that names files to ignore. `patterns` are (as written, a regular expression to search for in
    the path, with `lead` before it).
    """

    setting: str
    patterns: Sequence[tuple[str, str]]
    lead: str = ""

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        found = any_regex(tuple(source for _, source in self.patterns))
        if found is None or not found.search(self.lead + path):
            return None
        for written, source in self.patterns:
            pattern = compile_regex(source)
            if pattern is not None and pattern.search(self.lead + path):
                return f"{self.setting}: {written}"
        return None


def name_patterns(
    setting: str, globs: Iterable[str], *, below: str = "", across: bool = False
) -> IgnorePatterns:
    """The globs of a setting. Each means files, or folders with everything in them: anywhere, or relative to
    the folder `below`. `across` is as in globs.glob_to_regex.
    """
    lead = re.escape(below + "/") if below else ""
    start = f"^{lead}" if below else "(?:^|/)"
    return IgnorePatterns(
        setting,
        tuple(
            (glob, f"{start}(?:{glob_to_regex(strip_glob(glob), across=across)})(?:/|$)")
            for glob in globs
            if strip_glob(glob)
        ),
    )


def whole_path_patterns(setting: str, globs: Iterable[str]) -> IgnorePatterns:
    """The globs of a setting, for whole paths or for folders with everything in them; `*` is any text."""
    return IgnorePatterns(
        setting, tuple((it, f"^(?:{glob_to_regex(it, across=True)})(?:/|$)") for it in globs if it), "/"
    )


def strip_glob(glob: str) -> str:
    """A glob without white space, "./" and slashes at its ends, which mean nothing."""
    return glob.strip().removeprefix("./").strip("/")


def is_inside(path: str, place: str) -> bool:
    """Whether `path` is `place` or below it. Every path is in ""."""
    return not place or path == place or path.startswith(place + "/")


def why_ignored(path: str, in_blog: str, rules: Sequence[IgnoreRule]) -> str | None:
    """Why the file at `path` is no post, whatever it says; `in_blog` is its path from the blog's root."""
    *folders, name = path.split("/")
    if original := conflicted_original(name):
        return f"a conflicted copy of {original}"
    if _BACKUP.fullmatch(name):
        return "a backup of an editor's"
    if "node_modules" in folders:
        return "in node_modules"
    return next((why for rule in rules if (why := rule.why(in_blog))), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Articles:
    """Pelican's articles: folders and files by their paths from the blog's root. `content` is PATH ("" for
    the root), `within` holds them all, and nothing in `excluded` is one. `filed`: folders are categories.
    `foreign` is the permalink of articles that name another language; "": the usual one. `term_urls` are the
    addresses of tags, categories and authors, with `{slug}` for the word; "" where they have no page.
    """

    content: str = ""
    within: tuple[str, ...] = ("",)
    excluded: tuple[str, ...] = ()
    filed: bool = False
    foreign: str = ""
    term_urls: Mapping[str, str] = field(default_factory=dict[str, str])

    def why(self, path: str) -> str | None:
        """Why the file at `path` is not an article; None if it is one."""
        if not any(is_inside(path, place) for place in self.within):
            return "not in ARTICLE_PATHS"
        return next((f"in {place}" for place in self.excluded if is_inside(path, place)), None)


@dataclass(frozen=True, slots=True)
class JekyllEntryFilter:
    """Jekyll's settings for what it reads.

    exclude      paths, beginnings of paths, and patterns for File.fnmatch, whose `*` is any text; since 4.0
                 they are added to Jekyll's own (configuration.rb, DEFAULT_EXCLUDES)
    include      overrides `exclude`, and the rule that names must not begin with "_", ".", "#" or "~" or end
                 with "~"
    source       the folder that Jekyll reads, from the blog's root
    destination  the built site, which is never read
    collections  the only folder with posts, if one is set
    """

    exclude: tuple[str, ...] = JEKYLL_EXCLUDED
    include: tuple[str, ...] = (".htaccess",)
    source: str = ""
    destination: str = "_site"
    collections: str = ""

    def why(self, path: str) -> str | None:
        """Why Jekyll reads no post at `path`; None where it may."""
        if self.source and not path.startswith(self.source + "/"):
            return f"outside source: {self.source}"
        path = path[len(self.source) + 1 :] if self.source else path
        if path.startswith(self.destination + "/"):
            return f"in {self.destination}"
        posts = "_posts" in path.split("/")
        if self.collections and posts and not path.startswith(self.collections + "/"):
            return f"outside collections_dir: {self.collections}"
        return next(
            (why for base, entry in filtered_entries(path) if (why := self._passed(base, entry, posts))), None
        )

    def _passed(self, base: str, entry: str, posts: bool) -> str | None:
        """Why the filter skips `entry` of the folder `base`."""
        last = entry.rpartition("/")[2]
        include, exclude = compile_items(self.include), compile_items(self.exclude)
        if include and (include.fullmatch(entry) or include.fullmatch(last)):
            return None
        full = f"{base}/{entry}" if base else entry
        if exclude and exclude.fullmatch(full):
            item = next(
                item for item in self.exclude if (one := compile_items((item,))) and one.fullmatch(full)
            )
            return f"exclude: {item}"
        if not posts or full == self.collections:
            return None  # it may be a page or in a collection: fields/visibility.py decides
        odd = next((name for name in (entry, last) if name[0] in "._#~" or name.endswith("~")), None)
        return f"the name {odd.partition('/')[0]}" if odd else None


def jekyll_entry_filter(top: Mapping[str, Value]) -> JekyllEntryFilter:
    """The filter that a configuration sets; `top` is keyed by values.fold."""
    kept = tuple(scalars(top.get("include"))) or (".htaccess",)
    return JekyllEntryFilter(
        exclude=tuple(
            item
            for item in dict.fromkeys((*scalars(top.get("exclude")), *JEKYLL_EXCLUDED))
            if item not in kept
        ),
        include=kept,
        source=relative_folder(top.get("source")),
        destination=relative_folder(top.get("destination")) or "_site",
        collections=relative_folder(top.get("collectionsdir")),
    )


def posts_root(site: Mapping[str, Value]) -> str:
    """The folder, from the blog's root, that holds Jekyll's _posts folders, with a slash; "" for the root.
    `site` has the keys as they are written.
    """
    parts = [part for name in ("source", "collections_dir") if (part := relative_folder(site.get(name)))]
    return "/".join([*parts, ""])


def source_folder(site: Mapping[str, Value]) -> str:
    """The folder that Jekyll reads, from the blog's root."""
    return relative_folder(site.get("source"))


def folder_setting(site: Mapping[str, Value], name: str, usual: str) -> str:
    """The folder that a setting names, relative to Jekyll's source; `usual` if it is not set."""
    return relative_folder(site.get(name)) or usual


def filtered_entries(path: str) -> Iterator[tuple[str, str]]:
    """(base, entry) of everything that Jekyll passes to its filter on the way to `path`: each folder by its
    name, but a file in a _posts folder by its path from there.
    """
    parts = path.split("/")
    end = next((n for n, part in enumerate(parts) if part in ("_posts", "_drafts")), None)
    for n, part in enumerate(parts[:end] if end is not None else parts):
        yield "/".join(parts[:n]), part
    if end is not None and end + 1 < len(parts):
        yield "/".join(parts[: end + 1]), "/".join(parts[end + 1 :])


def compile_items(items: tuple[str, ...]) -> re.Pattern[str] | None:
    """Jekyll's `glob_include?` for `items`: patterns, or beginnings of paths, even of a part of a name."""
    return any_regex(tuple(source for item in items for source in item_regexes(item)))


@lru_cache(maxsize=1_000)
def item_regexes(item: str) -> tuple[str, ...]:
    item = item.removeprefix("./").lstrip("/")
    if not item:
        return ()
    return (
        f"{re.escape(item)}.*",
        glob_to_regex(item, across=True, braces=False),
        f"{re.escape(item.rstrip('/'))}",
    )[: 3 if item.endswith("/") else 2]


def relative_folder(value: Value) -> str:
    """A folder setting, normalized; "" if it is not set or is an absolute path."""
    text = value if isinstance(value, str) and not value.startswith(("/", "~")) else ""
    return "/".join(part for part in text.split("/") if part not in ("", "."))
