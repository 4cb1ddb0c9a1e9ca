"""Astro: on which pages it shows the posts of a collection, and the defaults in its schemas. No code is run.

src/content.config.ts, src/content/config.ts     const notes = defineCollection({ ... }): the folder it loads,
                                                 with the pattern of files, and `.default("Ann")` of a field
src/pages/log/[...slug].astro                    getCollection("notes"): its posts are at /log/...
astro.config.mjs                                 trailingSlash: "never", build: { format: "file" }
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from publisher.core.caching import lazy
from publisher.sources.frontmatter.values import Value, fold
from publisher.sources.generators.js_literals import exported, known
from publisher.sources.globs import glob_to_regex, matches_whole
from publisher.sources.ignored_files import is_inside

MAX_PAGES = 500
"""The most pages that are read."""

MAX_DEPTH = 6
_SCHEMAS = (
    "src/content.config.ts", "src/content.config.mjs", "src/content.config.js", "src/content/config.ts",
    "src/content/config.mjs", "src/content/config.js",
)  # fmt: skip
_DEFINED = lazy(r"\b(?:const|let|var)\s+(\w+)[^=;\n]{0,100}=\s*defineCollection\b")
_COLLECTIONS = lazy(r"\bexport\s+const\s+collections\b[^={]{0,100}=\s*\{([^{}]*)\}")
_TEXTS = lazy(r"""\bconst\s+(\w+)[^=;\n]{0,100}=\s*["'`]([^"'`$\n]*)["'`]""")
_BASE = lazy(r"""\bbase\s*:\s*(?:["'`]([^"'`\n]*)["'`]|(\w+))""")
_GLOB = lazy(r"\bglob\s*\(")
_FILE = lazy(r"""\bloader\s*:\s*file\s*\(\s*["'`]([^"'`$\n]{1,300})["'`]""")
_PATTERN = lazy(
    r"""\bpattern\s*:\s*(\[(?:\s*(?:"[^"\n]*"|'[^'\n]*'|`[^`$\n]*`)\s*,?)*\s*\]|"[^"\n]*"|'[^'\n]*'|`[^`$\n]*`)"""
)
_QUOTED = lazy(r""""([^"\n]*)"|'([^'\n]*)'|`([^`$\n]*)`""")
_INTERPOLATION = lazy(r"\$\{(\w+)\}")
_DEFAULT = lazy(
    r"""(?<![\w.])(\w+)\s*:\s*z\s*\.[^,;{}]{0,300}?\.default\(\s*("[^"\n]*"|'[^'\n]*'|true|false|\[[^\[\]{}()]*\])\s*\)"""
)
_QUERY = lazy(
    r"""\bget(?:Collection|Entry|EntryBySlug)\(\s*["'`]([\w-]+)["'`]|CollectionEntry<\s*["']([\w-]+)["']"""
)
_ROUTE_PARAMETER = lazy(r"\[(?:\.\.\.)?(\w+)\]")
_POST_PARAMETERS = frozenset({"slug", "id", "post", "entry", "path", "article", "blog", "note", "postslug"})
_NO_SLASH = lazy(r"""\btrailingSlash\s*:\s*["'`]never["'`]|\bformat\s*:\s*["'`]file["'`]""")


@dataclass(frozen=True, slots=True)
class AstroSite:
    """`permalinks` are by the folder of the posts, in lower case. `defaults` is front matter that posts need
    not repeat, by the path of their folder from the blog's root. `folders` are those of collections, and
    `patterns` selects files in them. `post_tables` are data files whose entries pages show as posts.
    """

    permalinks: Mapping[str, str] = field(default_factory=dict[str, str])
    defaults: Mapping[str, Mapping[str, Value]] = field(default_factory=dict[str, Mapping[str, Value]])
    folders: tuple[str, ...] = ()
    patterns: "CollectionPatterns | None" = None
    post_tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectionPatterns:
    """Which files belong to collections: folders, each with its patterns; () for all files in it."""

    of: tuple[tuple[str, tuple[str, ...]], ...]

    def why(self, path: str) -> str | None:
        """As IgnoreRule.why."""
        if path.startswith("src/pages/"):
            return None
        reasons: list[str] = []
        for folder, globs in self.of:
            if not is_inside(path, folder):
                continue
            name = path[len(folder) :].lstrip("/")
            matching = [
                glob
                for glob in globs
                if matches_whole(
                    glob_to_regex(glob[is_exclusion(glob) :].removeprefix("./"), groups=True), name
                )
            ]
            if exclusion := next((glob for glob in matching if is_exclusion(glob)), None):
                reasons.append(f"pattern: {exclusion}")
            elif not matching and any(not is_exclusion(glob) for glob in globs):
                reasons.append("not in the pattern")
            else:
                return None  # one collection that has it is enough
        return reasons[0] if reasons else None


def is_exclusion(glob: str) -> bool:
    """Whether a pattern excludes files: "!drafts/**", but not "!(a|b)", which matches any other name."""
    return glob.startswith("!") and not glob.startswith("!(")


def read_astro_site(root: Path, config: str) -> AstroSite:
    """The collections and pages of the blog at `root`; `config` is the text of its configuration."""
    schemas = "\n".join(read_source(root / name) for name in _SCHEMAS)
    collections = read_collections(schemas)
    tables: dict[str, str] = {}  # the data files that collections are made of
    for name, code in collections:
        match = None if _GLOB.search(code) else _FILE.search(code)
        if match and (table := "/".join(part for part in match[1].split("/") if part not in ("", "."))):
            tables[name] = table
    collections = [(name, code) for name, code in collections if name not in tables]
    folders = {name: collection_folder(name, code, schemas) for name, code in collections}
    defaults = {folders[name]: schema_defaults(code) for name, code in collections}
    patterns: list[tuple[str, tuple[str, ...]]] = []
    for name, code in collections:
        folder, base = folders[name], _BASE.search(code)
        # A folder that only code knows is "" or has a "$", so its patterns cannot be resolved.
        known_folder = "$" not in folder and (bool(folder) or base is None or base[1] in (".", "./", ""))
        match = _PATTERN.search(code) if known_folder and _GLOB.search(code) else None
        globs = [one or two or three for one, two, three in _QUOTED.findall(match[1])] if match else []
        patterns.append((folder, tuple(globs)))
    end = "" if _NO_SLASH.search(config) else "/"
    routes = page_routes(root)
    permalinks = {
        folders.get(name, f"src/content/{name}").rpartition("/")[2].lower(): f"{route}/:entry{end}"
        for name, route in routes.items()
        if name not in tables
    }
    return AstroSite(
        permalinks=permalinks,
        defaults={folder: values for folder, values in defaults.items() if values},
        folders=folders_read(root, collections, [*folders.values()], tables=bool(tables)),
        patterns=CollectionPatterns(tuple(patterns)),
        post_tables=tuple(table for name, table in tables.items() if name in routes),
    )


def read_collections(schemas: str) -> list[tuple[str, str]]:
    """The name of each collection, and the code from its definition to the next one."""
    found = list(_DEFINED.finditer(schemas))
    ends = [*(match.start() for match in found[1:]), len(schemas)]
    exports = _COLLECTIONS.search(schemas)
    pairs = [part.split(":") for part in exports[1].split(",")] if exports else []
    names = {pair[-1].strip(): pair[0].strip().strip("\"'`") for pair in pairs}
    return [
        (names.get(match[1], match[1]), schemas[match.start() : end])
        for match, end in zip(found, ends, strict=False)
    ]


def folders_read(
    root: Path, collections: Sequence[tuple[str, str]], folders: Sequence[str], *, tables: bool
) -> tuple[str, ...]:
    """The folders that pages are made from: those of collections and src/pages; none if that is unknown.
    Until Astro 5 (src/content/config.ts) each folder in src/content was a collection. Without any, a page may
    read any file in src.
    """
    if not collections and not tables:
        return () if any((root / name).is_file() for name in _SCHEMAS) else ("src",)
    no_base = any(_GLOB.search(code) and _BASE.search(code) is None for _, code in collections)
    if no_base or "" in folders or any("$" in folder for folder in folders):
        return ()
    old = any((root / name).is_file() for name in _SCHEMAS if name.startswith("src/content/"))
    return (*dict.fromkeys((*(["src/content"] if old else []), *folders)), "src/pages")


def read_source(file: Path) -> str:
    """The text of a source file; "" if it cannot be read or is too long."""
    try:
        if file.is_file() and file.stat().st_size < 500_000:
            return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        pass
    return ""


def collection_folder(name: str, part: str, text: str) -> str:
    """The folder of a collection, by its path from the blog's root."""
    match = _BASE.search(part)
    if match is None:
        return "" if _GLOB.search(part) else f"src/content/{name}"
    constants = dict(_TEXTS.findall(text))
    base = constants.get(match[2], "") if match[2] else match[1]
    base = _INTERPOLATION.sub(lambda place: constants.get(place[1], place[0]), base)
    return "/".join(name for name in base.split("/") if name not in ("", "."))


def schema_defaults(part: str) -> dict[str, Value]:
    """The default values in a collection's schema, keyed by values.fold."""
    found: dict[str, Value] = {}
    for match in islice(_DEFAULT.finditer(part), 200):
        top = exported(f"export default {{ it: {match[2]} }}") or {}
        if value := known(top.get("it")):
            found[fold(match[1])] = value
    return found


def page_routes(root: Path) -> dict[str, str]:
    """The URL below which the posts of each collection are shown, by the first page that shows them."""
    found: dict[str, str] = {}
    for place in sorted(islice(list_pages(root / "src/pages", "", MAX_DEPTH), MAX_PAGES)):
        route = route_above(place)
        text = read_source(root / "src/pages" / place) if route is not None else ""
        asked = {match[1] or match[2] for match in _QUERY.finditer(text)}
        if route is not None and len(asked) == 1 and "paginate(" not in text:
            found.setdefault(asked.pop(), route)
    return found


def route_above(place: str) -> str | None:
    """The address above the posts that a page shows: "/log" of log/[...slug].astro; None: it shows no post,
    or what stands above it is not known.
    """
    parts = place.removesuffix(".astro").split("/")
    if parts[-1] == "index":
        parts.pop()
    match = _ROUTE_PARAMETER.fullmatch(parts[-1]) if parts else None
    if match is None or match[1].lower() not in _POST_PARAMETERS or any("[" in part for part in parts[:-1]):
        return None
    return "".join(f"/{part}" for part in parts[:-1])


def list_pages(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:
        return
    for name, inner in found:
        if name.startswith(("_", ".")):
            continue
        if inner and depth:
            yield from list_pages(folder / name, f"{prefix}{name}/", depth - 1)
        elif name.endswith(".astro") and "[" in prefix + name:
            yield prefix + name
