"""What a generator's own configuration says about dates, addresses, summaries and defaults.

Configuration that is code (pelicanconf.py, astro.config.mjs, ...) is never run: what is written out in it is
found, and nothing else.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from publisher.core.patterns import lazy
from publisher.sources.fields import slugs
from publisher.sources.frontmatter.containers import load_json, load_toml, open_container
from publisher.sources.frontmatter.values import (
    FrontMatter,
    FrontMatterError,
    Value,
    fold,
    folded_map,
    scalars,
)
from publisher.sources.frontmatter.yaml import load_yaml
from publisher.sources.ignored import paths as leaving
from publisher.sources.ignored.paths import IgnoreRule
from publisher.sources.rules import Defaults

if TYPE_CHECKING:
    from publisher.sources.generators.hexo import CategoryAddresses
    from publisher.sources.generators.hugo import DateSources, HugoLanguages

MAX_SIZE = 1_000_000
MAX_LANGUAGES = 100
_LOCALE = lazy(r"""\bdefaultLocale\s*:\s*["']([\w-]+)["']""")
_KEY = lazy(r"""^\[?["']?([\w-]{1,100})["']?\]?\s*(?:[:=]|$)""", re.MULTILINE)
_WEAK = lazy(r'"(@11ty/eleventy|astro|hexo|@docusaurus/core)"\s*:')
_PACKAGES = {
    "@11ty/eleventy": "eleventy",
    "astro": "astro",
    "hexo": "hexo",
    "@docusaurus/core": "docusaurus",
}

_PARTS = ("permalinks", "module", "cascade", "frontmatter")
_ZOLAS = {"off": slugs.as_written, "false": slugs.as_written, "safe": slugs.zola_safe_slug}
"""How names are spelt, by `slugify.paths` where that is not "on"."""

_LOADERS = {
    ".yml": load_yaml,
    ".yaml": load_yaml,
    ".toml": load_toml,
    ".json": load_json,
}
_CODE = ("js", "mjs", "cjs", "ts", "mts", "cts")


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorConfig:
    """What was found in `file`. Empty texts: it says nothing of that. `sections` are the permalinks of
    single sections by their names; `given` are Pelican's settings as far as they are written out; `tongues`
    are Hugo's languages, `dating` is where it takes dates from, `filing` Hexo's categories; `undated` is
    whether names of files begin with dates that are no part of addresses. `author` is the blog's: a name, a
    key of its data, or a map. `content` is the folder that addresses begin in ("" for the root itself); None:
    it is not said. `spelling` is how names are spelt in addresses, where that is not as its generator usually
    does. `leaves` is which files it leaves alone, `reads` the folders that it reads, where it reads no
    others, and `cascade` Hugo's front matter for many. `site` is Jekyll's, by its keys as they are written.
    `locked` are the tags, casefolded, whose posts Hexo encrypts.
    """

    profile: str
    file: str
    timezone: str = ""
    permalink: str = ""
    summary_separator: str = ""
    defaults: tuple[Defaults, ...] = ()
    section_permalinks: Mapping[str, str] = field(default_factory=dict[str, str])
    pelican_settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    language: str = ""
    author: Value = None
    content_folder: str | None = None
    spelling: Callable[[str], str] | None = None
    ignore_rules: tuple[IgnoreRule, ...] = ()
    content_folders: tuple[str, ...] = ()
    cascade: Value = None
    languages: "HugoLanguages | None" = None
    date_sources: "DateSources | None" = None
    category_addresses: "CategoryAddresses | None" = None
    dated_names: bool | None = None
    site_config: Mapping[str, Value] = field(default_factory=dict[str, Value])
    encrypted_tags: tuple[str, ...] = ()
    post_tables: tuple[str, ...] = ()
    locale_addresses: Mapping[str, str] = field(default_factory=dict[str, str])


def detect_config(folder: Path) -> GeneratorConfig | None:
    """The configuration of the generator whose site `folder` is; None where it is no site's root."""
    for name, reader in _FILES.items():
        # Asked of dozens of names in every folder at each start, so no Path is made of what is not there.
        if os.path.isfile(f"{folder}/{name}") and (found := reader(folder / name)):  # noqa: PTH113
            return found
    return None


def read_config_map(file: Path) -> dict[str, Value]:
    """The top of a YAML, TOML or JSON file, keyed by values.fold; nothing where it cannot be read."""
    load = _LOADERS.get(file.suffix)
    text = read_text(file) if load else ""
    if load is None or not text:
        return {}
    try:
        return dict(load(text, 1).values)
    except (FrontMatterError, RecursionError):
        return {}


def read_text(file: Path) -> str:
    """A file's text; "" where it cannot be read, or is too long for a configuration."""
    try:
        if not file.is_file() or file.stat().st_size > MAX_SIZE:
            return ""
        return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def read_page_front_matter(file: Path) -> FrontMatter | None:
    """The front matter of a page, such as that of a section; None where it has none that can be read."""
    try:
        return open_container(read_text(file).replace("\r\n", "\n")).front
    except (FrontMatterError, RecursionError):
        return None


# What is one generator's is loaded when its configuration is found: most blogs have one, or none.


def _jekyll_or_hexo(file: Path) -> GeneratorConfig:
    from publisher.sources.generators import hexo
    from publisher.sources.ignored import jekyll

    top = read_config_map(file)
    packaged = _package(file.parent / "package.json")  # a short one says less than what builds the blog
    if hexo.is_hexo_config(top) or (packaged and packaged.profile == "hexo"):
        return _hexo(file, top)
    posts = folded_map(folded_map(top.get("collections")).get("posts"))
    # The top of a configuration by its keys as they stand in its text.
    keys = dict.fromkeys(_KEY.findall(read_text(file)))
    return GeneratorConfig(
        profile="jekyll",
        file=file.name,
        timezone=_word(top.get("timezone")),
        permalink=_word(posts.get("permalink")) or _word(top.get("permalink")),
        summary_separator=_word(top.get("excerptseparator")),
        language=_first(top, "lang", "language", "locale"),
        author=top.get("author"),
        defaults=_jekyll_defaults(top.get("defaults")),
        site_config={key: top[fold(key)] for key in keys if fold(key) in top},
        ignore_rules=(jekyll.entry_filter(top),),
    )


def _hexo(file: Path, top: Mapping[str, Value]) -> GeneratorConfig:
    from publisher.sources.generators import hexo

    usual = hexo.permalink_defaults(top)
    return GeneratorConfig(
        profile="hexo",
        file=file.name,
        timezone=_word(top.get("timezone")),
        permalink=_word(top.get("permalink")),
        language=_first(top, "language"),
        author=top.get("author"),
        dated_names=":year" in _word(top.get("newpostname")),
        defaults=(Defaults(values=usual),) if usual else (),
        category_addresses=hexo.category_addresses(top),
        ignore_rules=hexo.ignore_rules(top),
        content_folders=hexo.post_folders(top),
        encrypted_tags=hexo.encrypted_tags(top),
    )


def _jekyll_defaults(value: Value) -> tuple[Defaults, ...]:
    """The defaults of posts, the broadest scope first: Jekyll lets the narrower win."""
    found: list[Defaults] = []
    for item in value if isinstance(value, list) else []:
        entry = folded_map(item)
        scope = folded_map(entry.get("scope"))
        if _word(scope.get("type")) in ("", "posts", "post", "drafts"):
            path = _word(scope.get("path")).strip("/")
            found.append(Defaults(scope=path, values=folded_map(entry.get("values"))))
    return tuple(sorted(found, key=lambda entry: len(entry.scope)))


def _hugo(file: Path) -> GeneratorConfig:
    from publisher.sources.generators import hugo, hugo_content

    top = read_config_map(file)
    if file.parent.name == "_default":  # each part of it may stand in a file of its own
        top = {**_parts(file.parent), **top}
    tongues = hugo.hugo_languages(top)
    return GeneratorConfig(
        profile="hugo",
        file=file.name,
        timezone=_word(top.get("timezone")),
        language=hugo.language(top),
        author=hugo.author(top),
        permalink=hugo.permalink(top),
        section_permalinks=hugo.sections(top),
        spelling=hugo.path_spelling(top),
        languages=tongues,
        date_sources=hugo.date_sources(top),
        ignore_rules=hugo_content.ignore_rules(top, tongues.off),
        content_folders=hugo_content.content_folders(tongues.contents, top),
        cascade=top.get("cascade"),
    )


def _parts(folder: Path) -> dict[str, Value]:
    """languages.toml, languages.de.toml and permalinks.toml, as they would stand in one file."""
    found: dict[str, Value] = {}
    languages: dict[str, Value] = {}
    for end in (".toml", ".yaml", ".yml", ".json"):
        for name, inside in (
            ("languages", languages),
            *((part, found.setdefault(part, {})) for part in _PARTS),
        ):
            if isinstance(inside, dict):
                inside.update(
                    {
                        (
                            f"{key[:2]}-{key[2:]}"
                            if len(key) in (4, 6) and key[:2] in ("zh", "pt", "en", "es")
                            else key
                        ): item
                        for key, item in read_config_map(folder / (name + end)).items()
                    }
                )
        for file in sorted(islice(folder.glob(f"languages.*{end}"), MAX_LANGUAGES)):
            languages[file.name.split(".")[1].lower()] = {**read_config_map(file)}
    return {**found, **({"languages": languages} if languages else {})}


def _zola_or_hugo(file: Path) -> GeneratorConfig | None:
    """Both have a config.toml: Zola's must name base_url, Hugo writes baseURL."""
    text = read_text(file)
    if re.search(r"^\s*base_url\s*=", text, re.MULTILINE):
        return _zola(file)
    top = read_config_map(file)
    signs = {"baseurl", "languagecode", "theme", "params", "taxonomies", "contentdir", "markup", "permalinks"}
    return _hugo(file) if len(signs & top.keys()) >= 2 or "baseurl" in top else None


def _zola(file: Path) -> GeneratorConfig:
    top = read_config_map(file)
    paths = _word(folded_map(top.get("slugify")).get("paths")) or _word(top.get("slugifypaths"))
    return GeneratorConfig(
        profile="zola",
        file=file.name,
        language=_first(top, "defaultlanguage"),
        author=top.get("author"),
        spelling=_ZOLAS.get(paths.lower()),
        ignore_rules=(leaving.whole_path_patterns("ignored_content", scalars(top.get("ignoredcontent"))),),
        content_folders=("content",),
    )


def _pelican(file: Path) -> GeneratorConfig:
    from publisher.sources.generators import pelican

    published = pelican.read_settings(read_text(file.parent / "publishconf.py"))  # which imports the other
    given = {**pelican.read_settings(read_text(file)), **published}
    texts = {name: value for name, value in given.items() if isinstance(value, str)}
    return GeneratorConfig(
        profile="pelican",
        file=file.name,
        timezone=texts.get("TIMEZONE", ""),
        permalink=pelican.permalink(given),
        language=texts.get("DEFAULT_LANG", ""),
        pelican_settings=given,
        dated_names=False if given.get("SLUGIFY_SOURCE") == "basename" else None,
        ignore_rules=(
            leaving.name_patterns("IGNORE_FILES", pelican.ignored_names(given), across=True),
            pelican.article_folders(given),
        ),
    )


def _docusaurus(file: Path) -> GeneratorConfig:
    from publisher.sources.generators import docusaurus

    text = read_text(file)
    locale = _LOCALE.search(text)
    reads, leaves = docusaurus.blog_folders(text)
    return GeneratorConfig(
        profile="docusaurus",
        file=file.name,
        permalink=docusaurus.permalink(text),
        language=locale[1] if locale else "",
        content_folder=docusaurus.content_folder(text),
        content_folders=reads,
        ignore_rules=leaves,
        locale_addresses=docusaurus.locale_addresses(text),
    )


def _astro(file: Path) -> GeneratorConfig:
    from publisher.sources.generators import astro

    text = read_text(file)
    locale, site = _LOCALE.search(text), astro.read_astro_site(file.parent, text)
    return GeneratorConfig(
        profile="astro",
        file=file.name,
        language=locale[1] if locale else "",
        section_permalinks=site.permalinks,
        defaults=tuple(Defaults(scope=place, values=values) for place, values in site.defaults.items()),
        content_folders=site.folders,
        ignore_rules=(site.patterns,) if site.patterns else (),
        post_tables=site.post_tables,
    )


def _eleventy(file: Path) -> GeneratorConfig:
    from publisher.sources.generators import eleventy
    from publisher.sources.ignored import eleventy as eleventyfiles

    text = read_text(file)
    content = eleventy.input_folder(text, read_text(file.parent / "package.json"))
    ignores = {name: read_text(file.parent / name) for name in eleventyfiles.ignore_files(content)}
    return GeneratorConfig(
        profile="eleventy",
        file=file.name,
        content_folder=content,
        ignore_rules=eleventyfiles.ignore_rules(text, content, ignores),
        content_folders=(content,) if content else (),
    )


def _package(file: Path) -> GeneratorConfig | None:
    match = _WEAK.search(read_text(file))
    return GeneratorConfig(profile=_PACKAGES[match[1]], file=file.name) if match else None


def _first(top: Mapping[str, Value], *keys: str) -> str:
    """The first word that stands under one of `keys`, alone or in a list."""
    return next((word for key in keys for word in scalars(top.get(key))), "")


def _word(value: Value) -> str:
    return value if isinstance(value, str) else ""


_Reader = Callable[[Path], GeneratorConfig | None]
_FILES: dict[str, _Reader] = {
    **{f"hugo.{end}": _hugo for end in ("toml", "yaml", "yml", "json")},
    "zola.toml": _zola,
    **{f"docusaurus.config.{end}": _docusaurus for end in _CODE},
    **{f"astro.config.{end}": _astro for end in _CODE},
    ".eleventy.js": _eleventy,
    **{f"eleventy.config.{end}": _eleventy for end in _CODE},
    "pelicanconf.py": _pelican,
    "_config.yml": _jekyll_or_hexo,
    "_config.yaml": _jekyll_or_hexo,
    "_config.toml": _jekyll_or_hexo,
    "config.toml": _zola_or_hugo,
    "config.yaml": _zola_or_hugo,
    "config.yml": _zola_or_hugo,
    **{
        f"config/_default/{stem}.{end}": _hugo
        for stem in ("hugo", "config")
        for end in ("toml", "yaml", "yml", "json")
    },
    "package.json": _package,
}
"""The files that make a folder the root of a generator's site, the surest first."""
