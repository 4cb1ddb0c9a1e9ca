"""How a folder of posts is read: by settings, and by what the blog's own files say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from publisher.core.posts.post import MarkdownExtension
from publisher.core.site import Person
from publisher.sources.frontmatter.values import (
    Defaults,
    FrontMatter,
    FrontMatterError,
    Value,
)
from publisher.sources.generators.profiles import GENERIC, PROFILES, Profile
from publisher.sources.ignored_files import IgnoreRule, why_ignored

if TYPE_CHECKING:
    from publisher.sources.generators.hexo import CategoryAddresses
    from publisher.sources.generators.hugo import DateSources, HugoLanguages
    from publisher.sources.ignored_files import Articles

MAX_CONFIG_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class SourceRules:
    """The rules of one site. They are plain values, for they are sent to other processes.

    From settings: `site_url` is absolute and ends in "/". `timezone` (IANA) is that of dates without one, and
    of the date words in `permalink`, which is a pattern or one of Jekyll's names (see fields/permalinks.py).
    `language` is that of posts that name none. None for any of these: the generator's own where its
    configuration is found, else UTC, DEFAULT_PERMALINK and DEFAULT_LANGUAGE. `link_fields` and `id_fields`
    are front matter that names the canonical URL and a permanent id; the first found wins. Globs know `**`,
    `*` and `?`. `profile` is a generator's name, "none", or "auto". With `pages` Publisher makes a page of
    each post: permalinks are under /posts/, and files beside posts are assets. With `pages_at_root` as well,
    permalinks are as they say, except that no post may take one of `reserved_names` or a place of
    `own_documents` (see core.posts.page_paths).

    `markdown_choices` turn extensions on or off, whatever the generator reads.

    From `site_config.resolve_config`, by what lies beside the posts:

    above, below         the folders from the blog's root down to posts.dir; or the folder within posts.dir
                         ("docs/") that is the root
    has_site_root        whether a generator's configuration marks that root
    author_profiles      authors by the keys that posts name them by
    summary_separator    what ends a post's summary
    section_permalinks   the permalinks of single sections
    pelican_articles     where Pelican's articles are
    post_defaults        front matter that a data file of a post's own gives to it, by the post's path
    unread_code          data files that are code, by their paths from the blog's root
    dated_names          whether the configuration says that files' names begin with their dates
    languages            Hugo's
    date_sources         where Hugo takes dates from
    category_addresses   how Hexo's addresses name categories
    content_folder       the folder, from the blog's root, in which addresses begin, where that is said
    spelling             how names are spelled in addresses, where the configuration says it
    ignore_rules         which files the generator never builds
    extensions           what is read in bodies beyond CommonMark
    tag_labels           what the blog calls its tags, by their keys
    site_config          Jekyll's configuration, by its keys as they are written
    include_texts        the texts of files without code that posts may include
    site_data            the plain values of data files (see liquid/data_files.py)
    encrypted_tags       tags whose posts Hexo encrypts
    post_tables          data files of posts, by their paths from the root
    locale_addresses     where Docusaurus' locales are (docusaurus.locale_addresses)
    origins              for a field's name, where its value comes from
    """

    site_url: str
    pages: bool
    timezone: str | None
    language: str | None
    author: Person | None
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    permalink: str | None
    link_fields: tuple[str, ...]
    id_fields: tuple[str, ...]
    profile: str
    defaults: tuple[Defaults, ...]
    pages_at_root: bool = False
    reserved_names: tuple[str, ...] = ()
    own_documents: str = ""
    above: tuple[str, ...] = ()
    below: str = ""
    has_site_root: bool = False
    author_profiles: Mapping[str, Person] = field(default_factory=dict[str, Person])
    summary_separator: str = ""
    section_permalinks: Mapping[str, str] = field(default_factory=dict[str, str])
    pelican_articles: "Articles | None" = None
    post_defaults: Mapping[str, Mapping[str, Value]] = field(default_factory=dict[str, Mapping[str, Value]])
    unread_code: tuple[str, ...] = ()
    dated_names: bool | None = None
    languages: "HugoLanguages | None" = None
    date_sources: "DateSources | None" = None
    category_addresses: "CategoryAddresses | None" = None
    content_folder: str | None = None
    spelling: Callable[[str], str] | None = None
    ignore_rules: tuple[IgnoreRule, ...] = ()
    extensions: tuple[MarkdownExtension, ...] = ()
    markdown_choices: tuple[tuple[MarkdownExtension, bool], ...] = ()
    tag_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    site_config: Mapping[str, Value] = field(default_factory=dict[str, Value])
    include_texts: Mapping[str, str] = field(default_factory=dict[str, str])
    site_data: Mapping[str, str] = field(default_factory=dict[str, str])
    encrypted_tags: tuple[str, ...] = ()
    post_tables: tuple[str, ...] = ()
    locale_addresses: Mapping[str, str] = field(default_factory=dict[str, str])
    origins: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def strips_dates(self) -> bool:
        """Whether a date is taken off a file's name where that makes an address."""
        return self.conventions.strips_dates if self.dated_names is None else self.dated_names

    def why_ignored(self, path: str) -> str | None:
        """Why the file at `path` is ignored, whatever it contains; None if it may be a post."""
        return why_ignored(path, self.in_blog(path), self.ignore_rules)

    @property
    def spell(self) -> Callable[[str], str]:
        """How names of files and folders are spelled in addresses."""
        return self.spelling or self.conventions.spell

    @cached_property
    def conventions(self) -> Profile:
        """The generator's conventions; generic ones if it is unknown."""
        return PROFILES.get(self.profile, GENERIC)

    def in_blog(self, path: str) -> str:
        """A path relative to the posts folder as one relative to the blog's root."""
        if self.below:
            return path.removeprefix(self.below)
        return "/".join((*self.above, path)) if self.above else path


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
        if not file.is_file() or file.stat().st_size > MAX_CONFIG_BYTES:
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
