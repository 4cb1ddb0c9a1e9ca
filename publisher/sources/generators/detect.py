"""Which generator a blog is made with, and what its configuration says of dates, addresses and defaults.

Configuration that is code (pelicanconf.py, astro.config.mjs, ...) is never run: only literal values in it are
read.
"""

import os
import re
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

from publisher.core.caching import lazy
from publisher.sources import ignored_files as ignored_paths
from publisher.sources.frontmatter.values import (
    Defaults,
    Value,
    fold,
    folded_map,
    scalars,
)
from publisher.sources.generators import profiles
from publisher.sources.source_rules import GeneratorConfig, read_config_map, read_text

MAX_LANGUAGES = 100
_LOCALE = lazy(r"""\bdefaultLocale\s*:\s*["']([\w-]+)["']""")
_KEY = lazy(r"""^\[?["']?([\w-]{1,100})["']?\]?\s*(?:[:=]|$)""", re.MULTILINE)
_DEPENDENCY = lazy(r'"(@11ty/eleventy|astro|hexo|@docusaurus/core)"\s*:')
_PACKAGES = {
    "@11ty/eleventy": "eleventy",
    "astro": "astro",
    "hexo": "hexo",
    "@docusaurus/core": "docusaurus",
}

_HUGO_PARTS = ("permalinks", "module", "cascade", "frontmatter")
_ZOLA_SPELLINGS = {"off": profiles.as_written, "false": profiles.as_written, "safe": profiles.zola_safe_slug}
"""How names are spelled, by the value of `slugify.paths` unless that is "on"."""

_CODE_ENDS = ("js", "mjs", "cjs", "ts", "mts", "cts")


def detect_config(folder: Path) -> GeneratorConfig | None:
    """The configuration of the generator whose site is in `folder`; None if it is not a site's root."""
    for name, reader in _CONFIG_FILES.items():
        # Dozens of names are tried in every folder at each start, so no Path is made for missing files.
        if os.path.isfile(f"{folder}/{name}") and (found := reader(folder / name)):  # noqa: PTH113
            return found
    return None


# Each generator's own module is imported only when its configuration is found: most blogs have one, or none.


def read_config_yml(file: Path) -> GeneratorConfig:
    """A `_config.yml` of Jekyll or Hexo."""
    from publisher.sources.generators import hexo

    top = read_config_map(file)
    packaged = read_package_json(file.parent / "package.json")  # tells more than a short configuration
    if hexo.is_hexo_config(top) or (packaged and packaged.profile == "hexo"):
        return read_hexo_config(file, top)
    posts = folded_map(folded_map(top.get("collections")).get("posts"))
    # Liquid uses the keys of settings as written.
    keys = dict.fromkeys(_KEY.findall(read_text(file)))
    return GeneratorConfig(
        profile="jekyll",
        file=file.name,
        timezone=text_or_empty(top.get("timezone")),
        permalink=text_or_empty(posts.get("permalink")) or text_or_empty(top.get("permalink")),
        summary_separator=text_or_empty(top.get("excerptseparator")),
        language=first_word(top, "lang", "language", "locale"),
        author=top.get("author"),
        defaults=jekyll_defaults(top.get("defaults")),
        site_config={key: top[fold(key)] for key in keys if fold(key) in top},
        ignore_rules=(ignored_paths.jekyll_entry_filter(top),),
    )


def read_hexo_config(file: Path, top: Mapping[str, Value]) -> GeneratorConfig:
    from publisher.sources.generators import hexo

    defaults = hexo.permalink_defaults(top)
    return GeneratorConfig(
        profile="hexo",
        file=file.name,
        timezone=text_or_empty(top.get("timezone")),
        permalink=text_or_empty(top.get("permalink")),
        language=first_word(top, "language"),
        author=top.get("author"),
        dated_names=":year" in text_or_empty(top.get("newpostname")),
        defaults=(Defaults(values=defaults),) if defaults else (),
        category_addresses=hexo.category_addresses(top),
        ignore_rules=hexo.ignore_rules(top),
        content_folders=hexo.post_folders(top),
        encrypted_tags=hexo.encrypted_tags(top),
    )


def jekyll_defaults(value: Value) -> tuple[Defaults, ...]:
    """The defaults of posts, the broadest scope first: Jekyll lets the narrower win."""
    found: list[Defaults] = []
    for item in value if isinstance(value, list) else []:
        entry = folded_map(item)
        scope = folded_map(entry.get("scope"))
        if text_or_empty(scope.get("type")) in ("", "posts", "post", "drafts"):
            path = text_or_empty(scope.get("path")).strip("/")
            found.append(Defaults(scope=path, values=folded_map(entry.get("values"))))
    return tuple(sorted(found, key=lambda entry: len(entry.scope)))


def read_hugo_config(file: Path) -> GeneratorConfig:
    from publisher.sources.generators import hugo

    top = read_config_map(file)
    if file.parent.name == "_default":  # each part of it may stand in a file of its own
        top = {**read_hugo_parts(file.parent), **top}
    languages = hugo.hugo_languages(top)
    return GeneratorConfig(
        profile="hugo",
        file=file.name,
        timezone=text_or_empty(top.get("timezone")),
        language=hugo.language(top),
        author=hugo.author(top),
        permalink=hugo.permalink(top),
        section_permalinks=hugo.sections(top),
        spelling=hugo.path_spelling(top),
        languages=languages,
        date_sources=hugo.date_sources(top),
        ignore_rules=hugo.ignore_rules(top, languages.disabled),
        content_folders=hugo.content_folders(languages.contents, top),
        cascade=top.get("cascade"),
    )


