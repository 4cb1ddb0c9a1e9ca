"""Adopt: the ids of the feed that a blog has already, for the posts that are its entries.

    fetch -> read -> core.adopting.adopt -> adopted.json -> the ids of the log

Nothing is half-way: what is in the file names new posts, and adopting again finds the same.

Recovering: the feeds under public/, read back when the store is new.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from publisher.core.errors import PublisherError, Refused
from publisher.core.posts.post import ParsedPost, Post, WaitReason, why_not
from publisher.core.publishing.adoption import (
    Adoption,
    MatchedEntry,
    OldEntry,
    OldFeed,
    adopt,
    derive,
    host_of,
    merged,
)
from publisher.core.publishing.log import LogHead
from publisher.core.publishing.recovery import Recovered
from publisher.services.deps import Deps
from publisher.services.feeds.feeds import feed_path

PAGES = 200
"""How many documents of one feed are followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What was read: from where, how many documents, and why not more, "" where that is all."""

    source: str
    title: str
    pages: int
    entries: tuple[OldEntry, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What adopting would do. `derived` are posts that the feed names no more; `renamed` are posts of the
    log whose id changes, old to new; `refused` are entries whose id another post has already.
    """

    adoption: Adoption
    derived: tuple[OldEntry, ...]
    entries: tuple[OldEntry, ...]
    renamed: Mapping[str, str]
    refused: tuple[MatchedEntry, ...]


def fetch(parts: Deps, source: str) -> Fetched:
    """The feed at a URL with the older documents that it names, or in a file. Of a web page, the feed that
    it names. Raises Refused, OutputError.
    """
    if "://" not in source:
        feed = parts.reader().feed(_file(source), source)
        more = f"{source} names older entries at {feed.older}: adopt that address too" if feed.older else ""
        return Fetched(source=source, title=feed.title, pages=1, entries=feed.entries, problem=more)
    trusted = {host_of(source)}
    where, data = parts.web().get(source, trusted)
    if related := parts.reader().related(data, where) if _is_page(data) else "":
        where, data = parts.web().get(related, trusted)
    return _followed(parts, source, parts.reader().feed(data, where), trusted)


def _followed(parts: Deps, source: str, first: OldFeed, trusted: set[str]) -> Fetched:
    """The documents one after the other, as long as each names an older one; what was read stays read."""
    pages, seen, problem, older = [first], {source}, "", first.older
    while older and older not in seen and not problem:
        seen.add(older)
        try:
            if len(pages) == PAGES:
                raise Refused(source, f"has more than {PAGES} documents", f"adopt {older} too")
            where, data = parts.web().get(older, trusted)
            pages.append(parts.reader().feed(data, where))
            older = pages[-1].older
        except PublisherError as error:
            problem = str(error)
    entries = tuple(entry for page in pages for entry in page.entries)
    return Fetched(source=source, title=first.title, pages=len(pages), entries=entries, problem=problem)


def propose(parts: Deps, new: Sequence[OldEntry], now: datetime) -> Proposal:
    """What these entries are here. Writes nothing. Raises SourceError, StoreError, SettingsError."""
    posts = [item.post for item in parts.source().scan() if isinstance(item, ParsedPost)]
    entries = merged([*parts.adoptions.entries(), *new])
    entries = [entry for entry in entries if not entry.derived]
    seen = [post for post in posts if why_not(post, now) is None]
    later = [post for post in posts if why_not(post, now) in (WaitReason.FUTURE, WaitReason.EXPIRED)]
    adoption = _adopt(entries, seen, later)
    taken = {found.post.path for found in adoption.found}
    derived = derive(adoption.found, [p for p in seen if p.path not in taken and _was_there(p, adoption)])
    named = [replace(found.entry, post=found.post.path) for found in adoption.found] + derived
    renamed, refused = _renamed(parts, adoption.found, derived)
    rest = [*(entry for entry, _ in adoption.ambiguous), *adoption.unmatched]
    return Proposal(
        adoption=adoption,
        derived=tuple(derived),
        entries=tuple(sorted([*named, *rest], key=_newest_last)),
        renamed=renamed,
        refused=refused,
    )


