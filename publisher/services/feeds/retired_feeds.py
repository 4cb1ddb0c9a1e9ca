"""Feeds that are no longer in publisher.toml, or stand elsewhere now, while people follow the old address.

The store remembers the feeds of the last publish. Where settings stop naming an address, its documents are
written on, as they were, until an operator decides what its followers find there: `feeds move` (301) or
`feeds end` (410). Nothing announces them meanwhile. What an older version left behind is only named.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from publisher.core.feeds.documents import may_be_feed, read_feed
from publisher.core.feeds.feed import PART_PLACEHOLDER, FeedSpec
from publisher.core.posts.filters import PostFilter, TermKind, feed_part_name
from publisher.services.deps import Deps
from publisher.services.feeds.documents import ARCHIVE_FOLDER, DocumentSpec, remove_documents
from publisher.services.feeds.feeds import current_feeds, feed_documents, feed_path
from publisher.services.feeds.pages import feed_page
from publisher.services.posts.content import Finding

FEEDS = "feeds"
"""Key of the record in the store: all feeds as of the last publish, including retired ones, and documents
that an older version left behind.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiredFeed:
    """A feed with documents (`paths` under public/) at addresses that the settings no longer name. `spec` is
    what they are made of; None if that is not known, and they are not written any more. `slug` is its slug,
    "" if a feed of the settings has it or it is not known: then each path is decided by itself.
    """

    spec: FeedSpec | None
    paths: tuple[str, ...]
    slug: str = ""

    @property
    def finding(self) -> Finding:
        """What to tell the operator."""
        shown, name = ", ".join(self.paths), self.slug or self.paths[0]
        each = " (and so on for each)" if not self.slug and len(self.paths) > 1 else ""
        do = f"`publisher feeds move {name} NEW` or `publisher feeds end {name}`{each}"
        what = f"{shown}: no feed in publisher.toml has this address any more"
        if self.spec is None:
            reason = f"{what}, and its followers get nothing new; decide with {do}"
            return Finding(path="publisher.toml", line=0, reason=reason, error=False)
        keep = f'; to keep it, add [[feeds]] with slug = "{self.slug}"' if self.slug else ""
        reason = f"{what}; it is kept up to date until you decide with {do}{keep}"
        return Finding(path="publisher.toml", line=0, reason=reason, error=True)


def subscription_paths(deps: Deps, spec: FeedSpec) -> list[str]:
    """The documents that people follow of a feed, or of each part of a split one."""
    names = [""]
    if spec.split_by:
        states = deps.adapters.store.feed_states()
        names = sorted(feed_part_name(part) for feed, part in states if feed == spec.slug and part)
    return [feed_path(deps, spec, format, name) for name in names for format in spec.formats]


def retired_feeds(deps: Deps) -> list[RetiredFeed]:
    """The retired feeds that still wait for `feeds move` or `feeds end`, in their former order."""
    before = _remembered(deps)
    if before is None:
        return _left_behind(deps)
    feeds, left = before
    current = {address for spec in deps.rules.feeds for address in _addresses(deps, spec)}
    stopped = [spec for spec in feeds if not _addresses(deps, spec) <= current]
    if not stopped and not left:
        return []
    followed = _undecided(deps)
    retired: list[RetiredFeed] = []
    for spec in stopped:
        paths = [path for path in subscription_paths(deps, spec) if path in followed]
        followed -= {*paths}
        if paths:
            gone = all(spec.slug != now.slug for now in deps.rules.feeds)
            slug = spec.slug if gone else ""
            retired.append(RetiredFeed(spec=_continued(deps, spec), paths=tuple(paths), slug=slug))
    return retired + [RetiredFeed(spec=None, paths=(path,)) for path in left if path in followed]


def retired_documents(
    deps: Deps, retired: Sequence[RetiredFeed], taken: Collection[str]
) -> list[DocumentSpec]:
    """The documents of retired feeds, not yet made, except those whose paths are `taken`: a page too, where
    its feed has gone from the settings.
    """
    specs = tuple(feed.spec for feed in retired if feed.spec is not None)
    if not specs:
        return []
    former = replace(deps, rules=replace(deps.rules, feeds=specs))
    feeds = current_feeds(former)
    found = [document for feed in feeds for document in feed_documents(former, feed)]
    found += [feed_page(former, feed, ()) for feed in feeds]
    return [document for document in found if document.path not in taken]


