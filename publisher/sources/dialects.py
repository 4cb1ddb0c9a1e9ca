"""What a generator reads in Markdown beyond CommonMark: its habit, and what the blog's configuration changes.

Jekyll      `markdown` names another engine than kramdown
Hugo        markup.goldmark.extensions and .renderer
Pelican     MARKDOWN, the extensions of Python-Markdown
Hexo        `marked`, `markdown` or `kramed`: the settings of its renderers
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from publisher.core.extensions import Extension
from publisher.sources import pelican
from publisher.sources.configs import read_table
from publisher.sources.values import FrontMatter, Value, table

_USUAL: Mapping[str, tuple[Extension, ...]] = {
    "none": (Extension.DEFINITIONS,),
    "jekyll": (Extension.DEFINITIONS,),
    "hugo": (Extension.DEFINITIONS,),
    "pelican": (Extension.DEFINITIONS,),
    "hexo": (Extension.DEFINITIONS, Extension.BREAKS),
}
_ENDS = ("toml", "yaml", "yml", "json")
MAX_SIZE = 1_000_000

_Changes: TypeAlias = Iterator[tuple[Extension, bool | None]]
"""Extensions that a configuration turns on or off; None: it does not say."""


def extensions_of(profile: str, root: Path | None) -> tuple[Extension, ...]:
    """What the generator reads; `root` is the folder of its configuration, None where there is none."""
    found = set(_USUAL.get(profile, ()))
    changes = _CHANGES.get(profile) if root else None
    for extension, on in changes(root) if changes and root else ():
        if on is not None:
            (found.add if on else found.discard)(extension)
    return tuple(extension for extension in Extension if extension in found)


def _jekyll(root: Path) -> _Changes:
    top = _first_table(root, "_config.yml", "_config.yaml", "_config.toml")
    engine = top.get("markdown")
    if isinstance(engine, str) and engine.casefold() != "kramdown":
        yield Extension.DEFINITIONS, False


def _hugo(root: Path) -> _Changes:
    _top, markup = _hugo_tables(root)
    goldmark = table(markup.get("goldmark"))
    extensions = table(goldmark.get("extensions"))
    yield Extension.DEFINITIONS, _flag(extensions, "definitionlist")
    yield Extension.BREAKS, _flag(table(goldmark.get("renderer")), "hardwraps")


def _hugo_tables(root: Path) -> tuple[Mapping[str, Value], Mapping[str, Value]]:
    """Its configuration, and the part of it that is about markup: that may stand in a file of its own."""
    names = [f"{stem}.{end}" for stem in ("hugo", "config") for end in _ENDS]
    top = _first_table(root, *names, *(f"config/_default/{name}" for name in names))
    apart = _first_table(root, *(f"config/_default/markup.{end}" for end in _ENDS))
    return top, apart or table(top.get("markup"))


def _pelican(root: Path) -> _Changes:
    named = repr(pelican.assignments(_text(root / "pelicanconf.py")).get("MARKDOWN", ""))
    if named.startswith("{"):  # extensions are keys of a map in it, or items of a list, by their whole names
        yield Extension.DEFINITIONS, "extra" in named or "def_list" in named
        yield Extension.BREAKS, "nl2br" in named


def _hexo(root: Path) -> _Changes:
    top = _first_table(root, "_config.yml", "_config.yaml", "_config.toml")
    marked, markdown = table(top.get("marked")), table(top.get("markdown"))
    yield Extension.DEFINITIONS, _flag(marked, "descriptionlists")
    for settings in (marked, table(markdown.get("render")), markdown, table(top.get("kramed"))):
        yield Extension.BREAKS, _flag(settings, "breaks")


_CHANGES: Mapping[str, Callable[[Path], _Changes]] = {
    "jekyll": _jekyll,
    "hugo": _hugo,
    "pelican": _pelican,
    "hexo": _hexo,
}


def _first_table(root: Path, *names: str) -> Mapping[str, Value]:
    tables = (read_table(root / name) for name in names)
    return next(filter(None, tables), dict[str, Value]())


def _flag(settings: Mapping[str, Value], name: str) -> bool | None:
    return FrontMatter(values=settings, lines={}, line=1).flag(name)


def _text(file: Path) -> str:
    try:
        if not file.is_file() or file.stat().st_size > MAX_SIZE:
            return ""
        return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""
