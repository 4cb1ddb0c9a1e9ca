"""Taking over the ids of the feed that a blog has already, so that a move makes no old post new.

An entry of that feed is a post of ours by the file it is said to be, by its link, by the path of its link on
another host, or by title and time. What fits several is ambiguous, and left to the author.

Addresses: when two are the same page, whatever a generator, a host or a campaign made of them; and parts
of those that a person or a feed gave, which may be no addresses at all.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from urllib.parse import parse_qsl, unquote, urlencode, urljoin, urlsplit

from publisher.core.patterns import lazy
from publisher.core.posts.post import Post

_TRACKING = lazy(r"utm_\w+|mc_(cid|eid)|fbclid|gclid|dclid|msclkid|igshid|yclid|_hsenc|_hsmi|ref|ref_src")
_INDEX = lazy(r"(?:^|/)index\.(?:html?|php)$")
_SUFFIX = lazy(r"\.html?$")


def host_of(url: str) -> str:
    """The host of a URL; "" where it has none, or is none (such as "http://[x")."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def join_url(base: str, reference: str) -> str:
    """A reference as a URL, resolved against `base`; "" where it is none."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return ""


def page_key(url: str) -> str:
    """A name for the page at `url`, with its host; "" where it is no address of the web."""
    host, path = _parts(url)
    return f"{host}{path}" if host else ""


def path_key(url: str) -> str:
    """A name for the page at `url` on any host, or of a path; "" for a start page."""
    host, path = _parts(url)
    return path if host or url.startswith("/") else ""


def _parts(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url.strip())
        host, port = (parts.hostname or "").removeprefix("www."), parts.port
    except ValueError:
        return "", ""
    if parts.scheme not in ("http", "https", ""):
        return "", ""
    where = host if port in (None, 80, 443) else f"{host}:{port}"
    return where, _path(parts.path) + _query(parts.query)


def _path(path: str) -> str:
    plain = unicodedata.normalize("NFC", unquote(path))
    names = [name for name in _INDEX.sub("", plain).split("/") if name]
    return "".join(f"/{name}" for name in names[:-1]) + (f"/{_SUFFIX.sub('', names[-1])}" if names else "")


def _query(query: str) -> str:
    pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if not _TRACKING.fullmatch(pair[0])]
    return f"?{urlencode(sorted(pairs))}" if pairs else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OldEntry:
    """An entry as readers know it. `id` is what they tell it by; `links` are its addresses, best first;
    `title` is plain text. `post` is the file that it became, relative to posts.dir, "" where nobody said so.
    `derived`: no feed named it; its id follows the rule of the others.
    """

    id: str
    links: tuple[str, ...] = ()
    title: str = ""
    published: datetime | None = None
    updated: datetime | None = None
    post: str = ""
    derived: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OldFeed:
    """A page of a feed: its entries in its order, and where older ones are, "" where nowhere."""

    entries: tuple[OldEntry, ...]
    title: str = ""
    older: str = ""


class MatchRule(StrEnum):
    """By what an entry was known again, the surest first."""

    FILE = "file"
    LINK = "link"
    PATH = "path of the link"
    TIME = "title and time"
    DAY = "title and day"


CERTAIN_RULES = (MatchRule.FILE, MatchRule.LINK, MatchRule.PATH, MatchRule.TIME)
"""What suffices without anybody looking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedEntry:
    """An entry and the post that it is."""

    entry: OldEntry
    post: Post
    how: MatchRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What became of the entries. `ambiguous` have the files they may be; `unmatched` are like none."""

    found: tuple[MatchedEntry, ...] = ()
    ambiguous: tuple[tuple[OldEntry, tuple[str, ...]], ...] = ()
    unmatched: tuple[OldEntry, ...] = ()


def match_entries(
    entries: Iterable[OldEntry], posts: Iterable[Post], hows: Sequence[MatchRule] = tuple(MatchRule)
) -> Adoption:
    """Pairs entries with posts: each rule takes what is one of each, and leaves the rest to the next."""
    left = {entry.id: entry for entry in merge_entries(entries)}
    free = {post.path: post for post in posts}
    found: dict[str, MatchedEntry] = {}
    unsure: dict[str, tuple[str, ...]] = {}
    for how in hows:
        options = _options(how, left.values(), free.values())
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
    """Each id once, where it stands first, with the links of all."""
    once: dict[str, OldEntry] = {}
    for entry in entries:
        first = once.get(entry.id)
        if first is None:
            once[entry.id] = entry
        else:
            links = tuple(dict.fromkeys((*first.links, *entry.links)))
            once[entry.id] = replace(first, links=links, post=first.post or entry.post)
    return list(once.values())


def _options(
    how: MatchRule, entries: Iterable[OldEntry], posts: Iterable[Post]
) -> dict[str, tuple[str, ...]]:
    of_post, of_entry = _KEYS[how]
    at: defaultdict[object, list[str]] = defaultdict(list)
    for post in posts:
        for key in set(of_post(post)):
            at[key].append(post.path)
    return {
        entry.id: tuple(sorted({path for key in set(of_entry(entry)) for path in at.get(key, ())}))
        for entry in entries
    }


def _addresses(post: Post) -> list[str]:
    """Where a post may be found: its own page, where readers are sent, and where it was before."""
    root = post.base_url.removesuffix(post.permalink)
    return [post.url, post.base_url, *(root + alias for alias in post.aliases)]


def _paths(post: Post) -> list[str]:
    return [post.permalink, *post.aliases, *_addresses(post)]


def _pages(urls: Iterable[str], key: Callable[[str], str]) -> Iterable[str]:
    return filter(None, map(key, urls))


_WORDS = re.compile(r"[\W_]+")


def _title(text: str) -> str:
    """Its words: generators set quotation marks, dashes and dots as they like."""
    return _WORDS.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold() or text.strip()


def _moment(title: str, at: datetime | None) -> Iterable[object]:
    return [(_title(title), at.replace(microsecond=0))] if at else []


def _days(title: str, at: datetime | None, reach: Iterable[int]) -> Iterable[object]:
    """A time without a zone is read by many in another one."""
    return [(_title(title), (at + timedelta(days=n)).date()) for n in reach] if at and title.strip() else []


_Keys = tuple[Callable[[Post], Iterable[object]], Callable[[OldEntry], Iterable[object]]]
"""What a post and an entry have in common when they are one."""

_KEYS: dict[MatchRule, _Keys] = {
    MatchRule.FILE: (lambda post: [post.path], lambda entry: [entry.post] if entry.post else []),
    MatchRule.LINK: (lambda p: _pages(_addresses(p), page_key), lambda e: _pages(e.links, page_key)),
    MatchRule.PATH: (lambda p: _pages(_paths(p), path_key), lambda e: _pages(e.links, path_key)),
    MatchRule.TIME: (lambda p: _moment(p.title, p.instant), lambda e: _moment(e.title, e.published)),
    MatchRule.DAY: (
        lambda p: _days(p.title, p.instant, [0]),
        lambda e: _days(e.title, e.published, [-1, 0, 1]),
    ),
}


class AdoptedEntries:
    """The entries whose ids were taken over, as new posts are named by them."""

    def __init__(self, entries: Iterable[OldEntry] = ()) -> None:
        self.entries = tuple(merge_entries(entries))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def found(self, posts: Sequence[Post], taken: Collection[str]) -> Sequence[MatchedEntry]:
        """The new posts that are such entries; ids in `taken` are given away already."""
        if not self.entries:
            return ()
        return match_entries((e for e in self.entries if e.id not in taken), posts, CERTAIN_RULES).found

    def options(self, post: Post) -> set[str]:
        """Every id that `post` might be given."""
        if not self.entries:
            return set()
        keys = ((how, key) for how in CERTAIN_RULES for key in _KEYS[how][0](post))
        return {id for named in keys for id in self._index.get(named, ())}

    @cached_property
    def _index(self) -> dict[tuple[MatchRule, object], list[str]]:
        found: defaultdict[tuple[MatchRule, object], list[str]] = defaultdict(list)
        for entry in self.entries:
            for how in CERTAIN_RULES:
                for key in _KEYS[how][1](entry):
                    found[how, key].append(entry.id)
        return dict(found)


NOTHING_ADOPTED = AdoptedEntries()


# --- the rule of a feed's ids

_SHAPES: tuple[Callable[[str], str], ...] = (
    lambda permalink: permalink,
    lambda permalink: permalink.rstrip("/"),
    lambda permalink: re.sub(r"\.html?$", "", permalink),
    lambda permalink: permalink.strip("/"),
    lambda permalink: permalink.rstrip("/") + "/",
)

MIN_EXAMPLES = 2
"""How many entries a rule is seen from."""


def derive_older_entries(found: Sequence[MatchedEntry], others: Iterable[Post]) -> list[OldEntry]:
    """A feed names its newest posts only, and readers know the older ones too. Where all its ids are made of
    permalinks in one way ("https://example.org" and the permalink without its slash), so are those of
    `others`; none where they are not.
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
            return [_derived(prefix + name, post) for name, post in named if name]
    return []


def _derived(id: str, post: Post) -> OldEntry:
    return OldEntry(
        id=id, links=(post.base_url,), title=post.title, published=post.instant, post=post.path, derived=True
    )
