"""What bodies include from the blog's other files (`{% include links.md %}`, `{{ site.data.urls.docs }}`),
and variables with one value (`{% assign docs = "https://docs.example" %}`).

A file is included if neither it nor the files that it includes have template code, which only the generator
could run. Files are from the generator's folder for them, read once per scan, or with `include_relative` from
beside the post.
"""

import re
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from publisher.core.caching import lazy
from publisher.sources.file_reading import files_below
from publisher.sources.frontmatter.values import Value, fold, folded_map
from publisher.sources.source_rules import SourceRules, read_text

PROFILES = frozenset({"jekyll", "eleventy", "hexo", "none", "auto"})
"""Generators that run such tags in posts."""

MAX_FILES, MAX_FILE_SIZE, MAX_TOTAL_SIZE = 1_000, 200_000, 2_000_000
"""Files that may be included; characters of one with the files it includes; characters of all of them, and of
all that one body includes.
"""

MAX_DEPTH = 5
"""How many files may include each other."""

MAX_VARIABLES, MAX_VALUE_LENGTH = 5_000, 1_000
"""Variables of a post; characters of the value of one."""

_ENDS = (".md", ".markdown", ".txt", ".html", ".htm", ".njk", ".liquid")
_INCLUDE = lazy(
    r"""\{%-?\s{0,9}(?P<tag>include|include_relative|include_cached|render)\s{1,9}"""
    r"""(?P<file>"[^"{}%\n]{1,200}"|'[^'{}%\n]{1,200}'|[\w./-]{1,200})(?:\s[^{}%]{0,500})?-?%\}"""
)
_CAPTURE = lazy(
    r"\{%-?\s{0,9}capture\s{1,9}[\"']?(?P<name>[\w-]{1,60})[\"']?\s{0,9}-?%\}(?P<text>(?:[^{]|\{(?!%)){0,9999})"
    r"\{%-?\s{0,9}endcapture\s{0,9}-?%\}"
)
_ASSIGN = lazy(
    r"\{%-?\s{0,9}(?:assign|set)\s{1,9}(?P<name>[\w-]{1,60})\s{0,9}=\s{0,9}(?P<value>[^{}%]{1,2000}?)\s{0,9}-?%\}"
)
_LITERAL = lazy(r"""\"([^"]*)\"|'([^']*)'|(-?\d+(?:\.\d+)?)""")
_FRONT = lazy(r"\A---[ \t]*\n.*?\n---[ \t]*\n", re.DOTALL)
_SITE = lazy(r"\{\{-?\s{0,9}(site(?:\.[\w-]+){1,9})")
_LOOP = lazy(r"\{%-?\s{0,9}(end)?for\b")

Shifts = tuple[tuple[int, int, int], ...]
"""As in ParsedPost."""

ReadBeside = Callable[[str, str], str | None]
"""(path of a post, name) -> the text of the file of that name beside it; None if there is none."""


def read_include_files(folders: Sequence[Path]) -> dict[str, str]:
    """The texts of the files that posts may include, by name; the first folder takes precedence."""
    read: dict[str, str] = {}
    size = 0
    for folder in folders:
        for name in islice(files_below(folder, _ENDS), MAX_FILES):
            text = read_text(folder / name)
            size += len(text)
            if size > MAX_TOTAL_SIZE:
                break
            if len(text) <= MAX_FILE_SIZE and has_no_code(text):
                read.setdefault(name, text.replace("\r\n", "\n"))
    done: dict[str, str | None] = {}
    for name in read:
        expand_file(name, read, done, MAX_DEPTH)
    return {name: text for name, text in done.items() if text}


def expand_file(name: str, read: Mapping[str, str], done: dict[str, str | None], depth: int) -> str | None:
    """A file with the files that it includes; None if one of them has code or includes itself."""
    if name in done or name not in read or not depth:
        return done.get(name)
    done[name] = None  # until it is known, so that a file that includes itself is not shown
    done[name] = fill_includes(read[name], lambda inner: expand_file(inner, read, done, depth - 1))
    return done[name]


def fill_includes(text: str, shown: Callable[[str], str | None]) -> str | None:
    """`text` with the files that it includes; None if one of them is unknown or they are too long."""
    parts: list[str] = []
    at = size = 0
    text = _FRONT.sub("", text, count=1)
    for tag in _INCLUDE.finditer(text):
        inner = None if tag["tag"] == "include_relative" else shown(tag["file"].strip("\"'"))
        if inner is None or size + len(inner) > MAX_FILE_SIZE:
            return None
        size += len(inner)
        parts += [text[at : tag.start()], inner]
        at = tag.end()
    return "".join([*parts, text[at:]])


def has_no_code(text: str) -> bool:
    """Whether the only template code in a file are tags that include others."""
    bare = _INCLUDE.sub("", text)
    return "{%" not in bare and "{{" not in bare and "<%" not in bare


