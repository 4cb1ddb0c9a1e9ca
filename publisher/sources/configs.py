"""What a generator's own configuration says about dates, addresses, summaries and defaults.

Configuration that is code (pelicanconf.py, astro.config.mjs, ...) is never run: what is written out in it is
found, and nothing else.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from publisher.sources import pelican
from publisher.sources.containers import load_json, load_toml
from publisher.sources.rules import Defaults
from publisher.sources.values import FrontMatterError, Value, table
from publisher.sources.yaml_text import load_yaml

MAX_SIZE = 1_000_000
_HUGO = {
    ":titleslug": re.compile(r":slug(?![a-z])"),
    ":titleonly": re.compile(r":title(?![a-z])"),
    ":sections_rest": re.compile(r":sections\[1:\]"),
    ":sections_last": re.compile(r":sections\[last\]"),
    ":section": re.compile(r":sections\[0\]"),
}
_ROUTE = re.compile(r"""\bblog\s*:\s*\{[^{}]*?\brouteBasePath\s*:\s*["']([^"']*)["']""")
_WEAK = re.compile(r'"(@11ty/eleventy|astro|hexo|@docusaurus/core)"\s*:')
_PACKAGES = {
    "@11ty/eleventy": "eleventy",
    "astro": "astro",
    "hexo": "hexo",
    "@docusaurus/core": "docusaurus",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What was found in `file`. Empty texts: it says nothing of that. `sections` are the permalinks of
    single sections by their names; `given` are Pelican's settings as far as they are written out."""

    profile: str
    file: str
    timezone: str = ""
    permalink: str = ""
    separator: str = ""
    defaults: tuple[Defaults, ...] = ()
    sections: Mapping[str, str] = field(default_factory=dict[str, str])
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])


def config_in(folder: Path) -> Config | None:
    """The configuration of the generator whose site `folder` is; None where it is no site's root."""
    for name, reader in _FILES.items():
        file = folder / name
        if file.is_file() and (found := reader(file)):
            return found
    return None


def read_table(file: Path) -> dict[str, Value]:
    """The top of a YAML, TOML or JSON file, keyed by values.fold; nothing where it cannot be read."""
    load = _LOADERS.get(file.suffix)
    if load is None:
        return {}
    try:
        return dict(load(_text(file), 1).values)
    except (FrontMatterError, RecursionError):
        return {}


def _text(file: Path) -> str:
    try:
        if not file.is_file() or file.stat().st_size > MAX_SIZE:
            return ""
        return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def _jekyll_or_hexo(file: Path) -> Config:
    top = read_table(file)
    hexo = not {"sourcedir", "newpostname", "defaultlayout"}.isdisjoint(top)
    posts = table(table(top.get("collections")).get("posts"))
    return Config(
        profile="hexo" if hexo else "jekyll",
        file=file.name,
        timezone=_word(top.get("timezone")),
        permalink=_word(posts.get("permalink")) or _word(top.get("permalink")),
        separator=_word(top.get("excerptseparator")),
        defaults=() if hexo else _jekyll_defaults(top.get("defaults")),
    )


def _jekyll_defaults(value: Value) -> tuple[Defaults, ...]:
    """The defaults of posts, the broadest scope first: Jekyll lets the narrower win."""
    found: list[Defaults] = []
    for item in value if isinstance(value, list) else []:
        entry = table(item)
        scope = table(entry.get("scope"))
        if _word(scope.get("type")) in ("", "posts", "post", "drafts"):
            path = _word(scope.get("path")).strip("/")
            found.append(Defaults(scope=path, values=table(entry.get("values"))))
    return tuple(sorted(found, key=lambda entry: len(entry.scope)))


def _hugo(file: Path) -> Config:
    top = read_table(file)
    links = table(top.get("permalinks"))
    page = links.get("page")
    links = page if isinstance(page, dict) else links
    sections = {name.strip("/").lower(): _hugo_words(_word(link)) for name, link in links.items()}
    return Config(
        profile="hugo",
        file=file.name,
        timezone=_word(top.get("timezone")),
        sections={name: link for name, link in sections.items() if link},
    )


def _hugo_words(pattern: str) -> str:
    """Hugo's words where ours mean another thing: its :slug falls back to the title, not to the file."""
    for ours, theirs in _HUGO.items():
        pattern = theirs.sub(ours, pattern)
    return pattern


def _zola_or_hugo(file: Path) -> Config | None:
    """Both have a config.toml: Zola's must name base_url, Hugo writes baseURL."""
    text = _text(file)
    if re.search(r"^\s*base_url\s*=", text, re.MULTILINE):
        return Config(profile="zola", file=file.name)
    top = read_table(file)
    signs = {"baseurl", "languagecode", "theme", "params", "taxonomies", "contentdir", "markup", "permalinks"}
    return _hugo(file) if len(signs & top.keys()) >= 2 or "baseurl" in top else None


def _zola(file: Path) -> Config:
    return Config(profile="zola", file=file.name)


def _pelican(file: Path) -> Config:
    given = pelican.assignments(_text(file))
    texts = {name: value for name, value in given.items() if isinstance(value, str)}
    return Config(
        profile="pelican",
        file=file.name,
        timezone=texts.get("TIMEZONE", ""),
        permalink=pelican.permalink(texts),
        given=given,
    )


def _docusaurus(file: Path) -> Config:
    route = _ROUTE.search(_text(file))
    at = route[1].strip("/") if route else "blog"
    link = f"/{at}/:dated:slug" if at else "/:dated:slug"
    return Config(profile="docusaurus", file=file.name, permalink=link if route else "")


def _named(profile: str) -> "_Reader":
    return lambda file: Config(profile=profile, file=file.name)


def _package(file: Path) -> Config | None:
    match = _WEAK.search(_text(file))
    return Config(profile=_PACKAGES[match[1]], file=file.name) if match else None


def _word(value: Value) -> str:
    return value if isinstance(value, str) else ""


_LOADERS = {
    ".yml": load_yaml,
    ".yaml": load_yaml,
    ".toml": load_toml,
    ".json": load_json,
}

_Reader = Callable[[Path], Config | None]
_CODE = ("js", "mjs", "cjs", "ts", "mts", "cts")
_FILES: dict[str, _Reader] = {
    **{f"hugo.{end}": _hugo for end in ("toml", "yaml", "yml", "json")},
    "zola.toml": _zola,
    **{f"docusaurus.config.{end}": _docusaurus for end in _CODE},
    **{f"astro.config.{end}": _named("astro") for end in _CODE},
    ".eleventy.js": _named("eleventy"),
    **{f"eleventy.config.{end}": _named("eleventy") for end in _CODE},
    "pelicanconf.py": _pelican,
    "_config.yml": _jekyll_or_hexo,
    "_config.yaml": _jekyll_or_hexo,
    "_config.toml": _jekyll_or_hexo,
    "config.toml": _zola_or_hugo,
    "config.yaml": _zola_or_hugo,
    "config.yml": _zola_or_hugo,
    "config/_default/hugo.toml": _hugo,
    "config/_default/hugo.yaml": _hugo,
    "config/_default/config.toml": _hugo,
    "config/_default/config.yaml": _hugo,
    "package.json": _package,
}
"""The files that make a folder the root of a generator's site, the surest first."""
