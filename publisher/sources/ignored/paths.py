"""Rules of which files a generator never builds, by their paths from the blog's root. Such a file is no post
and is not read.

copies of sync tools, backups of editors, node_modules    ignored with any generator
`OnlyWithin`, `OutsideFolders`                            by the folders that the generator reads
`IgnorePatterns`                                          by the patterns of its configuration
`Articles`                                                by Pelican's settings
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from publisher.core.patterns import lazy
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


def conflicted_original(path: str) -> str | None:
    """The name of the file of which a sync tool made the one at `path`, since it was changed in two places at
    once; None where it is no such copy.
    """
    name = path.rpartition("/")[2]
    if "onflict" not in name:
        return None
    found = next((match for pattern in _COPIES if (match := pattern.fullmatch(name))), None)
    return found[1] + found[2] if found else None


class IgnoreRule(Protocol):
    """A rule of which files are ignored. It has plain values only, for it is sent to other processes."""

    def why(self, path: str) -> str | None:
        """Why the file at `path` (from the blog's root) is no post; None where it may be one."""
        ...


@dataclass(frozen=True, slots=True)
class OnlyWithin:
    """A generator that reads only what is in `places`; `name` says so of what is elsewhere."""

    places: Sequence[str]
    name: str

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        return None if any(is_inside(path, place) for place in self.places) else self.name


@dataclass(frozen=True, slots=True)
class OutsideFolders:
    """Folders that a generator never reads pages of."""

    places: Sequence[str]

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        return next((f"in {place}" for place in self.places if path.startswith(place + "/")), None)


@dataclass(frozen=True, slots=True)
class IgnorePatterns:
    """A setting that names files to ignore. `patterns` are (as it is written, a regular expression that finds
    such a path or a folder of it, beginning with `lead`).
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
    """A setting of globs of files, or of folders with all that is in them: anywhere, or (`below`) by their
    paths from that folder. `across`: as in globs.expression.
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
    """A setting of globs of whole paths, or of folders with all that is in them; `*` is any text."""
    return IgnorePatterns(
        setting, tuple((it, f"^(?:{glob_to_regex(it, across=True)})(?:/|$)") for it in globs if it), "/"
    )


def strip_glob(glob: str) -> str:
    """A glob without what changes nothing at its ends."""
    return glob.strip().removeprefix("./").strip("/")


def is_inside(path: str, place: str) -> bool:
    """Whether `path` is `place` or below it; all are in ""."""
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
        """Why the file at `path` is no article; None where it is one."""
        if not any(is_inside(path, place) for place in self.within):
            return "not in ARTICLE_PATHS"
        return next((f"in {place}" for place in self.excluded if is_inside(path, place)), None)