def carry_out(parts: Deps, proposal: Proposal) -> None:
    """Writes the file, then the log; done again it changes nothing. Raises OutputError, StoreError."""
    if list(parts.adoptions.entries()) != list(proposal.entries):
        parts.adoptions.save(proposal.entries)
    if proposal.renamed:
        parts.store.rename(proposal.renamed)


def _file(source: str) -> bytes:
    try:
        return Path(source).read_bytes()
    except OSError as error:
        do = "name a file, or an address that begins with https://"
        raise Refused(source, f"cannot be read ({error.strerror})", do) from error


def _is_page(data: bytes) -> bool:
    head = data[:1000].lower()
    return b"<!doctype html" in head or b"<html" in head


def _adopt(entries: Sequence[OldEntry], seen: Sequence[Post], others: Sequence[Post]) -> Adoption:
    """Posts that readers may see come first: a draft made from a post does not take its place."""
    first = adopt(entries, seen)
    then = adopt(first.unmatched, others)
    return Adoption(
        found=(*first.found, *then.found),
        ambiguous=(*first.ambiguous, *then.ambiguous),
        unmatched=then.unmatched,
    )


def _was_there(post: Post, adoption: Adoption) -> bool:
    """Whether the feed of before had it once: it is not younger than its newest entry, nor named already."""
    newest = max((found.post.instant for found in adoption.found if found.post.instant), default=None)
    return not post.explicit_id and newest is not None and post.instant is not None and post.instant <= newest


def _renamed(
    parts: Deps, found: Sequence[MatchedEntry], derived: Sequence[OldEntry]
) -> tuple[dict[str, str], tuple[MatchedEntry, ...]]:
    """The posts of the log that get another id, and the entries whose id is another post's."""
    known = parts.store.known()
    ids = {k.id: k.post.path for k in known}
    at = {k.post.path: k.id for k in known}
    wanted = {it.post.path: it.entry.id for it in found} | {entry.post: entry.id for entry in derived}
    renamed = {at[path]: id for path, id in wanted.items() if path in at and at[path] != id}
    refused = tuple(it for it in found if ids.get(it.entry.id, it.post.path) != it.post.path)
    return {old: new for old, new in renamed.items() if new not in ids}, refused


def _newest_last(entry: OldEntry) -> tuple[datetime, str]:
    return (entry.published or datetime.min.replace(tzinfo=UTC), entry.id)


SOURCES = ("json", "atom", "rss")
"""Which format is asked first: JSON Feed has ids as they are, and when an entry changed."""

DOCUMENTS = 10_000
"""How many archive documents are followed."""


def recovered(parts: Deps, head: LogHead) -> Recovered:
    """What the feeds that stand under public/ say, archives and all; nothing where none stands, or the store
    has a baseline: then it is the store that knows."""
    if head.baseline_at is not None:
        return Recovered()
    feeds = [_history(parts, path) for path in _paths(parts)]
    feeds.sort(key=len, reverse=True)  # the order of the whole before that of a part
    return Recovered([entry for feed in feeds for entry in feed])


def _paths(parts: Deps) -> Iterable[str]:
    """One document for each feed that is not split: the best of its formats that stands."""
    for spec in parts.feeds:
        if getattr(spec, "split_by", None):
            continue
        formats = [name for name in SOURCES if name in spec.formats]
        there = (feed_path(parts, spec, name) for name in formats)
        yield from [path for path in there if parts.shelf.standing(path)][:1]


def _history(parts: Deps, path: str) -> list[OldEntry]:
    """A feed's entries in the order of first publication: the oldest archive first, each from its end."""
    pages: list[OldFeed] = []
    seen: set[str] = set()
    while path and path not in seen and len(seen) < DOCUMENTS:
        seen.add(path)
        page = _read(parts, path)
        if page is None:
            break
        pages.append(page)
        url = page.older.removeprefix(parts.site.public_url)
        path = unquote(url) if url != page.older else ""
    return [entry for page in reversed(pages) for entry in reversed(page.entries)]


def _read(parts: Deps, path: str) -> OldFeed | None:
    data = parts.shelf.read(path)
    try:
        return parts.reader().feed(data, path) if data else None
    except Refused:
        return None
