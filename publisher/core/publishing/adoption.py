"""Adopting the ids of a feed that a blog already has, so that moving to Publisher makes no old post new.

An entry of that feed is a post here by the file it is said to be, by its link, by the path of its link on
another host, or by title and time. An entry that fits several posts is ambiguous, and left to the author.
Addresses are compared as pages: generators, hosts and campaigns write the address of one page in many ways.

Also what the export of another publishing platform says of a blog and its posts.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit

from publisher.core.caching import lazy
from publisher.core.posts.post import Post

_TRACKING = lazy(r"utm_\w+|mc_(cid|eid)|fbclid|gclid|dclid|msclkid|igshid|yclid|_hsenc|_hsmi|ref|ref_src")
_INDEX = lazy(r"(?:^|/)index\.(?:html?|php)$")
_SUFFIX = lazy(r"\.html?$")


def host_of(url: str) -> str:
    """The host of a URL; "" if it has none or is malformed ("http://[x")."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def join_url(base: str, reference: str) -> str:
    """A reference as a URL, resolved against `base`; "" if it is malformed."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return ""


def page_key(url: str) -> str:
    """A name for the page at `url`, with its host; "" if it is not a web address."""
    host, path = _host_and_page(url)
    return f"{host}{path}" if host else ""


def path_key(url: str) -> str:
    """A name for the page at `url` on any host, or of a path; "" for a start page."""
    host, path = _host_and_page(url)
    return path if host or url.startswith("/") else ""


def _host_and_page(url: str) -> tuple[str, str]:
    """The host and a normal form of path and query: without index files, suffixes and tracking parameters."""
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").removeprefix("www."), parts.port
    except ValueError:
        return "", ""
    if parts.scheme not in ("http", "https", ""):
        return "", ""
    plain = unicodedata.normalize("NFC", unquote(parts.path))
    names = [name for name in _INDEX.sub("", plain).split("/") if name]
    page = "".join(f"/{name}" for name in names[:-1]) + (f"/{_SUFFIX.sub('', names[-1])}" if names else "")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    if query := sorted(pair for pair in pairs if not _TRACKING.fullmatch(pair[0])):
        page += f"?{urlencode(query)}"
    return host if port in (None, 80, 443) else f"{host}:{port}", page


@dataclass(frozen=True, slots=True, kw_only=True)
class OldEntry:
    """An entry as feed readers know it, by its `id`. `links` are its addresses, best first; `title` is plain
    text. `post` is the file it became, relative to posts.dir, "" if unknown. `derived`: no feed has it;
    its id follows the pattern of the others. `is_permalink` is whether RSS called the id an address
    (isPermaLink of `guid`), None if it came from elsewhere.
    """

    id: str
    links: tuple[str, ...] = ()
    title: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    post: str = ""
    derived: bool = False
    is_permalink: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OldFeed:
    """A page of a feed: its entries in order, and the URL of the page with older ones, "" for none."""

    entries: tuple[OldEntry, ...]
    title: str = ""
    older: str = ""


class MatchRule(StrEnum):
    """The rule by which an entry was recognized, the most certain first."""

    FILE = "file"
    LINK = "link"
    PATH = "path of the link"
    TIME = "title and time"
    DAY = "title and day"


CERTAIN_RULES = (MatchRule.FILE, MatchRule.LINK, MatchRule.PATH, MatchRule.TIME)
"""Rules that are certain enough without a check by a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedEntry:
    """An entry and the post it is."""

    entry: OldEntry
    post: Post
    how: MatchRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """The result of matching entries. `ambiguous` ones have the files they may be; `unmatched` fit no
    post.
    """

    found: tuple[MatchedEntry, ...] = ()
    ambiguous: tuple[tuple[OldEntry, tuple[str, ...]], ...] = ()
    unmatched: tuple[OldEntry, ...] = ()


