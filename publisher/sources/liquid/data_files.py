"""Jekyll's data files (`_data`, or `data_dir`): the values and lists that bodies show.

    {{ site.data.urls.docs }}   {{ site.data.crew[0]["name"] }}   {{ site.data.crew.first.name }}
    {% for one in site.data.crew %}- {{ one.name }}{% endfor %}

Files are YAML, JSON and TOML, and CSV and TSV with a line of headers, which are lists of maps
(lib/jekyll/readers/data_reader.rb). A loop is unrolled if there are only expressions in it.
"""

import csv
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path

from publisher.core.caching import lazy
from publisher.sources.file_reading import files_below
from publisher.sources.frontmatter.values import FrontMatterError, Value, fold
from publisher.sources.source_rules import read_config_map, read_text

MAX_FILES, MAX_FILE_SIZE, MAX_VALUES, MAX_VALUE_LENGTH = 1_000, 100_000, 20_000, 1_000
"""Data files; bytes of one file; values of all files together; characters of one value."""

MAX_EXPANDED = 500_000
"""The most characters to which the loops of one post are unrolled."""

_ENDS = (".yml", ".yaml", ".json", ".toml", ".csv", ".tsv")
_PATH = lazy(
    r"""site\.data(?:\.[\w-]+|\[\s?(?:-?\d{1,6}|"[^"{}\n]{1,99}"|'[^'{}\n]{1,99}'|[\w-]{1,99})\s?\]){1,9}"""
)
_STEP = lazy(r"""\.([\w-]+)|\[\s?(?:(-?\d+)|"([^"]*)"|'([^']*)')\s?\]""")
_TAG = lazy(r"\{\{[^{}]{0,500}\}\}|\{%[^{}%]{0,500}%\}")
_LOOP = lazy(
    r"\{%-?\s{0,9}for\s{1,9}(?P<name>[A-Za-z_]\w{0,60})\s{1,9}in\s{1,9}(?P<path>site\.data[^\s%{}]{1,200})\s{0,9}"
    r"(?P<trim>-?)%\}(?P<inner>(?:[^{]|\{(?!%)){0,20000})\{%(?P<trimmed>-?)\s{0,9}endfor\s{0,9}(?P<after>-?)%\}"
)
_COUNT = lazy(r"\bforloop\.(index0?|length)\b")
_DOCUMENT_START = lazy(r"\A(?:\s*(?:#[^\n]*)?\n)*---[^\n]*\n")
_SIZE, _KIND, _TRUNCATED = "size", "#", "##"


def read_data_files(folder: Path, root: Path) -> dict[str, str]:
    """The plain values in the files in `folder` by "site.data.file.key", each part as `key_word` writes it.
    Items of lists are by their numbers, and their count is under "size"; "#" marks a list, a map or a long
    text. Empty if `folder` is outside of `root`.
    """
    found: dict[str, str] = {}
    if not folder.resolve().is_relative_to(root):
        return found
    for name in islice(files_below(folder, _ENDS), MAX_FILES):
        file = folder / name
        try:
            stat = file.stat()
        except OSError:
            continue
        if stat.st_size <= MAX_FILE_SIZE:
            where = "site.data." + ".".join(key_word(part) for part in name.rpartition(".")[0].split("/"))
            values = flatten(where, read_value(str(file), stat.st_mtime_ns, stat.st_size))
            found.update(islice(values, MAX_VALUES + 1 - len(found)))
        if len(found) > MAX_VALUES:
            found[f"site.data.{_TRUNCATED}"] = "more"
            break
    return found


