"""What a generator's configuration says, and how its files are read: as maps, as text, as front matter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from publisher.sources.frontmatter.defaults import Defaults
from publisher.sources.frontmatter.values import (
    FrontMatter,
    FrontMatterError,
    Value,
)
from publisher.sources.ignored.paths import IgnoreRule

if TYPE_CHECKING:
    from publisher.sources.generators.hexo import CategoryAddresses
    from publisher.sources.generators.hugo import DateSources, HugoLanguages


MAX_SIZE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratorConfig:
    """What was found in `file`. Empty values: it does not say.

    `section_permalinks` are those of single sections, by name. `pelican_settings` are Pelican's, as far as
    they are literals. `languages` and `date_sources` are Hugo's, `category_addresses` Hexo's. `dated_names`:
    whether names of files begin with dates that are not part of URLs. `author` is the blog's: a name, a key
    in its data, or a map. `content_folder` is the folder where URLs begin ("" for the root itself; None: not
    set). `spelling` is how names are spelled in URLs, if not in the generator's usual way. `ignore_rules` are
    for files it ignores; `content_folders` are the only ones it reads, if any are set. `cascade` is Hugo's
    front matter for many pages. `site_config` is Jekyll's configuration by its keys as written.
    `encrypted_tags` are the tags, casefolded, whose posts Hexo encrypts.
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


def read_config_map(file: Path) -> dict[str, Value]:
    """The map at the top of a YAML, TOML or JSON file, keyed by values.fold; {} if it cannot be read."""
    text = read_text(file) if file.suffix in (".yml", ".yaml", ".toml", ".json") else ""
    if not text:
        return {}
    # Imported here because YAML takes long to import, and most starts read no such file.
    from publisher.sources.frontmatter.containers import load_json, load_toml
    from publisher.sources.frontmatter.yaml import load_yaml

    load = {".json": load_json, ".toml": load_toml}.get(file.suffix, load_yaml)
    try:
        return dict(load(text, 1).values)
    except (FrontMatterError, RecursionError):
        return {}


def read_text(file: Path) -> str:
    """A file's text; "" if it cannot be read or is too long for a configuration."""
    try:
        if not file.is_file() or file.stat().st_size > MAX_SIZE:
            return ""
        return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


def read_page_front_matter(file: Path) -> FrontMatter | None:
    """The front matter of a page, such as that of a section; None if it has none that can be read."""
    from publisher.sources.frontmatter.containers import open_container

    try:
        return open_container(read_text(file).replace("\r\n", "\n")).front
    except (FrontMatterError, RecursionError):
        return None