def match_entries(
    entries: Iterable[OldEntry], posts: Iterable[Post], hows: Sequence[MatchRule] = tuple(MatchRule)
) -> Adoption:
    """Pairs entries with posts: each rule takes the pairs that are unique, and leaves the rest to the
    next.
    """
    left = {entry.id: entry for entry in merge_entries(entries)}
    free = {post.path: post for post in posts}
    found: dict[str, MatchedEntry] = {}
    unsure: dict[str, tuple[str, ...]] = {}
    for how in hows:
        post_keys, entry_keys = _KEYS[how]
        paths_of_key: defaultdict[object, list[str]] = defaultdict(list)
        for post in free.values():
            for key in set(post_keys(post)):
                paths_of_key[key].append(post.path)
        options = {
            entry.id: tuple(sorted({p for key in set(entry_keys(entry)) for p in paths_of_key.get(key, ())}))
            for entry in left.values()
        }
        claims = Counter(path for paths in options.values() for path in paths)
        for id, paths in options.items():
            if len(paths) == 1 and claims[paths[0]] == 1:
                found[id] = MatchedEntry(entry=left.pop(id), post=free.pop(paths[0]), how=how)
            elif paths:
                unsure.setdefault(id, paths)
    return Adoption(
        found=tuple(found.values()),
        ambiguous=tuple((entry, unsure[id]) for id, entry in left.items() if id in unsure),
        unmatched=tuple(entry for id, entry in left.items() if id not in unsure),
    )


def merge_entries(entries: Iterable[OldEntry]) -> list[OldEntry]:
    """Each id once, at its first position, with the links of all its entries."""
    once: dict[str, OldEntry] = {}
    for entry in entries:
        first = once.get(entry.id)
        if first is None:
            once[entry.id] = entry
        else:
            links = tuple(dict.fromkeys((*first.links, *entry.links)))
            is_permalink = entry.is_permalink if first.is_permalink is None else first.is_permalink
            once[entry.id] = replace(
                first, links=links, post=first.post or entry.post, is_permalink=is_permalink
            )
    return list(once.values())


def _addresses(post: Post) -> list[str]:
    """The URLs of a post: its canonical URL, its own page, and its former ones."""
    root = post.base_url.removesuffix(post.permalink)
    return [post.url, post.base_url, *(root + alias for alias in post.aliases)]


def _pages(urls: Iterable[str], key: Callable[[str], str]) -> Iterable[str]:
    return filter(None, map(key, urls))


_WORDS = re.compile(r"[\W_]+")


def _title(text: str) -> str:
    """The words of a title, since generators change quotation marks, dashes and dots."""
    return _WORDS.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold() or text.strip()


def _moment(title: str, at: datetime | None) -> Iterable[object]:
    return [(_title(title), at.replace(microsecond=0))] if at else []


def _days(title: str, at: datetime | None, offsets: Iterable[int]) -> Iterable[object]:
    """Title and day, with neighboring days, because programs differ on the zone of a time without one."""
    return [(_title(title), (at + timedelta(days=n)).date()) for n in offsets] if at and title.strip() else []


_Keys = tuple[Callable[[Post], Iterable[object]], Callable[[OldEntry], Iterable[object]]]
"""Keys of a post and of an entry; they have one in common if they are the same."""

_KEYS: dict[MatchRule, _Keys] = {
    MatchRule.FILE: (lambda post: [post.path], lambda entry: [entry.post] if entry.post else []),
    MatchRule.LINK: (lambda p: _pages(_addresses(p), page_key), lambda e: _pages(e.links, page_key)),
    MatchRule.PATH: (
        lambda p: _pages([p.permalink, *p.aliases, *_addresses(p)], path_key),
        lambda e: _pages(e.links, path_key),
    ),
    MatchRule.TIME: (lambda p: _moment(p.title, p.instant), lambda e: _moment(e.title, e.published)),
    MatchRule.DAY: (
        lambda p: _days(p.title, p.instant, [0]),
        lambda e: _days(e.title, e.published, [-1, 0, 1]),
    ),
}


