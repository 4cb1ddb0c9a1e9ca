"""Hexo: what its configuration says about URLs, and how to tell it from Jekyll's, which has the same name.

category_map          what categories are called in URLs, if not by their names
default_category      the category of a post that has none
filename_case         1: categories are in lower case
permalink_defaults    words of permalinks that posts need not set
source_dir            the folder that is read; posts are only in its _posts
skip_render, exclude  patterns for files in it that are not posts (https://hexo.io/docs/configuration)
ignore                patterns for files and folders that are not read
encrypt.tags          of hexo-blog-encrypt: tags whose posts are encrypted, each with its password
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from publisher.core.caching import lazy
from publisher.sources.frontmatter.values import Quoted, Value, fold, folded_map, scalars, word_set
from publisher.sources.ignored_files import IgnoreRule, name_patterns

_HEXO_KEYS = word_set("sourcedir publicdir newpostname defaultlayout skiprender postassetfolder")
_WEAK_KEYS = word_set("tagdir archivedir")
_JEKYLL_KEYS = word_set("baseurl plugins gems collections markdown kramdown sass defaults paginate")
"""Jekyll plugins use `tag_dir` too, so beside one of these it does not mean Hexo."""

UNCATEGORIZED = "uncategorized"
_ZONED = lazy(r"\d{4}-\d\d?-\d\d?(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d(?:\.\d*)?[ \t]*(?:Z|[-+]\d\d?(?::\d\d)?)")
"""What YAML reads as a time with a zone."""

_OF_EACH_POST = word_set("title date updated slug permalink tags categories category published")


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryAddresses:
    """What categories are called in URLs: `words` by the names of categories, `default` for a post without
    any. `lowercase`: all of them in lower case.
    """

    words: Mapping[str, str] = field(default_factory=dict[str, str])
    default: str = UNCATEGORIZED
    lowercase: bool = False

    def word(self, category: str) -> str:
        """What `category` is called in a URL, not yet escaped."""
        word = self.words.get(category, category)
        return word.lower() if self.lowercase else word


def is_hexo_config(top: Mapping[str, Value]) -> bool:
    """Whether a `_config.yml` is Hexo's; `top` is keyed by values.fold."""
    return not _HEXO_KEYS.isdisjoint(top) or (not _WEAK_KEYS.isdisjoint(top) and _JEKYLL_KEYS.isdisjoint(top))


def category_addresses(top: Mapping[str, Value]) -> CategoryAddresses:
    """What a configuration says about categories in URLs."""
    found = top.get("categorymap")
    words = {name: first_word(word) for name, word in found.items()} if isinstance(found, dict) else {}
    return CategoryAddresses(
        words={name: word for name, word in words.items() if word},
        default=first_word(top.get("defaultcategory")) or UNCATEGORIZED,
        lowercase=first_word(top.get("filenamecase")) == "1",
    )


def post_folders(top: Mapping[str, Value]) -> tuple[str, ...]:
    """The folders of posts: `hexo.posts` are made from these alone (plugins/processor/post.ts)."""
    source = first_word(top.get("sourcedir")).strip("/").removeprefix("./") or "source"
    return f"{source}/_posts", f"{source}/_drafts"


def ignore_rules(top: Mapping[str, Value]) -> tuple[IgnoreRule, ...]:
    """Rules for what the settings exclude."""
    source = post_folders(top)[0].removesuffix("/_posts")
    within = (
        name_patterns(name, scalars(top.get(fold(name))), below=source) for name in ("skip_render", "exclude")
    )
    return (*within, name_patterns("ignore", scalars(top.get("ignore"))))


def encrypted_tags(top: Mapping[str, Value]) -> tuple[str, ...]:
    """The tags of `encrypt.tags`, casefolded: `- {name: Diary, password: x}`, or the plain name."""
    tags = folded_map(top.get("encrypt")).get("tags")
    entries = tags if isinstance(tags, list) else [tags]
    named = (folded_map(entry).get("name") if isinstance(entry, dict) else entry for entry in entries)
    return tuple(dict.fromkeys(name.casefold() for entry in named for name in scalars(entry)))


def permalink_defaults(top: Mapping[str, Value]) -> dict[str, Value]:
    """Front matter that posts need not repeat, without fields that each post sets itself."""
    found = top.get("permalinkdefaults")
    entries = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in entries if name not in _OF_EACH_POST}


def permalink_time(value: Value, at: datetime, site: tzinfo) -> datetime | None:
    """The time that Hexo uses in the URL of a post at `at` (UTC) whose date has a zone: it takes the UTC time
    for the site's (hexo-front-matter). None for other dates.
    """
    if isinstance(value, Quoted) or not isinstance(value, str) or not _ZONED.fullmatch(value.strip()):
        return None
    return at.replace(tzinfo=site)


def first_word(value: Value) -> str:
    """A scalar's text, trimmed; "" for anything else."""
    return next(iter(scalars(value)), "") if isinstance(value, str) else ""
