"""Keeps the ids that feed readers already know: of posts that came from another blog, of posts published
before the store was lost, and of posts whose files were renamed.

Adopting gives posts the ids they had in the feed of the blog before it moved to Publisher:

    fetch_feed -> core.publishing.adoption.match_entries -> adopted.json -> the ids of the log

It may stop between any two steps: new posts take their ids from the file, and adopting again finds the same.

Recovery reads the feeds under public/ when the store is new, to learn what was published before.

Renames are detected by comparing the bodies of vanished posts with those of new files. Bodies are read only
if a plan has both, so other publishes cost nothing more.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

from publisher.core.errors import PublisherError, Refused
from publisher.core.feeds.feed import FeedFormat
from publisher.core.posts.post import ParsedPost, Post, WaitReason, wait_reason
from publisher.core.publishing.adoption import (
    Adoption,
    MatchedEntry,
    OldEntry,
    OldFeed,
    derive_older_entries,
    host_of,
    match_entries,
    merge_entries,
)
from publisher.core.publishing.log import LogHead, LogKind, PublishedPost
from publisher.core.publishing.matching import (
    RenameVerdict,
    ShingledText,
    Verdicts,
    has_comparable_body,
    matched_by_body_alone,
    may_share_template,
    rename_candidates,
    rename_verdict,
    shingled_text,
)
from publisher.core.publishing.plan import Plan, RecoveredFeeds, changes_of_kind
from publisher.ports import Progress, Store
from publisher.services.deps import Adapters, Deps
from publisher.services.feeds.feeds import feed_path

MAX_PAGES = 200
"""The most documents of one feed that are fetched."""

FEED_SUFFIXES = frozenset({".xml", ".atom", ".rss", ".rdf", ".json"})
"""What the names of feed files end in."""

MAX_ARCHIVES = 10_000
"""The most archive documents of one feed under public/ that are read."""

RECOVERY_FORMATS = (FeedFormat.JSON, FeedFormat.ATOM, FeedFormat.RSS)
"""The formats to read, best first: JSON Feed keeps ids unchanged and has the time of each update."""

NEARBY_POSTS = 1000
"""How many posts before and after one in the log are compared, to find a series with the same template."""

Pair = tuple[PublishedPost, Post]
"""A post whose file vanished, and a new file that may be its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchedFeed:
    """What was read from `source`, in how many documents (`pages`), and why reading stopped early, if it
    did.
    """

    source: str
    title: str
    pages: int
    entries: tuple[OldEntry, ...]
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdoptionPlan:
    """What adopting would do. `derived` are entries made for older posts that the feed no longer has;
    `renamed` maps the ids of posts in the log from old to new; `refused` are entries whose id another post
    already has.
    """

    adoption: Adoption
    derived: tuple[OldEntry, ...]
    entries: tuple[OldEntry, ...]
    renamed: Mapping[str, str]
    refused: tuple[MatchedEntry, ...]


def fetch_feed(adapters: Adapters, source: str, progress: Progress) -> FetchedFeed:
    """Reads a feed from a file, from all feeds in a folder, or from a URL together with the older documents
    it links to. A web page at the URL is searched for its feed. Raises Refused, OutputError.
    """
    if "://" not in source:
        if Path(source).is_dir():
            return _read_folder(adapters, source, progress)
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            do = "name a file, or an address that begins with https://"
            raise Refused(source, f"cannot be read ({error.strerror})", do) from error
        feed = adapters.feed_reader().feed(data, source)
        more = f"{source} names older entries at {feed.older}: adopt that address too" if feed.older else ""
        return FetchedFeed(source=source, title=feed.title, pages=1, entries=feed.entries, problem=more)
    trusted = {host_of(source)}
    url, data = adapters.http_client().get(source, trusted)
    head = data[:1000].lower()
    is_page = b"<!doctype html" in head or b"<html" in head
    if linked := adapters.feed_reader().related(data, url) if is_page else "":
        url, data = adapters.http_client().get(linked, trusted)
    return _fetch_older(adapters, source, adapters.feed_reader().feed(data, url), trusted, progress)


def _read_folder(adapters: Adapters, folder: str, progress: Progress) -> FetchedFeed:
    """Every feed in a folder and the folders below it: archives, pages, or a copy of an old site. Other files
    are left out. Raises Refused: there is no feed.
    """
    pages: list[OldFeed] = []
    files = [file for file in sorted(Path(folder).rglob("*")) if file.suffix.lower() in FEED_SUFFIXES]
    for number, file in enumerate(files, 1):
        with suppress(Refused, OSError):  # a folder, a sitemap, or data of another kind
            pages.append(adapters.feed_reader().feed(file.read_bytes(), str(file)))
        progress("reading feeds", number, len(files))
    if not pages:
        what = f"there is no feed in it ({', '.join(sorted(FEED_SUFFIXES))})"
        raise Refused(folder, what, "name the folder that holds the old feeds")
    newest_first = sorted(pages, key=_newest, reverse=True)
    entries = tuple(entry for page in newest_first for entry in page.entries)
    return FetchedFeed(source=folder, title=newest_first[0].title, pages=len(pages), entries=entries)