def expand_includes(
    path: str, body: str, rules: SourceRules, beside: ReadBeside, *, markdown: bool
) -> tuple[str, Shifts]:
    """`body` of the post at `path` with the files that it includes, as far as they have no code, and with
    loops over lists of data unrolled; and how that shifts its lines (see ParsedPost). Such tags in code stay.
    """
    if "{" not in body:
        return body, ()
    includes = "{%" in body and "include" in body
    if rules.profile not in PROFILES or not (includes or (rules.site_data and "site.data" in body)):
        return body, ()
    from publisher.core.posts.markdown_regions import blank_code, blank_literal_regions
    from publisher.sources.liquid import data_files

    prose = blank_literal_regions(blank_code(body) if markdown else body)
    changes = [*data_files.loop_replacements(body, prose, rules.site_data)] if rules.site_data else []
    changes += include_replacements(path, body, prose, rules, beside) if includes else []
    return splice(body, sorted(changes))


def include_replacements(
    path: str, body: str, prose: str, rules: SourceRules, beside: ReadBeside
) -> Iterator[tuple[int, int, str]]:
    """(start, end, replacement) for each tag that includes a file without code."""
    files = rules.include_texts
    room = MAX_TOTAL_SIZE
    for tag in _INCLUDE.finditer(prose):
        name = tag["file"].strip("\"'")
        text = files.get(name)
        if tag["tag"] == "include_relative":
            near = beside(path, name)
            text = (
                fill_includes(near, files.get)
                if near and len(near) <= MAX_FILE_SIZE and has_no_code(near)
                else None
            )
        if text is None or len(text) > room:
            continue
        room -= len(text)
        start, end = body.rfind("\n", 0, tag.start()) + 1, body.find("\n", tag.end())
        around = body[start : tag.start()] + body[tag.end() : end if end >= 0 else None]
        yield tag.start(), tag.end(), text.strip("\n") if around.strip() else text


def splice(body: str, changes: Sequence[tuple[int, int, str]]) -> tuple[str, Shifts]:
    """`body` with `changes` (start, end, replacement), in order and not overlapping, and how they shift its
    lines.
    """
    parts: list[str] = []
    shifts: list[tuple[int, int, int]] = []
    at, old, new = 0, 1, 1  # the lines, before and after, that `at` is on
    for start, end, text in changes:
        parts += [body[at:start], text]
        passed = body.count("\n", at, start)
        old, new = old + passed, new + passed
        gone, come = body.count("\n", start, end), text.count("\n")
        if come:
            shifts += [(new + 1, old, 0), (new + come, old + gone, 1)]
        elif gone:
            shifts.append((new + 1, old + gone + 1, 1))
        at, old, new = end, old + gone, new + come
    return "".join([*parts, body[at:]]) if parts else body, tuple(shifts)


def extract_constants(body: str, rules: SourceRules, *, markdown: bool) -> tuple[str, dict[str, str]]:
    """`body` without captured text but with its line breaks; and, by the names it uses, the variables with
    one plain value and the values of data files and the configuration that it shows.
    """
    if "{" not in body and not ("<" in body and "<%" in body):
        return body, {}
    if rules.profile not in PROFILES or ("{%" not in body and "site." not in body):
        return body, {}
    from publisher.core.posts.markdown_regions import blank_code, blank_literal_regions
    from publisher.sources.liquid import data_files

    data = rules.site_data
    prose = blank_literal_regions(blank_code(body) if markdown else body)
    given: dict[str, str | None] = {}
    captures = [*_CAPTURE.finditer(prose)] if "capture" in prose else []
    loops = loop_depths(prose)
    for tag in (*captures, *islice(_ASSIGN.finditer(prose), MAX_VARIABLES)):
        looped = loops and loops[bisect(loops, (tag.start(), 0)) - 1][1] > 0
        value = None if looped else assigned_value(tag, body, data)
        name = tag["name"]
        given[name] = value if name not in given or given[name] == value else None
    parts: list[str] = []
    at = 0
    for tag in captures:
        parts += [body[at : tag.start()], "\n" * tag[0].count("\n")]
        at = tag.end()
    known = {name: value for name, value in given.items() if value is not None}
    known |= data_files.shown_data(prose, data)
    for variable in set(_SITE.findall(prose)) if rules.site_config else ():  # such as "site.author.name"
        setting: Value | None = {**rules.site_config}
        for word in variable.split(".")[1:]:
            setting = folded_map(setting).get(fold(word)) if setting is not None else None
        if isinstance(setting, str) and 0 < len(setting) <= MAX_VALUE_LENGTH:
            known[variable] = setting
    return "".join([*parts, body[at:]]), known


def loop_depths(prose: str) -> list[tuple[int, int]]:
    """(position, how many loops are open after it), in order from the start."""
    if "for" not in prose:
        return []
    found, depth = [(0, 0)], 0
    for tag in _LOOP.finditer(prose):
        depth = max(0, depth - 1) if tag[1] else depth + 1
        found.append((tag.start(), depth))
    return found


def assigned_value(tag: re.Match[str], body: str, data: Mapping[str, str]) -> str | None:
    """The plain value of an assignment or a capture; None if it is not plain."""
    if "text" in tag.re.groupindex:
        text = body[tag.start("text") : tag.end("text")].strip()
        return text if len(text) <= MAX_VALUE_LENGTH and "{{" not in text else None
    text = body[tag.start("value") : tag.end("value")].strip()
    if match := _LITERAL.fullmatch(text):
        return next(group for group in match.groups() if group is not None)
    from publisher.sources.liquid import data_files

    return data_files.data_value(text, data)
