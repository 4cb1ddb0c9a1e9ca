"""Astro's own: where its pages show the posts of a collection, and what its schemas fill in. Nothing is run.

src/content.config.ts, src/content/config.ts     const notes = defineCollection({ ... }): the folder it loads,
                                                 with the pattern of files, and `.default("Ann")` of a field
src/pages/log/[...slug].astro                    getCollection("notes"): its posts are at /log/...
astro.config.mjs                                 trailingSlash: "never", build: { format: "file" }
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from pathlib import Path

from publisher.core.patterns import lazy
from publisher.sources.frontmatter.values import Value, fold
from publisher.sources.generators.js_literals import exported, known
from publisher.sources.globs import glob_to_regex, matches_whole
from publisher.sources.ignored.paths import is_inside

MAX_PAGES = 500
"""Files of pages that are looked into."""

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
_PLACED = lazy(r"\$\{(\w+)\}")
_DEFAULT = lazy(
    r"""(?<![\w.])(\w+)\s*:\s*z\s*\.[^,;{}]{0,300}?\.default\(\s*("[^"\n]*"|'[^'\n]*'|true|false|\[[^\[\]{}()]*\])\s*\)"""
)
_ASKED = lazy(
    r"""\bget(?:Collection|Entry|EntryBySlug)\(\s*["'`]([\w-]+)["'`]|CollectionEntry<\s*["']([\w-]+)["']"""
)
_NAMED = lazy(r"\[(?:\.\.\.)?(\w+)\]")
_OF_POSTS = frozenset({"slug", "id", "post", "entry", "path", "article", "blog", "note", "postslug"})
_UNENDING = lazy(r"""\btrailingSlash\s*:\s*["'`]never["'`]|\bformat\s*:\s*["'`]file["'`]""")


@dataclass(frozen=True, slots=True)
class AstroSite:
    """`links` are permalinks by the folder that posts are in, in lower case; `usual` is what posts need not
    write, by the path of their folder from the blog's root; `folders` hold its collections, of which `loaded`
    says what is in them; `tables` are data files that pages show posts of.
    """

    links: Mapping[str, str] = field(default_factory=dict[str, str])
    usual: Mapping[str, Mapping[str, Value]] = field(default_factory=dict[str, Mapping[str, Value]])
    folders: tuple[str, ...] = ()
    loaded: "CollectionPatterns | None" = None
    tables: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CollectionPatterns:
    """Which files collections take: folders, each with its patterns; () for all in it."""

    of: tuple[tuple[str, tuple[str, ...]], ...]

    def why(self, path: str) -> str | None:
        """As leaving.Leaves."""
        if path.startswith("src/pages/"):
            return None
        reasons = [
            self._left(path[len(at) :].lstrip("/"), globs) for at, globs in self.of if is_inside(path, at)
        ]
        return next((reason for reason in reasons if reason), None) if all(reasons) else None

    @staticmethod
    def _left(name: str, globs: Sequence[str]) -> str:
        """Why a collection with these patterns has no such file; "" where it has."""
        found = [
            glob
            for glob in globs
            if matches_whole(glob_to_regex(glob[_leaves_out(glob) :].removeprefix("./"), groups=True), name)
        ]
        never = next((glob for glob in found if _leaves_out(glob)), None)
        if never:
            return f"pattern: {never}"
        wanted = any(not _leaves_out(glob) for glob in globs)
        return "" if not wanted or found else "not in the pattern"


def _leaves_out(glob: str) -> bool:
    """Whether a pattern takes files out again: "!drafts/**", but not "!(a|b)", which is any other name."""
    return glob.startswith("!") and not glob.startswith("!(")


def read_astro_site(root: Path, config: str) -> AstroSite:
    """What the files of the blog at `root` say; `config` is the text of its configuration."""
    schemas = "\n".join(_text(root / name) for name in _SCHEMAS)
    parts = _definitions(schemas)
    names = _names(schemas)
    tables = {names.get(name, name): table for name, part in parts if (table := _table(part))}
    parts = [(name, part) for name, part in parts if names.get(name, name) not in tables]
    folders = {names.get(name, name): _folder(names.get(name, name), part, schemas) for name, part in parts}
    usual = {folders[names.get(name, name)]: _defaults(part) for name, part in parts}
    places = [(folders[names.get(name, name)], part) for name, part in parts]
    loaded = tuple((place, _patterns(part) if _is_known(place, part) else ()) for place, part in places)
    end = "" if _UNENDING.search(config) else "/"
    routes = _routes(root)
    links = {
        folders.get(name, f"src/content/{name}").rpartition("/")[2].lower(): f"{route}/:entry{end}"
        for name, route in routes.items()
        if name not in tables
    }
    usual = {place: values for place, values in usual.items() if values}
    shown = tuple(table for name, table in tables.items() if name in routes)
    read = _read(root, parts, [*folders.values()], tables=bool(tables))
    return AstroSite(links, usual, read, CollectionPatterns(loaded), shown)