def loop_replacements(body: str, prose: str, data: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """(start, end, replacement) for each loop over a list, and for each tag with an item of a list by number
    or a key in brackets. `prose` is `body` with its code blanked.
    """
    if "site.data" not in prose:
        return
    room = MAX_EXPANDED
    end = 0
    loops = [*_LOOP.finditer(prose)] if "endfor" in prose else []
    for match in loops:
        text = unroll_loop(match, body, data)
        if text is None or len(text) > room:
            continue
        room -= len(text)
        yield from tag_replacements(body, prose, end, match.start(), data)
        yield match.start(), match.end(), text
        end = match.end()
    yield from tag_replacements(body, prose, end, len(prose), data)


def tag_replacements(
    body: str, prose: str, start: int, end: int, data: Mapping[str, str]
) -> Iterator[tuple[int, int, str]]:
    for tag in _TAG.finditer(prose, start, end):
        if "site.data" in tag[0]:
            text = body[tag.start() : tag.end()]
            made = rewrite_paths(text, data)
            if made != text:
                yield tag.start(), tag.end(), made


def rewrite_paths(text: str, data: Mapping[str, str]) -> str:
    """`text` with paths into data as keys joined by dots, if their value is known."""

    def rewrite(match: re.Match[str]) -> str:
        key = data_key(match[0], data)
        nothing = text.startswith("{{") and (data.get(key) == "" or is_nil(key, data))
        return '""' if nothing else key if key in data else match[0]

    return _PATH.sub(rewrite, text)


def is_nil(key: str, data: Mapping[str, str]) -> bool:
    """Whether a known list or map has no such item."""
    above = key.rpartition(".")[0]
    if f"site.data.{_TRUNCATED}" in data or key in data or f"{key}.{_KIND}" in data or above in ("", "site"):
        return False
    return data.get(f"{above}.{_KIND}") in ("list", "map") or is_nil(above, data)


def unroll_loop(loop: re.Match[str], body: str, data: Mapping[str, str]) -> str | None:
    """The inside of a loop, once for each item of its list; None if the list is not known."""
    where = data_key(loop["path"], data)
    count = data[f"{where}.{_SIZE}"] if data.get(f"{where}.{_KIND}") == "list" else ""
    if not count:
        return None
    inner = body[loop.start("inner") : loop.end("inner")]
    inner = inner.lstrip() if loop["trim"] else inner
    inner = inner.rstrip() if loop["trimmed"] else inner
    if len(inner) * int(count) > MAX_EXPANDED:
        return None
    item = re.compile(rf"(?<![\w.\"'-]){re.escape(loop['name'])}(?![\w-])")
    counts = {"length": count}

    def write_item(number: int) -> str:
        counters = {**counts, "index": str(number + 1), "index0": str(number)}

        def fill(tag: re.Match[str]) -> str:
            text = item.sub(f"{where}.{number}", tag[0])
            return rewrite_paths(_COUNT.sub(lambda match: f'"{counters[match[1]]}"', text), data)

        return _TAG.sub(fill, inner)

    return "".join(map(write_item, range(int(count))))


def shown_data(prose: str, data: Mapping[str, str]) -> dict[str, str]:
    """The values from data files that a body shows, by the names it uses."""
    if "site.data" not in prose or not data:
        return {}
    names = {match[0] for match in _PATH.finditer(prose)}
    return {name: value for name in names if (value := data_value(name, data)) is not None}


def data_value(name: str, data: Mapping[str, str]) -> str | None:
    """The plain value at a path such as `site.data.urls.docs`; None if there is none."""
    return data.get(data_key(name, data)) if _PATH.fullmatch(name) else None


def data_key(path: str, data: Mapping[str, str]) -> str:
    """The key in `data` of a path, which may count items from the end; "" if it is not a path."""
    if not _PATH.fullmatch(path):
        return ""
    where = "site.data"
    for match in _STEP.finditer(path, len(where)):
        word, number, *texts = match.groups()
        size = data[f"{where}.{_SIZE}"] if data.get(f"{where}.{_KIND}") == "list" else ""
        if size and word in ("first", "last"):
            word = "0" if word == "first" else str(int(size) - 1)
        elif size and number and int(number) < 0:
            number = str(int(size) + int(number))
        where += "." + key_word(word or number or next((text for text in texts if text), ""))
    return where


def key_word(name: str) -> str:
    """One part of a path as it is in the keys of `data`."""
    return re.sub(r"\W+", "", fold(name))


@lru_cache(maxsize=MAX_FILES)  # every scan needs all of them
def read_value(file: str, _mtime_ns: int, _size: int) -> Value:
    """The contents of a data file; None if it cannot be read."""
    path = Path(file)
    if path.suffix in (".csv", ".tsv"):
        try:
            rows = [
                *csv.DictReader(
                    read_text(path).splitlines(keepends=True),
                    delimiter=("\t" if path.suffix == ".tsv" else ","),
                )
            ]
        except csv.Error:
            return None
        return [{key: value for key, value in row.items() if isinstance(value, str)} for row in rows]
    return read_config_map(path) or read_list(path)


def read_list(file: Path) -> Value:
    """A YAML or JSON file whose top is a list."""
    text = _DOCUMENT_START.sub("", read_text(file))
    from publisher.sources.frontmatter.containers import load_json
    from publisher.sources.frontmatter.yaml import load_yaml

    try:
        if file.suffix == ".json":
            return load_json(f'{{"it": {text}}}', 1).get("it")
        return load_yaml(f"it:\n{text}", 1).get("it") if file.suffix in (".yml", ".yaml") else None
    except (FrontMatterError, RecursionError):
        return None


def flatten(where: str, value: Value) -> Iterator[tuple[str, str]]:
    """The plain values within `value`, each with its key; see `read_data_files`."""
    if isinstance(value, str):
        kept = len(value) <= MAX_VALUE_LENGTH
        yield (where, value) if kept else (f"{where}.{_KIND}", "long")
    elif isinstance(value, dict):
        yield f"{where}.{_KIND}", "map"
        for key, inner in value.items():
            yield from flatten(f"{where}.{key_word(str(key))}", inner)
    elif isinstance(value, list):
        yield f"{where}.{_KIND}", "list"
        yield f"{where}.{_SIZE}", str(len(value))
        for number, inner in enumerate(value):
            yield from flatten(f"{where}.{number}", inner)