def _newest(feed: OldFeed) -> datetime:
    """When the newest entry of a feed was published."""
    never = datetime.min.replace(tzinfo=UTC)
    return max((entry.published or never for entry in feed.entries), default=never)


def _fetch_older(
    adapters: Adapters, source: str, first: OldFeed, trusted: set[str], progress: Progress
) -> FetchedFeed:
    """Follows links to older documents. If one fails, what was read before is kept."""
    pages, seen, problem, older = [first], {source}, "", first.older
    while older and older not in seen and not problem:
        seen.add(older)
        progress("fetching feeds", len(pages), 0)
        try:
            if len(pages) == MAX_PAGES:
                raise Refused(source, f"has more than {MAX_PAGES} documents", f"adopt {older} too")
            url, data = adapters.http_client().get(older, trusted)
            pages.append(adapters.feed_reader().feed(data, url))
            older = pages[-1].older
        except PublisherError as error:
            problem = str(error)
    entries = tuple(entry for page in pages for entry in page.entries)
    return FetchedFeed(source=source, title=first.title, pages=len(pages), entries=entries, problem=problem)


def plan_adoption(
    adapters: Adapters, new: Sequence[OldEntry], now: datetime, progress: Progress
) -> AdoptionPlan:
    """Matches entries adopted before and `new` ones with posts. Writes nothing. Raises SourceError,
    StoreError, SettingsError.
    """
    posts = [item.post for item in adapters.source().scan(progress) if isinstance(item, ParsedPost)]
    entries = [entry for entry in merge_entries([*adapters.adopted_ids.entries(), *new]) if not entry.derived]
    public = [post for post in posts if wait_reason(post, now) is None]
    waiting = [post for post in posts if wait_reason(post, now) in (WaitReason.FUTURE, WaitReason.EXPIRED)]
    # Public posts match first, so that a draft copied from a post does not take its id.
    first = match_entries(entries, public)
    second = match_entries(first.unmatched, waiting)
    adoption = Adoption(
        found=(*first.found, *second.found),
        ambiguous=(*first.ambiguous, *second.ambiguous),
        unmatched=second.unmatched,
    )
    derived = _derived_entries(adoption, public)
    renamed, refused = _renamed_posts(adapters.store, adoption.found, derived)
    matched = [replace(found.entry, post=found.post.path) for found in adoption.found]
    rest = [*(entry for entry, _ in adoption.ambiguous), *adoption.unmatched]
    never = datetime.min.replace(tzinfo=UTC)
    in_order = sorted([*matched, *derived, *rest], key=lambda entry: (entry.published or never, entry.id))
    return AdoptionPlan(
        adoption=adoption,
        derived=tuple(derived),
        entries=tuple(in_order),
        renamed=renamed,
        refused=refused,
    )


def apply_adoption(adapters: Adapters, plan: AdoptionPlan) -> None:
    """Writes the file, then the log. Idempotent. Raises OutputError, StoreError."""
    if list(adapters.adopted_ids.entries()) != list(plan.entries):
        adapters.adopted_ids.save(plan.entries)
    if plan.renamed:
        adapters.store.rename_posts(plan.renamed)


def _derived_entries(adoption: Adoption, public: Sequence[Post]) -> Sequence[OldEntry]:
    """Entries with ids derived by the pattern of the others, for posts that the old feed must have had once
    because they are no newer than its newest entry.
    """
    matched = {found.post.path for found in adoption.found}
    newest = max((found.post.instant for found in adoption.found if found.post.instant), default=None)
    older = [
        post
        for post in public
        if post.path not in matched
        and not post.explicit_id
        and newest is not None
        and post.instant is not None
        and post.instant <= newest
    ]
    return derive_older_entries(adoption.found, older)


def _renamed_posts(
    store: Store, found: Sequence[MatchedEntry], derived: Sequence[OldEntry]
) -> tuple[dict[str, str], tuple[MatchedEntry, ...]]:
    """The ids that change in the log, old to new, and the entries whose id another post has."""
    known = store.all_posts()
    path_of = {k.id: k.post.path for k in known}
    id_at = {k.post.path: k.id for k in known}
    wanted = {it.post.path: it.entry.id for it in found} | {entry.post: entry.id for entry in derived}
    renamed = {id_at[path]: id for path, id in wanted.items() if path in id_at and id_at[path] != id}
    refused = tuple(it for it in found if path_of.get(it.entry.id, it.post.path) != it.post.path)
    return {old: new for old, new in renamed.items() if new not in path_of}, refused