def _read(
    root: Path, parts: Sequence[tuple[str, str]], folders: Sequence[str], *, tables: bool
) -> tuple[str, ...]:
    """The folders that pages are made of: those of collections and src/pages; none where it cannot be told.
    Until Astro 5 (src/content/config.ts) each folder in src/content was a collection. Without any a page may
    ask for each file in src.
    """
    loaded = [part for _, part in parts if _GLOB.search(part)]
    if not parts and not tables:
        return () if any((root / name).is_file() for name in _SCHEMAS) else ("src",)
    if (
        any(_BASE.search(part) is None for part in loaded)
        or "" in folders
        or any("$" in it for it in folders)
    ):
        return ()
    old = any((root / name).is_file() for name in _SCHEMAS if name.startswith("src/content/"))
    return (*dict.fromkeys((*(["src/content"] if old else []), *folders)), "src/pages")


def _text(file: Path) -> str:
    try:
        if file.is_file() and file.stat().st_size < 500_000:
            return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        pass
    return ""


def _definitions(text: str) -> list[tuple[str, str]]:
    """Each variable that holds a collection, and the text from there to the next."""
    found = list(_DEFINED.finditer(text))
    ends = [match.start() for match in found[1:]]
    return [(match[1], text[match.start() : end]) for match, end in zip_longest(found, ends) if match]


def _names(text: str) -> dict[str, str]:
    """The collections' names by the variables that hold them."""
    match = _COLLECTIONS.search(text)
    pairs = [part.split(":") for part in match[1].split(",")] if match else []
    return {pair[-1].strip(): pair[0].strip().strip("\"'`") for pair in pairs}


def _folder(name: str, part: str, text: str) -> str:
    """The folder that a collection loads, by its path from the blog's root."""
    match = _BASE.search(part)
    if match is None:
        return "" if _GLOB.search(part) else f"src/content/{name}"
    said = dict(_TEXTS.findall(text))
    base = said.get(match[2], "") if match[2] else match[1]
    base = _PLACED.sub(lambda place: said.get(place[1], place[0]), base)
    return "/".join(name for name in base.split("/") if name not in ("", "."))


def _is_known(place: str, part: str) -> bool:
    """Whether the folder of a collection is written out: one that only code knows is "" or has a "$"."""
    match = _BASE.search(part)
    return "$" not in place and (bool(place) or match is None or match[1] in (".", "./", ""))


def _table(part: str) -> str:
    """The data file that a collection is made of, by its path from the blog's root; "" for none."""
    match = None if _GLOB.search(part) else _FILE.search(part)
    return "/".join(name for name in match[1].split("/") if name not in ("", ".")) if match else ""


def _patterns(part: str) -> tuple[str, ...]:
    """The patterns of a collection's files, from its folder; () where they are not written out."""
    match = _PATTERN.search(part) if _GLOB.search(part) else None
    return tuple(one or two or three for one, two, three in _QUOTED.findall(match[1])) if match else ()


def _defaults(part: str) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for match in islice(_DEFAULT.finditer(part), 200):
        top = exported(f"export default {{ it: {match[2]} }}") or {}
        if value := known(top.get("it")):
            found[fold(match[1])] = value
    return found


def _routes(root: Path) -> dict[str, str]:
    """Where the posts of each collection are shown: the first page that shows one of it, by its address."""
    found: dict[str, str] = {}
    for place in sorted(islice(_pages(root / "src/pages", "", MAX_DEPTH), MAX_PAGES)):
        route = _route(place)
        text = _text(root / "src/pages" / place) if route is not None else ""
        asked = {match[1] or match[2] for match in _ASKED.finditer(text)}
        if route is not None and len(asked) == 1 and "paginate(" not in text:
            found.setdefault(asked.pop(), route)
    return found


def _route(place: str) -> str | None:
    """The address above the posts that a page shows: "/log" of log/[...slug].astro; None: it shows no post,
    or what stands above it is not known.
    """
    parts = place.removesuffix(".astro").split("/")
    if parts[-1] == "index":
        parts.pop()
    match = _NAMED.fullmatch(parts[-1]) if parts else None
    if match is None or match[1].lower() not in _OF_POSTS or any("[" in part for part in parts[:-1]):
        return None
    return "".join(f"/{part}" for part in parts[:-1])


def _pages(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:
        return
    for name, inner in found:
        if name.startswith(("_", ".")):
            continue
        if inner and depth:
            yield from _pages(folder / name, f"{prefix}{name}/", depth - 1)
        elif name.endswith(".astro") and "[" in prefix + name:
            yield prefix + name
