"""Which files Jekyll never builds, by its entry filter and its reader (lib/jekyll/entry_filter.rb,
reader.rb).

exclude     paths, beginnings of paths, and patterns of File.fnmatch, whose `*` is any text; since 4.0 they
            are added to Jekyll's own (configuration.rb, DEFAULT_EXCLUDES)
include     takes back what `exclude` and the leading mark of a name would leave out
names       that begin with "_", "." , "#" or "~", and those that end in "~"
destination the built site, which is never read
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from publisher.sources.frontmatter.values import Value, scalars
from publisher.sources.globs import any_regex, glob_to_regex

EXCLUDED = (
    ".sass-cache", ".jekyll-cache", "gemfiles", "Gemfile", "Gemfile.lock", "node_modules", "vendor/bundle/",
    "vendor/cache/", "vendor/gems/", "vendor/ruby/",
)  # fmt: skip
"""What Jekyll excludes by default. Versions before 4.0 drop it where `exclude` is set; whoever set that
wanted no posts from gems either.
"""


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """Jekyll's settings of what it reads; `source` and `destination` are folders from the blog's root, and
    `collections` the only one that has posts, where one is set.
    """

    exclude: tuple[str, ...] = EXCLUDED
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
        """Why the filter passes over `entry` of the folder `base`."""
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
            return None  # it may be a page or of a collection; fields/visibility.py decides about those
        odd = next((name for name in (entry, last) if name[0] in "._#~" or name.endswith("~")), None)
        return f"the name {odd.partition('/')[0]}" if odd else None


def entry_filter(top: Mapping[str, Value]) -> EntryFilter:
    """The filter that a configuration sets; `top` is keyed by values.fold."""
    kept = tuple(scalars(top.get("include"))) or (".htaccess",)
    return EntryFilter(
        exclude=tuple(
            item for item in dict.fromkeys((*scalars(top.get("exclude")), *EXCLUDED)) if item not in kept
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
    """The folder that a setting names, from the one that Jekyll reads."""
    return relative_folder(site.get(name)) or usual


def filtered_entries(path: str) -> Iterator[tuple[str, str]]:
    """(base, entry) of all that Jekyll asks its filter about on the way to `path`: each folder by its name,
    but what is in a _posts folder by its path from there.
    """
    parts = path.split("/")
    end = next((n for n, part in enumerate(parts) if part in ("_posts", "_drafts")), None)
    for n, part in enumerate(parts[:end] if end is not None else parts):
        yield "/".join(parts[:n]), part
    if end is not None and end + 1 < len(parts):
        yield "/".join(parts[: end + 1]), "/".join(parts[end + 1 :])


def compile_items(items: tuple[str, ...]) -> re.Pattern[str] | None:
    """Jekyll's glob_include? of `items`: patterns, or beginnings of paths, even in the middle of a name."""
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
    text = value if isinstance(value, str) else ""
    return (
        ""
        if text.startswith(("/", "~"))
        else "/".join(part for part in text.split("/") if part not in ("", "."))
    )