def read_hugo_parts(folder: Path) -> dict[str, Value]:
    """languages.toml, languages.de.toml and permalinks.toml, as if they were one file."""
    parts: dict[str, dict[str, Value]] = {name: {} for name in ("languages", *_HUGO_PARTS)}
    for end in (".toml", ".yaml", ".yml", ".json"):
        for name, part in parts.items():
            for key, item in read_config_map(folder / (name + end)).items():
                # values.fold took the hyphen of a language's code away: "ptbr" is "pt-br".
                code = len(key) in (4, 6) and key[:2] in ("zh", "pt", "en", "es")
                part[f"{key[:2]}-{key[2:]}" if code else key] = item
        for file in sorted(islice(folder.glob(f"languages.*{end}"), MAX_LANGUAGES)):
            parts["languages"][file.name.split(".")[1].lower()] = {**read_config_map(file)}
    languages = parts.pop("languages")
    return {**parts, **({"languages": languages} if languages else {})}


def read_config_toml(file: Path) -> GeneratorConfig | None:
    """A `config.toml` of Zola or Hugo: Zola requires base_url, Hugo writes baseURL."""
    text = read_text(file)
    if re.search(r"^\s*base_url\s*=", text, re.MULTILINE):
        return read_zola_config(file)
    top = read_config_map(file)
    signs = {"baseurl", "languagecode", "theme", "params", "taxonomies", "contentdir", "markup", "permalinks"}
    return read_hugo_config(file) if len(signs & top.keys()) >= 2 or "baseurl" in top else None


def read_zola_config(file: Path) -> GeneratorConfig:
    top = read_config_map(file)
    paths = text_or_empty(folded_map(top.get("slugify")).get("paths"))
    paths = paths or text_or_empty(top.get("slugifypaths"))
    return GeneratorConfig(
        profile="zola",
        file=file.name,
        language=first_word(top, "defaultlanguage"),
        author=top.get("author"),
        spelling=_ZOLA_SPELLINGS.get(paths.lower()),
        ignore_rules=(
            ignored_paths.whole_path_patterns("ignored_content", scalars(top.get("ignoredcontent"))),
        ),
        content_folders=("content",),
    )


def read_pelican_config(file: Path) -> GeneratorConfig:
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
            ignored_paths.name_patterns("IGNORE_FILES", pelican.ignored_names(given), across=True),
            pelican.article_folders(given),
        ),
    )


def read_docusaurus_config(file: Path) -> GeneratorConfig:
    from publisher.sources.generators import docusaurus

    text = read_text(file)
    locale = _LOCALE.search(text)
    folders, ignore_rules = docusaurus.blog_folders(text)
    return GeneratorConfig(
        profile="docusaurus",
        file=file.name,
        permalink=docusaurus.permalink(text),
        language=locale[1] if locale else "",
        content_folder=docusaurus.content_folder(text),
        content_folders=folders,
        ignore_rules=ignore_rules,
        locale_addresses=docusaurus.locale_addresses(text, file.suffix),
    )


def read_astro_config(file: Path) -> GeneratorConfig:
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


def read_eleventy_config(file: Path) -> GeneratorConfig:
    from publisher.sources.generators import eleventy
    from publisher.sources.generators.ignore_rules import eleventy_ignore_files, eleventy_rules

    text = read_text(file)
    content = eleventy.input_folder(text, read_text(file.parent / "package.json"))
    ignores = {name: read_text(file.parent / name) for name in eleventy_ignore_files(content)}
    return GeneratorConfig(
        profile="eleventy",
        file=file.name,
        content_folder=content,
        ignore_rules=eleventy_rules(text, content, ignores),
        content_folders=(content,) if content else (),
    )


def read_package_json(file: Path) -> GeneratorConfig | None:
    match = _DEPENDENCY.search(read_text(file))
    return GeneratorConfig(profile=_PACKAGES[match[1]], file=file.name) if match else None


def first_word(top: Mapping[str, Value], *keys: str) -> str:
    """The first text under one of `keys`, alone or in a list."""
    return next((word for key in keys for word in scalars(top.get(key))), "")


def text_or_empty(value: Value) -> str:
    return value if isinstance(value, str) else ""


_Reader = Callable[[Path], GeneratorConfig | None]
_CONFIG_FILES: dict[str, _Reader] = {
    **{f"hugo.{end}": read_hugo_config for end in ("toml", "yaml", "yml", "json")},
    "zola.toml": read_zola_config,
    **{f"docusaurus.config.{end}": read_docusaurus_config for end in _CODE_ENDS},
    **{f"astro.config.{end}": read_astro_config for end in _CODE_ENDS},
    ".eleventy.js": read_eleventy_config,
    **{f"eleventy.config.{end}": read_eleventy_config for end in _CODE_ENDS},
    "pelicanconf.py": read_pelican_config,
    "_config.yml": read_config_yml,
    "_config.yaml": read_config_yml,
    "_config.toml": read_config_yml,
    "config.toml": read_config_toml,
    "config.yaml": read_config_toml,
    "config.yml": read_config_toml,
    **{
        f"config/_default/{stem}.{end}": read_hugo_config
        for stem in ("hugo", "config")
        for end in ("toml", "yaml", "yml", "json")
    },
    "package.json": read_package_json,
}
"""The files that make a folder the root of a generator's site, the most certain first."""
