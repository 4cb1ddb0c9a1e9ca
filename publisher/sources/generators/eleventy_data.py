"""Eleventy's data files, which say what posts need not write.

    _data/metadata.json, _data/site.json                 of the blog: its `language` and its `author`
    posts/posts.json, posts/posts.11tydata.json          of a folder; those of the folders above count where
                                                         it says nothing
    posts/low-tide.json, posts/low-tide.11tydata.json    of the post beside it, before its folder's

Each may be code, posts/posts.11tydata.js, of which `elevenfiles` reads what is written out. Those that say
more are named.

One data file of Eleventy's: JSON, or code of which what is written out is read and nothing run.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path, PurePosixPath

from publisher.sources.frontmatter.values import (
    COLLECTED,
    COMPUTED,
    Value,
    fold,
    folded_map,
    scalars,
    word_set,
)
from publisher.sources.generators.detect import read_config_map, read_text
from publisher.sources.generators.eleventy import template_from_function
from publisher.sources.generators.js_literals import JsCode, exported, known
from publisher.sources.rules import Defaults, SourceRules

CODE = (".js", ".cjs", ".mjs", ".ts")
_TELLING = word_set("permalink tags author authors lang language locale date draft title slug categories")

MAX_FOLDERS = 2_000
"""Folders whose data are looked for."""

_MARKERS = frozenset({"all", "post", "posts", "blog"})
"""Tags that make a collection of all posts, and are no word that a post is filed under."""

_DATA = ".11tydata."
_ENDS = (".json", ".11tydata.json", *(f".11tydata{end}" for end in CODE))


@dataclass(frozen=True, slots=True)
class DataFile:
    """What a file says, keyed by values.fold; `whole` is False where it says more than was understood."""

    values: Mapping[str, Value]
    whole: bool = True


def read_data_file(file: Path) -> DataFile:
    """What `file` says; nothing where there is none. A permalink that a function makes is a template, or
    stays Code where it is not known; that of `eleventyComputed` is under COMPUTED.
    """
    if file.suffix not in CODE:
        return _settled(read_config_map(file), "")
    if not file.is_file():
        return DataFile({})
    text = read_text(file)
    top = exported(text)
    return DataFile({}, whole=False) if top is None else _settled({fold(key): top[key] for key in top}, text)


def _settled(top: dict[str, Value], text: str) -> DataFile:
    computed = folded_map(top.pop("eleventycomputed", None))
    if "permalink" in computed:
        top[COMPUTED] = computed["permalink"]
    for name in ("permalink", COMPUTED):
        if isinstance(code := top.get(name), JsCode):
            made = template_from_function(code, text)
            top[name] = code if made is None else made
            if made == "":
                del top[name]
    whole = all(_is_known(top[name]) for name in (*_TELLING, COMPUTED) if name in top)
    links = ("permalink", COMPUTED)
    values = {
        name: value if name in links else known(value)
        for name, value in top.items()
        if name in links or not isinstance(value, JsCode)
    }
    return DataFile(values, whole)


def _is_known(value: Value) -> bool:
    if isinstance(value, (list, dict)):
        return all(map(_is_known, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, JsCode)


def apply_data_files(rules: SourceRules, folder: Path, root: Path, paths: Sequence[str]) -> SourceRules:
    """`rules` with what the data files of a blog at `root` say; the posts at `paths` are in `folder`."""
    unread: list[str] = []
    defaults = (*_metadata(root, rules, unread), *_of_folders(folder, rules, paths, unread))
    beside = _of_posts(folder, rules, paths, unread)
    code = tuple(sorted(set(unread)))
    return replace(rules, defaults=(*defaults, *rules.defaults), post_defaults=beside, unread_code=code)


def _metadata(root: Path, rules: SourceRules, unread: list[str]) -> tuple[Defaults, ...]:
    """What the blog says of itself, where settings do not."""
    for place, name in product(("_data", "src/_data", "content/_data"), ("metadata", "site", "meta")):
        if top := _said(root, f"{place}/{name}", (".json", *CODE), unread):
            values: dict[str, Value] = {}
            if (author := top.get("author")) and rules.author is None:
                values["author"] = author
            if (language := top.get("language") or top.get("lang")) and rules.language is None:
                values["lang"] = language
            return (Defaults(values=values),) if values else ()
    return ()


def _of_folders(
    folder: Path, rules: SourceRules, paths: Sequence[str], unread: list[str]
) -> tuple[Defaults, ...]:
    """What the folders of the posts at `paths` give to them, the broadest scope first."""
    found: list[Defaults] = []
    for place in _folders(rules, paths):
        name = PurePosixPath(place).name
        if values := _said(_root(folder, rules), f"{place}/{name}", _ENDS, unread):
            found.append(Defaults(scope=place, values=_posts_values(values, name)))
    return tuple(found)


def _of_posts(
    folder: Path, rules: SourceRules, paths: Sequence[str], unread: list[str]
) -> Mapping[str, Mapping[str, Value]]:
    """What posts' own data files give to them. One look at a folder tells whether it has any."""
    posts = {path.rpartition(".")[0]: path for path in paths}
    found: dict[str, Mapping[str, Value]] = {}
    for place in sorted({path.rpartition("/")[0] for path in paths})[:MAX_FOLDERS]:
        before = f"{place}/" if place else ""
        own = PurePosixPath(rules.in_blog(f"{before}x")).parent.name
        for name in sorted(_names(folder / place), key=lambda name: _DATA in name):
            stem = name.partition(_DATA)[0] if _DATA in name else name.removesuffix(".json")
            path = posts.get(before + stem)
            if path is None or stem == own:
                continue
            data = read_data_file(folder / place / name)
            unread += [] if data.whole else [rules.in_blog(before + name)]
            if values := _posts_values(data.values, own):
                found[path] = {**found.get(path, {}), **values}
    return found


def _names(folder: Path) -> list[str]:
    """The names in a folder that data files of posts may have."""
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except OSError:
        return []
    return [name for name in names if name.endswith(".json") or (_DATA in name and name.endswith(CODE))]


def _said(root: Path, stem: str, ends: Sequence[str], unread: list[str]) -> dict[str, Value]:
    """What the files say that are called `stem` and one of `ends`, the last one first."""
    values: dict[str, Value] = {}
    for end in ends:
        data = read_data_file(root / (stem + end))
        unread += [] if data.whole else [stem + end]
        values.update(data.values)
    return values


def _folders(rules: SourceRules, paths: Sequence[str]) -> list[str]:
    """The folders of the posts and all above them, by their paths from the blog's root, broadest first."""
    near = {rules.in_blog(path).rpartition("/")[0] for path in paths}
    every = {str(above) for place in near for above in (PurePosixPath(place), *PurePosixPath(place).parents)}
    return sorted(every - {".", ""}, key=lambda place: (place.count("/"), place))[:MAX_FOLDERS]


def _root(folder: Path, rules: SourceRules) -> Path:
    if rules.below:
        return folder / rules.below
    return folder.parents[len(rules.above) - 1] if rules.above else folder


def _posts_values(values: Mapping[str, Value], folder: str) -> dict[str, Value]:
    said = (tag for tag in scalars(values.get("tags")) if not tag.startswith("_"))  # so are inner ones called
    tags: list[Value] = [tag for tag in said if tag not in _MARKERS and tag != folder]
    rest = {name: value for name, value in values.items() if name != "tags"}
    if scalars(values.get("tags")):
        rest[COLLECTED] = "true"
    return {**rest, "tags": tags} if tags else rest