class AdoptedEntries:
    """The entries whose ids were adopted: new posts that match them get their ids."""

    def __init__(self, entries: Iterable[OldEntry] = ()) -> None:
        self.entries = tuple(merge_entries(entries))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def found(self, posts: Sequence[Post], taken: Collection[str]) -> Sequence[MatchedEntry]:
        """The new posts that match these entries, except for ids that are `taken`."""
        if not self.entries:
            return ()
        return match_entries((e for e in self.entries if e.id not in taken), posts, CERTAIN_RULES).found

    def options(self, post: Post) -> set[str]:
        """Every id that `post` could be given."""
        if not self.entries:
            return set()
        keys = ((how, key) for how in CERTAIN_RULES for key in _KEYS[how][0](post))
        return {id for key in keys for id in self._ids_by_key.get(key, ())}

    @cached_property
    def permalinks(self) -> Mapping[str, bool]:
        """For the ids of RSS, whether it called them addresses (isPermaLink of `guid`)."""
        return {e.id: e.is_permalink for e in self.entries if e.is_permalink is not None}

    @cached_property
    def _ids_by_key(self) -> dict[tuple[MatchRule, object], list[str]]:
        found: defaultdict[tuple[MatchRule, object], list[str]] = defaultdict(list)
        for entry in self.entries:
            for how in CERTAIN_RULES:
                for key in _KEYS[how][1](entry):
                    found[how, key].append(entry.id)
        return dict(found)


NOTHING_ADOPTED = AdoptedEntries()


_SHAPES: tuple[Callable[[str], str], ...] = (
    lambda permalink: permalink,
    lambda permalink: permalink.rstrip("/"),
    lambda permalink: re.sub(r"\.html?$", "", permalink),
    lambda permalink: permalink.strip("/"),
    lambda permalink: permalink.rstrip("/") + "/",
)

MIN_EXAMPLES = 2
"""How many entries must agree before the pattern of their ids is used for other posts."""


def derive_older_entries(found: Sequence[MatchedEntry], others: Iterable[Post]) -> list[OldEntry]:
    """Entries for older posts, which a feed no longer lists but feed readers know. If all ids of the feed are
    made from permalinks by one pattern ("https://example.org" and the permalink without its last slash), the
    ids of `others` are made the same way; otherwise there are none.
    """
    pairs = [(one.entry.id, one.post.permalink) for one in found if one.how in CERTAIN_RULES]
    if len(pairs) < MIN_EXAMPLES:
        return []
    for shape in _SHAPES:
        prefixes = {id.removesuffix(shape(permalink)) for id, permalink in pairs}
        fits = all(shape(permalink) and id.endswith(shape(permalink)) for id, permalink in pairs)
        if fits and len(prefixes) == 1:
            prefix = prefixes.pop()
            named = [(shape(post.permalink), post) for post in others]
            return [
                OldEntry(
                    id=prefix + name,
                    links=(post.base_url,),
                    title=post.title,
                    published=post.instant,
                    post=post.path,
                    derived=True,
                )
                for name, post in named
                if name
            ]
    return []


class ExportState(StrEnum):
    """Whether a post was public on the old platform."""

    PUBLISHED = "published"
    SCHEDULED = "scheduled"
    DRAFT = "draft"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPicture:
    """A post's feature image: its address as the export has it, "" for none."""

    url: str = ""
    alt: str = ""
    caption: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPost:
    """One post. `id` is its id in the old feeds; `url` its old address, absolute or a path from the root of
    the blog; `html` its body. `restricted` says who could read it where that was not everybody ("members",
    "password"), else "".
    """

    id: str
    slug: str
    title: str
    html: str
    url: str = ""
    state: ExportState = ExportState.PUBLISHED
    restricted: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    excerpt: str = ""
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    picture: ExportedPicture = ExportedPicture()


@dataclass(frozen=True, slots=True, kw_only=True)
class BlogExport:
    """A whole export: its posts, oldest first. `others` counts what is no post, by kind ("page": 3).
    `attachments` are the addresses of uploaded files by the id that galleries name.
    """

    posts: tuple[ExportedPost, ...]
    title: str = ""
    url: str = ""
    others: Mapping[str, int] = field(default_factory=dict[str, int])
    attachments: Mapping[str, str] = field(default_factory=dict[str, str])