def remember_feeds(deps: Deps, retired: Sequence[RetiredFeed]) -> None:
    """Remembers the feeds of this publish, those retired included, and removes the pages of feeds that are
    neither.
    """
    before = _remembered(deps)
    kept = [feed.spec for feed in retired if feed.spec is not None]
    specs = [*deps.rules.feeds, *kept]
    left = [path for feed in retired if feed.spec is None for path in feed.paths]
    if before is not None:
        slugs = {spec.slug for spec in specs}
        over = [spec for spec in before[0] if spec.slug not in slugs]
        pages = [page for spec in over for page in feed_page_paths(deps, spec)]
        remove_documents(deps, sorted(deps.adapters.store.documents().keys() & {*pages}) if pages else [])
    fact = json.dumps({"feeds": [_as_json(spec) for spec in specs], "left": left}, ensure_ascii=False)
    if deps.adapters.store.meta(FEEDS) != fact:
        deps.adapters.store.set_meta(FEEDS, fact)


def feed_page_paths(deps: Deps, spec: FeedSpec) -> list[str]:
    """The pages of a feed: SLUG.html, or of a split one SLUG/index.html and SLUG/VALUE.html."""
    if not spec.split_by:
        return [f"{spec.slug}.html"]
    states = deps.adapters.store.feed_states()
    names = [feed_part_name(part) for feed, part in states if feed == spec.slug and part]
    return [f"{spec.slug}/index.html", *(f"{spec.slug}/{name}.html" for name in names)]


def _addresses(deps: Deps, spec: FeedSpec) -> set[str]:
    """The paths of a feed, with a placeholder for the parts of a split one."""
    return {feed_path(deps, spec, format, PART_PLACEHOLDER) for format in spec.formats}


def _undecided(deps: Deps) -> set[str]:
    """The documents that nobody moved or ended and that no feed of the settings writes."""
    store = deps.adapters.store
    current = {path for spec in deps.rules.feeds for path in subscription_paths(deps, spec)}
    asked = deps.adapters.feed_redirects.moves()
    decided = {move.path for move in (store.all_redirects() if asked is None else asked)}
    return set(store.documents()) - current - decided


def _continued(deps: Deps, spec: FeedSpec) -> FeedSpec:
    """A feed as it is written at its old addresses: as it was, or if only they changed, as it is now."""
    now = next((one for one in deps.rules.feeds if one.slug == spec.slug), None)
    if now is None or now.split_by != spec.split_by:
        return spec
    return replace(now, formats=spec.formats, paths=spec.paths)


def _left_behind(deps: Deps) -> list[RetiredFeed]:
    """The documents of feeds in a store of an older version, which remembers no feeds."""
    found: list[RetiredFeed] = []
    for path in sorted(_undecided(deps)):
        if may_be_feed(path) and not path.startswith(ARCHIVE_FOLDER):
            data = deps.adapters.public_folder.read(path)
            if data is not None and read_feed(data) is not None:
                found.append(RetiredFeed(spec=None, paths=(path,)))
    return found


def _remembered(deps: Deps) -> tuple[list[FeedSpec], list[str]] | None:
    """The feeds of the last publish, and the documents that an older version left behind; None if an older
    version made the last one.
    """
    fact = deps.adapters.store.meta(FEEDS)
    if not fact:
        return None
    value: dict[str, Any] = json.loads(fact)
    known = deps.adapters.formats
    return [_from_json(one, known) for one in value["feeds"]], value["left"]


def _as_json(spec: FeedSpec) -> dict[str, Any]:
    return asdict(spec) | {"paths": dict(spec.paths), "split_by": spec.split_by and spec.split_by.value}


def _from_json(value: Mapping[str, Any], known: Iterable[str]) -> FeedSpec:
    where = PostFilter(**{kind: tuple(values) for kind, values in value["where"].items()})
    split_by = TermKind(value["split_by"]) if value["split_by"] else None
    formats = tuple(name for name in value["formats"] if name in known)
    read: dict[str, Any] = {**value, "formats": formats, "where": where, "split_by": split_by}
    return FeedSpec(**read)