def recover_history(deps: Deps, head: LogHead) -> RecoveredFeeds:
    """What was published before, according to the feeds and archives under public/. Empty if there are none,
    or if the store has a baseline and therefore knows.
    """
    if head.baseline_at is not None:
        return RecoveredFeeds()
    feeds: list[list[OldEntry]] = []
    for spec in deps.rules.feeds:
        if spec.split_by:
            continue
        paths = (feed_path(deps, spec, name) for name in RECOVERY_FORMATS if name in spec.formats)
        path = next((path for path in paths if deps.adapters.public_folder.standing(path)), "")
        if path:
            feeds.append(_feed_history(deps, path))
    feeds.sort(key=len, reverse=True)  # a whole feed decides the order before a part of it
    return RecoveredFeeds([entry for feed in feeds for entry in feed])


def _feed_history(deps: Deps, path: str) -> list[OldEntry]:
    """A feed's entries by first publication, from the end of the oldest archive on."""
    pages: list[OldFeed] = []
    seen: set[str] = set()
    while path and path not in seen and len(seen) < MAX_ARCHIVES:
        seen.add(path)
        data = deps.adapters.public_folder.read(path)
        if not data:
            break
        try:
            pages.append(deps.adapters.feed_reader().feed(data, path))
        except Refused:
            break
        older = pages[-1].older
        url = older.removeprefix(deps.rules.site.public_url)
        path = unquote(url) if url != older else ""
    return [entry for page in reversed(pages) for entry in reversed(page.entries)]


def rename_verdicts(
    adapters: Adapters, plan: Plan, known: Sequence[PublishedPost], posts: Sequence[Post]
) -> Verdicts:
    """Compares the bodies of each pair that `plan`, made from `known` and `posts`, left open or matched by an
    equal body alone. Raises SourceError, StoreError.
    """
    pairs = _pairs_to_compare(plan, known, posts)
    if not pairs:
        return {}
    olds = {k.id: k for k, _ in pairs}
    news = {post.path: post for _, post in pairs}
    bodies = adapters.store.bodies({k.post.body_hash for k in olds.values()})
    old_texts = {
        id: shingled_text(bodies[k.post.body_hash]) for id, k in olds.items() if k.post.body_hash in bodies
    }
    new_texts = _new_texts(adapters, news)
    readable = [(k, post) for k, post in pairs if k.id in old_texts and post.path in new_texts]
    close = [
        (k, post)
        for k, post in readable
        if rename_verdict(k.post, post, (old_texts[k.id], new_texts[post.path]), crowded=False)
        is not RenameVerdict.OTHER
    ]
    crowded = _in_a_series(adapters.store, close, old_texts, new_texts)
    return {
        (k.id, post.path): rename_verdict(
            k.post,
            post,
            (old_texts[k.id], new_texts[post.path]),
            crowded=(k.id, post.path) in crowded,
        )
        for k, post in readable
    }


def _pairs_to_compare(plan: Plan, known: Sequence[PublishedPost], posts: Sequence[Post]) -> list[Pair]:
    """Vanished posts with new files, except renames that `plan` is sure of by more than an equal body."""
    moved = {move.new: move.id for move in plan.renamed}
    paths = {post.path for post in posts}
    by_id = {k.id: k for k in known}
    by_body = {
        p.path for p in posts if p.path in moved and matched_by_body_alone(p, by_id[moved[p.path]].post)
    }
    certain = {id for path, id in moved.items() if path not in by_body}
    new = {change.post.path for change in changes_of_kind(plan, LogKind.PUBLISHED)} | by_body
    fresh = [post for post in posts if post.path in new and has_comparable_body(post)]
    vanished = [
        k for k in known if k.post.path not in paths and k.id not in certain and has_comparable_body(k.post)
    ]
    return list(rename_candidates(vanished, fresh))


def _new_texts(adapters: Adapters, news: Mapping[str, Post]) -> dict[str, ShingledText]:
    """The texts of new files by path: from the store if this publish keeps bodies, otherwise from the
    files.
    """
    bodies = adapters.store.bodies({post.body_hash for post in news.values()})
    texts = {path: shingled_text(bodies[p.body_hash]) for path, p in news.items() if p.body_hash in bodies}
    for reading in adapters.source().read_many([path for path in news if path not in texts], {}):
        if isinstance(reading.result, ParsedPost):
            texts[reading.stat.path] = shingled_text(reading.result.body)
    return texts


def _in_a_series(
    store: Store,
    close: Sequence[Pair],
    old_texts: Mapping[str, ShingledText],
    new_texts: Mapping[str, ShingledText],
) -> set[tuple[str, str]]:
    """The (id, path) of pairs whose new body shares a template with a third: another vanished post, another
    new file, or a post near the old one in the log.
    """
    found: set[tuple[str, str]] = set()
    for k, post in close:
        others = [other for id, other in old_texts.items() if id != k.id]
        others += [other for path, other in new_texts.items() if path != post.path]
        if any(may_share_template(new_texts[post.path], other) for other in others):
            found.add((k.id, post.path))
    for k, post in close:
        if (k.id, post.path) in found:
            continue
        nearby = store.bodies_near(k.first_seq, NEARBY_POSTS)
        if any(
            id != k.id and may_share_template(new_texts[post.path], shingled_text(body))
            for id, body in nearby
        ):
            found.add((k.id, post.path))
    return found
