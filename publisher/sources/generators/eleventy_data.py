"""Eleventy's data files, which hold front matter that posts need not write.

    _data/metadata.json, _data/site.json                 of the blog: its `language` and its `author`
    posts/posts.json, posts/posts.11tydata.json          of a folder; those of the folders above count where
                                                         it says nothing
    posts/low-tide.json, posts/low-tide.11tydata.json    of the post beside it, before its folder's

Each may be code (posts/posts.11tydata.js), which is never run: what is written out in it is read, and a file
that says more is named to the user.
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

CODE_ENDS = (".js", ".cjs", ".mjs", ".ts")
_KEYS_WE_READ = word_set(
    "permalink tags author authors lang language locale date draft title slug categories"
)

MAX_FOLDERS = 2_000
"""Folders whose data are looked for."""

_COLLECTION_TAGS = frozenset({"all", "post", "posts", "blog"})
"""Tags that make a collection of all posts, and are no word that a post is filed under."""

_DATA = ".11tydata."
_ENDS = (".json", ".11tydata.json", *(f".11tydata{end}" for end in CODE_ENDS))


@dataclass(frozen=True, slots=True)
class DataFile:
    """What a data file says, keyed by values.fold; `whole` is False where it says more than was
    understood.
    """

    values: Mapping[str, Value]
    whole: bool = True


def read_data_file(file: Path) -> DataFile:
    """What `file` says; nothing where there is none. A permalink that a function returns is a template, or
    stays JsCode where it cannot be told; that of `eleventyComputed` is under COMPUTED.
    """
    if file.suffix not in CODE_ENDS:
        return understood(read_config_map(file), "")
    if not file.is_file():
        return DataFile({})
    text = read_text(file)
    top = exported(text, file.suffix)
    return (
        DataFile({}, whole=False) if top is None else understood({fold(key): top[key] for key in top}, text)
    )


def understood(top: dict[str, Value], text: str) -> DataFile:
    """The data file whose exported map is `top` and whose text is `text`."""
    computed = folded_map(top.pop("eleventycomputed", None))
    if "permalink" in computed:
        top[COMPUTED] = computed["permalink"]
    for name in ("permalink", COMPUTED):
        if isinstance(code := top.get(name), JsCode):
            made = template_from_function(code, text)
            top[name] = code if made is None else made
            if made == "":
                del top[name]
    whole = all(has_no_code(top[name]) for name in (*_KEYS_WE_READ, COMPUTED) if name in top)
    links = ("permalink", COMPUTED)
    values = {
        name: value if name in links else known(value)
        for name, value in top.items()
        if name in links or not isinstance(value, JsCode)
    }
    return DataFile(values, whole)


def has_no_code(value: Value) -> bool:
    """Whether a value is written out to its last item."""
    if isinstance(value, (list, dict)):
        return all(map(has_no_code, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, JsCode)


def apply_data_files(rules: SourceRules, folder: Path, root: Path, paths: Sequence[str]) -> SourceRules:
    """`rules` with what the data files of a blog at `root` say; the posts at `paths` are in `folder`."""
    unread: list[str] = []
    defaults = (*site_metadata(root, rules, unread), *folder_defaults(folder, rules, paths, unread))
    of_posts = defaults_of_posts(folder, rules, paths, unread)
    code = tuple(sorted(set(unread)))
    return replace(rules, defaults=(*defaults, *rules.defaults), post_defaults=of_posts, unread_code=code)


def site_metadata(root: Path, rules: SourceRules, unread: list[str]) -> tuple[Defaults, ...]:
    """What the blog says of itself, where settings do not."""
    for place, name in product(("_data", "src/_data", "content/_data"), ("metadata", "site", "meta")):
        if top := read_data_named(root, f"{place}/{name}", (".json", *CODE_ENDS), unread):
            values: dict[str, Value] = {}
            if (author := top.get("author")) and rules.author is None:
                values["author"] = author
            if (language := top.get("language") or top.get("lang")) and rules.language is None:
                values["lang"] = language
            return (Defaults(values=values),) if values else ()
    return ()


def folder_defaults(
    folder: Path, rules: SourceRules, paths: Sequence[str], unread: list[str]
) -> tuple[Defaults, ...]:
    """What the folders of the posts at `paths` give to them, the broadest scope first."""
    root = folder / rules.below if rules.below else folder
    if rules.above and not rules.below:
        root = folder.parents[len(rules.above) - 1]
    own = {rules.in_blog(path).rpartition("/")[0] for path in paths}
    every = {str(above) for place in own for above in (PurePosixPath(place), *PurePosixPath(place).parents)}
    broadest_first = sorted(every - {".", ""}, key=lambda place: (place.count("/"), place))
    found: list[Defaults] = []
    for place in broadest_first[:MAX_FOLDERS]:
        name = PurePosixPath(place).name
        if values := read_data_named(root, f"{place}/{name}", _ENDS, unread):
            found.append(Defaults(scope=place, values=post_defaults(values, name)))
    return tuple(found)


def defaults_of_posts(
    folder: Path, rules: SourceRules, paths: Sequence[str], unread: list[str]
) -> Mapping[str, Mapping[str, Value]]:
    """What posts' own data files give to them. Each folder is listed once, to see whether it has any."""
    posts = {path.rpartition(".")[0]: path for path in paths}
    found: dict[str, Mapping[str, Value]] = {}
    for place in sorted({path.rpartition("/")[0] for path in paths})[:MAX_FOLDERS]:
        before = f"{place}/" if place else ""
        own = PurePosixPath(rules.in_blog(f"{before}x")).parent.name
        try:
            with os.scandir(folder / place) as entries:
                names = [entry.name for entry in entries]
        except OSError:
            continue
        of_data = (it for it in names if it.endswith(".json") or (_DATA in it and it.endswith(CODE_ENDS)))
        for name in sorted(of_data, key=lambda name: _DATA in name):
            stem = name.partition(_DATA)[0] if _DATA in name else name.removesuffix(".json")
            path = posts.get(before + stem)
            if path is None or stem == own:
                continue
            data = read_data_file(folder / place / name)
            unread += [] if data.whole else [rules.in_blog(before + name)]
            if values := post_defaults(data.values, own):
                found[path] = {**found.get(path, {}), **values}
    return found


def read_data_named(root: Path, stem: str, ends: Sequence[str], unread: list[str]) -> dict[str, Value]:
    """What the files named `stem` with one of `ends` say; the last of them wins."""
    values: dict[str, Value] = {}
    for end in ends:
        data = read_data_file(root / (stem + end))
        unread += [] if data.whole else [stem + end]
        values.update(data.values)
    return values


def post_defaults(values: Mapping[str, Value], folder: str) -> dict[str, Value]:
    """A data file's values as front matter of posts, without the tags that only make a collection."""
    public = (tag for tag in scalars(values.get("tags")) if not tag.startswith("_"))  # by convention internal
    tags: list[Value] = [tag for tag in public if tag not in _COLLECTION_TAGS and tag != folder]
    rest = {name: value for name, value in values.items() if name != "tags"}
    if scalars(values.get("tags")):
        rest[COLLECTED] = "true"
    return {**rest, "tags": tags} if tags else rest
